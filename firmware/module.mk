# What runs on the virtual board, as the files that an ESP-IDF build makes: `make firmware`.
FW_OUT     ?= $(B)/firmware#             where the files go
FW_VERSION ?= 1.0.0#                     in the app descriptors
FW_CHIP    ?= esp32c3#                   or esp32
FW_DRIVER  ?= firmware/core/driver.c#    of the outlet: the one file of your own product
FW_CONFIG  ?= firmware/outlet/config.h#  of outlet and blink: credentials for bring-up, URLs …
FW_FLASH_ENC ?= off#                     the bootloader switches flash encryption on: development, release
FW_V1_KEY  ?=#                           ESP32, secure boot version 1: public key to verify apps with
FW_APP     ?= outlet#                    the app in flasher_args.json
FW_APPS    := outlet hello blink
FW_CHIP_ID := $(if $(filter esp32,$(FW_CHIP)),0,5)
FW_BOOT_AT := $(if $(filter esp32,$(FW_CHIP)),0x1000,0x0)
FW_PACK    := $(B)/fw/pack $(if $(FW_V1_KEY),--verification-key $(FW_V1_KEY))
# Up to the partition table, less a sector for signatures.
FW_BOOT_ROOM := $(if $(filter esp32,$(FW_CHIP)),0x6000,0x7000)
FW_TABLE   := samples/outlet/partitions.csv
FW_FILES   := $(addprefix $(FW_OUT)/,bootloader.bin partition-table.bin ota_data_initial.bin \
              flasher_args.json $(FW_APPS:%=%.bin))
EXTRA_BINS += $(FW_FILES)

# Its own objects: small, and never with sanitizers or counters, which do not fit below 0x8000.
FW_CFLAGS  = -std=c11 -Ilib -I. $(WARN) $(if $(WERROR),-Werror) -Os -ffunction-sections -fdata-sections \
             -fno-asynchronous-unwind-tables -DCRC32_STEP=1 $(HOST_CFLAGS)
FW_LDFLAGS := -s -Wl,--gc-sections -Wl,--as-needed -Wl,-z,noseparate-code -Wl,--build-id=none
FW_LIBS    := -lmosquitto -lcurl -lmicrohttpd -lssl -lcrypto -lmbedx509 -lmbedcrypto -lprotobuf-c
FW_LIB_SRC := $(filter-out lib/crypt/crypt_psa.c,$(wildcard lib/base/*.c lib/fmt/*.c lib/crypt/*.c lib/wire/prov_*.c)) lib/wire/selftest.c \
              $(wildcard lib/wire/att*.c lib/wire/wpa_*.c) lib/wire/ble_ad.c lib/host/ble.c lib/host/wpa_ctrl.c \
              $(filter-out %/driver.c,$(wildcard firmware/core/*.c)) \
              lib/host/payload.c lib/host/file.c \
              $(filter-out %/main.c,$(wildcard firmware/port/common/*.c firmware/port/linux/*.c))
FW_LIB     := $(B)/fw/libfirmware.a
FW_OBJ     := $(patsubst %.c,$(B)/fw/%.o,$(FW_LIB_SRC) firmware/port/linux/main.c \
              $(wildcard firmware/bootloader/*.c firmware/hello/*.c) firmware/blink/driver.c)

.PHONY: firmware
firmware: $(FW_FILES)

$(FW_OBJ): $(B)/fw/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(FW_CFLAGS) -MMD -MP -c $< -o $@
-include $(FW_OBJ:.o=.d)

# Messages, as in mk/rules.mk.
$(filter $(B)/fw/lib/wire/prov_%.o,$(FW_OBJ)): FW_CFLAGS += -I$(B)/gen
$(filter $(B)/fw/lib/wire/prov_%.o,$(FW_OBJ)): | $(B)/gen/prov.pb-c.c
$(B)/fw/gen/prov.pb-c.o: $(B)/gen/prov.pb-c.c $(B)/.flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(FW_CFLAGS) -w -c $< -o $@

$(FW_LIB): $(FW_LIB_SRC:%.c=$(B)/fw/%.o) $(B)/fw/gen/prov.pb-c.o
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^

# The outlet is its main file, with a configuration, and a driver; blink is the same with another
# driver, those of the tests with other configurations.
FW_TEST_ELFS := $(B)/fw/bringup.elf $(B)/fw/lonely.elf
$(B)/fw/.settings: force
	@mkdir -p $(@D)
	@echo '$(FW_CONFIG) $(FW_DRIVER)' | cmp -s - $@ || echo '$(FW_CONFIG) $(FW_DRIVER)' > $@
FW_MAIN_OBJ := $(B)/fw/outlet.o $(B)/fw/bringup.o $(B)/fw/lonely.o
$(B)/fw/outlet.o: FW_MAIN_CONFIG = $(FW_CONFIG)
$(B)/fw/bringup.o: FW_MAIN_CONFIG = samples/outlet/bringup.h
$(B)/fw/lonely.o: FW_MAIN_CONFIG = tests/tools/lonely.h
$(FW_MAIN_OBJ): firmware/outlet/outlet.c $(B)/.flags $(B)/fw/.settings
	$(call say,CC,$@)
	$(Q)$(CC) $(FW_CFLAGS) -DFW_CONFIG='"$(FW_MAIN_CONFIG)"' -MMD -MP -c $< -o $@
$(B)/fw/driver.o: $(FW_DRIVER) $(B)/.flags $(B)/fw/.settings
	$(call say,CC,$@)
	$(Q)$(CC) $(FW_CFLAGS) -MMD -MP -c $< -o $@
-include $(FW_MAIN_OBJ:.o=.d) $(B)/fw/driver.d

$(B)/fw/bootloader.elf: $(patsubst %.c,$(B)/fw/%.o,$(wildcard firmware/bootloader/*.c))
$(FW_APPS:%=$(B)/fw/%.elf) $(FW_TEST_ELFS): $(B)/fw/firmware/port/linux/main.o
$(B)/fw/outlet.elf: $(B)/fw/outlet.o $(B)/fw/driver.o
$(B)/fw/blink.elf: $(B)/fw/outlet.o $(B)/fw/firmware/blink/driver.o
$(FW_TEST_ELFS): %.elf: %.o $(B)/fw/driver.o
$(B)/fw/hello.elf: $(patsubst %.c,$(B)/fw/%.o,$(wildcard firmware/hello/*.c))
$(B)/fw/%.elf: $(FW_LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(FW_LDFLAGS) $(LDFLAGS) -pthread -o $@ $(filter %.o,$^) $(FW_LIB) $(FW_LIBS)

# The packer is a program of the build, not a tool.
$(B)/fw/pack: $(B)/firmware/pack/main.o $(B)/libfctry-host.a $(B)/libfctry-core.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -pthread -o $@ $(call group,$^) $(BASE_LIBS) -lz
-include $(B)/firmware/pack/main.d

# Packed again when version or chip is another one.
$(FW_OUT)/.version: force
	@mkdir -p $(@D)
	@echo '$(FW_VERSION) $(FW_CHIP) $(FW_APP) $(FW_FLASH_ENC) $(FW_V1_KEY)' | cmp -s - $@ || echo '$(FW_VERSION) $(FW_CHIP) $(FW_APP) $(FW_FLASH_ENC) $(FW_V1_KEY)' > $@

$(FW_OUT)/bootloader.bin: $(B)/fw/bootloader.elf $(B)/fw/pack $(FW_OUT)/.version
	$(call say,PACK,$@)
	$(Q)$(FW_PACK) --bootloader --deflate --flash-encryption $(FW_FLASH_ENC) --chip-id $(FW_CHIP_ID) --room $(FW_BOOT_ROOM) -o $@ $<

$(FW_APPS:%=$(FW_OUT)/%.bin): $(FW_OUT)/%.bin: $(B)/fw/%.elf $(B)/fw/pack $(FW_OUT)/.version
	$(call say,PACK,$@)
	$(Q)$(if $(filter hello,$*),$(B)/fw/pack,$(FW_PACK)) --app-version $(FW_VERSION) --chip-id $(FW_CHIP_ID) --project $* -o $@ $<

$(FW_OUT)/partition-table.bin: $(FW_TABLE) $(B)/bin/partgen $(FW_OUT)/.version
	$(call say,TABLE,$@)
	$(Q)$(B)/bin/partgen --quiet $< $@

# Erased: the bootloader takes the first slot.
$(FW_OUT)/ota_data_initial.bin: $(FW_OUT)/.version
	$(Q)head -c 8192 /dev/zero | tr '\0' '\377' > $@

$(FW_OUT)/flasher_args.json: firmware/flasher_args.json $(FW_OUT)/.version
	$(Q)sed 's/@APP@/$(FW_APP)/; s/@CHIP@/$(FW_CHIP)/; s/@BOOT@/$(FW_BOOT_AT)/' $< > $@
