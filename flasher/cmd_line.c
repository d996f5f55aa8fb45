/* line: a job, its slots, the ledger; the work is in lib/line */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "efuse.h"
#include "flasher.h"
#include "line/ledger.h"
#include "line/line.h"
#include "line/line_http.h"
#include "line/line_lock.h"
#include "host/pool.h"
#include "line_show.h"

#define CLOCK_SKEW_S 300 /* that clocks of two stations may be apart */

static bool approve, check, usb, once, rework, jig, plain, yes;
static struct opt_list slots;
static const char *station, *operator_name, *batch, *ledger_url, *http;
static int64_t count;

const struct opt line_options[] = {
        { 0, "check", OPT_FLAG, &check, NULL, "prove the job and all its files, then end" },
        { 0, "approve", OPT_FLAG, &approve, NULL,
          "prove it, and lock job and files by their hashes" },
        { 'y', "yes", OPT_FLAG, &yes, NULL, "approve also what is burnt, without asking" },
        { 0, "slot", OPT_LIST, &slots, "NAME=PORT", "a slot more (may be repeated)" },
        { 0, "usb", OPT_FLAG, &usb, NULL,
          "every USB serial port is a slot, now and when it is plugged in" },
        { 0, "jig", OPT_FLAG, &jig, NULL, "the adapters stay, only their boards are exchanged" },
        { 0, "once", OPT_FLAG, &once, NULL, "one board a slot, then end" },
        { 'n', "count", OPT_INT, &count, "N", "end when so many have passed" },
        { 0, "rework", OPT_FLAG, &rework, NULL, "boards that have passed are done again" },
        { 0, "batch", OPT_STR, &batch, "NAME", "batch in the ledger (default: the job's name)" },
        { 0, "ledger", OPT_STR, &ledger_url, "URL", "another ledger than the job's" },
        { 0, "station", OPT_STR, &station, "NAME", "this station (default: the host's name)" },
        { 0, "operator", OPT_STR, &operator_name, "NAME", "who works here (default: the user)" },
        { 0, "http", OPT_STR, &http, "HOST:PORT", "serve a page that shows the line" },
        { 0, "plain", OPT_FLAG, &plain, NULL, "a log also on a terminal" },
        { 0 },
};

/* A bad job is bad data, whatever is wrong with it; a station's trouble stays one. */
static int job_status(int rc)
{
        const enum exit_status s = err_status(rc);

        return s == STATUS_STATION || s == STATUS_DONE ? (int)s : STATUS_DATA;
}

static int add_slot(struct line_view *v, const char *name, const char *port)
{
        for (size_t i = 0; i < v->slot_count; i++)
                if (!strcmp(v->slots[i].name, name) || !strcmp(v->slots[i].port, port))
                        return usage_error("slot '%s' at %s: '%s' at %s is there already", name,
                                           port, v->slots[i].name, v->slots[i].port);
        return line_view_slot(v, name, port) < 0 ? usage_error("more than %u slots", LINE_SLOTS_MAX)
                                                 : 0;
}

/* Those of the command line stand for those of the job. */
static int add_slots(struct line_view *v, const struct line_job *j)
{
        int status = 0;

        for (size_t i = 0; i < slots.count && status == 0; i++) {
                const char *eq = strchr(slots.items[i], '=');
                char name[LINE_NAME_MAX];

                if (!eq || eq == slots.items[i] || !eq[1] ||
                    (size_t)(eq - slots.items[i]) >= sizeof name)
                        return usage_error("--slot: '%s' is not NAME=PORT, the name at most %u "
                                           "bytes",
                                           slots.items[i], LINE_NAME_MAX - 1);
                snprintf(name, sizeof name, "%.*s", (int)(eq - slots.items[i]), slots.items[i]);
                status = add_slot(v, name, eq + 1);
        }
        if (g.port && status == 0)
                status = add_slot(v, "1", g.port);
        for (size_t i = 0; !v->slot_count && i < j->slot_count && status == 0; i++)
                status = add_slot(v, j->slots[i].name.text, j->slots[i].port.text);
        if (status == 0 && !v->slot_count)
                usb = true;
        return status;
}

/* The file's name without its ending, where the job has none. */
static void batch_name(const struct line_job *j, char out[65])
{
        const char *base = strrchr(j->path, '/');
        const char *text = batch ? batch : j->name.text;

        base = base ? base + 1 : j->path;
        if (text)
                snprintf(out, 65, "%s", text);
        else
                snprintf(out, 65, "%.*s", (int)strcspn(base, "."), base);
}

static void names(struct line_view *v, const struct line_job *j)
{
        const char *user = getenv("USER");

        batch_name(j, v->batch);
        snprintf(v->job, sizeof v->job, "%s", v->batch);
        if (station)
                snprintf(v->station, sizeof v->station, "%s", station);
        else if (gethostname(v->station, sizeof v->station - 1) < 0)
                snprintf(v->station, sizeof v->station, "station");
        if (!operator_name)
                operator_name = user && *user ? user : "operator";
}

static int open_ledger(const struct line_job *j, const char *station_name, struct ledger **l)
{
        const struct ledger_config cfg = { .url = ledger_url ? ledger_url : j->ledger.text,
                                           .station = station_name,
                                           .operator= operator_name,
                                           .create = true };
        struct diag d = { 0 };

        if (ledger_open(&cfg, l, &d) < 0 || ledger_ping(*l, &d) < 0) {
                tool_error("%s:%u:%u: ledger: %s", j->path, j->ledger.line, j->ledger.column,
                           diag_text(&d));
                return (int)err_status(-diag_code(&d));
        }
        return 0;
}

/* Serial numbers that another batch has are found before the first board. */
static int check_batch(const struct line_config *cfg)
{
        const struct line_word *at = &cfg->job->serial;
        struct diag d = { 0 };
        const int rc = line_batch_check(cfg, &d);

        if (rc < 0)
                tool_error("%s:%u:%u: serial: %s", cfg->job->path, at->line, at->column,
                           diag_text(&d));
        return rc < 0 ? job_status(rc) : STATUS_DONE;
}

/* The chain holds whatever a clock says; who reads it later has only the times. */
static void check_clock(const struct line_config *cfg)
{
        const time_t late = time(NULL) + CLOCK_SKEW_S;
        char now[LEDGER_TIME_LEN];
        char last[LEDGER_TIME_LEN];
        struct tm tm;

        if (ledger_latest(cfg->ledger, last, NULL) < 0 || !gmtime_r(&late, &tm))
                return;
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%S", &tm);
        if (strcmp(last, now) > 0)
                say("%s: note: the ledger's last event is of %s, which is still to come by this "
                    "station's clock; set the clock",
                    cfg->job->path, last);
}

static int work(struct line_config *cfg)
{
        struct line_view *v = cfg->view;
        struct line_http *page = NULL;
        struct diag d = { 0 };
        int status;
        int rc;

        if ((rc = line_batch_define(cfg, &d)) < 0)
                return fail(cfg->job->path, &d);
        if (http && line_http_open(http, v, cfg->ledger, &page, &d) < 0)
                return fail("--http", &d);
        if (page && !g.json)
                say("%s", line_http_url(page));
        status = line_show_begin(v, g.json                            ? LINE_SHOW_JSON
                                    : isatty(STDOUT_FILENO) && !plain ? LINE_SHOW_TERMINAL
                                                                      : LINE_SHOW_LOG);
        if (status == 0) {
                rc = line_run(cfg, &d);
                line_show_end(v);
        }
        line_http_close(page);
        if (status)
                return status;
        if (rc < 0)
                return fail(NULL, &d);
        if (interrupted())
                return STATUS_STATION;
        return (once || count) && v->totals.failed ? STATUS_DEVICE : STATUS_DONE;
}

static int with_ledger(const struct line_job *j, const struct line_kit *k)
{
        static struct line_view v; /* large */
        struct line_config cfg = { .job = j,
                                   .kit = k,
                                   .view = &v,
                                   .batch = v.batch,
                                   .once = once,
                                   .jig = jig || j->jig,
                                   .rework = rework,
                                   .count = (uint64_t)count };
        struct ledger *ledger = NULL;
        int status;

        line_view_init(&v);
        names(&v, j);
        status = add_slots(&v, j);
        cfg.usb = usb;
        if (status == 0)
                status = open_ledger(j, v.station, &ledger);
        cfg.ledger = ledger;
        if (status == 0)
                status = check_batch(&cfg);
        if (status == 0)
                check_clock(&cfg);
        if (status == 0 && !check && !approve)
                status = work(&cfg);
        ledger_close(ledger);
        line_view_free(&v);
        return status;
}

/* What is burnt into every unit is shown, and somebody has to agree: nothing can be taken back. */
static int consent(const struct line_job *j, const struct line_kit *k)
{
        struct diag d = { 0 };

        if (!k->secure)
                return 0;
        if (!g.json)
                say("%s: burns into the eFuses of every unit (%s, %s):", j->path,
                    k->secure->chip->name, k->secure->release ? "release" : "development");
        if (line_secure_foretell(k, efuse_show_change, NULL, &d) < 0)
                return fail(j->path, &d);
        return efuse_confirm(yes, "not approved");
}

/* The lock and what else was to be done. taken: of the files before they were read. */
static int proven(const struct line_job *j, struct line_kit *k, const char *taken, struct report *r)
{
        size_t files = 0;
        int status;

        if ((!approve && !check && line_lock_check(j, r) < 0) || line_lock_still(j, taken, r) < 0)
                return job_status(report_finish(r));
        line_kit_guard(k, taken);
        status = with_ledger(j, k);
        if (status != 0)
                return status;
        if (approve && (status = consent(j, k)) != 0)
                return status;
        /* somebody may have thought for long before he agreed */
        if (approve && (line_lock_still(j, taken, r) < 0 || line_lock_write(j, &files, r) < 0))
                return job_status(report_finish(r));
        if (approve)
                say("%s: approved with %zu files", j->path, files);
        else if (check)
                say("%s: good", j->path);
        return STATUS_DONE;
}

int cmd_line(int argc, char **argv)
{
        static struct line_job j; /* large */
        static struct line_kit k;
        struct report r = { .quiet_notes = g.silent || g.json };
        char *taken = NULL;
        int status;

        (void)argc;
        if (count < 0)
                return usage_error("--count: not below 0");
        if (yes && !approve)
                return usage_error("--yes goes with --approve: it agrees to what is burnt");
        if (approve + check > 1)
                return usage_error("--approve checks too: one of both");
        interrupt_catch_gently();
        if (line_job_load(&j, argv[0], &r) == 0)
                taken = line_lock_take(&j);
        if (r.errors || line_kit_open(&k, &j, &r) < 0)
                status = job_status(report_finish(&r));
        else
                status = proven(&j, &k, taken, &r);
        line_kit_close(&k);
        free(taken);
        line_job_free(&j);
        return status;
}
