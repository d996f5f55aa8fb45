#include "line/line_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "host/json.h"

#define CONNECTIONS 256u
#define IDLE_S      20u   /* of a client that takes or says nothing: four beats */
#define BEAT_MS     5000u /* a stream that has nothing to say says so */
#define FRAME_MS    150u  /* between two states of a stream */

static const char page[] =
#include "line_page.h"
        ;

struct line_http {
        struct MHD_Daemon *daemon;
        struct line_view *view;
        struct ledger *ledger;
        atomic_bool ends;
        char host[256];
        char url[300];
};

/* ---- who asks ---- */

static bool is_address(const char *host)
{
        struct in_addr a4;
        struct in6_addr a6;

        return inet_pton(AF_INET, host, &a4) == 1 || inet_pton(AF_INET6, host, &a6) == 1;
}

bool line_http_host_ok(const char *header, const char *host)
{
        char name[256];
        char own[256] = "";
        size_t n;

        if (!header)
                return false;
        if (*header == '[') {
                n = strcspn(++header, "]");
                if (header[n] != ']')
                        return false;
        } else {
                n = strcspn(header, ":");
        }
        if (!n || n >= sizeof name)
                return false;
        memcpy(name, header, n);
        name[n] = 0;
        if (gethostname(own, sizeof own - 1) < 0)
                own[0] = 0;
        return is_address(name) || !strcasecmp(name, "localhost") || !strcasecmp(name, host) ||
               (own[0] && !strcasecmp(name, own));
}

/* ---- answers ---- */

static void add(struct MHD_Response *r, const char *name, const char *value)
{
        MHD_add_response_header(r, name, value);
}

static enum MHD_Result queue(struct MHD_Connection *c, unsigned status, const char *type,
                             struct MHD_Response *r)
{
        enum MHD_Result ok;

        if (!r)
                return MHD_NO;
        add(r, "Content-Type", type);
        add(r, "Cache-Control", "no-store");
        add(r, "X-Content-Type-Options", "nosniff");
        add(r, "X-Frame-Options", "DENY");
        add(r, "Referrer-Policy", "no-referrer");
        add(r, "Cross-Origin-Resource-Policy", "same-origin");
        add(r, "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
            "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'");
        ok = MHD_queue_response(c, status, r);
        MHD_destroy_response(r);
        return ok;
}

static enum MHD_Result text(struct MHD_Connection *c, unsigned status, const char *words)
{
        return queue(c, status, "text/plain; charset=utf-8",
                     MHD_create_response_from_buffer(strlen(words), (void *)(uintptr_t)words,
                                                     MHD_RESPMEM_MUST_COPY));
}

/* Taken: freed when it is sent. */
static enum MHD_Result json(struct MHD_Connection *c, unsigned status, char *body, size_t len)
{
        if (!body)
                return MHD_NO;
        return queue(c, status, "application/json",
                     MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE));
}

static enum MHD_Result answer_state(struct line_http *h, struct MHD_Connection *c)
{
        char *body = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&body, &len);

        if (!f)
                return MHD_NO;
        line_view_json(h->view, f);
        fclose(f);
        return json(c, MHD_HTTP_OK, body, len);
}

static void unit_json(struct json_writer *w, const struct ledger_unit *u)
{
        json_str(w, "serial", u->serial);
        json_str(w, "state", ledger_state_word(u->state));
        json_str(w, "batch", u->batch);
        json_str(w, "mac", u->mac);
        json_str(w, "chip", u->chip);
        json_str(w, "revision", u->revision);
        json_str(w, "flash_id", u->flash_id);
        json_str(w, "firmware", u->firmware);
        json_str(w, "cert_serial", u->cert_serial);
        json_str(w, "service", u->service);
        json_int(w, "attempt", u->attempt);
        json_str(w, "station", u->station);
        json_str(w, "operator", u->operator);
        json_str(w, "slot", u->slot);
        json_str(w, "claimed_at", u->claimed_at);
        json_str(w, "ended_at", u->ended_at);
        json_int(w, "cycle_ms", u->cycle_ms);
        json_str(w, "phases", u->phases);
        json_str(w, "failure", u->failure);
        json_str(w, "note", u->note);
}

static enum MHD_Result answer_find(struct line_http *h, struct MHD_Connection *c)
{
        const char *q = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "q");
        struct ledger_unit *u = calloc(1, sizeof *u);
        struct diag d = { 0 };
        char *body = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&body, &len);
        struct json_writer w = { .out = f };
        int rc;

        if (!f || !u) {
                free(u);
                if (f)
                        fclose(f);
                free(body);
                return MHD_NO;
        }
        rc = h->ledger && q && *q ? ledger_find(h->ledger, q, u, &d) : -E_NOTFOUND;
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        if (rc == 0)
                unit_json(&w, u);
        else
                json_str(&w, "error", d.code ? diag_text(&d) : "no unit is asked for");
        json_close(&w, '}');
        fclose(f);
        free(u);
        return json(c,
                    rc == 0             ? MHD_HTTP_OK
                    : rc == -E_NOTFOUND ? MHD_HTTP_NOT_FOUND
                                        : MHD_HTTP_INTERNAL_SERVER_ERROR,
                    body, len);
}

/* ---- the stream ---- */

struct stream {
        struct line_http *h;
        uint64_t version;
        char *text; /* of the state that is being sent; owned */
        size_t len, at;
};

/* The next state as an event; a comment when nothing has changed. */
static int next_event(struct stream *s)
{
        uint64_t now = s->version;
        FILE *f;

        for (unsigned waited = 0; now == s->version && waited < BEAT_MS && s->version;
             waited += 250) {
                if (atomic_load(&s->h->ends))
                        return -1;
                now = line_view_wait(s->h->view, s->version, 250);
        }
        if (s->version)
                usleep(FRAME_MS * 1000);
        free(s->text);
        s->text = NULL;
        s->at = s->len = 0;
        if (!(f = open_memstream(&s->text, &s->len)))
                return -1;
        if (now == s->version && s->version) {
                fputs(":\n\n", f);
        } else {
                s->version = line_view_wait(s->h->view, UINT64_MAX, 0);
                fputs("data: ", f);
                line_view_json(s->h->view, f);
                fputs("\n\n", f);
        }
        return fclose(f) == 0 ? 0 : -1;
}

static ssize_t stream_read(void *ctx, uint64_t pos, char *buf, size_t max)
{
        struct stream *s = ctx;
        size_t n;

        (void)pos;
        if (atomic_load(&s->h->ends) || (s->at == s->len && next_event(s) < 0))
                return MHD_CONTENT_READER_END_OF_STREAM;
        n = s->len - s->at < max ? s->len - s->at : max;
        memcpy(buf, s->text + s->at, n);
        s->at += n;
        return (ssize_t)n;
}

static void stream_free(void *ctx)
{
        struct stream *s = ctx;

        free(s->text);
        free(s);
}

static enum MHD_Result answer_events(struct line_http *h, struct MHD_Connection *c)
{
        struct stream *s = calloc(1, sizeof *s);
        struct MHD_Response *r;

        if (!s)
                return MHD_NO;
        s->h = h;
        r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32768, stream_read, s, stream_free);
        if (!r)
                stream_free(s);
        return queue(c, MHD_HTTP_OK, "text/event-stream", r);
}

/* ---- the server ---- */

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_len, void **state)
{
        struct line_http *h = ctx;

        (void)version, (void)body, (void)body_len, (void)state;
        if (!line_http_host_ok(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host"), h->host))
                return text(c, MHD_HTTP_FORBIDDEN,
                            "This page answers under its own name or address only.\n");
        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
                return text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "There is nothing to change here.\n");
        if (!strcmp(url, "/"))
                return queue(c, MHD_HTTP_OK, "text/html; charset=utf-8",
                             MHD_create_response_from_buffer(sizeof page - 1,
                                                             (void *)(uintptr_t)page,
                                                             MHD_RESPMEM_PERSISTENT));
        if (!strcmp(url, "/state"))
                return answer_state(h, c);
        if (!strcmp(url, "/find"))
                return answer_find(h, c);
        if (!strcmp(url, "/events"))
                return answer_events(h, c);
        return text(c, MHD_HTTP_NOT_FOUND, "There is no such page.\n");
}

/* HOST:PORT, or [HOST]:PORT, as an address to listen on. */
static int resolve(const char *where, char host[256], struct addrinfo **out, struct diag *d)
{
        const struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
        const char *colon = strrchr(where, ':');
        size_t n = colon ? (size_t)(colon - where) : 0;
        int rc;

        if (!n || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || n >= 256)
                return diag_set(d, E_SYNTAX, "'%s' is not HOST:PORT, like 127.0.0.1:8080", where);
        if (*where == '[' && where[n - 1] == ']')
                where++, n -= 2;
        memcpy(host, where, n);
        host[n] = 0;
        rc = getaddrinfo(host, colon + 1, &want, out);
        return rc ? diag_set(d, E_NOTFOUND, "%s: %s", host, gai_strerror(rc)) : 0;
}

static int listen_on(const struct addrinfo *a, int *fd, unsigned *port, struct diag *d)
{
        union {
                struct sockaddr_in6 in6;
                struct sockaddr_in in;
                struct sockaddr any;
        } s = { 0 };
        socklen_t len = sizeof s;
        const int one = 1;

        *fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (*fd >= 0)
                setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (*fd < 0 || bind(*fd, a->ai_addr, a->ai_addrlen) < 0 || listen(*fd, 16) < 0 ||
            getsockname(*fd, &s.any, &len) < 0)
                return diag_set(d,
                                errno == EADDRINUSE                 ? E_BUSY
                                : errno == EACCES || errno == EPERM ? E_PERM
                                                                    : E_IO,
                                "cannot listen there: %s; try another port", strerror(errno));
        *port = ntohs(a->ai_family == AF_INET6 ? s.in6.sin6_port : s.in.sin_port);
        return 0;
}

int line_http_open(const char *where, struct line_view *view, struct ledger *ledger,
                   struct line_http **out, struct diag *d)
{
        struct line_http *h = calloc(1, sizeof *h);
        struct addrinfo *a = NULL;
        unsigned port = 0;
        int fd = -1;
        int rc;

        *out = NULL;
        if (!h)
                return diag_set(d, E_NOMEM, "out of memory");
        h->view = view;
        h->ledger = ledger;
        rc = resolve(where, h->host, &a, d);
        if (rc == 0)
                rc = listen_on(a, &fd, &port, d);
        if (rc == 0) {
                h->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION |
                                                     MHD_USE_INTERNAL_POLLING_THREAD,
                                             0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET,
                                             fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
                                             MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_END);
                if (!h->daemon)
                        rc = diag_set(d, E_IO, "the server does not start");
        }
        if (a)
                freeaddrinfo(a);
        if (rc < 0) {
                if (fd >= 0)
                        close(fd);
                free(h);
                return rc;
        }
        snprintf(h->url, sizeof h->url, strchr(h->host, ':') ? "http://[%s]:%u/" : "http://%s:%u/",
                 h->host, port);
        *out = h;
        return 0;
}

void line_http_close(struct line_http *h)
{
        if (!h)
                return;
        atomic_store(&h->ends, true);
        MHD_stop_daemon(h->daemon);
        free(h);
}

const char *line_http_url(const struct line_http *h)
{
        return h->url;
}
