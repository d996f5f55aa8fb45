/* encrypt, decrypt, generate-flash-key: flash encryption on the host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "fmt/flashenc.h"
#include "sigkeys.h"

static const char *key_path, *output, *address;
static bool xts;
static int64_t conf = FLASHENC_CONF_ALL, key_bits;

/* clang-format off */
#define CIPHER_OPTIONS \
        { 'k', "key|keyfile", OPT_STR, &key_path, "FILE", "flash encryption key as it was made (32 or 64 bytes; ESP32 also 16, 24)" }, \
        { 'a', "address", OPT_STR, &address, "ADDRESS", "where on the flash it lies: a multiple of 16" }, \
        { 'o', "output", OPT_STR, &output, "FILE", "where to (default: standard output)" }, \
        { 'x', "aes-xts", OPT_FLAG, &xts, NULL, "XTS-AES of the chips after the ESP32 (so it is with --chip)" }, \
        { 0, "flash-crypt-conf", OPT_INT, &conf, "CONF", "ESP32: FLASH_CRYPT_CONFIG as burnt (0xf)" }, \
        { 0 }

const struct opt encrypt_options[] = { CIPHER_OPTIONS };
const struct opt decrypt_options[] = { CIPHER_OPTIONS };
const struct opt generate_flash_key_options[] = {
        { 'l', "keylen|bits", OPT_INT, &key_bits, "BITS", "256 (most chips), 512 (XTS-AES-256 of ESP32-S2 and S3), 128 or 192 (ESP32)" },
        { 0 },
};
/* clang-format on */

/* Which cipher: --chip says it, or --aes-xts, as in espsecure. 0 or an exit status. */
static int pick_cipher(bool *esp32)
{
        const struct chip *c;
        const int status = session_chip(&c);

        if (status != 0)
                return status;
        *esp32 = c ? c->image_id == 0 : !xts;
        if (c && c->image_id < 0)
                return usage_error("--chip: the %s has no flash encryption", c->name);
        if (*esp32 && xts)
                return usage_error("--aes-xts: the ESP32 has its own scheme");
        return 0;
}

static int load_cipher(struct flashenc *e)
{
        bool esp32 = false;
        const int status = pick_cipher(&esp32);

        return status ? status : flash_cipher(key_path, esp32, (uint8_t)conf, e);
}

/* The ESP32 writes whole blocks: what is missing to the last one is random. */
static int pad(struct blob *b, struct diag *d)
{
        const size_t n = (FLASHENC_BLOCK - b->len % FLASHENC_BLOCK) % FLASHENC_BLOCK;
        uint8_t *grown = n ? realloc(b->data, b->len + n + 1) : b->data;

        if (!grown)
                return diag_set(d, E_NOMEM, "out of memory");
        b->data = grown;
        if (n && crypt_random(b->data + b->len, n) < 0)
                return diag_set(d, E_RANDOM, "no random numbers to be had");
        b->len += n;
        return 0;
}

static int check_length(const struct blob *b, struct diag *d)
{
        if (!b->len)
                return diag_set(d, E_TRUNC, "is empty");
        if (b->len % FLASHENC_BLOCK)
                return diag_set(d, E_RANGE,
                                "%zu bytes are no whole blocks of 16: fill it up (0xFF) first",
                                b->len);
        return 0;
}

static int crypt_file(const struct flashenc *e, uint32_t at, const char *path, bool decrypt)
{
        struct blob b = { 0 };
        struct diag d = { 0 };
        int rc = file_load(path, FILE_LIMIT_IMAGE, &b, &d);

        if (rc < 0)
                return fail(NULL, &d);
        if (!decrypt && e->kind == FLASHENC_ESP32)
                rc = pad(&b, &d);
        if (rc == 0)
                rc = check_length(&b, &d);
        if (rc == 0) {
                rc = decrypt ? flashenc_decrypt(e, at, b.data, b.len)
                             : flashenc_encrypt(e, at, b.data, b.len);
                if (rc < 0)
                        diag_set(&d, -rc,
                                 "%zu bytes at 0x%x: beyond what the chip can address (%s)", b.len,
                                 at, e->kind == FLASHENC_ESP32 ? "16 MB" : "4 GB");
        }
        if (rc < 0) {
                blob_free_secret(&b);
                return fail(path, &d);
        }
        rc = file_save(output ? output : "-", b.data, b.len, decrypt ? FILE_SECRET : FILE_PUBLIC,
                       &d);
        blob_free_secret(&b);
        return rc < 0 ? fail(NULL, &d) : STATUS_DONE;
}

static int run_cipher(const char *path, bool decrypt)
{
        const char *const inputs[] = { path, key_path };
        struct flashenc e;
        uint32_t at;
        int status;

        if (!key_path || !address)
                return usage_error("--key FILE and --address ADDRESS are needed");
        if ((status = parse_u32("--address", address, &at)) != 0)
                return status;
        if (at % FLASHENC_BLOCK)
                return usage_error("--address: 0x%x is no multiple of 16", at);
        if ((status = check_output(output, inputs, 2)) != 0 || (status = load_cipher(&e)) != 0)
                return status;
        status = crypt_file(&e, at, path, decrypt);
        flashenc_free(&e);
        return status;
}

int cmd_encrypt(int argc, char **argv)
{
        (void)argc;
        return run_cipher(argv[0], false);
}

int cmd_decrypt(int argc, char **argv)
{
        (void)argc;
        return run_cipher(argv[0], true);
}

int cmd_generate_flash_key(int argc, char **argv)
{
        uint8_t key[FLASHENC_KEY_MAX];
        struct diag d = { 0 };
        int rc;

        (void)argc;
        if (!key_bits)
                key_bits = 256;
        if (key_bits != 128 && key_bits != 192 && key_bits != 256 && key_bits != 512)
                return usage_error("--keylen: 128, 192, 256 or 512");
        if ((rc = crypt_random(key, sizeof key)) < 0)
                diag_set(&d, -rc, "no random numbers to be had");
        else
                rc = file_save_new(argv[0], key, (size_t)key_bits / 8, FILE_SECRET, &d);
        wipe(key, sizeof key);
        if (rc < 0)
                return fail(NULL, &d);
        say("%s: key of %d bits; without it the flash of its device cannot be read or made",
            argv[0], (int)key_bits);
        return STATUS_DONE;
}
