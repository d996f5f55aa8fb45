/*
 * Events as canonical text: one JSON object whose members, order and spelling are fixed, so that
 * one content has one text. Anybody can check the chain with sha256sum: see fctry-ledger(5).
 */
#include "ledger_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/json.h"

/* What a batch event sets besides the columns of units. */
static const char *const batch_names[] = { "template", "first", "last" };

char *ledger_record_text(const struct ledger_record *r)
{
        char *text = NULL;
        size_t len;
        FILE *f = open_memstream(&text, &len);
        struct json_writer w = { .out = f };

        if (!f)
                return NULL;
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_int(&w, "seq", r->seq);
        json_str(&w, "id", r->id);
        json_str(&w, "at", r->at);
        json_str(&w, "kind", r->kind);
        json_str(&w, "station", r->station);
        json_str(&w, "operator", r->operator);
        json_str(&w, "slot", r->slot);
        json_str(&w, "serial", r->serial);
        json_int(&w, "attempt", r->attempt);
        json_str(&w, "note", r->note);
        json_open(&w, "set", '{');
        for (size_t i = 0; i < r->set_count; i++)
                json_str(&w, r->set[i].name, r->set[i].value);
        json_close(&w, '}');
        json_close(&w, '}');
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static const char *text_of(const cJSON *j, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, name));
}

/* An integer that a double holds exactly; -1 otherwise. */
static int64_t int_of(const cJSON *j, const char *name)
{
        const cJSON *n = cJSON_GetObjectItemCaseSensitive(j, name);
        const double v = cJSON_IsNumber(n) ? n->valuedouble : -1;

        return v >= 0 && v < 9007199254740992.0 ? (int64_t)v : -1;
}

static bool name_known(const char *name)
{
        for (size_t i = 0; i < ledger_column_count; i++)
                if (strcmp(ledger_columns[i].name, name) == 0)
                        return true;
        for (size_t i = 0; i < sizeof batch_names / sizeof *batch_names; i++)
                if (strcmp(batch_names[i], name) == 0)
                        return true;
        return false;
}

static int read_set(const cJSON *set, struct ledger_record *r)
{
        const cJSON *e;

        if (!cJSON_IsObject(set))
                return -E_FORMAT;
        cJSON_ArrayForEach(e, set)
        {
                if (r->set_count == LEDGER_COLUMNS_MAX || !cJSON_IsString(e) ||
                    !name_known(e->string))
                        return -E_FORMAT;
                r->set[r->set_count++] = (struct ledger_change){ e->string, e->valuestring };
        }
        return 0;
}

int ledger_record_parse(const char *text, struct ledger_record *r, struct cJSON **keep)
{
        cJSON *j = json_parse(text, strlen(text), NULL);
        char *again = NULL;
        int rc = -E_FORMAT;

        *keep = j;
        *r = (struct ledger_record){
                .seq = int_of(j, "seq"),
                .id = text_of(j, "id"),
                .at = text_of(j, "at"),
                .kind = text_of(j, "kind"),
                .station = text_of(j, "station"),
                .operator= text_of(j, "operator"),
                .slot = text_of(j, "slot"),
                .serial = text_of(j, "serial"),
                .attempt = int_of(j, "attempt"),
                .note = text_of(j, "note"),
        };
        if (!j || r->seq < 1 || !r->id || !r->at || !r->kind || !r->station ||
            !r->operator|| !r->slot || !r->serial || r->attempt<0 || !r->note ||
                    read_set(cJSON_GetObjectItemCaseSensitive(j, "set"), r) < 0)
                goto out;
        /* one content, one text: spelling, order and members that we do not know included */
        again = ledger_record_text(r);
        rc = again && strcmp(again, text) == 0 ? 0 : -E_FORMAT;
out:
        free(again);
        if (rc < 0) {
                cJSON_Delete(j);
                *keep = NULL;
        }
        return rc;
}

void ledger_record_free(struct cJSON *keep)
{
        cJSON_Delete(keep);
}

int ledger_chain_hash(const char *prev, const char *text, char out[LEDGER_HASH_MAX])
{
        struct sha256 *h = sha256_new();
        uint8_t sum[SHA256_LEN];
        int rc = -E_NOMEM;

        if (h && (rc = sha256_begin(h)) == 0 && (rc = sha256_add(h, prev, strlen(prev))) == 0 &&
            (rc = sha256_add(h, "\n", 1)) == 0 && (rc = sha256_add(h, text, strlen(text))) == 0 &&
            (rc = sha256_add(h, "\n", 1)) == 0 && (rc = sha256_end(h, sum)) == 0)
                hex_encode(sum, sizeof sum, out);
        sha256_free(h);
        return rc;
}
