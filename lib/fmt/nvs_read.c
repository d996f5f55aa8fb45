#include "fmt/nvs_read.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "base/err.h"

int nvs_page_get(struct nvs_page *p, const uint8_t *image, size_t len, uint32_t index)
{
        if (index >= nvs_page_count(len))
                return -E_RANGE;
        p->data = image + (size_t)index * NVS_PAGE_SIZE;
        p->index = index;
        p->state = le32_get(p->data + NVS_HDR_STATE);
        p->seq = le32_get(p->data + NVS_HDR_SEQ);
        p->version = p->data[NVS_HDR_VERSION];
        p->crc_ok = le32_get(p->data + NVS_HDR_CRC) ==
                    crc32_esp(p->data + NVS_HDR_SEQ, NVS_HDR_CRC - NVS_HDR_SEQ);
        p->readable = p->crc_ok && p->version >= NVS_VERSION_2 &&
                      (p->state == NVS_PAGE_ACTIVE || p->state == NVS_PAGE_FULL ||
                       p->state == NVS_PAGE_FREEING);
        return 0;
}

bool nvs_has_page(const uint8_t *image, size_t len)
{
        struct nvs_page p;

        for (uint32_t i = 0; nvs_page_get(&p, image, len, i) == 0; i++)
                if (p.readable)
                        return true;
        return false;
}

bool nvs_type_is_variable(unsigned type)
{
        return type == NVS_STR || type == NVS_BLOB || type == NVS_BLOB_DATA;
}

bool nvs_type_is_int(unsigned type)
{
        const unsigned size = type & 0x0f;

        return (type & ~0x1fu) == 0 && (size == 1 || size == 2 || size == 4 || size == 8);
}

const char *nvs_type_name(unsigned type)
{
        switch (type) {
        case NVS_U8:
                return "u8";
        case NVS_I8:
                return "i8";
        case NVS_U16:
                return "u16";
        case NVS_I16:
                return "i16";
        case NVS_U32:
                return "u32";
        case NVS_I32:
                return "i32";
        case NVS_U64:
                return "u64";
        case NVS_I64:
                return "i64";
        case NVS_STR:
                return "str";
        case NVS_BLOB:
                return "blob";
        case NVS_BLOB_DATA:
                return "blob-data";
        case NVS_BLOB_INDEX:
                return "blob-index";
        default:
                return NULL;
        }
}

static bool entry_crc_ok(const uint8_t *raw)
{
        const uint32_t crc = crc32_esp(raw, NVS_ENT_CRC);

        return le32_get(raw + NVS_ENT_CRC) ==
               crc32_le(crc, raw + NVS_ENT_KEY, NVS_ENTRY_SIZE - NVS_ENT_KEY);
}

/* Little-endian integer of a known type, sign extended. */
static uint64_t int_bits(const uint8_t *p, unsigned type)
{
        const unsigned width = (type & 0x0f) * 8;
        uint64_t v = le64_get(p);

        if (width == 64)
                return v;
        v &= ((uint64_t)1 << width) - 1;
        if (type & 0x10 && v >> (width - 1))
                v |= ~(uint64_t)0 << width;
        return v;
}

/* Slots that an entry with a size takes, itself included. */
static size_t variable_span(const uint8_t *raw)
{
        return 1 + ((size_t)le16_get(raw + NVS_ENT_DATA) + NVS_ENTRY_SIZE - 1) / NVS_ENTRY_SIZE;
}

static void parse_variable(struct nvs_item *it)
{
        const size_t size = le16_get(it->raw + NVS_ENT_DATA);

        if (it->span != variable_span(it->raw)) {
                it->faults |= NVS_BAD_SPAN;
                return;
        }
        it->data = it->raw + NVS_ENTRY_SIZE;
        it->len = size;
        if (crc32_esp(it->data, size) != le32_get(it->raw + NVS_ENT_DATA + 4))
                it->faults |= NVS_BAD_DATA_CRC;
        if (it->type == NVS_STR && (size == 0 || it->data[size - 1] != 0))
                it->faults |= NVS_BAD_STR;
}

/*
 * Slots behind a damaged header that seem to be its data: neither empty nor an intact entry. A
 * device drops each of them as a damaged entry of its own.
 */
static unsigned damaged_slots(const struct nvs_page *p, const struct nvs_item *it)
{
        unsigned n = 1;

        if (!nvs_type_is_variable(it->type))
                return 1;
        while (n < it->span && it->entry + n < NVS_PAGE_ENTRIES &&
               nvs_page_slot(p, it->entry + n) == it->slot &&
               !entry_crc_ok(it->raw + (size_t)n * NVS_ENTRY_SIZE))
                n++;
        return n;
}

void nvs_item_get(struct nvs_item *it, const struct nvs_page *p, unsigned i)
{
        const uint8_t *raw = nvs_page_entry(p, i);

        memset(it, 0, sizeof *it);
        it->raw = raw;
        it->page = p->index;
        it->entry = i;
        it->slot = nvs_page_slot(p, i);
        it->ns = raw[NVS_ENT_NS];
        it->type = raw[NVS_ENT_TYPE];
        it->span = raw[NVS_ENT_SPAN];
        it->chunk = raw[NVS_ENT_CHUNK];
        memcpy(it->key, raw + NVS_ENT_KEY, NVS_KEY_MAX + 1);
        it->key_len = (uint8_t)strlen(it->key);
        if (it->key_len == 0 || it->key_len > NVS_KEY_MAX)
                it->faults |= NVS_BAD_KEY;
        if (!nvs_type_name(it->type))
                it->faults |= NVS_BAD_TYPE;
        if (it->span == 0 || it->span > NVS_PAGE_ENTRIES - i)
                it->faults |= NVS_BAD_SPAN;
        if (!entry_crc_ok(raw)) {
                it->faults |= NVS_BAD_CRC;
                it->slots = damaged_slots(p, it);
                return;
        }
        it->slots = it->faults & NVS_BAD_SPAN ? 1 : it->span;
        for (unsigned k = 1; k < it->slots; k++)
                if (nvs_page_slot(p, i + k) != it->slot)
                        it->faults |= NVS_BAD_STATE;
        if (nvs_type_is_int(it->type))
                it->bits = int_bits(raw + NVS_ENT_DATA, it->type);
        else if (it->type == NVS_BLOB_INDEX)
                it->bits = le32_get(raw + NVS_ENT_DATA);
        if (it->faults & NVS_BAD_SPAN)
                return;
        if (nvs_type_is_variable(it->type))
                parse_variable(it);
        else if (!(it->faults & NVS_BAD_TYPE) && it->span != 1)
                it->faults |= NVS_BAD_SPAN;
}

void nvs_walk_init(struct nvs_walk *w, const uint8_t *image, size_t len, bool erased)
{
        memset(w, 0, sizeof *w);
        w->image = image;
        w->len = len;
        w->erased = erased;
        w->next_slot = NVS_PAGE_ENTRIES;
}

/* The next slot that is written or erased; false at the end of the image. */
static bool walk_slot(struct nvs_walk *w)
{
        for (;;) {
                if (w->next_slot >= NVS_PAGE_ENTRIES) {
                        if (nvs_page_get(&w->page, w->image, w->len, w->next_page) < 0)
                                return false;
                        w->next_page++;
                        w->next_slot = w->page.readable ? 0 : NVS_PAGE_ENTRIES;
                } else if (nvs_page_slot(&w->page, w->next_slot) == NVS_SLOT_WRITTEN ||
                           nvs_page_slot(&w->page, w->next_slot) == NVS_SLOT_ERASED) {
                        return true;
                } else {
                        w->next_slot++;
                }
        }
}

bool nvs_walk_next(struct nvs_walk *w, struct nvs_item *it)
{
        while (walk_slot(w)) {
                nvs_item_get(it, &w->page, w->next_slot);
                /* an interrupted write or erase: what follows is its data, unless it is an intact
                 * entry */
                for (unsigned k = 1; it->faults & NVS_BAD_STATE && k < it->slots; k++)
                        if (nvs_page_slot(&w->page, it->entry + k) == NVS_SLOT_WRITTEN &&
                            entry_crc_ok(it->raw + (size_t)k * NVS_ENTRY_SIZE))
                                it->slots = k;
                w->next_slot += it->slots;
                if (it->slot == NVS_SLOT_WRITTEN || w->erased)
                        return true;
        }
        return false;
}

/*
 * Whether the fields that need no checksum are those of some entry. Noise has a known type and a
 * padded key once in about 5000, which is not rare enough for images of few entries and thousands
 * of units; span and chunk as the type needs them besides once in more than 10^8.
 */
static bool item_formed(const struct nvs_item *it)
{
        const size_t pad = (size_t)it->key_len + 1;
        size_t need = 1;

        if (it->faults & (NVS_BAD_KEY | NVS_BAD_TYPE) ||
            !bytes_all((const uint8_t *)it->key + pad, sizeof it->key - pad, 0))
                return false;
        if (nvs_type_is_variable(it->type))
                need = variable_span(it->raw);
        return it->span == need && (it->chunk == NVS_CHUNK_ANY || it->type == NVS_BLOB_DATA);
}

bool nvs_looks_encrypted(const uint8_t *image, size_t len)
{
        struct nvs_walk w;
        struct nvs_item it;
        size_t total = 0;
        size_t formed = 0;

        nvs_walk_init(&w, image, len, false);
        while (nvs_walk_next(&w, &it)) {
                if (!(it.faults & NVS_BAD_CRC))
                        return false;
                total++;
                if (item_formed(&it))
                        formed++;
        }
        return formed * 8 < total;
}

bool nvs_looks_plain(const uint8_t *image, size_t len)
{
        struct nvs_walk w;
        struct nvs_item it;

        nvs_walk_init(&w, image, len, false);
        while (nvs_walk_next(&w, &it))
                if (!it.faults)
                        return true;
        return false;
}
