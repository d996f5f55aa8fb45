/* What esp-mqtt of ESP-IDF 5 and 6 is told. */
#include "mqtt.h"

#define NETWORK_MS 10000
#define STACK      6144 /* of the client's task: TLS */

/* PEM with its NUL is length 0, DER its bytes. */
static size_t length(struct port_blob b)
{
        return b.len && b.p[0] == 0x30 ? b.len : 0;
}

esp_mqtt_client_handle_t mqtt_client_new(const struct port_mqtt *m, const char **alpn)
{
        const esp_mqtt_client_config_t cfg = {
                .broker.address = { .hostname = m->host,
                                    .port = m->port,
                                    .transport = MQTT_TRANSPORT_OVER_SSL },
                .broker.verification = { .certificate = (const char *)m->ca.p,
                                         .certificate_len = length(m->ca),
                                         .alpn_protos = alpn },
                .credentials = { .client_id = m->client_id,
                                 .authentication = { .certificate = (const char *)m->cert.p,
                                                     .certificate_len = length(m->cert),
                                                     .key = (const char *)m->key.p,
                                                     .key_len = length(m->key) } },
                .session = { .keepalive = m->keepalive_s,
                             .last_will = { .topic = m->will_topic,
                                            .msg = m->will_payload,
                                            .qos = 1 } },
                .network = { .timeout_ms = NETWORK_MS, .disable_auto_reconnect = true },
                .task.stack_size = STACK,
                /* a whole message with its topic and header comes in one piece */
                .buffer.size = PORT_MESSAGE_MAX + PORT_TOPIC_MAX + 16,
        };

        return esp_mqtt_client_init(&cfg);
}
