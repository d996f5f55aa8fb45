#include "line/line_view.h"

#include <string.h>
#include <time.h>

#include "base/err.h"
#include "host/json.h"
#include "line/line_talk.h"

const char *line_phase_word(enum line_phase p)
{
        static const char *const words[LINE_PHASES] = {
                [LINE_EMPTY] = "empty",   [LINE_CONNECT] = "connect", [LINE_CLAIM] = "claim",
                [LINE_MAKE] = "make",     [LINE_WRITE] = "write",     [LINE_SECURE] = "secure",
                [LINE_TEST] = "test",     [LINE_KEYS] = "keys",       [LINE_LABEL] = "label",
                [LINE_RECORD] = "record", [LINE_PASS] = "pass",       [LINE_BEFORE] = "before",
                [LINE_FAIL] = "fail",     [LINE_TROUBLE] = "trouble",
        };

        return p < LINE_PHASES ? words[p] : "?";
}

void line_view_init(struct line_view *v)
{
        pthread_condattr_t a;

        memset(v, 0, sizeof *v);
        pthread_mutex_init(&v->lock, NULL);
        pthread_condattr_init(&a);
        pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
        pthread_cond_init(&v->changed, &a);
        pthread_condattr_destroy(&a);
        v->began = time(NULL);
}

void line_view_free(struct line_view *v)
{
        pthread_cond_destroy(&v->changed);
        pthread_mutex_destroy(&v->lock);
}

static void changed(struct line_view *v, enum line_news what, size_t slot)
{
        v->version++;
        if (v->news)
                v->news(v->ctx, v, what, slot);
        pthread_cond_broadcast(&v->changed);
}

int line_view_slot(struct line_view *v, const char *name, const char *port)
{
        int rc = -E_NOSPACE;

        pthread_mutex_lock(&v->lock);
        if (v->slot_count < LINE_SLOTS_MAX) {
                struct line_slot_view *s = &v->slots[v->slot_count];

                snprintf(s->name, sizeof s->name, "%s", name);
                snprintf(s->port, sizeof s->port, "%s", port);
                rc = (int)v->slot_count++;
                changed(v, LINE_NEWS_SLOT, (size_t)rc);
        }
        pthread_mutex_unlock(&v->lock);
        return rc;
}

struct line_slot_view *line_view_take(struct line_view *v, size_t slot)
{
        pthread_mutex_lock(&v->lock);
        return &v->slots[slot];
}

void line_view_done(struct line_view *v, size_t slot, enum line_news what)
{
        changed(v, what, slot);
        pthread_mutex_unlock(&v->lock);
}

void line_view_notice(struct line_view *v, const char *text)
{
        pthread_mutex_lock(&v->lock);
        if (strcmp(v->notice, text ? text : "") != 0) {
                snprintf(v->notice, sizeof v->notice, "%s", text ? text : "");
                changed(v, LINE_NEWS_NOTICE, 0);
        }
        pthread_mutex_unlock(&v->lock);
}

void line_view_stopping(struct line_view *v)
{
        pthread_mutex_lock(&v->lock);
        if (!v->stopping) {
                v->stopping = true;
                changed(v, LINE_NEWS_NOTICE, 0);
        }
        pthread_mutex_unlock(&v->lock);
}

static void remember_failure(struct line_view *v, const struct line_slot_view *s)
{
        struct line_failure *f = v->failures;

        memmove(f + 1, f, (LINE_FAILURES_MAX - 1) * sizeof *f);
        memset(f, 0, sizeof *f);
        f->when = time(NULL);
        memcpy(f->slot, s->name, sizeof f->slot);
        memcpy(f->mac, s->mac, sizeof f->mac);
        memcpy(f->serial, s->serial, sizeof f->serial);
        memcpy(f->failure, s->failure, sizeof f->failure);
        memcpy(f->text, s->text, sizeof f->text);
        if (v->failure_count < LINE_FAILURES_MAX)
                v->failure_count++;
}

void line_view_count(struct line_view *v, const struct line_slot_view *s)
{
        struct line_slot_view *slot = &v->slots[s - v->slots];

        if (s->phase == LINE_PASS) {
                slot->passed++;
                v->totals.passed++;
                v->totals.cycle_ms += s->cycle_ms;
        } else if (s->phase == LINE_BEFORE) {
                v->totals.before++;
        } else {
                slot->failed++;
                v->totals.failed++;
                remember_failure(v, s);
        }
}

static void slot_json(struct json_writer *w, const struct line_slot_view *s, uint64_t now)
{
        json_open(w, NULL, '{');
        json_str(w, "slot", s->name);
        json_str(w, "port", s->port);
        json_str(w, "phase", line_phase_word(s->phase));
        json_uint(w, "permille", s->permille);
        json_uint(w, "ms",
                  line_phase_is_result(s->phase) ? s->cycle_ms
                  : s->phase == LINE_EMPTY       ? 0
                                                 : now - s->since);
        json_uint(w, "attempt", s->attempt);
        json_str(w, "mac", s->mac);
        json_str(w, "serial", s->serial);
        json_str(w, "version", s->version);
        json_str(w, "failure", s->failure);
        json_str(w, "text", s->text);
        json_str(w, "warning", s->warning);
        json_uint(w, "passed", s->passed);
        json_uint(w, "failed", s->failed);
        json_close(w, '}');
}

void line_view_json(struct line_view *v, FILE *out)
{
        struct json_writer w = { .out = out };
        const uint64_t now = talk_clock();

        pthread_mutex_lock(&v->lock);
        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "job", v->job);
        json_str(&w, "station", v->station);
        json_str(&w, "batch", v->batch);
        json_int(&w, "began", v->began);
        json_bool(&w, "stopping", v->stopping);
        json_str(&w, "notice", v->notice);
        json_uint(&w, "passed", v->totals.passed);
        json_uint(&w, "failed", v->totals.failed);
        json_uint(&w, "before", v->totals.before);
        json_uint(&w, "cycle_ms", v->totals.passed ? v->totals.cycle_ms / v->totals.passed : 0);
        json_open(&w, "slots", '[');
        for (size_t i = 0; i < v->slot_count; i++)
                slot_json(&w, &v->slots[i], now);
        json_close(&w, ']');
        json_open(&w, "failures", '[');
        for (size_t i = 0; i < v->failure_count; i++) {
                const struct line_failure *f = &v->failures[i];

                json_open(&w, NULL, '{');
                json_int(&w, "when", f->when);
                json_str(&w, "slot", f->slot);
                json_str(&w, "mac", f->mac);
                json_str(&w, "serial", f->serial);
                json_str(&w, "failure", f->failure);
                json_str(&w, "text", f->text);
                json_close(&w, '}');
        }
        json_close(&w, ']');
        json_close(&w, '}');
        pthread_mutex_unlock(&v->lock);
}

uint64_t line_view_wait(struct line_view *v, uint64_t version, unsigned timeout_ms)
{
        struct timespec t;
        uint64_t now;

        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += timeout_ms / 1000;
        t.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
        if (t.tv_nsec >= 1000000000) {
                t.tv_sec++;
                t.tv_nsec -= 1000000000;
        }
        pthread_mutex_lock(&v->lock);
        while (v->version == version && pthread_cond_timedwait(&v->changed, &v->lock, &t) == 0)
                ;
        now = v->version;
        pthread_mutex_unlock(&v->lock);
        return now;
}
