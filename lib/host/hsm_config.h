/*
 * Where a signing key is inside a hardware security module, as espsecure's --hsm-config has it
 * (espsecure 4.8.1, 5.2.0): an INI file with a section [hsm_config].
 *
 *      pkcs11_lib    path of the PKCS#11 library
 *      slot          number of the slot, decimal
 *      label         of the private key
 *      credentials   PIN of the user; may be absent
 *      label_pubkey  of the public key; may be absent, and is not needed here: the pair has one id
 */
#ifndef HOST_HSM_CONFIG_H
#define HOST_HSM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/file.h"

struct hsm_config {
        char *module;
        uint64_t slot;
        char *label;
        bool has_pin;
        struct blob pin; /* ends in a zero that does not count */
};

/*
 * Read text. -E_SYNTAX with line and column: a line that is none, an option twice, a "%" that is
 * not doubled (it would stand for another option's value, which is not supported), text that goes
 * on in the next line; -E_NOTFOUND: the section or an option is missing; -E_RANGE: slot is no
 * number. Free with hsm_config_free in any case.
 */
int hsm_config_read(const struct blob *text, struct hsm_config *c, struct diag *d);

/* The PIN is wiped. */
void hsm_config_free(struct hsm_config *c);

#endif
