TOOLS       += provcli
provcli_SRC := $(wildcard provcli/*.c)
provcli_PC  := libcurl sqlite3 nettle
MAN         += man/provcli.1
