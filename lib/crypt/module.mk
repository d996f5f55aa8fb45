# For a device with Mbed TLS 4; tests/unit/crypt_psa_test.c includes it.
CRYPT_OTHER := lib/crypt/crypt_psa.c
# One source per library that does the work; crypt.h is what the rest sees.
HOST_SRC += $(filter-out $(CRYPT_OTHER),$(wildcard lib/crypt/*.c))
