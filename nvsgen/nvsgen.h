/* The commands of nvsgen, one row each in main.c, and what several of them share. */
#ifndef NVSGEN_NVSGEN_H
#define NVSGEN_NVSGEN_H

#include <stdbool.h>

#include "host/opt.h"

extern const struct command cmd_generate_key;
extern const struct command cmd_check;

#endif
