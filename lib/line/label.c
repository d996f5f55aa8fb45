/* Templates: read, filled in; units of the ledger as what a label shows; scanned lines. */
#include "label_impl.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/cert_prov.h"
#include "host/json.h"

/* ---- {names} ---- */

static const struct {
        const char *name;
        size_t offset; /* in struct label_data */
} names[] = {
        { "serial", offsetof(struct label_data, serial) },
        { "mac", offsetof(struct label_data, mac) },
        { "batch", offsetof(struct label_data, batch) },
        { "chip", offsetof(struct label_data, chip) },
        { "firmware", offsetof(struct label_data, firmware) },
        { "cert_serial", offsetof(struct label_data, cert_serial) },
        { "service", offsetof(struct label_data, service) },
        { "date", offsetof(struct label_data, date) },
        { "payload", offsetof(struct label_data, payload) },
        { "pop", offsetof(struct label_data, pop) },
};
#define NAMES (sizeof names / sizeof *names)

/* The index of the name in "{name}" at p, its end in *end; -1: none. */
static int name_at(const char *p, const char **end)
{
        const char *close = strchr(p, '}');

        for (size_t i = 0; close && i < NAMES; i++)
                if (strlen(names[i].name) == (size_t)(close - p - 1) &&
                    memcmp(names[i].name, p + 1, (size_t)(close - p - 1)) == 0) {
                        *end = close + 1;
                        return (int)i;
                }
        return -1;
}

int label_fill_check(const char *text, struct diag *d)
{
        const char *end;

        for (const char *p = text; *p; p = end) {
                end = p + 1;
                if (*p == '{' && p[1] == '{')
                        end = p + 2;
                else if (*p == '{' && name_at(p, &end) < 0)
                        return diag_set(
                                d, E_SYNTAX,
                                "'%.40s': after { comes serial, mac, batch, chip, firmware, "
                                "cert_serial, service, date, payload or pop, and }",
                                p);
        }
        return 0;
}

bool label_fill_uses(const char *text, const char *name)
{
        const char *end;

        for (const char *p = text; *p; p = end) {
                int i = -1;

                end = p + 1;
                if (*p == '{' && p[1] == '{')
                        end = p + 2;
                else if (*p == '{')
                        i = name_at(p, &end);
                if (i >= 0 && strcmp(names[i].name, name) == 0)
                        return true;
        }
        return false;
}

int label_fill(const char *text, const struct label_data *x, char out[LABEL_TEXT_MAX],
               struct diag *d)
{
        size_t n = 0;
        const char *end;

        for (const char *p = text; *p; p = end) {
                const char *value = p;
                size_t len = 1;
                int i = -1;

                end = p + 1;
                if (*p == '{' && p[1] == '{')
                        end = p + 2;
                else if (*p == '{')
                        i = name_at(p, &end);
                if (i >= 0) {
                        memcpy(&value, (const char *)x + names[i].offset, sizeof value);
                        if (!value || !*value)
                                return diag_set(d, E_NOTFOUND, "{%s}: not known of this unit",
                                                names[i].name);
                        len = strlen(value);
                }
                if (len >= LABEL_TEXT_MAX - n)
                        return diag_set(d, E_NOSPACE, "a text of more than %u bytes",
                                        LABEL_TEXT_MAX - 1);
                memcpy(out + n, value, len);
                n += len;
        }
        out[n] = 0;
        return 0;
}

/* ---- the template ---- */

struct reader {
        const cJSON *at;  /* the object */
        const char *what; /* "item 3", for messages */
        unsigned dpi;
        struct diag *d;
};

static int word_of(const struct reader *r, const char *key, const char *none, const char **out)
{
        const cJSON *j = cJSON_GetObjectItemCaseSensitive(r->at, key);

        *out = none;
        if (!j)
                return 0;
        if (!cJSON_IsString(j))
                return diag_set(r->d, E_FORMAT, "%s: \"%s\" is a text", r->what, key);
        *out = j->valuestring;
        return 0;
}

/* A length in millimetres as dots. need: it must be there. */
static int dots_of(const struct reader *r, const char *key, bool need, unsigned *out)
{
        const cJSON *j = cJSON_GetObjectItemCaseSensitive(r->at, key);

        *out = 0;
        if (!j && !need)
                return 0;
        if (!j || !cJSON_IsNumber(j) || !(j->valuedouble >= 0) || j->valuedouble > 1000)
                return diag_set(r->d, E_RANGE, "%s: \"%s\" is a number of millimetres, 0 to 1000",
                                r->what, key);
        *out = (unsigned)(j->valuedouble * r->dpi / 25.4 + 0.5);
        return 0;
}

/* Members that are not known are mistakes that would be found on paper. */
static int known_only(const struct reader *r, const char *const *keys)
{
        const cJSON *e;

        cJSON_ArrayForEach(e, r->at)
        {
                size_t i = 0;

                while (keys[i] && strcmp(keys[i], e->string) != 0)
                        i++;
                if (!keys[i])
                        return diag_set(r->d, E_FORMAT, "%s: \"%.40s\" means nothing here", r->what,
                                        e->string);
        }
        return 0;
}

static int one_of(const struct reader *r, const char *key, const char *const *words, int none,
                  int *out)
{
        const char *w;
        int rc = word_of(r, key, NULL, &w);

        *out = none;
        if (rc < 0 || !w)
                return rc;
        for (int i = 0; words[i]; i++)
                if (strcmp(words[i], w) == 0) {
                        *out = i;
                        return 0;
                }
        return diag_set(r->d, E_FORMAT, "%s: \"%s\": '%.40s' is none of those there are", r->what,
                        key, w);
}

static int read_shape(const struct reader *r, struct label_item *it)
{
        int rc;

        if (it->kind == LABEL_QR) {
                rc = dots_of(r, "size_mm", true, &it->w);
                it->h = it->w;
                return rc;
        }
        if ((rc = dots_of(r, "height_mm", true, &it->h)) < 0)
                return rc;
        if (it->kind == LABEL_TEXT)
                return dots_of(r, "width_mm", false, &it->w);
        if ((rc = dots_of(r, "width_mm", true, &it->w)) == 0)
                rc = dots_of(r, "line_mm", false, &it->stroke);
        return rc;
}

static int read_item(const struct reader *r, const struct label *t, struct label_item *it)
{
        static const char *const keys[] = { "type",     "x_mm",      "y_mm",    "size_mm",
                                            "width_mm", "height_mm", "line_mm", "align",
                                            "ecc",      "text",      NULL };
        static const char *const kinds[] = { "qr", "text", "box", NULL };
        static const char *const aligns[] = { "left", "center", "right", NULL };
        static const char *const eccs[] = { "L", "M", "Q", "H", NULL };
        const char *text = NULL;
        int kind, align, ecc, rc;

        if (!cJSON_IsObject(r->at))
                return diag_set(r->d, E_FORMAT, "%s: an object is missing", r->what);
        if ((rc = known_only(r, keys)) < 0 || (rc = one_of(r, "type", kinds, -1, &kind)) < 0 ||
            (rc = one_of(r, "align", aligns, LABEL_LEFT, &align)) < 0 ||
            (rc = one_of(r, "ecc", eccs, 1, &ecc)) < 0 ||
            (rc = word_of(r, "text", NULL, &text)) < 0 ||
            (rc = dots_of(r, "x_mm", true, &it->x)) < 0 ||
            (rc = dots_of(r, "y_mm", true, &it->y)) < 0)
                return rc;
        if (kind < 0)
                return diag_set(r->d, E_FORMAT, "%s: \"type\" is qr, text or box", r->what);
        it->kind = (enum label_item_kind)kind;
        it->align = (enum label_align)align;
        it->ecc = *eccs[ecc];
        if ((rc = read_shape(r, it)) < 0)
                return rc;
        if (it->kind != LABEL_BOX && (!text || !*text))
                return diag_set(r->d, E_FORMAT, "%s: \"text\" is missing", r->what);
        if (it->x > t->w || it->y > t->h || it->w > t->w - it->x || it->h > t->h - it->y || !it->h)
                return diag_set(r->d, E_RANGE, "%s: reaches beyond the label, or has no size",
                                r->what);
        if (it->kind == LABEL_TEXT && !it->w)
                it->w = t->w - it->x;
        if (it->kind == LABEL_BOX)
                return it->w ? 0 : diag_set(r->d, E_RANGE, "%s: has no size", r->what);
        if ((rc = label_fill_check(text, r->d)) < 0)
                return rc;
        it->text = strdup(text);
        return it->text ? 0 : diag_set(r->d, E_NOMEM, "no memory for a label");
}

static int read_size(struct reader *r, struct label *t)
{
        const cJSON *dpi = cJSON_GetObjectItemCaseSensitive(r->at, "dpi");
        const cJSON *w = cJSON_GetObjectItemCaseSensitive(r->at, "width_mm");
        const cJSON *h = cJSON_GetObjectItemCaseSensitive(r->at, "height_mm");
        int rc;

        if (!cJSON_IsNumber(dpi) || dpi->valuedouble != dpi->valueint || dpi->valuedouble < 100 ||
            dpi->valuedouble > 1200)
                return diag_set(r->d, E_RANGE,
                                "\"dpi\" is a whole number, 100 to 1200 (printers: "
                                "203, 300, 600)");
        t->dpi = r->dpi = (unsigned)dpi->valuedouble;
        if ((rc = dots_of(r, "width_mm", true, &t->w)) < 0 ||
            (rc = dots_of(r, "height_mm", true, &t->h)) < 0)
                return rc;
        if (!t->w || !t->h || t->w > LABEL_DOTS_MAX || t->h > LABEL_DOTS_MAX)
                return diag_set(r->d, E_RANGE, "a label of %u by %u dots; 1 to %u are possible",
                                t->w, t->h, LABEL_DOTS_MAX);
        t->width_um = (unsigned)(w->valuedouble * 1000 + 0.5);
        t->height_um = (unsigned)(h->valuedouble * 1000 + 0.5);
        return 0;
}

static int read_items(struct reader *r, struct label *t)
{
        const cJSON *items = cJSON_GetObjectItemCaseSensitive(r->at, "items");
        const cJSON *e;
        char what[24];
        int rc = 0;

        if (!cJSON_IsArray(items) || !cJSON_GetArraySize(items))
                return diag_set(r->d, E_FORMAT, "\"items\" is missing, or has nothing in it");
        r->what = what;
        cJSON_ArrayForEach(e, items)
        {
                if (t->count == LABEL_ITEMS_MAX) {
                        rc = diag_set(r->d, E_NOSPACE, "more than %u items", LABEL_ITEMS_MAX);
                        break;
                }
                snprintf(what, sizeof what, "item %u", (unsigned)t->count + 1);
                r->at = e;
                if ((rc = read_item(r, t, &t->items[t->count++])) < 0)
                        break;
        }
        r->what = NULL; /* ends here */
        return rc;
}

static int read_label(const cJSON *j, struct label *t, struct diag *d)
{
        static const char *const keys[] = { "v",     "width_mm",  "height_mm", "dpi",
                                            "items", "transport", "username",  NULL };
        struct reader r = { .at = j, .what = "the label", .d = d };
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, "v");
        const char *transport, *user;
        int rc;

        if (!cJSON_IsObject(j) || !cJSON_IsNumber(v) || v->valuedouble != 1)
                return diag_set(d, E_FORMAT, "no label template: an object with \"v\": 1");
        if ((rc = known_only(&r, keys)) < 0 || (rc = read_size(&r, t)) < 0 ||
            (rc = word_of(&r, "transport", NULL, &transport)) < 0 ||
            (rc = word_of(&r, "username", NULL, &user)) < 0)
                return rc;
        if ((transport && !(t->transport = strdup(transport))) ||
            (user && !(t->user = strdup(user))))
                return diag_set(d, E_NOMEM, "no memory for a label");
        if ((rc = prov_check(&(struct prov_config){ .transport = transport, .user = user }, d)) < 0)
                return rc;
        return read_items(&r, t);
}

int label_parse(const char *text, size_t len, struct label **out, struct diag *d)
{
        cJSON *j = json_parse(text, len, d);
        struct label *t = calloc(1, sizeof *t);
        int rc = -E_SYNTAX;

        *out = NULL;
        if (!t)
                rc = diag_set(d, E_NOMEM, "no memory for a label");
        else if (j)
                rc = read_label(j, t, d);
        cJSON_Delete(j);
        if (rc < 0)
                label_free(t);
        else
                *out = t;
        return rc;
}

int label_load(const char *path, struct label **out, struct diag *d)
{
        struct blob text;
        int rc;

        *out = NULL;
        if ((rc = file_load(path, FILE_LIMIT_KEY, &text, d)) < 0)
                return rc;
        rc = label_parse((const char *)text.data, text.len, out, d);
        blob_free(&text);
        return rc;
}

void label_free(struct label *t)
{
        if (!t)
                return;
        for (size_t i = 0; i < t->count; i++)
                free(t->items[i].text);
        free(t->transport);
        free(t->user);
        free(t);
}

static bool uses(const struct label *t, const char *name)
{
        for (size_t i = 0; i < t->count; i++)
                if (t->items[i].text && label_fill_uses(t->items[i].text, name))
                        return true;
        return false;
}

bool label_needs_prov(const struct label *t)
{
        return uses(t, "payload") || uses(t, "pop");
}

const char *label_transport(const struct label *t)
{
        return t->transport ? t->transport : "ble";
}

int label_form_of(const char *word)
{
        static const char *const words[] = { "zpl", "svg", "png" };
        const char *dot = strrchr(word, '.');

        for (int i = 0; i < 3; i++)
                if (strcmp(dot ? dot + 1 : word, words[i]) == 0)
                        return i;
        return -1;
}

/* ---- a unit ---- */

static int load_prov(const struct label *t, const struct ledger_unit *u, const char *stem,
                     struct label_unit *out, struct diag *d)
{
        const struct prov_config cfg = { .transport = t->transport,
                                         .user = t->user,
                                         .user_in_qr = t->user != NULL };
        struct prov p = { 0 };
        int rc;

        if (!*stem)
                return diag_set(d, E_NOTFOUND,
                                "%s: where its provisioning data are is not known; name the folder "
                                "with --prov",
                                u->serial);
        rc = prov_load(&cfg, stem, &p, d);
        if (rc == 0) {
                strcpy(out->pop, p.pop);
                strcpy(out->payload, p.payload);
                strcpy(out->service, p.service);
        }
        wipe(&p, sizeof p);
        return rc;
}

static const char *or_null(const char *text)
{
        return *text ? text : NULL;
}

int label_unit(const struct label *t, const struct ledger_unit *u, const char *when,
               const char *stem, struct label_unit *out, struct diag *d)
{
        struct label_data *x = &out->data;
        int rc;

        *out = (struct label_unit){ .row = *u };
        snprintf(out->date, sizeof out->date, "%.10s", when);
        strcpy(out->service, u->service);
        if (label_needs_prov(t) && (rc = load_prov(t, u, stem ? stem : u->files, out, d)) < 0)
                return rc;
        *x = (struct label_data){ .serial = out->row.serial,
                                  .mac = out->row.mac,
                                  .batch = or_null(out->row.batch),
                                  .chip = or_null(out->row.chip),
                                  .firmware = or_null(out->row.firmware),
                                  .cert_serial = or_null(out->row.cert_serial),
                                  .service = or_null(out->service),
                                  .date = or_null(out->date),
                                  .payload = or_null(out->payload),
                                  .pop = or_null(out->pop) };
        return 0;
}

void label_unit_clear(struct label_unit *x)
{
        wipe(x, sizeof *x);
}

/* ---- scan-back ---- */

/* A payload's service name, which is no secret; false: no payload. */
static bool payload_name(const char *text, char name[LEDGER_NAME_MAX])
{
        cJSON *j = json_parse(text, strlen(text), NULL);
        const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "name"));
        const bool found = s && cJSON_HasObjectItem(j, "pop");

        if (found)
                ledger_text_clean(name, LEDGER_NAME_MAX, s);
        cJSON_Delete(j);
        return found;
}

static int scan_other(const struct label_data *x, const char *read, struct diag *d)
{
        char name[LEDGER_NAME_MAX];

        if (!*read)
                return diag_set(d, E_VERIFY, "%s: nothing was scanned; scan its label", x->serial);
        if (payload_name(read, name) && x->service && strcmp(name, x->service) == 0)
                return diag_set(d, E_VERIFY,
                                "%s: this label has the unit's name %s, but not its proof of "
                                "possession: an old print; destroy it and print again",
                                x->serial, name);
        if (payload_name(read, name))
                return diag_set(d, E_VERIFY,
                                "%s: the label of %s was scanned; put the right one on", x->serial,
                                name);
        ledger_text_clean(name, sizeof name, strchr(read, '{') ? "something else" : read);
        return diag_set(d, E_VERIFY, "%s: '%s' was scanned, which is no code of its label",
                        x->serial, name);
}

int label_scan_check(const struct label *t, const struct label_data *x, const char *line,
                     struct diag *d)
{
        static const char blanks[] = " \t\r\n";
        char read[LABEL_TEXT_MAX];
        char text[LABEL_TEXT_MAX];
        size_t n = 0;
        int rc = 1;

        line += strspn(line, blanks);
        n = strlen(line);
        while (n && strchr(blanks, line[n - 1]))
                n--;
        if (n >= sizeof read)
                return diag_set(d, E_VERIFY, "%s: %zu bytes were scanned, more than any label has",
                                x->serial, n);
        memcpy(read, line, n);
        read[n] = 0;
        for (size_t i = 0; i < t->count && rc > 0; i++) {
                if (t->items[i].kind != LABEL_QR)
                        continue;
                if ((rc = label_fill(t->items[i].text, x, text, d)) == 0)
                        rc = strcmp(text, read) != 0;
        }
        if (rc > 0)
                rc = scan_other(x, read, d);
        wipe(read, sizeof read);
        wipe(text, sizeof text);
        return rc;
}
