/* port.h's HTTPS download: libcurl in the port's own loop. */
#include <curl/curl.h>
#include <poll.h>
#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "firmware/core/http_head.h"
#include "loop.h"

#define SILENCE_S 30L
#define CONNECT_S 30L

static CURLM *multi;
static CURL *easy;
static struct curl_slist *headers;
static bool head_sent;
static struct http_head head;

static void collect(void);
static void send_head(void);

static void forget(void)
{
        if (easy) {
                curl_multi_remove_handle(multi, easy);
                curl_easy_cleanup(easy);
        }
        curl_slist_free_all(headers);
        easy = NULL;
        headers = NULL;
}

static void act(curl_socket_t s, int what)
{
        int running;

        curl_multi_socket_action(multi, s, what, &running);
        collect();
}

static void on_timer(void)
{
        act(CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(int fd, short revents)
{
        act(fd, (revents & POLLIN ? CURL_CSELECT_IN : 0) |
                        (revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
                        (revents & (POLLERR | POLLHUP) ? CURL_CSELECT_ERR : 0));
}

static int set_timer(CURLM *m, long ms, void *ctx)
{
        (void)m, (void)ctx;
        if (ms < 0)
                loop_timer_stop(on_timer);
        else
                loop_timer((unsigned)ms, on_timer);
        return 0;
}

static int set_socket(CURL *e, curl_socket_t s, int what, void *ctx, void *sctx)
{
        (void)e, (void)ctx, (void)sctx;
        if (what == CURL_POLL_REMOVE)
                loop_unwatch(s);
        else
                loop_watch(s,
                           (short)((what & CURL_POLL_IN ? POLLIN : 0) |
                                   (what & CURL_POLL_OUT ? POLLOUT : 0)),
                           on_ready);
        return 0;
}

static int code_of(CURLcode rc)
{
        switch (rc) {
        case CURLE_OK:
                return 0;
        case CURLE_OPERATION_TIMEDOUT:
                return -E_TIMEOUT;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
                return -E_VERIFY;
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_URL_MALFORMAT:
                return -E_INVAL;
        default:
                return -E_LINK;
        }
}

/* Is it over? */
static void collect(void)
{
        CURLMsg *msg;
        int left;

        while ((msg = curl_multi_info_read(multi, &left)) != NULL) {
                const struct port_event ev = { .type = PORT_EV_HTTP_END,
                                               .error = code_of(msg->data.result) };

                if (msg->msg != CURLMSG_DONE)
                        continue;
                if (msg->data.result == CURLE_OK)
                        send_head(); /* of an answer without a body */
                forget();
                loop_post(LOOP_HTTP, &ev);
                return;
        }
}

/* A field of the head, in place and without its line end. */
static void take_header(char *line)
{
        char *colon = strchr(line, ':');

        line[strcspn(line, "\r\n")] = 0;
        if (!strncmp(line, "HTTP/", 5)) { /* of a redirection's target, too */
                memset(&head, 0, sizeof head);
        } else if (colon) {
                *colon = 0;
                http_head_field(&head, line, colon + 1);
        }
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
        char line[512];

        (void)size, (void)ctx;
        if (n < sizeof line) {
                memcpy(line, p, n);
                line[n] = 0;
                take_header(line);
        }
        return n;
}

static void send_head(void)
{
        struct port_event ev;
        long status = 0;

        if (head_sent)
                return;
        head_sent = true;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        ev = http_head_event(&head, (unsigned)status);
        loop_post(LOOP_HTTP, &ev);
}

static size_t on_data(char *p, size_t size, size_t n, void *ctx)
{
        const struct port_event ev = { .type = PORT_EV_HTTP_DATA,
                                       .data = { (const uint8_t *)p, n } };

        (void)size, (void)ctx;
        send_head();
        if (n)
                loop_post(LOOP_HTTP, &ev);
        return n;
}

static int add_headers(const struct port_http *h)
{
        char line[PORT_ETAG_MAX + 32];
        struct curl_slist *more;

        if (!h->from)
                return 0;
        strf(line, sizeof line, "Range: bytes=%llu-", (unsigned long long)h->from);
        if (!(headers = curl_slist_append(NULL, line)))
                return -E_NOMEM;
        if (h->etag) {
                strf(line, sizeof line, "If-Range: %s", h->etag);
                if (!(more = curl_slist_append(headers, line)))
                        return -E_NOMEM;
                headers = more;
        }
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        return 0;
}

/* PEM. */
static void pin(const struct port_http *h)
{
        struct curl_blob ca = { .data = (void *)h->ca.p,
                                .len = h->ca.len,
                                .flags = CURL_BLOB_COPY };

        curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
}

static int set_up(void)
{
        if (!multi && !(multi = curl_multi_init()))
                return -E_NOMEM;
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, set_socket);
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
        if (!(easy = curl_easy_init()))
                return -E_NOMEM;
        return 0;
}

int port_http_get(const struct port_http *h)
{
        int rc;

        port_http_cancel();
        if (!h->ca.len)
                return -E_INVAL;
        if ((rc = set_up()) < 0 || (rc = add_headers(h)) < 0) {
                forget();
                return rc;
        }
        head_sent = false;
        memset(&head, 0, sizeof head);
        pin(h);
        curl_easy_setopt(easy, CURLOPT_URL, h->url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
        curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 5L);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
        if (curl_multi_add_handle(multi, easy) != CURLM_OK) {
                curl_easy_cleanup(easy);
                easy = NULL;
                forget();
                return -E_NOMEM;
        }
        return 0;
}

void port_http_cancel(void)
{
        forget();
        loop_drop(LOOP_HTTP);
}
