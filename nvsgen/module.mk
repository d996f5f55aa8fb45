TOOLS      += nvsgen
nvsgen_SRC := $(wildcard nvsgen/*.c)
MAN        += man/nvsgen.1
