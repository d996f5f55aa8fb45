/* Keys on the command line of the signing and encrypting commands. */
#ifndef FLASHER_SIGKEYS_H
#define FLASHER_SIGKEYS_H

#include <openssl/types.h>

#include "flasher.h"
#include "fmt/flashenc.h"
#include "host/secboot_sign.h"

/* Options of every command that takes private keys. */
struct key_options {
        const char *module, *passphrase_file;
};
extern struct key_options key_options;
/* clang-format off */
#define KEY_OPTIONS \
        { 0, "module", OPT_STR, &key_options.module, "LIBRARY", "PKCS#11 library of a key given as pkcs11: URI" }, \
        { 0, "passphrase-file", OPT_STR, &key_options.passphrase_file, "FILE", "first line: PIN of the token, or passphrase of an encrypted key (default: ask)" }
/* clang-format on */

/* A private key from a file or a token. 0 or an exit status after a line. *out: EVP_PKEY_free. */
int signing_key(const char *path_or_uri, EVP_PKEY **out);

/*
 * The private key that espsecure's --hsm-config names; the PIN is the file's, else it comes as for
 * any key in a token. It stays in the token; its public half comes with it. As signing_key.
 */
int hsm_key(const char *config, EVP_PKEY **out);

/* Only the public half is needed: a public or private key in a file, or one in a token. */
int public_key(const char *path_or_uri, EVP_PKEY **out);

/* The cipher of a flash encryption key's file. conf: of the ESP32. 0 or an exit status;
 * flashenc_free. */
int flash_cipher(const char *path, bool esp32, uint8_t conf, struct flashenc *e);

/* A secret file that group or others may read is worth a line. */
void note_open_file(const char *path);

/* True if both are the same file, whatever they are called. */
bool same_file(const char *a, const char *b);

/* --output must be none of the inputs (NULLs are skipped). 0 or an exit status. */
int check_output(const char *output, const char *const inputs[], size_t n);

#endif
