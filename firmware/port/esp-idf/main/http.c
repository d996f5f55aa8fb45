/*
 * port.h's HTTPS download: esp_http_client, blocking in a task of its own. It reads the next bytes
 * when the app has taken those before; what it needs it owns, so that a cancelled download may take
 * its time to notice.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <esp_http_client.h>
#include <esp_tls.h>
#include <freertos/FreeRTOS.h>
#include <freertos/semphr.h>
#include <freertos/task.h>
#include <sdkconfig.h>

#include "base/err.h"
#include "base/strf.h"
#include "firmware/core/http_head.h"
#include "loop.h"

#define SILENCE_MS 30000
#define HOPS_MAX   5u
#define STACK      8192u /* TLS, a URL */
#define PRIO       4
#define CHUNK      2048u
#define HEADER_MAX 2048 /* bytes of one field: a redirection's target */

#if CONFIG_IDF_TARGET_ESP8266
#define HTTP_DER 0
#else
#define HTTP_DER 1 /* certificates not only as PEM */
#endif

static const char scheme[] = "https://";

struct job {
        uint32_t turn;
        atomic_bool cancelled;
        char url[PORT_URL_MAX];
        char range[40], etag[PORT_ETAG_MAX];
        uint8_t *ca;
        size_t ca_len; /* 0: PEM with a NUL */
        bool distrust; /* the server's certificate is not accepted */
        struct http_head head;
        SemaphoreHandle_t taken; /* the app has taken the chunk */
        uint8_t chunk[CHUNK];
};

static bool wanted;     /* there is one that was not cancelled */
static uint32_t turn;   /* of this one: what an earlier one says late is not heard */
static struct job *job; /* what its task works at, until END is heard */

struct news {
        uint32_t turn;
        struct job *job;
        enum { HEAD, DATA, END } what;
        unsigned status;
        size_t n;
        int error;
};

static void job_free(struct job *j)
{
        if (j->taken)
                vSemaphoreDelete(j->taken);
        free(j->ca);
        free(j);
}

/* In the app's task. */
static void take(const void *data, size_t size)
{
        const struct news *news = data;
        const bool mine = wanted && news->turn == turn;
        struct port_event ev = { .type = PORT_EV_HTTP_END, .error = news->error };

        (void)size;
        if (news->what == HEAD)
                ev = http_head_event(&news->job->head, news->status);
        else if (news->what == DATA)
                ev = (struct port_event){ .type = PORT_EV_HTTP_DATA,
                                          .data = { news->job->chunk, news->n } };
        if (mine)
                loop_post(LOOP_HTTP, &ev);
        if (news->what != END) {
                (void)xSemaphoreGive(news->job->taken);
                return;
        }
        if (mine)
                wanted = false;
        job_free(news->job);
        job = NULL;
}

/* From the job's task; waits until it is heard. False: nobody listens any more. */
static bool tell(struct job *j, struct news news)
{
        news.turn = j->turn;
        news.job = j;
        loop_call(take, &news, sizeof news);
        (void)xSemaphoreTake(j->taken, portMAX_DELAY);
        return !j->cancelled;
}

static esp_err_t on_event(esp_http_client_event_t *e)
{
        struct job *j = e->user_data;
        int code = 0, flags = 0;

        if (e->event_id == HTTP_EVENT_ON_HEADER) {
                http_head_field(&j->head, e->header_key, e->header_value);
        } else if (e->event_id == HTTP_EVENT_ERROR || e->event_id == HTTP_EVENT_DISCONNECTED) {
                (void)esp_tls_get_and_clear_last_error(e->data, &code, &flags);
                if (flags)
                        j->distrust = true;
        }
        return ESP_OK;
}

static bool is_redirection(int status)
{
        return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int ask(struct job *j, esp_http_client_handle_t c)
{
        int64_t rc;

        memset(&j->head, 0, sizeof j->head);
        if (esp_http_client_open(c, 0) != ESP_OK)
                return j->distrust ? -E_VERIFY : -E_LINK;
        rc = esp_http_client_fetch_headers(c);
        if (rc < 0)
                return rc == -ESP_ERR_HTTP_EAGAIN ? -E_TIMEOUT : -E_LINK;
        return 0;
}

/* Asks again where the answer says; only servers that can be verified. */
static int follow(esp_http_client_handle_t c)
{
        char url[HEADER_MAX];

        (void)esp_http_client_flush_response(c, NULL);
        if (esp_http_client_set_redirection(c) != ESP_OK ||
            esp_http_client_get_url(c, url, sizeof url) != ESP_OK)
                return -E_LINK;
        if (strncmp(url, scheme, sizeof scheme - 1) != 0)
                return -E_VERIFY;
        (void)esp_http_client_close(c);
        return 0;
}

static int read_body(struct job *j, esp_http_client_handle_t c)
{
        for (;;) {
                const int n = esp_http_client_read(c, (char *)j->chunk, sizeof j->chunk);

                if (j->cancelled)
                        return -E_CANCELLED;
                if (n < 0)
                        return n == -ESP_ERR_HTTP_EAGAIN ? -E_TIMEOUT : -E_LINK;
                if (n == 0)
                        return esp_http_client_is_complete_data_received(c) ? 0 : -E_LINK;
                if (!tell(j, (struct news){ .what = DATA, .n = (size_t)n }))
                        return -E_CANCELLED;
        }
}

static int run(struct job *j, esp_http_client_handle_t c)
{
        int rc = 0, status;

        if (j->range[0] && esp_http_client_set_header(c, "Range", j->range) != ESP_OK)
                return -E_NOMEM;
        if (j->etag[0] && esp_http_client_set_header(c, "If-Range", j->etag) != ESP_OK)
                return -E_NOMEM;
        for (unsigned hops = 0; (rc = ask(j, c)) == 0; hops++) {
                status = esp_http_client_get_status_code(c);
                if (!is_redirection(status))
                        break;
                if (hops == HOPS_MAX)
                        return -E_LINK;
                if ((rc = follow(c)) < 0)
                        return rc;
        }
        if (rc < 0)
                return rc;
        if (!tell(j, (struct news){ .what = HEAD, .status = (unsigned)status }))
                return -E_CANCELLED;
        return read_body(j, c);
}

static void task(void *arg)
{
        struct job *j = arg;
        esp_http_client_config_t cfg = { .url = j->url,
                                         .cert_pem = (const char *)j->ca,
                                         .timeout_ms = SILENCE_MS,
                                         .event_handler = on_event,
                                         .user_data = j,
                                         .buffer_size = HEADER_MAX,
                                         .buffer_size_tx = HEADER_MAX };
        esp_http_client_handle_t c;
        struct news end = { .turn = j->turn, .job = j, .what = END, .error = -E_NOMEM };

#if HTTP_DER
        cfg.cert_len = j->ca_len;
#endif
        c = esp_http_client_init(&cfg);
        if (c) {
                end.error = run(j, c);
                (void)esp_http_client_cleanup(c);
        }
        loop_call(take, &end, sizeof end);
        vTaskDelete(NULL);
}

static struct job *job_new(const struct port_http *h)
{
        struct job *j = calloc(1, sizeof *j);

        if (!j)
                return NULL;
        j->ca = malloc(h->ca.len + 1);
        j->taken = xSemaphoreCreateBinary();
        if (!j->ca || !j->taken) {
                job_free(j);
                return NULL;
        }
        memcpy(j->ca, h->ca.p, h->ca.len);
        j->ca[h->ca.len] = 0;
        j->ca_len = j->ca[0] == 0x30 ? h->ca.len : 0;
        strcpy(j->url, h->url);
        if (h->from) {
                (void)strf(j->range, sizeof j->range, "bytes=%llu-", (unsigned long long)h->from);
                if (h->etag)
                        strcpy(j->etag, h->etag);
        }
        return j;
}

int port_http_get(const struct port_http *h)
{
        struct job *j;

        port_http_cancel();
        if (!h->ca.len || strncmp(h->url, scheme, sizeof scheme - 1) != 0 ||
            strlen(h->url) >= PORT_URL_MAX || (h->etag && strlen(h->etag) >= PORT_ETAG_MAX))
                return -E_INVAL;
        if (!HTTP_DER && h->ca.p[0] == 0x30)
                return -E_UNSUPPORTED;
        if (job) /* the one before has not noticed yet that it was cancelled */
                return -E_BUSY;
        if (!(j = job_new(h)))
                return -E_NOMEM;
        j->turn = turn;
        if (xTaskCreate(task, "http", STACK, j, PRIO, NULL) != pdPASS) {
                job_free(j);
                return -E_NOMEM;
        }
        job = j;
        wanted = true;
        return 0;
}

void port_http_cancel(void)
{
        if (wanted)
                job->cancelled = true;
        wanted = false;
        turn++;
        loop_drop(LOOP_HTTP);
}
