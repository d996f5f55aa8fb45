/* The outlet on the port for Linux. FW_CONFIG: the file with what this build decides. */
#include "firmware/core/outlet.h"
#include "firmware/port/linux/app.h"

#include FW_CONFIG

static struct outlet outlet;
static const struct outlet_config config = { OUTLET_CONFIG };

void app_start(uint64_t now)
{
        outlet_start(&outlet, &config, now);
}

void app_event(const struct port_event *ev, uint64_t now)
{
        outlet_event(&outlet, ev, now);
}

uint64_t app_tick(uint64_t now)
{
        return outlet_tick(&outlet, now);
}
