#include "rest.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/err.h"
#include "host/file.h"
#include "host/report.h"

#define CHAIN_MAX  8u /* certificates that a client may show */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct rest {
        const struct rest_config *cfg;
        struct service *service;
        struct MHD_Daemon *daemon;
        gnutls_x509_trust_list_t trust;
        struct blob ca, cert, key;
};

/* One request while its body comes in. One byte more than is allowed is kept: that says enough. */
struct upload {
        size_t len;
        char body[DOCUMENT_REQUEST_MAX + 1];
};

/* ---- who asks ---- */

static int import_chain(gnutls_session_t session, gnutls_x509_crt_t crt[CHAIN_MAX], unsigned *n)
{
        unsigned count = 0;
        const gnutls_datum_t *raw = gnutls_certificate_get_peers(session, &count);

        *n = 0;
        if (!raw || !count || count > CHAIN_MAX)
                return -E_PERM;
        for (unsigned i = 0; i < count; i++) {
                if (gnutls_x509_crt_init(&crt[i]) < 0)
                        return -E_NOMEM;
                *n = i + 1;
                if (gnutls_x509_crt_import(crt[i], &raw[i], GNUTLS_X509_FMT_DER) < 0)
                        return -E_PERM;
        }
        return 0;
}

static bool trusted(const struct rest *r, gnutls_x509_crt_t *crt, unsigned n)
{
        gnutls_typed_vdata_st purpose = {
                .type = GNUTLS_DT_KEY_PURPOSE_OID,
                .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT
        };
        unsigned status = ~0u;

        return gnutls_x509_trust_list_verify_crt2(r->trust, crt, n, &purpose, 1, 0, &status,
                                                  NULL) == 0 &&
               status == 0;
}

/* The common name of who is at the other end. -E_PERM: no certificate, or none that is good. */
static int client_name(const struct rest *r, struct MHD_Connection *c,
                       char out[DOCUMENT_THING_MAX + 1])
{
        const union MHD_ConnectionInfo *i =
                MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        gnutls_x509_crt_t crt[CHAIN_MAX];
        size_t size = DOCUMENT_THING_MAX + 1;
        unsigned n = 0;
        int rc = i && i->tls_session ? import_chain(i->tls_session, crt, &n) : -E_PERM;

        if (rc == 0 && !trusted(r, crt, n))
                rc = -E_PERM;
        if (rc == 0 && (gnutls_x509_crt_get_dn_by_oid(crt[0], GNUTLS_OID_X520_COMMON_NAME, 0, 0,
                                                      out, &size) < 0 ||
                        strlen(out) != size))
                rc = -E_PERM;
        while (n)
                gnutls_x509_crt_deinit(crt[--n]);
        return rc;
}

static bool may(const struct rest *r, const char *who, const char *thing)
{
        for (size_t i = 0; i < r->cfg->admin_count; i++)
                if (strcmp(r->cfg->admins[i], who) == 0)
                        return true;
        return strcmp(who, thing) == 0;
}

/* ---- requests ---- */

/* AWS's names of its errors. */
static const char *error_type(int code)
{
        static const struct {
                int code;
                const char *name;
        } types[] = {
                { 400, "InvalidRequestException" },
                { 401, "UnauthorizedException" },
                { 403, "ForbiddenException" },
                { 404, "ResourceNotFoundException" },
                { 405, "MethodNotAllowedException" },
                { 409, "ConflictException" },
                { 413, "RequestEntityTooLargeException" },
                { 415, "UnsupportedDocumentEncodingException" },
        };

        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
                if (types[i].code == code)
                        return types[i].name;
        return "InternalFailureException";
}

static enum MHD_Result reply_send(struct MHD_Connection *c, const struct document_reply *reply)
{
        static const char nothing[] = "{\"code\":500,\"message\":\"Internal service failure\"}";
        const char *text = reply->answer ? reply->answer : nothing;
        struct MHD_Response *m = MHD_create_response_from_buffer(
                strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
        enum MHD_Result ok;

        if (!m)
                return MHD_NO;
        MHD_add_response_header(m, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
        if (reply->code != 200)
                MHD_add_response_header(m, "x-amzn-ErrorType", error_type(reply->code));
        ok = MHD_queue_response(c, (unsigned)reply->code, m);
        MHD_destroy_response(m);
        return ok;
}

/* /things/THING/shadow: the thing into out. */
static bool read_path(const char *path, char out[DOCUMENT_THING_MAX + 1])
{
        const char *end = document_thing_in(path, "/things/", out);

        return end && strcmp(end, "/shadow") == 0;
}

static bool read_method(const char *method, enum verb *verb)
{
        if (strcmp(method, MHD_HTTP_METHOD_GET) == 0)
                *verb = VERB_GET;
        else if (strcmp(method, MHD_HTTP_METHOD_POST) == 0)
                *verb = VERB_UPDATE;
        else if (strcmp(method, MHD_HTTP_METHOD_DELETE) == 0)
                *verb = VERB_DELETE;
        else
                return false;
        return true;
}

static void answer(struct rest *r, struct MHD_Connection *c, const char *path, const char *method,
                   const struct upload *u, struct document_reply *reply)
{
        const int64_t now = (int64_t)time(NULL);
        char thing[DOCUMENT_THING_MAX + 1];
        char who[DOCUMENT_THING_MAX + 1];
        enum verb verb;

        if (client_name(r, c, who) < 0)
                document_refuse(401, "Unauthorized", now, reply);
        else if (!read_path(path, thing))
                document_refuse(404, "Thing not found", now, reply);
        else if (!may(r, who, thing))
                document_refuse(403, "Forbidden", now, reply);
        else if (!read_method(method, &verb))
                document_refuse(405, "Method not allowed", now, reply);
        else if (MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "name"))
                document_refuse(400, "Named shadows are not kept here", now, reply);
        else
                service_request(r->service, verb, thing, verb == VERB_UPDATE ? u->body : "",
                                verb == VERB_UPDATE ? u->len : 0, false, reply);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
        struct upload *u = *request;
        struct document_reply reply;
        enum MHD_Result ok;

        (void)version;
        if (!u) {
                u = calloc(1, sizeof *u);
                *request = u;
                return u ? MHD_YES : MHD_NO;
        }
        if (*size) {
                const size_t room = sizeof u->body - u->len;
                const size_t n = *size < room ? *size : room;

                memcpy(u->body + u->len, data, n);
                u->len += n;
                *size = 0;
                return MHD_YES;
        }
        answer(ctx, c, path, method, u, &reply);
        ok = reply_send(c, &reply);
        document_reply_free(&reply);
        return ok;
}

static void on_done(void *ctx, struct MHD_Connection *c, void **request,
                    enum MHD_RequestTerminationCode code)
{
        (void)ctx, (void)c, (void)code;
        free(*request);
        *request = NULL;
}

/* ---- start and stop ---- */

static int load_trust(struct rest *r, struct diag *d)
{
        gnutls_datum_t ca = { r->ca.data, (unsigned)r->ca.len };
        struct blob b = { 0 };
        int rc;

        if (gnutls_x509_trust_list_init(&r->trust, 0) < 0)
                return diag_set(d, E_NOMEM, "no memory");
        if (gnutls_x509_trust_list_add_trust_mem(r->trust, &ca, NULL, GNUTLS_X509_FMT_PEM, 0, 0) <
            1)
                return diag_set(d, E_KEY, "%s: there is no certificate in it", r->cfg->ca);
        if (!r->cfg->crl)
                return 0;
        if ((rc = file_load(r->cfg->crl, FILE_LIMIT_TEXT, &b, d)) < 0)
                return rc;
        ca = (gnutls_datum_t){ b.data, (unsigned)b.len };
        if (gnutls_x509_trust_list_add_trust_mem(r->trust, NULL, &ca, GNUTLS_X509_FMT_PEM, 0,
                                                 GNUTLS_TL_VERIFY_CRL) < 1)
                rc = diag_set(d, E_KEY, "%s: is no list of this CA", r->cfg->crl);
        blob_free(&b);
        return rc;
}

static int resolve(const char *text, struct addrinfo **out, struct diag *d)
{
        const struct addrinfo want = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                                       .ai_socktype = SOCK_STREAM };
        const char *colon = strrchr(text, ':');
        char host[64];

        if (!colon || colon == text || (size_t)(colon - text) >= sizeof host)
                return diag_set(d, E_SYNTAX, "'%s' is not ADDRESS:PORT", text);
        snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
        if (getaddrinfo(host, colon + 1, &want, out) != 0)
                return diag_set(d, E_SYNTAX, "'%s': not an address with a port", text);
        return 0;
}

static int listen_there(struct rest *r, struct diag *d)
{
        struct addrinfo *a;
        int rc = resolve(r->cfg->listen, &a, d);

        if (rc < 0)
                return rc;
        errno = 0;
        r->daemon = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_USE_TLS | (a->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0), 0,
                NULL, NULL, on_request, r, MHD_OPTION_SOCK_ADDR, a->ai_addr,
                MHD_OPTION_HTTPS_MEM_CERT, r->cert.data, MHD_OPTION_HTTPS_MEM_KEY, r->key.data,
                MHD_OPTION_HTTPS_MEM_TRUST, r->ca.data, MHD_OPTION_HTTPS_PRIORITIES, PRIORITIES,
                MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_CONNECTION_TIMEOUT,
                REST_IDLE_S, MHD_OPTION_CONNECTION_LIMIT, REST_CONNECTIONS,
                MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
        freeaddrinfo(a);
        if (r->daemon)
                return 0;
        if (errno == EADDRINUSE)
                return diag_set(d, E_BUSY, "%s: another program listens there; give another --rest",
                                r->cfg->listen);
        return diag_set(d, E_KEY, "%s: cannot listen with %s and %s: %s", r->cfg->listen,
                        r->cfg->cert, r->cfg->key,
                        errno ? strerror(errno) : "do they belong together?");
}

int rest_start(const struct rest_config *cfg, struct service *s, struct rest **out, struct diag *d)
{
        struct rest *r = calloc(1, sizeof *r);
        int rc;

        *out = r;
        if (!r)
                return diag_set(d, E_NOMEM, "no memory");
        r->cfg = cfg;
        r->service = s;
        if ((rc = file_load(cfg->ca, FILE_LIMIT_KEY, &r->ca, d)) < 0 ||
            (rc = file_load(cfg->cert, FILE_LIMIT_KEY, &r->cert, d)) < 0 ||
            (rc = file_load(cfg->key, FILE_LIMIT_KEY, &r->key, d)) < 0 ||
            (rc = load_trust(r, d)) < 0)
                return rc;
        return listen_there(r, d);
}

unsigned rest_port(const struct rest *r)
{
        const union MHD_DaemonInfo *i = MHD_get_daemon_info(r->daemon, MHD_DAEMON_INFO_BIND_PORT);

        return i ? i->port : 0;
}

int rest_fd(const struct rest *r)
{
        const union MHD_DaemonInfo *i = MHD_get_daemon_info(r->daemon, MHD_DAEMON_INFO_EPOLL_FD);

        return i ? i->epoll_fd : -1;
}

int rest_timeout(const struct rest *r)
{
        MHD_UNSIGNED_LONG_LONG ms;

        if (MHD_get_timeout(r->daemon, &ms) != MHD_YES)
                return -1;
        return ms > INT_MAX ? INT_MAX : (int)ms;
}

void rest_run(struct rest *r)
{
        MHD_run(r->daemon);
}

void rest_stop(struct rest *r)
{
        if (!r)
                return;
        if (r->daemon)
                MHD_stop_daemon(r->daemon);
        if (r->trust)
                gnutls_x509_trust_list_deinit(r->trust, 1);
        blob_free(&r->ca);
        blob_free(&r->cert);
        blob_free_secret(&r->key);
        free(r);
}
