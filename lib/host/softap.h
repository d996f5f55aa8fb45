/*
 * This computer in a device's SoftAP, for a while: through NetworkManager (nmcli) or through
 * wpa_supplicant's control socket; afterwards the network that was there before is back.
 *
 * A process of its own joins and leaves: it watches its parent, so that the network comes back also
 * when the parent is killed or crashes. Nothing is written to a configuration: what even that
 * process cannot undo (it is killed too), is gone with the daemon's next start.
 */
#ifndef HOST_SOFTAP_H
#define HOST_SOFTAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define SOFTAP_SSID_MAX 32u
#define SOFTAP_KEY_MIN  8u
#define SOFTAP_KEY_MAX  63u

struct softap_config {
        const char *interface; /* NULL: the only wireless one */
        const char *ssid;      /* 1 to 32 bytes */
        const uint8_t *key;    /* its passphrase, 8 to 63 bytes; len 0: the network is open */
        size_t key_len;
        const char *via;     /* "nm" or "wpa"; NULL: nm where it has the interface, else wpa */
        const char *target;  /* "192.168.4.1[:PORT]": joined is who has an address in its subnet */
        unsigned timeout_ms; /* of joining; 0: 45 s */
};

struct softap;

/*
 * Joins. *out is returned: softap_leave. cfg is borrowed during the call. -E_NOTFOUND: no wireless
 * interface, or neither daemon serves it; -E_USAGE: which of several interfaces?; -E_TIMEOUT: no
 * such network in the air, or no address; -E_VERIFY: the key is refused; -E_PERM.
 */
int softap_join(const struct softap_config *cfg, struct softap **out, struct diag *d);

/*
 * Back into the SoftAP if it was lost: a look, and up to ten seconds each for it and for an
 * address. 0: joined, as far as this computer knows. -E_LINK: it is not in the air (yet), or there
 * is no address; -E_IO.
 */
int softap_rejoin(struct softap *s, struct diag *d);

const char *softap_interface(const struct softap *s); /* borrowed */
const char *softap_via(const struct softap *s);       /* "nm" or "wpa" */

/* Back to the network of before. 0, or -E_XXX: it is not (d says how to help). Frees s in any case;
 * NULL is fine. */
int softap_leave(struct softap *s, struct diag *d);

#endif
