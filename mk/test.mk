# make check: unit, golden, command-line and end-to-end tests, fuzz corpora, lint; sanitizers with SAN=1.
UNIT_TESTS   += $(wildcard tests/unit/*_test.c)
SCRIPT_TESTS += $(sort $(wildcard tests/golden/*.sh tests/cli/*.sh tests/e2e/*.sh))
UNIT_BINS := $(UNIT_TESTS:tests/unit/%.c=$(B)/tests/%)
UNIT_PC   ?=

# The outlet on a port that only tests have: tests/unit/fake_*.c. Programs that do not use it link nothing of it.
FAKE_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/unit/fake_*.c))
$(FAKE_LIB): $(FAKE_OBJ)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^
-include $(FAKE_OBJ:.o=.d)

$(B)/tests/%: $(B)/tests/unit/%.o $(FAKE_LIB) $(CLOUD_LIB) $(OUTLET_LIB) $(SIM_LIB) $(HOST_LIB) $(CORE_LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pthread -o $@ $(call group,$(filter %.o,$^) $(filter %.a,$^)) $(call pc_libs,cmocka $(UNIT_PC) $(BASE_PC)) $(UNIT_LIBS) $(BASE_LIBS)
-include $(UNIT_TESTS:%.c=$(B)/%.d)
# Before the archives, so that theirs are not taken.
$(B)/tests/blink_test: $(B)/firmware/blink/driver.o
POWERCUT_OBJ := $(B)/firmware/port/linux/kv.o $(B)/firmware/port/linux/ota.o
$(B)/tests/outlet_powercut_test: $(POWERCUT_OBJ)
-include $(B)/firmware/blink/driver.d $(POWERCUT_OBJ:.o=.d)
# fake_kernel.c in the kernel's place
$(B)/tests/ble_test $(B)/tests/prov_ble_test: UNIT_LIBS += $(foreach f,socket bind connect listen getsockopt,-Wl,--wrap=$f)

# Programs that only tests start: tests/tools/NAME.c.
TEST_TOOLS := $(patsubst tests/tools/%.c,$(B)/tests/%,$(wildcard tests/tools/*.c))
TEST_TOOLS_PC := libmicrohttpd sqlite3 nettle
$(B)/tests/provdev: TEST_TOOLS_WRAP := -Wl,--wrap=prov_device_request# so that a device can misbehave
PORT_OBJ := $(B)/firmware/port/linux/prov_httpd.o $(B)/firmware/port/linux/prov_ble.o
$(TEST_TOOLS): $(B)/tests/%: $(B)/tests/tools/%.o $(PORT_OBJ) $(SIM_LIB) $(HOST_LIB) $(CORE_LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(TEST_TOOLS_WRAP) -pthread -o $@ $(call group,$^) $(call pc_libs,$(TEST_TOOLS_PC) $(BASE_PC)) $(BASE_LIBS)
-include $(TEST_TOOLS:$(B)/tests/%=$(B)/tests/tools/%.d) $(PORT_OBJ:.o=.d)

.PHONY: check check-run
# Everything that a test may start is built first; then the runner counts.
check: deps
	@$(MAKE) --no-print-directory check-build
	@$(MAKE) --no-print-directory check-run

.PHONY: check-build
check-build: all $(UNIT_BINS) $(TEST_TOOLS) $(REPLAY_BINS) $(FW_TEST_ELFS)

check-run:
	@BIN=$(abspath $(B))/bin O=$(abspath $(B)) SAN='$(SAN)' MAKE='$(MAKE)' CC='$(CC)' bash tests/run \
		$(UNIT_BINS) $(REPLAY_BINS) $(if $(COV),,tests/lint.sh) $(SCRIPT_TESTS)

# What is fast enough before every commit: unit tests, corpora, lint.
.PHONY: check-run-quick
check-run-quick: check-build
	@BIN=$(abspath $(B))/bin O=$(abspath $(B)) SAN='$(SAN)' MAKE='$(MAKE)' CC='$(CC)' bash tests/run \
		$(UNIT_BINS) $(REPLAY_BINS) tests/lint.sh

# Provisioning over real Bluetooth and Wi-Fi stacks in a virtual machine; `check` runs it too where its
# packages are installed.
.PHONY: check-radio
check-radio: deps
	@sh mk/deps.sh packages-radio.txt
	@$(MAKE) --no-print-directory check-build
	@BIN=$(abspath $(B))/bin O=$(abspath $(B)) SAN='$(SAN)' bash tests/run tests/e2e/radio.sh

.PHONY: cov
cov:
	@$(MAKE) --no-print-directory COV=1 check
	@mkdir -p build-cov/report
	gcovr -r . --object-directory build-cov --filter 'lib/' --print-summary -o build-cov/report/coverage.txt
	@cat build-cov/report/coverage.txt
