/* One line of progress on stderr, rewritten in place; nothing where stderr is no terminal. */
#ifndef HOST_PROGRESS_H
#define HOST_PROGRESS_H

#include <stdint.h>

/* Switch off (--no-progress, --quiet, --json). */
void progress_disable(void);

/* "what  37 %  3700/10000 unit"; at most ten times a second, always when done == total. */
void progress_show(const char *what, uint64_t done, uint64_t total, const char *unit);

/* Remove the line, before other words are printed and at the end. */
void progress_clear(void);

#endif
