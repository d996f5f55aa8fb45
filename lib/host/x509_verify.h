/* Is a certificate fit for its device: key, chain, dates, usage, size. */
#ifndef HOST_X509_VERIFY_H
#define HOST_X509_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <openssl/types.h>
#include <openssl/x509.h>

#include "host/report.h"

/* A PEM text with its NUL is at most 4000 bytes as a string in NVS (ESP-IDF 5.5, nvs_flash). */
#define VERIFY_NVS_STRING 4000u

struct verify_config {
        STACK_OF(X509) *
                trust; /* roots, and issuing CAs to build chains with; NULL: no chain is checked */
        EVP_PKEY *key; /* NULL: not checked */
        unsigned eku;  /* EKU_… that the certificate must have; 0: any */
        time_t now;
        time_t clock;   /* the earliest time that the device's clock may show: a board without a
                           battery starts with its   firmware's date; 0: its clock is right */
        size_t max_der; /* bytes; 0: no limit */
};

/*
 * All failures are reported to r under name. rest (may be NULL): certificates that came behind this
 * one in its file. Returns 0 or -E_VERIFY.
 */
int cert_verify(const char *name, X509 *cert, STACK_OF(X509) * rest,
                const struct verify_config *cfg, struct report *r);

#endif
