#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "fmt/nvs_read.h"
#include "host/json.h"
#include "nvsgen.h"
#include "show.h"

static struct nvs_source source;
static bool json, csv, raw, redact;

static bool hidden(const char *key, const struct nvs_value *v)
{
        return redact && nvs_looks_secret(key, v);
}

/* Columns of the terminal that stdout is, or 0. */
static size_t terminal_width(void)
{
        struct winsize ws;

        return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 ? ws.ws_col : 0;
}

/* ------ table ------ */

static void put_name(const char *name, size_t width)
{
        size_t columns = 0;

        show_text(stdout, name, strlen(name), 0);
        for (const char *p = name; *p; p++)
                columns += ((unsigned char)*p & 0xC0) != 0x80;
        for (; columns <= width; columns++)
                putchar(' ');
}

static void dump_table(const struct nvs_view *v)
{
        const size_t width = terminal_width();
        const size_t head = 16 + 16 + 5 + 7;

        printf("%-16s%-16s%-5s%6s %s\n", "namespace", "key", "type", "size", "value");
        for (size_t i = 0; i < v->count; i++) {
                const struct nvs_view_entry *e = &v->entries[i];

                put_name(e->ns, 15);
                put_name(e->key, 15);
                printf("%-5s", nvs_type_name(e->value.type));
                if (nvs_type_is_int(e->value.type))
                        printf("%6u ", e->value.type & 0x0Fu);
                else
                        printf("%6zu ", e->value.len);
                if (hidden(e->key, &e->value))
                        fputs("(hidden)", stdout);
                else
                        show_value(stdout, &e->value, width > head + 8 ? width - head : 0);
                putchar('\n');
        }
}

/* ------ --raw: every entry as it lies there ------ */

static void raw_value(const struct nvs_item *it)
{
        struct nvs_value v = { .type = (enum nvs_type)it->type, .bits = it->bits };
        const size_t width = terminal_width();

        if (it->faults & (NVS_BAD_CRC | NVS_BAD_TYPE | NVS_BAD_SPAN | NVS_BAD_STR))
                return;
        v.data = (uint8_t *)it->data;
        v.len = it->len;
        if (hidden(it->key, &v))
                fputs("(hidden)", stdout);
        else if (it->type == NVS_BLOB_INDEX)
                printf("%llu bytes in %u chunks from 0x%02x", (unsigned long long)it->bits,
                       it->raw[NVS_ENT_DATA + 4], it->raw[NVS_ENT_DATA + 5]);
        else
                show_value(stdout, &v, width > 80 ? width - 72 : 32);
}

static void raw_faults(unsigned faults)
{
        static const char *const names[] = { "crc",   "type",     "span",  "key",
                                             "state", "data-crc", "string" };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (faults >> i & 1)
                        printf(" !%s", names[i]);
}

static const char *page_state(const struct nvs_page *p)
{
        if (bytes_all(p->data, NVS_PAGE_SIZE, 0xFF))
                return "empty";
        if (!p->crc_ok)
                return "damaged header";
        switch (p->state) {
        case NVS_PAGE_ACTIVE:
                return "active";
        case NVS_PAGE_FULL:
                return "full";
        case NVS_PAGE_FREEING:
                return "freeing";
        default:
                return "no known state";
        }
}

static void raw_item(const struct nvs_item *it, size_t base)
{
        const char *type = nvs_type_name(it->type);

        printf("%5u %6zx %-8s", it->entry,
               base + NVS_ENTRIES_AT + (size_t)it->entry * NVS_ENTRY_SIZE,
               it->slot == NVS_SLOT_WRITTEN ? "written" : "erased");
        if (it->faults & NVS_BAD_CRC) {
                printf("   -");
        } else {
                printf("%4u ", it->ns);
                put_name(it->key, 15);
                if (type)
                        printf("%-10s", type);
                else
                        printf("type %02x   ", it->type);
                printf("%4u %5u  ", it->span, it->chunk);
                raw_value(it);
        }
        raw_faults(it->faults);
        putchar('\n');
}

static void dump_raw(const struct nvs_image *img)
{
        struct nvs_walk w;
        struct nvs_item it;
        struct nvs_page p;
        bool more;

        nvs_walk_init(&w, img->data, img->len, true);
        more = nvs_walk_next(&w, &it);
        for (uint32_t i = 0; nvs_page_get(&p, img->data, img->len, i) == 0; i++) {
                const size_t base = (size_t)img->offset + (size_t)i * NVS_PAGE_SIZE;

                printf("page %u at %zx: %s", i, base, page_state(&p));
                if (p.crc_ok)
                        printf(", sequence %u, version %d", p.seq, 0x100 - p.version);
                putchar('\n');
                if (more && it.page == i)
                        printf("%5s %6s %-8s%4s %-16s%-10s%4s %5s  %s\n", "entry", "offset",
                               "state", "ns", "key", "type", "span", "chunk", "value");
                for (; more && it.page == i; more = nvs_walk_next(&w, &it))
                        raw_item(&it, base);
        }
}

/* ------ JSON ------ */

static int json_value(struct json_writer *w, const struct nvs_view_entry *e)
{
        const struct nvs_value *v = &e->value;
        char *hex;

        if (hidden(e->key, v)) {
                json_str(w, "value", NULL);
                json_bool(w, "hidden", true);
        } else if (v->type == NVS_STR) {
                json_str(w, "value", (const char *)v->data); /* up to a NUL inside, as C sees it */
        } else if (v->type == NVS_BLOB) {
                if (!(hex = malloc(2 * v->len + 1)))
                        return -E_NOMEM;
                hex_encode(v->data, v->len, hex);
                json_str(w, "value", hex);
                wipe(hex, 2 * v->len);
                free(hex);
        } else if (v->type & 0x10) {
                json_int(w, "value", (int64_t)v->bits);
        } else {
                json_uint(w, "value", v->bits);
        }
        if (!nvs_type_is_int(v->type))
                json_uint(w, "size", v->len);
        return 0;
}

static int dump_json(const struct nvs_image *img, const struct nvs_view *v)
{
        struct json_writer w = { .out = stdout, .pretty = true };
        int rc = 0;

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "file", source.path);
        if (img->partition[0])
                json_str(&w, "partition", img->partition);
        json_uint(&w, "offset", img->offset);
        json_uint(&w, "size", img->len);
        json_uint(&w, "version", v->version);
        json_bool(&w, "encrypted", img->decrypted);
        json_uint(&w, "used", v->used);
        json_uint(&w, "free", v->free);
        json_uint(&w, "namespaces", v->namespaces);
        json_uint(&w, "damaged", v->damaged);
        json_open(&w, "entries", '[');
        for (size_t i = 0; i < v->count && rc == 0; i++) {
                json_open(&w, NULL, '{');
                json_str(&w, "ns", v->entries[i].ns);
                json_str(&w, "key", v->entries[i].key);
                json_str(&w, "type", nvs_type_name(v->entries[i].value.type));
                rc = json_value(&w, &v->entries[i]);
                json_close(&w, '}');
        }
        json_close(&w, ']');
        json_close(&w, '}');
        putchar('\n');
        return rc;
}

/* ------ CSV ------ */

/* A CSV field, quoted where it has to be: always where a '#' at its beginning would be a comment.
 */
static void csv_field(const char *text, size_t n)
{
        bool quote = n && (text[0] == '#' || text[0] == ' ' || text[n - 1] == ' ');

        for (size_t i = 0; i < n && !quote; i++)
                quote = strchr(",;\"\n\r\t", text[i]) != NULL;
        if (quote)
                putchar('"');
        for (size_t i = 0; i < n; i++) {
                if (text[i] == '"')
                        putchar('"');
                putchar(text[i]);
        }
        if (quote)
                putchar('"');
}

/* Why a string cannot go into a CSV file and come back the same; NULL if it can. */
static const char *csv_trouble(const char *text, size_t n)
{
        if (memchr(text, 0, n))
                return "it has a NUL inside";
        if (memchr(text, '\r', n))
                return "it has a carriage return, which reading a CSV file turns into a line feed";
        if (memmem(text, n, "\n#", 2))
                return "it has a line that begins with #, which is a comment in a CSV file";
        if (!utf8_valid(text, n))
                return "it is not UTF-8";
        return NULL;
}

static void csv_row(const struct nvs_view_entry *e, struct report *r)
{
        const struct nvs_value *v = &e->value;
        const char *text = (const char *)v->data;
        const char *trouble = v->type == NVS_STR ? csv_trouble(text, v->len - 1) : NULL;

        if (trouble) {
                report_error(r, E_UNSUPPORTED, source.path, 0, 0,
                             "%s/%s is left out: %s; keep it in a file of its own", e->ns, e->key,
                             trouble);
                return;
        }
        csv_field(e->key, strlen(e->key));
        printf(",data,%s,", v->type == NVS_STR    ? "string"
                            : v->type == NVS_BLOB ? "hex2bin"
                                                  : nvs_type_name(v->type));
        if (v->type == NVS_STR)
                csv_field(text, v->len - 1);
        else
                show_value(stdout, v, 0);
        putchar('\n');
}

static void csv_notes(const struct nvs_script *s, const struct nvs_image *img, struct report *r)
{
        if (!s->same)
                report_note(r, source.path, 0, 0,
                            "the values are all here, but an image made from them will not be the "
                            "same bytes: this one has a history (erased or rewritten entries), or "
                            "another writer's layout");
        else if (img->decrypted || s->version == 1 || s->legacy_layout || img->len != 0x6000)
                report_note(r, source.path, 0, 0,
                            "the same image again: nvsgen %s%s%s CSV OUT 0x%zx%s",
                            img->decrypted ? "encrypt" : "generate",
                            s->version == 1 ? " --version 1" : "",
                            s->legacy_layout ? " --legacy-layout" : "", img->len,
                            img->decrypted ? ", with its keys" : "");
}

static int dump_csv(const struct nvs_image *img, const struct nvs_view *v, struct report *r)
{
        struct nvs_script s;
        struct diag d = { 0 };
        const char *ns = NULL;

        if (nvs_script_make(&s, v, img, &d) < 0)
                return report_diag(r, source.path, &d);
        puts("key,type,encoding,value");
        for (size_t i = 0; i < s.count; i++) {
                const struct nvs_script_row *row = &s.rows[i];

                if (!ns || strcmp(ns, row->ns)) {
                        csv_field(row->ns, strlen(row->ns));
                        puts(",namespace,,");
                        ns = row->ns;
                }
                if (row->entry)
                        csv_row(row->entry, r);
        }
        csv_notes(&s, img, r);
        nvs_script_free(&s);
        return 0;
}

/* ------ */

static int dump(struct report *r)
{
        struct nvs_image img;
        struct nvs_view view = { 0 };
        int rc = source_open(&source, &img, raw ? NULL : &view, r);

        if (rc < 0)
                goto out;
        if (raw && !img.decrypted && nvs_looks_encrypted(img.data, img.len))
                report_note(r, source.path, 0, 0,
                            "the image is encrypted; --key FILE gives its keys");
        if (raw)
                dump_raw(&img);
        else if (json)
                rc = dump_json(&img, &view);
        else if (csv)
                rc = dump_csv(&img, &view, r);
        else
                dump_table(&view);
        if (rc == -E_NOMEM)
                report_error(r, E_NOMEM, NULL, 0, 0, "out of memory");
out:
        nvs_view_free(&view);
        nvs_image_free(&img);
        return rc;
}

static int run(int argc, char **argv)
{
        struct report r = { 0 };

        (void)argc;
        if (json + csv + raw > 1)
                return usage_error("--json, --csv and --raw exclude each other");
        if (csv && redact)
                return usage_error("--redact would make a CSV file that generates another image");
        source.path = argv[0];
        dump(&r);
        return (int)err_status(report_finish(&r));
}

static const struct opt options[] = {
        SOURCE_OPTIONS(source),
        { 0, "json", OPT_FLAG, &json, NULL, "one JSON object" },
        { 0, "csv", OPT_FLAG, &csv, NULL, "a configuration file that makes the same image again" },
        { 0, "raw", OPT_FLAG, &raw, NULL,
          "every entry as it lies there, erased and damaged ones too" },
        { 0, "redact", OPT_FLAG, &redact, NULL, "hide values that look secret" },
        { 0 },
};

const struct command cmd_dump = {
        .name = "dump|read",
        .synopsis = "IMG",
        .summary = "show the values of an image, as a device reads them",
        .options = options,
        .min_args = 1,
        .max_args = 1,
        .run = run,
        .more = SOURCE_HELP "\n"
                            "  nvsgen dump fctry.bin\n"
                            "  nvsgen dump --json --key keys.bin fctry.bin\n"
                            "  nvsgen dump --csv --partition fctry flash.bin >fctry.csv\n",
};
