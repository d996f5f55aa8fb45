#include "firmware/core/outlet.h"

#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "firmware/core/driver.h"
#include "firmware/core/say.h"
#include "firmware/core/version.h"

#define TRIAL_MOST_S 3600u

/* In OUTLET_NS: the last update. */
#define UPDATE_URL     "ota_url"
#define UPDATE_STATUS  "ota_status"
#define UPDATE_VERSION "ota_version"

/* Statuses. */
#define ROLLED_BACK "version %s was rolled back"
#define VALID       "version %s is valid"

/* ---- start ---- */

/* As every ESP-IDF example does: what cannot be mounted is erased and mounted again, once. */
static int mount_nvs(void)
{
        int rc = port_kv_mount(PORT_NVS);

        if (rc == -E_NOSPACE || rc == -E_UNSUPPORTED) {
                say(PORT_WARN, "nvs: %s: erased", err_text(rc));
                rc = port_kv_format(PORT_NVS);
                if (rc == 0)
                        rc = port_kv_mount(PORT_NVS);
        }
        if (rc < 0)
                say(PORT_ERROR, "nvs: %s: nothing is remembered", err_text(rc));
        return rc;
}

static void start_trial(struct outlet *o, uint64_t now)
{
        uint32_t s = o->cfg->selftest_s ? o->cfg->selftest_s : OUTLET_SELFTEST_S;

        o->trial = port_ota_state() == PORT_OTA_PENDING;
        if (!o->trial)
                return;
        if (s > TRIAL_MOST_S)
                s = TRIAL_MOST_S;
        o->trial_ends = now + (uint64_t)s * 1000;
        say(PORT_INFO, "update: version %s is on trial for %u s", port_version(), (unsigned)s);
}

static struct port_blob choose_ca(const struct outlet *o)
{
        const struct port_blob own = o->id.item[IDENTITY_CA];

        if (own.len || !o->cfg->ca)
                return own;
        return (struct port_blob){ (const uint8_t *)o->cfg->ca, strlen(o->cfg->ca) };
}

static void load(const char *key, char *out, size_t cap)
{
        const int n = port_kv_get(PORT_NVS, OUTLET_NS, key, out, cap - 1);

        out[n < 0 ? 0 : n] = 0;
}

/* An activated version that has proved itself is no news any more: what a cable writes later is not
 * taken for a rollback. */
static void forget_installed(struct outlet *o)
{
        if (!o->installed[0])
                return;
        o->installed[0] = 0;
        (void)port_kv_erase(PORT_NVS, OUTLET_NS, UPDATE_VERSION);
}

/* The version that was activated last is higher than the one that runs. */
static bool rolled_back(const struct outlet *o)
{
        return version_compare(o->installed, port_version()) > 0;
}

/* What has become of the version that the stored status calls installed. One that has failed its
 * trial has left why (roll_back()), and a later update how it went; one that crashed left nothing.
 */
static void settle_status(struct outlet *o)
{
        const char *version = rolled_back(o) ? o->installed : port_version();
        char installed[OTA_STATUS_MAX];

        (void)strf(installed, sizeof installed, OTA_INSTALLED, version);
        if (o->trial)
                (void)strf(o->status, sizeof o->status, "version %s is on trial", version);
        else if (rolled_back(o) && (!o->status[0] || strcmp(o->status, installed) == 0))
                (void)strf(o->status, sizeof o->status, ROLLED_BACK, version);
        else if (strcmp(o->status, installed) == 0)
                (void)strf(o->status, sizeof o->status, VALID, version);
}

static void start_shadow(struct outlet *o)
{
        load(UPDATE_URL, o->done_url, sizeof o->done_url);
        load(UPDATE_STATUS, o->status, sizeof o->status);
        load(UPDATE_VERSION, o->installed, sizeof o->installed);
        settle_status(o);
        if (!rolled_back(o) && !o->trial)
                forget_installed(o);
        shadow_init(&o->shadow, &o->cloud, o->id.serial);
        o->shadow.value[SHADOW_POWER_ON] = poweron_name(o->poweron.policy);
        o->shadow.value[SHADOW_OTA_URL] = o->done_url[0] ? o->done_url : NULL;
        o->shadow.value[SHADOW_OTA_STATUS] = o->status[0] ? o->status : NULL;
        o->shadow.value[SHADOW_FW_VERSION] = port_version();
}

static void plan_check(struct outlet *o, uint64_t now)
{
        o->check_s = o->topics.interval_s;
        o->next_check = UINT64_MAX;
        if (o->check_s) /* up to a tenth earlier: not the whole fleet in one second */
                o->next_check = now + (uint64_t)o->check_s * 1000 - jitter(o->check_s * 100);
}

void outlet_start(struct outlet *o, const struct outlet_config *cfg, uint64_t now)
{
        struct port_blob ca;

        memset(o, 0, sizeof *o);
        o->cfg = cfg;
        o->nvs = mount_nvs();
        poweron_load(&o->poweron);
        driver_init(poweron_first(&o->poweron, driver_kept(), now), now);
        say(PORT_INFO, "%s %s", port_project(), port_version());
        start_trial(o, now);
        identity_load(&o->id);
        console_init(&o->console, &o->id, o->nvs);
        ca = choose_ca(o);
        ota_init(&o->ota, ca, cfg->allow_downgrade);
        cloud_init(&o->cloud, cfg, &o->id, ca, now);
        esptopics_init(&o->topics, cfg, &o->cloud);
        start_shadow(o);
        plan_check(o, now);
        net_start(&o->net, cfg, &o->id, !o->console.locked, now);
        if (!o->console.locked)
                (void)console_token(&o->console);
}

/* ---- endings ---- */

static void restart(struct outlet *o)
{
        ota_stop(&o->ota);
        cloud_stop(&o->cloud);
        o->stopped = true;
        port_restart();
}

static void reset_to_factory(struct outlet *o, bool all)
{
        int rc;

        say(PORT_WARN, "reset to factory%s", all ? ", with what the cloud has taught" : "");
        net_stop(&o->net);
        cloud_stop(&o->cloud);
        rc = port_kv_format(PORT_NVS);
        if (rc == 0)
                rc = port_kv_mount(PORT_NVS);
        if (rc == 0)
                rc = console_restore_lock(&o->console);
        if (rc == 0 && !all)
                rc = esptopics_restore(&o->topics);
        if (rc < 0)
                say(PORT_ERROR, "reset to factory: %s", err_text(rc));
        restart(o);
}

static void roll_back(struct outlet *o, const char *why)
{
        int rc;

        say(PORT_ERROR, "update: version %s has failed its trial: %s", port_version(), why);
        o->trial = false;
        ota_stop(&o->ota);
        cloud_stop(&o->cloud);
        (void)strf(o->status, sizeof o->status, ROLLED_BACK ": %s", port_version(), why);
        rc = port_kv_set(PORT_NVS, OUTLET_NS, UPDATE_STATUS, o->status);
        if (rc < 0)
                say(PORT_WARN, "update: why is not stored: %s", err_text(rc));
        rc = port_ota_rollback();
        if (rc == 0) {
                o->stopped = true;
                return;
        }
        say(PORT_ERROR, "update: nothing to go back to: %s", err_text(rc));
        (void)port_ota_mark_valid();
        restart(o);
}

/* ---- what is due ---- */

/* o->status has changed: tell it. */
static void set_status(struct outlet *o, uint64_t now)
{
        o->shadow.value[SHADOW_OTA_STATUS] = o->status;
        shadow_report(&o->shadow, SHADOW_OTA_STATUS);
        esptopics_log(&o->topics, o->status, now);
}

static bool driver_is_fine(void)
{
        struct driver_check c;

        for (unsigned i = 0; driver_check(i, &c); i++)
                if (c.vital && strcmp(c.result, "ok") != 0)
                        return false;
        return true;
}

static void run_trial(struct outlet *o, uint64_t now)
{
        const bool reached =
                o->cfg->cloudless ? o->net.state == NET_UP : o->cloud.state == CLOUD_UP;
        int rc;

        if (!o->trial)
                return;
        if (!driver_is_fine()) {
                roll_back(o, "its driver finds the hardware bad");
        } else if (reached) {
                rc = port_ota_mark_valid();
                if (rc < 0) { /* tried again until the trial ends */
                        say(PORT_WARN, "update: cannot be marked valid: %s", err_text(rc));
                        if (now < o->trial_ends)
                                return;
                        roll_back(o, "it cannot be marked valid");
                        return;
                }
                o->trial = false;
                forget_installed(o);
                (void)strf(o->status, sizeof o->status, VALID, port_version());
                say(PORT_INFO, "update: %s", o->status);
                set_status(o, now);
        } else if (now >= o->trial_ends) {
                roll_back(o, "the cloud was not reached in time");
        }
}

static void start_update(struct outlet *o, const char *url, bool from_shadow, uint64_t now)
{
        int rc;

        if (o->trial || ota_busy(&o->ota)) {
                esptopics_log(&o->topics,
                              o->trial ? "update: not now: this version is on trial"
                                       : "update: not now: one is under way",
                              now);
                return;
        }
        o->cloud_update = from_shadow;
        rc = ota_begin(&o->ota, url, now);
        o->ota_told = OTA_IDLE; /* whatever comes of it is told */
        if (rc < 0)
                o->ota.state = OTA_REFUSED;
}

/* The shadow's wish for an update comes with every delta until it is reported: once is enough. */
static void take_url(struct outlet *o, uint64_t now)
{
        const char *want = o->shadow.want_url;

        if ((o->cloud_update && strcmp(want, o->asked_url) == 0) || strcmp(want, o->done_url) == 0)
                o->shadow.want_url[0] = 0;
        if (!want[0] || o->trial)
                return;
        if (o->cloud_update && o->ota.state == OTA_WAITING) /* for a server that is not there: the
                                                               wish has been corrected */
                ota_stop(&o->ota);
        if (ota_busy(&o->ota))
                return;
        memcpy(o->asked_url, want, strlen(want) + 1);
        o->shadow.want_url[0] = 0;
        o->ota.avoid = NULL;
        start_update(o, o->asked_url, true, now);
}

static void take_wishes(struct outlet *o, uint64_t now)
{
        int policy;

        if (o->shadow.want_power_on[0]) {
                policy = poweron_parse(o->shadow.want_power_on);
                if (policy >= 0 &&
                    poweron_set_policy(&o->poweron, (enum poweron_policy)policy) == 0)
                        shadow_report(&o->shadow, SHADOW_POWER_ON);
                else
                        shadow_changed(&o->shadow, SHADOW_POWER_ON);
                o->shadow.value[SHADOW_POWER_ON] = poweron_name(o->poweron.policy);
                o->shadow.want_power_on[0] = 0;
        }
        take_url(o, now);
        if (o->topics.want_run) {
                o->topics.want_run = false;
                o->ota.avoid = NULL;
                if (esptopics_url(&o->topics))
                        start_update(o, esptopics_url(&o->topics), false, now);
                else
                        esptopics_log(&o->topics, "update: no URL", now);
        }
        if (o->topics.want_restart) {
                o->topics.want_restart = false;
                esptopics_log(&o->topics, "restarting", now);
                restart(o);
        }
}

/* An update that has ended is remembered over a restart: one that the shadow has asked for is not
 * begun again, and a version that is rolled back is known as such. */
static void remember_update(struct outlet *o)
{
        int rc = port_kv_set(PORT_NVS, OUTLET_NS, UPDATE_STATUS, o->status);

        if (rc == 0 && o->ota.state == OTA_DONE)
                rc = port_kv_set(PORT_NVS, OUTLET_NS, UPDATE_VERSION, o->ota.version);
        if (rc == 0 && o->cloud_update)
                rc = port_kv_set(PORT_NVS, OUTLET_NS, UPDATE_URL, o->asked_url);
        if (rc < 0)
                say(PORT_WARN, "update: its end is not stored: %s", err_text(rc));
        if (!o->cloud_update)
                return;
        memcpy(o->done_url, o->asked_url, sizeof o->done_url);
        o->shadow.value[SHADOW_OTA_URL] = o->done_url;
        shadow_report(&o->shadow, SHADOW_OTA_URL);
        o->cloud_update = false;
}

static void watch_update(struct outlet *o, uint64_t now)
{
        const enum ota_state state = o->ota.state;

        if (state == o->ota_told)
                return;
        o->ota_told = state;
        if (state == OTA_WAITING || state == OTA_ASKING)
                return; /* a resumption is nobody's business */
        memcpy(o->status, o->ota.status, sizeof o->status);
        set_status(o, now);
        if (state == OTA_READING)
                return;
        if (o->cloud_update || state == OTA_DONE)
                remember_update(o);
        if (state == OTA_DONE)
                restart(o);
}

static void check_periodically(struct outlet *o, uint64_t now)
{
        if (o->topics.interval_s != o->check_s)
                plan_check(o, now);
        if (now < o->next_check)
                return;
        plan_check(o, now);
        if (o->net.state != NET_UP || !esptopics_url(&o->topics) || ota_busy(&o->ota) || o->trial)
                return;
        o->ota.avoid = rolled_back(o) ? o->installed : NULL;
        start_update(o, esptopics_url(&o->topics), false, now);
}

/* What was done at the product itself. */
static void take_news(struct outlet *o)
{
        const struct driver_news news = driver_news();
        size_t count;
        const struct driver_property *p = driver_properties(&count);

        for (unsigned i = 0; i < count; i++) {
                if (!(news.changed >> i & 1u))
                        continue;
                if (p[i].is_measured) {
                        shadow_report(&o->shadow, i);
                        continue;
                }
                say(PORT_INFO, "driver: %s is %d", p[i].name, (int)driver_get(i));
                shadow_changed(&o->shadow, i);
        }
        if (news.reset || news.reset_all)
                reset_to_factory(o, news.reset_all);
}

static enum driver_mood mood(const struct outlet *o)
{
        if (o->net.state == NET_PROVISIONING)
                return DRIVER_PROVISIONING;
        if (o->net.state == NET_UP)
                return o->cloud.state == CLOUD_UP || o->cfg->cloudless ? DRIVER_ONLINE
                                                                       : DRIVER_JOINING;
        return o->net.state == NET_JOINING ? DRIVER_JOINING : DRIVER_OFFLINE;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static uint64_t run_driver(struct outlet *o, uint64_t now)
{
        const uint64_t due = driver_tick(mood(o), now);

        take_news(o);
        return due;
}

/* For those who read /esp/log: once a start, when the cloud is reached. */
static void greet(struct outlet *o, uint64_t now)
{
        char line[SAY_MAX];

        if (o->greeted)
                return;
        o->greeted = true;
        (void)strf(line, sizeof line, "%s %s has started%s%s", port_project(), port_version(),
                   o->status[0] ? ", update: " : "", o->status);
        esptopics_log(&o->topics, line, now);
}

static void follow_cloud(struct outlet *o, uint64_t now)
{
        const bool up = o->cloud.state == CLOUD_UP;

        cloud_net(&o->cloud, o->net.state == NET_UP, now);
        if (up == o->cloud_up)
                return;
        o->cloud_up = up;
        if (!up) {
                shadow_disconnected(&o->shadow);
                return;
        }
        shadow_connected(&o->shadow, now);
        greet(o, now);
}

static uint64_t work(struct outlet *o, uint64_t now)
{
        uint64_t due = UINT64_MAX;

        (void)run_driver(o, now);
        if (o->stopped)
                return UINT64_MAX;
        due = sooner(due, poweron_tick(&o->poweron, driver_get(0) == 1, now));
        due = sooner(due, net_tick(&o->net, now));
        follow_cloud(o, now);
        due = sooner(due, cloud_tick(&o->cloud, now));
        follow_cloud(o, now);
        run_trial(o, now);
        if (o->stopped)
                return UINT64_MAX;
        take_wishes(o, now);
        check_periodically(o, now);
        due = sooner(due, ota_tick(&o->ota, now));
        watch_update(o, now);
        if (o->stopped)
                return UINT64_MAX;
        if (!o->cfg->no_shadow)
                due = sooner(due, shadow_tick(&o->shadow, now));
        due = sooner(due, o->next_check);
        if (o->trial)
                due = sooner(due, o->trial_ends);
        return sooner(due, run_driver(o, now)); /* again: its light shows what has become of it */
}

uint64_t outlet_tick(struct outlet *o, uint64_t now)
{
        uint64_t due;

        if (o->stopped)
                return UINT64_MAX;
        due = work(o, now);
        return due <= now ? now + 1 : due;
}

/* ---- events ---- */

static void message(struct outlet *o, const struct port_event *ev, uint64_t now)
{
        const char *p = ev->message.n ? (const char *)ev->message.p : "";

        if (!o->cfg->no_shadow &&
            shadow_message(&o->shadow, ev->message.topic, p, ev->message.n, now))
                return;
        (void)esptopics_message(&o->topics, ev->message.topic, p, ev->message.n, now);
}

void outlet_event(struct outlet *o, const struct port_event *ev, uint64_t now)
{
        if (o->stopped)
                return;
        switch (ev->type) {
        case PORT_EV_GPIO:
                driver_event(ev, now);
                break;
        case PORT_EV_CONSOLE:
                console_input(&o->console, ev->data.p, ev->data.n);
                net_console(&o->net, !o->console.locked);
                if (o->console.made)
                        restart(o);
                break;
        case PORT_EV_MQTT_UP:
                if (o->cloud.state == CLOUD_CONNECTING) {
                        if (!o->cfg->no_shadow)
                                shadow_subscribe(&o->shadow);
                        esptopics_subscribe(&o->topics);
                }
                cloud_event(&o->cloud, ev, now);
                break;
        case PORT_EV_MQTT_SUBSCRIBED:
        case PORT_EV_MQTT_DOWN:
                cloud_event(&o->cloud, ev, now);
                break;
        case PORT_EV_MQTT_MESSAGE:
                message(o, ev, now);
                break;
        default:
                net_event(&o->net, ev, now);
                ota_event(&o->ota, ev, now);
                break;
        }
}
