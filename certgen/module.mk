TOOLS       += certgen
certgen_SRC := $(wildcard certgen/*.c)
certgen_PC  := openssl sqlite3 libqrencode libpng p11-kit-1
UNIT_PC     += $(certgen_PC)
MAN         += man/certgen.1 man/fctry-profile.5

# p11-kit's headers live in a folder of their own
P11_CFLAGS  := $(shell $(PKG_CONFIG) --cflags p11-kit-1 2>/dev/null)
HOST_CFLAGS += $(P11_CFLAGS)
