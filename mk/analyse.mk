# Slow looks at the code, not part of `check`: static analysers, valgrind, coverage.
ANALYSE_SRC = $(CORE_SRC) $(OUTLET_SRC) $(HOST_SRC) $(SIM_SRC) $(foreach t,$(TOOLS),$($t_SRC))

.PHONY: analyse cppcheck clang-tidy check-valgrind
analyse: cppcheck clang-tidy

# ctuuninitvar takes every context that an init function fills for uninitialised
cppcheck: $(PROTO_C) $(B)/gen/line_page.h
	cppcheck -q -j$(shell nproc) --std=c11 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=ctuuninitvar --library=mk/cppcheck.cfg -Ilib -I. -I$(B)/gen $(ANALYSE_SRC)

# protobuf-c's own header does not pass. A file at a time: one that takes too long is named and stops nothing.
TIDY_SECONDS ?= 300
clang-tidy: $(PROTO_C) $(B)/gen/line_page.h
	printf '%s\n' $(sort $(ANALYSE_SRC)) | xargs -P$(shell nproc) -n1 sh -c 'timeout $(TIDY_SECONDS) clang-tidy --quiet "$$1" -- \
		-std=c11 -Ilib -I. -isystem $(B)/gen $(HOST_CFLAGS) 2>/dev/null || { echo "clang-tidy: $$1: status $$?"; exit 1; }' _

# The command-line tests with every tool under valgrind: TESTS names others.
TESTS ?= $(filter-out tests/cli/install.sh tests/cli/vboard.sh tests/cli/flasher.sh,$(sort $(wildcard tests/cli/*.sh)))
check-valgrind: check-build
	@BIN=$(abspath $(B))/bin O=$(abspath $(B)) MAKE='$(MAKE)' CC='$(CC)' bash tests/valgrind.sh $(TESTS)
