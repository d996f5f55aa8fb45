/*
 * What goes into an esp_secure_cert partition (fmt/seccert.h): from options and CSV files, checked
 * as a whole, made into an image. Rules: tlv_format_construct.py of esp_secure_cert_mgr (git
 * 2296511); what it takes silently and should not (a chain of which one certificate stays, a key of
 * another certificate) is refused.
 */
#ifndef HOST_SECCERT_SET_H
#define HOST_SECCERT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "fmt/secboot.h"
#include "fmt/seccert.h"
#include "host/file.h"
#include "host/report.h"

enum seccert_keep {
        SECCERT_PLAIN,     /* the key lies in the partition */
        SECCERT_RSA_DS,    /* encrypted for the digital signature peripheral */
        SECCERT_PERIPHERAL /* in eFuse, for the ECDSA peripheral */
};

/* How a private key is kept. */
struct seccert_key_plan {
        enum seccert_keep keep;
        const char *algorithm; /* "RSA", "ECDSA"; NULL or "": whatever the key is */
        unsigned bits;         /* 0: whatever the key has */
        unsigned efuse_id;     /* of the two hardware ways: key block */
        const char *hmac_file; /* of RSA_DS: 32 bytes, made where it is missing; NULL: the set's */
};

/* One entry to be. */
struct seccert_item {
        unsigned type, subtype;
        struct blob data; /* as the file or the cell has it */
        struct seccert_key_plan key;
        const char *file; /* where it comes from, for messages: a file, or the CSV with its line */
        uint32_t line;
        char *owned[3]; /* what file and key point to */
};
struct seccert_set {
        struct seccert_item *items;
        size_t count, cap;
};
void seccert_set_free(struct seccert_set *s); /* wipes */

/* A certificate or key from a file, subtype 0. plan (may be NULL) is copied. Errors go to r. 0 or
 * -E_XXX. */
int seccert_set_file(struct seccert_set *s, unsigned type, const char *path,
                     const struct seccert_key_plan *plan, struct report *r);

/*
 * The rows of a CSV file (tlv_type,tlv_subtype,data_value,data_type,priv_key_type,algorithm,
 * key_size,efuse_id,efuse_key), in order. Files that are not below the current folder are looked
 * for beside the CSV. All errors of all rows go to r. 0 or the first.
 */
int seccert_set_csv(struct seccert_set *s, const char *path, struct report *r);
/* The same of a text in memory (NUL-terminated at len); name is what messages call it. */
int seccert_set_csv_mem(struct seccert_set *s, const char *name, const char *text, size_t len,
                        struct report *r);

struct seccert_build {
        const char *chip;      /* "esp32c3" …: what its peripherals can do */
        const char *hmac_file; /* of RSA_DS where the key does not say; NULL: it must */
        EVP_PKEY *signer; /* borrowed; a signature entry before the integrity entry; NULL: none */
        bool quiet;       /* no notes */
};

/*
 * The image: hardware keys' entries first, then the entries in order, then the integrity entry.
 * Keys and certificates of the same subtype must belong together. image is returned
 * (blob_free_secret); errors go to r. 0 or -E_XXX.
 */
int seccert_set_image(const struct seccert_set *s, const struct seccert_build *cfg,
                      struct blob *image, struct report *r);

/* Another integrity entry behind the last, with the end mark: *image is replaced. -E_XXX into d. */
int seccert_append_integrity(struct blob *image, struct diag *d);

/* The same with a signature entry before it: -E_EXISTS where the partition has one. */
int seccert_append_signature(struct blob *image, EVP_PKEY *signer, struct diag *d);

/* A signature entry's scheme, and the digest of its key as eFuses hold it. */
struct seccert_signature {
        enum secboot_scheme scheme;
        uint8_t key_digest[SECBOOT_KEY_DIGEST];
};
/* Is it a good one by the key inside it? Whether that key is one to trust, the caller judges. 0,
 * -E_VERIFY, -E_FORMAT. */
int seccert_verify_signature(const uint8_t *image, const struct seccert_entry *e,
                             struct seccert_signature *s, struct diag *d);

/*
 * An image as folder/esp_secure_cert_parsed.csv and folder/contents/: certificates and keys as
 * files (0600), all else in the rows, so that seccert_set_csv makes the same image. The image must
 * have passed seccert_check.
 */
int seccert_export(const uint8_t *image, size_t n, const char *folder, struct report *r);

#endif
