/* port.h's provisioning: Espressif's manager, which joins by itself and stops a moment after the
 * client knows. */
#include <string.h>

#include <esp_wifi.h>

#include "base/bytes.h"
#include "base/err.h"
#include "loop.h"
#include "machine.h"
#include "prov_api.h"
#include "wifi.h"

static bool running;
static uint32_t turn; /* of this provisioning: what an earlier one says late is not heard */
#if PROV_HAS_SECURITY_2
static prov_security2_t security2;
#endif

struct news {
        uint32_t turn;
        prov_event_t event;
        char ssid[33];
};

static void end(void)
{
        running = false;
        (void)prov_mgr_deinit(); /* gives Bluetooth's memory back */
        loop_drop(LOOP_PROV);
}

/* Success: the manager has ended the service. */
static void finish(void)
{
        struct port_event ev = { .type = PORT_EV_PROV_DONE };
        const struct port_event lost = { .type = PORT_EV_WIFI_DOWN, .wifi = PORT_WIFI_LOST };
        bool up;

        end();
        ev.text = wifi_take_back();
        up = ev.text != NULL;
        loop_post(LOOP_PROV, &ev);
        if (!up) /* it was up when the client was told */
                loop_post(LOOP_WIFI, &lost);
}

/* In the app's task. */
static void take(const void *data, size_t n)
{
        const struct news *news = data;
        struct port_event ev = { .type = PORT_EV_PROV_CREDENTIALS, .text = news->ssid };

        (void)n;
        if (!running || news->turn != turn)
                return;
        switch (news->event) {
        case PROV_CREDENTIALS:
                loop_post(LOOP_PROV, &ev);
                break;
        case PROV_FAILED:
                ev.type = PORT_EV_PROV_FAILED;
                ev.wifi = wifi_why();
                loop_post(LOOP_PROV, &ev);
                break;
        case PROV_SUCCESS:
                if (wifi_proven() < 0)
                        port_log(PORT_ERROR, "provisioning: the credentials are not stored");
                break;
        case PROV_END:
                finish();
                break;
        default:
                break;
        }
}

/* In a task of the manager's. */
static void on_event(void *ctx, prov_event_t event, void *data)
{
        struct news news = { .turn = (uint32_t)(uintptr_t)ctx, .event = event };

        if (event == PROV_CREDENTIALS)
                memcpy(news.ssid, ((const wifi_sta_config_t *)data)->ssid, sizeof news.ssid - 1);
        loop_call(take, &news, sizeof news);
}

/* False: the build has no such transport. */
static bool choose(enum port_prov_transport transport, prov_config_t *cfg)
{
#if CONFIG_OUTLET_PROV_BLE
        if (transport == PORT_PROV_BLE) {
                cfg->scheme = PROV_SCHEME_BLE;
                cfg->scheme_event_handler = (typeof(cfg->scheme_event_handler))PROV_FREE_BLUETOOTH;
                return true;
        }
#endif
#if CONFIG_OUTLET_PROV_SOFTAP
        static esp_netif_t *ap;

        if (transport == PORT_PROV_SOFTAP) {
                if (!ap)
                        ap = esp_netif_create_default_wifi_ap();
                cfg->scheme = PROV_SCHEME_SOFTAP;
                return ap != NULL;
        }
#endif
        return false;
}

static esp_err_t start(const struct port_prov *p)
{
        if (p->security != 2)
                return prov_mgr_start(PROV_SECURITY_1, p->pop, p->service_name, p->service_key);
#if PROV_HAS_SECURITY_2
        security2 = (prov_security2_t){ .salt = (const char *)p->salt,
                                        .salt_len = (uint16_t)p->salt_len,
                                        .verifier = (const char *)p->verifier,
                                        .verifier_len = (uint16_t)p->verifier_len };
        return prov_mgr_start(PROV_SECURITY_2, &security2, p->service_name, p->service_key);
#else
        return ESP_ERR_NOT_SUPPORTED;
#endif
}

int port_prov_start(const struct port_prov *p)
{
        prov_config_t cfg = { .app_event_handler = { .event_cb = on_event } };
        esp_err_t err;
        int rc;

        port_prov_stop();
        if (p->security == 0) /* is not in these builds: sdkconfig.defaults */
                return -E_UNSUPPORTED;
        if (p->salt_len > UINT16_MAX || p->verifier_len > UINT16_MAX)
                return -E_RANGE;
        if ((rc = wifi_lend()) < 0)
                return rc;
        cfg.app_event_handler.user_data = (void *)(uintptr_t)++turn;
        if (!choose(p->transport, &cfg))
                return -E_UNSUPPORTED;
        if ((err = prov_mgr_init(cfg)) != ESP_OK)
                return machine_error(err);
        running = true;
        if ((err = start(p)) != ESP_OK) {
                end();
                (void)wifi_take_back();
        }
        return machine_error(err);
}

void port_prov_stop(void)
{
        if (!running)
                return;
        end();
        (void)wifi_take_back();
        port_wifi_leave();
}
