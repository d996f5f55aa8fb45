/* Tables and statements, the same on both databases; what differs is in their struct ledger_db_ops.
 */
#include "ledger_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* fctry_unit's columns come from ledger_columns. */
static const char tables[] =
        "CREATE TABLE fctry_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
        "INSERT INTO fctry_meta VALUES ('schema', '1');"
        "CREATE TABLE fctry_head (one INTEGER PRIMARY KEY CHECK (one = 1),"
        " seq BIGINT NOT NULL, hash TEXT NOT NULL);"
        "INSERT INTO fctry_head VALUES (1, 0, '" LEDGER_GENESIS "');"
        "CREATE TABLE fctry_batch (name TEXT PRIMARY KEY, template TEXT NOT NULL,"
        " first BIGINT NOT NULL, last BIGINT NOT NULL, next BIGINT NOT NULL);"
        "CREATE TABLE fctry_event (seq BIGINT PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
        " serial TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL, text TEXT NOT NULL);"
        "CREATE INDEX fctry_event_serial ON fctry_event (serial, seq);"
        "CREATE INDEX fctry_event_kind ON fctry_event (kind, seq);";

/* A MAC has one live unit: what makes a second identity for it impossible, whatever the code does.
 */
static const char indices[] =
        "CREATE UNIQUE INDEX fctry_unit_serial ON fctry_unit (serial);"
        "CREATE UNIQUE INDEX fctry_unit_mac ON fctry_unit (mac) WHERE mac <> '' AND state <> "
        "'scrapped';"
        "CREATE INDEX fctry_unit_macs ON fctry_unit (mac);"
        "CREATE INDEX fctry_unit_service ON fctry_unit (service);"
        "CREATE INDEX fctry_unit_pool ON fctry_unit (batch, id) WHERE state = 'free';";

static char *unit_table(void)
{
        char *sql = NULL;
        size_t len;
        FILE *f = open_memstream(&sql, &len);

        if (!f)
                return NULL;
        fputs("CREATE TABLE fctry_unit (id BIGINT PRIMARY KEY", f);
        for (size_t i = 0; i < ledger_column_count; i++)
                fprintf(f, ", %s %s NOT NULL", ledger_columns[i].name,
                        ledger_columns[i].kind == LEDGER_INT ? "BIGINT" : "TEXT");
        fputs(");", f);
        if (fclose(f) != 0) {
                free(sql);
                return NULL;
        }
        return sql;
}

/* form: 's' "SELECT id, a, b FROM fctry_unit", 'i' insert with $1 = id, 'u' update with $1 = id */
static char *statement(char form)
{
        char *sql = NULL;
        size_t len;
        FILE *f = open_memstream(&sql, &len);

        if (!f)
                return NULL;
        fputs(form == 's'   ? "SELECT id"
              : form == 'i' ? "INSERT INTO fctry_unit (id"
                            : "UPDATE fctry_unit SET id = $1",
              f);
        for (size_t i = 0; i < ledger_column_count; i++)
                if (form == 'u')
                        fprintf(f, ", %s = $%zu", ledger_columns[i].name, i + 2);
                else
                        fprintf(f, ", %s", ledger_columns[i].name);
        if (form == 'i') {
                fputs(") VALUES ($1", f);
                for (size_t i = 0; i < ledger_column_count; i++)
                        fprintf(f, ", $%zu", i + 2);
        }
        fputs(form == 's' ? " FROM fctry_unit " : form == 'i' ? ")" : " WHERE id = $1", f);
        if (fclose(f) != 0) {
                free(sql);
                return NULL;
        }
        return sql;
}

int ledger_sql_prepare(struct ledger *l, struct diag *d)
{
        l->select_sql = statement('s');
        l->insert_sql = statement('i');
        l->update_sql = statement('u');
        if (!l->select_sql || !l->insert_sql || !l->update_sql)
                return diag_set(d, E_NOMEM, "no memory for the ledger");
        return 0;
}

static int keep_int(void *ctx, const char *const *cols, int n)
{
        *(long *)ctx = n ? strtol(cols[0], NULL, 10) : 0;
        return 0;
}

static int make_tables(struct ledger *l, struct diag *d)
{
        const struct ledger_db_ops *ops = l->db->ops;
        char *unit = unit_table();
        int rc;

        if (!unit)
                return diag_set(d, E_NOMEM, "no memory for the ledger");
        if ((rc = ops->exec(l->db, tables, d)) == 0 && (rc = ops->exec(l->db, unit, d)) == 0 &&
            (rc = ops->exec(l->db, indices, d)) == 0)
                rc = ops->exec(l->db, ops->guard, d);
        free(unit);
        return rc;
}

/* Is there a ledger? 1: yes; 0: an empty database; -E_FORMAT: something else, or a newer one. */
static int look(struct ledger *l, struct diag *d)
{
        const struct ledger_db_ops *ops = l->db->ops;
        long version = 0;
        int rc = ops->query(l->db, ops->has_meta, NULL, 0, NULL, NULL, d);

        if (rc < 0)
                return rc;
        if (rc == 0) {
                rc = ops->query(l->db, ops->any_table, NULL, 0, NULL, NULL, d);
                return rc > 0 ? diag_set(d, E_FORMAT,
                                         "%s: another program's database; name the ledger",
                                         l->db->name)
                              : rc;
        }
        rc = ops->query(l->db, "SELECT value FROM fctry_meta WHERE name = 'schema'", NULL, 0,
                        keep_int, &version, d);
        if (rc < 0)
                return rc;
        if (version > LEDGER_SCHEMA)
                return diag_set(d, E_FORMAT,
                                "%s: made by a newer version (tables %ld); use that one",
                                l->db->name, version);
        if (version != LEDGER_SCHEMA)
                return diag_set(d, E_FORMAT, "%s: no ledger of ours; name the right one",
                                l->db->name);
        return 1;
}

int ledger_sql_open(struct ledger *l, bool create, struct diag *d)
{
        const struct ledger_db_ops *ops = l->db->ops;
        int rc = look(l, d);

        if (rc != 0)
                return rc < 0 ? rc : 0;
        if (!create)
                return diag_set(d, E_NOTFOUND,
                                "%s: holds no ledger; 'flasher ledger create' makes one",
                                l->db->name);
        /* two stations that begin at once: the second finds it made */
        if ((rc = ops->exec(l->db, ops->begin, d)) < 0)
                return rc;
        if ((rc = ops->exec(l->db, ops->make_lock, d)) == 0 && (rc = look(l, d)) == 0)
                rc = make_tables(l, d);
        if (rc >= 0)
                rc = ops->exec(l->db, "COMMIT", d);
        if (rc < 0)
                ops->exec(l->db, "ROLLBACK", NULL);
        return rc;
}
