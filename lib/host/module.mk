HOST_SRC += $(wildcard lib/host/*.c)
