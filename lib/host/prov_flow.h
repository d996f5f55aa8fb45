/*
 * Provisioning a device from start to end, over any prov_link: version, session, networks,
 * credentials, result. Blocking; every wait has its limit.
 */
#ifndef HOST_PROV_FLOW_H
#define HOST_PROV_FLOW_H

#include "host/prov_link.h"
#include "wire/prov_msg.h"
#include "wire/prov_sec.h"

/* What proto-ver says. */
struct prov_info {
        char text[1024]; /* the device's own words */
        char ver[32];
        int security;       /* 0, 1, 2 */
        bool security_told; /* from sec_ver; else guessed from the capabilities */
        int patch;          /* sec_patch_ver, 0 if missing */
        bool no_pop;
        bool wifi_scan;
};

/*
 * Secrets are asked for when it is known which are needed: fill *secret (and username for security
 * 2) with bytes that live until the session is freed. Returns 0 or -E_XXX.
 */
struct prov_secrets {
        int (*get)(void *ctx, int security, const char **username, const uint8_t **secret,
                   size_t *len, struct diag *d);
        void *ctx;
};

struct prov_session {
        struct prov_link *link; /* borrowed */
        struct prov_info info;
        /* private: */
        struct prov_secrets secrets;
        struct prov_client_sec sec;
        int security;
        bool stock_x; /* the variant of security 2's x that the device knows */
        bool up;
        uint64_t until;  /* a lost device is looked for up to then, monotonic ms; 0: LOST_MS */
        unsigned losses; /* how often the link was lost, and a new session tried */
};

/* Ask for proto-ver and understand it. */
int prov_info_get(struct prov_link *link, struct prov_info *info, struct diag *d);
/* The same from the device's text; separate for tests. */
int prov_info_parse(struct prov_info *info, const char *text, size_t n, struct diag *d);

/*
 * Version and handshake. security -1: what the device says; insecure: allow security 0. -E_VERIFY:
 * wrong proof of possession or password; -E_REFUSED in the first step: the device takes no sessions
 * (locked after five wrong proofs?); -E_UNSUPPORTED: it wants security 0 and insecure is not set.
 */
int prov_session_open(struct prov_session *s, struct prov_link *link, int security, bool insecure,
                      const struct prov_secrets *secrets, struct diag *d);
void prov_session_free(struct prov_session *s);

/*
 * A sealed request; a session that got lost is opened once more and the request repeated. So it is,
 * for 30 s, if the link is lost on a device that was there (prov_link.h: patient): the device may
 * then have done what the first request asked for.
 */
long prov_session_request(struct prov_session *s, const char *endpoint, const uint8_t *in, size_t n,
                          uint8_t *out, size_t cap, struct diag *d);

struct prov_scan_options {
        bool passive;
        uint32_t group_channels; /* 0: all at once; 5 keeps a SoftAP client connected */
        uint32_t period_ms;
        unsigned per_request; /* entries asked for at a time; 0: 4 */
        unsigned timeout_ms;  /* of the scan; 0: 30 s */
};

/* The networks that the device sees, strongest first as it lists them. Returns the count; at most
 * cap. */
long prov_scan(struct prov_session *s, const struct prov_scan_options *o, struct prov_ap *aps,
               size_t cap, struct diag *d);

struct prov_join_options {
        unsigned timeout_ms; /* for the device to say connected or failed; 0: 60 s */
        void (*progress)(void *ctx, const struct prov_wifi_state *state); /* may be NULL */
        void *ctx;
};

/*
 * Send credentials, apply, wait for the result. 0: connected (state says where). -E_VERIFY: failed
 * for the reason in state->reason. -E_REFUSED: the device took or applied them not. -E_TIMEOUT.
 * A SoftAP that vanishes meanwhile (its radio follows the network that the device joins) is waited
 * for; -E_LINK: it was gone to the end.
 */
int prov_join(struct prov_session *s, const struct prov_credentials *c,
              const struct prov_join_options *o, struct prov_wifi_state *state, struct diag *d);

/* One GetStatus. */
int prov_state_get(struct prov_session *s, struct prov_wifi_state *state, struct diag *d);

/* PROV_CTRL_RESET or PROV_CTRL_REPROV. */
int prov_ctrl(struct prov_session *s, enum prov_ctrl_op op, struct diag *d);

#endif
