/* The outlet on the port for Linux. */
#include "firmware/core/outlet.h"
#include "firmware/port/linux/app.h"

static struct outlet outlet;

/* What a unit is told by its fctry partition wins over this. */
static const struct outlet_config config = { .transport = PORT_PROV_SOFTAP };

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
