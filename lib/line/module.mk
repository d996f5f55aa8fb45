HOST_SRC += $(wildcard lib/line/*.c)
# libpq's header lives in a folder of its own; the library is loaded at run time
PQ_CFLAGS   := $(shell $(PKG_CONFIG) --cflags libpq 2>/dev/null)
HOST_CFLAGS += $(PQ_CFLAGS)
