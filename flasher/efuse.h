/* Between cmd_efuse.c and the files with its commands. */
#ifndef FLASHER_EFUSE_H
#define FLASHER_EFUSE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/efuse_dev.h"
#include "host/efuse_plan.h"
#include "host/efuse_value.h"

/* One command of the line: its words without its options, and its options. */
struct efuse_words {
        const char *name; /* of the command, as it is shown */
        char **at;
        int n;
        const char *format, *file;
        size_t offset;
        bool has_offset, force, no_read_protect, no_write_protect, show_secrets, value_only,
                recovery;
};

/* Commands that add to a plan. 0 or an exit status after a line that says what is wrong. */
int efuse_burn_fields(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_burn_bits(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_burn_data(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_burn_keys(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_burn_digests(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_write_protect(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_read_protect(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_set_mac(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_set_voltage(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);

/* Commands that read. p is NULL, or the plan to repair with. */
int efuse_summary(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_get_values(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_dump(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_get_mac(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_adc_info(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_digest(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);
int efuse_check_error(struct efuse_plan *p, struct efuse_dev *dev, const struct efuse_words *w);

/* 0 behind --yes or the word BURN typed at a terminal; else an exit status after a line that begins
 * with otherwise. */
int efuse_confirm(bool yes, const char *otherwise);

/* One line of a plan, for people or (--json) as an object. */
void efuse_show_change(void *ctx, const char *text);

/* The field that a word names; NULL after a line. */
const struct efuse_field *efuse_field_named(const struct efuse_dev *dev, const char *name);

#endif
