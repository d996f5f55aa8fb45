/* label: print the label of a unit (again), and compare a printed one with it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/err.h"
#include "line/label.h"
#include "ledger_cmd.h"

static const char *template, *form_word, *out, *command, *printer, *prov, *ledger_url;
static bool scan;

const struct opt label_options[] = {
        { 0, "template", OPT_STR, &template, "FILE",
          "what a label looks like, see fctry-label(5)" },
        { 0, "form", OPT_STR, &form_word, "zpl|svg|png",
          "form (default: as --out ends, zpl without)" },
        { 'o', "out", OPT_STR, &out, "FILE",
          "into a file: labels/{serial}.png; - is standard output" },
        { 0, "command", OPT_STR, &command, "COMMAND", "to a command's standard input" },
        { 0, "printer", OPT_STR, &printer, "HOST[:PORT]|DEVICE", "raw to a printer (port 9100)" },
        { 0, "prov", OPT_STR, &prov, "PATH",
          "folder of the units' .prov files, or one without .prov (default: as the ledger says)" },
        { 0, "scan", OPT_FLAG, &scan, NULL,
          "print nothing; lines of a scanner on standard input, one a unit, must be its codes" },
        { 0, "ledger", OPT_STR, &ledger_url, "URL", "as of ledger" },
        { 0, "station", OPT_STR, &lo.station, "NAME", "as of ledger" },
        { 0, "operator", OPT_STR, &lo.operator_name, "NAME", "as of ledger" },
        { 0 },
};

/* Where the unit's .prov file is, without .prov. Returned: free; NULL: as the ledger says, or no
 * memory. */
static char *stem_of(const struct ledger_unit *u)
{
        struct stat st;

        if (!prov)
                return NULL;
        if (stat(prov, &st) == 0 && S_ISDIR(st.st_mode))
                return path_join(prov, u->serial);
        return strdup(prov);
}

static int print_label(const struct label *t, const struct label_unit *x, enum label_form form,
                       struct diag *d)
{
        const struct label_target to = { .file = out, .command = command, .printer = printer };
        struct blob label = { 0 };
        int rc = label_make(t, &x->data, form, &label, d);

        if (rc == 0)
                rc = label_send(&to, &x->data, &label, d);
        blob_free_secret(&label);
        return rc;
}

/* The next line of the scanner. */
static int scan_label(const struct label *t, const struct label_unit *x, struct diag *d)
{
        char line[1100];
        int rc;

        if (!fgets(line, sizeof line, stdin))
                return diag_set(d, E_VERIFY, "%s: nothing was scanned", x->row.serial);
        rc = label_scan_check(t, &x->data, line, d);
        wipe(line, sizeof line);
        return rc;
}

static int one_unit(struct ledger *l, const struct label *t, const char *word, enum label_form form)
{
        struct label_unit x = { 0 };
        struct ledger_unit u;
        struct diag d = { 0 };
        char when[LEDGER_TIME_LEN];
        char *stem = NULL;
        int rc = ledger_find(l, word, &u, &d);

        if (rc == 0 && !scan && u.state == LEDGER_SCRAPPED)
                rc = diag_set(&d, E_STATE, "%s is scrapped: it gets no label", u.serial);
        if (rc == 0)
                rc = ledger_born(l, u.serial, when, &d);
        if (rc == 0) {
                stem = stem_of(&u);
                rc = label_unit(t, &u, when, stem, &x, &d);
        }
        if (rc == 0)
                rc = scan ? scan_label(t, &x, &d) : print_label(t, &x, form, &d);
        label_unit_clear(&x);
        free(stem);
        if (rc == 0)
                rc = ledger_remark(l, &u, scan ? "scan" : "label", scan ? "as printed" : NULL, &d);
        else if (scan && rc == -E_VERIFY)
                ledger_remark(l, &u, "scan", "not its label", NULL);
        if (rc < 0)
                return fail(NULL, &d);
        say("%s: %s", u.serial, scan ? "label as printed" : "label printed");
        return STATUS_DONE;
}

int cmd_label(int argc, char **argv)
{
        const int targets = !!out + !!command + !!printer;
        const int form = form_word ? label_form_of(form_word)
                         : out     ? label_form_of(out)
                                   : LABEL_ZPL;
        struct label *t = NULL;
        struct ledger *l = NULL;
        struct report report = { 0 };
        struct diag d = { 0 };
        int status;

        if (!template)
                return usage_error("label: --template FILE says what it looks like");
        if (targets != (scan ? 0 : 1))
                return usage_error("label: one of --out, --command, --printer and --scan");
        if (form < 0 && form_word)
                return usage_error("--form: zpl, svg or png");
        if (argc > 1 && out && strcmp(out, "-") != 0 && !strstr(out, "{serial}"))
                return usage_error("--out: several labels need {serial} in the name");
        if (label_load(template, &t, &d) < 0) {
                /* a file that cannot be read is named already */
                const bool named = strncmp(d.text, template, strlen(template)) == 0;

                return (int)err_status(report_diag(&report, named ? NULL : template, &d));
        }
        status = ledger_cmd_open(ledger_url, false, false, &l);
        for (int i = 0; i < argc && status == STATUS_DONE; i++)
                status = one_unit(l, t, argv[i], form < 0 ? LABEL_ZPL : (enum label_form)form);
        ledger_close(l);
        label_free(t);
        return status;
}
