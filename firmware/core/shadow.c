#include "firmware/core/shadow.h"

#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "firmware/core/jdoc.h"
#include "firmware/core/say.h"

#define PREFIX "$aws/things/"
#define MIDDLE "/shadow"

static const char *const item_names[SHADOW_ITEMS] = {
        [SHADOW_POWER_ON] = "power_on",
        [SHADOW_OTA_URL] = "ota_url",
        [SHADOW_OTA_STATUS] = "ota_status",
        [SHADOW_FW_VERSION] = "fw_version",
};

/* A document as it came; the objects are scanners that stand behind their brace. */
struct doc {
        struct jdoc state, desired, reported;
        bool has_state, has_desired, has_reported;
        int64_t version, code; /* 0: not there */
        char token[24];
};

void shadow_init(struct shadow *s, struct cloud *cloud, const char *thing)
{
        memset(s, 0, sizeof *s);
        s->cloud = cloud;
        s->thing = thing;
        s->boot = port_random();
        s->backoff.base_ms = 1000;
        s->backoff.cap_ms = 60000;
}

static void topic(const struct shadow *s, const char *end, char out[PORT_TOPIC_MAX])
{
        (void)strf(out, PORT_TOPIC_MAX, PREFIX "%s" MIDDLE "%s", s->thing, end);
}

void shadow_subscribe(struct shadow *s)
{
        static const char *const ends[] = { "/update/delta", "/update/accepted", "/update/rejected",
                                            "/get/accepted", "/get/rejected" };
        char filter[PORT_TOPIC_MAX];

        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
                topic(s, ends[i], filter);
                cloud_subscribe(s->cloud, filter);
        }
}

void shadow_connected(struct shadow *s, uint64_t now)
{
        s->synced = s->asked = s->in_flight = false;
        s->not_before = now;
}

/* What was sent and not answered has to be sent again. */
static void put_back(struct shadow *s)
{
        s->report |= s->sent_report;
        s->desire |= s->sent_desire;
        s->sent_report = s->sent_desire = 0;
        s->in_flight = false;
}

void shadow_disconnected(struct shadow *s)
{
        put_back(s);
        s->synced = s->asked = false;
}

void shadow_report(struct shadow *s, unsigned item)
{
        s->report |= 1u << item;
}

void shadow_changed(struct shadow *s, unsigned item)
{
        s->report |= 1u << item;
        s->desire |= 1u << item;
}

/* ---- documents that come ---- */

static int read_state(struct jdoc *j, struct doc *d)
{
        struct jdoc_token key, t;
        int rc;

        while ((rc = jdoc_next(j, &key)) == 0 && key.type == JDOC_KEY) {
                if ((rc = jdoc_next(j, &t)) < 0)
                        return rc;
                if (t.type == JDOC_OBJECT && jdoc_is(&key, "desired")) {
                        d->desired = *j;
                        d->has_desired = true;
                } else if (t.type == JDOC_OBJECT && jdoc_is(&key, "reported")) {
                        d->reported = *j;
                        d->has_reported = true;
                }
                if ((rc = jdoc_skip(j, &t)) < 0)
                        return rc;
        }
        return rc;
}

static int read_member(struct jdoc *j, const struct jdoc_token *key, struct doc *d)
{
        struct jdoc_token t;
        int rc = jdoc_next(j, &t);

        if (rc < 0)
                return rc;
        if (jdoc_is(key, "state") && t.type == JDOC_OBJECT) {
                d->state = *j;
                d->has_state = true;
                return read_state(j, d);
        }
        if (jdoc_is(key, "version"))
                (void)jdoc_int(&t, &d->version);
        else if (jdoc_is(key, "code"))
                (void)jdoc_int(&t, &d->code);
        else if (jdoc_is(key, "clientToken") && jdoc_text(&t, d->token, sizeof d->token) < 0)
                d->token[0] = 0;
        return jdoc_skip(j, &t);
}

static int doc_read(struct doc *d, const char *p, size_t n)
{
        struct jdoc_token t;
        struct jdoc j;
        int rc;

        memset(d, 0, sizeof *d);
        jdoc_init(&j, p, n);
        if ((rc = jdoc_next(&j, &t)) < 0)
                return rc;
        if (t.type != JDOC_OBJECT)
                return -E_FORMAT;
        while ((rc = jdoc_next(&j, &t)) == 0 && t.type == JDOC_KEY)
                if ((rc = read_member(&j, &t, d)) < 0)
                        return rc;
        return rc < 0 ? rc : jdoc_next(&j, &t); /* nothing may follow */
}

/* The value of a key in an object (a copy of its scanner); false: not there. */
static bool find(struct jdoc j, const char *name, struct jdoc_token *out)
{
        struct jdoc_token key;

        while (jdoc_next(&j, &key) == 0 && key.type == JDOC_KEY) {
                if (jdoc_next(&j, out) < 0)
                        return false;
                if (jdoc_is(&key, name))
                        return true;
                if (jdoc_skip(&j, out) < 0)
                        return false;
        }
        return false;
}

/* A property's value as the document has it; -E_TYPE, -E_RANGE. */
static int property_value(const struct driver_property *p, const struct jdoc_token *t, int32_t *v)
{
        int64_t n;
        int rc;

        if (!p->is_number) {
                *v = t->type == JDOC_TRUE;
                return t->type == JDOC_TRUE || t->type == JDOC_FALSE ? 0 : -E_TYPE;
        }
        rc = jdoc_int(t, &n);
        if (rc == 0 && (n < INT32_MIN || n > INT32_MAX))
                rc = -E_RANGE;
        if (rc == 0)
                *v = (int32_t)n;
        return rc;
}

static bool ours(const struct shadow *s, unsigned item)
{
        return (s->desire | s->sent_desire) >> item & 1u;
}

/* A wish for a property that we have not seen before. */
static void follow(struct shadow *s, unsigned i, const struct jdoc_token *wish)
{
        size_t count;
        const struct driver_property *p = &driver_properties(&count)[i];
        int32_t v;

        if (ours(s, i))
                return; /* changed here meanwhile: that will be sent */
        if (!p->is_measured && property_value(p, wish, &v) == 0 && driver_set(i, v) == 0) {
                say(PORT_INFO, "shadow: %s is %d", p->name, (int)v);
                shadow_report(s, i);
                return;
        }
        say(PORT_WARN, "shadow: %s cannot be set to what is desired", p->name);
        shadow_changed(s, i); /* else the difference stays for ever */
}

static void follow_power_on(struct shadow *s, const struct jdoc_token *wish)
{
        if (ours(s, SHADOW_POWER_ON))
                return;
        if (jdoc_text(wish, s->want_power_on, sizeof s->want_power_on) >= 0)
                return;
        s->want_power_on[0] = 0;
        shadow_changed(s, SHADOW_POWER_ON);
}

static void follow_url(struct shadow *s, const struct jdoc_token *wish)
{
        const char *done = s->value[SHADOW_OTA_URL];

        if (wish->type != JDOC_STRING || jdoc_text(wish, s->want_url, sizeof s->want_url) < 0) {
                s->want_url[0] = 0;
                if (wish->type != JDOC_NULL)
                        say(PORT_WARN, "shadow: ota_url is no URL of less than %u bytes",
                            PORT_URL_MAX);
                return;
        }
        if (done && strcmp(done, s->want_url) == 0) { /* dealt with before a restart */
                s->want_url[0] = 0;
                shadow_report(s, SHADOW_OTA_URL);
                shadow_report(s, SHADOW_OTA_STATUS);
        }
}

static void on_delta(struct shadow *s, const struct doc *d)
{
        size_t count;
        const struct driver_property *p = driver_properties(&count);
        struct jdoc_token t;

        if (!d->has_state || d->version < s->version)
                return;
        s->version = d->version;
        for (unsigned i = 0; i < count; i++)
                if (find(d->state, p[i].name, &t))
                        follow(s, i, &t);
        if (find(d->state, "power_on", &t))
                follow_power_on(s, &t);
        if (find(d->state, "ota_url", &t))
                follow_url(s, &t);
}

static bool same_text(const struct jdoc_token *a, const struct jdoc_token *b)
{
        return a->type == b->type && a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* The whole document after a connection: one property. */
static void compare(struct shadow *s, unsigned i, const struct doc *d)
{
        size_t count;
        const struct driver_property *p = &driver_properties(&count)[i];
        struct jdoc_token wish, told;
        const bool wished = d->has_desired && find(d->desired, p->name, &wish);
        const bool known = d->has_reported && find(d->reported, p->name, &told);
        int32_t w = 0;

        shadow_report(s, i);
        if (!wished || ours(s, i))
                return;
        if (!p->is_measured && known &&
            same_text(&wish, &told)) { /* seen already: our state counts */
                if (property_value(p, &wish, &w) < 0 || w != driver_get(i))
                        shadow_changed(s, i);
                return;
        }
        follow(s, i, &wish);
}

static void on_document(struct shadow *s, const struct doc *d)
{
        struct jdoc_token wish, told;
        size_t count;

        (void)driver_properties(&count);
        s->version = d->version;
        for (unsigned i = 0; i < count; i++)
                compare(s, i, d);
        for (unsigned i = SHADOW_POWER_ON; i < SHADOW_ITEMS; i++)
                shadow_report(s, i);
        if (!d->has_desired)
                return;
        if (find(d->desired, "power_on", &wish))
                follow_power_on(s, &wish);
        if (find(d->desired, "ota_url", &wish) &&
            !(d->has_reported && find(d->reported, "ota_url", &told) && same_text(&wish, &told)))
                follow_url(s, &wish);
}

static void on_get(struct shadow *s, bool accepted, const struct doc *d, uint64_t now)
{
        if (!s->asked)
                return; /* somebody else's */
        if (!accepted && d->code != 404) {
                say(PORT_WARN, "shadow: get is rejected: %d", (int)d->code);
                s->asked = false;
                s->not_before = now + backoff_next(&s->backoff, now);
                return;
        }
        s->asked = false;
        s->synced = true;
        on_document(s, d);
}

static void on_update(struct shadow *s, bool accepted, const struct doc *d, uint64_t now)
{
        if (accepted && d->version > s->version)
                s->version = d->version;
        if (!s->in_flight || strcmp(d->token, s->token) != 0)
                return;
        if (accepted) {
                s->sent_report = s->sent_desire = 0;
                s->in_flight = false;
                backoff_up(&s->backoff, now);
                return;
        }
        say(PORT_WARN, "shadow: update is rejected: %d", (int)d->code);
        put_back(s);
        s->not_before = now + 1000 + backoff_next(&s->backoff, now);
}

/* What follows ".../shadow" in a topic of ours, or NULL. */
static const char *topic_end(const struct shadow *s, const char *t)
{
        const size_t n = strlen(s->thing);

        if (strncmp(t, PREFIX, sizeof PREFIX - 1) != 0)
                return NULL;
        t += sizeof PREFIX - 1;
        if (strncmp(t, s->thing, n) != 0)
                return NULL;
        t += n;
        return strncmp(t, MIDDLE, sizeof MIDDLE - 1) == 0 ? t + sizeof MIDDLE - 1 : NULL;
}

bool shadow_message(struct shadow *s, const char *t, const char *p, size_t n, uint64_t now)
{
        const char *end = topic_end(s, t);
        struct doc d;
        int rc;

        if (!end)
                return false;
        rc = doc_read(&d, p, n);
        if (rc < 0) {
                say(PORT_WARN, "shadow: document on %s: %s", end, err_text(rc));
                return true;
        }
        if (strcmp(end, "/update/delta") == 0)
                on_delta(s, &d);
        else if (strcmp(end, "/get/accepted") == 0)
                on_get(s, true, &d, now);
        else if (strcmp(end, "/get/rejected") == 0)
                on_get(s, false, &d, now);
        else if (strcmp(end, "/update/accepted") == 0)
                on_update(s, true, &d, now);
        else if (strcmp(end, "/update/rejected") == 0)
                on_update(s, false, &d, now);
        return true;
}

/* ---- documents that go ---- */

static void put_item(const struct shadow *s, struct jdoc_writer *w, unsigned i)
{
        size_t count;
        const struct driver_property *p = driver_properties(&count);

        if (i >= DRIVER_PROPERTIES_MAX) {
                /* i < SHADOW_ITEMS, as in the only loop that calls */
                /* cppcheck-suppress arrayIndexOutOfBoundsCond */
                jdoc_put(w, "\"%s\":", item_names[i]);
                /* cppcheck-suppress arrayIndexOutOfBoundsCond */
                jdoc_put_string(w, s->value[i]);
        } else if (p[i].is_number) {
                jdoc_put(w, "\"%s\":%d", p[i].name, (int)driver_get(i));
        } else {
                jdoc_put(w, "\"%s\":%s", p[i].name, driver_get(i) ? "true" : "false");
        }
}

static bool there(const struct shadow *s, unsigned i)
{
        size_t count;

        (void)driver_properties(&count);
        /* cppcheck-suppress arrayIndexOutOfBoundsCond; i < SHADOW_ITEMS, as above */
        return i < DRIVER_PROPERTIES_MAX ? i < count : s->value[i] != NULL;
}

/* What is measured cannot be wished for: the wish is taken out. */
static void put_wish(const struct shadow *s, struct jdoc_writer *w, unsigned i)
{
        size_t count;
        const struct driver_property *p = driver_properties(&count);

        if (i < count && p[i].is_measured)
                jdoc_put(w, "\"%s\":null", p[i].name);
        else
                put_item(s, w, i);
}

static void put_section(const struct shadow *s, struct jdoc_writer *w, const char *name,
                        uint32_t bits,
                        void (*put)(const struct shadow *s, struct jdoc_writer *w, unsigned i))
{
        const char *comma = "";

        jdoc_put(w, "\"%s\":{", name);
        for (unsigned i = 0; i < SHADOW_ITEMS; i++) {
                if (!(bits >> i & 1u) || !there(s, i))
                        continue;
                jdoc_put(w, "%s", comma);
                put(s, w, i);
                comma = ",";
        }
        jdoc_put(w, "}");
}

static int send_update(struct shadow *s, uint64_t now)
{
        char to[PORT_TOPIC_MAX];
        struct jdoc_writer w;
        int rc;

        (void)strf(s->token, sizeof s->token, "%08x-%u", (unsigned)s->boot, (unsigned)++s->count);
        jdoc_writer_init(&w, s->out, sizeof s->out);
        jdoc_put(&w, "{\"state\":{");
        put_section(s, &w, "reported", s->report, put_item);
        if (s->desire) {
                jdoc_put(&w, ",");
                put_section(s, &w, "desired", s->desire, put_wish);
        }
        jdoc_put(&w, "},\"clientToken\":\"%s\"}", s->token);
        if (w.cut)
                return -E_NOSPACE;
        topic(s, "/update", to);
        rc = cloud_publish(s->cloud, to, s->out, w.len, now);
        if (rc < 0)
                return rc;
        s->sent_report = s->report;
        s->sent_desire = s->desire;
        s->report = s->desire = 0;
        s->in_flight = true;
        return 0;
}

static int send_get(struct shadow *s, uint64_t now)
{
        char to[PORT_TOPIC_MAX];
        int rc;

        topic(s, "/get", to);
        rc = cloud_publish(s->cloud, to, "", 0, now);
        s->asked = rc == 0;
        return rc;
}

uint64_t shadow_tick(struct shadow *s, uint64_t now)
{
        int rc;

        if (s->cloud->state != CLOUD_UP)
                return UINT64_MAX;
        if (s->asked || s->in_flight) {
                if (now < s->answer_by)
                        return s->answer_by;
                s->asked = false;
                put_back(s);
        }
        for (unsigned i = SHADOW_POWER_ON; i < SHADOW_ITEMS; i++)
                if (!s->value[i])
                        s->report &= ~(1u << i);
        if (s->synced && !s->report && !s->desire)
                return UINT64_MAX;
        if (now < s->not_before)
                return s->not_before;
        rc = s->synced ? send_update(s, now) : send_get(s, now);
        if (rc == 0)
                return s->answer_by = now + SHADOW_ANSWER_MS;
        if (rc == -E_NOSPACE) {
                say(PORT_ERROR, "shadow: the report is too long, not sent");
                s->report = s->desire = 0;
                return UINT64_MAX;
        }
        s->not_before = rc == -E_BUSY ? budget_due(&s->cloud->budget, now) : now + 1000;
        if (s->not_before <= now)
                s->not_before = now + 1;
        return s->not_before;
}
