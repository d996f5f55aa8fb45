# Tests and the virtual board only. zlib: the ROM loader's deflated blocks.
SIM_SRC += $(wildcard lib/sim/*.c)
UNIT_PC += zlib
