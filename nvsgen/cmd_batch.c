#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/batch.h"
#include "host/json.h"
#include "host/nvs_keyfile.h"
#include "host/pool.h"
#include "host/progress.h"
#include "image.h"
#include "keys.h"
#include "nvsgen.h"

static struct image_request image; /* size and version only */
static struct key_request keys;
static struct batch_config cfg = { .naming.width = 1 };
static const char *prefix_num[2];
static const char *inputkey;
static int64_t start = -1;
static int64_t jobs;
static bool keygen;
static bool no_progress;

static int check_prefix_num(void)
{
        int64_t first;
        int64_t width;

        if (!prefix_num[0])
                return 0;
        if (parse_int(prefix_num[0], &first) < 0 || parse_int(prefix_num[1], &width) < 0 ||
            first < 0 || width < 0 || width > 20)
                return usage_error("--prefix_num %s %s: takes the first number and its width, up "
                                   "to 20 digits, as in "
                                   "--prefix_num 1 6",
                                   prefix_num[0], prefix_num[1]);
        cfg.naming.numbered = true;
        cfg.naming.start = (uint64_t)first;
        cfg.naming.width = (unsigned)width;
        return 0;
}

static int check_keys(void)
{
        if (keygen && inputkey)
                return usage_error("--keygen and --inputkey exclude each other");
        if (inputkey && keys.hmac)
                return usage_error("--inputkey holds the keys; the HMAC options go with --keygen");
        if (keys.keyfile)
                return usage_error("--keyfile: every device gets its own file, keys-PREFIX-ID.bin; "
                                   "leave it out");
        if (keys.hmac && !keygen)
                return usage_error("--key_protect_hmac needs --keygen");
        if (keys.hmac_keyfile)
                return usage_error("--kp_hmac_keyfile: every device gets its own file, "
                                   "hmac-keys-PREFIX-ID.bin; leave it out");
        cfg.encryption = inputkey             ? BATCH_SHARED_KEY
                         : !keygen            ? BATCH_PLAIN
                         : keys.hmac_inputkey ? BATCH_HMAC_SHARED
                         : keys.hmac          ? BATCH_HMAC_KEY_EACH
                                              : BATCH_KEY_EACH;
        return key_request_check(&keys);
}

static int check_words(int argc, char **argv)
{
        int status;

        if (argc < 3 || argc > 4)
                return usage_error("batch takes CONF VALUES PREFIX and SIZE, not %d words", argc);
        if (argc == 4 && (image.size_text || image.table))
                return usage_error("'%s': the size is given by an option already", argv[3]);
        if (argc == 4)
                image.size_text = argv[3];
        if (!image.size_text && !image.table)
                return usage_error(
                        "which size? write it behind the prefix, as 0x6000 or 24K, or name the "
                        "--partition-table");
        if (image.label && !image.table)
                return usage_error("--partition needs --partition-table");
        if (start < -1 || jobs < 0 || jobs > 256)
                return usage_error("--start and --jobs are not negative; at most 256 jobs");
        if ((status = image_request_version(&image)) || (status = image_request_size(&image)) ||
            (status = check_prefix_num()) || (status = check_keys()))
                return status;
        cfg.conf = argv[0];
        cfg.values = argv[1];
        cfg.naming.prefix = argv[2];
        cfg.outdir = keys.outdir ? keys.outdir : ".";
        cfg.size = (size_t)image.size;
        cfg.version = image.version_number;
        cfg.legacy_layout = image.legacy_layout;
        cfg.counter = start >= 0 ? (uint64_t)start : cfg.naming.numbered ? cfg.naming.start : 1;
        cfg.jobs = (unsigned)jobs;
        return 0;
}

/* What has to be read from files before the batch can start. */
static int load(struct report *r)
{
        uint8_t hmac[NVS_HMAC_KEY_LEN];
        struct diag d = { 0 };
        uint64_t size;
        bool readonly;
        int rc = 0;

        if (image.table && (rc = image_partition_size(&image, &size, &readonly, r)) == 0)
                cfg.size = (size_t)size;
        if (inputkey && nvs_keyfile_load(inputkey, &cfg.shared, &d) < 0)
                rc = report_diag(r, NULL, &d);
        if (cfg.encryption == BATCH_HMAC_SHARED) {
                if (nvs_hmac_keyfile_load(keys.hmac_inputkey, hmac, &d) < 0)
                        rc = report_diag(r, NULL, &d);
                else if (nvs_keys_from_hmac(&cfg.shared, hmac) < 0)
                        rc = report_error(r, E_KEY, keys.hmac_inputkey, 0, 0,
                                          "no keys can be derived from it");
                wipe(hmac, sizeof hmac);
        }
        return rc;
}

static void say_json(const struct batch_totals *t)
{
        struct json_writer w = { .out = stdout };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_uint(&w, "devices", t->devices);
        json_uint(&w, "made", t->made);
        json_uint(&w, "kept", t->kept);
        json_uint(&w, "replaced", t->replaced);
        json_uint(&w, "issued", t->issued);
        json_uint(&w, "entries_used", t->entries_used);
        json_uint(&w, "entries_total", t->entries_total);
        json_uint(&w, "smallest_size", t->size_needed);
        json_close(&w, '}');
        putchar('\n');
}

/* Before the first one is made, the rows are still being checked and counted. */
static void say_interrupted(const struct batch_totals *t)
{
        const uint64_t done = t->made + t->kept + t->replaced;

        if (done)
                tool_error("interrupted: %" PRIu64 " of %" PRIu64
                           " devices are done; the same command continues",
                           done, t->devices);
        else
                tool_error("interrupted before the first device was done; the same command "
                           "continues");
}

static void say_words(const struct batch_totals *t)
{
        printf("%s: %" PRIu64 " devices", cfg.naming.prefix, t->devices);
        if (cfg.dry_run)
                printf(" checked, nothing written");
        else
                printf(": %" PRIu64 " made, %" PRIu64 " kept, %" PRIu64 " replaced", t->made,
                       t->kept, t->replaced);
        if (t->issued)
                printf("; values issued to %" PRIu64, t->issued);
        printf("; fullest image %zu of %zu entries, smallest size that fits 0x%zx\n",
               t->entries_used, t->entries_total, t->size_needed);
}

static int run(int argc, char **argv)
{
        struct report r = { .quiet_notes = image.quiet };
        struct batch_totals totals = { 0 };
        int status;
        int rc;

        if (argc && opt_word_is(argv[0], "generate-key")) {
                if (argc > 1)
                        return usage_error("generate-key takes no words, only options");
                return generate_key(&keys, image.quiet);
        }
        if (argc && opt_word_is(argv[0], "generate"))
                argc--, argv++;
        if ((status = check_words(argc, argv)))
                return status;
        if (image.quiet || image.json || no_progress)
                progress_disable();
        interrupt_catch();
        rc = load(&r);
        if (rc == 0)
                rc = batch_run(&cfg, &totals, &r);
        wipe(&cfg.shared, sizeof cfg.shared);
        if (rc == -E_CANCELLED && !r.errors) {
                say_interrupted(&totals);
                return err_status(rc);
        }
        if (rc == 0 && image.json)
                say_json(&totals);
        else if (rc == 0 && !image.quiet)
                say_words(&totals);
        report_finish(&r);
        return err_status(rc);
}

static const struct opt options[] = {
        { 0, "size", OPT_STR, &image.size_text, "SIZE",
          "bytes of the partition, instead of the last word" },
        { 0, "partition-table", OPT_STR, &image.table, "FILE",
          "take the size from this table (CSV or binary)" },
        { 0, "partition", OPT_STR, &image.label, "LABEL",
          "which partition of it; not needed if only one is for NVS" },
        { 0, "version", OPT_STR, &image.version, "1|2",
          "NVS format: 2 (default) lets blobs cross pages" },
        { 0, "legacy-layout", OPT_FLAG, &image.legacy_layout, NULL,
          "page layout of ESP-IDF up to v5.2" },
        { 0, "fileid", OPT_STR, &cfg.fileid, "KEY",
          "name the files by this column; by number if not given" },
        { 0, "prefix_num", OPT_STR, prefix_num, "START LEN",
          "put a number of LEN digits behind the prefix", 2 },
        { 0, "start", OPT_INT, &start, "N",
          "counter of the first template; as --prefix_num, or 1" },
        { 0, "keygen", OPT_FLAG, &keygen, NULL, "encrypt each image with a key of its own" },
        { 0, "inputkey", OPT_STR, &inputkey, "FILE",
          "encrypt all images with the keys of this file" },
        KEY_OPTIONS(keys),
        { 'j', "jobs", OPT_INT, &jobs, "N", "threads; one a processor if not given" },
        { 0, "no-csv", OPT_FLAG, &cfg.no_csv, NULL,
          "leave out OUTDIR/csv, which holds all values in plain text" },
        { 'n', "dry-run", OPT_FLAG, &cfg.dry_run, NULL, "check everything, write nothing" },
        { 'f', "force", OPT_FLAG, &cfg.force, NULL, "replace files that this batch did not make" },
        { 0, "no-sync", OPT_FLAG, &cfg.no_sync, NULL,
          "do not wait until the images are on the disk" },
        { 0, "no-progress", OPT_FLAG, &no_progress, NULL, "no progress line" },
        { 'q', "quiet", OPT_FLAG, &image.quiet, NULL, "say nothing when it worked" },
        { 0, "json", OPT_FLAG, &image.json, NULL, "say it as one JSON object" },
        { 0 },
};

const struct command cmd_batch = {
        .name = "batch",
        .synopsis = "CONF.csv VALUES.csv PREFIX SIZE",
        .summary = "make the images of many devices, one row of values each",
        .options = options,
        .min_args = 1,
        .max_args = 5,
        .run = run,
        .more = "The files are those of mfg_gen.py, and more: see fctry-batch(5). Everything is "
                "checked\n"
                "before anything is written; the same command again finishes what was "
                "interrupted.\n"
                "Examples:\n"
                "  nvsgen batch conf.csv values.csv outlet 0x6000 --fileid serial_no --outdir "
                "batch\n"
                "  nvsgen batch conf.csv values.csv outlet 24K --keygen --no-csv --outdir batch",
};
