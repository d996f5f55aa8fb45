#include "firmware/core/poweron.h"

#include <string.h>

#include "base/err.h"
#include "firmware/core/outlet_config.h"
#include "firmware/core/port.h"
#include "firmware/core/say.h"

static const char *const names[] = { "off", "on", "last" };

int poweron_parse(const char *text)
{
        for (int i = POWERON_OFF; i <= POWERON_LAST; i++)
                if (strcmp(text, names[i]) == 0)
                        return i;
        return -E_NOTFOUND;
}

const char *poweron_name(enum poweron_policy p)
{
        return names[p];
}

/* A stored word, or -E_XXX. */
static int load(const char *key, char word[8])
{
        const int n = port_kv_get(PORT_NVS, OUTLET_NS, key, word, 7);

        if (n < 0)
                return n;
        word[n] = 0;
        return n;
}

void poweron_load(struct poweron *p)
{
        char word[8];
        int policy;

        memset(p, 0, sizeof *p);
        p->policy = POWERON_LAST;
        if (load("power_on", word) >= 0 && (policy = poweron_parse(word)) >= 0)
                p->policy = (enum poweron_policy)policy;
        if (load("last", word) >= 0) {
                p->known = true;
                p->stored = strcmp(word, "on") == 0;
        }
}

bool poweron_first(struct poweron *p, int kept, uint64_t now)
{
        if (kept >= 0)
                p->state = kept == 1;
        else if (p->policy == POWERON_LAST)
                p->state = p->known && p->stored;
        else
                p->state = p->policy == POWERON_ON;
        p->since = now;
        return p->state;
}

int poweron_set_policy(struct poweron *p, enum poweron_policy policy)
{
        if (p->policy == policy)
                return 0;
        p->policy = policy;
        return port_kv_set(PORT_NVS, OUTLET_NS, "power_on", names[policy]);
}

uint64_t poweron_tick(struct poweron *p, bool on, uint64_t now)
{
        uint64_t due;
        int rc;

        if (on != p->state) {
                p->state = on;
                p->since = now;
        }
        if (p->policy != POWERON_LAST || (p->known ? p->stored == on : !on))
                return UINT64_MAX;
        due = p->since + POWERON_STABLE_MS;
        if (p->written && p->wrote_at + POWERON_EVERY_MS > due)
                due = p->wrote_at + POWERON_EVERY_MS;
        if (now < due)
                return due;
        p->written = true; /* also a failed write is not tried at once again */
        p->wrote_at = now;
        rc = port_kv_set(PORT_NVS, OUTLET_NS, "last", on ? "on" : "off");
        if (rc < 0) {
                say(PORT_WARN, "power-on: the output's state is not stored: %s", err_text(rc));
                return now + POWERON_EVERY_MS;
        }
        p->known = true;
        p->stored = on;
        return UINT64_MAX;
}
