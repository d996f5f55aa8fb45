#include "broker.h"

#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "host/report.h"

#define PREFIX "$aws/things/"

struct broker {
        const struct broker_config *cfg;
        struct service *service;
        struct mosquitto *client;
        bool open;        /* there is a socket */
        bool up;          /* connected */
        unsigned pending; /* subscriptions without an answer */
        bool told;        /* that it is away */
        uint64_t retry_at, give_up_at;
        unsigned retry_ms;
};

static const struct {
        const char *end, *filter;
        enum verb verb;
} requests[] = {
        { "/shadow/get", PREFIX "+/shadow/get", VERB_GET },
        { "/shadow/update", PREFIX "+/shadow/update", VERB_UPDATE },
        { "/shadow/delete", PREFIX "+/shadow/delete", VERB_DELETE },
};
#define REQUESTS (sizeof requests / sizeof *requests)

static uint64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void publish(void *ctx, const char *thing, const char *end, const char *text)
{
        struct broker *b = ctx;
        char topic[sizeof PREFIX + DOCUMENT_THING_MAX + 64];
        int rc;

        if (!b->up)
                return;
        snprintf(topic, sizeof topic, PREFIX "%s/shadow%s", thing, end);
        rc = mosquitto_publish(b->client, NULL, topic, (int)strlen(text), text, 1, false);
        if (rc != MOSQ_ERR_SUCCESS)
                tool_error("%s: not published: %s", topic, mosquitto_strerror(rc));
}

/* $aws/things/THING/shadow/VERB: the thing into out; false: it is something else. */
static bool read_topic(const char *topic, char out[DOCUMENT_THING_MAX + 1], enum verb *verb)
{
        const char *end = document_thing_in(topic, PREFIX, out);

        for (size_t i = 0; end && i < REQUESTS; i++)
                if (strcmp(end, requests[i].end) == 0) {
                        *verb = requests[i].verb;
                        return true;
                }
        return false;
}

static void on_message(struct mosquitto *m, void *ctx, const struct mosquitto_message *msg)
{
        struct broker *b = ctx;
        char thing[DOCUMENT_THING_MAX + 1];
        struct document_reply r;
        enum verb verb;

        (void)m;
        if (msg->payloadlen < 0 || !read_topic(msg->topic, thing, &verb)) {
                tool_error("%.200s: no thing can be called so", msg->topic);
                return;
        }
        service_request(b->service, verb, thing, msg->payload ? msg->payload : "",
                        (size_t)msg->payloadlen, true, &r);
        document_reply_free(&r);
}

static void on_connect(struct mosquitto *m, void *ctx, int code)
{
        struct broker *b = ctx;

        if (code != 0) {
                tool_error("broker: refuses us: %s", mosquitto_connack_string(code));
                return;
        }
        b->up = true; /* what has waited for us comes before the answers to these */
        b->pending = 0;
        for (size_t i = 0; i < REQUESTS; i++)
                b->pending +=
                        mosquitto_subscribe(m, NULL, requests[i].filter, 1) == MOSQ_ERR_SUCCESS;
}

static void on_subscribe(struct mosquitto *m, void *ctx, int mid, int count, const int *granted)
{
        struct broker *b = ctx;

        (void)m, (void)mid;
        for (int i = 0; i < count; i++)
                if (granted[i] >= 0x80)
                        tool_error("broker: refuses a subscription; its ACL must let us read and "
                                   "write " PREFIX "#");
        if (!b->pending || --b->pending)
                return;
        b->told = false;
        b->retry_ms = BROKER_RETRY_MS;
        tool_error("broker: connected to %s:%d", b->cfg->host, b->cfg->port);
}

static void lost(struct broker *b, int rc)
{
        if (!b->told)
                tool_error("broker: %s:%d: %s; trying again", b->cfg->host, b->cfg->port,
                           mosquitto_strerror(rc));
        b->told = true;
        b->open = b->up = false;
        b->retry_at = now_ms() + b->retry_ms;
        b->retry_ms = b->retry_ms * 2 > BROKER_RETRY_MOST ? BROKER_RETRY_MOST : b->retry_ms * 2;
}

/* A connection was begun, or not: rc. */
static void opened(struct broker *b, int rc)
{
        b->open = rc == MOSQ_ERR_SUCCESS;
        b->give_up_at = now_ms() + BROKER_PATIENCE_MS;
        if (!b->open)
                lost(b, rc);
}

int broker_start(const struct broker_config *cfg, struct service *s, struct broker **out,
                 struct diag *d)
{
        struct broker *b = calloc(1, sizeof *b);
        int rc;

        *out = b;
        if (!b)
                return diag_set(d, E_NOMEM, "no memory");
        b->cfg = cfg;
        b->service = s;
        b->retry_ms = BROKER_RETRY_MS;
        mosquitto_lib_init();
        /* the session stays while we are away: requests wait for us at the broker */
        b->client = mosquitto_new(BROKER_CLIENT_ID, false, b);
        if (!b->client)
                return diag_set(d, E_NOMEM, "no memory");
        mosquitto_connect_callback_set(b->client, on_connect);
        mosquitto_subscribe_callback_set(b->client, on_subscribe);
        mosquitto_message_callback_set(b->client, on_message);
        mosquitto_int_option(b->client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311);
        rc = mosquitto_tls_set(b->client, cfg->ca, NULL, cfg->cert, cfg->key, NULL);
        if (rc != MOSQ_ERR_SUCCESS)
                return diag_set(d, E_NOTFOUND, "%s, %s, %s: cannot be used: %s", cfg->ca, cfg->cert,
                                cfg->key, mosquitto_strerror(rc));
        s->publish = publish;
        s->ctx = b;
        opened(b, mosquitto_connect_async(b->client, cfg->host, cfg->port, BROKER_KEEPALIVE_S));
        return 0;
}

int broker_fd(const struct broker *b, short *events)
{
        *events = (short)(POLLIN | (mosquitto_want_write(b->client) ? POLLOUT : 0));
        return b->open ? mosquitto_socket(b->client) : -1;
}

void broker_run(struct broker *b, short revents)
{
        int rc = MOSQ_ERR_SUCCESS;

        if (!b->open) {
                if (now_ms() >= b->retry_at) /* closes what is left of the last one, too */
                        opened(b, mosquitto_reconnect_async(b->client));
                return;
        }
        if (revents & (POLLIN | POLLERR | POLLHUP))
                rc = mosquitto_loop_read(b->client, 1);
        /* the library does not see that a connection was never made */
        if (rc == MOSQ_ERR_SUCCESS && !b->up &&
            (revents & (POLLERR | POLLHUP) || now_ms() >= b->give_up_at))
                rc = MOSQ_ERR_CONN_LOST;
        if (rc == MOSQ_ERR_SUCCESS && (revents & POLLOUT || mosquitto_want_write(b->client)))
                rc = mosquitto_loop_write(b->client, 1);
        if (rc == MOSQ_ERR_SUCCESS)
                rc = mosquitto_loop_misc(b->client);
        if (rc != MOSQ_ERR_SUCCESS)
                lost(b, rc);
}

void broker_stop(struct broker *b)
{
        if (!b)
                return;
        if (b->client) {
                mosquitto_disconnect(b->client);
                mosquitto_destroy(b->client);
        }
        mosquitto_lib_cleanup();
        free(b);
}
