/* Signing requests of devices that keep their keys: checked all together, then certified like a
 * batch. */
#ifndef HOST_CERT_SIGN_H
#define HOST_CERT_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "host/cert_issue.h"
#include "host/report.h"

struct sign_config {
        struct issue_config issue; /* its profile's key type says nothing here */
        const char *
                expect; /* the CN that every request must have; NULL: the stem of its file's name */
        bool any_cn;    /* take whatever CN a request has */
        unsigned allowed; /* key types, a bit (1 << KEY_…) each */
};

/* The requests of one run: files, and the request files of folders. Opaque. */
struct sign_run;

/*
 * Load and check: form, signature, CN, key type, no CN or key twice. Every failure is reported to
 * r with the file's name. Returns 0 or the first. Free with sign_free in any case.
 */
int sign_load(const struct sign_config *cfg, const char *const *paths, size_t count,
              struct sign_run **out, struct report *r);
void sign_free(struct sign_run *run);

/*
 * Certify all of them, exactly once each; done is called for each in order. A public key that the
 * index knows under another name is refused before anything is signed.
 */
int sign_all(struct sign_run *run, const struct sign_config *cfg,
             void (*done)(const struct issue_device *dev), struct diag *d);

#endif
