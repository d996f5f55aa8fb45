# fuzz/NAME.c + fuzz/corpus/NAME/: replayed by `make check` with the ordinary compiler,
# run by `make fuzz-NAME` with clang's libFuzzer and sanitizers.
FUZZ_TARGETS += $(patsubst fuzz/%_fuzz.c,%,$(wildcard fuzz/*_fuzz.c))
REPLAY_BINS  := $(FUZZ_TARGETS:%=$(B)/fuzz/%_replay)
FUZZ_SECONDS ?= 60
FB := build-fuzz
FUZZ_LIBS = $(FAKE_LIB) $(CLOUD_LIB) $(OUTLET_LIB) $(SIM_LIB) $(HOST_LIB) $(CORE_LIB)

$(B)/fuzz/%_replay: $(B)/fuzz/%_fuzz.o $(B)/fuzz/replay.o $(FUZZ_LIBS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pthread -o $@ $(call group,$^) $(call pc_libs,$(UNIT_PC) $(BASE_PC)) $(UNIT_LIBS) $(BASE_LIBS)

$(B)/fuzz/%_fuzzer: $(B)/fuzz/%_fuzz.o $(FUZZ_LIBS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -pthread -o $@ $(call group,$^) $(call pc_libs,$(UNIT_PC) $(BASE_PC)) $(UNIT_LIBS) $(BASE_LIBS)

-include $(FUZZ_TARGETS:%=$(B)/fuzz/%_fuzz.d)

# What the fuzzer finds new goes to build-fuzz/corpus; findings to build-fuzz/findings.
fuzz-%:
	@$(MAKE) --no-print-directory O=$(FB) CC=clang CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
		LDFLAGS='-fsanitize=address,undefined' $(FB)/fuzz/$*_fuzzer
	@mkdir -p $(FB)/corpus/$* $(FB)/findings fuzz/corpus/$*
	$(FB)/fuzz/$*_fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix=$(FB)/findings/$*- $(FB)/corpus/$* fuzz/corpus/$*
