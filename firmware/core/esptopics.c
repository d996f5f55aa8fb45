#include "firmware/core/esptopics.h"

#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "firmware/core/say.h"

enum topic { URL, USE_URL, INTERVAL, RUN, RESTART, TOPICS };

static const struct {
        const char *topic, *key; /* key NULL: nothing is stored */
} topics[TOPICS] = {
        [URL] = { "/esp/update/url", "url" },
        [USE_URL] = { "/esp/update/use_url", "use_url" },
        [INTERVAL] = { "/esp/update/interval", "interval" },
        [RUN] = { "/esp/update/run", NULL },
        [RESTART] = { "/esp/restart", NULL },
};

/* Seconds of an interval, or -E_RANGE, -E_SYNTAX. */
static int32_t interval(const char *text)
{
        uint32_t v = 0;

        if (!*text)
                return -E_SYNTAX;
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return -E_SYNTAX;
                v = v * 10 + (uint32_t)(*text - '0');
                if (v > OUTLET_INTERVAL_MAX)
                        return -E_RANGE;
        }
        return v < OUTLET_INTERVAL_MIN ? -E_RANGE : (int32_t)v;
}

/* Take a value, from the store or from a message. */
static int take(struct esptopics *e, enum topic t, const char *text)
{
        int32_t v;

        switch (t) {
        case URL:
                if (strncmp(text, "https://", 8) != 0)
                        return -E_SYNTAX;
                memcpy(e->url, text, strlen(text) + 1);
                return 0;
        case USE_URL:
                if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
                        return -E_SYNTAX;
                e->use_url = text[0] == '1';
                return 0;
        case INTERVAL:
                v = interval(text);
                if (v < 0)
                        return v;
                e->interval_s = (uint32_t)v;
                return 0;
        default:
                return 0;
        }
}

void esptopics_init(struct esptopics *e, const struct outlet_config *cfg, struct cloud *cloud)
{
        char text[PORT_URL_MAX];

        memset(e, 0, sizeof *e);
        e->cfg = cfg;
        e->cloud = cloud;
        e->interval_s = cfg->update_interval_s;
        for (unsigned t = URL; t <= INTERVAL; t++) {
                const int n = port_kv_get(PORT_NVS, OUTLET_CLOUD_NS, topics[t].key, text,
                                          sizeof text - 1);

                if (n < 0)
                        continue;
                text[n] = 0;
                if (take(e, (enum topic)t, text) < 0)
                        say(PORT_WARN, "update: the stored %s is not valid", topics[t].key);
        }
}

void esptopics_subscribe(struct esptopics *e)
{
        for (unsigned t = 0; e->cfg->esp_topics && t < TOPICS; t++)
                cloud_subscribe(e->cloud, topics[t].topic);
}

static void act(struct esptopics *e, enum topic t, const char *text, uint64_t now)
{
        char line[SAY_MAX];
        int rc = take(e, t, text);

        if (rc == 0 && topics[t].key)
                rc = port_kv_set(PORT_NVS, OUTLET_CLOUD_NS, topics[t].key, text);
        if (t == RUN)
                e->want_run = true;
        if (t == RESTART)
                e->want_restart = true;
        (void)strf(line, sizeof line, "%s: %s", topics[t].topic, rc < 0 ? err_text(rc) : "done");
        say(rc < 0 ? PORT_WARN : PORT_INFO, "cloud: %s", line);
        if (topics[t].key)
                esptopics_log(e, line, now);
}

bool esptopics_message(struct esptopics *e, const char *topic, const char *p, size_t n,
                       uint64_t now)
{
        char text[PORT_URL_MAX];

        for (unsigned t = 0; e->cfg->esp_topics && t < TOPICS; t++) {
                if (strcmp(topic, topics[t].topic) != 0)
                        continue;
                if (n >= sizeof text || memchr(p, 0, n)) {
                        esptopics_log(e, "message too long, or no text", now);
                        return true;
                }
                memcpy(text, p, n);
                text[n] = 0;
                act(e, (enum topic)t, text, now);
                return true;
        }
        return false;
}

const char *esptopics_url(const struct esptopics *e)
{
        return e->use_url && e->url[0] ? e->url : e->cfg->update_url;
}

void esptopics_log(struct esptopics *e, const char *line, uint64_t now)
{
        if (e->cfg->esp_topics)
                (void)cloud_publish(e->cloud, "/esp/log", line, strlen(line), now);
}

int esptopics_restore(const struct esptopics *e)
{
        char text[12];
        int rc = 0;

        if (e->url[0])
                rc = port_kv_set(PORT_NVS, OUTLET_CLOUD_NS, topics[URL].key, e->url);
        if (rc == 0 && e->use_url)
                rc = port_kv_set(PORT_NVS, OUTLET_CLOUD_NS, topics[USE_URL].key, "1");
        if (rc == 0 && e->interval_s != e->cfg->update_interval_s) {
                (void)strf(text, sizeof text, "%u", (unsigned)e->interval_s);
                rc = port_kv_set(PORT_NVS, OUTLET_CLOUD_NS, topics[INTERVAL].key, text);
        }
        return rc;
}
