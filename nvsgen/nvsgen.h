/* The commands of nvsgen, one row each in main.c, and what several of them share. */
#ifndef NVSGEN_NVSGEN_H
#define NVSGEN_NVSGEN_H

#include <stdbool.h>
#include <stddef.h>

#include "host/file.h"
#include "host/opt.h"
#include "host/report.h"

extern const struct command cmd_generate, cmd_encrypt, cmd_decrypt, cmd_generate_key;
extern const struct command cmd_dump, cmd_check, cmd_verify, cmd_diff;
extern const struct command cmd_batch;

/* True if both names lead to one file that exists. */
bool same_file(const char *a, const char *b);

/* Write an output file ("-" is standard output), with the folders above it. 0, or an error in r. */
int output_save(const char *path, const struct blob *data, enum file_mode mode, struct report *r);

#endif
