/* The devices of provcli batch: from a CSV file or a ledger; and the result file. */
#include "batch.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"
#include "host/csv.h"
#include "host/file.h"
#include "line/ledger.h"

static const char *const column_names[COLUMNS] = {
        [COL_ID] = "serial_no|serial|id",
        [COL_SERVICE] = "service_name|service|name",
        [COL_TRANSPORT] = "transport|prov_transport",
        [COL_HOST] = "host",
        [COL_PORT] = "port",
        [COL_ADAPTER] = "adapter",
        [COL_INTERFACE] = "interface",
        [COL_SERVICE_KEY] = "service_key",
        [COL_POP] = "pop",
        [COL_USERNAME] = "username",
        [COL_PASSWORD] = "password",
        [COL_SSID] = "ssid",
        [COL_PASSPHRASE] = "passphrase",
};

const char *unit_id(const struct unit *u)
{
        return u->text[COL_ID]        ? u->text[COL_ID]
               : u->text[COL_SERVICE] ? u->text[COL_SERVICE]
                                      : u->text[COL_HOST];
}

static void unit_free(struct unit *u)
{
        for (size_t i = 0; i < COLUMNS; i++) {
                if (u->text[i])
                        wipe(u->text[i], strlen(u->text[i]));
                free(u->text[i]);
        }
        memset(u, 0, sizeof *u);
}

void units_free(struct unit_list *l)
{
        for (size_t i = 0; i < l->count; i++)
                unit_free(&l->units[i]);
        free(l->units);
        free(l->kept);
        memset(l, 0, sizeof *l);
}

int unit_add(struct unit_list *l, const struct unit *u, struct diag *d)
{
        /* twice the room at each power of two */
        if ((l->count & (l->count - 1)) == 0) {
                struct unit *grown =
                        realloc(l->units, (l->count ? 2 * l->count : 1) * sizeof *grown);

                if (!grown)
                        return diag_set(d, E_NOMEM, "out of memory");
                l->units = grown;
        }
        l->units[l->count++] = *u;
        return 0;
}

/* --- a CSV file --- */

struct reading {
        struct unit_list *l;
        struct report *r;
        const char *file;
        int column[COLUMNS]; /* where it stands; -1: nowhere */
        bool header;
        struct diag *d;
};

static int take_header(struct reading *t, const struct csv_row *row)
{
        t->header = true;
        for (size_t i = 0; i < COLUMNS; i++) {
                t->column[i] = -1;
                for (size_t k = 0; k < row->count; k++) {
                        if (!opt_word_is(row->fields[k].text, column_names[i]))
                                continue;
                        if (t->column[i] < 0)
                                t->column[i] = (int)k;
                }
        }
        if (t->column[COL_SERVICE] < 0 && t->column[COL_HOST] < 0 && t->column[COL_PORT] < 0)
                return report_error(t->r, E_FORMAT, t->file, row->line, 0,
                                    "the first row names the columns, service_name, host or port "
                                    "among them");
        return 0;
}

static int take_row(void *ctx, const struct csv_row *row)
{
        struct reading *t = ctx;
        struct unit u = { .line = row->line };
        int rc;

        if (!t->header)
                return take_header(t, row);
        for (size_t i = 0; i < COLUMNS; i++) {
                const int k = t->column[i];

                if (k < 0 || (size_t)k >= row->count || !*row->fields[k].text)
                        continue;
                if (!(u.text[i] = strdup(row->fields[k].text)))
                        abort();
        }
        if (!unit_id(&u)) {
                unit_free(&u);
                report_error(t->r, E_FORMAT, t->file, row->line, 0,
                             "a device without serial_no, service_name and host");
                return 0;
        }
        if ((rc = unit_add(t->l, &u, t->d)) < 0)
                unit_free(&u);
        return rc;
}

static int by_id(const void *a, const void *b)
{
        return strcmp(unit_id(*(struct unit *const *)a), unit_id(*(struct unit *const *)b));
}

/* Pointers to the units in the order of their ids; returned: free. */
static struct unit **sorted(const struct unit_list *l)
{
        struct unit **all = calloc(l->count ? l->count : 1, sizeof *all);

        if (!all)
                abort();
        for (size_t i = 0; i < l->count; i++)
                all[i] = &l->units[i];
        qsort(all, l->count, sizeof *all, by_id);
        return all;
}

static void report_twins(const struct unit_list *l, const char *file, struct report *r)
{
        struct unit **all = sorted(l);

        for (size_t i = 1; i < l->count; i++)
                if (!strcmp(unit_id(all[i - 1]), unit_id(all[i])))
                        report_error(r, E_EXISTS, file,
                                     all[i - 1]->line > all[i]->line ? all[i - 1]->line
                                                                     : all[i]->line,
                                     0, "%s is in the list twice", unit_id(all[i]));
        free(all);
}

int units_read(struct unit_list *l, const char *file, struct diag *d)
{
        static const struct csv_config cfg = { .comments = true };
        struct report r = { 0 };
        struct reading t = { .l = l, .r = &r, .file = file, .d = d };
        struct blob text;
        int rc = file_load(file, FILE_LIMIT_TEXT, &text, d);

        if (rc < 0)
                return rc;
        rc = csv_read(file, (const char *)text.data, text.len, &cfg, take_row, &t, &r);
        blob_free_secret(&text);
        if (rc == 0)
                report_twins(l, file, &r);
        if (r.errors)
                return diag_set(d, r.first_code, "%s: nothing is done before its rows are right",
                                file);
        return rc;
}

/* --- a ledger --- */

struct from_ledger {
        struct unit_list *l;
        const char *folder;
        struct diag *d;
};

/* certgen's SERIAL.prov: service_name and pop. */
static int take_secrets(struct unit *u, const char *folder, const char *serial, struct diag *d)
{
        char name[LEDGER_SERIAL_MAX + 8];
        struct blob text;
        const cJSON *pop, *service;
        char *path;
        cJSON *j;
        int rc;

        strf(name, sizeof name, "%s.prov", serial);
        if (strchr(serial, '/') || !(path = path_join(folder, name)))
                return diag_set(d, E_NOMEM, "%s: no such file can be", serial);
        rc = file_load(path, FILE_LIMIT_KEY, &text, d);
        if (rc == 0) {
                j = json_parse((const char *)text.data, text.len, NULL);
                pop = cJSON_GetObjectItemCaseSensitive(j, "pop");
                service = cJSON_GetObjectItemCaseSensitive(j, "service_name");
                if (!cJSON_IsString(pop))
                        rc = diag_set(d, E_FORMAT, "%s: no proof of possession in it", path);
                else
                        u->text[COL_POP] = strdup(pop->valuestring);
                if (!u->text[COL_SERVICE] && cJSON_IsString(service))
                        u->text[COL_SERVICE] = strdup(service->valuestring);
                if (cJSON_IsString(pop))
                        wipe(pop->valuestring, strlen(pop->valuestring));
                cJSON_Delete(j);
                blob_free_secret(&text);
        }
        free(path);
        return rc;
}

static int take_unit(void *ctx, const struct ledger_unit *from)
{
        struct from_ledger *t = ctx;
        struct unit u = { 0 };
        int rc;

        u.text[COL_ID] = strdup(from->serial);
        if (*from->service)
                u.text[COL_SERVICE] = strdup(from->service);
        if ((rc = take_secrets(&u, t->folder, from->serial, t->d)) < 0 ||
            (rc = unit_add(t->l, &u, t->d)) < 0)
                unit_free(&u);
        return rc;
}

int units_from_ledger(struct unit_list *l, struct ledger *ledger, const char *batch,
                      const char *folder, struct diag *d)
{
        const struct ledger_filter f = { .batch = batch, .state = LEDGER_PASSED };
        struct from_ledger t = { l, folder, d };
        const long n = ledger_each(ledger, &f, take_unit, &t, d);

        if (n < 0)
                return (int)n;
        return l->count
                       ? 0
                       : diag_set(d, E_NOTFOUND, "%s: no unit has passed yet", ledger_name(ledger));
}

/* --- results --- */

#define RESULT_COLUMNS "id,result,status,ssid,ip4,channel,auth,rssi,ms,requests,tries,at,text"
enum { R_ID, R_RESULT, R_AT = 11, R_COUNT = 13 };

struct loading {
        struct unit_list *l;
        struct unit **order;
        FILE *kept;
        bool header, wrong;
};

static void put(FILE *f, const char *text, bool last)
{
        if (strpbrk(text, ",\"\r\n")) {
                fputc('"', f);
                for (; *text; text++) {
                        if (*text == '"')
                                fputc('"', f);
                        fputc(*text, f);
                }
                fputc('"', f);
        } else {
                fputs(text, f);
        }
        fputc(last ? '\n' : ',', f);
}

static int load_row(void *ctx, const struct csv_row *row)
{
        struct loading *t = ctx;
        struct unit key = { 0 };
        const struct unit *k = &key;
        struct unit **u;

        if (!t->header) {
                t->header = true;
                t->wrong = row->count != R_COUNT || strcmp(row->fields[R_ID].text, "id") != 0;
                return t->wrong ? -E_FORMAT : 0;
        }
        if (row->count != R_COUNT)
                return -E_FORMAT;
        key.text[COL_ID] = (char *)(uintptr_t)row->fields[R_ID].text;
        u = bsearch(&k, t->order, t->l->count, sizeof *t->order, by_id);
        if (u && strcmp(row->fields[R_RESULT].text, "connected") != 0)
                return 0; /* it is tried again, and its row written anew */
        if (u)
                (*u)->done = true;
        for (size_t i = 0; i < row->count; i++)
                put(t->kept, row->fields[i].text, i + 1 == row->count);
        return 0;
}

int results_load(struct unit_list *l, const char *file, struct diag *d)
{
        static const struct csv_config cfg = { 0 };
        struct report r = { .silent = true };
        struct loading t = { .l = l };
        struct stat st;
        struct blob text;
        int rc;

        if (stat(file, &st) < 0 || !S_ISREG(st.st_mode))
                return 0;
        if ((rc = file_load(file, FILE_LIMIT_TEXT, &text, d)) < 0)
                return rc;
        if (!(t.kept = open_memstream(&l->kept, &l->kept_len)))
                abort();
        t.order = sorted(l);
        rc = csv_read(file, (const char *)text.data, text.len, &cfg, load_row, &t, &r);
        free(t.order);
        fclose(t.kept);
        blob_free(&text);
        return rc < 0 || r.errors
                       ? diag_set(d, E_FORMAT,
                                  "%s: not a result file of provcli batch; --result names another",
                                  file)
                       : 0;
}

int results_save(const struct unit_list *l, const char *file, struct diag *d)
{
        char *text = NULL, number[32];
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        int rc;

        if (!f)
                return diag_set(d, E_NOMEM, "out of memory");
        fputs(RESULT_COLUMNS "\n", f);
        if (l->kept)
                fwrite(l->kept, 1, l->kept_len, f);
        for (size_t i = 0; i < l->count; i++) {
                const struct unit *u = &l->units[i];

                if (u->done || !u->word)
                        continue;
                put(f, unit_id(u), false);
                put(f, u->word, false);
                fprintf(f, "%d,", u->status);
                put(f, u->ssid, false);
                put(f, u->ip4, false);
                strf(number, sizeof number, "%d", (int)u->channel);
                put(f, u->channel ? number : "", false);
                put(f, u->auth, false);
                strf(number, sizeof number, "%d", (int)u->rssi);
                put(f, u->rssi ? number : "", false);
                fprintf(f, "%llu,%u,%u,", (unsigned long long)u->ms, u->requests, u->tries);
                put(f, u->at, false);
                put(f, u->said, true);
        }
        if (fclose(f) != 0) {
                free(text);
                return diag_set(d, E_NOMEM, "out of memory");
        }
        rc = file_save(file, text, n, FILE_PUBLIC, d);
        free(text);
        return rc;
}
