/* provcli batch: many devices, several at a time; what is done stays done. */
#include "batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/err.h"
#include "base/strf.h"
#include "host/file.h"
#include "line/ledger.h"
#include "host/passphrase.h"
#include "host/pool.h"
#include "host/progress.h"
#include "host/report.h"

#define JOBS_MAX 64

static const char *ssid, *passphrase_file, *result_file, *ledger_url, *ledger_batch, *prov_folder;
static bool open_network, no_scan;
static int64_t jobs = 4, more_tries = 1, min_rssi;

const struct opt batch_options_table[] = {
        { 0, "ssid", OPT_STR, &ssid, "SSID", "the network of rows that name none", 0 },
        { 0, "passphrase-file", OPT_STR, &passphrase_file, "FILE", "its passphrase from a file",
          0 },
        { 0, "open", OPT_FLAG, &open_network, NULL,
          "it has no passphrase, nor has a row's own network where the row gives none", 0 },
        { 'j', "jobs", OPT_INT, &jobs, "N", "devices at a time (default 4)", 0 },
        { 0, "retries", OPT_INT, &more_tries, "N", "more tries with a silent device (default 1)",
          0 },
        { 0, "min-rssi", OPT_INT, &min_rssi, "DBM",
          "a device that hears its network weaker fails, and is not provisioned", 0 },
        { 0, "no-scan", OPT_FLAG, &no_scan, NULL, "do not ask how strong it hears the network", 0 },
        { 'o', "result", OPT_STR, &result_file, "FILE",
          "the result file (default: DEVICES.csv.result.csv)", 0 },
        { 0, "ledger", OPT_STR, &ledger_url, "URL",
          "the line's ledger: its passed units are the devices, and it is told each result", 0 },
        { 0, "ledger-batch", OPT_STR, &ledger_batch, "NAME", "of this batch only", 0 },
        { 0, "prov-dir", OPT_STR, &prov_folder, "DIR",
          "certgen's devices folder, with the secrets of the ledger's units", 0 },
        { 0 },
};

struct batch {
        struct unit_list list;
        struct batch_options o;
        struct radios radios;
        struct ledger *ledger;
        const char *file;     /* results */
        pthread_mutex_t lock; /* of what follows, of the file and of standard output */
        size_t done, failed, skipped;
};

static void say_unit(const struct unit *u)
{
        struct json_writer w = { .out = stdout };

        if (!opts.json) {
                char rssi[24] = "";

                if (u->rssi)
                        strf(rssi, sizeof rssi, ", %d dBm", (int)u->rssi);
                if (u->status != STATUS_DONE)
                        printf("%s: %s%s: %s\n", unit_id(u), u->word, rssi, u->said);
                else if (!opts.quiet)
                        printf("%s: connected to %s, address %s%s, %.1f s\n", unit_id(u), u->ssid,
                               u->ip4, rssi, (double)u->ms / 1000);
                return;
        }
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "id", unit_id(u));
        json_str(&w, "result", u->word);
        json_int(&w, "status", u->status);
        json_str(&w, "ssid", u->ssid);
        if (u->status == STATUS_DONE) {
                json_str(&w, "ip4", u->ip4);
                json_int(&w, "channel", u->channel);
                json_str(&w, "auth", u->auth);
        }
        if (u->rssi)
                json_int(&w, "rssi", u->rssi);
        json_uint(&w, "ms", u->ms);
        json_uint(&w, "requests", u->requests);
        json_uint(&w, "tries", u->tries);
        if (*u->said)
                json_str(&w, "text", u->said);
        json_close(&w, '}');
        putchar('\n');
}

/* The unit's event there; the same again does no harm. */
static int tell_ledger(struct batch *b, const struct unit *u, struct diag *d)
{
        struct ledger_unit unit;
        char note[LEDGER_NOTE_MAX];
        int rc;

        if (!b->ledger)
                return 0;
        if (u->status == STATUS_DONE)
                strf(note, sizeof note, "wifi: connected to %s, %d dBm, %llu ms", u->ssid,
                     (int)u->rssi, (unsigned long long)u->ms);
        else
                strf(note, sizeof note, "wifi: %s: %.180s", u->word, u->said);
        rc = ledger_find(b->ledger, unit_id(u), &unit, d);
        if (rc == -E_NOTFOUND)
                return diag_set(d, E_NOTFOUND, "%s is not in the ledger %s", unit_id(u),
                                ledger_name(b->ledger));
        return rc < 0 ? rc : ledger_remark(b->ledger, &unit, "note", note, d);
}

static int one(void *ctx, unsigned worker, size_t i)
{
        struct batch *b = ctx;
        struct unit *u = &b->list.units[i];
        struct unit mine = *u; /* what another thread writes to the file is never half of this */
        struct diag d = { 0 };
        int rc, saved;

        (void)worker;
        if (u->done)
                return 0;
        rc = unit_provision(&mine, &b->o, &b->radios);
        pthread_mutex_lock(&b->lock);
        *u = mine;
        if (u->status == STATUS_DONE)
                b->done++;
        else
                b->failed++;
        /* on disk before it is said */
        if ((saved = results_save(&b->list, b->file, &d)) < 0 ||
            (saved = tell_ledger(b, u, &d)) < 0)
                tool_error("%s", diag_text(&d));
        progress_clear();
        say_unit(u);
        fflush(stdout);
        progress_show("batch", b->skipped + b->done + b->failed, b->list.count, "devices");
        pthread_mutex_unlock(&b->lock);
        return saved < 0 ? saved : rc;
}

static void say_summary(const struct batch *b)
{
        const size_t left = b->list.count - b->skipped - b->done - b->failed;
        struct json_writer w = { .out = stdout };

        progress_clear();
        if (!opts.json && !opts.quiet)
                printf("%zu connected, %zu failed, %zu done before%s\n", b->done, b->failed,
                       b->skipped, left ? ", the others not tried" : "");
        if (!opts.json)
                return;
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "result", "summary");
        json_uint(&w, "connected", b->done);
        json_uint(&w, "failed", b->failed);
        json_uint(&w, "skipped", b->skipped);
        json_uint(&w, "left", left);
        json_close(&w, '}');
        putchar('\n');
}

/* What all devices share, from files. */
struct shared {
        struct blob passphrase, pop, password, service_key;
};

static int load_secret(const char *file, const char *what, struct blob *out, const char **text,
                       struct diag *d)
{
        const struct passphrase_source from = { .file = file, .fd = -1 };
        int rc;

        if (!file)
                return 0;
        if ((rc = passphrase_read(&from, what, false, out, d)) == 0 && text)
                *text = (const char *)out->data;
        return rc;
}

/* Does any device join the network of the options with their passphrase? */
static bool is_shared(const struct unit_list *l)
{
        for (size_t i = 0; i < l->count; i++)
                if (!l->units[i].text[COL_SSID] && !l->units[i].text[COL_PASSPHRASE])
                        return true;
        return false;
}

static int load_shared(struct batch *b, struct shared *s, struct diag *d)
{
        const struct passphrase_source from = { .file = passphrase_file,
                                                .fd = -1,
                                                .options = "--passphrase-file FILE or --open" };
        int rc;

        if ((rc = load_secret(opts.pop_file, "proof of possession", &s->pop, &opts.pop, d)) < 0 ||
            (rc = load_secret(opts.password_file, "password of the devices", &s->password,
                              &opts.password, d)) < 0 ||
            (rc = load_secret(opts.service_key_file, "service key", &s->service_key,
                              &opts.service_key, d)) < 0)
                return rc;
        b->o.passphrase = (const uint8_t *)"";
        if (!ssid || open_network || !is_shared(&b->list))
                return 0;
        rc = passphrase_read(&from, "passphrase of the network", false, &s->passphrase, d);
        if (s->passphrase.data)
                b->o.passphrase = s->passphrase.data;
        b->o.passphrase_len = s->passphrase.len;
        return rc;
}

/* A passphrase that was forgotten must not make an open network of one that is none. */
static int check_open(const struct unit_list *l, const char *file, struct diag *d)
{
        struct report r = { 0 };

        for (size_t i = 0; i < l->count && !open_network; i++) {
                const struct unit *u = &l->units[i];

                if (u->text[COL_SSID] && !u->text[COL_PASSPHRASE])
                        report_error(&r, E_FORMAT, file, u->line, 0,
                                     "the network %s has no passphrase; fill it in, or say --open",
                                     u->text[COL_SSID]);
        }
        if (r.errors)
                return diag_set(d, r.first_code, "%s: nothing is done before its rows are right",
                                file);
        return 0;
}

static void free_shared(struct shared *s)
{
        blob_free_secret(&s->passphrase);
        blob_free_secret(&s->pop);
        blob_free_secret(&s->password);
        blob_free_secret(&s->service_key);
}

static int load_units(struct batch *b, const char *devices, struct diag *d)
{
        const struct ledger_config cfg = { .url = ledger_url, .station = "provcli", .operator= "" };
        int rc = 0;

        if (ledger_url)
                rc = ledger_open(&cfg, &b->ledger, d);
        if (rc < 0)
                return rc;
        return devices ? units_read(&b->list, devices, d)
                       : units_from_ledger(&b->list, b->ledger, ledger_batch, prov_folder, d);
}

/* Two runs on the same list would undo each other's work; the lock is the list itself. */
static int lock_list(const char *path, struct diag *d)
{
        const int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return diag_set(d, errno == ENOENT ? E_NOTFOUND : E_PERM, "%s: %s", path,
                                strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
                return fd;
        close(fd);
        return diag_set(d, E_BUSY, "%s: another provcli batch is at work on it", path);
}

static int work(struct batch *b, struct diag *d)
{
        int rc = results_load(&b->list, b->file, d);

        if (rc < 0)
                return rc;
        for (size_t i = 0; i < b->list.count; i++)
                b->skipped += b->list.units[i].done;
        if (opts.json || opts.quiet)
                progress_disable();
        interrupt_catch();
        rc = pool_run((unsigned)jobs, b->list.count, one, b);
        say_summary(b);
        if (rc == -E_CANCELLED)
                diag_set(d, E_CANCELLED, "interrupted; the same command goes on");
        return rc;
}

static int worst(const struct unit_list *l)
{
        for (size_t i = 0; i < l->count; i++)
                if (l->units[i].word && l->units[i].status != STATUS_DONE)
                        return l->units[i].status;
        return STATUS_DONE;
}

int run_batch(int argc, char **argv)
{
        struct batch b = { .radios = { .lock = PTHREAD_MUTEX_INITIALIZER,
                                       .freed = PTHREAD_COND_INITIALIZER },
                           .lock = PTHREAD_MUTEX_INITIALIZER };
        const char *devices = argc ? argv[0] : NULL;
        char *name = NULL;
        struct shared shared = { 0 };
        struct diag d = { 0 };
        int rc, lock = -1;

        if (!devices && !(ledger_url && prov_folder && result_file))
                return usage_error("which devices? a CSV file, or --ledger with --prov-dir and "
                                   "--result");
        if (jobs < 1 || jobs > JOBS_MAX || more_tries < 0 || more_tries > 100 || min_rssi > 0 ||
            min_rssi < -120)
                return usage_error("--jobs: 1 to %d; --retries: 0 to 100; --min-rssi: -120 to -1",
                                   JOBS_MAX);
        if (!result_file) {
                if (asprintf(&name, "%s.result.csv", devices) < 0)
                        return say_failure(-E_NOMEM, &d, NULL);
                result_file = name;
        }
        b.file = result_file;
        b.o = (struct batch_options){
                .ssid = ssid, .min_rssi = min_rssi, .more_tries = more_tries, .no_scan = no_scan
        };
        if ((rc = lock = lock_list(devices ? devices : prov_folder, &d)) >= 0 &&
            (rc = load_units(&b, devices, &d)) == 0 &&
            (rc = check_open(&b.list, devices, &d)) == 0 &&
            (rc = load_shared(&b, &shared, &d)) == 0)
                rc = work(&b, &d);
        if (lock >= 0)
                close(lock);
        if (rc < 0 && d.code)
                rc = say_failure(rc, &d, NULL);
        else
                rc = rc < 0 ? (int)err_status(rc) : worst(&b.list);
        units_free(&b.list);
        ledger_close(b.ledger);
        free_shared(&shared);
        free(name);
        return rc;
}
