/* A label for a unit that has passed, or that passes when its label has been scanned; and the
 * proof, before the first board, that it can be drawn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/pool.h"
#include "line/label.h"
#include "line/line_impl.h"
#include "line/line_scan.h"

#define SCAN_MAX 1100u /* bytes of a scanned line; a label's text has at most 1023 */

static enum label_form form_of(const struct line_job *j)
{
        const char *word = j->label.format.text ? j->label.format.text : j->label.file.text;
        const int form = word ? label_form_of(word) : LABEL_ZPL;

        return form < 0 ? LABEL_ZPL : (enum label_form)form;
}

/* What is on it, as 'flasher label' prints it again. */
static int data_of(struct line_unit *u, struct label_unit *x, struct diag *d)
{
        const struct line_config *cfg = u->st->cfg;
        const char *out = cfg->job->factory.out.text;
        char when[LEDGER_TIME_LEN];
        char *stem = NULL;
        int rc = ledger_born(cfg->ledger, u->row->serial, when, d);

        if (rc == 0 && out && *u->made.stem && !(stem = path_join(out, u->made.stem)))
                rc = diag_set(d, E_NOMEM, "out of memory");
        if (rc == 0)
                rc = label_unit(cfg->kit->label, u->row, when, stem, x, d);
        free(stem);
        return rc;
}

static int print(const struct line_kit *k, const struct label_data *x, struct diag *d)
{
        const struct line_job *j = k->job;
        const struct label_target to = { .file = j->label.file.text,
                                         .command = j->label.command.text,
                                         .printer = j->label.printer.text };
        struct blob label = { 0 };
        int rc = label_make(k->label, x, form_of(j), &label, d);

        if (rc == 0)
                rc = label_send(&to, x, &label, d);
        blob_free_secret(&label);
        return rc;
}

void line_unit_label(struct line_unit *u)
{
        const struct line_config *cfg = u->st->cfg;
        struct label_unit x = { 0 };
        struct diag d = { 0 };
        int rc;
        char note[160];

        if (!cfg->kit->label || cfg->job->label.scan.given)
                return;
        if ((rc = data_of(u, &x, &d)) == 0)
                rc = print(cfg->kit, &x.data, &d);
        label_unit_clear(&x);
        if (rc == 0) {
                /* the count of labels; the unit has passed whatever the ledger says to it */
                line_unit_remark(u, "label", NULL, NULL);
                return;
        }
        snprintf(note, sizeof note, "no label: %.140s", diag_text(&d));
        line_unit_warn(u, note);
}

/* ---- scan-back ---- */

static struct line_scanner scanner_of(const struct line_job *j)
{
        return (struct line_scanner){ .from = j->label.scan.from.text,
                                      .command = j->label.scan.command.text,
                                      .seconds = j->label.scan.seconds,
                                      .baud = j->label.scan.baud };
}

static void ask(struct line_unit *u, const char *what)
{
        struct line_slot_view *s = line_view_take(u->st->cfg->view, u->slot);

        snprintf(s->text, sizeof s->text, "%s", what);
        line_view_done(u->st->cfg->view, u->slot, LINE_NEWS_PHASE);
}

/* The printer's next label is that of one unit only: nobody can take another one's. */
static int have_scanner(struct line_unit *u)
{
        const struct timespec t = { 0, 50000000 };

        while (pthread_mutex_trylock(&u->st->scanner) != 0) {
                if (interrupted())
                        return line_unit_fail(u, "label", E_CANCELLED, "interrupted");
                nanosleep(&t, NULL);
        }
        return 0;
}

static int scan(struct line_unit *u, const struct label_data *x, struct diag *d)
{
        const struct line_config *cfg = u->st->cfg;
        const struct line_scanner from = scanner_of(cfg->job);
        char text[SCAN_MAX];
        int rc = line_scan_read(&from, cfg->view->slots[u->slot].name, u->row->serial, text,
                                sizeof text, d);

        if (rc == 0)
                rc = label_scan_check(cfg->kit->label, x, text, d);
        wipe(text, sizeof text);
        if (rc == -E_VERIFY)
                line_unit_remark(u, "scan", "not its label", NULL);
        return rc;
}

int line_label_ready(const struct line_job *j, struct diag *d)
{
        const struct line_scanner s = scanner_of(j);

        return j->label.scan.given ? line_scan_check(&s, d) : 0;
}

int line_unit_label_scan(struct line_unit *u)
{
        const struct line_config *cfg = u->st->cfg;
        struct label_unit x = { 0 };
        struct diag d = { 0 };
        int rc;

        if (!cfg->kit->label || !cfg->job->label.scan.given)
                return 0;
        line_unit_phase(u, LINE_LABEL);
        ask(u, "its label comes when that of another slot is scanned");
        if (have_scanner(u) < 0)
                return -1;
        ask(u, "its label is printed");
        if ((rc = data_of(u, &x, &d)) == 0 && (rc = print(cfg->kit, &x.data, &d)) == 0 &&
            (rc = line_unit_remark(u, "label", NULL, &d)) == 0) {
                ask(u, "put the label on and scan it");
                rc = scan(u, &x.data, &d);
        }
        label_unit_clear(&x);
        pthread_mutex_unlock(&u->st->scanner);
        ask(u, "");
        if (rc == 0 && (rc = line_unit_remark(u, "scan", "as printed", &d)) < 0)
                return line_unit_fail(u, "ledger", -rc, "%s", diag_text(&d));
        if (rc == 0)
                return 0;
        return line_unit_fail(u, "label", d.code ? d.code : -rc,
                              "%.180s; plug it in again for another label", diag_text(&d));
}

/* ---- before the first board ---- */

int line_label_open(struct line_kit *k, struct report *r)
{
        const struct line_job *j = k->job;
        const struct line_word *w = &j->label.template;
        char serial[65] = "020000000001";
        struct label_data x = { .serial = serial,
                                .mac = "02:00:00:00:00:01",
                                .batch = "batch",
                                .chip = j->chip->name,
                                .firmware = j->selftest.version.text,
                                .cert_serial =
                                        j->factory.keys ? "00112233445566778899aabbccddeeff" : NULL,
                                .date = "2026-01-01" };
        struct blob label = { 0 };
        struct diag d = { 0 };
        int rc;

        if (!j->label.given)
                return 0;
        if (!w->text)
                return report_error(r, E_SYNTAX, j->path, 0, 0, "label: template is missing");
        if (j->label.format.text && label_form_of(j->label.format.text) < 0)
                return line_job_error(j, &j->label.format, E_SYNTAX, r,
                                      "label: format '%s' is none of zpl, svg, png",
                                      j->label.format.text);
        if (j->serials == LINE_SERIAL_COUNTER)
                line_serial_make(j, j->serial_start + j->serial_count - 1, serial);
        else if (j->serials == LINE_SERIAL_LIST)
                snprintf(serial, sizeof serial, "%.64s", k->serials[0]);
        if (j->factory.prov) {
                x.service = "PROV_000000";
                x.pop = "abcd2345";
                x.payload = "{\"ver\":\"v1\",\"name\":\"PROV_000000\",\"pop\":\"abcd2345\","
                            "\"transport\":\"softap\"}";
        }
        if ((rc = label_load(w->text, &k->label, &d)) < 0) {
                report_diag(r, w->text, &d);
                return rc;
        }
        if (j->factory.prov && label_needs_prov(k->label) &&
            strcmp(label_transport(k->label),
                   j->factory.prov_transport.text ? j->factory.prov_transport.text : "ble") != 0)
                return line_job_error(
                        j, w, E_INVAL, r,
                        "label: its transport is %s, that of provisioning is %s; a "
                        "phone needs the same in both",
                        label_transport(k->label),
                        j->factory.prov_transport.text ? j->factory.prov_transport.text : "ble");
        rc = label_make(k->label, &x, form_of(j), &label, &d);
        blob_free_secret(&label);
        return rc < 0 ? line_job_error(j, w, -rc, r, "label: %s", diag_text(&d)) : 0;
}
