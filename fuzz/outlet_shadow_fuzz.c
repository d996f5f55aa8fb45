/*
 * Any bytes as a document on each of the shadow's topics. Properties: what the outlet sends is JSON
 * for another parser (cJSON) too, and what it reports of its output is what its pin is.
 *
 * Input: one byte (topic; whether the document was read before), then the document.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/unit/fake_port.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *const topics[] = {
        "$aws/things/dev-1/shadow/update/delta",
        "$aws/things/dev-1/shadow/get/accepted",
        "$aws/things/dev-1/shadow/get/rejected",
        "$aws/things/dev-1/shadow/update/accepted",
        "$aws/things/dev-1/shadow/update/rejected",
        "/esp/update/url",
        "/esp/update/interval",
        "/esp/update/use_url",
};

static void check_sent(void)
{
        for (unsigned i = 0; i < fake.sent_count && i < FAKE_MESSAGES; i++) {
                const char *text = fake.sent[i].payload;
                cJSON *doc, *state, *told;

                if (!strstr(fake.sent[i].topic, "/shadow/update"))
                        continue;
                doc = cJSON_Parse(text);
                state = cJSON_GetObjectItemCaseSensitive(doc, "state");
                told = cJSON_GetObjectItemCaseSensitive(
                        cJSON_GetObjectItemCaseSensitive(state, "reported"), "output");
                if (!state || (told && cJSON_IsTrue(told) != fake.level[19]))
                        abort();
                cJSON_Delete(doc);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        static const char *const pairs[] = { "serial_no", "dev-1",        "cert", "-----BEGIN C",
                                             "priv_key",  "-----BEGIN K", NULL };
        static const struct outlet_config cfg = { .ca = "x", .endpoint = "h", .esp_topics = true };
        static struct outlet o;
        struct port_event ev = { .type = PORT_EV_MQTT_MESSAGE };

        if (n < 1 || n > PORT_MESSAGE_MAX)
                return 0;
        fake_reset();
        fake_fctry("mfg_ns", pairs);
        fake.wifi_stored = true;
        outlet_start(&o, &cfg, 0);
        fake_online(&o, 10);
        if (p[0] & 8)
                fake_message(&o, topics[2], "{\"code\":404}", 20);
        fake_forget();
        ev.message.topic = topics[p[0] & 7];
        ev.message.p = p + 1;
        ev.message.n = n - 1;
        fake_event(&o, &ev, 30);
        check_sent();
        return 0;
}
