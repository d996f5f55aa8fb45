TOOLS       += provcli
provcli_SRC := $(wildcard provcli/*.c)
provcli_PC  := libcurl
MAN         += man/provcli.1
