/*
 * The job of a production line: what fctry-job(5) describes, read and judged as a text. What the
 * named files hold is line_kit.h's business.
 */
#ifndef LINE_JOB_H
#define LINE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/chips.h"
#include "host/file.h"
#include "host/report.h"

#define LINE_IMAGES_MAX 32u
#define LINE_FLASH_MAX  32u /* flash chips that are allowed */
#define LINE_ERASE_MAX  32u
#define LINE_SLOTS_MAX  64u
#define LINE_VALUES_MAX 64u
#define LINE_NAME_MAX   32u /* bytes of a slot's name, with the NUL */

/* A text and where it stands in the job. */
struct line_word {
        const char *text; /* of the job; NULL: not given. A path is joined to the job's folder */
        uint32_t line, column;
};

struct line_image {
        struct line_word file;
        struct line_word partition; /* label, or "app"; NULL: offset counts */
        uint32_t offset;
        bool has_offset;
        uint32_t line, column;
};

/* One row of the allow-list: a flash chip passes if it fits any. */
struct line_flash {
        uint32_t id, mask; /* JEDEC, as jedec.h has it; mask 0: any */
        uint32_t size;     /* bytes; 0: any */
};

enum line_keys { LINE_KEYS_NONE, LINE_KEYS_STATION, LINE_KEYS_DEVICE };

/* "{serial}" and the like, see line_factory.h. */
struct line_value {
        const char *key;
        struct line_word text;
};

struct line_factory {
        bool given;
        struct line_word partition; /* label; default "fctry" */
        /* images that are there */
        struct line_word folder, image; /* image: name template in folder */
        /* images made on the spot */
        struct line_word config; /* fctry-batch(5) */
        struct line_value values[LINE_VALUES_MAX];
        size_t value_count;
        enum line_keys keys;
        struct line_word ca, passphrase, profile, out;
        bool prov; /* proof of possession and the like are made */
        struct line_word prov_service, prov_transport;
        uint32_t line, column;
};

/* Nothing is burnt without it. */
struct line_security {
        bool given;
        struct line_word profile;  /* fctry-secure(5) */
        struct line_word nvs_keys; /* file of a unit's NVS keys, with {mac} */
        bool remove_keys;          /* the unit's own ones, once it is closed */
        uint32_t line, column;
};

enum line_serials { LINE_SERIAL_MAC, LINE_SERIAL_COUNTER, LINE_SERIAL_LIST };

struct line_job {
        char *path; /* as given */
        char *dir;
        struct blob text;
        struct line_word name;
        const struct chip *chip;
        unsigned rev_min, rev_max; /* major * 100 + minor; 0: no bound */
        struct line_flash flashes[LINE_FLASH_MAX];
        size_t flash_count; /* 0: any flash that the images fit on */
        uint32_t baud;
        struct line_word table;
        uint32_t table_offset;
        struct line_image images[LINE_IMAGES_MAX];
        size_t image_count;
        struct line_word erase[LINE_ERASE_MAX]; /* labels */
        size_t erase_count;
        enum line_serials serials;
        struct line_word serial; /* template, or the list's path */
        uint64_t serial_start, serial_count;
        struct line_factory factory;
        struct line_security security;
        struct {
                bool off;
                struct line_word pass; /* a line with this in it stands for the token */
                struct line_word version, project;
                uint32_t seconds, baud;
        } selftest;
        bool lock; /* `lock` on the console after PASS */
        struct line_word ledger;
        struct {
                bool given;
                struct line_word template, format, file, command, printer;
                struct {
                        bool given; /* what is printed has to be scanned, too */
                        struct line_word from, command;
                        uint32_t seconds, baud;
                } scan;
        } label;
        struct {
                struct line_word name, port;
        } slots[LINE_SLOTS_MAX];
        size_t slot_count;
        bool jig; /* the slots are adapters that stay */
        /* private: */
        struct cJSON *tree;
        char **own;
        size_t own_count;
};

/*
 * Read a job. All errors go to r as "job.json:LINE:COLUMN: …". Returns 0 or the first; free in any
 * case.
 */
int line_job_load(struct line_job *j, const char *path, struct report *r);

/* The same from memory; path is what messages call it, and what relative paths start from. */
int line_job_parse(struct line_job *j, const char *path, const char *text, size_t len,
                   struct report *r);
void line_job_free(struct line_job *j);

/* Say something about a place of the job: returns -code. */
int line_job_error(const struct line_job *j, const struct line_word *at, int code, struct report *r,
                   const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* "v0.3" or "0.3" as major * 100 + minor. -E_SYNTAX. */
int line_revision_parse(const char *text, unsigned *out);

#endif
