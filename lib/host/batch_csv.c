/* csv/STEM.csv: the single configuration of one device, as mfg_gen.py leaves it (Python's
 * csv.writer). */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/batch_job.h"

int batch_csv_raw(char **buf, size_t *len, size_t *cap, const char *text, size_t n)
{
        if (n > *cap - *len) {
                const size_t want = 2 * (*len + n) + 1024;
                char *grown = malloc(want);

                if (!grown)
                        return -E_NOMEM;
                if (*buf) {
                        memcpy(grown, *buf, *len);
                        wipe(*buf, *cap);
                        free(*buf);
                }
                *buf = grown;
                *cap = want;
        }
        if (n)
                memcpy(*buf + *len, text, n);
        *len += n;
        return 0;
}

int batch_csv_cell(char **buf, size_t *len, size_t *cap, const char *text, size_t n)
{
        const char *q;
        int rc;

        if (strcspn(text, ",\"\r\n") >= n)
                return batch_csv_raw(buf, len, cap, text, n);
        rc = batch_csv_raw(buf, len, cap, "\"", 1);
        for (; rc == 0 && (q = memchr(text, '"', n)); n -= (size_t)(q + 1 - text), text = q + 1) {
                rc = batch_csv_raw(buf, len, cap, text, (size_t)(q + 1 - text));
                if (rc == 0)
                        rc = batch_csv_raw(buf, len, cap, "\"", 1);
        }
        if (rc == 0)
                rc = batch_csv_raw(buf, len, cap, text, n);
        return rc < 0 ? rc : batch_csv_raw(buf, len, cap, "\"", 1);
}

int batch_csv_make(const struct batch_job *job, struct batch_worker *w)
{
        static const char heading[] = "key,type,encoding,value\r\n";
        static const char *const types[] = { ",namespace,", ",data,", ",file," };
        char **buf = &w->csv;
        int rc;

        w->csv_len = 0;
        rc = batch_csv_raw(buf, &w->csv_len, &w->csv_cap, heading, sizeof heading - 1);
        for (size_t i = 0; rc == 0 && i < job->conf.count; i++) {
                const struct batch_column *col = &job->conf.columns[i];
                const char *type = types[col->type];

                rc = batch_csv_cell(buf, &w->csv_len, &w->csv_cap, col->key, strlen(col->key));
                if (rc == 0)
                        rc = batch_csv_raw(buf, &w->csv_len, &w->csv_cap, type, strlen(type));
                if (rc == 0)
                        rc = batch_csv_cell(buf, &w->csv_len, &w->csv_cap, col->encoding,
                                            strlen(col->encoding));
                if (rc == 0)
                        rc = batch_csv_raw(buf, &w->csv_len, &w->csv_cap, ",", 1);
                if (rc == 0 && col->type != BATCH_NAMESPACE)
                        rc = batch_csv_cell(buf, &w->csv_len, &w->csv_cap, w->cells[i].text,
                                            w->cells[i].len);
                if (rc == 0)
                        rc = batch_csv_raw(buf, &w->csv_len, &w->csv_cap, "\r\n", 2);
        }
        return rc;
}
