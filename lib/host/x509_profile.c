#include "host/x509_profile.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "host/file.h"
#include "host/json.h"

#define DAY  86400
#define YEAR 365 /* days; a CA's end need not fall on its birthday */

/* Devices have coarse clocks or none: what is made now must be valid on a board that is a day
 * behind. */
#define BACKDATE DAY

static const struct {
        const char *name;
        struct profile p;
} builtins[] = {
        { "device",
          { .key = KEY_P256,
            .path_len = -1,
            .key_usage = KU_DIGITAL_SIGNATURE,
            .eku = EKU_CLIENT,
            .days = 20 * YEAR } },
        { "client",
          { .key = KEY_P256,
            .path_len = -1,
            .key_usage = KU_DIGITAL_SIGNATURE,
            .eku = EKU_CLIENT,
            .days = 5 * YEAR } },
        { "server",
          { .key = KEY_P256,
            .path_len = -1,
            .key_usage = KU_DIGITAL_SIGNATURE,
            .eku = EKU_SERVER,
            .days = 5 * YEAR } },
        { "code",
          { .key = KEY_P256,
            .path_len = -1,
            .key_usage = KU_DIGITAL_SIGNATURE,
            .eku = EKU_CODE,
            .days = 20 * YEAR } },
        { "root",
          { .key = KEY_P256,
            .ca = true,
            .path_len = 1,
            .key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN,
            .days = 40 * YEAR } },
        { "issuing",
          { .key = KEY_P256,
            .ca = true,
            .path_len = 0,
            .key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN,
            .days = 30 * YEAR } },
};

int profile_builtin(const char *name, struct profile *p, struct diag *d)
{
        for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
                if (strcmp(builtins[i].name, name) != 0)
                        continue;
                *p = builtins[i].p;
                p->backdate = BACKDATE;
                p->not_before = PROFILE_UNSET;
                p->not_after = PROFILE_UNSET;
                return 0;
        }
        *p = (struct profile){ 0 };
        return diag_set(
                d, E_NOTFOUND,
                "%s: no such profile; built in are device, client, server, code, root, issuing",
                name);
}

void profile_free(struct profile *p)
{
        for (size_t i = 0; i < p->subject_count; i++)
                free(p->subject[i].value);
        for (size_t i = 0; i < p->san_count; i++)
                free(p->san[i]);
        *p = (struct profile){ 0 };
}

static bool digits_to(const char **text, int n, int *out)
{
        *out = 0;
        for (; n; n--, (*text)++) {
                if (!isdigit((unsigned char)**text))
                        return false;
                *out = *out * 10 + (**text - '0');
        }
        return true;
}

/* Reads one separator of set if there is one. */
static void skip_one(const char **text, const char *set)
{
        if (**text && strchr(set, **text))
                (*text)++;
}

int time_parse(const char *text, int64_t *out)
{
        struct tm tm = { 0 };
        struct tm back;
        int year, month;
        time_t t;

        if (!digits_to(&text, 4, &year))
                return -E_SYNTAX;
        skip_one(&text, "-");
        if (!digits_to(&text, 2, &month))
                return -E_SYNTAX;
        skip_one(&text, "-");
        if (!digits_to(&text, 2, &tm.tm_mday))
                return -E_SYNTAX;
        skip_one(&text, "T ");
        if (isdigit((unsigned char)*text)) {
                if (!digits_to(&text, 2, &tm.tm_hour))
                        return -E_SYNTAX;
                skip_one(&text, ":");
                if (!digits_to(&text, 2, &tm.tm_min))
                        return -E_SYNTAX;
                skip_one(&text, ":");
                if (!digits_to(&text, 2, &tm.tm_sec))
                        return -E_SYNTAX;
        }
        skip_one(&text, "Z");
        tm.tm_year = year - 1900;
        tm.tm_mon = month - 1;
        back = tm;
        t = timegm(&back);
        /* timegm takes 31 February for 3 March: a date that comes back changed is none */
        if (*text || back.tm_mday != tm.tm_mday || back.tm_mon != tm.tm_mon ||
            back.tm_hour != tm.tm_hour || back.tm_min != tm.tm_min || back.tm_sec != tm.tm_sec)
                return -E_SYNTAX;
        *out = t;
        return 0;
}

char *cn_fill(const char *template, const char *cn)
{
        static const char word[] = "{cn}";
        size_t n = strlen(template) + 1;
        char *out;
        char *p;

        for (const char *t = template; (t = strstr(t, word)); t += sizeof word - 1)
                n += strlen(cn);
        out = p = malloc(n);
        if (!out)
                return NULL;
        while (*template) {
                if (strncmp(template, word, sizeof word - 1) == 0) {
                        p = stpcpy(p, cn);
                        template += sizeof word - 1;
                } else {
                        *p++ = *template ++;
                }
        }
        *p = 0;
        return out;
}

int cn_check(const char *cn, struct diag *d)
{
        size_t chars = 0;

        for (const unsigned char *p = (const unsigned char *)cn; *p; p++) {
                if (*p < 0x20 || *p == 0x7f)
                        return diag_set(d, E_SYNTAX, "a name may not hold control characters");
                chars += (*p & 0xc0) != 0x80;
        }
        if (chars == 0)
                return diag_set(d, E_SYNTAX, "a name is missing");
        if (chars > CERT_CN_MAX)
                return diag_set(d, E_RANGE,
                                "'%.40s…': %zu characters, a certificate's common name holds %u",
                                cn, chars, CERT_CN_MAX);
        return 0;
}

/* Words and their bits. */
struct word_bit {
        const char *word;
        uint32_t bit;
};
static const struct word_bit key_usages[] = {
        { "digitalSignature", KU_DIGITAL_SIGNATURE },
        { "nonRepudiation", KU_NON_REPUDIATION },
        { "keyEncipherment", KU_KEY_ENCIPHERMENT },
        { "dataEncipherment", KU_DATA_ENCIPHERMENT },
        { "keyAgreement", KU_KEY_AGREEMENT },
        { "keyCertSign", KU_KEY_CERT_SIGN },
        { "cRLSign", KU_CRL_SIGN },
        { NULL, 0 },
};
static const struct word_bit extended_usages[] = {
        { "clientAuth", EKU_CLIENT },
        { "serverAuth", EKU_SERVER },
        { "codeSigning", EKU_CODE },
        { NULL, 0 },
};

static int read_bits(const cJSON *j, const struct word_bit *table, uint32_t *out, struct diag *d)
{
        const cJSON *item;

        *out = 0;
        if (!cJSON_IsArray(j))
                return diag_set(d, E_SYNTAX, "\"%s\" must be a list of words", j->string);
        cJSON_ArrayForEach(item, j)
        {
                const struct word_bit *w = table;

                while (w->word && !(cJSON_IsString(item) && !strcmp(item->valuestring, w->word)))
                        w++;
                if (!w->word)
                        return diag_set(d, E_SYNTAX, "\"%s\": unknown word '%s'; like \"%s\"",
                                        j->string, cJSON_IsString(item) ? item->valuestring : "?",
                                        table->word);
                *out |= w->bit;
        }
        return 0;
}

static int read_text(const cJSON *j, const char **out, struct diag *d)
{
        if (!cJSON_IsString(j))
                return diag_set(d, E_SYNTAX, "\"%s\" must be a text", j->string);
        *out = j->valuestring;
        return 0;
}

static int read_key(struct profile *p, const cJSON *j, struct diag *d)
{
        const char *word = NULL;

        if (read_text(j, &word, d) < 0)
                return -E_SYNTAX;
        p->key = key_type_of(word);
        if (p->key == KEY_NONE)
                return diag_set(d, E_SYNTAX, "\"key\": '%s' is none of " KEY_TYPE_WORDS, word);
        return 0;
}

/* One of two words. */
static int read_choice(const cJSON *j, const char *no, const char *yes, bool *out, struct diag *d)
{
        const char *word = NULL;

        if (read_text(j, &word, d) < 0)
                return -E_SYNTAX;
        if (strcmp(word, no) != 0 && strcmp(word, yes) != 0)
                return diag_set(d, E_SYNTAX, "\"%s\" is \"%s\" or \"%s\"", j->string, no, yes);
        *out = strcmp(word, yes) == 0;
        return 0;
}

static int read_encoding(struct profile *p, const cJSON *j, struct diag *d)
{
        return read_choice(j, "pem", "der", &p->form.der, d);
}

static int read_key_format(struct profile *p, const cJSON *j, struct diag *d)
{
        return read_choice(j, "pkcs8", "sec1", &p->form.traditional, d);
}

static int read_whole(const cJSON *j, int64_t least, int64_t most, int64_t *out, struct diag *d)
{
        const double v = cJSON_IsNumber(j) ? j->valuedouble : -1;

        if (!cJSON_IsNumber(j) || v < (double)least || v > (double)most || v != (double)(int64_t)v)
                return diag_set(d, E_RANGE, "\"%s\" must be a whole number from %lld to %lld",
                                j->string, (long long)least, (long long)most);
        *out = (int64_t)v;
        return 0;
}

static int read_days(struct profile *p, const cJSON *j, struct diag *d)
{
        return read_whole(j, 1, 200 * YEAR, &p->days, d);
}

static int read_backdate(struct profile *p, const cJSON *j, struct diag *d)
{
        const int rc = read_whole(j, 0, 24 * YEAR, &p->backdate, d);

        p->backdate *= 3600;
        return rc;
}

static int read_no_expiry(struct profile *p, const cJSON *j, struct diag *d)
{
        if (!cJSON_IsBool(j))
                return diag_set(d, E_SYNTAX, "\"no_expiry\" is true or false");
        if (cJSON_IsTrue(j))
                p->days = 0;
        return 0;
}

static int read_time(const cJSON *j, int64_t *out, struct diag *d)
{
        const char *text = NULL;

        if (read_text(j, &text, d) < 0)
                return -E_SYNTAX;
        if (time_parse(text, out) < 0)
                return diag_set(d, E_SYNTAX, "\"%s\": '%s' is no time like 2026-11-20T00:00:00Z",
                                j->string, text);
        return 0;
}

static int read_not_before(struct profile *p, const cJSON *j, struct diag *d)
{
        return read_time(j, &p->not_before, d);
}

static int read_not_after(struct profile *p, const cJSON *j, struct diag *d)
{
        return read_time(j, &p->not_after, d);
}

static int read_key_usage(struct profile *p, const cJSON *j, struct diag *d)
{
        return read_bits(j, key_usages, &p->key_usage, d);
}

static int read_eku(struct profile *p, const cJSON *j, struct diag *d)
{
        uint32_t bits;
        const int rc = read_bits(j, extended_usages, &bits, d);

        p->eku = bits;
        return rc;
}

static int read_subject(struct profile *p, const cJSON *j, struct diag *d)
{
        static const char *const parts[] = {
                "O", "OU", "C", "ST", "L", "serialNumber", "DC", NULL
        };
        const cJSON *item;

        if (!cJSON_IsObject(j))
                return diag_set(d, E_SYNTAX,
                                "\"subject\" must be an object like {\"O\": \"Acme\"}");
        cJSON_ArrayForEach(item, j)
        {
                const char *const *t = parts;
                char *value;

                while (*t && strcmp(*t, item->string) != 0)
                        t++;
                if (!*t)
                        return diag_set(
                                d, E_SYNTAX,
                                "\"subject\": '%s' is none of O, OU, C, ST, L, serialNumber, DC%s",
                                item->string,
                                strcmp(item->string, "CN") ? "" : " (CN comes from the device)");
                if (!cJSON_IsString(item) || !*item->valuestring ||
                    p->subject_count == PROFILE_SUBJECT_MAX)
                        return diag_set(d, E_SYNTAX,
                                        "\"subject\": at most %u texts, none of them empty",
                                        PROFILE_SUBJECT_MAX);
                value = strdup(item->valuestring);
                if (!value)
                        return diag_set(d, E_NOMEM, "no memory for a profile");
                p->subject[p->subject_count++] = (struct profile_name){ *t, value };
        }
        return 0;
}

static int read_san(struct profile *p, const cJSON *j, struct diag *d)
{
        const cJSON *item;

        if (!cJSON_IsArray(j))
                return diag_set(d, E_SYNTAX, "\"san\" must be a list like [\"dns:{cn}.local\"]");
        cJSON_ArrayForEach(item, j)
        {
                if (!cJSON_IsString(item) || !strchr(item->valuestring, ':') ||
                    p->san_count == PROFILE_SAN_MAX)
                        return diag_set(d, E_SYNTAX,
                                        "\"san\": at most %u texts like \"dns:{cn}.local\", "
                                        "\"ip:10.0.0.1\", \"uri:…\"",
                                        PROFILE_SAN_MAX);
                p->san[p->san_count] = strdup(item->valuestring);
                if (!p->san[p->san_count])
                        return diag_set(d, E_NOMEM, "no memory for a profile");
                p->san_count++;
        }
        return 0;
}

static int read_base(struct profile *p, const cJSON *j, struct diag *d)
{
        (void)p; /* was read first */
        (void)j;
        (void)d;
        return 0;
}

static const struct {
        const char *name;
        int (*read)(struct profile *p, const cJSON *j, struct diag *d);
} members[] = {
        { "base", read_base },
        { "key", read_key },
        { "encoding", read_encoding },
        { "key_format", read_key_format },
        { "validity_days", read_days },
        { "no_expiry", read_no_expiry },
        { "backdate_hours", read_backdate },
        { "not_before", read_not_before },
        { "not_after", read_not_after },
        { "key_usage", read_key_usage },
        { "extended_key_usage", read_eku },
        { "subject", read_subject },
        { "san", read_san },
};
#define MEMBERS (sizeof members / sizeof *members)

static int read_members(struct profile *p, const cJSON *j, struct diag *d)
{
        const cJSON *item;

        cJSON_ArrayForEach(item, j)
        {
                size_t i = 0;
                int rc;

                while (i < MEMBERS && strcmp(members[i].name, item->string) != 0)
                        i++;
                if (i == MEMBERS)
                        return diag_set(d, E_SYNTAX,
                                        "unknown member \"%.60s\"; see fctry-profile(5)",
                                        item->string);
                for (const cJSON *other = item->next; other; other = other->next)
                        if (!strcmp(other->string, item->string))
                                return diag_set(d, E_SYNTAX, "\"%s\" stands there twice",
                                                item->string);
                if ((rc = members[i].read(p, item, d)) < 0)
                        return rc;
        }
        if (p->not_before != PROFILE_UNSET && p->not_after != PROFILE_UNSET &&
            p->not_after <= p->not_before)
                return diag_set(d, E_RANGE, "\"not_after\" must come after \"not_before\"");
        if (p->form.traditional && p->key == KEY_ED25519)
                return diag_set(d, E_SYNTAX,
                                "an ed25519 key has no SEC1 form; use \"key_format\": \"pkcs8\"");
        return 0;
}

int profile_parse(const char *text, size_t len, struct profile *p, struct diag *d)
{
        cJSON *j = json_parse(text, len, d);
        const char *base = "device";
        const cJSON *named;
        int rc;

        *p = (struct profile){ 0 };
        if (!j)
                return -E_SYNTAX;
        named = cJSON_GetObjectItemCaseSensitive(j, "base");
        if (!cJSON_IsObject(j))
                rc = diag_set(d, E_SYNTAX, "a profile is a JSON object");
        else if (named && (rc = read_text(named, &base, d)) < 0)
                ;
        else if ((rc = profile_builtin(base, p, d)) == 0)
                rc = read_members(p, j, d);
        cJSON_Delete(j);
        return rc;
}

int profile_load(const char *name_or_path, struct profile *p, struct diag *d)
{
        struct diag why = { 0 };
        struct blob text;
        int rc;

        if (profile_builtin(name_or_path, p, NULL) == 0)
                return 0;
        if (!strchr(name_or_path, '/') && !strchr(name_or_path, '.') && !file_exists(name_or_path))
                return profile_builtin(name_or_path, p, d);
        if ((rc = file_load(name_or_path, FILE_LIMIT_TEXT, &text, d)) < 0)
                return rc;
        rc = profile_parse((const char *)text.data, text.len, p, &why);
        blob_free(&text);
        if (rc < 0 && why.line)
                return diag_set(d, -rc, "%s:%u:%u: %s", name_or_path, why.line, why.column,
                                why.text);
        return rc < 0 ? diag_set(d, -rc, "%s: %s", name_or_path, why.text) : 0;
}
