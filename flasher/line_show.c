#include "line_show.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "flasher.h"
#include "line/line_talk.h"

#define FRAME_MS 100u
#define IDLE_MS  1000u /* the clocks of working slots go on */
#define BIG_ROWS 6u
#define COLS_MAX 400u
#define FRAME_BYTES \
        65536u /* a frame is one write: whoever ends the process leaves no half of one */

static enum line_show how;
static pthread_t painter;
static atomic_bool painting;
static unsigned painted; /* rows of the last frame */

/* ---- lines ---- */

static void seconds_text(uint64_t ms, char out[24])
{
        snprintf(out, 24, "%llu.%llu s", (unsigned long long)(ms / 1000),
                 (unsigned long long)(ms % 1000 / 100));
}

static void log_result(const struct line_slot_view *s)
{
        char took[24];

        seconds_text(s->cycle_ms, took);
        printf("%s: %s %s%s%s", s->name,
               s->phase == LINE_PASS     ? "PASS"
               : s->phase == LINE_BEFORE ? "PASS (before)"
                                         : "FAIL",
               s->serial[0] ? s->serial : s->mac, s->serial[0] ? " " : "",
               s->serial[0] ? s->mac : "");
        if (s->phase == LINE_FAIL)
                printf(" %s: %s", s->failure, s->text);
        if (s->version[0])
                printf(" version %s", s->version);
        printf(" (%s)\n", took);
        if (s->warning[0])
                printf("%s: note: %s\n", s->name, s->warning);
}

static void log_news(const struct line_view *v, enum line_news what, const struct line_slot_view *s)
{
        if (what == LINE_NEWS_RESULT)
                log_result(s);
        else if (what == LINE_NEWS_PHASE && s->phase == LINE_CONNECT)
                printf("%s: a board\n", s->name);
        else if (what == LINE_NEWS_PHASE && s->phase == LINE_EMPTY && s->text[0])
                printf("%s: %s\n", s->name, s->text);
        else if (what == LINE_NEWS_PHASE && s->phase == LINE_LABEL && s->text[0])
                printf("%s: %s %s: %s\n", s->name, s->serial, s->mac, s->text);
        else if (what == LINE_NEWS_PHASE && s->phase == LINE_TROUBLE)
                printf("%s: %s: %s\n", s->name, s->port, s->text);
        else if (what == LINE_NEWS_NOTICE && v->notice[0])
                printf("%s: %s\n", v->station, v->notice);
        else if (what == LINE_NEWS_NOTICE && v->stopping)
                printf("%s: finishing what runs, no new board; again to abandon it\n", v->station);
        else if (what == LINE_NEWS_NOTICE)
                printf("%s: goes on\n", v->station);
}

static void json_news(const struct line_view *v, enum line_news what,
                      const struct line_slot_view *s)
{
        static const char *const events[] = { "slot", "phase", "result", "notice" };
        struct json_writer w = { .out = stdout };

        json_open(&w, NULL, '{');
        json_uint(&w, "v", 1);
        json_str(&w, "event", events[what]);
        if (what == LINE_NEWS_NOTICE) {
                json_str(&w, "station", v->station);
                json_str(&w, "notice", v->notice);
                json_bool(&w, "stopping", v->stopping);
        } else {
                json_str(&w, "slot", s->name);
                json_str(&w, "phase", line_phase_word(s->phase));
                json_str(&w, "mac", s->mac);
                json_str(&w, "serial", s->serial);
        }
        if (what == LINE_NEWS_SLOT) {
                json_str(&w, "port", s->port);
                json_uint(&w, "permille", s->permille);
        }
        if (what == LINE_NEWS_RESULT) {
                json_str(&w, "version", s->version);
                json_uint(&w, "attempt", s->attempt);
                json_uint(&w, "ms", s->cycle_ms);
                json_str(&w, "phases", s->phases);
                json_str(&w, "failure", s->failure);
                json_str(&w, "text", s->text);
                json_str(&w, "warning", s->warning);
        } else if (what == LINE_NEWS_PHASE) {
                json_str(&w, "text", s->text);
        }
        json_close(&w, '}');
        putchar('\n');
}

/* With the view's lock held. */
static void on_news(void *ctx, const struct line_view *v, enum line_news what, size_t slot)
{
        (void)ctx;
        if (how == LINE_SHOW_JSON)
                json_news(v, what, &v->slots[slot]);
        else
                log_news(v, what, &v->slots[slot]);
        fflush(stdout);
}

/* ---- a terminal ---- */

static const char *const letters[5] = {
        "████   ███    ████   ████ ", "█   █ █   █  █      █     ", "████  █████   ███    ███  ",
        "█     █   █      █      █ ", "█     █   █  ████   ████  ",
};
static const char *const fail_letters[5] = {
        "█████   ███   █  █    ", "█      █   █  █  █    ", "████   █████  █  █    ",
        "█      █   █  █  █    ", "█      █   █  █  ████ ",
};

static const char *colour(enum line_phase p)
{
        switch (p) {
        case LINE_PASS:
                return "\033[30;42m";
        case LINE_BEFORE:
                return "\033[32m";
        case LINE_FAIL:
                return "\033[97;41m";
        case LINE_TROUBLE:
                return "\033[33m";
        case LINE_EMPTY:
                return "\033[2m";
        default:
                return "\033[36m";
        }
}

static void end_row(unsigned *rows)
{
        fputs("\033[0m\033[K\n", stdout);
        (*rows)++;
}

static void bar(unsigned permille, char out[64])
{
        const unsigned full = permille / 50;
        size_t n = 0;

        for (unsigned i = 0; i < 20; i++)
                n += (size_t)snprintf(out + n, 64 - n, "%s", i < full ? "━" : "╌");
}

/* What a slot does or has come to, in columns. */
static void slot_words(const struct line_slot_view *s, uint64_t now, unsigned cols)
{
        char took[24] = "";
        char line[64];
        const int room = cols > 75 ? (int)cols - 74 : 1;

        if (s->phase != LINE_EMPTY && s->phase != LINE_TROUBLE)
                seconds_text(line_phase_is_result(s->phase) ? s->cycle_ms : now - s->since, took);
        printf("%-17.17s %-14.14s %-8s %8s ", s->mac, s->serial,
               s->phase == LINE_BEFORE ? "PASSED" : line_phase_word(s->phase), took);
        if (s->phase == LINE_WRITE) {
                bar(s->permille, line);
                printf("%s %3u %%", line, s->permille / 10);
        } else if (s->phase == LINE_FAIL) {
                printf("%s: %.*s", s->failure,
                       room - (int)strlen(s->failure) - 2 > 0 ? room - (int)strlen(s->failure) - 2
                                                              : 0,
                       s->text);
        } else {
                printf("%.*s", room, s->warning[0] ? s->warning : s->text);
        }
}

/* Five rows of letters that are read across the hall. */
static void big_row(const struct line_slot_view *s, unsigned i, uint64_t now, unsigned cols)
{
        const bool pass = s->phase != LINE_FAIL;

        printf("  %s", pass ? letters[i] : fail_letters[i]);
        if (i == 1)
                printf("  %s", s->name);
        else if (i == 2)
                printf("  %s  %s", s->serial, s->mac);
        else if (i == 3 && s->phase == LINE_FAIL)
                printf("  %s: %.*s", s->failure, cols > 60 ? (int)cols - 60 : 1, s->text);
        else if (i == 3)
                printf("  %s", s->phase == LINE_BEFORE ? "had passed before" : s->version);
        else if (i == 4)
                printf("  %s", s->warning);
        (void)now;
}

static void paint_slot(const struct line_slot_view *s, uint64_t now, unsigned cols, bool big,
                       unsigned *rows)
{
        if (big && line_phase_is_result(s->phase)) {
                for (unsigned i = 0; i < 5; i++) {
                        fputs(colour(s->phase), stdout);
                        big_row(s, i, now, cols);
                        end_row(rows);
                }
                end_row(rows);
                return;
        }
        printf("%s %-12.12s ", colour(s->phase), s->name);
        slot_words(s, now, cols);
        end_row(rows);
}

static void paint(struct line_view *v)
{
        struct winsize size = { .ws_row = 24, .ws_col = 80 };
        const uint64_t now = talk_clock();
        uint64_t done;
        unsigned rows = 0;
        unsigned cols;

        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        cols = size.ws_col > COLS_MAX ? COLS_MAX : size.ws_col < 40 ? 40 : size.ws_col;
        if (painted)
                printf("\033[%uA\r", painted);
        fputs("\033[?7l", stdout); /* a long row ends at the edge */
        pthread_mutex_lock(&v->lock);
        done = v->totals.passed + v->totals.failed;
        printf("\033[1m%s\033[0m  %s  passed %llu  failed %llu", v->job, v->station,
               (unsigned long long)v->totals.passed, (unsigned long long)v->totals.failed);
        if (done)
                printf("  yield %.1f %%", 100.0 * (double)v->totals.passed / (double)done);
        if (v->totals.passed)
                printf("  cycle %.1f s",
                       (double)v->totals.cycle_ms / (double)v->totals.passed / 1000.0);
        end_row(&rows);
        for (size_t i = 0; i < v->slot_count; i++)
                paint_slot(&v->slots[i], now, cols, v->slot_count * BIG_ROWS + 3 <= size.ws_row,
                           &rows);
        if (v->notice[0])
                printf("\033[97;41m%s", v->notice);
        else if (v->stopping)
                printf("\033[33mfinishing what runs, no new board; Ctrl-C again abandons it");
        end_row(&rows);
        pthread_mutex_unlock(&v->lock);
        fputs("\033[J\033[?7h", stdout);
        fflush(stdout);
        painted = rows;
}

static void *paint_main(void *arg)
{
        struct line_view *v = arg;
        uint64_t version = 0;

        while (atomic_load(&painting)) {
                const struct timespec t = { 0, FRAME_MS * 1000000L };

                paint(v);
                nanosleep(&t, NULL);
                version = line_view_wait(v, version, IDLE_MS);
        }
        return NULL;
}

int line_show_begin(struct line_view *v, enum line_show way)
{
        how = way;
        if (how != LINE_SHOW_TERMINAL) {
                v->news = on_news;
                return 0;
        }
        setvbuf(stdout, NULL, _IOFBF, FRAME_BYTES);
        atomic_store(&painting, true);
        if (pthread_create(&painter, NULL, paint_main, v) == 0)
                return 0;
        tool_error("no thread to paint with");
        return STATUS_STATION;
}

void line_show_end(struct line_view *v)
{
        if (how != LINE_SHOW_TERMINAL)
                return;
        atomic_store(&painting, false);
        pthread_join(painter, NULL);
        paint(v);
}
