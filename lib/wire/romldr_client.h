/* The host's end of the boot ROM loader's protocol: packets out, replies in. No I/O, no clock. */
#ifndef WIRE_ROMLDR_CLIENT_H
#define WIRE_ROMLDR_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/romldr_wire.h"
#include "wire/slip.h"

/* XOR of the bytes over ROMLDR_CHECKSUM_SEED. */
uint8_t romldr_checksum(const void *p, size_t n);

/*
 * A request as a SLIP frame into out. Returns its length, -E_RANGE (n > 65535) or -E_NOSPACE.
 * SLIP_MAX(ROMLDR_HEADER + n) bytes are always enough.
 */
long romldr_request(uint8_t *out, size_t cap, uint8_t op, const void *data, size_t n);

/* A request whose data are words. */
long romldr_request_words(uint8_t *out, size_t cap, uint8_t op, const uint32_t *words, size_t n);

/* A data block (FLASH_DATA, MEM_DATA, DEFL_DATA) with its header and checksum. */
long romldr_request_block(uint8_t *out, size_t cap, uint8_t op, uint32_t seq, const void *data,
                          size_t n);

/* The SYNC request. */
long romldr_request_sync(uint8_t *out, size_t cap);

struct romldr_reply {
        uint8_t op;
        uint8_t status;      /* 0: done */
        uint8_t reason;      /* ROMLDR_ERR_…, valid if status is not 0 */
        uint32_t value;      /* of READ_REG; stale otherwise */
        const uint8_t *data; /* before the status bytes; borrowed from frame */
        size_t len;
};

/*
 * Take a frame apart. status_len: ROMLDR_STATUS or ROMLDR_STATUS_2. A reply shorter than its status
 * is accepted down to ROMLDR_STATUS_2 bytes: the ESP8266 and refusals of some ROMs have no more.
 * Returns 0 or -E_PROTO (no reply, or its size field is not its size).
 */
int romldr_reply_parse(const uint8_t *frame, size_t n, size_t status_len, struct romldr_reply *r);

/* The name of a request ("FLASH_BEGIN") or "?", the sentence of a refusal's reason. Never NULL. */
const char *romldr_op_name(uint8_t op);
const char *romldr_reason_text(uint8_t reason);

/*
 * Waits for the answer to one request in a stream of frames, text and leftovers. Allowed calls:
 * init → (expect → feed until it returns non-zero)*.
 */
struct romldr_client {
        struct romldr_reply reply; /* of the last feed that returned 1; data borrowed from buf */
        uint32_t strays;           /* frames that were no answer to the request */
        /* private: */
        struct slip_decoder slip;
        size_t status_len;
        uint8_t op;
};

/* buf holds the longest reply, before SLIP; borrowed. */
void romldr_client_init(struct romldr_client *c, uint8_t *buf, size_t cap, size_t status_len);
void romldr_client_expect(struct romldr_client *c, uint8_t op);

/*
 * Feed what the link brought. Returns 1 when the answer is there (c->reply; the request may have
 * been refused), 0 if more is needed (all n bytes taken). Never fails: a damaged frame is a stray,
 * and the caller's clock decides how long to wait. A refusal that bears another command's op
 * answers the request too: so the ROMs say that they do not know a command.
 */
int romldr_client_feed(struct romldr_client *c, const uint8_t *p, size_t n, size_t *used);

#endif
