#include "firmware/core/cloud.h"

#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "firmware/core/say.h"

int cloud_endpoint(const char *text, char *host, uint16_t *port)
{
        const char *colon = strchr(text, ':');
        const size_t n = colon ? (size_t)(colon - text) : strlen(text);
        uint32_t v = 0;

        if (!n || n >= CLOUD_HOST_MAX || memchr(text, '/', n) || memchr(text, ' ', n))
                return -E_SYNTAX;
        *port = CLOUD_PORT;
        if (colon) {
                for (const char *p = colon + 1; *p; p++) {
                        if (*p < '0' || *p > '9' || (v = v * 10 + (uint32_t)(*p - '0')) > 65535)
                                return -E_SYNTAX;
                }
                if (!v)
                        return -E_SYNTAX;
                *port = (uint16_t)v;
        }
        memcpy(host, text, n);
        host[n] = 0;
        return 0;
}

void cloud_init(struct cloud *c, const struct outlet_config *cfg, const struct identity *id,
                struct port_blob ca, uint64_t now)
{
        const char *endpoint = identity_text(id, IDENTITY_ENDPOINT);

        memset(c, 0, sizeof *c);
        c->backoff.base_ms = CLOUD_RETRY_BASE_MS;
        c->backoff.cap_ms = CLOUD_RETRY_CAP_MS;
        budget_init(&c->budget, now);
        if (!endpoint)
                endpoint = cfg->endpoint;
        if (cfg->cloudless || !id->complete)
                return;
        if (!endpoint || cloud_endpoint(endpoint, c->host, &c->mqtt.port) < 0 || !ca.len) {
                say(PORT_ERROR, "cloud: %s: not connecting",
                    !endpoint ? "no endpoint"
                    : !ca.len ? "no CA"
                              : "the endpoint is not host:port");
                return;
        }
        (void)strf(c->topic, sizeof c->topic, CLOUD_STATUS_TOPIC, id->serial);
        c->mqtt.host = c->host;
        c->mqtt.alpn = c->mqtt.port == CLOUD_ALPN_PORT ? CLOUD_ALPN : NULL;
        c->mqtt.client_id = id->serial;
        c->mqtt.ca = ca;
        c->mqtt.cert = id->item[IDENTITY_CERT];
        c->mqtt.key = id->item[IDENTITY_KEY];
        c->mqtt.keepalive_s = CLOUD_KEEPALIVE_S;
        c->mqtt.will_topic = c->topic;
        c->mqtt.will_payload = "{\"connected\":false}";
        c->state = CLOUD_WAITING;
        c->due = now;
}

static void wait_again(struct cloud *c, uint64_t now)
{
        const uint32_t ms = backoff_next(&c->backoff, now);

        c->state = CLOUD_WAITING;
        c->due = now + ms;
        say(PORT_INFO, "cloud: next attempt in %u ms", (unsigned)ms);
}

void cloud_net(struct cloud *c, bool up, uint64_t now)
{
        if (c->state == CLOUD_OFF || c->net == up)
                return;
        c->net = up;
        if (c->state == CLOUD_WAITING)
                return;
        port_mqtt_disconnect();
        c->pending = 0;
        wait_again(c, now);
}

static void connect(struct cloud *c, uint64_t now)
{
        const int rc = port_mqtt_connect(&c->mqtt);

        c->state = CLOUD_CONNECTING;
        if (rc == 0)
                return;
        say(PORT_ERROR, "cloud: cannot connect: %s", err_text(rc));
        wait_again(c, now);
}

void cloud_subscribe(struct cloud *c, const char *filter)
{
        const int rc = port_mqtt_subscribe(filter);

        if (rc < 0)
                say(PORT_WARN, "cloud: cannot subscribe %s: %s", filter, err_text(rc));
        else
                c->pending++;
}

static void all_subscribed(struct cloud *c, uint64_t now)
{
        static const char here[] = "{\"connected\":true}";

        if (c->pending)
                return;
        c->state = CLOUD_UP;
        backoff_up(&c->backoff, now);
        say(PORT_INFO, "cloud: connected to %s", c->host);
        (void)cloud_publish(c, c->topic, here, sizeof here - 1, now);
}

void cloud_event(struct cloud *c, const struct port_event *ev, uint64_t now)
{
        static const char *const reasons[] = {
                [PORT_MQTT_LOST] = "connection lost",
                [PORT_MQTT_UNREACHABLE] = "not reachable",
                [PORT_MQTT_TLS] = "a certificate is not accepted",
                [PORT_MQTT_REFUSED] = "the broker refuses us",
        };

        switch (ev->type) {
        case PORT_EV_MQTT_UP:
                if (c->state != CLOUD_CONNECTING)
                        break;
                c->state = CLOUD_SUBSCRIBING;
                c->due = now + CLOUD_SUBSCRIBE_MS;
                all_subscribed(c, now);
                break;
        case PORT_EV_MQTT_SUBSCRIBED:
                if (c->state != CLOUD_SUBSCRIBING || !c->pending)
                        break;
                if (ev->error < 0)
                        say(PORT_WARN, "cloud: the broker refuses a subscription");
                c->pending--;
                all_subscribed(c, now);
                break;
        case PORT_EV_MQTT_DOWN:
                if (c->state == CLOUD_OFF || c->state == CLOUD_WAITING)
                        break;
                say(PORT_WARN, "cloud: %s",
                    reasons[(unsigned)ev->mqtt <= PORT_MQTT_REFUSED ? ev->mqtt : PORT_MQTT_LOST]);
                c->pending = 0;
                wait_again(c, now);
                break;
        default:
                break;
        }
}

int cloud_publish(struct cloud *c, const char *topic, const void *p, size_t n, uint64_t now)
{
        if (c->state != CLOUD_UP)
                return -E_STATE;
        if (!budget_take(&c->budget, now))
                return -E_BUSY;
        return port_mqtt_publish(topic, p, n);
}

void cloud_stop(struct cloud *c)
{
        if (c->state == CLOUD_OFF || c->state == CLOUD_WAITING)
                return;
        if (c->state == CLOUD_UP)
                (void)port_mqtt_publish(c->topic, c->mqtt.will_payload,
                                        strlen(c->mqtt.will_payload));
        port_mqtt_disconnect();
        c->state = CLOUD_OFF;
}

uint64_t cloud_tick(struct cloud *c, uint64_t now)
{
        if (c->state == CLOUD_SUBSCRIBING && now >= c->due) {
                say(PORT_WARN, "cloud: subscriptions are not answered");
                port_mqtt_disconnect();
                c->pending = 0;
                wait_again(c, now);
        }
        if (c->state == CLOUD_WAITING && c->net && now >= c->due)
                connect(c, now);
        if (c->state == CLOUD_SUBSCRIBING || (c->state == CLOUD_WAITING && c->net))
                return c->due;
        return UINT64_MAX;
}
