/* Keys of the signing and encrypting commands: files, tokens. */
#include "sigkeys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/ca.h"
#include "host/hsm_config.h"
#include "host/passphrase.h"
#include "host/x509_token.h"

struct key_options key_options;

void note_open_file(const char *path)
{
        if (passphrase_file_is_open(path))
                say("%s: note: %s may be read by others; chmod 600 %s", tool_name(), path, path);
}

static struct passphrase_source source(void)
{
        if (key_options.passphrase_file)
                note_open_file(key_options.passphrase_file);
        return (struct passphrase_source){ .file = key_options.passphrase_file, .fd = -1 };
}

int signing_key(const char *path_or_uri, EVP_PKEY **out)
{
        const struct passphrase_source from = source();
        struct diag d = { 0 };

        if (!token_uri_is(path_or_uri))
                note_open_file(path_or_uri);
        if (ca_load_key(path_or_uri, key_options.module, &from, out, &d) < 0)
                return fail(NULL, &d);
        return 0;
}

/* The key of a configuration that was read. */
static int hsm_load(const struct hsm_config *c, EVP_PKEY **out, struct diag *d)
{
        const struct passphrase_source from = source();
        char *uri;
        int rc = token_uri_of_slot(c->module, c->slot, c->label, &uri, d);

        if (rc == 0)
                rc = c->has_pin ? token_load(uri, c->module, &c->pin, out, d)
                                : ca_load_key(uri, c->module, &from, out, d);
        free(uri);
        return rc;
}

int hsm_key(const char *config, EVP_PKEY **out)
{
        struct blob text = { 0 };
        struct hsm_config c = { 0 };
        struct diag d = { 0 };
        char where[512];
        int rc;

        *out = NULL;
        if (file_load(config, FILE_LIMIT_KEY, &text, &d) < 0)
                return fail(NULL, &d);
        rc = hsm_config_read(&text, &c, &d);
        blob_free_secret(&text);
        if (rc == 0 && c.has_pin)
                note_open_file(config);
        if (rc == 0)
                rc = hsm_load(&c, out, &d);
        hsm_config_free(&c);
        if (rc == 0)
                return 0;
        if (d.line)
                snprintf(where, sizeof where, "%s:%u:%u", config, d.line, d.column);
        else
                snprintf(where, sizeof where, "%s", config);
        return fail(where, &d);
}

int public_key(const char *path_or_uri, EVP_PKEY **out)
{
        struct diag d = { 0 };
        int rc;

        if (token_uri_is(path_or_uri))
                return signing_key(path_or_uri, out);
        rc = secboot_public_load(path_or_uri, out, &d);
        if (rc == -E_STATE)
                return signing_key(path_or_uri, out);
        return rc < 0 ? fail(NULL, &d) : 0;
}

bool same_file(const char *a, const char *b)
{
        struct stat x, y;

        return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
               x.st_ino == y.st_ino;
}

int check_output(const char *output, const char *const inputs[], size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (inputs[i] && output && same_file(output, inputs[i]))
                        return usage_error("--output: %s is an input of this command", inputs[i]);
        return 0;
}

int flash_cipher(const char *path, bool esp32, uint8_t conf, struct flashenc *e)
{
        struct blob file = { 0 };
        uint8_t key[FLASHENC_KEY_MAX];
        struct diag d = { 0 };
        int len, rc;

        note_open_file(path);
        if (file_load(path, FILE_LIMIT_KEY, &file, &d) < 0)
                return fail(NULL, &d);
        len = flashenc_key(file.data, file.len, key);
        if (len < 0 || (esp32 && len != 32))
                rc = diag_set(&d, E_KEY, "%zu bytes; a key of this scheme has %s", file.len,
                              esp32 ? "32 (or 16, 24)" : "32 or 64");
        else
                rc = esp32 ? flashenc_init_esp32(e, key, conf)
                           : flashenc_init_xts(e, key, (size_t)len);
        if (rc == -E_KEY && !d.code)
                diag_set(&d, E_KEY,
                         "both halves of the key are equal, which breaks the "
                         "encryption: make one with generate-flash-key");
        wipe(key, sizeof key);
        blob_free_secret(&file);
        return rc < 0 ? fail(path, &d) : 0;
}
