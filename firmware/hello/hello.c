/* The tutorial's hello world, which its chapter on updates updates to: counts, every five seconds.
 * It has no network, so a cable brings what comes after it. */
#include "base/strf.h"
#include "firmware/port/linux/app.h"

#define EVERY_MS   5000u
#define CONFIRM_MS 1000u /* a new version that lives so long is fit */

static uint64_t next_at, confirm_at;
static unsigned count;

void app_start(uint64_t now)
{
        char line[128];
        uint8_t mac[6];

        port_mac(mac);
        strf(line, sizeof line, "%s %s on %02x:%02x:%02x:%02x:%02x:%02x", port_project(),
             port_version(), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
        port_log(PORT_INFO, line);
        next_at = now;
        confirm_at = port_ota_state() == PORT_OTA_PENDING ? now + CONFIRM_MS : UINT64_MAX;
}

/* What is typed comes back; an "r" restarts. */
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
        char line[40];

        if (now >= next_at) {
                next_at += EVERY_MS;
                port_console_write(line, strf(line, sizeof line, "[%u] Hello world!\r\n", count++));
        }
        if (now >= confirm_at) {
                confirm_at = UINT64_MAX;
                if (port_ota_mark_valid() == 0)
                        port_log(PORT_INFO, "this version is fit: confirmed");
        }
        return next_at < confirm_at ? next_at : confirm_at;
}
