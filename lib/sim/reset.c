#include "sim/reset.h"

static enum sim_reset_event usb_lines(struct sim_reset *r, bool was_reset)
{
        if (!r->rts)
                r->download_flag = r->dtr;
        if (r->rts && !r->dtr && !was_reset)
                return r->download_flag ? SIM_DOWNLOAD : SIM_RUN;
        return SIM_NOTHING;
}

enum sim_reset_event sim_reset_lines(struct sim_reset *r, bool dtr, bool rts, uint64_t now)
{
        const bool was_reset = r->rts && !r->dtr;

        r->dtr = dtr;
        r->rts = rts;
        if (r->kind == SIM_RESET_USB_JTAG)
                return usb_lines(r, was_reset);
        if (rts && !dtr) {
                const bool already = r->held;

                r->held = true;
                r->release_at = UINT64_MAX;
                return already ? SIM_NOTHING : SIM_HELD;
        }
        if (!r->held)
                return SIM_NOTHING;
        if (!rts)
                r->release_at = now + SIM_EN_RISE_MS;
        else if (r->release_at == UINT64_MAX)
                r->release_at = now + SIM_EN_HOLD_MS;
        return SIM_NOTHING;
}

uint64_t sim_reset_due(const struct sim_reset *r)
{
        return r->held ? r->release_at : UINT64_MAX;
}

enum sim_reset_event sim_reset_tick(struct sim_reset *r, uint64_t now)
{
        if (now < sim_reset_due(r))
                return SIM_NOTHING;
        r->held = false;
        return r->dtr && !r->rts ? SIM_DOWNLOAD : SIM_RUN;
}
