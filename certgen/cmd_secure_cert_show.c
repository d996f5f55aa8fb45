/* certgen secure-cert --parse-bin: what is in a partition. Never a private key on the screen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "certgen.h"
#include "crypt/crypt.h"
#include "fmt/seccert.h"
#include "host/json.h"
#include "host/report.h"
#include "host/seccert_set.h"
#include "secure_cert.h"

char *secure_cert_key_beside(const char *cert)
{
        const char *slash = strrchr(cert, '/');
        const char *dot = strchr(slash ? slash : cert, '.');
        const size_t n = strlen(cert);
        const bool der = n > 4 && strcmp(cert + n - 4, ".der") == 0;
        char *path = NULL;

        if (!dot || asprintf(&path, "%.*s.key%s", (int)(dot - cert), cert, der ? ".der" : "") < 0)
                return NULL;
        if (file_exists(path))
                return path;
        free(path);
        return NULL;
}

void secure_cert_made(const char *path, const struct blob *image)
{
        struct json_writer w = { .out = stdout };
        struct seccert_facts f = { 0 };

        seccert_check(image->data, image->len, &f, NULL);
        if (!common.json) {
                if (!common.quiet)
                        printf("%s: %u entries, %zu of %u bytes; flasher write 0x%X %s\n", path,
                               f.entries, f.used, SECCERT_SIZE, SECCERT_OFFSET, path);
                return;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "secure-cert");
        json_str(&w, "file", path);
        json_uint(&w, "entries", f.entries);
        json_uint(&w, "used", f.used);
        json_close(&w, '}');
        putchar('\n');
}

static void digest_text(const struct seccert_entry *e, char hex[2 * CRYPT_SHA256_LEN + 1])
{
        uint8_t digest[CRYPT_SHA256_LEN];

        hex[0] = 0;
        if (crypt_sha256(e->data, e->len, digest) == 0)
                hex_encode(digest, sizeof digest, hex);
}

static void show_json(const char *path, const struct blob *image, const struct seccert_facts *f)
{
        struct json_writer w = { .out = stdout };
        struct seccert_entry e;
        char hex[2 * CRYPT_SHA256_LEN + 1];
        size_t at = 0;

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "file", path);
        json_uint(&w, "used", f->used);
        json_bool(&w, "sealed", f->sealed);
        json_open(&w, "entries", '[');
        while (seccert_next(image->data, image->len, &at, &e, NULL) == 1) {
                json_open(&w, NULL, '{');
                json_uint(&w, "offset", e.offset);
                json_uint(&w, "type", e.type);
                json_str(&w, "name", seccert_type_name(e.type));
                json_uint(&w, "subtype", e.subtype);
                json_uint(&w, "flags", e.flags);
                json_uint(&w, "length", e.len);
                json_bool(&w, "crc_ok", e.crc_ok);
                digest_text(&e, hex);
                /* a short key could be guessed from its digest */
                json_str(&w, "sha256", e.type == SECCERT_PRIV_KEY ? NULL : hex);
                json_close(&w, '}');
        }
        json_close(&w, ']');
        json_close(&w, '}');
        putchar('\n');
}

static void show_table(const struct blob *image)
{
        struct seccert_entry e;
        size_t at = 0;

        printf("%-8s %-4s %-3s %-5s %-7s %-4s %s\n", "offset", "type", "sub", "flags", "length",
               "crc", "name");
        while (seccert_next(image->data, image->len, &at, &e, NULL) == 1)
                printf("0x%04zX   %-4u %-3u 0x%02X  %-7zu %-4s %s\n", e.offset, e.type, e.subtype,
                       e.flags, e.len, e.crc_ok ? "ok" : "BAD",
                       seccert_type_name(e.type) ? seccert_type_name(e.type) : "unknown");
}

/* A wrong signature is an error; a good one's key is named. */
static void show_signatures(const char *path, const struct blob *image, struct report *r)
{
        struct seccert_entry e;
        struct seccert_signature s;
        char hex[2 * SECBOOT_KEY_DIGEST + 1];
        size_t at = 0;

        while (seccert_next(image->data, image->len, &at, &e, NULL) == 1) {
                struct diag d = { 0 };

                if (e.type != SECCERT_SIGNATURE)
                        continue;
                if (seccert_verify_signature(image->data, &e, &s, &d) < 0) {
                        report_diag(r, path, &d);
                        continue;
                }
                hex_encode(s.key_digest, sizeof s.key_digest, hex);
                report_note(r, path, 0, 0, "signed, %s, good by the key with the digest %s",
                            secboot_scheme_name(s.scheme), hex);
        }
}

int secure_cert_show(const char *path, const char *folder)
{
        struct report r = { .quiet_notes = common.quiet };
        struct seccert_facts f = { 0 };
        struct blob image = { 0 };
        struct diag d = { 0 };
        int rc = file_load(path, FILE_LIMIT_IMAGE, &image, &d);

        if (rc < 0) {
                report_diag(&r, NULL, &d);
                goto out;
        }
        rc = seccert_check(image.data, image.len, &f, &d);
        if (f.entries || rc == 0) {
                if (common.json)
                        show_json(path, &image, &f);
                else
                        show_table(&image);
        }
        if (rc < 0) {
                report_diag(&r, path, &d);
                goto out;
        }
        if (f.entries)
                show_signatures(path, &image, &r);
        if (f.stray)
                report_note(&r, path, 0, 0,
                            "byte %zu: what follows the last entry is none; the device stops there "
                            "too",
                            f.used);
        if (f.integrity == 0)
                report_note(&r, path, 0, 0, "no integrity entry: --append-integrity adds one");
        if (folder)
                seccert_export(image.data, image.len, folder, &r);
out:
        blob_free_secret(&image);
        return (int)err_status(report_finish(&r));
}
