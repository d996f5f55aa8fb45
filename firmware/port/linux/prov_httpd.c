#include "firmware/port/linux/prov_httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypt/crypt.h"

#define IDLE_S 30u

struct prov_httpd {
        struct MHD_Daemon *daemon;
        struct prov_device *device;
        uint16_t port;
        bool have_session;
        bool cookie_told;    /* the client has sent it back */
        uint32_t session;    /* the cookie's value */
        uint32_t number;     /* the device's, of the same */
        uint64_t connection; /* the socket that began the session */
        uint64_t connections;
        uint8_t answer[PROV_MESSAGE_MAX];
};

/* One request while its body comes in. */
struct upload {
        size_t len;
        bool too_long;
        uint8_t body[PROV_MESSAGE_MAX];
};

/* The number behind "session=", alone in the header; false if it is anything else. */
static bool cookie_value(const char *header, uint32_t *out)
{
        char *end;
        unsigned long v;

        if (!header || strncmp(header, "session=", 8) != 0 || header[8] < '0' || header[8] > '9')
                return false;
        v = strtoul(header + 8, &end, 10);
        *out = (uint32_t)v;
        return *end == 0 && v <= UINT32_MAX;
}

/*
 * Does this request go on with the session that runs? Otherwise that one ends here, whatever is
 * asked. Returns true if a new one began, whose cookie the answer must carry.
 */
static bool session_switch(struct prov_httpd *h, struct MHD_Connection *c, uint64_t connection)
{
        const char *header =
                MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_COOKIE);
        uint32_t value;

        if (h->number != h->device->session) /* another transport has it now */
                h->have_session = false;
        if (h->have_session && cookie_value(header, &value) && value == h->session) {
                h->cookie_told = true;
                return false;
        }
        if (h->have_session && !header && !h->cookie_told && connection == h->connection)
                return false;
        h->number = prov_device_new_session(h->device);
        h->have_session = crypt_random(&h->session, sizeof h->session) == 0;
        h->cookie_told = false;
        h->connection = connection;
        return h->have_session;
}

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status, const void *body, size_t n,
                             const char *cookie)
{
        struct MHD_Response *r =
                MHD_create_response_from_buffer(n, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
        enum MHD_Result ok;

        if (!r)
                return MHD_NO;
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/html");
        if (cookie)
                MHD_add_response_header(r, MHD_HTTP_HEADER_SET_COOKIE, cookie);
        if (status != MHD_HTTP_OK)
                MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
        ok = MHD_queue_response(c, status, r);
        MHD_destroy_response(r);
        return ok;
}

static uint64_t connection_number(struct MHD_Connection *c)
{
        const union MHD_ConnectionInfo *i =
                MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

        return i && i->socket_context ? (uint64_t)(uintptr_t)i->socket_context : 0;
}

static enum MHD_Result answer(struct prov_httpd *h, struct MHD_Connection *c, const char *url,
                              const struct upload *u)
{
        static const char not_found[] = "Nothing matches the given URI";
        char cookie[32];
        bool fresh;
        long n;

        if (u->len == 0 || u->too_long || url[0] != '/')
                return MHD_NO;
        fresh = session_switch(h, c, connection_number(c));
        if (!h->have_session)
                return MHD_NO;
        n = prov_device_request(h->device, url + 1, u->body, u->len, h->answer, sizeof h->answer);
        if (n == -E_NOTFOUND)
                return reply(c, MHD_HTTP_NOT_FOUND, not_found, sizeof not_found - 1, NULL);
        if (n < 0)
                return MHD_NO; /* closes: so the originals say no */
        snprintf(cookie, sizeof cookie, "session=%u", h->session);
        return reply(c, MHD_HTTP_OK, h->answer, (size_t)n, fresh ? cookie : NULL);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
        static const char wrong_method[] = "Request method for this URI is not handled by server";
        struct upload *u = *request;

        (void)version;
        if (!u) {
                u = calloc(1, sizeof *u);
                *request = u;
                return u ? MHD_YES : MHD_NO;
        }
        if (*size) {
                if (*size > sizeof u->body - u->len)
                        u->too_long = true;
                else
                        memcpy(u->body + u->len, data, *size), u->len += *size;
                *size = 0;
                return MHD_YES;
        }
        if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
                return reply(c, MHD_HTTP_METHOD_NOT_ALLOWED, wrong_method, sizeof wrong_method - 1,
                             NULL);
        return answer(ctx, c, url, u);
}

static void on_done(void *ctx, struct MHD_Connection *c, void **request,
                    enum MHD_RequestTerminationCode code)
{
        (void)ctx;
        (void)c;
        (void)code;
        free(*request);
        *request = NULL;
}

/* Sockets are numbered, so that a new one is never taken for an old one. */
static void on_connection(void *ctx, struct MHD_Connection *c, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
        struct prov_httpd *h = ctx;

        (void)c;
        if (code == MHD_CONNECTION_NOTIFY_STARTED)
                *socket_context = (void *)(uintptr_t)++h->connections;
}

int prov_httpd_start(struct prov_device *device, const char *address, uint16_t port,
                     struct prov_httpd **out, struct diag *d)
{
        struct prov_httpd *h = calloc(1, sizeof *h);
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
        const union MHD_DaemonInfo *info;

        *out = NULL;
        if (!h)
                return diag_set(d, E_NOMEM, "out of memory");
        if (inet_pton(AF_INET, address, &sa.sin_addr) != 1) {
                free(h);
                return diag_set(d, E_INVAL, "%s: not an IPv4 address", address);
        }
        h->device = device;
        h->daemon = MHD_start_daemon(
                MHD_USE_EPOLL, port, NULL, NULL, on_request, h, MHD_OPTION_SOCK_ADDR,
                (struct sockaddr *)&sa, MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
                MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_CONNECTION_TIMEOUT,
                IDLE_S, MHD_OPTION_CONNECTION_LIMIT, 8u, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
                MHD_OPTION_END);
        if (!h->daemon) {
                free(h);
                return diag_set(d, E_IO, "%s:%u: cannot listen: %s", address, port,
                                strerror(errno));
        }
        info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);
        h->port = info ? info->port : port;
        *out = h;
        return 0;
}

uint16_t prov_httpd_port(const struct prov_httpd *h)
{
        return h->port;
}

int prov_httpd_fd(const struct prov_httpd *h)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);

        return info ? info->epoll_fd : -1;
}

void prov_httpd_run(struct prov_httpd *h)
{
        MHD_run(h->daemon);
}

void prov_httpd_stop(struct prov_httpd *h)
{
        if (!h)
                return;
        MHD_stop_daemon(h->daemon);
        free(h);
}
