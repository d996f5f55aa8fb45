/* Files of NVS encryption keys and of eFuse HMAC keys. Failures name the file in d. */
#ifndef HOST_NVS_KEYFILE_H
#define HOST_NVS_KEYFILE_H

#include <stdint.h>

#include "base/diag.h"
#include "fmt/nvs_crypt.h"

/* Read a key partition or a bare 64-byte key; errors as nvs_keys_parse and file_load. */
int nvs_keyfile_load(const char *path, struct nvs_keys *k, struct diag *d);

/* Read an HMAC key: exactly NVS_HMAC_KEY_LEN raw bytes, as they are burned into an eFuse block
 * (else -E_KEY). */
int nvs_hmac_keyfile_load(const char *path, uint8_t key[NVS_HMAC_KEY_LEN], struct diag *d);

/*
 * Write a key partition, or a raw HMAC key, with mode 0600; folders are made. A file that holds
 * another key is never overwritten (-E_EXISTS): it may be the only copy that opens shipped devices.
 */
int nvs_keyfile_save(const char *path, const struct nvs_keys *k, struct diag *d);
int nvs_hmac_keyfile_save(const char *path, const uint8_t key[NVS_HMAC_KEY_LEN], struct diag *d);

#endif
