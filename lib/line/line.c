/* Slots: who is plugged in where, a thread each, and the end of all of it. */
#include "line/line.h"

#include <errno.h>
#include <libudev.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "line/line_impl.h"
#include "host/pool.h"
#include "host/ports.h"

#define LOOK_MS   200u  /* between two looks at a port that has no board */
#define HOLD_MS   2000u /* a result is to be seen for so long, also when the link is gone */
#define SETTLE_MS 2000u /* a new port gets its permissions within this */
#define TICK_MS   200

#define PATIENCE_MS 5000u /* with the ledger; then it is said, and tried again */

struct slot {
        struct line_station *st;
        size_t index;
        pthread_t thread;
        bool joined;
        atomic_bool over;
};

static void nap(unsigned ms)
{
        const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

        nanosleep(&t, NULL);
}

static void show(struct slot *s, enum line_phase p, const char *text)
{
        struct line_view *view = s->st->cfg->view;
        struct line_slot_view *v = line_view_take(view, s->index);

        if (v->phase == p && !strcmp(v->text, text)) {
                pthread_mutex_unlock(&view->lock);
                return;
        }
        v->phase = p;
        v->mac[0] = v->serial[0] = v->version[0] = v->failure[0] = v->warning[0] = 0;
        snprintf(v->text, sizeof v->text, "%s", text);
        line_view_done(view, s->index, LINE_NEWS_PHASE);
}

/* Who has one board for each slot may wonder what is waited for. */
static void show_empty(struct slot *s, const struct diag *d)
{
        char text[LINE_TEXT_MAX] = "";

        if (s->st->cfg->once)
                snprintf(text, sizeof text, "waits for a board: %.160s", diag_text(d));
        show(s, LINE_EMPTY, text);
}

/* The port as soon as it can be opened; NULL: the line ends. */
static struct link *await_board(struct slot *s)
{
        uint64_t trouble = 0;

        while (!line_ends(s->st)) {
                struct diag d = { 0 };
                struct link *link;
                const int rc =
                        link_open(s->st->cfg->view->slots[s->index].port, ROMLDR_BAUD, &link, &d);

                if (rc == 0)
                        return link;
                if (rc == -E_LINK || rc == -E_NOTFOUND) {
                        trouble = 0;
                        show_empty(s, &d);
                } else if (!trouble) {
                        trouble = talk_clock();
                } else if (talk_clock() - trouble > SETTLE_MS) {
                        show(s, LINE_TROUBLE, diag_text(&d));
                }
                nap(LOOK_MS);
        }
        return NULL;
}

/*
 * Until the board is pulled: its port goes, or the other end hangs up. What it prints is of no
 * interest. A board whose link was lost is not tried again by itself: it stays until it is pulled.
 * Another one on the same adapter: its link is returned.
 */
static struct link *await_removal(struct slot *s, struct link *link)
{
        const uint64_t hold = talk_clock() + HOLD_MS;
        struct line_station *st = s->st;

        if (!link)
                link_open(st->cfg->view->slots[s->index].port, ROMLDR_BAUD, &link, NULL);
        if (st->cfg->jig)
                link = line_swap_jig(st, s->index, link);
        else if (link)
                link = line_swap_listen(st, s->index, link);
        while (!link && !line_ends(st) && talk_clock() < hold)
                nap(LOOK_MS);
        return link;
}

/* Of a board that is not there any more. link: of the next one, taken; NULL: the line ends. */
static struct link *hold_result(struct slot *s, struct link *link)
{
        const uint64_t until = talk_clock() + HOLD_MS;

        while (!line_ends(s->st) && talk_clock() < until)
                nap(LOOK_MS);
        if (!line_ends(s->st))
                return link;
        link_close(link);
        return NULL;
}

/* A slot that does one board only, or a line that has made what it should. */
static void count_result(struct slot *s)
{
        const struct line_config *cfg = s->st->cfg;
        uint64_t passed;

        line_view_take(cfg->view, s->index);
        passed = cfg->view->totals.passed;
        pthread_mutex_unlock(&cfg->view->lock);
        if (cfg->count && passed >= cfg->count)
                atomic_store(&s->st->stop, true);
}

/* The boards of one port, as long as it is there. False: the slot is done. */
static bool work_port(struct slot *s, struct link *link)
{
        if (s->st->cfg->jig)
                link = line_swap_first(s->st, s->index, link);
        while (link) {
                struct link *left = NULL;
                const int rc = line_unit_run(s->st, s->index, link, &left);

                count_result(s);
                if (s->st->cfg->once || rc < 0) {
                        link_close(left);
                        return false;
                }
                link = rc > 0 ? hold_result(s, left) : await_removal(s, left);
        }
        return true;
}

static void *slot_main(void *arg)
{
        struct slot *s = arg;
        struct link *link;

        while ((link = await_board(s)) && work_port(s, link))
                ;
        atomic_store(&s->over, true);
        return NULL;
}

/* ---- all slots ---- */

struct hall {
        struct line_station st;
        struct slot slots[LINE_SLOTS_MAX];
        size_t count;
        struct udev *udev;
        struct udev_monitor *monitor;
};

static int start_slot(struct hall *h, struct diag *d)
{
        struct slot *s = &h->slots[h->count];

        s->st = &h->st;
        s->index = h->count;
        if (pthread_create(&s->thread, NULL, slot_main, s) != 0)
                return diag_set(d, E_NOMEM, "no thread for slot %zu", h->count + 1);
        h->count++;
        return 0;
}

/* A stable name of a USB port: where it is plugged in. */
static void usb_names(const struct port_info *p, char name[LINE_NAME_MAX], char port[192])
{
        const char *usb = strstr(p->by_path, "usb-");
        const char *base = strrchr(p->path, '/');

        snprintf(port, 192, "%s", p->by_path[0] ? p->by_path : p->path);
        /* "…-usb-0:1.4.2:1.0-port0": hub and sockets are what tells slots apart */
        if (usb && strchr(usb, ':'))
                snprintf(name, LINE_NAME_MAX, "usb-%.*s", (int)strcspn(strchr(usb, ':') + 1, ":"),
                         strchr(usb, ':') + 1);
        else
                snprintf(name, LINE_NAME_MAX, "%.31s", base ? base + 1 : p->path);
}

/* Every USB serial port that has no slot yet gets one. */
static int find_usb(struct hall *h, struct diag *d)
{
        static const size_t cap = LINE_SLOTS_MAX;
        struct line_view *v = h->st.cfg->view;
        struct port_info *found = calloc(cap, sizeof *found);
        size_t n = 0;
        int rc = found ? ports_list(found, cap, &n, d) : diag_set(d, E_NOMEM, "out of memory");

        for (size_t i = 0; rc == 0 && i < n && i < cap; i++) {
                char name[LINE_NAME_MAX];
                char port[192];
                bool known = false;

                usb_names(&found[i], name, port);
                for (size_t k = 0; k < v->slot_count; k++)
                        known = known || !strcmp(v->slots[k].port, port);
                if (known || h->count == LINE_SLOTS_MAX || line_view_slot(v, name, port) < 0)
                        continue;
                rc = start_slot(h, d);
        }
        free(found);
        return rc;
}

static int watch_usb(struct hall *h, struct diag *d)
{
        h->udev = udev_new();
        h->monitor = h->udev ? udev_monitor_new_from_netlink(h->udev, "udev") : NULL;
        if (!h->monitor ||
            udev_monitor_filter_add_match_subsystem_devtype(h->monitor, "tty", NULL) < 0 ||
            udev_monitor_enable_receiving(h->monitor) < 0)
                return diag_set(d, E_IO, "udev does not tell what is plugged in: %s",
                                strerror(errno));
        return find_usb(h, d);
}

static int hotplug(struct hall *h, struct diag *d)
{
        struct udev_device *dev = udev_monitor_receive_device(h->monitor);
        const char *action = dev ? udev_device_get_action(dev) : NULL;
        const bool added = action && !strcmp(action, "add");

        udev_device_unref(dev);
        return added ? find_usb(h, d) : 0;
}

static bool all_over(struct hall *h)
{
        for (size_t i = 0; i < h->count; i++)
                if (!atomic_load(&h->slots[i].over))
                        return false;
        return h->count > 0 || !h->st.cfg->usb || line_ends(&h->st);
}

static int attend(struct hall *h, struct diag *d)
{
        int rc = 0;

        while (rc == 0 && !all_over(h)) {
                struct pollfd p = { .fd = h->monitor ? udev_monitor_get_fd(h->monitor) : -1,
                                    .events = POLLIN };

                if (poll(&p, 1, TICK_MS) > 0 && p.revents & POLLIN && !line_ends(&h->st))
                        rc = hotplug(h, d);
                if (line_ends(&h->st))
                        line_view_stopping(h->st.cfg->view);
        }
        return rc;
}

int line_run(const struct line_config *cfg, struct diag *d)
{
        struct hall *h;
        int rc = line_label_ready(cfg->job, d);

        if (rc < 0)
                return rc;
        if (!(h = calloc(1, sizeof *h)))
                return diag_set(d, E_NOMEM, "out of memory");
        h->st.cfg = cfg;
        pthread_mutex_init(&h->st.scanner, NULL);
        pthread_mutex_init(&h->st.desk, NULL);
        ledger_patience(cfg->ledger, PATIENCE_MS);
        while (rc == 0 && h->count < cfg->view->slot_count)
                rc = start_slot(h, d);
        if (rc == 0 && cfg->usb)
                rc = watch_usb(h, d);
        if (rc == 0)
                rc = attend(h, d);
        atomic_store(&h->st.stop, true);
        for (size_t i = 0; i < h->count; i++)
                pthread_join(h->slots[i].thread, NULL);
        udev_monitor_unref(h->monitor);
        udev_unref(h->udev);
        pthread_mutex_destroy(&h->st.scanner);
        pthread_mutex_destroy(&h->st.desk);
        free(h);
        return rc;
}

static struct ledger_batch counter_of(const struct line_config *cfg)
{
        const struct line_job *j = cfg->job;

        return (struct ledger_batch){ cfg->batch, j->serial.text, (int64_t)j->serial_start,
                                      (int64_t)(j->serial_start + j->serial_count - 1) };
}

int line_batch_check(const struct line_config *cfg, struct diag *d)
{
        const struct ledger_batch b = counter_of(cfg);

        switch (cfg->job->serials) {
        case LINE_SERIAL_MAC:
                return 0;
        case LINE_SERIAL_COUNTER:
                return ledger_batch_clash(cfg->ledger, &b, d);
        case LINE_SERIAL_LIST:
                break;
        }
        return ledger_list_clash(cfg->ledger, cfg->batch, (const char *const *)cfg->kit->serials,
                                 cfg->kit->serial_count, d);
}

int line_batch_define(const struct line_config *cfg, struct diag *d)
{
        const struct line_job *j = cfg->job;
        const struct line_kit *k = cfg->kit;
        const struct ledger_batch b = counter_of(cfg);
        struct ledger_import_counts counts;
        struct ledger_identity *rows;
        int rc;

        if (j->serials == LINE_SERIAL_MAC)
                return 0;
        if (j->serials == LINE_SERIAL_COUNTER)
                return (rc = ledger_batch_define(cfg->ledger, &b, d)) < 0 ? rc : 0;
        if (!(rows = calloc(k->serial_count + 1, sizeof *rows)))
                return diag_set(d, E_NOMEM, "out of memory");
        for (size_t i = 0; i < k->serial_count; i++)
                rows[i].serial = k->serials[i];
        rc = ledger_import(cfg->ledger, cfg->batch, rows, k->serial_count, &counts, NULL, d);
        free(rows);
        return rc < 0 ? rc : 0;
}
