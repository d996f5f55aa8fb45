/*
 * Labels: a template (JSON, fctry-label(5)) with QR codes, text and lines at places in millimetres,
 * drawn for one unit as ZPL, SVG or PNG; sent to a file, a command or a printer; and compared with
 * what a scanner reads off the printed one. A label holds a proof of possession: everything made
 * here is secret.
 */
#ifndef LINE_LABEL_H
#define LINE_LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "host/file.h"
#include "line/ledger.h"

struct label; /* a template */

/*
 * Read a template. Errors carry line and column where there is one: -E_SYNTAX, -E_FORMAT, -E_RANGE,
 * -E_NOTFOUND. Returned: label_free.
 */
int label_load(const char *path, struct label **out, struct diag *d);
int label_parse(const char *text, size_t len, struct label **out, struct diag *d); /* from memory */
void label_free(struct label *t); /* NULL is fine */

/* Does the template show a provisioning payload or its proof of possession? Then label_unit needs
 * the unit's .prov file. */
bool label_needs_prov(const struct label *t);

/* How its payload says that the unit is reached: "ble" or "softap". Borrowed. */
const char *label_transport(const struct label *t);

/* What a label can show: {serial}, {mac}, … in a template. NULL: not there, and a template that
 * names it is refused for this unit. Borrowed. */
struct label_data {
        const char *serial, *mac, *batch, *chip, *firmware, *cert_serial, *service, *date;
        const char *payload, *pop; /* secret */
};

/* The texts of a unit behind label_data. Zero-initialise; label_unit_clear wipes. */
struct label_unit {
        struct label_data data; /* points into what follows */
        struct ledger_unit row;
        char pop[64];
        char payload[256];
        char service[LEDGER_NAME_MAX];
        char date[11];
};

/*
 * A unit of the ledger (u; copied), with the day of when ("2026-11-28T…", as ledger_born has it),
 * the service name, proof of possession and payload from STEM.prov as certgen left it, if the
 * template needs them. stem NULL: u->files. -E_NOTFOUND: no such file; -E_FORMAT: of no device.
 */
int label_unit(const struct label *t, const struct ledger_unit *u, const char *when,
               const char *stem, struct label_unit *out, struct diag *d);
void label_unit_clear(struct label_unit *x);

enum label_form { LABEL_ZPL, LABEL_SVG, LABEL_PNG };
int label_form_of(const char *word); /* "zpl", "svg", "png", or a path that ends so; -1 */

/*
 * Draw. Returned: blob_free_secret. -E_NOSPACE: text or QR code larger than its place (with the
 * size that it would need); -E_NOTFOUND: names what data lacks; -E_SYNTAX: characters that cannot
 * be drawn.
 */
int label_make(const struct label *t, const struct label_data *x, enum label_form form,
               struct blob *out, struct diag *d);

/* Where a label goes; one of them is not NULL. */
struct label_target {
        const char *file;    /* "labels/{serial}.png": filled with the data; 0600; "-": stdout */
        const char *command; /* run by sh, the label on its standard input */
        const char *printer; /* HOST, HOST:PORT (9100) or /dev/usb/lp0: raw */
};

/*
 * Send what label_make gave. Waits for the command's end and for the printer to take all of it.
 * -E_IO, -E_PERM: the command failed, the printer is not there or takes nothing for ten seconds.
 */
int label_send(const struct label_target *to, const struct label_data *x, const struct blob *label,
               struct diag *d);

/*
 * A line of an operator's scanner (its end of line and blanks around it do not count) against the
 * codes of the label that was printed. 0: it is one of them; -E_VERIFY: it is another one's, or no
 * code of this label: d says what was read, without a proof of possession.
 */
int label_scan_check(const struct label *t, const struct label_data *x, const char *line,
                     struct diag *d);

#endif
