/* What the output does when power comes back: off, on, or as it was, without wearing the flash. */
#ifndef CORE_POWERON_H
#define CORE_POWERON_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The last state is written when it has been the same for POWERON_STABLE_MS, differs from what is
 * stored, and the last write is POWERON_EVERY_MS ago: a day of a blinking outlet costs at most 1440
 * entries of 32 bytes, which NVS spreads over its pages.
 */
#define POWERON_STABLE_MS 5000u
#define POWERON_EVERY_MS  60000u

enum poweron_policy { POWERON_OFF, POWERON_ON, POWERON_LAST };

struct poweron {
        enum poweron_policy policy; /* read-only */
        /* private: */
        bool stored, known; /* the state in the store; known: there is one */
        bool state;
        bool written; /* wrote_at is valid */
        uint64_t since, wrote_at;
};

/* "off", "on" or "last" (policy), or -E_NOTFOUND. */
int poweron_parse(const char *text);
const char *poweron_name(enum poweron_policy p);

/* Reads policy and last state from the store, `nvs` mounted or not. The default is last, and off as
 * long as there was none. */
void poweron_load(struct poweron *p);

/* The first level of the output. kept: driver_kept(); a restart that kept the power changes
 * nothing, whatever the policy. */
bool poweron_first(struct poweron *p, int kept, uint64_t now);

/* 0 or the store's failure; then the policy counts until the restart. */
int poweron_set_policy(struct poweron *p, enum poweron_policy policy);

/* The output's state, whenever; writes when it is time. Returns when to call again, UINT64_MAX:
 * after a change. */
uint64_t poweron_tick(struct poweron *p, bool on, uint64_t now);

#endif
