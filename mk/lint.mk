# The checks behind `make lint` are in tests/lint.sh; here only what they need to know of the build.
.PHONY: lint lint-facts
lint: all
	@BIN=$(abspath $(B))/bin O=$(abspath $(B)) MAKE='$(MAKE)' CC='$(CC)' bash tests/run tests/lint.sh

lint-facts:
	@echo 'CORE_LIB="$(CORE_LIB)"'
	@echo 'OUTLET_LIB="$(OUTLET_LIB)"'
	@echo 'CORE_SRC="$(CORE_SRC) $(OUTLET_SRC)"'
	@echo 'TOOLS="$(TOOLS)"'
	@echo 'MAN="$(MAN)"'
	@echo 'CORE_FLAGS="-std=c11 -Ilib -I. $(WARN) $(CORE_CFLAGS)"'
	@echo 'HOST_FLAGS="-std=c11 -Ilib -I. $(WARN) $(HOST_CFLAGS)"'
