/* Provisioning over HTTP: POST /ENDPOINT, the session in a cookie (ESP-IDF v5.5 protocomm_httpd.c).
 */
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/file.h"
#include "host/prov_link.h"
#include "wire/prov_sec.h"

#define TIMEOUT_MS_DEFAULT 20000u
#define CONNECT_MS         5000L
/*
 * A device of which not even TCP hears anything for so long is lost, whether it owes us an answer
 * or the acknowledgement of a request. One that scans is deaf for up to 5 s.
 */
#define UNHEARD_MS 6000u
#define PROBE_S    1 /* when nothing is to be acknowledged: how often it is asked for a sign */

struct http_link {
        struct prov_link base;
        CURL *curl;
        struct curl_slist *headers;
        char *host;
        char *interface;
        unsigned timeout_ms;
        int (*lost)(void *ctx, unsigned tries, struct diag *d);
        void *lost_ctx;
        bool joined;
        uint64_t begun_ms; /* the request under way, monotonic */
        bool dialing;      /* the request under way has made a connection of its own */
        unsigned failures; /* -E_LINK since the last answer */
        uint8_t *out;      /* of the request under way */
        size_t cap, len;
        bool overflow;
};

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
        struct http_link *l = ctx;
        const size_t n = size * count;

        if (n > l->cap - l->len) {
                l->overflow = true;
                return 0;
        }
        memcpy(l->out + l->len, data, n);
        l->len += n;
        return n;
}

static uint64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
        const unsigned ms = UNHEARD_MS;
        const int on = 1, s = PROBE_S;
        struct http_link *l = ctx;

        (void)purpose;
        l->dialing = true;
        /* the connection of before is dead, and curl asks again by itself: not before the way is
         * back */
        if (now_ms() - l->begun_ms >= UNHEARD_MS)
                return CURL_SOCKOPT_ERROR;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &s, sizeof s);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &s, sizeof s);
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        return CURL_SOCKOPT_OK;
}

static int setup(struct http_link *l)
{
        char binding[64];

        if (l->curl)
                curl_easy_cleanup(l->curl);
        l->curl = curl_easy_init();
        if (!l->curl)
                return -E_NOMEM;
        curl_easy_setopt(l->curl, CURLOPT_COOKIEFILE, ""); /* keep the session's cookie */
        curl_easy_setopt(l->curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(l->curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(l->curl, CURLOPT_PROTOCOLS_STR, "http");
        curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, l);
        curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, l->headers);
        curl_easy_setopt(l->curl, CURLOPT_TIMEOUT_MS, (long)l->timeout_ms);
        curl_easy_setopt(l->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
        curl_easy_setopt(l->curl, CURLOPT_SOCKOPTFUNCTION, on_socket);
        curl_easy_setopt(l->curl, CURLOPT_SOCKOPTDATA, l);
        if (l->interface) {
                snprintf(binding, sizeof binding, "if!%s", l->interface);
                curl_easy_setopt(l->curl, CURLOPT_INTERFACE, binding);
        }
        return 0;
}

/*
 * Did the request's time-out strike before it had a connection? If not at the request's own time,
 * it was that of connecting (also when curl tries again because the connection of before is dead).
 */
static bool never_connected(const struct http_link *l)
{
        curl_off_t us = 0;

        curl_easy_getinfo(l->curl, CURLINFO_PRETRANSFER_TIME_T, &us);
        return l->dialing && (us == 0 || now_ms() - l->begun_ms < l->timeout_ms);
}

static long os_error(const struct http_link *l)
{
        long e = 0;

        curl_easy_getinfo(l->curl, CURLINFO_OS_ERRNO, &e);
        return e;
}

/* Is it the way to the device that failed, and not the device that says no? */
static bool way_is_lost(const struct http_link *l, CURLcode rc)
{
        const long e = os_error(l);

        if (rc == CURLE_OPERATION_TIMEDOUT)
                return never_connected(l);
        return (rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR) &&
               (e == ETIMEDOUT || e == EHOSTUNREACH || e == ENETUNREACH || e == ENETDOWN);
}

static int unreachable(const struct http_link *l, CURLcode rc, struct diag *d)
{
        return diag_set(d, E_LINK,
                        "%s: cannot be reached (%s); is this computer in the device's network?",
                        l->host,
                        rc == CURLE_ABORTED_BY_CALLBACK ? "nothing is heard of it any more"
                                                        : curl_easy_strerror(rc));
}

static int failure(const struct http_link *l, CURLcode rc, struct diag *d)
{
        if (way_is_lost(l, rc))
                return unreachable(l, rc, d);
        switch (rc) {
        case CURLE_OPERATION_TIMEDOUT:
                return diag_set(d, E_TIMEOUT, "%s: no answer in %u s", l->host,
                                l->timeout_ms / 1000);
        case CURLE_GOT_NOTHING:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_PARTIAL_FILE:
                return diag_set(d, E_REFUSED,
                                "%s: the device closed the connection without an answer", l->host);
        case CURLE_INTERFACE_FAILED:
                return diag_set(
                        d, E_LINK,
                        "%s: interface %s cannot be used (is it up? binding to it may need root)",
                        l->host, l->interface);
        case CURLE_WRITE_ERROR:
                if (l->overflow)
                        return diag_set(d, E_NOSPACE, "%s: the answer is longer than %zu bytes",
                                        l->host, l->cap);
                /* fall through */
        default:
                return unreachable(l, rc, d);
        }
}

static bool may_bind(const char *interface)
{
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool may;

        if (fd < 0)
                return false;
        may = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
                         (socklen_t)strlen(interface)) == 0 ||
              errno != EPERM;
        close(fd);
        return may;
}

/*
 * What time does not heal: a device that is there and does not listen (if this computer was brought
 * into its network, it may just be starting again), an interface that is not ours to use.
 */
static bool stays(const struct http_link *l, CURLcode rc)
{
        if (rc == CURLE_INTERFACE_FAILED)
                return !may_bind(l->interface);
        return os_error(l) == ECONNREFUSED && !l->joined;
}

static int failed(struct http_link *l, CURLcode rc, struct diag *d)
{
        const int e = failure(l, rc, d);

        if (e != -E_LINK)
                return e;
        l->failures++;
        if (stays(l, rc))
                l->base.patient = false;
        return e;
}

static long http_request(struct prov_link *base, const char *endpoint, const uint8_t *in, size_t n,
                         uint8_t *out, size_t cap, struct diag *d)
{
        struct http_link *l = (struct http_link *)base;
        char url[320];
        long status = 0;
        CURLcode rc;

        if ((size_t)snprintf(url, sizeof url, "http://%s/%s", l->host, endpoint) >= sizeof url)
                return diag_set(d, E_RANGE, "%s: name too long", endpoint);
        l->out = out;
        l->cap = cap;
        l->len = 0;
        l->overflow = false;
        curl_easy_setopt(l->curl, CURLOPT_URL, url);
        curl_easy_setopt(l->curl, CURLOPT_POSTFIELDSIZE, (long)n);
        curl_easy_setopt(l->curl, CURLOPT_POSTFIELDS, in);
        base->requests++;
        l->dialing = false;
        l->begun_ms = now_ms();
        rc = curl_easy_perform(l->curl);
        curl_easy_setopt(l->curl, CURLOPT_POSTFIELDS, NULL);
        if (rc != CURLE_OK)
                return failed(l, rc, d);
        l->failures = 0;
        base->patient = true;
        curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status);
        if (status == 404)
                return diag_set(d, E_NOTFOUND, "%s: the device has no endpoint %s", l->host,
                                endpoint);
        if (status != 200)
                return diag_set(
                        d, E_PROTO,
                        "%s: HTTP status %ld; this does not look like a device in provisioning",
                        l->host, status);
        return (long)l->len;
}

static int http_restart(struct prov_link *base, struct diag *d)
{
        struct http_link *l = (struct http_link *)base;
        int rc = 0;

        if (l->failures && l->lost)
                rc = l->lost(l->lost_ctx, l->failures, d);
        if (rc == 0 && setup(l) < 0)
                rc = diag_set(d, E_NOMEM, "out of memory");
        return rc;
}

static void http_close(struct prov_link *base)
{
        struct http_link *l = (struct http_link *)base;

        if (l->curl)
                curl_easy_cleanup(l->curl);
        curl_slist_free_all(l->headers);
        free(l->host);
        free(l->interface);
        free(l);
}

static const struct prov_link_ops http_ops = { http_request, http_restart, http_close };

int prov_http_open(const struct prov_http_config *cfg, struct prov_link **out, struct diag *d)
{
        struct http_link *l = calloc(1, sizeof *l);

        *out = NULL;
        if (!l)
                return diag_set(d, E_NOMEM, "out of memory");
        l->base.ops = &http_ops;
        l->timeout_ms = cfg->timeout_ms ? cfg->timeout_ms : TIMEOUT_MS_DEFAULT;
        l->base.patient = l->joined = cfg->joined;
        l->lost = cfg->lost;
        l->lost_ctx = cfg->lost_ctx;
        l->host = strdup(cfg->host);
        l->interface = cfg->interface ? strdup(cfg->interface) : NULL;
        l->headers = curl_slist_append(NULL, "Content-Type: application/x-www-form-urlencoded");
        if (l->headers)
                l->headers = curl_slist_append(l->headers, "Accept: text/plain");
        if (!l->host || !l->headers || (cfg->interface && !l->interface) || setup(l) < 0) {
                http_close(&l->base);
                return diag_set(d, E_NOMEM, "out of memory");
        }
        *out = &l->base;
        return 0;
}
