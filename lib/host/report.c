#define REPORT_OWN
#include "host/report.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "host/opt.h"
#include "host/progress.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void print_place(const char *file, uint32_t line, uint32_t column)
{
        progress_clear();
        if (!file) {
                fprintf(stderr, "%s: ", tool_name());
                return;
        }
        fprintf(stderr, "%s:", file);
        if (line)
                fprintf(stderr, "%u:", line);
        if (line && column)
                fprintf(stderr, "%u:", column);
        fputc(' ', stderr);
}

static int count_error(struct report *r, int code)
{
        if (!r->errors++)
                r->first_code = code;
        return !r->silent && r->errors <= (r->limit ? r->limit : REPORT_LIMIT);
}

int report_error(struct report *r, int code, const char *file, uint32_t line, uint32_t column,
                 const char *fmt, ...)
{
        char text[DIAG_TEXT_MAX];
        va_list ap;

        pthread_mutex_lock(&lock);
        if (r->first && !r->errors) {
                va_start(ap, fmt);
                vsnprintf(text, sizeof text, fmt, ap);
                va_end(ap);
                diag_at(r->first, code, line, column, "%s", text);
        }
        if (count_error(r, code)) {
                print_place(file, line, column);
                va_start(ap, fmt);
                vfprintf(stderr, fmt, ap);
                va_end(ap);
                fputc('\n', stderr);
        }
        pthread_mutex_unlock(&lock);
        return -code;
}

int report_diag(struct report *r, const char *file, const struct diag *d)
{
        pthread_mutex_lock(&lock);
        if (r->first && !r->errors)
                *r->first = *d;
        if (count_error(r, diag_code(d))) {
                print_place(file, d->line, d->column);
                if (d->has_offset)
                        fprintf(stderr, "0x%llx: ", (unsigned long long)d->offset);
                fprintf(stderr, "%s\n", diag_text(d));
        }
        pthread_mutex_unlock(&lock);
        return -diag_code(d);
}

void report_note(struct report *r, const char *file, uint32_t line, uint32_t column,
                 const char *fmt, ...)
{
        va_list ap;

        pthread_mutex_lock(&lock);
        if (r->notes++ < REPORT_LIMIT && !r->quiet_notes && !r->silent) {
                print_place(file, line, column);
                fputs("note: ", stderr);
                va_start(ap, fmt);
                vfprintf(stderr, fmt, ap);
                va_end(ap);
                fputc('\n', stderr);
        }
        pthread_mutex_unlock(&lock);
}

int report_finish(struct report *r)
{
        const unsigned limit = r->limit ? r->limit : REPORT_LIMIT;

        if (r->errors > limit && !r->silent)
                fprintf(stderr, "%s: %u more errors not shown; mend these first\n", tool_name(),
                        r->errors - limit);
        return r->errors ? -r->first_code : 0;
}

void tool_error(const char *fmt, ...)
{
        va_list ap;

        pthread_mutex_lock(&lock);
        progress_clear();
        fprintf(stderr, "%s: ", tool_name());
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputc('\n', stderr);
        pthread_mutex_unlock(&lock);
}
