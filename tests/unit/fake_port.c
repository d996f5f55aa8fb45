#include "fake_port.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypt/crypt.h"
#include "fmt/espimg.h"
#include "fmt/nvs_write.h"

struct fake fake;

void fake_call(void)
{
        if (++fake.calls == fake.cut_at)
                longjmp(fake.dark, 1);
}

static void must(bool ok)
{
        if (!ok)
                abort();
}

void fake_forget(void)
{
        fake.sent_count = 0;
        fake.console_len = fake.log_len = 0;
        fake.console[0] = fake.log[0] = 0;
}

void fake_power_on(void)
{
        fake.starts++;
        memset(fake.is_output, 0, sizeof fake.is_output);
        memset(fake.changes, 0, sizeof fake.changes);
        memset(fake.level, 0, sizeof fake.level);
        fake.level[9] = fake.level[0] = true; /* buttons, not pressed */
        fake.restarts = fake.joins = fake.leaves = fake.provs = fake.connects = 0;
        fake.disconnects = fake.gets = fake.cancels = fake.formats = fake.sets = 0;
        fake.begins = fake.marks = fake.subscriptions = 0;
        fake.prov_running = fake.ota_open = fake.ota_finished = false;
        fake.written = 0;
        fake.calls = fake.cut_at = 0;
        fake.kept = -1;
        fake_forget();
}

void fake_reset(void)
{
        const unsigned starts = fake.starts;

        memset(&fake, 0, sizeof fake);
        fake.starts = starts;
        memset(fake.nvs, 0xFF, sizeof fake.nvs);
        memset(fake.fctry, 0xFF, sizeof fake.fctry);
        fake.chip = 5;
        memcpy(fake.version, "1.0.0", 6);
        memcpy(fake.project, "outlet", 7);
        fake.seed = 1;
        fake_power_on();
}

void fake_fctry(const char *ns, const char *const *pairs)
{
        const struct nvs_write_config cfg = { .image = fake.fctry, .size = FAKE_PART };
        struct nvs_writer w;
        struct diag d = { 0 };

        must(nvs_writer_init(&w, &cfg, &d) == 0);
        must(nvs_write_namespace(&w, ns) == 0);
        for (; pairs[0]; pairs += 2) {
                const bool blob = pairs[0][0] == '#';
                const size_t n = strlen(pairs[1]);

                if (blob)
                        must(nvs_write_blob(&w, pairs[0] + 1, pairs[1], n) == 0);
                else
                        must(nvs_write_str(&w, pairs[0], pairs[1], n + 1) == 0);
        }
        must(nvs_writer_finish(&w, NULL) == 0);
}

uint64_t fake_event(struct outlet *o, const struct port_event *ev, uint64_t now)
{
        outlet_event(o, ev, now);
        return outlet_tick(o, now);
}

uint64_t fake_message(struct outlet *o, const char *topic, const char *payload, uint64_t now)
{
        const struct port_event ev = {
                .type = PORT_EV_MQTT_MESSAGE,
                .message = { topic, (const uint8_t *)payload, strlen(payload) },
        };

        return fake_event(o, &ev, now);
}

uint64_t fake_type(struct outlet *o, const char *text, uint64_t now)
{
        const struct port_event ev = { .type = PORT_EV_CONSOLE,
                                       .data = { (const uint8_t *)text, strlen(text) } };

        return fake_event(o, &ev, now);
}

void fake_online(struct outlet *o, uint64_t now)
{
        fake_event(o, &(struct port_event){ .type = PORT_EV_WIFI_UP, .text = "10.0.0.2" }, now);
        fake_event(o, &(struct port_event){ .type = PORT_EV_MQTT_UP }, now);
        for (unsigned i = fake.subscriptions; i; i--)
                fake_event(o, &(struct port_event){ .type = PORT_EV_MQTT_SUBSCRIBED }, now);
}

const char *fake_sent(const char *topic_end)
{
        const size_t n = strlen(topic_end);

        for (unsigned i = fake.sent_count < FAKE_MESSAGES ? fake.sent_count : FAKE_MESSAGES; i--;) {
                const char *t = fake.sent[i].topic;

                if (strlen(t) >= n && strcmp(t + strlen(t) - n, topic_end) == 0)
                        return fake.sent[i].payload;
        }
        return NULL;
}

size_t fake_image(uint8_t *out, size_t n, uint16_t chip, const char *version)
{
        const struct espimg_header h = { .count = 2, .chip_id = chip, .hash_appended = 1 };
        const size_t first = 300;
        const size_t second = n > 500 ? n - 440 : 60;
        size_t at = ESPIMG_HEADER + ESPIMG_EXT;
        uint8_t *desc;

        espimg_header_write(&h, true, out);
        le32_put(out + at, 0x3C000020);
        le32_put(out + at + 4, (uint32_t)first);
        desc = out + at + 8;
        for (size_t i = 0; i < first; i++)
                desc[i] = (uint8_t)(i * 7);
        memset(desc, 0, ESPIMG_DESC_LEN);
        le32_put(desc, ESPIMG_DESC_MAGIC);
        strncpy((char *)desc + ESPIMG_DESC_VERSION, version, 31);
        memcpy(desc + ESPIMG_DESC_PROJECT, "outlet", 6);
        at += 8 + first;
        le32_put(out + at, 0x42000020);
        le32_put(out + at + 4, (uint32_t)second);
        for (size_t i = 0; i < second; i++)
                out[at + 8 + i] = (uint8_t)(i * 13 + 5);
        out[at + 8 + second] = 0;
        {
                uint8_t sum = espimg_checksum(ESPIMG_CHECKSUM_SEED, desc, first);

                sum = espimg_checksum(sum, out + at + 8, second);
                at += 8 + second;
                while ((at & 15u) != 15u)
                        out[at++] = 0;
                out[at++] = sum;
        }
        must(crypt_sha256(out, at, out + at) == 0);
        return at + ESPIMG_HASH_LEN;
}

/* ---- port.h ---- */

static void append(char *buf, size_t cap, size_t *len, const char *p, size_t n)
{
        if (*len + n + 1 > cap)
                *len = 0; /* a test that reads so much forgets first */
        must(n < cap);
        memcpy(buf + *len, p, n);
        *len += n;
        buf[*len] = 0;
}

void port_log(enum port_level level, const char *line)
{
        (void)level;
        append(fake.log, sizeof fake.log, &fake.log_len, line, strlen(line));
        append(fake.log, sizeof fake.log, &fake.log_len, "\n", 1);
}

void port_console_write(const char *p, size_t n)
{
        append(fake.console, sizeof fake.console, &fake.console_len, p, n);
}

void port_restart(void)
{
        fake_call();
        fake.restarts++;
}

uint32_t port_random(void)
{
        uint32_t x = fake.seed; /* xorshift32 */

        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        return fake.seed = x;
}

void port_mac(uint8_t mac[6])
{
        memcpy(mac, "\x02\x00\x00\xAB\xCD\xEF", 6);
}

uint16_t port_chip(void)
{
        return fake.chip;
}

const char *port_version(void)
{
        return fake.version;
}

const char *port_project(void)
{
        return fake.project;
}

uint32_t port_secure_version(void)
{
        return fake.secure_version;
}

void port_gpio_output(unsigned pin, bool high)
{
        must(pin < 64);
        if (fake.is_output[pin])
                fake.changes[pin] += fake.level[pin] != high;
        fake.is_output[pin] = true;
        fake.level[pin] = high;
}

int port_gpio_kept(unsigned pin)
{
        (void)pin;
        return fake.kept;
}

void port_gpio_input(unsigned pin)
{
        must(pin < 64);
}

bool port_gpio_read(unsigned pin)
{
        must(pin < 64);
        return fake.is_output[pin] && fake.stuck_output ? !fake.level[pin] : fake.level[pin];
}

bool port_wifi_stored(void)
{
        return fake.wifi_stored;
}

int port_wifi_join(const struct port_wifi *w)
{
        fake_call();
        fake.joins++;
        fake.wifi = w ? *w : (struct port_wifi){ 0 };
        return fake.refuse;
}

void port_wifi_leave(void)
{
        fake_call();
        fake.leaves++;
}

int port_wifi_rssi(void)
{
        return -55;
}

int port_prov_start(const struct port_prov *cfg)
{
        fake_call();
        fake.provs++;
        fake.prov = *cfg;
        fake.prov_cfg = cfg;
        fake.prov_running = fake.refuse == 0;
        return fake.refuse;
}

void port_prov_stop(void)
{
        fake_call();
        fake.prov_running = false;
}

int port_mqtt_connect(const struct port_mqtt *m)
{
        fake_call();
        fake.connects++;
        fake.subscriptions = 0;
        fake.mqtt = *m;
        return fake.refuse;
}

void port_mqtt_disconnect(void)
{
        fake_call();
        fake.disconnects++;
}

int port_mqtt_subscribe(const char *filter)
{
        must(fake.subscriptions < 16 && strlen(filter) < PORT_TOPIC_MAX);
        memcpy(fake.filters[fake.subscriptions++], filter, strlen(filter) + 1);
        return 0;
}

int port_mqtt_publish(const char *topic, const void *p, size_t n)
{
        struct fake_message *m = &fake.sent[fake.sent_count++ % FAKE_MESSAGES];

        fake_call();
        must(strlen(topic) < sizeof m->topic && n <= PORT_MESSAGE_MAX);
        memcpy(m->topic, topic, strlen(topic) + 1);
        memcpy(m->payload, p, n);
        m->payload[n] = 0;
        return 0;
}

int port_http_get(const struct port_http *h)
{
        fake_call();
        fake.gets++;
        fake.http = *h;
        return fake.refuse;
}

void port_http_cancel(void)
{
        fake_call();
        fake.cancels++;
}

int port_key_new(char *pem, size_t cap)
{
        static const char key[] = "-----BEGIN PRIVATE KEY-----\nTkVX\n-----END PRIVATE KEY-----\n";

        fake_call();
        must(sizeof key <= cap);
        memcpy(pem, key, sizeof key);
        return 0;
}

int port_csr(struct port_blob key, const char *cn, char *pem, size_t cap)
{
        static const char head[] = "-----BEGIN CERTIFICATE REQUEST-----\n";
        static const char tail[] = "\n-----END CERTIFICATE REQUEST-----\n";
        const size_t n = strlen(cn);

        fake_call();
        must(key.len > 0 && key.p[key.len] == 0 && sizeof head + n + sizeof tail <= cap);
        memcpy(pem, head, sizeof head - 1);
        memcpy(pem + sizeof head - 1, cn, n);
        memcpy(pem + sizeof head - 1 + n, tail, sizeof tail);
        return 0;
}

int port_key_matches(struct port_blob key, struct port_blob cert)
{
        must(key.len && cert.len);
        return fake.key_check;
}
