/* What the subcommands of flasher share. */
#ifndef FLASHER_FLASHER_H
#define FLASHER_FLASHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/file.h"
#include "host/flash_plan.h"
#include "host/json.h"
#include "host/loader.h"
#include "host/opt.h"
#include "host/report.h"

/* Options of every command. */
struct globals {
        const char *chip, *port, *before, *after, *stub;
        int64_t baud, attempts;
        bool no_stub, trace, json, verbose, silent;
};
extern struct globals g;
/* What completion offers for flash parameters (lib/host/chips.c knows which chip takes what). */
#define FLASH_MODES "qio|qout|dio|dout"
#define FLASH_FREQS "80m|60m|48m|40m|30m|26m|24m|20m|16m|15m|12m"
#define FLASH_SIZES "256KB|512KB|1MB|2MB|4MB|8MB|16MB|32MB|64MB|128MB"

extern const struct opt global_options[];

/* --- session.c --- */

/* The port: --port, the environment, or the only one there is. 0 or an exit status. */
int session_port(const char **port);

/* The chip named by --chip; NULL for auto. Returns 0 or an exit status. */
int session_chip(const struct chip **chip);

/*
 * Connect as the options say. Returns 0 with a loader, or an exit status and NULL after one line
 * about what is wrong. after_write: a hard reset is what --after means if it is not given; else the
 * chip stays.
 */
int session_open(struct loader **l);

/* Leave the chip as --after says; status is what the command has come to. Returns the exit status.
 */
int session_close(struct loader *l, int status);

/* Connect, work, leave. */
int session_run(int (*work)(struct loader *l));

/* "flasher: where: text" and the exit status of d. where may be NULL. */
int fail(const char *where, const struct diag *d);

#if defined __clang_analyzer__ && !defined FAIL_OWN
/* As in base/diag.h. */
#define fail(where, d) (fail(where, d), STATUS_STATION)
#endif

/* Words for people on stderr, not with --silent or --json. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Address or size of an argument; 0 or an exit status after a line. */
int parse_u32(const char *what, const char *text, uint32_t *out);

const char *mac_text(const uint8_t mac[6], char out[18]);

/* --- args.c --- */

/*
 * The command line as people type it: @file is replaced by the words in the file, a
 * flasher_args.json by what it stands for, -fm -ff -fs by their long names. Returned: the new argv
 * lives until exit. 0 or an exit status.
 */
int args_expand(int *argc, char ***argv);

struct ptable;
struct ptable_entry;

/* --- job.c: files that go to (or are compared with) flash --- */

struct job_file {
        uint32_t offset;
        uint32_t limit; /* bytes it may have (a partition); 0: the flash */
        const char *path;
        const char *label;                /* of its partition, or NULL */
        const struct ptable_entry *entry; /* the same; borrowed */
        struct blob data;
        struct blob old;
        bool has_old;
        bool encrypted; /* by the chip, while it writes */
        bool raw;       /* goes to a partition that flash encryption does not cover (guard_all) */
};

struct job {
        struct job_file *files;
        size_t n;
        const char *flash_mode, *flash_freq,
                *flash_size; /* "keep" or NULL: as it is; size also "detect" */
        bool plain, erase_all, encrypt, force, always, skip_flashed, no_verify, no_progress,
                trust_old, dry_run;
        bool skip_bounds;
        bool pre_encrypted;         /* the files are ciphertext, where the chip decrypts */
        const char *flash_key;      /* they become that here, with the key in this file */
        const struct ptable *table; /* of the device, where it is known; borrowed */
};

int job_add(struct job *j, uint32_t offset,
            const char *path);                /* 0 or exit status; loads the file */
int job_run(struct job *j, struct loader *l); /* write; exit status */
int job_verify(struct job *j, struct loader *l);
void job_free(struct job *j);

/* --- guard.c: what can be known before the flash is touched --- */

/* All files against chip, eFuses and table; *where: which file d is about. 0 or -E_XXX. */
int guard_all(struct job *j, struct loader *l, struct diag *d, const char **where);

/* Of each file whether flash encryption covers its place, as far as a table among the files tells.
 */
void guard_mark_raw(struct job *j);

/* Does it fit into its place and the flash? */
int guard_bounds(const struct job_file *f, uint32_t flash, struct diag *d);

/* Patch flash mode, frequency and size of an image at the chip's bootloader offset, with words
 * about it. */
int job_patch(const struct job *j, const struct chip *c, struct job_file *f, uint32_t detected);

/* --- parts.c: partitions by label --- */

/* Options of the commands that know labels: what they share. */
struct parts_options {
        const char *table;     /* CSV, binary or flash dump; NULL: the device's own */
        uint64_t offset;       /* of the table on flash; 0: 0x8000 */
        const char *flash_key; /* file of the chip's key: what is read from flash is ciphertext */
};
extern struct parts_options parts;

/* The table, from --table or the device (which is attached). 0 or an exit status. */
int parts_load(struct loader *l, struct ptable *t);

/* With the key of parts.flash_key: n bytes that belong at offset, in place. 0 or an exit status. */
int parts_crypt(const struct loader *l, uint32_t offset, uint8_t *p, size_t n, bool decrypt);

/*
 * The partition of that label; "app" stands for the one that a board without otadata boots. 0 or an
 * exit status after a line that names the labels there are.
 */
int parts_find(const struct ptable *t, const char *label, const struct ptable_entry **e);

/* --- the commands --- */
#define COMMAND(name)                             \
        extern const struct opt name##_options[]; \
        int cmd_##name(int argc, char **argv)
COMMAND(write_flash);
COMMAND(read_flash);
COMMAND(verify_flash);
COMMAND(erase_flash);
COMMAND(erase_region);
COMMAND(flash_id);
COMMAND(chip_id);
COMMAND(read_mac);
COMMAND(security_info);
COMMAND(read_flash_status);
COMMAND(write_flash_status);
COMMAND(read_flash_sfdp);
COMMAND(dump_mem);
COMMAND(read_mem);
COMMAND(write_mem);
COMMAND(image_info);
COMMAND(elf2image);
COMMAND(merge_bin);
COMMAND(write_parts);
COMMAND(read_part);
COMMAND(erase_parts);
COMMAND(ota);
COMMAND(monitor);
COMMAND(ports);
COMMAND(line);
COMMAND(ledger);
COMMAND(label);
COMMAND(load_ram);
COMMAND(run);
COMMAND(sign);
COMMAND(verify_signature);
COMMAND(signature_info);
COMMAND(generate_signing_key);
COMMAND(digest_key);
COMMAND(extract_public_key);
COMMAND(digest_bootloader);
COMMAND(digest_private_key);
COMMAND(encrypt);
COMMAND(decrypt);
COMMAND(generate_flash_key);
COMMAND(efuse);
COMMAND(secure_plan);
#undef COMMAND
extern const char efuse_more[];  /* of its help */
extern const char efuse_verbs[]; /* of its completion */

#endif
