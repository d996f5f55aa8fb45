# Slow looks at the code, not part of `check`: static analysers, valgrind, coverage.
# All that a Linux compiler can read; the ports to ESP-IDF and to the ESP8266's SDK want the headers of those.
ANALYSE_SRC = $(CORE_SRC) $(OUTLET_SRC) $(HOST_SRC) $(SIM_SRC) $(foreach t,$(TOOLS),$($t_SRC)) \
	$(wildcard firmware/port/common/*.c firmware/port/linux/*.c firmware/bootloader/*.c firmware/hello/*.c firmware/pack/*.c) \
	firmware/blink/driver.c firmware/outlet/outlet.c
ANALYSE_CFLAGS = -std=c11 -Ilib -I. $(HOST_CFLAGS) -DFW_CONFIG="\"$(FW_CONFIG)\""

.PHONY: analyse cppcheck clang-tidy check-valgrind
analyse: cppcheck clang-tidy

# ctuuninitvar takes every context that an init function fills for uninitialised
cppcheck: $(PROTO_C) $(B)/gen/line_page.h
	@cppcheck -q -j$(shell nproc) --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=ctuuninitvar --library=mk/cppcheck.cfg -Ilib -I. -I$(B)/gen $(ANALYSE_SRC)

# protobuf-c's own header does not pass. A file at a time: one that takes too long is named and stops nothing.
TIDY_SECONDS ?= 300
TIDY_JOBS ?= $(shell nproc)
clang-tidy: $(PROTO_C) $(B)/gen/line_page.h
	@printf '%s\n' $(sort $(ANALYSE_SRC)) | xargs -P$(TIDY_JOBS) -n1 sh -c 'timeout $(TIDY_SECONDS) clang-tidy --quiet "$$@" -- \
		-isystem $(B)/gen $(ANALYSE_CFLAGS) 2>/dev/null || { echo "clang-tidy: $$1: status $$?"; exit 1; }' _

# The command-line tests with the tools under valgrind, all but those that run none of $(B)/bin, the mechanism of
# make bench, and every command's help a few times over. TESTS names others.
TESTS ?= $(filter-out $(addprefix tests/cli/,install.sh device_build.sh fuzz_run.sh bench.sh completion.sh),$(sort $(wildcard tests/cli/*.sh)))
check-valgrind: check-build
	@BIN=$(abspath $(B))/bin O=$(abspath $(B)) MAKE='$(MAKE)' CC='$(CC)' bash tests/valgrind.sh $(TESTS)
