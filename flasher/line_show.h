/* How a line is shown: rows on a terminal, lines in a log, JSON for machines. */
#ifndef FLASHER_LINE_SHOW_H
#define FLASHER_LINE_SHOW_H

#include "line/line_view.h"

enum line_show { LINE_SHOW_LOG, LINE_SHOW_JSON, LINE_SHOW_TERMINAL };

/* Begin to show v on standard output; what is shown ends with line_show_end. 0 or an exit status.
 */
int line_show_begin(struct line_view *v, enum line_show how);
void line_show_end(struct line_view *v);

#endif
