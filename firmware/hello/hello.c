/* The hello world that the update chapter of the tutorial updates to: says so, and goes on living.
 */
#include "base/strf.h"
#include "firmware/port/linux/app.h"

#define CONFIRM_MS 1000u /* a new version that lives so long is fit */

static uint64_t confirm_at;

void app_start(uint64_t now)
{
        char line[128];
        uint8_t mac[6];

        port_mac(mac);
        strf(line, sizeof line, "Hello world! %s %s on %02x:%02x:%02x:%02x:%02x:%02x",
             port_project(), port_version(), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
        port_log(PORT_INFO, line);
        confirm_at = now + CONFIRM_MS;
}

/* What is typed comes back; a "r" restarts. */
void app_event(const struct port_event *ev, uint64_t now)
{
        (void)now;
        if (ev->type != PORT_EV_CONSOLE)
                return;
        port_console_write((const char *)ev->data.p, ev->data.n);
        for (size_t i = 0; i < ev->data.n; i++)
                if (ev->data.p[i] == 'r')
                        port_restart();
}

uint64_t app_tick(uint64_t now)
{
        if (confirm_at && now >= confirm_at) {
                confirm_at = 0;
                if (port_ota_state() == PORT_OTA_PENDING && port_ota_mark_valid() == 0)
                        port_log(PORT_INFO, "this version is fit: confirmed");
        }
        return confirm_at ? confirm_at : UINT64_MAX;
}
