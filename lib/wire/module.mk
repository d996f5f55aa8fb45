# What goes over a wire. The loader's protocol and attributes also run on the device: freestanding.
CORE_SRC += $(wildcard lib/wire/slip.c lib/wire/romldr_*.c lib/wire/att*.c lib/wire/ble_*.c lib/wire/selftest.c lib/wire/wpa_*.c)

# Unified provisioning is hosted: its messages are protobuf-c's; so is the reader of boot logs.
HOST_SRC += $(wildcard lib/wire/prov_*.c lib/wire/bootlog.c)
PROTO    += lib/wire/prov.proto
