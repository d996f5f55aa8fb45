TOOLS        += flasher
flasher_SRC  := $(wildcard flasher/*.c)
flasher_PC   := libdeflate zlib libudev sqlite3 libmicrohttpd openssl libqrencode libpng p11-kit-1 nettle
MAN          += man/flasher.1 man/fctry-job.5 man/fctry-ledger.5 man/fctry-label.5 man/fctry-secure.5
UNIT_PC      += libdeflate zlib libmicrohttpd
