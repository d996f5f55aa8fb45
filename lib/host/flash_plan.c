#include "host/flash_plan.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/flash.h"
#include "crypt/crypt.h"
#include "host/link_impl.h"
#include "host/pool.h"

/* A blank run shorter than this costs more in commands than it saves. */
#define BLANK_SECTORS 8
#define LEVEL         12

struct piece {
        uint32_t offset;
        const uint8_t *data;
        size_t len;
        uint8_t *comp; /* owned; NULL: sent as it is */
        size_t comp_len;
        bool blank;
        uint8_t md5[16]; /* of blank pieces: of that many 0xff */
};

struct pieces {
        struct piece *at;
        size_t n;
};

struct image {
        struct flash_image of;
        struct pieces all;
        struct pieces changed; /* with old: only what differs */
        uint8_t md5[16];
        uint8_t old_md5[16];
};

struct flash_plan {
        struct flash_options opt;
        struct image *images;
        size_t n;
};

static int add_piece(struct pieces *ps, uint32_t offset, const uint8_t *data, size_t len,
                     bool blank)
{
        struct piece *grown = realloc(ps->at, (ps->n + 1) * sizeof *grown);

        if (!grown)
                return -E_NOMEM;
        ps->at = grown;
        grown[ps->n++] =
                (struct piece){ .offset = offset, .data = data, .len = len, .blank = blank };
        return 0;
}

static size_t sector_len(size_t len, size_t at)
{
        return len - at < FLASH_SECTOR ? len - at : FLASH_SECTOR;
}

/* End of the run of blank (or not blank) sectors that begins at at. */
static size_t run_end(const uint8_t *p, size_t len, size_t at, bool blank)
{
        while (at < len && bytes_all(p + at, sector_len(len, at), 0xff) == blank)
                at += sector_len(len, at);
        return at;
}

/* Data and long blank runs take turns; short blank runs stay with the data around them. */
static int cut(struct pieces *ps, uint32_t offset, const uint8_t *data, size_t len, bool encrypted)
{
        size_t begin = 0;
        size_t at = encrypted ? len : 0;
        int rc = 0;

        while (at < len && rc == 0) {
                const size_t data_end = run_end(data, len, at, false);
                const size_t blank_end = run_end(data, len, data_end, true);

                at = blank_end;
                if (blank_end - data_end < BLANK_SECTORS * FLASH_SECTOR)
                        continue;
                if (data_end > begin)
                        rc = add_piece(ps, offset + (uint32_t)begin, data + begin, data_end - begin,
                                       false);
                if (rc == 0)
                        rc = add_piece(ps, offset + (uint32_t)data_end, data + data_end,
                                       blank_end - data_end, true);
                begin = blank_end;
        }
        if (rc == 0 && begin < len)
                rc = add_piece(ps, offset + (uint32_t)begin, data + begin, len - begin, false);
        return rc;
}

/* Sectors that differ from old; what lies behind old's end is unknown and differs. */
static int cut_changed(struct image *im)
{
        const struct flash_image *f = &im->of;
        size_t at = 0;
        int rc = 0;

        while (at < f->len && rc == 0) {
                size_t begin;

                while (at < f->len && at + sector_len(f->len, at) <= f->old_len &&
                       !memcmp(f->data + at, f->old + at, sector_len(f->len, at)))
                        at += sector_len(f->len, at);
                begin = at;
                while (at < f->len &&
                       (at + sector_len(f->len, at) > f->old_len ||
                        memcmp(f->data + at, f->old + at, sector_len(f->len, at)) != 0))
                        at += sector_len(f->len, at);
                if (at > begin)
                        rc = add_piece(&im->changed, f->offset + (uint32_t)begin, f->data + begin,
                                       at - begin, false);
        }
        return rc;
}

/* Compressed only if that is smaller. */
static int compress_piece(struct libdeflate_compressor *c, struct piece *p)
{
        const size_t cap = libdeflate_zlib_compress_bound(c, p->len);
        uint8_t *out = malloc(cap);
        uint8_t *fit;

        if (!out)
                return -E_NOMEM;
        p->comp_len = libdeflate_zlib_compress(c, p->data, p->len, out, cap);
        if (p->comp_len == 0 || p->comp_len >= p->len) {
                free(out);
                return 0;
        }
        p->comp = out;
        fit = realloc(out, p->comp_len);
        if (fit)
                p->comp = fit;
        return 0;
}

static int digest_blank(struct piece *p)
{
        struct crypt_md5 c;
        uint8_t ff[1024];
        int rc = crypt_md5_init(&c);

        memset(ff, 0xff, sizeof ff);
        for (size_t at = 0; at < p->len && rc == 0; at += sizeof ff)
                rc = crypt_md5_update(&c, ff, p->len - at < sizeof ff ? p->len - at : sizeof ff);
        return rc == 0 ? crypt_md5_finish(&c, p->md5) : rc;
}

static int prepare(struct libdeflate_compressor *c, struct pieces *ps, bool compress)
{
        int rc = 0;

        for (size_t i = 0; i < ps->n && rc == 0; i++) {
                if (ps->at[i].blank)
                        rc = digest_blank(&ps->at[i]);
                else if (compress)
                        rc = compress_piece(c, &ps->at[i]);
        }
        return rc;
}

static int prepare_image(struct image *im, const struct flash_options *opt,
                         struct libdeflate_compressor *c)
{
        const bool compress = !opt->plain && !im->of.encrypted;
        int rc = cut(&im->all, im->of.offset, im->of.data, im->of.len, im->of.encrypted);

        if (rc == 0)
                rc = crypt_md5(im->of.data, im->of.len, im->md5);
        if (rc == 0 && im->of.old)
                rc = cut_changed(im);
        if (rc == 0 && im->of.old)
                rc = crypt_md5(im->of.old, im->of.old_len, im->old_md5);
        if (rc == 0)
                rc = prepare(c, &im->changed, compress);
        /* the whole image is needed only when old was wrong, but then at once */
        if (rc == 0)
                rc = prepare(c, &im->all, compress);
        return rc;
}

static int check_layout(const struct flash_image *images, size_t n, struct diag *d)
{
        for (size_t i = 0; i < n; i++) {
                const uint64_t end =
                        ((uint64_t)images[i].offset + images[i].len + FLASH_SECTOR - 1) /
                        FLASH_SECTOR * FLASH_SECTOR;

                if (images[i].offset % FLASH_SECTOR)
                        return diag_set(d, E_RANGE, "%s: offset 0x%x is not a multiple of 4096",
                                        images[i].name, images[i].offset);
                if (end > (uint64_t)1 << 32)
                        return diag_set(d, E_RANGE, "%s: goes past the end of any flash",
                                        images[i].name);
                for (size_t k = 0; k < n; k++)
                        if (k != i && images[k].offset >= images[i].offset &&
                            images[k].offset < end && images[k].len && images[i].len)
                                return diag_set(
                                        d, E_EXISTS,
                                        "%s at 0x%x (0x%zx bytes) and %s at 0x%x share a sector",
                                        images[i].name, images[i].offset, images[i].len,
                                        images[k].name, images[k].offset);
        }
        return 0;
}

int flash_plan_new(const struct flash_image *images, size_t n, const struct flash_options *opt,
                   struct flash_plan **out, struct diag *d)
{
        struct libdeflate_compressor *c = NULL;
        struct flash_plan *p = NULL;
        int rc = check_layout(images, n, d);

        if (rc < 0)
                return rc;
        p = calloc(1, sizeof *p);
        c = libdeflate_alloc_compressor(LEVEL);
        rc = -E_NOMEM;
        if (!p || !c || !(p->images = calloc(n + 1, sizeof *p->images)))
                goto out;
        p->opt = *opt;
        p->n = n;
        rc = 0;
        for (size_t i = 0; i < n && rc == 0; i++) {
                p->images[i].of = images[i];
                rc = prepare_image(&p->images[i], opt, c);
        }
out:
        libdeflate_free_compressor(c);
        if (rc < 0) {
                flash_plan_free(p);
                return diag_set(d, -rc, "out of memory");
        }
        *out = p;
        return 0;
}

static void pieces_free(struct pieces *ps)
{
        for (size_t i = 0; i < ps->n; i++) {
                if (ps->at[i].comp)
                        wipe(ps->at[i].comp, ps->at[i].comp_len); /* may hold keys */
                free(ps->at[i].comp);
        }
        free(ps->at);
}

void flash_plan_free(struct flash_plan *p)
{
        if (!p)
                return;
        for (size_t i = 0; p->images && i < p->n; i++) {
                pieces_free(&p->images[i].all);
                pieces_free(&p->images[i].changed);
        }
        free(p->images);
        free(p);
}

uint32_t flash_plan_end(const struct flash_plan *p)
{
        uint32_t end = 0;

        for (size_t i = 0; i < p->n; i++)
                if (p->images[i].of.offset + (uint32_t)p->images[i].of.len > end)
                        end = p->images[i].of.offset + (uint32_t)p->images[i].of.len;
        return end;
}

/* Can the chip tell what its flash holds? */
static bool has_md5(struct loader *l)
{
        return !loader_secure_download(l) &&
               (loader_is_stub(l) || loader_chip(l)->caps & CHIP_ROM_ATTACH);
}

/* 1 if the flash holds what md5 says, 0 if not. */
static int holds(struct loader *l, uint32_t offset, size_t len, const uint8_t md5[16],
                 struct diag *d)
{
        uint8_t now[16];
        const int rc = loader_flash_md5(l, offset, (uint32_t)len, now, d);

        return rc < 0 ? rc : !memcmp(now, md5, 16);
}

static int write_piece(struct loader *l, const struct piece *p, bool encrypted,
                       struct flash_stats *st, struct diag *d)
{
        int rc;

        if (p->blank) {
                rc = has_md5(l) ? holds(l, p->offset, p->len, p->md5, d) : 0;
                if (rc != 0)
                        return rc < 0 ? rc : 0;
                st->written += p->len;
                return loader_flash_erase(l, p->offset, align_up((uint32_t)p->len, FLASH_SECTOR),
                                          d);
        }
        st->written += p->len;
        if (p->comp && (loader_is_stub(l) || loader_chip(l)->caps & CHIP_ROM_ATTACH))
                return loader_flash_write_deflated(l, p->offset, p->comp, p->comp_len, p->len, d);
        return loader_flash_write(l, p->offset, p->data, p->len, encrypted, d);
}

static int write_pieces(struct loader *l, const struct pieces *ps, bool encrypted,
                        struct flash_stats *st, struct diag *d)
{
        int rc = 0;

        for (size_t i = 0; i < ps->n && rc == 0; i++)
                rc = write_piece(l, &ps->at[i], encrypted, st, d);
        return rc;
}

/* Can and shall it be verified? */
static bool checked(const struct flash_plan *p, const struct image *im, struct loader *l)
{
        return !p->opt.no_verify && !im->of.encrypted && has_md5(l);
}

/* Only what differs from old; 0 if that did not lead to the image. */
static int write_changed(const struct flash_plan *p, const struct image *im, struct loader *l,
                         struct flash_stats *st, struct diag *d)
{
        int rc = 1;

        if (!im->of.old || !has_md5(l))
                return 0;
        if (!p->opt.trust_old && im->of.old_len)
                rc = holds(l, im->of.offset, im->of.old_len, im->old_md5, d);
        if (rc <= 0)
                return rc;
        if ((rc = write_pieces(l, &im->changed, im->of.encrypted, st, d)) < 0)
                return rc;
        return holds(l, im->of.offset, im->of.len, im->md5, d);
}

static int write_image(const struct flash_plan *p, const struct image *im, struct loader *l,
                       struct flash_stats *st, struct diag *d)
{
        int rc;

        if (!p->opt.always && !im->of.encrypted && has_md5(l)) {
                rc = holds(l, im->of.offset, im->of.len, im->md5, d);
                st->images_skipped += rc > 0;
                if (rc != 0)
                        return rc < 0 ? rc : 0;
        }
        if ((rc = write_changed(p, im, l, st, d)) != 0)
                return rc < 0 ? rc : 0;
        for (int tries = 2;; tries--) {
                struct diag quiet = { 0 };

                rc = write_pieces(l, &im->all, im->of.encrypted, st, &quiet);
                if (rc == 0 && !checked(p, im, l)) {
                        st->images_unverified++;
                        return 0;
                }
                if (rc == 0)
                        rc = holds(l, im->of.offset, im->of.len, im->md5, &quiet);
                if (rc > 0)
                        return 0;
                if (rc == 0)
                        rc = diag_set(&quiet, E_VERIFY,
                                      "the flash does not hold what was written (MD5 differs)");
                if (tries == 1 || rc == -E_LINK || rc == -E_CANCELLED)
                        return diag_set(d, -rc, "%s", diag_text(&quiet));
                /* a lost or damaged byte: find the loader again and write the image once more */
                if (rc == -E_TIMEOUT && loader_resync(l) < 0)
                        return diag_set(d, -rc, "%s", diag_text(&quiet));
        }
}

int flash_plan_run(const struct flash_plan *p, struct loader *l, struct flash_stats *st,
                   struct diag *d)
{
        const uint64_t began = link_clock();
        const uint64_t wire = link_sent(loader_link(l)) + link_received(loader_link(l));
        int rc = 0;

        memset(st, 0, sizeof *st);
        for (size_t i = 0; i < p->n && rc == 0; i++) {
                const struct image *im = &p->images[i];
                const uint64_t before = st->written;
                struct diag inner = { 0 };

                if (im->of.len == 0)
                        continue;
                rc = write_image(p, im, l, st, &inner);
                if (rc < 0)
                        diag_set(d, -rc,
                                 "%s at 0x%x: %s; %u of %zu images are written, this one %s: run "
                                 "the same command again",
                                 im->of.name, im->of.offset, diag_text(&inner), st->images_done,
                                 p->n, st->written > before ? "is in pieces" : "was not touched");
                else
                        st->images_done++;
                st->bytes += im->of.len;
        }
        st->wire = link_sent(loader_link(l)) + link_received(loader_link(l)) - wire;
        st->seconds = (double)(link_clock() - began) / 1000.0;
        return rc;
}

int flash_plan_verify(const struct flash_plan *p, struct loader *l, struct diag *d)
{
        int rc = 1;

        for (size_t i = 0; i < p->n && rc > 0; i++) {
                const struct image *im = &p->images[i];

                rc = im->of.len ? holds(l, im->of.offset, im->of.len, im->md5, d) : 1;
                if (rc == 0)
                        return diag_set(d, E_VERIFY, "the flash at 0x%x does not hold %s",
                                        im->of.offset, im->of.name);
        }
        return rc < 0 ? rc : 0;
}
