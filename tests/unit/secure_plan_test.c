/*
 * A unit secured as its profile says, on simulated chips: whole, and with the power cut in the
 * middle of every single burn and the run begun again.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "fmt/flash_ram.h"
#include "host/efuse_plan.h"
#include "host/file.h"
#include "host/secboot_sign.h"
#include "host/secure_plan.h"
#include "host/x509_key.h"
#include "sim/chip.h"

#include <openssl/evp.h>

#define FLASH_SIZE (64u * 1024)

static char dir[] = "/tmp/fctry-secure.XXXXXX";
static const uint8_t mac[6] = { 0x24, 0x0a, 0xc4, 0x12, 0x34, 0x56 };

/* --- a board in a thread, as long as it has power --- */

struct board {
        int fd;
        pthread_t thread;
        uint8_t mem[FLASH_SIZE];
        struct flash flash;
        struct sim_chip chip;
        struct romldr_server server;
        uint32_t garble; /* a write to this register arrives with a wrong bit */
        unsigned garbles;
};

static void on_send(void *ctx, const uint8_t *p, size_t n)
{
        struct board *b = ctx;

        if (!b->chip.fuses.powerless && send(b->fd, p, n, MSG_NOSIGNAL) < 0)
                shutdown(b->fd, SHUT_RDWR);
}

static void on_event(void *ctx, enum romldr_event event, uint32_t arg)
{
        (void)ctx;
        (void)event;
        (void)arg;
}

/* WRITE_REG in one piece: delimiter, 8 bytes of header, address, value. */
static void garble(struct board *b, uint8_t *p, size_t n)
{
        if (!b->garbles || n < 17 || p[2] != ROMLDR_WRITE_REG || le32_get(p + 9) != b->garble)
                return;
        p[13] ^= 1;
        b->garbles--;
}

/* Without power, or deaf for ever: the link ends, so that nobody waits. */
static void *serve(void *arg)
{
        struct board *b = arg;
        uint8_t in[4096];
        ssize_t n;

        while (!b->chip.fuses.powerless && !sim_chip_fuse(&b->chip, b->chip.type->no_download) &&
               (n = read(b->fd, in, sizeof in)) > 0) {
                garble(b, in, (size_t)n);
                romldr_server_input(&b->server, in, (size_t)n);
        }
        shutdown(b->fd, SHUT_RDWR);
        return NULL;
}

static struct board *board_new(const struct sim_chip_type *type)
{
        struct board *b = calloc(1, sizeof *b);

        assert_non_null(b);
        assert_int_equal(flash_ram_init(&b->flash, b->mem, sizeof b->mem), 0);
        assert_int_equal(sim_chip_init(&b->chip, type, &b->flash), 0);
        sim_chip_blank_efuses(&b->chip, mac);
        return b;
}

static void board_free(struct board *b)
{
        sim_chip_free(&b->chip);
        free(b);
}

/* Power on, download mode; the host's end of the link. */
static struct link *board_on(struct board *b, uint32_t cut)
{
        struct link *l;
        int fd[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
        sim_chip_reset(&b->chip, true);
        sim_chip_loader(&b->chip, &b->server, on_send, on_event, b);
        b->chip.fuses.cut = cut;
        b->fd = fd[1];
        assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
        assert_int_equal(link_from_fd(fd[0], "pipe", &l), 0);
        return l;
}

static void board_off(struct board *b)
{
        pthread_join(b->thread, NULL);
        close(b->fd);
        b->chip.fuses.cut = 0;
}

/* One session: what secure_plan_run comes to. */
static int session(struct board *b, const struct secure_profile *p, const struct secure_options *o,
                   uint32_t cut, struct secure_result *res, struct diag *d)
{
        const struct loader_config cfg = { .link = board_on(b, cut) };
        struct efuse_dev *dev = NULL;
        struct loader *l = NULL;
        int rc;

        if ((rc = loader_open(&cfg, &l, d)) == 0) {
                if (loader_secure_download(l))
                        rc = secure_plan_compare(p, l, d);
                else if ((rc = efuse_dev_open(l, &dev, d)) == 0)
                        rc = secure_plan_run(p, dev, o, res, d);
                efuse_dev_close(dev);
                loader_close(l, LOADER_STAY, NULL);
        }
        board_off(b);
        return rc;
}

/* --- profiles --- */

static struct secure_profile *profile(const char *text)
{
        struct secure_profile *p;
        struct report r = { 0 };
        char name[64];

        snprintf(name, sizeof name, "%s/profile.json", dir);
        assert_int_equal(secure_profile_parse(name, text, strlen(text), &p, &r), 0);
        return p;
}

static void make_signing_key(void)
{
        EVP_PKEY *key;
        struct blob pem;
        char path[64];

        assert_int_equal(secboot_key_make(SECBOOT_RSA3072, &key, NULL), 0);
        assert_int_equal(key_public_pem(key, &pem, NULL), 0);
        snprintf(path, sizeof path, "%s/sb.pem", dir);
        assert_int_equal(file_save(path, pem.data, pem.len, FILE_PUBLIC, NULL), 0);
        blob_free(&pem);
        EVP_PKEY_free(key);
}

static const struct {
        const struct sim_chip_type *type;
        const char *text;
        bool closes;
} profiles[] = {
        { &sim_esp32c3,
          "{\"chip\":\"esp32c3\",\"mode\":\"release\","
          "\"flash_encryption\":{\"key\":\"fe-{mac}.bin\",\"make\":true},"
          "\"nvs_key\":{\"key\":\"nvs-{mac}.bin\",\"make\":true},"
          "\"secure_boot\":{\"keys\":[\"sb.pem\"],\"aggressive_revoke\":true},"
          "\"efuses\":{\"SECURE_VERSION\":3},\"download\":\"secure\"}",
          true },
        { &sim_esp32c3,
          "{\"chip\":\"esp32c3\",\"mode\":\"development\","
          "\"flash_encryption\":{\"key\":\"fe-{mac}.bin\",\"make\":true},"
          "\"secure_boot\":{\"keys\":[\"sb.pem\"],\"blocks\":[\"BLOCK_KEY5\"]}}",
          false },
        { &sim_esp32c3,
          "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"secure_boot\":{\"keys\":[\"sb.pem\",\"sb."
          "pem\"]},"
          "\"efuses\":{\"CUSTOM_MAC\":\"5a:00:00:01:02:03\"},\"download\":\"keep\"}",
          false },
        { &sim_esp32,
          "{\"chip\":\"esp32\",\"mode\":\"release\","
          "\"flash_encryption\":{\"key\":\"v1-{mac}.bin\",\"make\":true},"
          "\"secure_boot\":{\"keys\":[\"sb.pem\"]},\"download\":\"off\"}",
          true },
};

struct count {
        unsigned closing;
        uint8_t digest[32];
};

static int on_closing(void *ctx, const uint8_t digest[32])
{
        struct count *c = ctx;

        c->closing++;
        memcpy(c->digest, digest, 32);
        return 0;
}

/* Uninterrupted; the eFuses that come of it, and how many burns it took. */
static uint32_t whole(size_t i, const struct secure_profile *p, uint8_t *file)
{
        struct board *b = board_new(profiles[i].type);
        struct count count = { 0 };
        const struct secure_options o = { .closing = on_closing, .ctx = &count };
        struct secure_result res;
        struct diag d = { 0 };
        uint32_t burns;

        if (session(b, p, &o, 0, &res, &d) != 0)
                fail_msg("profile %zu: %s", i, diag_text(&d));
        assert_int_equal(res.closed, profiles[i].closes);
        assert_int_equal(count.closing, profiles[i].closes);
        if (profiles[i].closes)
                assert_memory_equal(count.digest, res.digest, 32);
        assert_memory_equal(res.mac, mac, 6);
        assert_true(res.burnt > 2);
        sim_chip_efuse_put(&b->chip, file);
        burns = b->chip.fuses.burns;
        board_free(b);
        return burns;
}

static void test_cut_at_every_burn(void **state)
{
        static uint8_t expected[SIM_EFUSE_MAX];
        static uint8_t file[SIM_EFUSE_MAX];

        (void)state;
        for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
                struct secure_profile *p = profile(profiles[i].text);
                const struct secure_options o = { 0 };
                const uint32_t burns = whole(i, p, expected);

                assert_true(burns > 3);
                for (uint32_t cut = 1; cut <= burns; cut++) {
                        struct board *b = board_new(profiles[i].type);
                        struct secure_result res;
                        struct diag d = { 0 };

                        session(b, p, &o, cut, &res, &d); /* off it goes */
                        d = (struct diag){ 0 };
                        /* a chip that shut its door for good is done, and silent */
                        sim_chip_reset(&b->chip, true);
                        if (!sim_chip_fuse(&b->chip, b->chip.type->no_download) &&
                            session(b, p, &o, 0, &res, &d) != 0)
                                fail_msg("profile %zu, cut at burn %u: %s", i, cut, diag_text(&d));
                        sim_chip_reset(&b->chip, true);
                        sim_chip_efuse_put(&b->chip, file);
                        for (size_t k = 0; k < b->chip.type->efuses->block_count; k++) {
                                const struct efuse_block *blk = &b->chip.type->efuses->blocks[k];
                                const size_t end = b->chip.type->efuses->size - blk->read;

                                if (memcmp(file + end - 4u * blk->words,
                                           expected + end - 4u * blk->words, 4u * blk->words))
                                        fail_msg("profile %zu, cut at burn %u: block %zu differs",
                                                 i, cut, k);
                        }
                        board_free(b);
                }
                secure_profile_free(p);
        }
}

/* All but the last step, then the rest, as a line does it; the keys are known before the first. */
static void test_kept_open_then_closed(void **state)
{
        static uint8_t expected[SIM_EFUSE_MAX];
        static uint8_t file[SIM_EFUSE_MAX];

        (void)state;
        for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
                struct secure_profile *p = profile(profiles[i].text);
                struct board *b = board_new(profiles[i].type);
                struct count count = { 0 };
                struct secure_options o = { .keep_open = true,
                                            .closing = on_closing,
                                            .ctx = &count };
                struct secure_result res;
                struct secure_keys keys;
                struct efuse_dev *dev;
                struct diag d = { 0 };
                char *path;

                whole(i, p, expected);
                assert_int_equal(secure_plan_closes(p), profiles[i].closes);
                if (session(b, p, &o, 0, &res, &d) != 0)
                        fail_msg("profile %zu: %s", i, diag_text(&d));
                assert_false(res.closed);
                assert_int_equal(count.closing, 0);
                /* what it was encrypted with is in its file */
                assert_int_equal(efuse_dev_open_file(NULL, p->chip, &dev, &d), 0);
                assert_int_equal(secure_key_path(&p->flash, mac, &path, &d), 0);
                assert_int_equal(path != NULL, p->flash.file != NULL);
                assert_true(!path || file_exists(path));
                free(path);
                assert_int_equal(secure_plan_keys(p, dev, &keys, &d), 0);
                assert_int_equal(keys.flash_len, p->flash.file ? p->flash.bits / 8 : 0);
                secure_keys_wipe(&keys);
                efuse_dev_close(dev);

                o.keep_open = false;
                if (session(b, p, &o, 0, &res, &d) != 0)
                        fail_msg("profile %zu, the rest: %s", i, diag_text(&d));
                assert_int_equal(res.closed, profiles[i].closes);
                assert_int_equal(count.closing, profiles[i].closes);
                assert_int_equal(res.burnt, profiles[i].closes);
                sim_chip_reset(&b->chip, true);
                sim_chip_efuse_put(&b->chip, file);
                assert_memory_equal(file, expected, sizeof file);
                board_free(b);
                secure_profile_free(p);
        }
}

/* Where the bootloader encrypts: nothing that would be in its way is burnt before its first start,
 * and the chip is not closed before that. */
static void test_bootloader_comes_first(void **state)
{
        struct secure_profile *p =
                profile("{\"chip\":\"esp32c3\",\"mode\":\"release\","
                        "\"flash_encryption\":\"bootloader\","
                        "\"secure_boot\":{\"keys\":[\"sb.pem\"]},\"download\":\"off\"}");
        struct board *b = board_new(&sim_esp32c3);
        struct secure_options o = { .keep_open = true };
        static uint8_t file[SIM_EFUSE_MAX];
        struct secure_result res;
        struct efuse_dev *dev;
        struct diag d = { 0 };
        char path[64];

        (void)state;
        assert_true(secure_plan_waits(p));
        assert_int_equal(session(b, p, &o, 0, &res, &d), 0);
        assert_int_equal(res.burnt, 3); /* digests, secure boot, JTAG */
        o.keep_open = false;
        assert_int_equal(session(b, p, &o, 0, &res, &d), -E_STATE);
        assert_non_null(strstr(diag_text(&d), "start the unit"));
        sim_chip_efuse_put(&b->chip, file);
        snprintf(path, sizeof path, "%s/fresh.efuse", dir);
        assert_int_equal(file_save(path, file, p->chip->size, FILE_SECRET, NULL), 0);
        assert_int_equal(efuse_dev_open_file(path, p->chip, &dev, NULL), 0);
        assert_int_equal(efuse_value(p->chip, efuse_dev_image(dev), "SECURE_BOOT_EN"), 1);
        assert_int_equal(efuse_value(p->chip, efuse_dev_image(dev), "DIS_DOWNLOAD_MODE"), 0);
        assert_int_equal(efuse_value(p->chip, efuse_dev_image(dev), "SPI_BOOT_CRYPT_CNT"), 0);
        assert_false(efuse_write_protected(p->chip, efuse_dev_image(dev),
                                           efuse_field(p->chip, "RD_DIS")->write_protect));
        efuse_dev_close(dev);
        board_free(b);
        secure_profile_free(p);
}

static void test_what_is_there_is_left(void **state)
{
        struct secure_profile *p = profile(profiles[1].text);
        struct board *b = board_new(profiles[1].type);
        const struct secure_options o = { 0 };
        struct secure_result first;
        struct secure_result again;
        struct diag d = { 0 };

        (void)state;
        assert_int_equal(session(b, p, &o, 0, &first, &d), 0);
        assert_int_equal(session(b, p, &o, 0, &again, &d), 0);
        assert_int_equal(again.burnt, 0);
        assert_memory_equal(first.digest, again.digest, 32);
        secure_profile_free(p);

        /* another recipe on the same unit: refused before anything is burnt */
        p = profile("{\"chip\":\"esp32c3\",\"mode\":\"development\",\"nvs_key\":{\"key\":\"n.bin\","
                    "\"make\":true,\"block\":\"BLOCK_KEY0\"}}");
        assert_int_equal(session(b, p, &o, 0, &again, &d), -E_REFUSED);
        secure_profile_free(p);
        d = (struct diag){ 0 };
        /* the key's file is gone, and the chip hides it */
        p = profile("{\"chip\":\"esp32c3\",\"mode\":\"development\",\"flash_encryption\":{"
                    "\"key\":\"lost-{mac}.bin\",\"make\":true}}");
        assert_int_equal(session(b, p, &o, 0, &again, &d), -E_REFUSED);
        assert_non_null(strstr(diag_text(&d), "cannot be read"));
        secure_profile_free(p);
        board_free(b);
}

static int say_no(void *ctx)
{
        (void)ctx;
        return -E_CANCELLED;
}

static void test_nothing_without_yes(void **state)
{
        struct secure_profile *p = profile(
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"nvs_key\":{\"key\":\"no-{mac}.bin\","
                "\"make\":true}}");
        struct board *b = board_new(&sim_esp32c3);
        const struct secure_options no = { .confirm = say_no };
        const struct secure_options dry = { .dry_run = true };
        uint8_t before[SIM_EFUSE_MAX];
        uint8_t after[SIM_EFUSE_MAX];
        struct secure_result res;
        struct diag d = { 0 };
        char path[96];

        (void)state;
        sim_chip_efuse_put(&b->chip, before);
        assert_int_equal(session(b, p, &no, 0, &res, &d), -E_CANCELLED);
        assert_int_equal(session(b, p, &dry, 0, &res, &d), 0);
        assert_int_equal(b->chip.fuses.burns, 0);
        sim_chip_efuse_put(&b->chip, after);
        assert_memory_equal(before, after, b->chip.type->efuses->size);
        snprintf(path, sizeof path, "%s/no-240ac4123456.bin", dir);
        assert_false(file_exists(path));
        secure_profile_free(p);
        board_free(b);
}

/* Burn bit 40 of the user's block over a link that spoils n writes to a register. */
static int burn_over(struct board *b, uint32_t addr, unsigned n, struct diag *d)
{
        const struct loader_config cfg = { .link = board_on(b, 0) };
        struct efuse_plan *plan = NULL;
        struct efuse_dev *dev = NULL;
        struct loader *l = NULL;
        int rc;

        b->garble = addr;
        b->garbles = n;
        assert_int_equal(loader_open(&cfg, &l, d), 0);
        assert_int_equal(efuse_dev_open(l, &dev, d), 0);
        assert_int_equal(efuse_plan_new(dev, &plan), 0);
        assert_int_equal(efuse_plan_bit(plan, 3, 40, d), 0);
        assert_int_equal(efuse_plan_settle(plan, d), 1);
        rc = efuse_plan_burn(plan, d);
        efuse_plan_free(plan);
        efuse_dev_close(dev);
        loader_close(l, LOADER_STAY, NULL);
        board_off(b);
        return rc;
}

/* A bit that goes wrong on the way is not burnt: data, a check word, a register that had to be
 * empty. */
static void test_garbled_words_are_not_burnt(void **state)
{
        static const struct {
                const struct sim_chip_type *type;
                uint32_t addr;
        } rows[] = {
                { &sim_esp32c3, 0x60008804 }, { &sim_esp32c3, 0x6000881c },
                { &sim_esp32c3, 0x60008828 }, { &sim_esp32, 0x3ff5a0dc },
                { &sim_esp32, 0x3ff5a01c },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct board *b = board_new(rows[i].type);
                uint8_t expected[32] = { 0 };
                struct diag d = { 0 };
                const uint8_t *block = b->chip.efuse + rows[i].type->efuses->blocks[3].read;

                assert_int_equal(burn_over(b, rows[i].addr, 1000, &d), -E_LINK);
                assert_int_equal(b->chip.fuses.burns, 0);
                d = (struct diag){ 0 };
                if (burn_over(b, rows[i].addr, 1, &d) != 0)
                        fail_msg("%s", diag_text(&d));
                expected[5] = 1;
                assert_memory_equal(block, expected, 32);
                board_free(b);
        }
}

/* Every mistake is found, with its place. */
static void test_profiles_refused(void **state)
{
        static const char *const texts[] = {
                "",
                "[]",
                "{}",
                "{\"chip\":\"esp32c3\"}",
                "{\"chip\":\"esp32p4\",\"mode\":\"release\"}",
                "{\"chip\":\"esp32c3\",\"mode\":\"prod\"}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"moed\":1}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"mode\":\"release\"}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"flash_encryption\":1}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"flash_encryption\":\"rom\"}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"flash_encryption\":{}}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"flash_encryption\":{\"key\":\"k\","
                "\"bits\":512}}",
                "{\"chip\":\"esp32s3\",\"mode\":\"release\",\"flash_encryption\":{\"key\":\"k\","
                "\"bits\":128}}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"flash_encryption\":{\"key\":\"k\","
                "\"block\":\"BLOCK_KEY5\"}}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"flash_encryption\":{\"key\":\"k\","
                "\"block\":\"BLOCK3\"}}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"flash_encryption\":{\"key\":\"k\"},"
                "\"nvs_key\":{\"key\":\"n\",\"block\":\"BLOCK_KEY0\"}}",
                "{\"chip\":\"esp32\",\"mode\":\"release\",\"nvs_key\":{\"key\":\"n\"}}",
                "{\"chip\":\"esp32\",\"mode\":\"release\",\"download\":\"secure\"}",
                "{\"chip\":\"esp32\",\"mode\":\"release\",\"secure_boot\":{\"keys\":[\"a\",\"b\"]}"
                "}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"secure_boot\":{\"keys\":[]}}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"secure_boot\":{\"keys\":[\"a\"],"
                "\"blocks\":[]}}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"efuses\":{\"NOPE\":1}}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"efuses\":{\"WR_DIS\":1}}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"efuses\":{\"SECURE_VERSION\":0}}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"download\":\"never\"}",
                "{\"chip\":\"esp32c3\",\"mode\":\"release\",\"jtag_off\":1}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                struct report r = { .silent = true };
                struct secure_profile *p;

                if (secure_profile_parse("p.json", texts[i], strlen(texts[i]), &p, &r) >= 0)
                        fail_msg("accepted: %s", texts[i]);
                assert_null(p);
                assert_true(r.errors >= 1);
        }
}

static int make_dir(void **state)
{
        (void)state;
        if (!mkdtemp(dir))
                return -1;
        make_signing_key();
        return 0;
}

static int remove_dir(void **state)
{
        char command[64];

        (void)state;
        snprintf(command, sizeof command, "rm -rf %s", dir);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cut_at_every_burn),
                cmocka_unit_test(test_kept_open_then_closed),
                cmocka_unit_test(test_bootloader_comes_first),
                cmocka_unit_test(test_what_is_there_is_left),
                cmocka_unit_test(test_nothing_without_yes),
                cmocka_unit_test(test_garbled_words_are_not_burnt),
                cmocka_unit_test(test_profiles_refused),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
