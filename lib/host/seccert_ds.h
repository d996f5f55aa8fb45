/*
 * RSA keys for the digital signature peripheral: the key encrypted for one chip's HMAC key, as
 * entries of an esp_secure_cert partition. Source: configure_ds.py of esp_secure_cert_mgr (git
 * 2296511) and the Technical Reference Manuals' chapter on the peripheral.
 */
#ifndef HOST_SECCERT_DS_H
#define HOST_SECCERT_DS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/diag.h"

#define SECCERT_HMAC_KEY     32u
#define SECCERT_DS_IV        16u
#define SECCERT_DS_CONTEXT_N 8u
#define SECCERT_SEC_CFG_N    40u
#define SECCERT_DS_MAX       1604u /* bytes: 4 + iv + ciphertext of the chips with 4096 bits */

/* What a chip's peripherals can do; NULL: no such chip in this project. */
struct seccert_chip {
        const char *name;
        unsigned rsa_bits; /* longest RSA key of the DS peripheral; 0: it has none */
        bool ecdsa;        /* it has an ECDSA peripheral with keys in eFuse */
        unsigned keys;     /* eFuse key blocks: ids 0 … keys-1 */
};
const struct seccert_chip *seccert_chip_find(const char *name);
extern const char seccert_chip_words[]; /* all names, for messages */

/*
 * Parameters of key, encrypted with what the peripheral derives from hmac_key. out holds
 * SECCERT_DS_MAX bytes; returns how many are used. -E_TYPE: no RSA key; -E_RANGE: a length that the
 * chip does not take (multiples of 1024 bits up to its longest).
 */
int seccert_ds_data(const struct seccert_chip *chip, EVP_PKEY *key,
                    const uint8_t hmac_key[SECCERT_HMAC_KEY], const uint8_t iv[SECCERT_DS_IV],
                    uint8_t *out, struct diag *d);

/* Which eFuse key, how many bits. */
void seccert_ds_context(unsigned efuse_id, unsigned bits, uint8_t out[SECCERT_DS_CONTEXT_N]);
/* Which eFuse key the ECDSA peripheral signs with. */
void seccert_sec_cfg(unsigned efuse_id, uint8_t out[SECCERT_SEC_CFG_N]);

#endif
