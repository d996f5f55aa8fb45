# What the chips' own compilers make of the freestanding code: `make device`. RISC-V (ESP32-C3 and
# its like) compiles all of it, the ESP8266's compiler what the firmware there is made of
# (firmware/port/sources.cmake). Nothing is linked: that is ESP-IDF's (firmware/README.md).
DEVICE_SRC := $(filter %.c,$(shell tr -d '()' <firmware/port/sources.cmake))
DEVICE_CFLAGS := -std=c11 -Ilib -I. -Wall -Wextra -Werror -Os -ffunction-sections -fdata-sections -fstack-usage

RV32_CC  ?= riscv64-unknown-elf-gcc
LX106_CC ?= xtensa-lx106-elf-gcc
# Debian has no C library for the ESP8266; of picolibc's headers none that is used here knows RISC-V.
LX106_INC ?= /usr/lib/picolibc/riscv64-unknown-elf/include

RV32_OBJ  := $(patsubst %.c,$(B)/rv32/%.o,$(CORE_SRC) $(OUTLET_SRC))
LX106_OBJ := $(patsubst %.c,$(B)/lx106/%.o,$(DEVICE_SRC))

# uint32_t is long there, which is as wide as int: only what goes onto a chip must say so.
$(RV32_OBJ): DEVICE_WARN = -Wno-format
$(patsubst %.c,$(B)/rv32/%.o,$(DEVICE_SRC)): DEVICE_WARN =
$(B)/rv32/%.o: %.c mk/device.mk
	@mkdir -p $(@D)
	$(call say,RV32,$<)
	$(Q)$(RV32_CC) -march=rv32imc -mabi=ilp32 --specs=picolibc.specs $(DEVICE_CFLAGS) $(DEVICE_WARN) -MMD -MP -c $< -o $@
$(B)/lx106/%.o: %.c mk/device.mk
	@mkdir -p $(@D)
	$(call say,LX106,$<)
	$(Q)$(LX106_CC) -mlongcalls -isystem $(LX106_INC) $(DEVICE_CFLAGS) -MMD -MP -c $< -o $@
-include $(RV32_OBJ:.o=.d) $(LX106_OBJ:.o=.d)

.PHONY: device device-rv32 device-lx106 device-facts
device: device-rv32 device-lx106
device-rv32: $(RV32_OBJ)
device-lx106: $(LX106_OBJ)
device-facts:
	@echo 'DEVICE_SRC="$(DEVICE_SRC)"'
	@echo 'RV32_CC="$(RV32_CC)" LX106_CC="$(LX106_CC)"'
