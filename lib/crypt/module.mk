# One source per library that does the work; crypt.h is what the rest sees.
HOST_SRC += $(wildcard lib/crypt/*.c)
