/*
 * port.h's MQTT: esp-mqtt, one client for each attempt. Its task may hold the client for as long as
 * a name is looked up or a socket is silent; so that the app never waits, clients are ended by a
 * task of their own, and a session owns copies of what a client borrows.
 */
#include "mqtt.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#include <esp_tls_errors.h>
#include <mqtt_client.h>

#include "base/bytes.h"
#include "base/err.h"
#include "loop.h"
#include "machine.h"

#define PATIENCE_MS 55000u /* until the broker has accepted */
#define END_STACK   3072
#define END_PRIO    4
#define END_STEP_MS 100u
#define END_STEPS   300u /* longer than any of the network's timeouts */

struct session {
        esp_mqtt_client_handle_t client;
        uint32_t turn; /* what an earlier session says late is not heard */
        const char *alpn[2];
        uint8_t *ca, *cert, *key; /* ours; each with a NUL behind it */
        size_t key_len;
        enum port_mqtt_reason why; /* the client's task only */
};

static struct session *session; /* NULL: there is none */
static uint32_t turn;           /* of this one */
static bool up;
static atomic_uint ending; /* how many are on their way out */

struct news {
        uint32_t turn;
        enum { CONNECTED, GONE, SUBSCRIBED, MESSAGE } what;
        int error;
        enum port_mqtt_reason why;
        size_t n;     /* bytes of a message's payload */
        char bytes[]; /* its topic with a NUL, its payload */
};

static void session_free(struct session *s)
{
        if (s->key)
                wipe(s->key, s->key_len);
        free(s->ca);
        free(s->cert);
        free(s->key);
        free(s);
}

/*
 * esp_mqtt_client_stop() fails where the farewell cannot be sent, or the client's task has not
 * begun yet: it would be freed under that task. Asked to disconnect, the task gives the connection
 * up. One that does not stop in all this time is not running.
 */
static void end_session(void *arg)
{
        struct session *s = arg;

        for (unsigned i = 0; i < END_STEPS && esp_mqtt_client_stop(s->client) != ESP_OK; i++) {
                (void)esp_mqtt_client_disconnect(s->client);
                vTaskDelay(pdMS_TO_TICKS(END_STEP_MS));
        }
        (void)esp_mqtt_client_destroy(s->client);
        session_free(s);
        ending--;
}

static void end_task(void *arg)
{
        end_session(arg);
        vTaskDelete(NULL);
}

static void give_up(void);

static void leave(void)
{
        struct session *s = session;

        loop_timer_stop(give_up);
        session = NULL;
        up = false;
        turn++;
        if (!s)
                return;
        ending++;
        if (xTaskCreate(end_task, "mqtt_end", END_STACK, s, END_PRIO, NULL) != pdPASS)
                end_session(s);
}

static void down(enum port_mqtt_reason why)
{
        const struct port_event ev = { .type = PORT_EV_MQTT_DOWN, .mqtt = why };

        leave();
        loop_post(LOOP_MQTT, &ev);
}

static void give_up(void)
{
        down(PORT_MQTT_UNREACHABLE);
}

/* In the app's task. */
static void take(const void *data, size_t n)
{
        const struct news *news = data;
        struct port_event ev = { .type = PORT_EV_MQTT_UP };

        (void)n;
        if (!session || news->turn != turn)
                return;
        switch (news->what) {
        case CONNECTED:
                loop_timer_stop(give_up);
                up = true;
                break;
        case GONE:
                down(news->why);
                return;
        case SUBSCRIBED:
                ev.type = PORT_EV_MQTT_SUBSCRIBED;
                ev.error = news->error;
                break;
        case MESSAGE:
                ev.type = PORT_EV_MQTT_MESSAGE;
                ev.message.topic = news->bytes;
                ev.message.p = (const uint8_t *)news->bytes + strlen(news->bytes) + 1;
                ev.message.n = news->n;
                break;
        }
        loop_post(LOOP_MQTT, &ev);
}

static void tell(const struct news *head)
{
        loop_call(take, head, sizeof *head);
}

/* Whole messages only: longer ones come in pieces and are dropped. */
static void tell_message(struct news *head, const esp_mqtt_event_t *e)
{
        const size_t topic = (size_t)e->topic_len, n = (size_t)e->data_len;
        const struct loop_part parts[] = {
                { head, sizeof *head }, { e->topic, topic }, { "", 1 }, { e->data, n }
        };

        if (e->total_data_len != e->data_len || e->current_data_offset || topic == 0 ||
            topic >= PORT_TOPIC_MAX || n > PORT_MESSAGE_MAX)
                return;
        head->what = MESSAGE;
        head->n = n;
        if (!loop_call_parts(take, parts, 4))
                port_log(PORT_ERROR, "mqtt: no memory for a message, dropped");
}

static void note_error(struct session *s, const esp_mqtt_error_codes_t *e)
{
        if (e->error_type == MQTT_ERROR_TYPE_CONNECTION_REFUSED)
                s->why = PORT_MQTT_REFUSED;
        else if (e->error_type == MQTT_ERROR_TYPE_TCP_TRANSPORT &&
                 (e->esp_tls_cert_verify_flags ||
                  e->esp_tls_last_esp_err == ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED))
                s->why = PORT_MQTT_TLS;
}

/* In the client's task. */
static void on_event(void *arg, esp_event_base_t base, int32_t id, void *data)
{
        const esp_mqtt_event_t *e = data;
        struct session *s = arg;
        struct news news = { .turn = s->turn };

        (void)base;
        switch (id) {
        case MQTT_EVENT_CONNECTED:
                s->why = PORT_MQTT_LOST;
                news.what = CONNECTED;
                tell(&news);
                break;
        case MQTT_EVENT_ERROR:
                note_error(s, e->error_handle);
                break;
        case MQTT_EVENT_DISCONNECTED:
                news.what = GONE;
                news.why = s->why;
                tell(&news);
                break;
        case MQTT_EVENT_SUBSCRIBED:
                news.what = SUBSCRIBED;
                if (e->error_handle->error_type == MQTT_ERROR_TYPE_SUBSCRIBE_FAILED)
                        news.error = -E_REFUSED;
                tell(&news);
                break;
        case MQTT_EVENT_DATA:
                tell_message(&news, e);
                break;
        default:
                break;
        }
}

static uint8_t *copy(struct port_blob b)
{
        uint8_t *p = malloc(b.len + 1);

        if (!p)
                return NULL;
        memcpy(p, b.p, b.len);
        p[b.len] = 0;
        return p;
}

static struct session *session_new(const struct port_mqtt *m)
{
        struct session *s = calloc(1, sizeof *s);
        bool ok = s && (s->ca = copy(m->ca)) != NULL;

        if (ok && m->cert.len) {
                ok = (s->cert = copy(m->cert)) != NULL && (s->key = copy(m->key)) != NULL;
                s->key_len = s->key ? m->key.len : 0;
        }
        if (ok) {
                s->alpn[0] = m->alpn; /* of the core's constants */
                s->why = PORT_MQTT_UNREACHABLE;
                return s;
        }
        if (s)
                session_free(s);
        return NULL;
}

/* m with the session's own copies. */
static esp_mqtt_client_handle_t client_new(struct session *s, const struct port_mqtt *m)
{
        struct port_mqtt own = *m;

        own.ca.p = s->ca;
        own.cert.p = s->cert;
        own.key.p = s->key;
        return mqtt_client_new(&own, s->alpn[0] ? s->alpn : NULL);
}

int port_mqtt_connect(const struct port_mqtt *m)
{
        struct session *s;
        esp_err_t rc;

        port_mqtt_disconnect();
        if (!m->ca.len)
                return -E_INVAL;
        if (!(s = session_new(m)))
                return -E_NOMEM;
        s->turn = turn;
        if (!(s->client = client_new(s, m))) {
                session_free(s);
                return -E_NOMEM;
        }
        rc = esp_mqtt_client_register_event(s->client, MQTT_EVENT_ANY, on_event, s);
        if (rc == ESP_OK)
                rc = esp_mqtt_client_start(s->client);
        if (rc != ESP_OK) {
                (void)esp_mqtt_client_destroy(s->client);
                session_free(s);
                return machine_error(rc);
        }
        session = s;
        loop_timer(PATIENCE_MS, give_up);
        return 0;
}

void port_mqtt_disconnect(void)
{
        leave();
        loop_drop(LOOP_MQTT);
}

int port_mqtt_subscribe(const char *filter)
{
        if (!up)
                return -E_STATE;
        return esp_mqtt_client_subscribe(session->client, filter, 1) < 0 ? -E_NOMEM : 0;
}

int port_mqtt_publish(const char *topic, const void *p, size_t n)
{
        if (!up)
                return -E_STATE;
        return esp_mqtt_client_publish(session->client, topic, p, (int)n, 1, 0) < 0 ? -E_NOMEM : 0;
}

void mqtt_settle(unsigned ms)
{
        for (unsigned t = 0; ending && t < ms; t += END_STEP_MS)
                vTaskDelay(pdMS_TO_TICKS(END_STEP_MS));
}
