# The outlet: freestanding, above the core archive and below a port.
OUTLET_SRC += $(wildcard firmware/core/*.c)
MAN        += man/fctry-console.5
