/* Between the efuse_plan*.c files; nobody else includes this. */
#ifndef HOST_EFUSE_PLAN_IMPL_H
#define HOST_EFUSE_PLAN_IMPL_H

#include "host/efuse_plan.h"

struct efuse_plan {
        struct efuse_dev *dev;
        const struct efuse_chip *chip;
        bool force;      /* what is added now */
        uint16_t forced; /* blocks with bits that were added so, a bit each */
        uint16_t again;  /* blocks burnt once more with what they hold, a bit each */
        uint16_t burnt;
        uint8_t want[EFUSE_BLOCKS][EFUSE_DATA_MAX];
};

static inline const uint8_t *efuse_plan_image(const struct efuse_plan *p)
{
        return efuse_dev_image(p->dev);
}

/* What block i holds. */
static inline const uint8_t *efuse_plan_now(const struct efuse_plan *p, unsigned i)
{
        return efuse_plan_image(p) + p->chip->blocks[i].read;
}

/* For %.*s: the first spelling of a field's or block's name. */
#define EFUSE_SHOWN(x) (int)efuse_name_len((x)->name), (x)->name

/* Every bit of a is in b. */
bool efuse_within(const uint8_t *a, const uint8_t *b, size_t n);

/* Does the plan burn any bit of f? */
bool efuse_plan_touches(const struct efuse_plan *p, const struct efuse_field *f);

/* The registers as they would be behind the plan: EFUSE_IMAGE_MAX bytes. */
void efuse_plan_foresee(const struct efuse_plan *p, uint8_t *out);

#endif
