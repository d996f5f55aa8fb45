CORE_SRC += $(wildcard lib/base/*.c)
