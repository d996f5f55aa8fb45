# fctry-tools. `make help` lists the goals; every directory's module.mk only appends to lists.
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

include mk/config.mk
include $(sort $(wildcard lib/*/module.mk) $(wildcard */module.mk) $(wildcard firmware/*/module.mk))
include mk/rules.mk
include mk/fuzz.mk
include mk/test.mk
include mk/lint.mk
include mk/device.mk
include mk/install.mk
include mk/analyse.mk

.PHONY: all help clean demo bench deps
all: $(TOOL_BINS) $(EXTRA_BINS)

help:
	@echo 'make             build all tools into $(B)/bin'
	@echo 'make demo        install what is missing, build, and run the main job on samples/outlet'
	@echo 'make check       install what is missing, build, and run every test'
	@echo 'make check-radio install QEMU and its like, and provision over Bluetooth and Wi-Fi in a virtual machine'
	@echo 'make bench       measure, as ratios against peers and bare loops, in one table (BENCH=line: one group)'
	@echo 'make device      compile the freestanding code with the chips'\'' compilers'
	@echo 'make lint        headers, include direction, freestanding core, man pages'
	@echo 'make fuzz-NAME   run one fuzz target (FUZZ_SECONDS=60); names:$(foreach f,$(FUZZ_TARGETS), $(f))'
	@echo 'make fuzz-long   all of them, FUZZ_SECONDS=1800 each, resumable (fuzz/run.sh: FUZZ_IDLE=1, FUZZ_JOBS=2); make fuzz-tally shows how far'
	@echo 'make analyse     cppcheck and clang-tidy; make check-valgrind: the command-line tests under valgrind'
	@echo 'make check-fresh the two commands above on an empty Debian 12 (root, debootstrap)'
	@echo 'make deb         a Debian package in dist/'
	@echo 'make install     PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'variables:       O= CC= CFLAGS= SAN=1 COV=1 WERROR=1 V=1'

# Installs the Debian packages that are missing (root or sudo), or prints the one line that would.
deps:
	@sh mk/deps.sh

demo: deps
	@$(MAKE) --no-print-directory all
	@BIN=$(abspath $(B))/bin sh samples/demo.sh

bench: deps
	@$(MAKE) --no-print-directory all $(B)/tests/provdev
	@BIN=$(abspath $(B))/bin O=$(abspath $(B)) CC='$(CC)' bash tests/bench/run.sh

clean:
	rm -rf $(B)
