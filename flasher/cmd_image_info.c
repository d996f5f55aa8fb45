#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "flasher.h"
#include "fmt/espimg.h"

static int64_t form = 2;

const struct opt image_info_options[] = {
        { 'e', "version", OPT_INT, &form, "1|2", NULL },
        { 0 },
};

struct view {
        const struct chip *chip;
        struct espimg img;
        const uint8_t *p;
        size_t n;
        unsigned version;
};

/*
 * Version 2 of the ESP8266: one segment that stays in flash, then an ordinary image. The checksum
 * covers the second part alone.
 */
static int read_v2(struct view *v, struct diag *d)
{
        uint32_t irom;
        struct espimg inner;
        size_t at;
        int rc;

        if (v->n < 2 * ESPIMG_HEADER)
                return diag_off(d, E_TRUNC, v->n, "cut short in the header of the irom segment");
        irom = le32_get(v->p + 12);
        at = ESPIMG_HEADER + ESPIMG_SEGMENT;
        if (irom > v->n - at)
                return diag_off(d, E_TRUNC, 12, "the irom segment has %u bytes, the file fewer",
                                irom);
        if ((rc = espimg_read(v->p + at + irom, v->n - at - irom, false, &inner, d)) < 0)
                return rc;
        if (inner.count >= ESPIMG_SEGMENTS_MAX)
                return diag_off(d, E_FORMAT, at + irom + 1, "more than 16 segments");
        v->img = inner;
        v->img.segments[0] = (struct espimg_segment){ 0, irom, at };
        for (unsigned i = 0; i < inner.count; i++) {
                v->img.segments[i + 1] = inner.segments[i];
                v->img.segments[i + 1].offset += at + irom;
        }
        v->img.count = inner.count + 1;
        return 0;
}

/* The chip: named, or by the id in the extended header. */
static int find_chip(struct view *v, struct diag *d)
{
        struct espimg_header h;
        int rc;

        v->version = 1;
        if (v->n && v->p[0] == ESPIMG_MAGIC_V2 && (!v->chip || v->chip->image_id < 0)) {
                v->chip = chip_by_name("esp8266");
                v->version = 2;
                return 0;
        }
        if (v->chip)
                return 0;
        if ((rc = espimg_header_read(v->p, v->n, true, &h, d)) < 0)
                return rc;
        v->chip = chip_by_image_id(h.chip_id);
        if (!v->chip)
                return diag_off(d, E_UNSUPPORTED, ESPIMG_AT_CHIP,
                                "chip id %u is not known; an ESP8266 image needs --chip esp8266",
                                h.chip_id);
        return 0;
}

static const char *memory(const struct chip *c, uint32_t addr)
{
        if (addr == 0)
                return "padding";
        if (addr >= c->irom[0] && addr < c->irom[1])
                return "flash, code";
        if (addr >= c->drom[0] && addr < c->drom[1])
                return "flash, data";
        return "RAM";
}

static const char *validity(bool good)
{
        return good ? "valid" : "INVALID";
}

static void show_descriptors(const struct view *v)
{
        for (unsigned i = 0; i < v->img.count; i++) {
                const struct espimg_segment *s = &v->img.segments[i];
                struct espimg_desc a;
                struct espimg_boot_desc b;
                char sha[65];

                if (espimg_desc_read(v->p + s->offset, s->len, &a) == 0) {
                        hex_encode(a.elf_sha, 32, sha);
                        printf("\nProject:         %s\nVersion:         %s\nCompiled:        %s "
                               "%s\nESP-IDF:         %s\n"
                               "Secure version:  %u\nELF SHA-256:     %s\n",
                               a.project, a.version, a.date, a.time, a.idf, a.secure_version, sha);
                } else if (i == 0 && !chip_in_flash_window(v->chip, s->addr) &&
                           espimg_boot_desc_read(v->p + s->offset, s->len, &b) == 0) {
                        printf("\nBootloader:      %u\nESP-IDF:         %s\nCompiled:        %s\n",
                               b.version, b.idf, b.date);
                }
        }
}

static void show(const struct view *v, bool sum_good, bool hash_good)
{
        const struct espimg_header *h = &v->img.header;
        const char *size = chip_size_word(v->chip, h->size_code);
        const char *freq = chip_freq_word(v->chip, h->freq_code);
        const struct chip *of = v->chip->image_id >= 0 ? chip_by_image_id(h->chip_id) : NULL;
        char hash[65];

        printf("Image of:        %s%s\nFile size:       %zu\nEntry point:     0x%08x\nFlash:       "
               "    %s %s %s\n",
               v->chip->name, v->version == 2 ? " (version 2)" : "", v->n, h->entry,
               flash_mode_word(h->mode), freq ? freq : "?", size ? size : "?");
        if (v->chip->image_id >= 0)
                printf("Chip id:         %u (%s)\nChip revisions:  v%d.%d to v%d.%d (legacy: %u)\n",
                       h->chip_id, of ? of->name : "not known", h->min_rev_full / 100,
                       h->min_rev_full % 100, h->max_rev_full / 100, h->max_rev_full % 100,
                       h->min_rev);
        printf("\nSegment  Length   Address     Offset\n");
        for (unsigned i = 0; i < v->img.count; i++)
                printf("%7u  0x%05x  0x%08x  0x%06zx  %s\n", i, v->img.segments[i].len,
                       v->img.segments[i].addr, v->img.segments[i].offset - ESPIMG_SEGMENT,
                       memory(v->chip, v->img.segments[i].addr));
        printf("\nChecksum:        0x%02x (%s)\n", v->img.checksum_stored, validity(sum_good));
        if (v->img.hash_there) {
                hex_encode(v->img.hash_stored, 32, hash);
                printf("SHA-256:         %s (%s)\n", hash, validity(hash_good));
        } else if (v->chip->image_id >= 0) {
                printf("SHA-256:         not appended\n");
        }
        show_descriptors(v);
}

static void show_json(const struct view *v, bool sum_good, bool hash_good)
{
        const struct espimg_header *h = &v->img.header;
        struct json_writer w = { .out = stdout };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", "image");
        json_str(&w, "chip", v->chip->name);
        json_uint(&w, "entry", h->entry);
        json_str(&w, "flash_mode", flash_mode_word(h->mode));
        json_str(&w, "flash_freq", chip_freq_word(v->chip, h->freq_code));
        json_str(&w, "flash_size", chip_size_word(v->chip, h->size_code));
        json_uint(&w, "chip_id", h->chip_id);
        json_uint(&w, "min_rev_full", h->min_rev_full);
        json_uint(&w, "max_rev_full", h->max_rev_full);
        json_open(&w, "segments", '[');
        for (unsigned i = 0; i < v->img.count; i++) {
                json_open(&w, NULL, '{');
                json_uint(&w, "address", v->img.segments[i].addr);
                json_uint(&w, "length", v->img.segments[i].len);
                json_uint(&w, "offset", v->img.segments[i].offset - ESPIMG_SEGMENT);
                json_close(&w, '}');
        }
        json_close(&w, ']');
        json_bool(&w, "checksum_valid", sum_good);
        json_bool(&w, "hash_appended", v->img.hash_there);
        json_bool(&w, "hash_valid", v->img.hash_there && hash_good);
        json_close(&w, '}');
        putchar('\n');
}

static int info(struct view *v, const char *path)
{
        const struct chip *other;
        struct diag d = { 0 };
        bool sum_good;
        bool hash_good;
        int rc = find_chip(v, &d);

        if (rc == 0)
                rc = v->version == 2 ? read_v2(v, &d)
                                     : espimg_read(v->p, v->n, v->chip->image_id >= 0, &v->img, &d);
        if (rc < 0)
                return fail(path, &d);
        sum_good = v->img.checksum == v->img.checksum_stored;
        hash_good = !memcmp(v->img.hash, v->img.hash_stored, ESPIMG_HASH_LEN);
        if (g.json)
                show_json(v, sum_good, hash_good);
        else
                show(v, sum_good, hash_good);
        other = v->chip->image_id >= 0 ? chip_by_image_id(v->img.header.chip_id) : v->chip;
        if (other != v->chip)
                say("%s: note: the image is for %s, not for %s", path,
                    other ? other->name : "another chip", v->chip->name);
        if (espimg_check(&v->img, &d) < 0)
                return fail(path, &d);
        return STATUS_DONE;
}

int cmd_image_info(int argc, char **argv)
{
        struct view v = { 0 };
        struct blob file = { 0 };
        struct diag d = { 0 };
        int status;

        (void)argc;
        if ((status = session_chip(&v.chip)) != 0)
                return status;
        if (file_load(argv[0], FILE_LIMIT_IMAGE, &file, &d) < 0)
                return fail(NULL, &d);
        v.p = file.data;
        v.n = file.len;
        status = info(&v, argv[0]);
        blob_free(&file);
        return status;
}
