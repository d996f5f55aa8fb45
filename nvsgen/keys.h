/* The key options that encrypt and generate-key have in common. */
#ifndef NVSGEN_KEYS_H
#define NVSGEN_KEYS_H

#include <stdbool.h>

#include "fmt/nvs_crypt.h"
#include "host/report.h"

struct key_request {
        const char *keyfile; /* name below OUTDIR/keys; NULL: keys-MM-DD_HH-MM.bin */
        bool hmac;           /* keys derived from an HMAC key */
        bool hmac_keygen;    /* make that one too */
        const char *hmac_keyfile;
        const char *hmac_inputkey;
        const char *outdir; /* NULL: the current folder */
};

/* Rows of an option table for a struct key_request called q. */
/* clang-format off */
#define KEY_OPTIONS(q)                                                                                    \
        { 0, "keyfile", OPT_STR, &(q).keyfile, "NAME", "key file to write, below OUTDIR/keys" },          \
        { 0, "key_protect_hmac", OPT_FLAG, &(q).hmac, NULL, "derive the keys from an eFuse HMAC key" },   \
        { 0, "kp_hmac_keygen", OPT_FLAG, &(q).hmac_keygen, NULL, "make the HMAC key too" },               \
        { 0, "kp_hmac_keyfile", OPT_STR, &(q).hmac_keyfile, "NAME", "HMAC key file to write, below OUTDIR/keys" }, \
        { 0, "kp_hmac_inputkey", OPT_STR, &(q).hmac_inputkey, "FILE", "HMAC key of 32 raw bytes to derive from" }, \
        { 0, "outdir", OPT_STR, &(q).outdir, "DIR", "folder that output names are relative to" }
/* clang-format on */

/*
 * Say what contradicts itself among the options: 0, or STATUS_USAGE after usage_error. Then make
 * the keys and write their files; *path (returned, free it) is the key file. Errors go to r.
 */
int key_request_check(const struct key_request *q);
int key_request_make(const struct key_request *q, struct nvs_keys *k, char **path,
                     struct report *r);

/* The command generate-key: returns an exit status. */
int generate_key(const struct key_request *q, bool say_nothing);

#endif
