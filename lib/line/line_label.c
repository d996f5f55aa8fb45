/* A label for a unit that has passed; and the proof, before the first board, that it can be drawn.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"
#include "line/label.h"
#include "line/line_impl.h"

static void today(char out[11])
{
        const time_t now = time(NULL);
        struct tm tm;

        localtime_r(&now, &tm);
        strftime(out, 11, "%Y-%m-%d", &tm);
}

static const char *or_null(const char *text)
{
        return text && *text ? text : NULL;
}

static enum label_form form_of(const struct line_job *j)
{
        const char *word = j->label.format.text ? j->label.format.text : j->label.file.text;
        const int form = word ? label_form_of(word) : LABEL_ZPL;

        return form < 0 ? LABEL_ZPL : (enum label_form)form;
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
        char date[11];
        struct diag d = { 0 };
        struct label_data x;
        char note[160];

        if (!cfg->kit->label)
                return;
        today(date);
        x = (struct label_data){ .serial = u->row->serial,
                                 .mac = u->mac,
                                 .batch = or_null(u->row->batch),
                                 .chip = or_null(u->row->chip),
                                 .firmware = or_null(u->row->firmware),
                                 .cert_serial = or_null(u->row->cert_serial),
                                 .service = or_null(u->made.service),
                                 .date = date,
                                 .payload = or_null(u->made.payload),
                                 .pop = or_null(u->made.pop) };
        if (print(cfg->kit, &x, &d) == 0) {
                /* the count of labels; the unit has passed whatever the ledger says to it */
                ledger_remark(cfg->ledger, u->row, "label", NULL, NULL);
                return;
        }
        snprintf(note, sizeof note, "no label: %.140s", diag_text(&d));
        line_unit_warn(u, note);
}

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
        rc = label_make(k->label, &x, form_of(j), &label, &d);
        blob_free_secret(&label);
        return rc < 0 ? line_job_error(j, w, -rc, r, "label: %s", diag_text(&d)) : 0;
}
