#define DIAG_OWN
#include "base/diag.h"

#include <stdarg.h>

#include "base/err.h"
#include "base/strf.h"

__attribute__((format(printf, 3, 0))) static int diag_record(struct diag *d, int code,
                                                             const char *fmt, va_list ap)
{
        d->code = code;
        strf_v(d->text, sizeof d->text, fmt, ap);
        return -code;
}

int diag_set(struct diag *d, int code, const char *fmt, ...)
{
        va_list ap;

        if (!d || d->code)
                return -code;
        va_start(ap, fmt);
        diag_record(d, code, fmt, ap);
        va_end(ap);
        return -code;
}

int diag_at(struct diag *d, int code, uint32_t line, uint32_t column, const char *fmt, ...)
{
        va_list ap;

        if (!d || d->code)
                return -code;
        d->line = line;
        d->column = column;
        va_start(ap, fmt);
        diag_record(d, code, fmt, ap);
        va_end(ap);
        return -code;
}

int diag_off(struct diag *d, int code, uint64_t offset, const char *fmt, ...)
{
        va_list ap;

        if (!d || d->code)
                return -code;
        d->offset = offset;
        d->has_offset = 1;
        va_start(ap, fmt);
        diag_record(d, code, fmt, ap);
        va_end(ap);
        return -code;
}

int diag_code(const struct diag *d)
{
        return d && d->code ? d->code : E_BUG;
}

const char *diag_text(const struct diag *d)
{
        return d && d->text[0] ? d->text : err_text(diag_code(d));
}
