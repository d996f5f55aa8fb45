/* The two ways of softap.h; both run in the process that joins. */
#ifndef HOST_SOFTAP_IMPL_H
#define HOST_SOFTAP_IMPL_H

#include <stdbool.h>

#include "host/softap.h"

#define SOFTAP_NETWORKS_MAX 64u

struct softap_job {
        const struct softap_config *cfg; /* interface is set */
        uint64_t deadline;               /* of (re)joining, milliseconds of the monotonic clock */
        /* what was before */
        struct wpa_ctrl *wpa;
        int added;                        /* the network's number there; -1: none */
        int enabled[SOFTAP_NETWORKS_MAX]; /* numbers of those that were */
        size_t enabled_count;
        bool was_connected, was_off;
        char uuid[64], name[64]; /* of NetworkManager: the connection before, and ours */
};

struct softap_way {
        const char *name;
        /* Does this daemon have the interface? */
        bool (*serves)(const char *interface);
        int (*join)(struct softap_job *j, struct diag *d);
        /* Join again by the deadline, if it is not joined any more. */
        int (*rejoin)(struct softap_job *j, struct diag *d);
        int (*leave)(struct softap_job *j, struct diag *d); /* also after a failed join */
};
extern const struct softap_way softap_nm, softap_wpa;

uint64_t softap_now(void);

#endif
