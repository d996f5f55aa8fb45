# What belongs to the user (?=) and what is ours (ALL_*).
ifeq ($(origin CC),default)
CC := gcc
endif
CC         ?= gcc
AR         ?= ar
CFLAGS     ?= -O2 -g
LDFLAGS    ?=
PKG_CONFIG ?= pkg-config
PREFIX     ?= /usr/local
DESTDIR    ?=

# A variant is a directory.
O ?= build$(if $(SAN),-san)$(if $(COV),-cov)
B := $(O)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
        -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wno-missing-field-initializers
ALL_CFLAGS  = -std=c11 -Ilib -I. $(WARN) $(if $(WERROR),-Werror) $(VARIANT_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(VARIANT_CFLAGS) -Wl,--as-needed $(LDFLAGS)

# Hosted code may use POSIX, GNU and threads; the core may use nothing (mk/lint.mk proves it).
HOST_CFLAGS = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -pthread
# (gcc 12 warns of sign conversions in its own shifts once UBSan has rewritten them)
CORE_CFLAGS = -ffreestanding -Wconversion $(if $(SAN),,-Wsign-conversion) -fno-common

VARIANT_CFLAGS :=
ifdef SAN
VARIANT_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ifdef COV
VARIANT_CFLAGS += --coverage -O0 -fprofile-update=atomic -include mk/cov.h# threads count together
endif

# Lists that the modules append to.
CORE_SRC :=#     freestanding: lib/base, lib/fmt, part of lib/wire
OUTLET_SRC :=#   freestanding: firmware/core
HOST_SRC :=#     hosted libraries: lib/crypt, lib/host, part of lib/wire
PROTO :=#        .proto files of lib/wire
SIM_SRC :=#      lib/sim
CLOUD_SRC :=#    documents of samples/cloud
TOOLS :=#        NAME, with NAME_SRC and NAME_PC (pkg-config names), NAME_LIBS
EXTRA_BINS :=#   other things that `all` builds
MAN :=#          man pages
UNIT_TESTS :=#   tests/unit/*_test.c
SCRIPT_TESTS :=# shell tests
FUZZ_TARGETS :=# fuzz/NAME.c

# Packages that the host archive's objects may need; --as-needed drops what a program does not use.
BASE_LIBS := -lmbedcrypto -lcsv
BASE_PC   := libcjson libprotobuf-c
