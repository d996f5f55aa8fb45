/* The device shadow: documents in the shapes that AWS IoT's developer guide describes, in and out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_port.h"
#include "firmware/core/driver.h"

#define T     "$aws/things/dev-1/shadow"
#define START 1000u

static struct outlet o;
static const struct outlet_config config = { .ca = "-----BEGIN CA", .endpoint = "h" };

static void boot(void)
{
        static const char *const pairs[] = { "serial_no", "dev-1",        "cert", "-----BEGIN C",
                                             "priv_key",  "-----BEGIN K", NULL };

        fake_reset();
        fake_fctry("mfg_ns", pairs);
        fake.wifi_stored = true;
        outlet_start(&o, &config, START);
        outlet_tick(&o, START);
}

static void click(uint64_t now)
{
        fake.level[9] = false;
        outlet_tick(&o, now);
        outlet_tick(&o, now + 100);
        fake.level[9] = true;
        outlet_tick(&o, now + 200);
        outlet_tick(&o, now + 300);
}

/* The update that was sent last, without its token; the token into token. */
static const char *update(char *token)
{
        static char text[PORT_MESSAGE_MAX];
        const char *sent = fake_sent("/shadow/update");
        char *at;

        if (!sent)
                return "nothing";
        snprintf(text, sizeof text, "%s", sent);
        at = strstr(text, ",\"clientToken\":\"");
        if (!at || sscanf(at, ",\"clientToken\":\"%23[^\"]\"}", token) != 1)
                fail_msg("%s", text);
        *at = 0;
        return text;
}

static void answer(const char *end, const char *token, int version, uint64_t now)
{
        char topic[PORT_TOPIC_MAX], text[256];

        snprintf(topic, sizeof topic, T "/update/%s", end);
        snprintf(text, sizeof text,
                 "{\"state\":{\"reported\":{\"output\":true}},\"metadata\":{\"reported\":{"
                 "\"output\":{\"timestamp\":1}}},\"version\":%d,\"timestamp\":1,\"clientToken\":"
                 "\"%s\",\"code\":409,\"message\":\"Version conflict\"}",
                 version, token);
        fake_message(&o, topic, text, now);
}

static void test_topics(void **state)
{
        static const char *const filters[] = { T "/update/delta", T "/update/accepted",
                                               T "/update/rejected", T "/get/accepted",
                                               T "/get/rejected" };

        (void)state;
        boot();
        fake_event(&o, &(struct port_event){ .type = PORT_EV_WIFI_UP, .text = "a" }, START);
        assert_int_equal(fake.connects, 1);
        assert_string_equal(fake.mqtt.client_id, "dev-1");
        assert_string_equal(fake.mqtt.will_topic, "outlet/dev-1/status");
        assert_int_equal(fake.mqtt.port, 8883);
        assert_null(fake.mqtt.alpn);
        fake_event(&o, &(struct port_event){ .type = PORT_EV_MQTT_UP }, START);
        assert_int_equal(fake.subscriptions, 5);
        for (unsigned i = 0; i < 5; i++) {
                assert_string_equal(fake.filters[i], filters[i]);
                assert_null(fake_sent("/get")); /* not before all are answered */
                fake_event(&o, &(struct port_event){ .type = PORT_EV_MQTT_SUBSCRIBED }, START);
        }
        assert_string_equal(fake_sent("/shadow/get"), "");
        assert_string_equal(fake_sent("outlet/dev-1/status"), "{\"connected\":true}");
}

static void test_no_shadow_yet(void **state)
{
        char token[24];

        (void)state;
        boot();
        fake_online(&o, START);
        fake_forget();
        fake_message(&o, T "/get/rejected",
                     "{\"code\":404,\"message\":\"No shadow exists with name: 'dev-1'\"}", START);
        assert_string_equal(update(token),
                            "{\"state\":{\"reported\":{\"output\":false,\"power_on\":\"last\","
                            "\"fw_version\":\"1.0.0\"}}");
}

/* What the document says at a connection, and what comes of it. */
static const struct {
        const char *name, *doc;
        bool pressed; /* the button, before the connection */
        bool on;      /* the output afterwards */
        const char *reported;
} documents[] = {
        { "a wish that was not seen",
          "{\"state\":{\"desired\":{\"output\":true},\"reported\":{\"output\":false},"
          "\"delta\":{\"output\":true}},\"metadata\":{},\"version\":7,\"timestamp\":1}",
          false, true, "{\"state\":{\"reported\":{\"output\":true," },
        { "a wish on a new shadow", "{\"version\":1,\"state\":{\"desired\":{\"output\":true}}}",
          false, true, "{\"state\":{\"reported\":{\"output\":true," },
        { "a wish that was followed before the power went",
          "{\"state\":{\"reported\":{\"output\":true},\"desired\":{\"output\":true}},"
          "\"version\":7}",
          false, false, "\"desired\":{\"output\":false}}" },
        { "changed here meanwhile",
          "{\"state\":{\"desired\":{\"output\":false},\"reported\":{\"output\":true}},"
          "\"version\":7}",
          true, true, "\"desired\":{\"output\":true}}" },
        { "nothing to do",
          "{\"state\":{\"desired\":{\"output\":false},\"reported\":{\"output\":false}},"
          "\"version\":7}",
          false, false, "{\"state\":{\"reported\":{\"output\":false,\"power_on\"" },
        { "a wish that nobody can follow",
          "{\"state\":{\"desired\":{\"output\":\"on\"}},\"version\":7}", false, false,
          "\"desired\":{\"output\":false}}" },
        { "keys of others", "{\"state\":{\"desired\":{\"colour\":[1,{\"output\":true}]}}}", false,
          false, "{\"state\":{\"reported\":{\"output\":false,\"power_on\"" },
        { "an escaped key", "{\"state\":{\"desired\":{\"out\\u0070ut\":true}},\"version\":1}",
          false, true, "{\"state\":{\"reported\":{\"output\":true," },
        { "another policy", "{\"state\":{\"desired\":{\"power_on\":\"on\"}},\"version\":1}", false,
          false, "\"power_on\":\"on\"" },
        { "no such policy", "{\"state\":{\"desired\":{\"power_on\":\"up\"}},\"version\":1}", false,
          false, "\"desired\":{\"power_on\":\"last\"}}" },
};

static void test_documents(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
                char token[24];
                const char *got;

                boot();
                if (documents[i].pressed)
                        click(START);
                fake_online(&o, START + 500);
                fake_message(&o, T "/get/accepted", documents[i].doc, START + 500);
                got = update(token);
                if (!strstr(got, documents[i].reported) || fake.level[19] != documents[i].on)
                        fail_msg("%s: output %d, %s", documents[i].name, fake.level[19], got);
        }
}

/* To the point where nothing is left to say. */
static void settle(uint64_t now)
{
        char token[24];

        boot();
        fake_online(&o, now);
        fake_message(&o, T "/get/rejected", "{\"code\":404}", now);
        update(token);
        answer("accepted", token, 1, now);
        fake_forget();
        outlet_tick(&o, now + 100);
        assert_int_equal(fake.sent_count, 0);
}

static void test_delta(void **state)
{
        char token[24];

        (void)state;
        settle(START);
        fake_message(&o, T "/update/delta",
                     "{\"version\":2,\"timestamp\":1,\"state\":{\"output\":true},\"metadata\":{"
                     "\"output\":{\"timestamp\":1}}}",
                     2000);
        assert_true(fake.level[19]);
        assert_string_equal(update(token), "{\"state\":{\"reported\":{\"output\":true}}");
        answer("accepted", token, 3, 2000);
        fake_forget();
        fake_message(&o, T "/update/delta", "{\"version\":2,\"state\":{\"output\":false}}", 2100);
        assert_true(fake.level[19]); /* older than what we know */
        fake_message(&o, "$aws/things/dev-11/shadow/update/delta",
                     "{\"version\":9,\"state\":{\"output\":false}}", 2300);
        assert_true(fake.level[19]); /* another thing's */
        assert_int_equal(fake.sent_count, 0);
}

static void test_local_change(void **state)
{
        char token[24], second[24];

        (void)state;
        settle(START);
        click(3000);
        assert_string_equal(update(token), "{\"state\":{\"reported\":{\"output\":true},\"desired\":"
                                           "{\"output\":true}}");
        /* a wish from before: ours is on its way */
        fake_message(&o, T "/update/delta", "{\"version\":2,\"state\":{\"output\":false}}", 3400);
        assert_true(fake.level[19]);
        fake_forget();
        click(4000); /* back again, before the first answer: one message, after it */
        assert_null(fake_sent("/update"));
        answer("accepted", token, 3, 5000);
        assert_string_equal(update(second), "{\"state\":{\"reported\":{\"output\":false},"
                                            "\"desired\":{\"output\":false}}");
        assert_string_not_equal(token, second);
        fake_forget();
        answer("accepted", token, 4, 5100); /* the old token again: answers nothing */
        outlet_tick(&o, 5200);
        assert_null(fake_sent("/update"));
        outlet_tick(&o, 5000 + SHADOW_ANSWER_MS); /* no answer at all: once more */
        assert_string_equal(update(token), "{\"state\":{\"reported\":{\"output\":false},"
                                           "\"desired\":{\"output\":false}}");
}

static void test_rejected(void **state)
{
        char token[24];
        uint64_t due;

        (void)state;
        settle(START);
        click(3000);
        update(token);
        fake_forget();
        answer("rejected", token, 0, 3400);
        assert_null(fake_sent("/update")); /* not at once */
        due = outlet_tick(&o, 3400);
        assert_in_range(due, 4400, 3400 + 1000 + 60000);
        outlet_tick(&o, 3400 + 61000);
        assert_non_null(fake_sent("/shadow/update"));
}

static void test_offline(void **state)
{
        char token[24];
        const struct port_event down = { .type = PORT_EV_MQTT_DOWN, .mqtt = PORT_MQTT_LOST };
        uint64_t now = 10000;

        (void)state;
        settle(START);
        fake_event(&o, &down, now);
        click(now);
        click(now + 1000);
        click(now + 2000);
        assert_null(fake_sent("/shadow/update"));
        while (fake.connects < 2 && now < 100000)
                outlet_tick(&o, now += 100);
        assert_int_equal(fake.connects, 2);
        fake_event(&o, &(struct port_event){ .type = PORT_EV_MQTT_UP }, now);
        for (unsigned i = 0; i < 5; i++)
                fake_event(&o, &(struct port_event){ .type = PORT_EV_MQTT_SUBSCRIBED }, now);
        fake_message(&o, T "/get/accepted",
                     "{\"state\":{\"desired\":{\"output\":false},\"reported\":{\"output\":false}},"
                     "\"version\":9}",
                     now);
        assert_non_null(strstr(update(token), "\"desired\":{\"output\":true}"));
        assert_true(fake.level[19]);
}

/* A button that is hit all the time for ten minutes, and a broker that answers: the budget holds,
 * and in the end the last state is reported. */
static void test_budget(void **state)
{
        char token[24] = "";
        unsigned total = 0;
        uint64_t now = START + 1000;

        (void)state;
        settle(START);
        for (const uint64_t end = now + 600000; now < end; now += 350) {
                fake_forget();
                click(now);
                if (fake_sent("/shadow/update")) {
                        update(token);
                        answer("accepted", token, 5, now + 300);
                }
                total += fake.sent_count;
        }
        assert_in_range(total, BUDGET_START - 10, BUDGET_START + 601000 / BUDGET_REFILL_MS + 1);
        for (const uint64_t end = now + 60000; now < end; now += 1000) {
                outlet_tick(&o, now);
                update(token);
                answer("accepted", token, 6, now);
        }
        assert_non_null(
                strstr(update(token), driver_get(0) ? "\"output\":true" : "\"output\":false"));
}

/* The document cut at every byte: the output does not move by a broken one. */
static void test_broken(void **state)
{
        static const char doc[] = "{\"version\":2,\"state\":{\"output\":true}}";
        struct port_event ev = { .type = PORT_EV_MQTT_MESSAGE };

        (void)state;
        settle(START);
        for (size_t n = 0; n < sizeof doc - 1; n++) {
                ev.message.topic = T "/update/delta";
                ev.message.p = (const uint8_t *)doc;
                ev.message.n = n;
                fake_event(&o, &ev, 2000);
                assert_false(fake.level[19]);
        }
        fake_message(&o, T "/update/delta", doc, 2000);
        assert_true(fake.level[19]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_topics),       cmocka_unit_test(test_no_shadow_yet),
                cmocka_unit_test(test_documents),    cmocka_unit_test(test_delta),
                cmocka_unit_test(test_local_change), cmocka_unit_test(test_rejected),
                cmocka_unit_test(test_offline),      cmocka_unit_test(test_budget),
                cmocka_unit_test(test_broken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
