/* Files to flash: loaded, checked against the chip before a byte is sent, written, reported. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/flash.h"
#include "flasher.h"
#include "fmt/espimg.h"
#include "sigkeys.h"
#include "host/ihex.h"
#include "host/progress.h"

/* An input that is Intel HEX becomes its bytes, at the addresses that it says itself. */
static int convert_hex(struct job_file *f)
{
        struct diag d = { 0 };
        struct blob bin;
        uint32_t base;

        if (!ihex_looks_like(f->data.data, f->data.len))
                return 0;
        if (ihex_read((const char *)f->data.data, f->data.len, &bin, &base, &d) < 0) {
                tool_error("%s:%u: %s", f->path, d.line, diag_text(&d));
                return (int)err_status(-diag_code(&d));
        }
        blob_free_secret(&f->data);
        f->data = bin;
        if (base < f->offset) {
                diag_set(&d, E_RANGE,
                         "has data at 0x%x, before the address 0x%x that was given; addresses in a "
                         "HEX file are those of the flash",
                         base, f->offset);
                return fail(f->path, &d);
        }
        f->offset = base;
        return 0;
}

int job_add(struct job *j, uint32_t offset, const char *path)
{
        struct job_file *grown = realloc(j->files, (j->n + 1) * sizeof *grown);
        struct diag d = { 0 };

        if (!grown) {
                diag_set(&d, E_NOMEM, "out of memory");
                return fail(NULL, &d);
        }
        j->files = grown;
        memset(&grown[j->n], 0, sizeof *grown);
        grown[j->n].offset = offset;
        grown[j->n].path = path;
        grown[j->n].encrypted = j->encrypt;
        if (file_load(path, FILE_LIMIT_IMAGE, &grown[j->n].data, &d) < 0)
                return fail(NULL, &d);
        j->n++;
        if (!grown[j->n - 1].data.len) {
                diag_set(&d, E_TRUNC, "is empty; was its build finished? (to blank flash: erase)");
                return fail(path, &d);
        }
        return convert_hex(&grown[j->n - 1]);
}

void job_free(struct job *j)
{
        for (size_t i = 0; i < j->n; i++) {
                blob_free_secret(&j->files[i].data); /* may hold credentials */
                blob_free_secret(&j->files[i].old);
        }
        free(j->files);
        j->files = NULL;
        j->n = 0;
}

static bool keeps(const char *word)
{
        return !word || !strcmp(word, "keep");
}

int job_patch(const struct job *j, const struct chip *c, struct job_file *f, uint32_t detected)
{
        const char *size = j->flash_size;
        int mode = -1;
        int freq = -1;
        int code = -1;
        struct espimg img;
        struct diag d = { 0 };
        int rc;

        if (!keeps(j->flash_mode) && (mode = flash_mode_code(j->flash_mode)) < 0)
                return usage_error("--flash-mode: '%s' is none of qio, qout, dio, dout",
                                   j->flash_mode);
        if (f->offset != c->boot_offset ||
            (keeps(j->flash_mode) && keeps(j->flash_freq) && keeps(size)))
                return 0;
        if (size && !strcmp(size, "detect"))
                size = detected ? flash_size_text(detected) : "keep";
        if (!keeps(j->flash_freq) && (freq = chip_freq_code(c, j->flash_freq)) < 0)
                return usage_error("--flash-freq: the %s has no '%s'", c->name, j->flash_freq);
        if (!keeps(size) && (code = chip_size_code(c, size)) < 0)
                return usage_error("--flash-size: the %s has no '%s'", c->name, size);
        if (f->data.len < 8 || f->data.data[0] != ESPIMG_MAGIC) {
                say("%s: note: not an image, its flash settings stay", f->path);
                return 0;
        }
        if (espimg_read(f->data.data, f->data.len, c->image_id >= 0, &img, NULL) == 0 &&
            !j->force && espimg_check(&img, &d) < 0)
                return fail(f->path, &d); /* a new hash would make it look sound */
        rc = espimg_patch(f->data.data, f->data.len, c->image_id >= 0, mode, freq, code, &d);
        if (rc < 0)
                say("%s: note: not a whole image (%s), its flash settings stay", f->path,
                    diag_text(&d));
        else if (rc > 0)
                say("%s: flash settings changed to %02x %02x", f->path, f->data.data[2],
                    f->data.data[3]);
        return 0;
}

static int attach(struct job *j, struct loader *l, struct diag *d)
{
        uint32_t size = 0;

        if (!keeps(j->flash_size) && strcmp(j->flash_size, "detect") != 0)
                size = flash_size_bytes(j->flash_size);
        return loader_flash_attach(l, size, d);
}

/* What the chip's flash encryption would make of the files, each at its place. 0 or an exit status.
 */
static int encrypt_files(struct job *j, const struct chip *c)
{
        struct flashenc e;
        struct diag d = { 0 };
        int status = flash_cipher(j->flash_key, c->image_id == 0, FLASHENC_CONF_ALL, &e);

        if (status != 0)
                return status;
        for (size_t i = 0; i < j->n && status == 0; i++) {
                struct job_file *f = &j->files[i];
                const size_t n =
                        (f->data.len + FLASHENC_BLOCK - 1) / FLASHENC_BLOCK * FLASHENC_BLOCK;
                uint8_t *grown = f->raw ? f->data.data : realloc(f->data.data, n + 1);

                if (!grown) {
                        diag_set(&d, E_NOMEM, "out of memory");
                        status = fail(NULL, &d);
                        break;
                }
                f->data.data = grown;
                if (f->raw)
                        continue;
                memset(grown + f->data.len, 0xFF, n - f->data.len);
                f->data.len = n;
                if (flashenc_encrypt(&e, f->offset, grown, n) < 0) {
                        diag_set(&d, E_RANGE, "cannot be encrypted at 0x%x", f->offset);
                        status = fail(f->path, &d);
                }
        }
        flashenc_free(&e);
        return status;
}

static int make_plan(struct job *j, struct flash_plan **plan, struct diag *d)
{
        struct flash_options opt = { .plain = j->plain,
                                     .always = j->always,
                                     .no_verify = j->no_verify,
                                     .trust_old = j->trust_old };
        struct flash_image *images = calloc(j->n + 1, sizeof *images);
        int rc;

        if (!images)
                return diag_set(d, E_NOMEM, "out of memory");
        for (size_t i = 0; i < j->n; i++) {
                const struct job_file *f = &j->files[i];

                images[i] = (struct flash_image){ .name = f->path,
                                                  .offset = f->offset,
                                                  .data = f->data.data,
                                                  .len = f->data.len,
                                                  .encrypted = f->encrypted,
                                                  .old = f->has_old ? f->old.data : NULL,
                                                  .old_len = f->old.len };
        }
        rc = flash_plan_new(images, j->n, &opt, plan, d);
        free(images);
        return rc;
}

static void report_run(const struct job *j, const struct loader *l, const struct flash_stats *st)
{
        if (g.json) {
                struct json_writer w = { .out = stdout };

                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "event", "written");
                json_uint(&w, "images", j->n);
                json_uint(&w, "unchanged", st->images_skipped);
                json_uint(&w, "unverified", st->images_unverified);
                json_uint(&w, "bytes", st->bytes);
                json_uint(&w, "bytes_written", st->written);
                json_uint(&w, "wire_bytes", st->wire);
                json_uint(&w, "baud", loader_baud_now(l));
                json_uint(&w, "ms", (uint64_t)(st->seconds * 1000));
                json_close(&w, '}');
                putchar('\n');
                return;
        }
        say("%llu bytes in %zu image%s written and %s in %.1f s (%u unchanged, %llu bytes over the "
            "line "
            "at %u baud)",
            (unsigned long long)st->bytes, j->n, j->n == 1 ? "" : "s",
            st->images_unverified ? "NOT verified" : "verified", st->seconds, st->images_skipped,
            (unsigned long long)st->wire, loader_baud_now(l));
}

static int dry_run(const struct job *j)
{
        for (size_t i = 0; i < j->n; i++)
                say("would write %s: %zu bytes at 0x%x%s%s", j->files[i].path, j->files[i].data.len,
                    j->files[i].offset, j->files[i].label ? " in " : "",
                    j->files[i].label ? j->files[i].label : "");
        return STATUS_DONE;
}

int job_run(struct job *j, struct loader *l)
{
        const char *where = g.port;
        struct flash_plan *plan = NULL;
        struct flash_stats st = { 0 };
        struct diag d = { 0 };
        int rc;

        if (j->no_progress || g.json)
                progress_disable();
        if (attach(j, l, &d) < 0 || guard_all(j, l, &d, &where) < 0)
                return fail(where, &d);
        for (size_t i = 0; i < j->n; i++)
                if ((rc = job_patch(j, loader_chip(l), &j->files[i], loader_flash_size(l))) != 0)
                        return rc;
        if (j->flash_key && (rc = encrypt_files(j, loader_chip(l))) != 0)
                return rc;
        if (make_plan(j, &plan, &d) < 0)
                return fail(NULL, &d);
        if (j->dry_run) {
                flash_plan_free(plan);
                return dry_run(j);
        }
        if ((rc = loader_fast(l, &d)) == 0 && j->erase_all)
                rc = loader_flash_erase(l, 0, loader_flash_size(l), &d);
        if (rc == 0)
                rc = flash_plan_run(plan, l, &st, &d);
        flash_plan_free(plan);
        if (rc < 0)
                return fail(g.port, &d);
        progress_clear();
        report_run(j, l, &st);
        return STATUS_DONE;
}

int job_verify(struct job *j, struct loader *l)
{
        struct loader_security sec;
        struct flash_plan *plan = NULL;
        struct diag d = { 0 };
        int rc;

        if (attach(j, l, &d) < 0)
                return fail(g.port, &d);
        for (size_t i = 0; i < j->n; i++)
                if (guard_bounds(&j->files[i], loader_flash_size(l), &d) < 0)
                        return fail(j->files[i].path, &d);
        for (size_t i = 0; i < j->n; i++)
                if ((rc = job_patch(j, loader_chip(l), &j->files[i], loader_flash_size(l))) != 0)
                        return rc;
        guard_mark_raw(j);
        if (j->flash_key && (rc = encrypt_files(j, loader_chip(l))) != 0)
                return rc;
        j->plain = true;
        if (make_plan(j, &plan, &d) < 0)
                return fail(NULL, &d);
        rc = flash_plan_verify(plan, l, &d);
        flash_plan_free(plan);
        if (rc == -E_VERIFY && !j->flash_key && loader_security(l, &sec, NULL) == 0 &&
            sec.encrypted)
                say("note: flash encryption is on, the flash holds ciphertext; --flash-key FILE "
                    "compares "
                    "with that");
        if (rc < 0)
                return fail(g.port, &d);
        say("%zu image%s verified", j->n, j->n == 1 ? "" : "s");
        return STATUS_DONE;
}
