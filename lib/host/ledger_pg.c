#include "ledger_impl.h"

#include "base/err.h"

int ledger_pg_open(const struct ledger_config *cfg, struct ledger_db **out, struct diag *d)
{
        (void)cfg;
        *out = NULL;
        return diag_set(d, E_UNSUPPORTED, "PostgreSQL: not in this build");
}
