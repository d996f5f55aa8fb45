/* sign, verify-signature, signature-info: secure boot signatures of images. */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "fmt/bootfuse.h"
#include "fmt/espimg.h"
#include "sigkeys.h"

static int64_t version;
static struct opt_list keys, public_keys, signatures;
static const char *output, *digest;
static const char *hsm_config;
static bool append, replace, no_padding, force, hsm;

/* clang-format off */
#define HSM_OPTIONS \
        { 0, "hsm", OPT_FLAG, &hsm, NULL, "the key is in a token that --hsm-config tells of" }, \
        { 0, "hsm-config", OPT_STR, &hsm_config, "FILE", "espsecure's: pkcs11_lib, slot, label, credentials" }
/* clang-format on */

/* espsecure's habit of several words behind one option is args.c's business */
const struct opt sign_options[] = {
        { 'v', "version", OPT_INT, &version, "1|2", "of secure boot (2)" },
        { 'k', "key|keyfile", OPT_LIST, &keys, "FILE|URI",
          "private key: PEM or DER file, or pkcs11: URI (up to three)" },
        { 'o', "output", OPT_STR, &output, "FILE", "signed image (default: in place)" },
        { 'a', "append|append-signatures", OPT_FLAG, &append, NULL,
          "add to the signatures that are there" },
        { 0, "replace", OPT_FLAG, &replace, NULL, "drop the signatures that are there" },
        { 0, "public-key|pub-key", OPT_LIST, &public_keys, "FILE",
          "key of a signature that was made elsewhere" },
        { 0, "signature", OPT_LIST, &signatures, "FILE",
          "that signature: RSA as it is, ECDSA in DER" },
        { 0, "skip-padding", OPT_FLAG, &no_padding, NULL,
          "no 0xFF up to a whole sector before the signature" },
        { 0, "force", OPT_FLAG, &force, NULL, "sign for a chip that cannot verify such a key" },
        HSM_OPTIONS,
        KEY_OPTIONS,
        { 0 },
};
const struct opt verify_signature_options[] = {
        { 'v', "version", OPT_INT, &version, "1|2", "of secure boot (2)" },
        { 'k', "key|keyfile", OPT_LIST, &keys, "FILE|URI",
          "who has to have signed: a public or private key; one of several is enough" },
        { 'd', "digest", OPT_STR, &digest, "FILE|HEX",
          "who has to have signed: the digest of the key, as in eFuses" },
        { 0, "skip-padding", OPT_FLAG, &no_padding, NULL, NULL }, /* it is seen without */
        HSM_OPTIONS,
        KEY_OPTIONS,
        { 0 },
};
const struct opt signature_info_options[] = {
        { 0 },
};

struct job_sign {
        EVP_PKEY *keys[SECBOOT_BLOCKS];
        struct blob signatures[SECBOOT_BLOCKS];
        size_t count;
        struct blob in, out;
};

static void job_sign_free(struct job_sign *j)
{
        for (size_t i = 0; i < SECBOOT_BLOCKS; i++) {
                EVP_PKEY_free(j->keys[i]);
                blob_free(&j->signatures[i]);
        }
        blob_free(&j->in);
        blob_free(&j->out);
}

/* Would the chip that the image is for take a signature of this key? */
static int check_chip(const struct job_sign *j, const char *path)
{
        const struct chip *c = NULL;
        struct espimg_header h;
        struct secboot_key key;
        struct diag d = { 0 };
        int status = session_chip(&c);

        if (status != 0 || force)
                return status;
        if (!c && espimg_is_image(j->in.data, j->in.len) &&
            espimg_header_read(j->in.data, j->in.len, true, &h, NULL) == 0)
                c = chip_by_image_id(h.chip_id);
        if (!c || c->image_id < 0)
                return 0;
        for (size_t i = 0; i < j->count; i++) {
                if (secboot_key_of(j->keys[i], &key, &d) < 0)
                        return fail(path, &d);
                if (bootfuse_schemes((uint16_t)c->image_id) >> key.scheme & 1)
                        continue;
                diag_set(&d, E_TYPE,
                         "the ROM of the %s cannot verify %s; --force signs all the same", c->name,
                         secboot_scheme_name(key.scheme));
                return fail(path, &d);
        }
        return 0;
}

/* 0, or the exit status after what does not go with --hsm. */
static int check_hsm(void)
{
        hsm |= hsm_config != NULL;
        if (hsm && !hsm_config)
                return usage_error("--hsm: which token and key? --hsm-config FILE");
        if (hsm && (keys.count || public_keys.count || signatures.count))
                return usage_error("--hsm brings its key and signature: leave --key, --public-key "
                                   "and --signature out");
        return 0;
}

static int load_inputs(struct job_sign *j, const char *path)
{
        const struct opt_list *from = signatures.count ? &public_keys : &keys;
        struct diag d = { 0 };
        int status = 0;

        if (hsm && (status = hsm_key(hsm_config, &j->keys[j->count])) == 0)
                j->count++;

        if (from->count > SECBOOT_BLOCKS)
                return usage_error("%zu keys, but an image takes %u signatures", from->count,
                                   SECBOOT_BLOCKS);
        for (size_t i = 0; i < from->count && status == 0; i++, j->count++) {
                status = signatures.count ? public_key(from->items[i], &j->keys[i])
                                          : signing_key(from->items[i], &j->keys[i]);
                if (status == 0 && signatures.count &&
                    file_load(signatures.items[i], FILE_LIMIT_KEY, &j->signatures[i], &d) < 0)
                        status = fail(NULL, &d);
        }
        if (status == 0 && file_load(path, FILE_LIMIT_IMAGE, &j->in, &d) < 0)
                status = fail(NULL, &d);
        return status;
}

static void report_signed(const struct job_sign *j, const char *to, unsigned count)
{
        struct json_writer w = { .out = stdout };
        uint8_t raw[SECBOOT_KEY_DIGEST];
        char hex[2 * SECBOOT_KEY_DIGEST + 1];

        if (!g.json) {
                say("%s: %zu bytes, signed (version %d), %u signature%s", to, j->out.len,
                    (int)version, count, count == 1 ? "" : "s");
                return;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "signed");
        json_str(&w, "file", to);
        json_uint(&w, "version", (uint64_t)version);
        json_uint(&w, "bytes", j->out.len);
        json_uint(&w, "signatures", count);
        json_open(&w, "key_digests", '[');
        for (size_t i = 0; version == 2 && i < j->count; i++)
                if (secboot_digest_of(j->keys[i], raw, NULL) == 0) {
                        hex_encode(raw, sizeof raw, hex);
                        json_str(&w, NULL, hex);
                }
        json_close(&w, ']');
        json_close(&w, '}');
        putchar('\n');
}

static int sign(struct job_sign *j, const char *path)
{
        const struct secboot_order order = { .keys = j->keys,
                                             .signatures = signatures.count ? j->signatures : NULL,
                                             .count = j->count,
                                             .append = append,
                                             .replace = replace,
                                             .no_padding = no_padding };
        const char *to = output ? output : path;
        struct diag d = { 0 };
        unsigned count = 1;
        int rc;

        if (version == 1)
                rc = secboot_sign_v1(&j->in, j->keys[0], &j->out, &d);
        else
                rc = secboot_sign(&j->in, &order, &j->out, &count, &d);
        if (rc < 0)
                return fail(path, &d);
        if (file_save(to, j->out.data, j->out.len, FILE_PUBLIC, &d) < 0)
                return fail(NULL, &d);
        report_signed(j, to, count);
        return STATUS_DONE;
}

int cmd_sign(int argc, char **argv)
{
        struct job_sign j = { 0 };
        const char *const inputs[] = { argv[0], keys.count ? keys.items[0] : NULL,
                                       keys.count > 1 ? keys.items[1] : NULL,
                                       keys.count > 2 ? keys.items[2] : NULL, hsm_config };
        int status;

        (void)argc;
        if ((status = check_hsm()) != 0)
                return status;
        if (!version)
                version = 2;
        if (version != 1 && version != 2)
                return usage_error("--version: 1 or 2");
        if (signatures.count != public_keys.count)
                return usage_error("%zu signatures for %zu public keys: they go in pairs",
                                   signatures.count, public_keys.count);
        if (!hsm && !keys.count == !signatures.count)
                return usage_error(keys.count ? "--key and --signature exclude each other"
                                              : "with which key? --key FILE, or --key pkcs11:...");
        if (version == 1 && (keys.count + hsm != 1 || append || replace))
                return usage_error("an image of version 1 has one signature, made with --key");
        if (append && replace)
                return usage_error("--append and --replace exclude each other");
        if ((status = check_output(output, inputs, sizeof inputs / sizeof *inputs)) != 0)
                return status;
        if ((status = load_inputs(&j, argv[0])) == 0 &&
            (version == 1 || (status = check_chip(&j, argv[0])) == 0))
                status = sign(&j, argv[0]);
        job_sign_free(&j);
        return status;
}

/* 32 bytes in a file, or 64 hexadecimal digits. */
static int wanted_digest(uint8_t out[SECBOOT_KEY_DIGEST])
{
        struct blob b = { 0 };
        struct diag d = { 0 };
        int status = 0;

        if (strlen(digest) == 2 * SECBOOT_KEY_DIGEST &&
            hex_decode(digest, 2 * SECBOOT_KEY_DIGEST, out, SECBOOT_KEY_DIGEST, NULL) ==
                    (int)SECBOOT_KEY_DIGEST)
                return 0;
        if (file_load(digest, FILE_LIMIT_KEY, &b, &d) < 0)
                return fail(NULL, &d);
        if (b.len == SECBOOT_KEY_DIGEST) {
                memcpy(out, b.data, b.len);
        } else {
                diag_set(&d, E_KEY, "%zu bytes, the digest of a key has %u", b.len,
                         SECBOOT_KEY_DIGEST);
                status = fail(digest, &d);
        }
        blob_free(&b);
        return status;
}

struct judge {
        const struct secboot_found *found;
        int count;
        const char *path;
};

/* One signature by the key of this digest is enough. 0, or the exit status after why not. */
static int judge_v2(const struct judge *j, uint8_t (*trusted)[SECBOOT_KEY_DIGEST], size_t n)
{
        struct diag d = { 0 };

        if (j->count == 0)
                diag_set(&d, E_VERIFY, "not signed (no block in the last sector)");
        for (int i = 0; i < j->count; i++) {
                const struct secboot_found *f = &j->found[i];
                bool ours = false;

                for (size_t k = 0; k < n; k++)
                        ours |= bytes_equal_ct(f->digest, trusted[k], SECBOOT_KEY_DIGEST);
                if (f->bad == 0 && ours) {
                        say("%s: signature %d verifies (%s)", j->path, i,
                            secboot_scheme_name(f->scheme));
                        return STATUS_DONE;
                }
                if (f->bad < 0)
                        diag_set(&d, E_VERIFY, "signature %d: %s", i, diag_text(&f->why));
        }
        diag_set(&d, E_VERIFY, "not signed by this key");
        return fail(j->path, &d);
}

/* The digest of a key in a file or token, or of --hsm's. 0 or an exit status. */
static int key_digest(const char *from, uint8_t out[SECBOOT_KEY_DIGEST])
{
        struct diag d = { 0 };
        EVP_PKEY *key = NULL;
        int status = hsm ? hsm_key(from, &key) : public_key(from, &key);

        if (status == 0 && secboot_digest_of(key, out, &d) < 0)
                status = fail(from, &d);
        EVP_PKEY_free(key);
        return status;
}

static int verify_v2(const struct blob *file, const char *path)
{
        uint8_t trusted[8][SECBOOT_KEY_DIGEST];
        struct secboot_found found[SECBOOT_BLOCKS];
        struct judge j = { .found = found, .path = path };
        struct diag d = { 0 };
        size_t n = 0;
        int status = 0;

        if (keys.count > 7)
                return usage_error("at most seven keys");
        for (; n < keys.count && status == 0; n++)
                status = key_digest(keys.items[n], trusted[n]);
        if (hsm)
                status = key_digest(hsm_config, trusted[n++]);
        if (status == 0 && digest)
                status = wanted_digest(trusted[n++]);
        if (status != 0)
                return status;
        if ((j.count = secboot_inspect(file, found, &d)) < 0)
                return fail(path, &d);
        return judge_v2(&j, trusted, n);
}

/* Version 1 also knows keys as 64 bytes: X and Y. */
static int point_of_file(const char *path, uint8_t point[SECBOOT_POINT])
{
        struct diag d = { 0 };
        struct blob b = { 0 };
        EVP_PKEY *key = NULL;
        int status = 0;

        if (file_load(path, FILE_LIMIT_KEY, &b, NULL) == 0 && b.len == SECBOOT_POINT) {
                memcpy(point, b.data, SECBOOT_POINT);
        } else if ((status = public_key(path, &key)) == 0 && secboot_point_of(key, point, &d) < 0) {
                status = fail(path, &d);
        }
        EVP_PKEY_free(key);
        blob_free_secret(&b);
        return status;
}

static int verify_v1(const struct blob *file, const char *path)
{
        uint8_t point[SECBOOT_POINT];
        struct diag d = { 0 };
        int status;

        if (keys.count != 1 || digest)
                return usage_error("version 1 is verified with one --key");
        if ((status = point_of_file(keys.items[0], point)) != 0)
                return status;
        if (secboot_verify_v1(file, point, &d) < 0)
                return fail(path, &d);
        say("%s: signature verifies (version 1)", path);
        return STATUS_DONE;
}

int cmd_verify_signature(int argc, char **argv)
{
        struct blob file = { 0 };
        struct diag d = { 0 };
        int status;

        (void)argc;
        if (!version)
                version = 2;
        if (version != 1 && version != 2)
                return usage_error("--version: 1 or 2");
        if ((status = check_hsm()) != 0)
                return status;
        if (!keys.count && !digest && !hsm)
                return usage_error("by whom? --key FILE or --digest FILE; what is there shows "
                                   "signature-info");
        if (file_load(argv[0], FILE_LIMIT_IMAGE, &file, &d) < 0)
                return fail(NULL, &d);
        status = version == 1 ? verify_v1(&file, argv[0]) : verify_v2(&file, argv[0]);
        if (status == STATUS_DONE && g.json) {
                struct json_writer w = { .out = stdout };

                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "event", "verified");
                json_str(&w, "file", argv[0]);
                json_close(&w, '}');
                putchar('\n');
        }
        blob_free(&file);
        return status;
}

static void info_json(const struct secboot_found *found, int n, const char *path)
{
        struct json_writer w = { .out = stdout };
        char hex[2 * SECBOOT_KEY_DIGEST + 1];

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "signatures");
        json_str(&w, "file", path);
        json_open(&w, "blocks", '[');
        for (int i = 0; i < n; i++) {
                const bool known = found[i].bad == 0 || found[i].bad == -E_VERIFY;

                json_open(&w, NULL, '{');
                json_bool(&w, "valid", found[i].bad == 0);
                hex_encode(found[i].digest, SECBOOT_KEY_DIGEST, hex);
                json_str(&w, "scheme", known ? secboot_scheme_name(found[i].scheme) : NULL);
                json_str(&w, "key_digest", known ? hex : NULL);
                json_close(&w, '}');
        }
        json_close(&w, ']');
        json_close(&w, '}');
        putchar('\n');
}

static void info_text(const struct secboot_found *found, int n)
{
        char hex[2 * SECBOOT_KEY_DIGEST + 1];

        for (int i = 0; i < n; i++) {
                const struct secboot_found *f = &found[i];

                hex_encode(f->digest, SECBOOT_KEY_DIGEST, hex);
                if (f->bad == 0)
                        printf("Signature %d: %s, valid\n", i, secboot_scheme_name(f->scheme));
                else
                        printf("Signature %d: INVALID: %s\n", i, diag_text(&f->why));
                if (f->bad == 0 || f->bad == -E_VERIFY)
                        printf("  key digest: %s\n", hex);
        }
}

int cmd_signature_info(int argc, char **argv)
{
        struct secboot_found found[SECBOOT_BLOCKS];
        struct blob file = { 0 };
        struct diag d = { 0 };
        int status = STATUS_DONE;
        int n;

        (void)argc;
        if (file_load(argv[0], FILE_LIMIT_IMAGE, &file, &d) < 0)
                return fail(NULL, &d);
        if ((n = secboot_inspect(&file, found, &d)) > 0)
                (g.json ? info_json(found, n, argv[0]) : info_text(found, n));
        blob_free(&file);
        if (n == 0)
                diag_set(&d, E_NOTFOUND, "not signed (no block in the last sector)");
        for (int i = 0; i < n; i++)
                if (found[i].bad < 0)
                        diag_set(&d, E_VERIFY, "signature %d: %s", i, diag_text(&found[i].why));
        if (n <= 0 || d.code)
                status = fail(argv[0], &d);
        return status;
}
