# Tests and the virtual board only.
SIM_SRC += $(wildcard lib/sim/*.c)
