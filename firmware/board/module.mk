# vboard: the virtual board.
TOOLS      += vboard
vboard_SRC := $(wildcard firmware/board/*.c)
vboard_SIM := 1
vboard_PC  := zlib
MAN        += man/vboard.1
