/* Log lines with a format. */
#ifndef CORE_SAY_H
#define CORE_SAY_H

#include "firmware/core/port.h"

#define SAY_MAX 200u /* bytes of a line with its NUL; a longer one is cut */

/* As strf() formats. Never a secret. */
void say(enum port_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
