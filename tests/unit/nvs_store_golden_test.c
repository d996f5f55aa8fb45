/*
 * Images that ESP-IDF's own NVS library wrote or read: every device.json under tests/golden says
 * what a device sees; the scripts of nvs-device, run again on our store, must leave the same bytes.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/hex.h"
#include "fmt/flash_ram.h"
#include "fmt/nvs_read.h"
#include "fmt/nvs_store.h"
#include "host/file.h"
#include "host/json.h"
#include "sim/nor.h"

#define GOLDEN     "tests/golden/"
#define PAGES_MOST 64

/* One image with what the device said of it. */
struct golden {
        char dir[512];
        char json[600];
        char image[700];
        char name[256]; /* of one device among several, or "" */
};

struct bench {
        struct nvs_store_page pages[PAGES_MOST];
        struct nvs_store store;
        struct crypt_xts xts;
        const struct crypt_xts *key;
        uint8_t value[64 * 4096];
};

/* A path that must fit. */
__attribute__((format(printf, 3, 4))) static void join(char *out, size_t cap, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        assert_in_range(vsnprintf(out, cap, fmt, ap), 0, cap - 1);
        va_end(ap);
}

static bool path_is(const char *path)
{
        FILE *f = fopen(path, "rb");

        if (f)
                fclose(f);
        return f != NULL;
}

static bool cmd_has(const struct golden *g, const char *word)
{
        struct blob b = { 0 };
        char path[700];
        bool has;

        join(path, sizeof path, "%s/cmd", g->dir);
        if (file_load(path, FILE_LIMIT_TEXT, &b, NULL) < 0)
                return false;
        has = strstr((const char *)b.data, word) != NULL;
        blob_free(&b);
        return has;
}

static void bench_key(struct bench *b, const struct golden *g)
{
        struct blob key = { 0 };
        char path[700];

        b->key = NULL;
        join(path, sizeof path, "%s/expected/keys/k.bin", g->dir);
        if (g->name[0])
                join(path, sizeof path, "%s/expected/keys/keys-%s.bin", g->dir, g->name);
        if (!path_is(path))
                join(path, sizeof path, "%s/in/keys.bin", g->dir);
        if (cmd_has(g, " decrypt ") || file_load(path, FILE_LIMIT_KEY, &key, NULL) < 0)
                return;
        assert_true(key.len >= CRYPT_XTS_KEY);
        assert_int_equal(crypt_xts_init(&b->xts, key.data), 0);
        b->key = &b->xts;
        blob_free(&key);
}

static double number(const cJSON *o, const char *name)
{
        const cJSON *n = cJSON_GetObjectItem(o, name);

        assert_non_null(n);
        return cJSON_IsTrue(n) ? 1 : n->valuedouble;
}

static const char *text(const cJSON *o, const char *name)
{
        const cJSON *t = cJSON_GetObjectItem(o, name);

        return t && t->valuestring ? t->valuestring : "";
}

static void check_value(struct bench *b, const struct nvs_store_entry *e, const cJSON *want)
{
        const int ns = nvs_store_open(&b->store, e->ns, false);
        const char *value = text(want, "value");
        uint64_t v = 0;
        int rc;

        if (e->type == NVS_STR) {
                rc = nvs_store_get_str(&b->store, (unsigned)ns, e->key, (char *)b->value,
                                       sizeof b->value);
        } else if (e->type == NVS_BLOB) {
                rc = nvs_store_get_blob(&b->store, (unsigned)ns, e->key, b->value, sizeof b->value);
        } else {
                rc = nvs_store_get_int(&b->store, (unsigned)ns, e->key, e->type, &v);
        }
        if (cJSON_GetObjectItem(want, "error")) {
                assert_true(rc < 0);
                return;
        }
        assert_true(rc >= 0);
        if (e->type == NVS_STR || e->type == NVS_BLOB) {
                assert_int_equal(rc, e->size);
                assert_int_equal(rc, (int)number(want, "size"));
        }
        if (e->type == NVS_STR) {
                assert_string_equal((const char *)b->value, value);
        } else if (e->type == NVS_BLOB) {
                char *hex = malloc(2 * (size_t)rc + 1);

                hex_encode(b->value, (size_t)rc, hex);
                assert_string_equal(hex, value);
                free(hex);
        } else if (e->type & 0x10) {
                assert_true((double)(int64_t)v == number(want, "value"));
        } else {
                assert_true((double)v == number(want, "value"));
        }
}

static void check_view(struct bench *b, const struct golden *g, const cJSON *want)
{
        const cJSON *list = cJSON_GetObjectItem(want, "entries");
        const bool v1 = cmd_has(g, "--version 1");
        const cJSON *row = list->child;
        struct nvs_store_iter it = { 0 };
        struct nvs_store_entry e;
        struct nvs_store_stats stats;

        while (nvs_store_next(&b->store, &it, &e) > 0) {
                /* ESP-IDF does not list blobs of version 1 */
                if (v1 && e.type == NVS_BLOB && (!row || strcmp(e.key, text(row, "key")) != 0))
                        continue;
                assert_non_null(row);
                assert_string_equal(e.ns, text(row, "ns"));
                if (!cJSON_GetObjectItem(row, "error"))
                        assert_string_equal(e.key, text(row, "key"));
                assert_string_equal(nvs_type_name(e.type), text(row, "type"));
                check_value(b, &e, row);
                row = row->next;
        }
        assert_null(row);
        assert_int_equal(nvs_store_stats(&b->store, &stats), 0);
        assert_int_equal(stats.used, (size_t)number(want, "used"));
        assert_int_equal(stats.free, (size_t)number(want, "free"));
        assert_int_equal(stats.total, (size_t)number(want, "total"));
        assert_int_equal(stats.namespaces, (size_t)number(want, "namespaces"));
}

/* Read-only, then writable with recovery: each shows what the device showed. */
static void check_image(struct bench *b, const struct golden *g, const cJSON *want)
{
        struct nvs_store_config cfg = { .pages = b->pages, .page_count = PAGES_MOST };
        struct blob img = { 0 };
        struct flash f;
        struct nor nor;
        uint64_t ops;

        assert_int_equal(file_load(g->image, FILE_LIMIT_IMAGE, &img, NULL), 0);
        assert_int_equal(flash_ram_init_const(&f, img.data, img.len), 0);
        cfg.xts = b->key;
        cfg.flash = &f;
        cfg.read_only = true;
        assert_int_equal(nvs_store_mount(&b->store, &cfg, NULL), 0);
        check_view(b, g, want);
        if (number(want, "readonly") == 0) {
                assert_int_equal(nor_init(&nor, img.data, (uint32_t)img.len, NULL), 0);
                cfg.flash = &nor.flash;
                cfg.read_only = false;
                assert_int_equal(nvs_store_mount(&b->store, &cfg, NULL), 0);
                check_view(b, g, want);
                assert_int_equal(nor.violations, 0);
                /* no more operations than ESP-IDF; only moving a page takes one more */
                ops = (uint64_t)(number(want, "mount_writes") + number(want, "mount_erases"));
                assert_in_range(nor.ops, 0, ops + (number(want, "mount_erases") > 0));
        }
        blob_free(&img);
}

static unsigned checked;

static void check_case(const struct golden *g)
{
        struct bench *b = calloc(1, sizeof *b);
        cJSON *want = json_load(g->json, NULL);

        assert_non_null(want);
        if (!cJSON_GetObjectItem(want, "error")) { /* else the device refused the key file */
                bench_key(b, g);
                check_image(b, g, want);
                checked++;
        }
        cJSON_Delete(want);
        free(b);
}

/* device.json → the one image; device-NAME.json → the image of that name. */
static bool find_image(struct golden *g, const char *json)
{
        static const char *const plain[] = { "expected/image.bin", "expected/out.bin" };

        g->name[0] = '\0';
        join(g->json, sizeof g->json, "%s/%s", g->dir, json);
        if (strcmp(json, "device.json") == 0) {
                for (size_t i = 0; i < 2; i++) {
                        join(g->image, sizeof g->image, "%s/%s", g->dir, plain[i]);
                        if (path_is(g->image))
                                return true;
                }
                return false;
        }
        if (strncmp(json, "device-", 7) != 0 || strcmp(json, "device-ro.json") == 0)
                return false;
        join(g->name, sizeof g->name, "%.*s", (int)strlen(json) - 12, json + 7);
        join(g->image, sizeof g->image, "%s/expected/bin/%s.bin", g->dir, g->name);
        if (!path_is(g->image))
                join(g->image, sizeof g->image, "%s/expected/out/bin/%s.bin", g->dir, g->name);
        return path_is(g->image);
}

static void for_each_case(const char *folder, void (*fn)(const struct golden *g))
{
        struct golden g;
        char path[300];
        DIR *top;

        join(path, sizeof path, GOLDEN "%s", folder);
        top = opendir(path);
        assert_non_null(top);
        for (struct dirent *c; (c = readdir(top));) {
                DIR *dir;

                if (c->d_name[0] == '.')
                        continue;
                join(g.dir, sizeof g.dir, "%s/%s", path, c->d_name);
                dir = opendir(g.dir);
                for (struct dirent *f; dir && (f = readdir(dir));)
                        if (strncmp(f->d_name, "device", 6) == 0 && find_image(&g, f->d_name))
                                fn(&g);
                if (dir)
                        closedir(dir);
        }
        closedir(top);
}

static void test_views(void **state)
{
        static const char *const folders[] = { "nvs-device", "nvs",     "nvs-legacy",
                                               "nvs-errors", "nvs-enc", "mfg" };

        (void)state;
        checked = 0;
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
                for_each_case(folders[i], check_case);
        print_message("%u images read as the device reads them\n", checked);
        assert_true(checked >= 250);
}

/* One line of a script; the pattern of blobn is the collection's own. */
static int step(struct nvs_store *s, unsigned *ns, char *line)
{
        static const struct {
                const char *name;
                enum nvs_type type;
        } ints[] = {
                { "u8", NVS_U8 },   { "i8", NVS_I8 },   { "u16", NVS_U16 }, { "i16", NVS_I16 },
                { "u32", NVS_U32 }, { "i32", NVS_I32 }, { "u64", NVS_U64 }, { "i64", NVS_I64 }
        };
        static char data[65536];
        char *word = strtok(line, " \n");
        char *key = strtok(NULL, " \n");
        char *value = strtok(NULL, " \n");
        char *seed = strtok(NULL, " \n");
        size_t n = value ? strtoul(value, NULL, 10) : 0;
        int rc;

        if (!word)
                return 0;
        if (strcmp(word, "ns") == 0) {
                rc = nvs_store_open(s, key, true);
                *ns = rc > 0 ? (unsigned)rc : 0;
                return rc;
        }
        if (strcmp(word, "erase") == 0)
                return nvs_store_erase(s, *ns, key);
        if (strcmp(word, "eraseall") == 0)
                return nvs_store_erase_ns(s, *ns);
        if (strcmp(word, "str") == 0)
                return nvs_store_set_str(s, *ns, key, value ? value : "");
        if (strcmp(word, "blobn") == 0) {
                for (size_t i = 0; i < n; i++)
                        data[i] = (char)(31 * atoi(seed) + 7 * (int)i + 13 * (int)(i / 256));
                return nvs_store_set_blob(s, *ns, key, data, n);
        }
        if (strcmp(word, "strn") == 0) {
                for (size_t i = 0; i < n; i++)
                        data[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[(strtoul(seed, NULL, 10) +
                                                                          5 * i) %
                                                                         36];
                data[n] = '\0';
                return nvs_store_set_str(s, *ns, key, data);
        }
        for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
                if (strcmp(word, ints[i].name) == 0)
                        return nvs_store_set_int(s, *ns, key, ints[i].type,
                                                 strtoull(value, NULL, 10));
        fail_msg("unknown step %s", word);
        return -E_BUG;
}

/* Run the script on an erased flash, power cut after `cut` operations; true if the image is the
 * device's. */
static bool replay(struct bench *b, const struct golden *g, const struct blob *image, uint64_t cut)
{
        uint8_t *mem = malloc(image->len);
        struct nvs_store_config cfg = { .pages = b->pages,
                                        .page_count = PAGES_MOST,
                                        .xts = b->key };
        struct nor nor;
        char path[700];
        char line[256];
        unsigned ns = 0;
        bool same;
        FILE *f;

        memset(mem, 0xFF, image->len);
        assert_int_equal(nor_init(&nor, mem, (uint32_t)image->len, NULL), 0);
        nor.cut_at = cut;
        nor.cut_bytes = 0;
        cfg.flash = &nor.flash;
        assert_int_equal(nvs_store_mount(&b->store, &cfg, NULL), 0);
        join(path, sizeof path, "%s/in/script.txt", g->dir);
        f = fopen(path, "r");
        assert_non_null(f);
        while (fgets(line, sizeof line, f) && !nor.off)
                (void)step(&b->store, &ns, line); /* a script may contain steps that are refused */
        fclose(f);
        assert_int_equal(nor.violations, 0);
        same = memcmp(mem, image->data, image->len) == 0;
        free(mem);
        return same;
}

static void check_replay(const struct golden *g)
{
        struct bench *b = calloc(1, sizeof *b);
        struct blob image = { 0 };
        struct blob cmd = { 0 };
        char path[700];
        uint64_t cut = NOR_NEVER;
        const char *at;

        join(path, sizeof path, "%s/cmd", g->dir);
        assert_int_equal(file_load(path, FILE_LIMIT_TEXT, &cmd, NULL), 0);
        if ((at = strstr((const char *)cmd.data, "--stop-after ")))
                cut = strtoull(at + 13, NULL, 10);
        bench_key(b, g);
        assert_int_equal(file_load(g->image, FILE_LIMIT_IMAGE, &image, NULL), 0);
        /* moving a page takes one operation more than ESP-IDF's */
        assert_true(replay(b, g, &image, cut) ||
                    (cut != NOR_NEVER && replay(b, g, &image, cut + 1)));
        checked++;
        blob_free(&image);
        blob_free(&cmd);
        free(b);
}

static void test_replay(void **state)
{
        (void)state;
        checked = 0;
        for_each_case("nvs-device", check_replay);
        print_message("%u scripts leave the bytes that the device leaves\n", checked);
        assert_true(checked >= 50);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_views),
                                            cmocka_unit_test(test_replay) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
