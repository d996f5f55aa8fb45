#include "firmware/core/button.h"

void button_init(struct button *b, bool pressed, uint64_t now)
{
        *b = (struct button){ .raw = pressed, .stable = pressed, .armed = !pressed };
        b->raw_since = b->pressed_at = now;
}

static enum button_action released(struct button *b, uint64_t at)
{
        const uint64_t held = at - b->pressed_at;

        if (!b->armed) {
                b->armed = true;
                return BUTTON_NONE;
        }
        if (held >= BUTTON_RESET_ALL_MS)
                return BUTTON_RESET_ALL;
        if (held >= BUTTON_RESET_MS)
                return BUTTON_RESET;
        if (b->clicked && at - b->last_click < BUTTON_DEBOUNCE_MS)
                return BUTTON_NONE;
        b->clicked = true;
        b->last_click = at;
        return BUTTON_CLICK;
}

enum button_action button_update(struct button *b, bool pressed, uint64_t now)
{
        enum button_action action = BUTTON_NONE;

        /* the level that was there until now may have lasted long enough */
        if (b->raw != b->stable && now - b->raw_since >= BUTTON_SETTLE_MS) {
                b->stable = b->raw;
                if (b->stable)
                        b->pressed_at = b->raw_since;
                else
                        action = released(b, b->raw_since);
        }
        if (pressed != b->raw) {
                b->raw = pressed;
                b->raw_since = now;
        }
        return action;
}

uint64_t button_held(const struct button *b, uint64_t now)
{
        return b->stable && b->armed ? now - b->pressed_at : 0;
}

uint64_t button_due(const struct button *b)
{
        return b->raw != b->stable ? b->raw_since + BUTTON_SETTLE_MS : UINT64_MAX;
}
