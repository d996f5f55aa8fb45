TOOLS      += nvsgen
nvsgen_SRC := $(wildcard nvsgen/*.c)
nvsgen_PC  := nettle
UNIT_PC    += $(nvsgen_PC)
MAN        += man/nvsgen.1 man/fctry-batch.5
