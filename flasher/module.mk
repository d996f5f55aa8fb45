TOOLS        += flasher
flasher_SRC  := $(wildcard flasher/*.c)
flasher_PC   := libdeflate zlib libudev sqlite3
MAN          += man/flasher.1
UNIT_PC      += libdeflate zlib
