#include "firmware/core/say.h"

#include <stdarg.h>

#include "base/strf.h"

void say(enum port_level level, const char *fmt, ...)
{
        char line[SAY_MAX];
        va_list ap;

        va_start(ap, fmt);
        (void)strf_v(line, sizeof line, fmt, ap);
        va_end(ap);
        port_log(level, line);
}
