/* The parts of a batch: record lengths, sets, names, templates, random values, rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/batch_conf.h"
#include "host/batch_gen.h"
#include "host/batch_name.h"
#include "host/batch_read.h"
#include "host/batch_set.h"
#include "host/sha256.h"

static void test_record_length(void **state)
{
        static const struct {
                const char *text;
                size_t length;
                uint32_t lines;
                bool is_record;
        } rows[] = {
                { "a,b\nc", 4, 1, true },
                { "a,b\r\nc", 5, 1, true },
                { "a,b\rc", 4, 1, true },
                { "\nc", 1, 1, false },
                { " \t\nc", 3, 1, false },
                { "#a,\"b\nc", 6, 1, false },
                { "\"a\nb\",c\nd", 8, 2, true },
                { "\"a\r\n\rb\"\nd", 8, 3, true },
                { "\"a\"\"\n\"\nd", 7, 2, true },
                { "a\"b\nc\"", 4, 1, true },   /* a quote inside a field is a character */
                { "\"a\"b\"\nc", 6, 1, true }, /* also behind the closing one */
                { "a,\"\n\"\nb", 6, 2, true },
                { "a;\"\n\"\nb", 6, 2, true },
                { "\"\"\nb", 3, 1, true },
                { ",\nb", 2, 1, true },
                /* long enough to be looked at in eights */
                { "\"0123456789abcdef\"\nb", 19, 1, true },
                { "\"0123456\n01234567\n0123456789abc\"\nb", 33, 3, true },
                { "\"01234567\r\n0123456\r01234567\"\"0123456789\n\"\nb", 42, 4, true },
                { "\"0123456\"\"01234567\"\"\",\"\xC2\xA2\xC2\x8D\xC2\x8A\xC2\xA2\"\nb", 33, 1,
                  true },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                uint32_t lines;
                bool is_record;
                const size_t n = strlen(rows[i].text);

                assert_int_equal(batch_record_length(rows[i].text, n, 0, false, &lines, &is_record),
                                 rows[i].length);
                assert_int_equal(lines, rows[i].lines);
                assert_int_equal(is_record, rows[i].is_record);
                /* cut at every byte before its end: not there yet, or all there is at the end of
                 * the file */
                for (size_t cut = 0; cut < rows[i].length; cut++) {
                        char *exact = malloc(cut + 1);

                        memcpy(exact, rows[i].text, cut);
                        /* a CR alone may end it, but the LF behind it belongs to it */
                        assert_int_equal(
                                batch_record_length(exact, cut, 0, false, &lines, &is_record), 0);
                        if (cut)
                                assert_in_range(batch_record_length(exact, cut, 0, true, &lines,
                                                                    &is_record),
                                                1, cut);
                        free(exact);
                }
        }
}

static void write_file(char *path, const char *text, size_t n)
{
        const int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, n), n);
        close(fd);
}

static void test_reader(void **state)
{
        char path[] = "/tmp/fctry-batch-test.XXXXXX";
        char *text = malloc(2000000);
        size_t n = 0;
        struct batch_reader r;
        struct batch_piece p = { 0 };
        struct diag d = { 0 };
        size_t at = 0;
        uint64_t records = 0;
        uint32_t line = 1;
        int rc;

        (void)state;
        for (unsigned i = 0; n < 1500000; i++)
                n += (size_t)sprintf(text + n, i % 7 ? "%u,\"x\n%0*u\",z\n" : "\n#%u,%0*u\n", i,
                                     (int)(i % 900), i);
        write_file(path, text, n);
        assert_int_equal(batch_reader_open(&r, path, NULL, &d), 0);
        r.delimiter = ',';
        while ((rc = batch_reader_next(&r, &p, 32, 100000, &d)) > 0) {
                assert_int_equal(p.line, line);
                assert_int_equal(p.first, records);
                assert_true(p.records <= 32);
                assert_memory_equal(p.text, text + at, p.len);
                for (size_t i = 0; i < p.len; i++)
                        line += p.text[i] == '\n';
                at += p.len;
                records += p.records;
        }
        assert_int_equal(rc, 0);
        assert_int_equal(at, n);
        assert_int_equal(records, r.records);
        assert_true(batch_reader_unchanged(&r));
        assert_int_equal(truncate(path, 10), 0);
        assert_false(batch_reader_unchanged(&r));
        batch_reader_close(&r);
        batch_piece_free(&p);
        unlink(path);
        free(text);
        assert_int_equal(batch_reader_open(&r, "-", NULL, &d), -E_USAGE);
        batch_reader_close(&r);
        assert_int_equal(batch_reader_open(&r, "/dev/null", NULL, NULL), -E_IO);
        batch_reader_close(&r);
        assert_int_equal(batch_reader_open(&r, "/tmp", NULL, NULL), -E_IO);
        batch_reader_close(&r);
        assert_int_equal(batch_reader_open(&r, "/nonexistent", NULL, NULL), -E_NOTFOUND);
        batch_reader_close(&r);
}

static void test_reader_record_too_long(void **state)
{
        char path[] = "/tmp/fctry-batch-test.XXXXXX";
        const size_t n = 40u << 20;
        char *text = malloc(n);
        struct batch_reader r;
        struct batch_piece p = { 0 };
        struct diag d = { 0 };

        (void)state;
        memset(text, 'x', n);
        memcpy(text, "a\n\"", 3);
        write_file(path, text, n);
        assert_int_equal(batch_reader_open(&r, path, NULL, &d), 0);
        assert_int_equal(batch_reader_next(&r, &p, 32, 100000, &d), -E_RANGE);
        assert_int_equal(d.line, 2);
        batch_reader_close(&r);
        batch_piece_free(&p);
        unlink(path);
        free(text);
}

static void test_set(void **state)
{
        struct batch_set s = { 0 };
        struct batch_hash h = { { 0 } };

        (void)state;
        assert_int_equal(batch_set_find(&s, &h), 0);
        for (uint32_t i = 1; i <= 5000; i++) {
                memcpy(h.bytes + i % 3, &i, sizeof i); /* also values that fall on one place */
                h.bytes[11] = (uint8_t)(i % 3);
                assert_int_equal(batch_set_add(&s, &h, i), 0);
                assert_int_equal(batch_set_add(&s, &h, i + 1), i);
                assert_int_equal(batch_set_find(&s, &h), i);
                memset(&h, 0, sizeof h);
        }
        h.bytes[11] = 9;
        assert_int_equal(batch_set_find(&s, &h), 0);
        batch_set_free(&s);
}

static void test_names(void **state)
{
        static const char *const good[] = { "a", "SN-1", "a.b", "x y", "Gr\xc3\xbc\xc3\x9f" };
        static const char *const bad[] = { "",   ".",    "..", ".a", "a.",   "a/b", "a\\b",
                                           "c:", "a..b", " a", "a ", "a\nb", "\x7f" };
        struct batch_naming n = { .prefix = "P" };
        char out[BATCH_STEM_CAP];
        char id[BATCH_STEM_CAP];

        (void)state;
        for (size_t i = 0; i < sizeof good / sizeof *good; i++)
                assert_int_equal(batch_name_check(good[i], "id", NULL), 0);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(batch_name_check(bad[i], "id", NULL), -E_RANGE);
        assert_int_equal(batch_stem_make(&n, 0, "x", out, NULL), 0);
        assert_string_equal(out, "P-x");
        n.numbered = true;
        n.start = 98;
        n.width = 4;
        assert_int_equal(batch_stem_make(&n, 2, "x", out, NULL), 0);
        assert_string_equal(out, "P-0100-x");
        n.numbered = false;
        memset(id, 'i', sizeof id);
        for (size_t k = 1; k < sizeof id; k++) { /* every length */
                id[k] = 0;
                assert_int_equal(batch_stem_make(&n, 0, id, out, NULL),
                                 k + 2 < BATCH_STEM_CAP ? 0 : -E_RANGE);
                id[k] = 'i';
        }
        strcpy(id, "AbZ-\xc3\x9c");
        batch_fold_case(id);
        assert_string_equal(id, "abz-\xc3\x9c");
}

static void test_templates(void **state)
{
        static const struct {
                const char *text;
                const char *made; /* with 255; NULL: refused */
        } rows[] = {
                { "SO-%06u", "SO-000255" },
                { "%u", "255" },
                { "%4d.", " 255." },
                { "a%%%x", "a%ff" },
                { "SO-%u5", "SO-2555" },
                { "%08X", "000000FF" },
                { "%u%%", "255%" },
                { "%2u", "255" },
                { "SO", NULL },
                { "%u%u", NULL },
                { "%s", NULL },
                { "%", NULL },
                { "%06", NULL },
                { "%999u", NULL },
                { "%-3u", NULL },
                { "%%", NULL },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct batch_gen g = { 0 };
                char out[64];
                uint64_t counter;
                int rc = batch_template_set(&g, rows[i].text, NULL);

                assert_int_equal(rc, rows[i].made ? 0 : -E_SYNTAX);
                if (!rows[i].made)
                        continue;
                assert_int_equal(batch_template_make(&g, 255, out, sizeof out),
                                 strlen(rows[i].made));
                assert_string_equal(out, rows[i].made);
                counter = 0;
                assert_int_equal(batch_template_read(&g, rows[i].made, &counter), 0);
                assert_int_equal(counter, 255);
                out[strlen(out) - 1]++; /* another last character */
                rc = batch_template_read(&g, out, &counter);
                assert_true(rc == -E_NOTFOUND || (rc == 0 && counter != 255));
                assert_int_equal(batch_template_read(&g, "", &counter), -E_NOTFOUND);
                assert_int_equal(batch_template_read(&g, "SO-", &counter), -E_NOTFOUND);
                assert_int_equal(batch_template_read(&g, "SO-+00255", &counter), -E_NOTFOUND);
                assert_int_equal(batch_template_read(&g, "SO-0000255", &counter), -E_NOTFOUND);
                for (size_t cap = 1; cap <= strlen(rows[i].made); cap++)
                        assert_int_equal(batch_template_make(&g, 255, out, cap), -E_RANGE);
                batch_gen_free(&g);
        }
}

static void test_random(void **state)
{
        static const char *const names[] = { "unambiguous", "alnum", "hex", "digits" };
        char out[BATCH_RANDOM_MAX + 1];

        (void)state;
        assert_null(batch_alphabet("letters"));
        assert_int_equal(strlen(batch_alphabet("unambiguous")), 48);
        assert_null(strpbrk(batch_alphabet("unambiguous"), "0Oo1lI2Zz5Ss8B"));
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                struct batch_gen g = { .kind = BATCH_GEN_RANDOM,
                                       .alphabet = batch_alphabet(names[i]) };
                const size_t letters = strlen(g.alphabet);
                unsigned count[128] = { 0 };

                for (size_t k = 0; k < letters; k++) /* none twice */
                        assert_ptr_equal(strchr(g.alphabet, g.alphabet[k]), g.alphabet + k);
                for (g.length = 1; g.length <= BATCH_RANDOM_MAX; g.length++) {
                        assert_int_equal(batch_random_make(&g, out), 0);
                        assert_int_equal(strlen(out), g.length);
                        assert_int_equal(strspn(out, g.alphabet), g.length);
                        for (size_t k = 0; k < g.length; k++)
                                count[(unsigned char)out[k]]++;
                }
                /* 32896 letters: each comes about equally often (ten sigma) */
                for (size_t k = 0; k < letters; k++) {
                        const double want = 32896.0 / (double)letters;
                        const double off = count[(unsigned char)g.alphabet[k]] - want;

                        assert_true(off * off < 100 * want);
                }
        }
}

static int load(struct batch_conf *c, const char *text)
{
        struct report r = { .silent = true };

        return batch_conf_parse(c, "conf.csv", text, strlen(text), 2, &r);
}

static void test_conf(void **state)
{
        static const char *const good[] = {
                "n,namespace,\na,data,u8\n",
                "key,type,encoding\nn,namespace\na,data,u8,\n",
                "n,namespace,\na,data,string,REPEAT\n",
                "n,namespace,\na,data,string,required unique,\"regex=a, b\",length=1..\n",
                ("n,namespace,\na,data,i8,range=-128..127\nm,namespace,\na,data,u64,range=.."
                 "18446744073709551615\n"),
                "n,namespace,\na,data,hex2bin,random=4\nb,data,string,random=8 hex\n",
                "n,namespace,\na,file,binary\nm,namespace,\nn,namespace,\nb,file,string\n",
        };
        static const char *const bad[] = {
                "",
                "n,namespace,\n",
                "a,data,u8\n",
                "n,namespace,\na,data\n",
                "n,namespace,\na,data,U8\n",
                "n,namespace,\na,Data,u8\n",
                "n,namespace,\na,file,u8\n",
                "n,namespace,u8\na,data,u8\n",
                "n,namespace,\n,data,u8\n",
                "n,namespace,\nabcdefghijklmnop,data,u8\n",
                "abcdefghijklmnop,namespace,\na,data,u8\n",
                "n,namespace,\na,data,u8\na,data,u16\n",
                "n,namespace,\na,data,u8\nm,namespace,\nb,data,u8\nn,namespace,\na,data,u8\n",
                "n,namespace,\na,data,u8,repeat\n",
                "n,namespace,\na,data,u8,range=1\n",
                "n,namespace,\na,data,u8,range=..\n",
                "n,namespace,\na,data,u8,range=1..256\n",
                "n,namespace,\na,data,u8,length=1..2\n",
                "n,namespace,\na,data,i8,range=1..-1\n",
                "n,namespace,\na,data,string,regex=a,regex=b\n",
                "n,namespace,\na,data,string,regex=[\n",
                "n,namespace,\na,data,string,random=0\n",
                "n,namespace,\na,data,string,random=257\n",
                "n,namespace,\na,data,string,\"random=8,greek\"\n",
                "n,namespace,\na,data,string,random=8,template=%u\n",
                "n,namespace,\na,data,string,random=8,REPEAT\n",
                "n,namespace,\na,data,string,random=8,regex=a\n",
                "n,namespace,\na,data,u8,random=2\n",
                "n,namespace,\na,data,hex2bin,random=3\n",
                "n,namespace,\na,data,string,unique REPEAT\n",
        };
        struct batch_conf c;

        (void)state;
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                assert_int_equal(load(&c, good[i]), 0);
                batch_conf_free(&c);
        }
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                assert_true(load(&c, bad[i]) < 0);
                batch_conf_free(&c);
        }
        for (size_t cut = 0; cut < strlen(good[3]); cut++) { /* any outcome, no harm */
                struct report r = { .silent = true };
                char *exact = malloc(cut + 1);

                memcpy(exact, good[3], cut);
                batch_conf_parse(&c, "conf.csv", exact, cut, 2, &r);
                batch_conf_free(&c);
                free(exact);
        }
}

/* FIPS 180-4's examples, whole and in pieces. */
static void test_sha256(void **state)
{
        struct sha256 *h = sha256_new();
        uint8_t out[SHA256_LEN];
        char hex[SHA256_HEX_LEN];

        (void)state;
        assert_non_null(h);
        assert_int_equal(sha256_of(h, "abc", 3, out), 0);
        hex_encode(out, sizeof out, hex);
        assert_string_equal(hex,
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_int_equal(sha256_of(h, "", 0, out), 0);
        hex_encode(out, sizeof out, hex);
        assert_string_equal(hex,
                            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_int_equal(sha256_begin(h), 0);
        assert_int_equal(sha256_add(h, "a", 1), 0);
        assert_int_equal(sha256_begin(h), 0); /* forgets the a */
        assert_int_equal(sha256_add(h, "ab", 2), 0);
        assert_int_equal(sha256_add(h, "c", 1), 0);
        assert_int_equal(sha256_end(h, out), 0);
        hex_encode(out, sizeof out, hex);
        assert_string_equal(hex,
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        sha256_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_record_length),
                cmocka_unit_test(test_reader),
                cmocka_unit_test(test_reader_record_too_long),
                cmocka_unit_test(test_set),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_templates),
                cmocka_unit_test(test_random),
                cmocka_unit_test(test_conf),
                cmocka_unit_test(test_sha256),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
