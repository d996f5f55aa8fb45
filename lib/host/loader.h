/* A session with the loader in a chip's ROM (or a stub loader given as a file): connect, ask,
 * flash, verify. */
#ifndef HOST_LOADER_H
#define HOST_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "host/chips.h"
#include "host/link.h"
#include "wire/romldr_wire.h"

struct loader; /* opaque; one thread at a time */

enum loader_before { LOADER_RESET, LOADER_USB_RESET, LOADER_NO_RESET, LOADER_NO_SYNC };
enum loader_after { LOADER_HARD_RESET, LOADER_SOFT_RESET, LOADER_STAY, LOADER_WATCHDOG_RESET };

struct loader_config {
        const char *port;        /* name for link_open; borrowed */
        struct link *link;       /* instead of port: taken */
        const struct chip *chip; /* what it has to be; NULL: whatever is there */
        unsigned baud;           /* for bulk data; 0: LOADER_BAUD */
        enum loader_before before;
        unsigned attempts; /* to connect; 0: 7 */
        const char *stub;  /* esptool's JSON of a stub loader, or a folder of them (esp32c3.json);
                              NULL: the ROM alone */
        unsigned hurry;    /* all time-outs divided by this; 0: 1. For links without a wire */
        const char *baud_memory; /* file that remembers the rate a port works at; NULL: none */
        /* callbacks, all may be NULL */
        void (*trace)(void *ctx, const char *line);
        void (*note)(void *ctx, const char *text); /* something worth a line for the operator */
        void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
        void *ctx;
};

#define LOADER_BAUD 460800u

/*
 * Open the link, reset the chip into download mode, synchronise, find out which chip it is. cfg is
 * copied. Returned: free with loader_close. Errors: those of link_open; -E_TIMEOUT (no answer, with
 * what to do), -E_VERIFY (another chip than asked for), -E_UNSUPPORTED (chip not known).
 */
int loader_open(const struct loader_config *cfg, struct loader **out, struct diag *d);

/* Leave the chip as asked, close the link, free. NULL is fine. Returns 0 or the failure of the
 * reset. */
int loader_close(struct loader *l, enum loader_after after, struct diag *d);

/*
 * Start what is on the flash and keep the link, at the rate baud, so that nothing that the chip
 * prints is missed: a reset by the lines, or by the ROM where there are none. l is freed in any
 * case; *out is returned (link_close), NULL on failure. Errors: -E_LINK, -E_TIMEOUT, -E_REFUSED.
 */
int loader_leave(struct loader *l, unsigned baud, struct link **out, struct diag *d);

/*
 * The same for a chip that no loader answers on: reset by the lines, if the link has any. link is
 * borrowed, its rate is baud then. 0 or -E_LINK.
 */
int loader_restart(struct link *link, unsigned baud);

/* The link alone; the chip stays in its loader. l is freed; returned: link_close. */
struct link *loader_detach(struct loader *l);

const struct chip *loader_chip(const struct loader *l);
struct link *loader_link(struct loader *l); /* borrowed */
bool loader_is_stub(const struct loader *l);
bool loader_secure_download(const struct loader *l); /* registers and MD5 are closed */
unsigned loader_baud_now(const struct loader *l);

/*
 * One request and its answer. words are the data. The answer's value and data are in *r until the
 * next call (r may be NULL). -E_TIMEOUT, -E_LINK, -E_REFUSED with the loader's reason.
 */
struct romldr_reply;
int loader_request(struct loader *l, uint8_t op, const uint32_t *words, size_t n,
                   unsigned timeout_ms, struct romldr_reply *r, struct diag *d);

int loader_read_reg(struct loader *l, uint32_t addr, uint32_t *value, struct diag *d);
int loader_write_reg(struct loader *l, uint32_t addr, uint32_t value, uint32_t mask,
                     uint32_t delay_us, struct diag *d);

/* Raise the rate for bulk data, falling back to the highest that works. Done once; 0 also when
 * nothing could be raised. */
int loader_fast(struct loader *l, struct diag *d);

/* After a lost or damaged answer: find the loader again without a reset. 0 or -E_TIMEOUT, -E_LINK.
 */
int loader_resync(struct loader *l);

/* --- what it is (loader_info.c) --- */

struct loader_info {
        char description[64]; /* "ESP32-C3 (QFN32) (revision v0.4)" */
        char features[128];
        unsigned revision; /* major * 100 + minor */
        uint8_t mac[6];
        uint8_t eui64[8]; /* chips with IEEE 802.15.4 */
        bool has_eui64;
        unsigned crystal; /* MHz */
};
int loader_info(struct loader *l, struct loader_info *info, struct diag *d);
int loader_read_mac(struct loader *l, uint8_t mac[6], struct diag *d);

struct loader_security {
        uint32_t flags; /* ROMLDR_SECF_… */
        uint8_t crypt_cnt;
        uint8_t purposes[7];
        bool has_chip_id;
        uint32_t chip_id, eco;
        bool from_efuses; /* the ROM has no such command: only the next two were read */
        bool secure_boot, encrypted;
};
int loader_security(struct loader *l, struct loader_security *s, struct diag *d);

/* --- the flash chip (loader_spi.c) --- */

struct loader_flash_id {
        uint32_t id;   /* JEDEC: manufacturer in the low byte, then type, then capacity */
        uint32_t size; /* bytes; 0: unknown */
};
int loader_flash_id(struct loader *l, struct loader_flash_id *id, struct diag *d);

/* Attach the flash and tell the ROM its size (bytes); 0: detect, 4 MB with a note if that fails. */
int loader_flash_attach(struct loader *l, uint32_t size, struct diag *d);
uint32_t loader_flash_size(const struct loader *l); /* after attach */

/* n: 1 … 3 status bytes. */
int loader_flash_status(struct loader *l, unsigned n, uint32_t *status, struct diag *d);
int loader_flash_set_status(struct loader *l, unsigned n, uint32_t status, bool non_volatile,
                            struct diag *d);
int loader_flash_sfdp(struct loader *l, uint32_t addr, uint8_t *out, size_t n, struct diag *d);

/* --- flash content (loader_flash.c); offsets and lengths in bytes --- */

int loader_flash_md5(struct loader *l, uint32_t offset, uint32_t len, uint8_t md5[16],
                     struct diag *d);
int loader_flash_read(struct loader *l, uint32_t offset, uint8_t *out, size_t len, struct diag *d);

/* offset and len multiples of 4096. */
int loader_flash_erase(struct loader *l, uint32_t offset, uint32_t len, struct diag *d);

/* Write data to flash; erases its sectors first. offset a multiple of 4096. */
int loader_flash_write(struct loader *l, uint32_t offset, const uint8_t *data, size_t len,
                       bool encrypted, struct diag *d);

/*
 * The same from a zlib stream that holds len bytes. Timeouts follow what each block inflates to.
 */
int loader_flash_write_deflated(struct loader *l, uint32_t offset, const uint8_t *comp,
                                size_t comp_len, size_t len, struct diag *d);

/* --- memory (loader_ram.c) --- */

int loader_mem_write(struct loader *l, uint32_t addr, const uint8_t *data, size_t len,
                     struct diag *d);
int loader_mem_run(struct loader *l, uint32_t entry, struct diag *d);

/* Start what is on the flash without a reset line, as far as the ROM can. */
int loader_run(struct loader *l, struct diag *d);

#endif
