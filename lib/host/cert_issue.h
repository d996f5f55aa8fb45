/*
 * Issue certificates to many devices, each exactly once: claim in the index, make key and
 * certificate on all processors, put them on disk, record. Killed at any point, the next run
 * finishes the job: what is on disk is adopted, what is not is made.
 */
#ifndef HOST_CERT_ISSUE_H
#define HOST_CERT_ISSUE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/diag.h"
#include "host/ca.h"
#include "host/cert_prov.h"
#include "host/file.h"
#include "host/x509_profile.h"

#define ISSUE_GROUP 2048u /* devices claimed and recorded at once: what memory depends on */

struct issue_config {
        struct ca *ca; /* everything is borrowed */
        const struct profile *profile;
        const char *folder; /* where key, certificate and provisioning data go; must exist */
        const struct prov_config *prov; /* NULL: none */
        const char *const *san;         /* beside the profile's */
        size_t san_count;
        bool reissue;     /* revoke what a device has and make it anew */
        bool chain;       /* PEM only: the CA\'s certificate behind the device\'s */
        bool keep_bytes;  /* leave key and certificate in memory too */
        bool no_files;    /* with keep_bytes: the caller delivers them; what was issued before is
                             refused */
        unsigned threads; /* 0: all processors */
        time_t now;
};

enum issue_outcome {
        ISSUE_NONE,   /* not reached */
        ISSUE_NEW,    /* made now, or finished for a run that was killed */
        ISSUE_BEFORE, /* had it already: the same certificate and key as then */
        ISSUE_FAILED,
};

struct issue_device {
        const char *cn;        /* borrowed; set by the caller, the rest zero-initialised */
        const char *stem;      /* of the file names; borrowed, NULL: issue_stem(cn) */
        EVP_PKEY *request_key; /* of a signing request: only the certificate is made; borrowed,
                                  NULL: make a key */
        enum issue_outcome outcome;
        char serial[CERT_SERIAL_TEXT];
        char *cert_path, *key_path; /* in folder */
        struct blob cert, key;      /* as stored; with keep_bytes */
        struct prov *prov;
        struct diag diag; /* of ISSUE_FAILED */
};
void issue_device_clear(struct issue_device *dev);

/*
 * Issue to n (at most ISSUE_GROUP) devices. Returns 0 or the failure of
 * the first device that failed, whose diag is copied to d; the others may have been issued.
 */
int issue_group(const struct issue_config *cfg, struct issue_device *devices, size_t n,
                struct diag *d);

/*
 * After the last group: the files go to disk for good, and then count as issued. Without it the
 * next run finds them unfinished, looks at them and keeps what is whole.
 */
int issue_settle(const struct issue_config *cfg, struct diag *d);

/* "SO-000001" as the stem of file names: bytes outside A-Z a-z 0-9 . _ - become %XX. Returned:
 * free. */
char *issue_stem(const char *cn);

#endif
