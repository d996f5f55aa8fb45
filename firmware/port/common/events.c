#include "events.h"

#include <stdlib.h>
#include <string.h>

#define TIMERS 8

static struct {
        uint64_t at;
        void (*fire)(void);
} timers[TIMERS];

/* The event, then the bytes that it points to. */
struct waiting {
        struct waiting *next;
        enum loop_owner owner;
        struct port_event ev;
        char bytes[];
};
static struct waiting *first, **last = &first;

void loop_timer_stop(void (*fire)(void))
{
        for (unsigned i = 0; i < TIMERS; i++)
                if (timers[i].fire == fire)
                        timers[i].fire = NULL;
}

void loop_timer(unsigned ms, void (*fire)(void))
{
        unsigned i = 0;

        loop_timer_stop(fire);
        while (i < TIMERS && timers[i].fire)
                i++;
        if (i == TIMERS)
                abort();
        timers[i].at = loop_now() + ms;
        timers[i].fire = fire;
}

static char *keep(char **to, const void *p, size_t n)
{
        char *at = *to;

        if (n)
                memcpy(at, p, n);
        at[n] = 0;
        *to = at + n + 1;
        return at;
}

static size_t text_len(const char *s)
{
        return s ? strlen(s) : 0;
}

void loop_post(enum loop_owner owner, const struct port_event *ev)
{
        size_t size = 2;
        struct waiting *w;
        char *to;

        if (ev->type == PORT_EV_MQTT_MESSAGE)
                size += strlen(ev->message.topic) + ev->message.n;
        else if (ev->type == PORT_EV_HTTP_DATA || ev->type == PORT_EV_CONSOLE)
                size += ev->data.n;
        else if (ev->type == PORT_EV_HTTP_HEAD)
                size += text_len(ev->http.etag);
        else if (ev->type == PORT_EV_WIFI_UP || ev->type == PORT_EV_PROV_CREDENTIALS ||
                 ev->type == PORT_EV_PROV_DONE)
                size += text_len(ev->text);
        if (!(w = malloc(sizeof *w + size)))
                abort();
        *w = (struct waiting){ .owner = owner, .ev = *ev };
        to = w->bytes;
        if (ev->type == PORT_EV_MQTT_MESSAGE) {
                w->ev.message.topic = keep(&to, ev->message.topic, strlen(ev->message.topic));
                w->ev.message.p = (uint8_t *)keep(&to, ev->message.p, ev->message.n);
        } else if (ev->type == PORT_EV_HTTP_DATA || ev->type == PORT_EV_CONSOLE) {
                w->ev.data.p = (uint8_t *)keep(&to, ev->data.p, ev->data.n);
        } else if (ev->type == PORT_EV_HTTP_HEAD) {
                if (ev->http.etag)
                        w->ev.http.etag = keep(&to, ev->http.etag, strlen(ev->http.etag));
        } else if (size > 2) {
                w->ev.text = keep(&to, ev->text, strlen(ev->text));
        }
        *last = w;
        last = &w->next;
}

void loop_drop(enum loop_owner owner)
{
        struct waiting **p = &first;

        while (*p) {
                struct waiting *w = *p;

                if (w->owner == owner) {
                        *p = w->next;
                        free(w);
                } else {
                        p = &w->next;
                }
        }
        last = p;
}

void events_deliver(void (*take)(const struct port_event *ev, uint64_t now))
{
        while (first) {
                struct waiting *w = first;

                first = w->next;
                if (!first)
                        last = &first;
                take(&w->ev, loop_now());
                free(w);
        }
}

uint64_t events_due(uint64_t due)
{
        for (unsigned i = 0; i < TIMERS; i++)
                if (timers[i].fire && timers[i].at < due)
                        due = timers[i].at;
        return first ? 0 : due;
}

void events_fire(void)
{
        const uint64_t now = loop_now();

        for (unsigned i = 0; i < TIMERS; i++) {
                void (*fire)(void) = timers[i].fire;

                if (!fire || timers[i].at > now)
                        continue;
                timers[i].fire = NULL;
                fire();
        }
}
