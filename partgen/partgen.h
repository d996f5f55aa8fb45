/* What the commands of partgen share: the options that say how a table is read. */
#ifndef PARTGEN_H
#define PARTGEN_H

#include <stdbool.h>

#include "host/opt.h"
#include "host/ptable_csv.h"
#include "host/report.h"

/* Options of every command that reads a table. */
extern const struct opt table_options[];
extern bool quiet, disable_md5;

/* The configuration that the options make, or a usage error (STATUS_USAGE, said). 0: fine. */
int table_config(struct ptable_config *cfg);

/*
 * Load a table as the options say: the one call of every command. Returns STATUS_DONE or the exit
 * status; everything has been said then. r counts what was said.
 */
int table_load(struct ptable_file *f, const char *path, struct report *r);

/* The same for a table that lies elsewhere than --offset says. */
int table_load_at(struct ptable_file *f, const char *path, uint64_t offset, struct report *r);

/* --offset; valid after table_load. */
uint32_t table_offset_of(void);

/* The size of flash that --flash-size gives, or the smallest usual one that holds the table. */
uint64_t flash_size_of(const struct ptable *t, bool *given);

/* "1.5 MiB", "24 KiB", "300 B" */
void size_text(uint64_t size, char *buf, size_t cap);

int cmd_convert(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_map(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_fit(int argc, char **argv);
int cmd_plan(int argc, char **argv);

extern const struct opt convert_options[], lint_options[], map_options[], diff_options[],
        fit_options[], plan_options[];

#endif
