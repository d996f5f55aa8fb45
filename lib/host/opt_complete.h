/* What --completion bash prints (opt.c calls it). */
#ifndef HOST_OPT_COMPLETE_H
#define HOST_OPT_COMPLETE_H

#include "host/opt.h"

/* Prints a script that completes t's commands, options and their values to stdout. Returns
 * STATUS_DONE. */
int opt_complete_bash(const struct tool *t);

#endif
