/*
 * The REST face: GET, POST and DELETE of https://HOST:8443/things/THING/shadow, for whoever shows a
 * certificate of the CA. The common name says which thing one may touch; administrators may all.
 * Source: AWS IoT Core Developer Guide, "Device Shadow REST API".
 */
#ifndef SHADOWD_REST_H
#define SHADOWD_REST_H

#include "base/diag.h"
#include "service.h"

#define REST_CONNECTIONS 64u
#define REST_IDLE_S      30u

struct rest;

struct rest_config {
        const char *listen;        /* address:port; port 0: a free one */
        const char *ca, *crl;      /* PEM files; crl NULL: none */
        const char *cert, *key;    /* of this server, PEM files */
        const char *const *admins; /* common names */
        size_t admin_count;
};

/* Everything is borrowed until rest_stop. -E_SYNTAX, -E_NOTFOUND, -E_KEY, -E_IO (port in use). */
int rest_start(const struct rest_config *cfg, struct service *s, struct rest **out, struct diag *d);

unsigned rest_port(const struct rest *r);

/* For poll: the descriptor, and how many ms may pass until rest_run (-1: any number). */
int rest_fd(const struct rest *r);
int rest_timeout(const struct rest *r);
void rest_run(struct rest *r);

void rest_stop(struct rest *r);

#endif
