/* Between the loader_*.c files; nobody else includes this. */
#ifndef HOST_LOADER_IMPL_H
#define HOST_LOADER_IMPL_H

#include "host/loader.h"
#include "wire/romldr_client.h"

enum {
        LOADER_TIMEOUT_MS = 3000,
        LOADER_SYNC_MS = 100,
        LOADER_ERASE_MS_PER_MB = 30000,
        LOADER_WRITE_MS_PER_MB = 40000,
        LOADER_MD5_MS_PER_MB = 8000,
};

struct loader {
        struct loader_config cfg;
        struct link *link;
        const struct chip *chip;
        struct romldr_client client;
        bool is_stub;
        bool stub_met; /* SYNC was answered by a stub that still runs */
        bool secure_download;
        bool attached;
        bool fast_done;
        bool usb; /* the chip's own USB unit: no rate, other reset */
        unsigned baud;
        uint32_t flash_size;
        struct loader_flash_id flash_id;
        uint64_t began; /* clock, for the trace */
        uint8_t rx[ROMLDR_PACKET_MAX];
        uint8_t tx[SLIP_MAX(ROMLDR_PACKET_MAX)];
        uint8_t raw[4096]; /* from the link, not yet fed */
        size_t raw_at, raw_len;
        char log[2048]; /* what the chip printed after the reset */
};

/* Time for what takes ms_per_mb, never less than LOADER_TIMEOUT_MS. */
unsigned loader_scaled(unsigned ms_per_mb, uint64_t bytes);

/* Send tx[0 … len) and wait for the answer to op. */
int loader_exchange(struct loader *l, uint8_t op, long len, unsigned timeout_ms,
                    struct romldr_reply *r, struct diag *d);

/* Says that the link is gone (rc: -E_LINK, -E_TIMEOUT) or was given up (-E_CANCELLED); returns it.
 */
int loader_link_gone(struct loader *l, int rc, struct diag *d);

/* One data block; -E_REFUSED leaves the reason in *reason. */
int loader_block(struct loader *l, uint8_t op, uint32_t seq, const uint8_t *data, size_t n,
                 unsigned timeout_ms, uint8_t *reason, struct diag *d);

/* The next frame as it is (stub data); its length or an error. Borrowed from rx. */
long loader_frame(struct loader *l, unsigned timeout_ms);
int loader_send_frame(struct loader *l, const void *p, size_t n);

int loader_sync(struct loader *l, unsigned tries);
void loader_flush(struct loader *l);
int loader_connect(struct loader *l, struct diag *d); /* reset and sync, with all attempts */
int loader_reset_download(struct loader *l, unsigned attempt); /* 0 if lines were moved */
int loader_reset_run(struct loader *l);
/* Back to ROMLDR_BAUD, as far as it goes. */
void loader_slow(struct loader *l);
int loader_stub_start(struct loader *l, struct diag *d);

void loader_note(struct loader *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void loader_trace(struct loader *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void loader_progress(struct loader *l, const char *what, uint64_t done, uint64_t total);

int loader_field(struct loader *l, const struct chip_field *f, uint32_t *value, struct diag *d);

#endif
