/* port.h's MQTT: libmosquitto in the port's own loop. */
#include <mosquitto.h>
#include <poll.h>
#include <string.h>

#include "base/err.h"
#include "loop.h"
#include "tls.h"

#define MISC_MS    500u /* keep-alive, retries */
#define PATIENCE_S 30u  /* until the broker has accepted */

static struct mosquitto *client;
static SSL_CTX *tls;
static bool up, refused;
static int fd = -1;
static uint64_t give_up;

static void forget(void)
{
        if (fd >= 0)
                loop_unwatch(fd);
        fd = -1;
        if (client)
                mosquitto_destroy(client);
        client = NULL;
        SSL_CTX_free(tls);
        tls = NULL;
        up = false;
}

static void misc(void);

static void down(enum port_mqtt_reason why)
{
        const struct port_event ev = { .type = PORT_EV_MQTT_DOWN, .mqtt = why };

        loop_timer_stop(misc);
        forget();
        loop_post(LOOP_MQTT, &ev);
}

/* After every call of the library: what does it wait for now, and is there still a connection? */
static void follow(int rc);

static void ready(int which, short revents)
{
        int rc = MOSQ_ERR_SUCCESS;

        (void)which;
        if (revents & (POLLIN | POLLERR | POLLHUP))
                rc = mosquitto_loop_read(client, 1);
        /* the library does not see that a connection was never made */
        if (rc == MOSQ_ERR_SUCCESS && !up && revents & (POLLERR | POLLHUP))
                rc = MOSQ_ERR_CONN_LOST;
        if (rc == MOSQ_ERR_SUCCESS && revents & POLLOUT)
                rc = mosquitto_loop_write(client, 1);
        follow(rc);
}

static void follow(int rc)
{
        if (rc != MOSQ_ERR_SUCCESS) {
                down(up                   ? PORT_MQTT_LOST
                     : refused            ? PORT_MQTT_REFUSED
                     : rc == MOSQ_ERR_TLS ? PORT_MQTT_TLS
                                          : PORT_MQTT_UNREACHABLE);
                return;
        }
        fd = mosquitto_socket(client);
        if (fd >= 0)
                loop_watch(fd, (short)(POLLIN | (mosquitto_want_write(client) ? POLLOUT : 0)),
                           ready);
}

static void misc(void)
{
        if (!up && loop_now() > give_up) {
                down(PORT_MQTT_UNREACHABLE);
                return;
        }
        loop_timer(MISC_MS, misc);
        follow(mosquitto_loop_misc(client));
}

static void on_connect(struct mosquitto *m, void *ctx, int code)
{
        const struct port_event ev = { .type = PORT_EV_MQTT_UP };

        (void)m, (void)ctx;
        up = code == 0;
        refused = code != 0;
        if (up)
                loop_post(LOOP_MQTT, &ev);
}

static void on_message(struct mosquitto *m, void *ctx, const struct mosquitto_message *msg)
{
        const struct port_event ev = {
                .type = PORT_EV_MQTT_MESSAGE,
                .message = { msg->topic, msg->payload, (size_t)msg->payloadlen },
        };

        (void)m, (void)ctx;
        if (msg->payloadlen >= 0 && (size_t)msg->payloadlen <= PORT_MESSAGE_MAX)
                loop_post(LOOP_MQTT, &ev);
}

static void on_subscribe(struct mosquitto *m, void *ctx, int mid, int count, const int *granted)
{
        struct port_event ev = { .type = PORT_EV_MQTT_SUBSCRIBED };

        (void)m, (void)ctx, (void)mid;
        for (int i = 0; i < count; i++)
                if (granted[i] >= 0x80)
                        ev.error = -E_REFUSED;
        loop_post(LOOP_MQTT, &ev);
}

static int prepare(const struct port_mqtt *m)
{
        mosquitto_connect_callback_set(client, on_connect);
        mosquitto_message_callback_set(client, on_message);
        mosquitto_subscribe_callback_set(client, on_subscribe);
        mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311);
        mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
        if (mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, tls) != MOSQ_ERR_SUCCESS)
                return -E_NOMEM;
        if (m->will_topic && mosquitto_will_set(client, m->will_topic,
                                                m->will_payload ? (int)strlen(m->will_payload) : 0,
                                                m->will_payload, 1, false) != MOSQ_ERR_SUCCESS)
                return -E_INVAL;
        return 0;
}

/* The answer to a connect that cannot even begin, later, as an event. */
static void no_tls(void)
{
        down(PORT_MQTT_TLS);
}

int port_mqtt_connect(const struct port_mqtt *m)
{
        static bool library;
        int rc;

        port_mqtt_disconnect();
        if (!library)
                library = mosquitto_lib_init() == MOSQ_ERR_SUCCESS;
        refused = false;
        tls = tls_client(m);
        if (!tls) {
                loop_timer(0, no_tls);
                return 0;
        }
        client = mosquitto_new(m->client_id, true, NULL);
        if (!client || (rc = prepare(m)) < 0) {
                rc = client ? rc : -E_NOMEM;
                forget();
                return rc;
        }
        give_up = loop_now() + PATIENCE_S * 1000u;
        loop_timer(MISC_MS, misc);
        follow(mosquitto_connect_async(client, m->host, m->port, m->keepalive_s));
        return 0;
}

void port_mqtt_disconnect(void)
{
        if (client && up)
                mosquitto_disconnect(client);
        loop_timer_stop(misc);
        loop_timer_stop(no_tls);
        forget();
        loop_drop(LOOP_MQTT);
}

int port_mqtt_subscribe(const char *filter)
{
        int rc;

        if (!up)
                return -E_STATE;
        rc = mosquitto_subscribe(client, NULL, filter, 1);
        if (rc == MOSQ_ERR_SUCCESS)
                follow(rc);
        return rc == MOSQ_ERR_SUCCESS ? 0 : -E_INVAL;
}

int port_mqtt_publish(const char *topic, const void *p, size_t n)
{
        int rc;

        if (!up)
                return -E_STATE;
        if (n > PORT_MESSAGE_MAX)
                return -E_RANGE;
        rc = mosquitto_publish(client, NULL, topic, (int)n, p, 1, false);
        if (rc == MOSQ_ERR_SUCCESS)
                follow(rc);
        return rc == MOSQ_ERR_SUCCESS ? 0 : rc == MOSQ_ERR_NOMEM ? -E_NOMEM : -E_STATE;
}
