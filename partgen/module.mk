TOOLS       += partgen
partgen_SRC := $(wildcard partgen/*.c)
MAN         += man/partgen.1
