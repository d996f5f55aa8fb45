/* What esp-mqtt of ESP8266_RTOS_SDK is told. */
#include "firmware/port/esp-idf/main/mqtt.h"

#define STACK 6144 /* of the client's task: TLS */

/* PEM with its NUL is length 0, DER its bytes. */
static size_t length(struct port_blob b)
{
        return b.len && b.p[0] == 0x30 ? b.len : 0;
}

esp_mqtt_client_handle_t mqtt_client_new(const struct port_mqtt *m, const char **alpn)
{
        const esp_mqtt_client_config_t cfg = {
                .host = m->host,
                .port = m->port,
                .transport = MQTT_TRANSPORT_OVER_SSL,
                .client_id = m->client_id,
                .cert_pem = (const char *)m->ca.p,
                .cert_len = length(m->ca),
                .client_cert_pem = (const char *)m->cert.p,
                .client_cert_len = length(m->cert),
                .client_key_pem = (const char *)m->key.p,
                .client_key_len = length(m->key),
                .alpn_protos = alpn,
                .keepalive = m->keepalive_s,
                .lwt_topic = m->will_topic,
                .lwt_msg = m->will_payload,
                .lwt_qos = 1,
                .disable_auto_reconnect = true,
                .task_stack = STACK,
                /* a whole message with its topic and header comes in one piece */
                .buffer_size = PORT_MESSAGE_MAX + PORT_TOPIC_MAX + 16,
        };

        return esp_mqtt_client_init(&cfg);
}
