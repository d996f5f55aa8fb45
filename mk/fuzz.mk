# fuzz/NAME.c + fuzz/corpus/NAME/: replayed by `make check` with the ordinary compiler,
# run by `make fuzz-NAME` and `make fuzz-long` with clang's libFuzzer and sanitizers.
FUZZ_TARGETS += $(patsubst fuzz/%_fuzz.c,%,$(wildcard fuzz/*_fuzz.c))
REPLAY_BINS  := $(FUZZ_TARGETS:%=$(B)/fuzz/%_replay)
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

-include $(FUZZ_TARGETS:%=$(B)/fuzz/%_fuzz.d) $(B)/fuzz/replay.d

# fuzz/run.sh counts processor seconds into a tally and keeps what is found new: FUZZ_DIR.
FUZZ_DIR  ?= build/fuzz-long
fuzz_make = $(MAKE) --no-print-directory O=$(FB) CC=clang CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
	LDFLAGS='-fsanitize=address,undefined'
fuzz_run = FB=$(FB) FUZZ_DIR='$(FUZZ_DIR)' FUZZ_SLICE='$(FUZZ_SLICE)' FUZZ_JOBS='$(FUZZ_JOBS)' FUZZ_IDLE='$(FUZZ_IDLE)' FUZZ_BUILD='$(FUZZ_BUILD)' \
	bash fuzz/run.sh

fuzz-%:
	+@$(fuzz_make) $(FB)/fuzz/$*_fuzzer
	@$(fuzz_run) once $(or $(FUZZ_SECONDS),60) $*

.PHONY: fuzz-long fuzz-tally fuzz-min
fuzz-long:
	+@$(fuzz_make) $(FUZZ_TARGETS:%=$(FB)/fuzz/%_fuzzer)
	@$(fuzz_run) long $(or $(FUZZ_SECONDS),1800) $(FUZZ_TARGETS)
fuzz-tally:
	@$(fuzz_run) tally $(FUZZ_TARGETS)
fuzz-min:
	+@$(fuzz_make) $(FUZZ_TARGETS:%=$(FB)/fuzz/%_fuzzer)
	@$(fuzz_run) min $(FUZZ_TARGETS)
