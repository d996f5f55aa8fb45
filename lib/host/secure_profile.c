#include "host/secure_profile.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "host/file.h"
#include "host/json.h"
#include "host/json_place.h"

struct reader {
        struct secure_profile *p;
        struct report *r;
        const char *text;
        size_t len;
        char at[128]; /* where in the tree, for json_place */
};

/* --- mistakes --- */

static int bad(struct reader *d, const char *name, int code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
static int bad(struct reader *d, const char *name, int code, const char *fmt, ...)
{
        char text[400];
        char at[200];
        uint32_t line;
        uint32_t column;
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        snprintf(at, sizeof at, "%s%s%s", d->at, name ? "/" : "", name ? name : "");
        json_place(d->text, d->len, at, &line, &column);
        return report_error(d->r, code, d->p->path, line, column, "%s: %s",
                            *at ? at + 1 : "profile", text);
}

/* --- values --- */

static const char *own(struct reader *d, char *text)
{
        struct secure_profile *p = d->p;
        char **grown = text ? realloc(p->own, (p->own_count + 1) * sizeof *grown) : NULL;

        if (!grown) {
                free(text);
                bad(d, NULL, E_NOMEM, "out of memory");
                return NULL;
        }
        p->own = grown;
        p->own[p->own_count++] = text;
        return text;
}

static const char *take_path(struct reader *d, const cJSON *v)
{
        if (!cJSON_IsString(v) || !*v->valuestring) {
                bad(d, v->string, E_TYPE, "the name of a file in quotes belongs here");
                return NULL;
        }
        return own(d, path_join(d->p->dir, v->valuestring));
}

static void take_flag(struct reader *d, const cJSON *v, bool *to)
{
        if (cJSON_IsBool(v))
                *to = cJSON_IsTrue(v);
        else
                bad(d, v->string, E_TYPE, "true or false belongs here");
}

/* One of words; its index. */
static int take_word(struct reader *d, const cJSON *v, const char *const *words)
{
        char list[80] = "";
        size_t n = 0;

        for (int i = 0; words[i]; i++) {
                if (cJSON_IsString(v) && !strcmp(v->valuestring, words[i]))
                        return i;
                n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", words[i]);
        }
        return bad(d, v->string, E_SYNTAX, "one of %s belongs here", list);
}

/* The index of a block that takes keys. */
static void take_block(struct reader *d, const cJSON *v, unsigned *to)
{
        const struct efuse_chip *c = d->p->chip;
        const struct efuse_block *b = cJSON_IsString(v) ? efuse_block(c, v->valuestring) : NULL;

        if (b && b->purpose)
                *to = (unsigned)(b - c->blocks);
        else
                bad(d, v->string, E_NOTFOUND, "a key block of the %s belongs here: BLOCK_KEY0 to 5",
                    c->name);
}

/* Every member of o has to be in names (ends with NULL), once. */
static bool check_members(struct reader *d, const cJSON *o, const char *const *names)
{
        const unsigned before = d->r->errors;
        const cJSON *v;

        if (!cJSON_IsObject(o)) {
                bad(d, NULL, E_TYPE, "an object { } belongs here");
                return false;
        }
        cJSON_ArrayForEach(v, o)
        {
                bool known = false;

                for (size_t i = 0; names[i]; i++)
                        known |= !strcmp(v->string, names[i]);
                if (!known)
                        bad(d, v->string, E_SYNTAX, "there is no such member");
                else if (cJSON_GetObjectItemCaseSensitive(o, v->string) != v)
                        bad(d, v->string, E_EXISTS, "is there twice");
        }
        return d->r->errors == before;
}

static const cJSON *member(const cJSON *o, const char *name)
{
        return cJSON_GetObjectItemCaseSensitive(o, name);
}

/* --- the parts --- */

static void check_bits(struct reader *d, const struct secure_key *k, double asked)
{
        const struct efuse_chip *c = d->p->chip;
        const bool v1 = c->flags & EFUSE_CHIP_V1;
        const bool two = k->bits == 512;

        if (asked != k->bits || (k->bits != 256 && !(v1 && k->bits == 192) &&
                                 !(two && efuse_purpose(c, "XTS_AES_256_KEY_1"))))
                bad(d, "bits", E_RANGE, "the %s takes a key of %s bits", c->name,
                    v1                                      ? "256 (or, with 3/4 coding, 192)"
                    : efuse_purpose(c, "XTS_AES_256_KEY_1") ? "256 or 512"
                                                            : "256");
}

static void take_key(struct reader *d, const cJSON *o, const char *name, struct secure_key *k)
{
        static const char *const names[] = { "key", "make", "bits", "block", "second_block", NULL };
        const bool v1 = d->p->chip->flags & EFUSE_CHIP_V1;
        const cJSON *v;

        snprintf(d->at, sizeof d->at, "/%s", name);
        if (check_members(d, o, names)) {
                if (!(v = member(o, "key")))
                        bad(d, NULL, E_NOTFOUND, "the file of its key is missing: \"key\"");
                else
                        k->file = take_path(d, v);
                if ((v = member(o, "make")))
                        take_flag(d, v, &k->make);
                if ((v = member(o, "bits"))) {
                        k->bits = v->valuedouble >= 0 && v->valuedouble < 4096
                                          ? (unsigned)v->valuedouble
                                          : 0;
                        check_bits(d, k, cJSON_IsNumber(v) ? v->valuedouble : -1);
                }
                if ((v = member(o, "block")) && !v1)
                        take_block(d, v, &k->block);
                else if (v)
                        bad(d, "block", E_UNSUPPORTED, "an ESP32 has one place for it");
                if ((v = member(o, "second_block")) && k->bits == 512)
                        take_block(d, v, &k->second);
                else if (v)
                        bad(d, "second_block", E_UNSUPPORTED, "goes with 512 bits");
        }
        d->at[0] = 0;
}

static void take_boot_keys(struct reader *d, const cJSON *v, size_t max)
{
        struct secure_profile *p = d->p;
        const cJSON *item;
        const char *path;

        if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) < 1 || (size_t)cJSON_GetArraySize(v) > max) {
                bad(d, v->string, E_RANGE, "a list of 1 to %zu key files belongs here", max);
                return;
        }
        cJSON_ArrayForEach(item, v)
        {
                path = take_path(d, item);
                if (path)
                        p->boot.keys[p->boot.count++] = path;
        }
}

static void take_boot(struct reader *d, const cJSON *o)
{
        static const char *const names[] = { "keys", "blocks", "aggressive_revoke", NULL };
        struct secure_profile *p = d->p;
        const bool v1 = p->chip->flags & EFUSE_CHIP_V1;
        const cJSON *item;
        const cJSON *v;
        size_t n = 0;

        snprintf(d->at, sizeof d->at, "/secure_boot");
        if (check_members(d, o, names)) {
                if (!(v = member(o, "keys")))
                        bad(d, NULL, E_NOTFOUND, "the files of its keys are missing: \"keys\"");
                else
                        take_boot_keys(d, v, v1 ? 1 : SECURE_DIGESTS);
                v = member(o, "blocks");
                if (v &&
                    (v1 || !cJSON_IsArray(v) || (size_t)cJSON_GetArraySize(v) != p->boot.count))
                        bad(d, "blocks", E_RANGE,
                            "a list with a key block for each key belongs here");
                else
                        cJSON_ArrayForEach(item, v) take_block(d, item, &p->boot.blocks[n++]);
                if ((v = member(o, "aggressive_revoke")) && v1)
                        bad(d, "aggressive_revoke", E_UNSUPPORTED, "an ESP32 revokes no keys");
                else if (v)
                        take_flag(d, v, &p->boot.aggressive_revoke);
        }
        d->at[0] = 0;
}

/* Fields that the recipe itself burns, in the right order: nobody else may. */
static bool is_recipes(const struct efuse_field *f)
{
        static const char *const names[] = {
                "WR_DIS",
                "RD_DIS",
                "KEY_PURPOSE_",
                "SECURE_BOOT_EN",
                "ABS_DONE_",
                "FLASH_CRYPT_",
                "SPI_BOOT_CRYPT_CNT",
                "ENABLE_SECURITY_DOWNLOAD",
                "DIS_DOWNLOAD_MODE",
                "UART_DOWNLOAD_DIS",
                "BLOCK",
                "CODING_SCHEME",
                "SECURE_BOOT_KEY_REVOKE",
        };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (!strncmp(f->name, names[i], strlen(names[i])))
                        return true;
        return false;
}

static void take_extra(struct reader *d, const cJSON *v)
{
        struct secure_profile *p = d->p;
        const struct efuse_field *f = efuse_field(p->chip, v->string);
        char number[24];
        const char *value = cJSON_IsString(v) ? v->valuestring : number;

        if (!f) {
                bad(d, v->string, E_NOTFOUND, "the %s has no such eFuse", p->chip->name);
        } else if (is_recipes(f)) {
                bad(d, v->string, E_UNSUPPORTED,
                    "the recipe itself burns this one, where it is due");
        } else if (p->extra_count == SECURE_EXTRAS) {
                bad(d, v->string, E_NOSPACE, "more than %u", SECURE_EXTRAS);
        } else if (!cJSON_IsString(v) &&
                   (!cJSON_IsNumber(v) || v->valuedouble < 1 || v->valuedouble > UINT32_MAX ||
                    v->valuedouble != (uint32_t)v->valuedouble)) {
                bad(d, v->string, E_TYPE, "a number from 1 on, or a text as burn-efuse takes it");
        } else {
                if (!cJSON_IsString(v))
                        snprintf(number, sizeof number, "%u", (uint32_t)v->valuedouble);
                p->extras[p->extra_count].field = f;
                p->extras[p->extra_count].value = own(d, strdup(value));
                p->extra_count += p->extras[p->extra_count].value != NULL;
        }
}

static void take_extras(struct reader *d, const cJSON *o)
{
        const cJSON *v;

        snprintf(d->at, sizeof d->at, "/efuses");
        if (!cJSON_IsObject(o))
                bad(d, NULL, E_TYPE, "an object with eFuses and their values belongs here");
        else
                cJSON_ArrayForEach(v, o) take_extra(d, v);
        d->at[0] = 0;
}

/* --- the whole --- */

/* Two keys in one block, or a block that the silicon cannot use so. */
static void check_blocks(struct reader *d)
{
        const struct secure_profile *p = d->p;
        unsigned used = 0;
        unsigned twice = 0;
        const bool two = p->flash.file && p->flash.bits == 512;

        if (p->chip->flags & EFUSE_CHIP_V1)
                return;
        if (p->flash.file)
                used |= 1u << p->flash.block;
        if (two) {
                twice |= used & 1u << p->flash.second;
                used |= 1u << p->flash.second;
        }
        if (p->nvs.file) {
                twice |= used & 1u << p->nvs.block;
                used |= 1u << p->nvs.block;
        }
        for (size_t i = 0; i < p->boot.count; i++) {
                twice |= used & 1u << p->boot.blocks[i];
                used |= 1u << p->boot.blocks[i];
        }
        if (twice)
                bad(d, NULL, E_EXISTS,
                    "two keys would go into one block; give them blocks of their own");
        if (p->flash.file && p->chip->flags & EFUSE_CHIP_KEY5_XTS &&
            (p->flash.block == 9 || (two && p->flash.second == 9)))
                bad(d, "flash_encryption", E_UNSUPPORTED,
                    "BLOCK_KEY5 of the %s cannot feed flash encryption: take another",
                    p->chip->name);
}

static void take_chip(struct reader *d, const cJSON *root)
{
        const cJSON *v = member(root, "chip");

        if (!v)
                bad(d, NULL, E_NOTFOUND, "\"chip\" is missing");
        else if (!cJSON_IsString(v) || !(d->p->chip = efuse_chip_of(v->valuestring)))
                bad(d, "chip", E_NOTFOUND,
                    "one of esp32, esp32s2, esp32s3, esp32c3, esp32c6, esp32h2 belongs here");
}

static void take_parts(struct reader *d, const cJSON *root)
{
        static const char *const modes[] = { "development", "release", NULL };
        static const char *const downloads[] = { "keep", "secure", "off", NULL };
        struct secure_profile *p = d->p;
        const bool v1 = p->chip->flags & EFUSE_CHIP_V1;
        const cJSON *v = member(root, "mode");
        int i = v ? take_word(d, v, modes) : bad(d, NULL, E_NOTFOUND, "\"mode\" is missing");

        p->release = i == 1;
        p->jtag_off = p->release;
        if ((v = member(root, "flash_encryption")) && cJSON_IsString(v) &&
            !strcmp(v->valuestring, "bootloader"))
                p->flash_by_boot = true;
        else if (v)
                take_key(d, v, "flash_encryption", &p->flash);
        if ((v = member(root, "nvs_key")) && v1)
                bad(d, "nvs_key", E_UNSUPPORTED,
                    "an ESP32 has no HMAC: its NVS keys lie on the flash");
        else if (v)
                take_key(d, v, "nvs_key", &p->nvs);
        if (p->nvs.file && p->nvs.bits != 256)
                bad(d, "nvs_key", E_RANGE, "the key of an HMAC has 256 bits");
        if ((v = member(root, "secure_boot")))
                take_boot(d, v);
        if ((v = member(root, "jtag_off")))
                take_flag(d, v, &p->jtag_off);
        if ((v = member(root, "efuses")))
                take_extras(d, v);
        if ((v = member(root, "download")) && (i = take_word(d, v, downloads)) >= 0)
                p->download = (enum secure_download)i;
        if (v1 && p->download == SECURE_DOWNLOAD_SECURE)
                bad(d, "download", E_UNSUPPORTED,
                    "an ESP32 has no secure download mode: keep or off");
        check_blocks(d);
}

static void take_all(struct reader *d, const cJSON *root)
{
        static const char *const names[] = { "chip",    "mode",        "flash_encryption",
                                             "nvs_key", "secure_boot", "jtag_off",
                                             "efuses",  "download",    NULL };
        struct secure_profile *p = d->p;

        p->flash.bits = p->nvs.bits = 256;
        /* apart from each other, so that a resumed run finds the same places */
        p->flash.block = 4;
        p->flash.second = 5;
        for (unsigned i = 0; i < SECURE_DIGESTS; i++)
                p->boot.blocks[i] = 6 + i;
        p->nvs.block = 9;
        if (!check_members(d, root, names))
                return;
        take_chip(d, root);
        if (p->chip)
                take_parts(d, root);
}

int secure_profile_parse(const char *name, const char *text, size_t len,
                         struct secure_profile **out, struct report *r)
{
        struct reader d = { .p = calloc(1, sizeof *d.p), .r = r, .text = text, .len = len };
        const unsigned before = r->errors;
        struct diag why = { 0 };
        cJSON *root = NULL;

        *out = NULL;
        if (!d.p || !(d.p->path = strdup(name)) || !(d.p->dir = path_dir(name)))
                report_error(r, E_NOMEM, name, 0, 0, "out of memory");
        else if (!(root = json_parse(text, len, &why)))
                report_diag(r, name, &why);
        else
                take_all(&d, root);
        cJSON_Delete(root);
        if (r->errors > before) {
                secure_profile_free(d.p);
                return -r->first_code;
        }
        *out = d.p;
        return 0;
}

int secure_profile_load(const char *path, struct secure_profile **out, struct report *r)
{
        struct diag d = { 0 };
        struct blob text;
        int rc;

        *out = NULL;
        if (file_load(path, FILE_LIMIT_KEY, &text, &d) < 0)
                return report_diag(r, NULL, &d);
        rc = secure_profile_parse(path, (const char *)text.data, text.len, out, r);
        blob_free(&text);
        return rc;
}

void secure_profile_free(struct secure_profile *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < p->own_count; i++)
                free(p->own[i]);
        free(p->own);
        free(p->path);
        free(p->dir);
        free(p);
}
