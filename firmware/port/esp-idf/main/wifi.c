/* port.h's Wi-Fi station: esp_wifi, which also keeps the credentials (in PORT_NVS). */
#include "wifi.h"

#include <string.h>

#include <esp_event.h>
#include <esp_netif.h>
#include <esp_wifi.h>

#include "base/bytes.h"
#include "base/err.h"
#include "loop.h"
#include "machine.h"

#define PATIENCE_MS 50000u /* for all of a join */

/* In PORT_NVS, while the credentials there have not joined yet. */
#define SPACE    "wifi"
#define UNPROVEN "unproven"

static enum { OFF, IDLE, JOINING, UP, LENT } state;
static bool running;    /* the driver has said so */
static bool associated; /* this attempt got as far as that */
static enum port_wifi_reason why;
static char address[16];

struct news {
        enum { STARTED, STOPPED, ASSOCIATED, LOST, ADDRESS, NO_ADDRESS } what;
        uint8_t reason;
        esp_ip4_addr_t ip;
};

static enum port_wifi_reason reason_of(uint8_t reason)
{
        switch (reason) {
        case WIFI_REASON_AUTH_FAIL:
        case WIFI_REASON_4WAY_HANDSHAKE_TIMEOUT:
        case WIFI_REASON_HANDSHAKE_TIMEOUT:
        case WIFI_REASON_MIC_FAILURE:
        case WIFI_REASON_802_1X_AUTH_FAILED:
                return PORT_WIFI_WRONG_KEY;
        case WIFI_REASON_NO_AP_FOUND:
                return PORT_WIFI_NOT_FOUND;
        default:
                return PORT_WIFI_OTHER;
        }
}

static void give_up(void);

static void down(enum port_wifi_reason reason)
{
        const struct port_event ev = { .type = PORT_EV_WIFI_DOWN, .wifi = reason };

        loop_timer_stop(give_up);
        state = IDLE;
        why = reason;
        loop_post(LOOP_WIFI, &ev);
}

static void give_up(void)
{
        const enum port_wifi_reason reason = associated ? PORT_WIFI_NO_ADDRESS : PORT_WIFI_OTHER;

        (void)esp_wifi_disconnect();
        down(reason);
}

static void up(void)
{
        const struct port_event ev = { .type = PORT_EV_WIFI_UP, .text = address };

        loop_timer_stop(give_up);
        state = UP;
        loop_post(LOOP_WIFI, &ev);
}

static void lost(uint8_t reason)
{
        const bool asked = reason == WIFI_REASON_ASSOC_LEAVE; /* by us: the end of something else */

        address[0] = 0;
        why = reason_of(reason);
        if (state == UP)
                down(PORT_WIFI_LOST);
        else if (state == JOINING && !asked)
                down(why);
}

/* In the app's task. */
static void take(const void *data, size_t n)
{
        const struct news *news = data;

        (void)n;
        if (news->what == STARTED) {
                running = true;
                if (state == JOINING && esp_wifi_connect() != ESP_OK)
                        down(PORT_WIFI_OTHER);
        } else if (news->what == STOPPED) {
                running = false;
        } else if (news->what == ASSOCIATED) {
                associated = true;
        } else if (news->what == LOST) {
                lost(news->reason);
        } else if (news->what == ADDRESS) {
                (void)esp_ip4addr_ntoa(&news->ip, address, sizeof address);
                if (state == JOINING)
                        up();
        } else if (news->what == NO_ADDRESS) {
                address[0] = 0;
                if (state != UP)
                        return;
                (void)esp_wifi_disconnect();
                down(PORT_WIFI_LOST);
        }
}

/* In the event loop's task. */
static void on_wifi(void *arg, esp_event_base_t base, int32_t id, void *data)
{
        struct news news = { .what = STARTED };

        (void)arg, (void)base;
        if (id == WIFI_EVENT_STA_CONNECTED) {
                news.what = ASSOCIATED;
        } else if (id == WIFI_EVENT_STA_DISCONNECTED) {
                news.what = LOST;
                news.reason = ((const wifi_event_sta_disconnected_t *)data)->reason;
        } else if (id == WIFI_EVENT_STA_STOP) {
                news.what = STOPPED;
        } else if (id != WIFI_EVENT_STA_START) {
                return;
        }
        loop_call(take, &news, sizeof news);
}

static void on_ip(void *arg, esp_event_base_t base, int32_t id, void *data)
{
        struct news news = { .what = ADDRESS };

        (void)arg, (void)base;
        if (id == IP_EVENT_STA_GOT_IP)
                news.ip = ((const ip_event_got_ip_t *)data)->ip_info.ip;
        else if (id == IP_EVENT_STA_LOST_IP)
                news.what = NO_ADDRESS;
        else
                return;
        loop_call(take, &news, sizeof news);
}

static esp_err_t start(void)
{
        wifi_init_config_t cfg = WIFI_INIT_CONFIG_DEFAULT();
        esp_err_t rc;

        if ((rc = esp_netif_init()) != ESP_OK || (rc = esp_event_loop_create_default()) != ESP_OK)
                return rc;
        if (!esp_netif_create_default_wifi_sta())
                return ESP_ERR_NO_MEM;
        rc = esp_wifi_init(&cfg);
        if (rc != ESP_OK) { /* without PORT_NVS: nothing is remembered */
                cfg.nvs_enable = false;
                rc = esp_wifi_init(&cfg);
        }
        if (rc == ESP_OK)
                rc = esp_event_handler_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_wifi, NULL);
        if (rc == ESP_OK)
                rc = esp_event_handler_register(IP_EVENT, ESP_EVENT_ANY_ID, on_ip, NULL);
        if (rc == ESP_OK)
                rc = esp_wifi_set_mode(WIFI_MODE_STA);
        return rc;
}

int wifi_start(void)
{
        static bool tried;
        static esp_err_t rc;

        if (!tried)
                rc = start();
        tried = true;
        if (rc == ESP_OK && state == OFF)
                state = IDLE;
        return machine_error(rc);
}

bool wifi_radio_on(void)
{
        return running;
}

bool port_wifi_stored(void)
{
        wifi_config_t cfg;
        bool there = wifi_start() == 0 && esp_wifi_get_config(WIFI_IF_STA, &cfg) == ESP_OK &&
                     cfg.sta.ssid[0] &&
                     port_kv_get(PORT_NVS, SPACE, UNPROVEN, NULL, 0) == -E_NOTFOUND;

        wipe(&cfg, sizeof cfg);
        return there;
}

/* Credentials for this attempt only. */
static esp_err_t configure(const struct port_wifi *w)
{
        wifi_config_t cfg = { 0 };
        const size_t ssid = strlen(w->ssid), pass = strlen(w->passphrase);
        esp_err_t rc;

        if (!ssid || ssid > sizeof cfg.sta.ssid || pass > sizeof cfg.sta.password)
                return ESP_ERR_INVALID_ARG;
        memcpy(cfg.sta.ssid, w->ssid, ssid);
        memcpy(cfg.sta.password, w->passphrase, pass);
        /* a network of this name without encryption is another one */
        cfg.sta.threshold.authmode = pass ? WIFI_AUTH_WPA_PSK : WIFI_AUTH_OPEN;
        rc = esp_wifi_set_storage(WIFI_STORAGE_RAM);
        if (rc == ESP_OK)
                rc = esp_wifi_set_config(WIFI_IF_STA, &cfg);
        wipe(&cfg, sizeof cfg);
        return rc;
}

int port_wifi_join(const struct port_wifi *w)
{
        esp_err_t err = ESP_OK;
        int rc;

        if ((rc = wifi_start()) < 0)
                return rc;
        port_wifi_leave();
        if (!w && !port_wifi_stored())
                return -E_NOTFOUND;
        if (w)
                err = configure(w);
        associated = false;
        if (err == ESP_OK)
                err = running ? esp_wifi_connect() : esp_wifi_start();
        if (err != ESP_OK)
                return machine_error(err);
        state = JOINING;
        loop_timer(PATIENCE_MS, give_up);
        return 0;
}

void port_wifi_leave(void)
{
        loop_timer_stop(give_up);
        loop_drop(LOOP_WIFI);
        if (state == JOINING || state == UP) {
                (void)esp_wifi_disconnect();
                state = IDLE;
        }
}

int port_wifi_rssi(void)
{
        wifi_ap_record_t ap;

        return address[0] && esp_wifi_sta_get_ap_info(&ap) == ESP_OK ? ap.rssi : 0;
}

int wifi_lend(void)
{
        int rc = wifi_start();

        if (rc < 0)
                return rc;
        port_wifi_leave();
        if ((rc = port_kv_set(PORT_NVS, SPACE, UNPROVEN, "")) < 0)
                port_log(PORT_WARN, "wifi: nothing can be stored");
        state = LENT;
        return 0;
}

int wifi_proven(void)
{
        return port_kv_erase(PORT_NVS, SPACE, UNPROVEN);
}

const char *wifi_take_back(void)
{
        state = address[0] ? UP : IDLE;
        return address[0] ? address : NULL;
}

enum port_wifi_reason wifi_why(void)
{
        return why;
}
