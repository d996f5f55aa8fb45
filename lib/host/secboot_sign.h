/*
 * Images signed and verified on the host: secure boot version 2 and 1, with keys from files or
 * tokens (OpenSSL). The blocks themselves are fmt/secboot.h's.
 */
#ifndef HOST_SECBOOT_SIGN_H
#define HOST_SECBOOT_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/diag.h"
#include "fmt/secboot.h"
#include "host/file.h"

#define SECBOOT_POINT 64u /* version 1: X and Y of a P-256 key, big endian */

/* The public half of a key as blocks hold it. -E_TYPE: no scheme takes such a key. */
int secboot_key_of(EVP_PKEY *key, struct secboot_key *out, struct diag *d);

/*
 * A public key from a public or a private key in PEM or DER; name is for messages. -E_STATE: an
 * encrypted private key; -E_FORMAT. Returned: EVP_PKEY_free.
 */
int secboot_public_decode(const char *name, const struct blob *in, EVP_PKEY **out, struct diag *d);
int secboot_public_load(const char *path, EVP_PKEY **out, struct diag *d);

/* A new key for a scheme. Returned: EVP_PKEY_free. */
int secboot_key_make(enum secboot_scheme s, EVP_PKEY **out, struct diag *d);

/* What eFuses hold of a public key of version 2. */
int secboot_digest_of(EVP_PKEY *key, uint8_t out[SECBOOT_KEY_DIGEST], struct diag *d);

/* X and Y of a P-256 key (version 1). -E_TYPE. */
int secboot_point_of(EVP_PKEY *key, uint8_t out[SECBOOT_POINT], struct diag *d);

struct secboot_order {
        EVP_PKEY *const *keys;         /* borrowed: private, or public where signatures are given */
        const struct blob *signatures; /* made elsewhere (RSA: big endian; ECDSA: DER), one a key;
                                          NULL: sign with the keys */
        size_t count;
        bool append;     /* to the signatures that are there */
        bool replace;    /* them */
        bool no_padding; /* the sector follows the data wherever they end */
};

/*
 * The image with its signature sector. *signatures: how many blocks it has then. out is returned
 * (blob_free). Every signature is verified before this returns. Errors: -E_TYPE (a key no scheme
 * takes), -E_NOSPACE (more than three signatures), -E_EXISTS (it is signed already and neither
 * append nor replace was said), -E_RANGE (signatures from elsewhere need whole sectors),
 * -E_VERIFY (such a one is not of this key over this image).
 */
int secboot_sign(const struct blob *image, const struct secboot_order *o, struct blob *out,
                 unsigned *signatures, struct diag *d);

/*
 * The blocks of a signed image, in order up to the first that is none, with what is behind each:
 * bad: -E_XXX and the reason in why, 0 for a good one.
 */
struct secboot_found {
        enum secboot_scheme scheme;
        uint8_t digest[SECBOOT_KEY_DIGEST]; /* of its key */
        int bad;
        struct diag why;
};
/* Returns how many were found (0 to SECBOOT_BLOCKS) or -E_TRUNC, -E_RANGE: not whole sectors. */
int secboot_inspect(const struct blob *file, struct secboot_found found[SECBOOT_BLOCKS],
                    struct diag *d);

/* What eFuses hold of the key in a file, public or private. */
int secboot_digest_load(const char *path, uint8_t out[SECBOOT_KEY_DIGEST], struct diag *d);

/*
 * -E_TYPE: the ROM of a chip ("esp32c3") cannot verify with the key in a file, public or private;
 * under secure boot with its digest it would never boot again.
 */
int secboot_rom_check(const char *chip, const char *path, struct diag *d);

/*
 * Version 1: the image with its signature behind it. A key from a file signs with the nonce of RFC
 * 6979, as the reference tool does; one in a token with its own.
 */
int secboot_sign_v1(const struct blob *image, EVP_PKEY *key, struct blob *out, struct diag *d);
int secboot_verify_v1(const struct blob *file, const uint8_t point[SECBOOT_POINT], struct diag *d);

#endif
