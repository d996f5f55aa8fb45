/* The outlet as an ESP-IDF app: what the build has decided, and the main loop. */
#include <esp_system.h>
#include <sdkconfig.h>

#include "firmware/core/outlet.h"
#include "loop.h"
#include "machine.h"
#include "mqtt.h"

#define SETTLE_MS 2000u

/* An empty string of Kconfig is none. */
#define OPTIONAL(text) (sizeof(text) > 1 ? (text) : NULL)

#if CONFIG_OUTLET_CA
extern const char outlet_ca[] __asm__("_binary_outlet_ca_pem_start");
#define CA outlet_ca
#else
#define CA NULL
#endif

static struct outlet outlet;

/* What a unit is told by its fctry partition wins over this. */
static const struct outlet_config config = {
        .wifi_ssid = OPTIONAL(CONFIG_OUTLET_WIFI_SSID),
        .wifi_passphrase = OPTIONAL(CONFIG_OUTLET_WIFI_PASSPHRASE),
#if CONFIG_OUTLET_TRANSPORT_BLE
        .transport = PORT_PROV_BLE,
#else
        .transport = PORT_PROV_SOFTAP,
#endif
        .endpoint = OPTIONAL(CONFIG_OUTLET_ENDPOINT),
        .ca = CA,
        .update_url = OPTIONAL(CONFIG_OUTLET_UPDATE_URL),
        .update_interval_s = CONFIG_OUTLET_UPDATE_INTERVAL,
        .selftest_s = CONFIG_OUTLET_SELFTEST,
#if CONFIG_OUTLET_ALLOW_DOWNGRADE
        .allow_downgrade = true,
#endif
#if CONFIG_OUTLET_CLOUD_TOPICS || CONFIG_OUTLET_CLOUD_NONE
        .no_shadow = true,
#endif
#if CONFIG_OUTLET_CLOUD_TOPICS || CONFIG_OUTLET_CLOUD_BOTH
        .esp_topics = true,
#endif
#if CONFIG_OUTLET_CLOUD_NONE
        .cloudless = true,
#endif
};

static void take(const struct port_event *ev, uint64_t now)
{
        outlet_event(&outlet, ev, now);
}

void app_main(void)
{
        loop_start();
        outlet_start(&outlet, &config, loop_now());
        machine_start();
        while (!machine_restart_wanted()) {
                const uint64_t due = outlet_tick(&outlet, loop_now());

                if (!machine_restart_wanted())
                        loop_turn(due, take);
        }
        mqtt_settle(SETTLE_MS);
        esp_restart();
}
