#include "fmt/seccert.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"
#include "crypt/crypt.h"

static const struct {
        uint8_t type;
        const char *name;
} names[] = {
        { SECCERT_CA_CERT, "ESP_SECURE_CERT_CA_CERT_TLV" },
        { SECCERT_DEV_CERT, "ESP_SECURE_CERT_DEV_CERT_TLV" },
        { SECCERT_PRIV_KEY, "ESP_SECURE_CERT_PRIV_KEY_TLV" },
        { SECCERT_DS_DATA, "ESP_SECURE_CERT_DS_DATA_TLV" },
        { SECCERT_DS_CONTEXT, "ESP_SECURE_CERT_DS_CONTEXT_TLV" },
        { SECCERT_ECDSA_SALT, "ESP_SECURE_CERT_HMAC_ECDSA_KEY_SALT" },
        { SECCERT_SEC_CFG, "ESP_SECURE_CERT_TLV_SEC_CFG" },
        { SECCERT_TEE_KEY, "ESP_SECURE_CERT_TEE_SEC_STORAGE_KEY_TLV" },
        { SECCERT_SIGNATURE, "ESP_SECURE_CERT_SIGNATURE_BLOCK_TLV" },
        { SECCERT_INTEGRITY, "ESP_SECURE_CERT_INTEGRITY_TLV" },
        { SECCERT_TYPE_END, "ESP_SECURE_CERT_TLV_END" },
        { SECCERT_USER_1, "ESP_SECURE_CERT_USER_DATA_1_TLV" },
        { SECCERT_USER_1 + 1, "ESP_SECURE_CERT_USER_DATA_2_TLV" },
        { SECCERT_USER_1 + 2, "ESP_SECURE_CERT_USER_DATA_3_TLV" },
        { SECCERT_USER_1 + 3, "ESP_SECURE_CERT_USER_DATA_4_TLV" },
        { SECCERT_USER_5, "ESP_SECURE_CERT_USER_DATA_5_TLV" },
};
#define NAMES (sizeof names / sizeof names[0])

const char *seccert_type_name(unsigned type)
{
        for (size_t i = 0; i < NAMES; i++)
                if (names[i].type == type)
                        return names[i].name;
        return NULL;
}

int seccert_type_of(const char *name)
{
        for (size_t i = 0; i < NAMES; i++)
                if (strcmp(names[i].name, name) == 0)
                        return names[i].type;
        return -E_NOTFOUND;
}

/* ---- reading ---- */

int seccert_next(const uint8_t *image, size_t n, size_t *at, struct seccert_entry *e,
                 struct diag *d)
{
        const uint8_t *p = image + *at;
        const size_t left = n - *at;
        uint32_t word = left >= 4 ? le32_get(p) : 0;
        size_t whole;

        if (left == 0 || (left >= 4 && (word == UINT32_MAX || word == SECCERT_END_MARK)))
                return 0;
        if (word != SECCERT_MAGIC)
                return diag_off(d, E_FORMAT, *at, "no entry: it does not begin with 0x%08x",
                                (unsigned)SECCERT_MAGIC);
        if (left < SECCERT_HEADER)
                return diag_off(d, E_TRUNC, *at, "the file ends inside an entry's header");
        *e = (struct seccert_entry){
                .offset = *at,
                .flags = p[SECCERT_AT_FLAGS],
                .type = p[SECCERT_AT_TYPE],
                .subtype = p[SECCERT_AT_SUBTYPE],
                .data = p + SECCERT_HEADER,
                .len = le16_get(p + SECCERT_AT_LEN),
        };
        whole = SECCERT_ENTRY(e->len);
        if (whole > left)
                return diag_off(d, E_TRUNC, *at, "the entry has %u bytes, but %u are left",
                                (unsigned)whole, (unsigned)left);
        e->crc_ok = crc32_esp(p, whole - SECCERT_FOOTER) == le32_get(p + whole - SECCERT_FOOTER);
        *at += whole;
        return 1;
}

int seccert_find(const uint8_t *image, size_t n, unsigned type, unsigned subtype,
                 struct seccert_entry *e, struct diag *d)
{
        size_t at = 0;
        int rc;

        while ((rc = seccert_next(image, n, &at, e, d)) == 1)
                if (e->type == type && e->subtype == subtype)
                        return e->crc_ok ? 0
                                         : diag_off(d, E_CRC, e->offset, "checksum does not match");
        return rc < 0 ? rc : -E_NOTFOUND;
}

static int entry_check(const uint8_t *image, const struct seccert_entry *e, struct diag *d)
{
        const size_t whole = SECCERT_ENTRY(e->len);
        uint8_t digest[CRYPT_SHA256_LEN];
        int rc;

        if (!e->crc_ok)
                return diag_off(d, E_CRC, e->offset, "the entry's checksum does not match");
        if (!seccert_type_name(e->type) || e->type == SECCERT_TYPE_END)
                return diag_off(d, E_TYPE, e->offset, "type %u is none that the device knows",
                                e->type);
        if (e->subtype > SECCERT_SUBTYPE_MAX)
                return diag_off(d, E_RANGE, e->offset, "subtype 255 means \"invalid\"");
        if (!bytes_all(e->data + e->len, whole - SECCERT_HEADER - SECCERT_FOOTER - e->len, 0))
                return diag_off(d, E_FORMAT, e->offset, "the padding is not zero");
        if (e->type != SECCERT_INTEGRITY)
                return 0;
        if (e->len != sizeof digest)
                return diag_off(d, E_FORMAT, e->offset, "an integrity entry has %u bytes, not %u",
                                (unsigned)sizeof digest, (unsigned)e->len);
        if ((rc = crypt_sha256(image, e->offset, digest)) < 0)
                return rc;
        return memcmp(digest, e->data, sizeof digest) == 0
                       ? 0
                       : diag_off(d, E_VERIFY, e->offset,
                                  "the integrity entry's SHA-256 is not that of the bytes before "
                                  "it: the partition was changed");
}

/* Is there an entry of the same type and subtype before this one? */
static bool seen_before(const uint8_t *image, const struct seccert_entry *e)
{
        struct seccert_entry other;
        size_t at = 0;

        while (seccert_next(image, e->offset, &at, &other, NULL) == 1)
                if (other.type == e->type && other.subtype == e->subtype)
                        return true;
        return false;
}

int seccert_check(const uint8_t *image, size_t n, struct seccert_facts *f, struct diag *d)
{
        struct seccert_entry e;
        struct diag end = { 0 };
        size_t at = 0;
        int rc;

        *f = (struct seccert_facts){ 0 };
        while ((rc = seccert_next(image, n, &at, &e, &end)) == 1) {
                if ((rc = entry_check(image, &e, d)) < 0)
                        return rc;
                if (seen_before(image, &e))
                        return diag_off(d, E_EXISTS, e.offset,
                                        "type %u, subtype %u: there is one "
                                        "already, and the device takes the first",
                                        e.type, e.subtype);
                f->entries++;
                f->sealed = e.type == SECCERT_INTEGRITY;
                f->integrity += f->sealed;
        }
        f->used = at;
        if (rc == -E_TRUNC || (rc < 0 && f->entries == 0))
                return diag_off(d, end.code, end.offset, "%s", end.text);
        if (f->entries == 0)
                return diag_off(d, E_FORMAT, 0, "no entry in it");
        f->stray = rc < 0;
        return 0;
}

/* ---- writing ---- */

int seccert_add(struct seccert_writer *w, uint8_t flags, unsigned type, unsigned subtype,
                const void *data, size_t len, struct diag *d)
{
        const size_t cap = w->cap < SECCERT_SIZE ? w->cap : SECCERT_SIZE;
        uint8_t *p = w->buf + w->len;
        size_t whole;

        if (w->error < 0)
                return w->error;
        if (len > UINT16_MAX || type > UINT8_MAX || subtype > SECCERT_SUBTYPE_MAX)
                return w->error = diag_set(d, E_RANGE,
                                           "type %u, subtype %u: an entry has at most 65535 bytes "
                                           "and a subtype of at most 254",
                                           type, subtype);
        whole = SECCERT_ENTRY(len);
        if (w->len > cap || whole > cap - w->len)
                return w->error = diag_set(
                               d, E_NOSPACE,
                               "type %u, subtype %u: %u bytes more than the partition's "
                               "%u",
                               type, subtype, (unsigned)(w->len + whole - cap), (unsigned)cap);
        memset(p, 0, whole);
        le32_put(p + SECCERT_AT_MAGIC, SECCERT_MAGIC);
        p[SECCERT_AT_FLAGS] = flags;
        p[SECCERT_AT_TYPE] = (uint8_t)type;
        p[SECCERT_AT_SUBTYPE] = (uint8_t)subtype;
        le16_put(p + SECCERT_AT_LEN, (uint16_t)len);
        if (len)
                memcpy(p + SECCERT_HEADER, data, len);
        le32_put(p + whole - SECCERT_FOOTER, crc32_esp(p, whole - SECCERT_FOOTER));
        w->len += whole;
        return 0;
}

int seccert_seal(struct seccert_writer *w, unsigned subtype, bool end_mark, struct diag *d)
{
        uint8_t digest[CRYPT_SHA256_LEN];

        if (w->error == 0)
                w->error = crypt_sha256(w->buf, w->len, digest);
        if (seccert_add(w, 0, SECCERT_INTEGRITY, subtype, digest, sizeof digest, d) < 0)
                return w->error;
        if (!end_mark)
                return 0;
        if (w->cap - w->len < 4 || w->len > SECCERT_SIZE - 4)
                return w->error = diag_set(d, E_NOSPACE, "no room for the end mark");
        le32_put(w->buf + w->len, SECCERT_END_MARK);
        w->len += 4;
        return 0;
}
