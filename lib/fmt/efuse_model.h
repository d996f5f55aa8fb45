/*
 * The eFuse controller as software meets it: a command burns what the programming registers hold,
 * bits only go from 0 to 1, what is write-protected stays as it is; another command (or a reset)
 * brings what is burnt into the read registers, where what is read-protected is 0 and what the
 * coding makes of it stands in the error registers. For simulated chips and for eFuse files.
 * Freestanding.
 *
 * Sources: technical reference manuals, chapter "eFuse Controller". A command is over at once: its
 * bits read as 0.
 */
#ifndef FMT_EFUSE_MODEL_H
#define FMT_EFUSE_MODEL_H

#include "fmt/efuse.h"

struct efuse_model {
        const struct efuse_chip *chip;
        uint8_t *image; /* the registers as efuse_get reads them, chip->size bytes; borrowed */
        bool burnt;     /* set by a burn; cleared by whoever cares */
        uint32_t burns; /* how many there were */
        uint32_t cut; /* at this burn from now on (from 1) the power goes, half of it done; 0: none
                       */
        bool powerless; /* it went: no command is heard until a latch */
        /* private: */
        uint16_t due;                                /* blocks whose coding is not judged yet */
        uint8_t cells[EFUSE_BLOCKS][EFUSE_DATA_MAX]; /* what is burnt; 3/4 coding: still coded */
        uint8_t check[EFUSE_BLOCKS][EFUSE_RS_CHECK];
};

/* What image holds is taken as rightly coded, unless its error registers say otherwise. */
void efuse_model_init(struct efuse_model *m, const struct efuse_chip *chip, uint8_t *image);

/* A register, offset a multiple of 4 below chip->size. Read-protected data is 0. */
uint32_t efuse_model_read(const struct efuse_model *m, uint32_t offset);
void efuse_model_write(struct efuse_model *m, uint32_t offset, uint32_t value);

/* As a reset does: what is burnt shows in image. Keys show there too: only hardware sees them. */
void efuse_model_latch(struct efuse_model *m);

/* Clear in image what read protection hides: nobody can use those keys any more. Then latch no
 * more. */
void efuse_model_forget(struct efuse_model *m);

#endif
