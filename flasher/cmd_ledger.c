/* ledger: what the line has made; the actions are in ledger_show.c and ledger_edit.c */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "ledger_cmd.h"

struct ledger_options lo;

const struct opt ledger_options[] = {
        { 0, "ledger", OPT_STR, &lo.url, "URL",
          "file, or postgresql://HOST/DATABASE (default: $FCTRY_LEDGER)" },
        { 0, "station", OPT_STR, &lo.station, "NAME",
          "this station (default: the host's name); of query and export: only this one's" },
        { 0, "operator", OPT_STR, &lo.operator_name, "NAME", "who works here (default: the user)" },
        { 0, "batch", OPT_STR, &lo.batch, "NAME", "only this batch" },
        { 0, "state", OPT_STR, &lo.state, "WORD",
          "only: free, reserved, made, flashed, verified, passed, failed, rework, scrapped",
          .words = "free|reserved|made|flashed|verified|passed|failed|rework|scrapped" },
        { 0, "mac", OPT_STR, &lo.mac, "MAC", "only this board" },
        { 0, "slot", OPT_STR, &lo.slot, "NAME", "only this slot" },
        { 0, "failure", OPT_STR, &lo.failure, "CLASS", "only this class of failures" },
        { 0, "since", OPT_STR, &lo.since, "TIME",
          "only from then on: 2026-11-28T09:00, or shorter" },
        { 0, "until", OPT_STR, &lo.until, "TIME", "only before" },
        { 0, "limit", OPT_INT, &lo.limit, "N", "at most N units" },
        { 0, "newest", OPT_FLAG, &lo.newest, NULL, "the newest first" },
        { 0, "format", OPT_STR, &lo.format, "csv|json", "of an export (csv)" },
        { 0, "events", OPT_FLAG, &lo.events, NULL, "export events with their hashes (json)" },
        { 'o', "out", OPT_STR, &lo.out, "FILE", "export to it (standard output)" },
        { 0, "head", OPT_STR, &lo.head, "SEQ:HASH",
          "verify: what an earlier verify printed must still be in it" },
        { 0, "reason", OPT_STR, &lo.reason, "TEXT", "of rework and scrap, kept in the ledger" },
        { 0, "ca", OPT_STR, &lo.ca, "FOLDER", "scrap: the CA that revokes the certificate" },
        { 0, "index", OPT_STR, &lo.index, "FILE", "its index, if it is not in FOLDER" },
        { 0, "no-revoke", OPT_FLAG, &lo.no_revoke, NULL, "scrap: leave the certificate as it is" },
        { 0, "keep-board", OPT_FLAG, &lo.keep_board, NULL,
          "scrap: the board may have another identity" },
        { 'y', "yes", OPT_FLAG, &lo.yes, NULL, "scrap without asking" },
        { 0, "column", OPT_LIST, &lo.columns, "FIELD=NAME",
          "import: column of serial, mac, cert_serial, service, files or factory" },
        { 0, "first", OPT_INT, &lo.first, "N", "define: the first number (1)" },
        { 0, "last", OPT_INT, &lo.last, "N", "define: the last one (no end)" },
        { 0 },
};

const char *ledger_cmd_station(void)
{
        static char host[LEDGER_NAME_MAX];

        if (lo.station)
                return lo.station;
        if (!*host && gethostname(host, sizeof host - 1) < 0)
                strcpy(host, "station");
        return host;
}

const char *ledger_cmd_operator(void)
{
        const struct passwd *who = lo.operator_name ? NULL : getpwuid(getuid());

        return lo.operator_name ? lo.operator_name : who ? who->pw_name : "operator";
}

int ledger_cmd_open(const char *url, bool create, bool read_only, struct ledger **l)
{
        const char *env = getenv("FCTRY_LEDGER");
        const struct ledger_config cfg = { .url = url ? url : env,
                                           .station = ledger_cmd_station(),
                                           .operator= ledger_cmd_operator(),
                                           .create = create,
                                           .read_only = read_only };
        struct diag d = { 0 };

        if (!cfg.url)
                return usage_error(
                        "which ledger? --ledger FILE or postgresql://…, or FCTRY_LEDGER");
        return ledger_open(&cfg, l, &d) < 0 ? fail(NULL, &d) : 0;
}

/* ---- actions ---- */

static int act_create(struct ledger *l, int argc, char **argv)
{
        (void)argc;
        (void)argv;
        say("%s: ready", ledger_name(l));
        return STATUS_DONE;
}

static int act_define(struct ledger *l, int argc, char **argv)
{
        (void)argc;
        return ledger_edit_define(l, argv[0], argv[1]);
}

static int act_import(struct ledger *l, int argc, char **argv)
{
        return ledger_edit_import(l, argv[0], argc - 1, argv + 1);
}

/* The same for each unit; the first failure counts, station's trouble ends it. */
static int each_word(struct ledger *l, int argc, char **argv,
                     int (*one)(struct ledger *l, const char *word))
{
        int status = STATUS_DONE;

        for (int i = 0; i < argc && status != STATUS_STATION; i++) {
                const int s = one(l, argv[i]);

                if (status == STATUS_DONE || s == STATUS_STATION)
                        status = s;
        }
        return status;
}

static int act_show(struct ledger *l, int argc, char **argv)
{
        return each_word(l, argc, argv, ledger_show_unit);
}

static int act_query(struct ledger *l, int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return ledger_show_query(l);
}

static int act_export(struct ledger *l, int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return ledger_show_export(l);
}

static int act_report(struct ledger *l, int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return ledger_show_report(l);
}

static int act_verify(struct ledger *l, int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return ledger_show_verify(l);
}

static int act_rework(struct ledger *l, int argc, char **argv)
{
        return each_word(l, argc, argv, ledger_edit_rework);
}

static int act_scrap(struct ledger *l, int argc, char **argv)
{
        return each_word(l, argc, argv, ledger_edit_scrap);
}

static int act_note(struct ledger *l, int argc, char **argv)
{
        (void)argc;
        return ledger_edit_note(l, argv[0], argv[1]);
}

static const struct action {
        const char *name, *takes;
        int min, max; /* words behind it; -1: any number */
        bool create, writes;
        int (*run)(struct ledger *l, int argc, char **argv);
} actions[] = {
        { "create", "nothing", 0, 0, true, true, act_create },
        { "define", "BATCH TEMPLATE", 2, 2, true, true, act_define },
        { "import", "BATCH FILE...", 2, -1, true, true, act_import },
        { "show", "UNIT...", 1, -1, false, false, act_show },
        { "query", "nothing", 0, 0, false, false, act_query },
        { "export", "nothing", 0, 0, false, false, act_export },
        { "report", "nothing", 0, 0, false, false, act_report },
        { "verify", "nothing", 0, 0, false, false, act_verify },
        { "rework", "UNIT...", 1, -1, false, true, act_rework },
        { "scrap", "UNIT...", 1, -1, false, true, act_scrap },
        { "note", "UNIT TEXT", 2, 2, false, true, act_note },
};

int cmd_ledger(int argc, char **argv)
{
        const struct action *a = NULL;
        struct ledger *l = NULL;
        int status;

        for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
                if (strcmp(actions[i].name, argv[0]) == 0)
                        a = &actions[i];
        if (!a)
                return usage_error("ledger: '%s' is none of create, define, import, show, query, "
                                   "export, report, verify, rework, scrap, note",
                                   argv[0]);
        argc--;
        argv++;
        if (argc < a->min || (a->max >= 0 && argc > a->max))
                return usage_error("ledger %s takes %s", a->name, a->takes);
        if ((status = ledger_cmd_open(lo.url, a->create, !a->writes, &l)) == 0)
                status = a->run(l, argc, argv);
        ledger_close(l);
        return status;
}
