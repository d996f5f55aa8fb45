/*
 * The attribute protocol of Bluetooth LE as two machines, one an end of the link: PDUs in, PDUs
 * out. No I/O, no clock: who carries the PDUs also limits how long an answer may take (30 s in the
 * specification). Facts in att_wire.h.
 */
#ifndef WIRE_ATT_H
#define WIRE_ATT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/att_wire.h"

/* A type of attribute: 2 or 16 bytes as they go over the wire, little-endian. */
struct att_uuid {
        uint8_t len;
        uint8_t v[16];
};

struct att_uuid att_uuid16(uint16_t v);
bool att_uuid_is16(const struct att_uuid *u, uint16_t v);
bool att_uuid_equal(const struct att_uuid *a, const struct att_uuid *b);

/* The sentence of an error code. Never NULL. */
const char *att_error_text(uint8_t error);

/* --- the client's end --- */

/* What a search finds; fields that it does not tell are 0. */
struct att_item {
        uint16_t handle;      /* of the declaration, or of the descriptor */
        uint16_t end;         /* services: last handle of the group */
        uint16_t value;       /* characteristics: handle of the value */
        uint8_t properties;   /* characteristics: GATT_PROP_… */
        struct att_uuid uuid; /* of the service, the characteristic, or the descriptor's type */
};

enum att_client_result { ATT_MORE = 0, ATT_DONE = 1 };

/*
 * One operation at a time. Allowed calls: init → (one att_client_ begin function → next and take
 * until take returns non-zero)*. A peer that is a client too (bluetoothd asks for the MTU first) is
 * answered by the way, and next gives those answers at any time.
 */
struct att_client {
        uint16_t mtu;  /* read-only: what both ends agreed upon */
        uint8_t error; /* read-only: the peer's code after -E_REFUSED */
        size_t len;    /* read-only: bytes that a read brought */
        /* private: */
        uint16_t mtu_own;
        uint8_t op;      /* what is under way; 0: nothing */
        uint8_t waiting; /* the response that is awaited; 0: next has something to say */
        uint8_t asked;   /* the request that was sent */
        uint16_t handle, end;
        const uint8_t *data; /* borrowed: of a write */
        size_t n, at, part;
        uint8_t *buf; /* borrowed: of a read */
        size_t cap;
        uint8_t reply[5]; /* to the peer's own request */
        uint8_t reply_len;
        uint8_t failed; /* a prepared write went wrong: cancel it, then say so */
        void (*item)(void *ctx, const struct att_item *item);
        void *ctx;
};

/* mtu: the longest PDU that this end takes, ATT_MTU_MIN … ATT_MTU_MAX. */
void att_client_init(struct att_client *c, uint16_t mtu);

/* Agree upon an MTU. A peer that does not know the request leaves it at ATT_MTU_MIN. */
void att_client_exchange_mtu(struct att_client *c);

/* All primary services; the characteristics, or all attributes with their types, from start to end.
 * item is called for each, in order of handles. */
typedef void att_item_fn(void *ctx, const struct att_item *item);
void att_client_services(struct att_client *c, att_item_fn *item, void *ctx);
void att_client_characteristics(struct att_client *c, uint16_t start, uint16_t end,
                                att_item_fn *item, void *ctx);
void att_client_descriptors(struct att_client *c, uint16_t start, uint16_t end, att_item_fn *item,
                            void *ctx);

/* The whole value, however long, into buf (borrowed until done); its length is c->len. */
void att_client_read(struct att_client *c, uint16_t handle, uint8_t *buf, size_t cap);

/* The whole value: in one request if it fits, else prepared and executed. data is borrowed until
 * done. -E_RANGE: more than ATT_VALUE_MAX bytes. */
int att_client_write(struct att_client *c, uint16_t handle, const uint8_t *data, size_t n);

/* The PDU to send now: its length; 0: none; -E_NOSPACE (out needs c->mtu bytes). */
long att_client_next(struct att_client *c, uint8_t *out, size_t cap);

/*
 * A PDU from the peer. ATT_MORE; ATT_DONE: the operation is over; or it failed: -E_REFUSED
 * (c->error says why), -E_PROTO (the answer is malformed, or does not echo what was prepared),
 * -E_NOSPACE (a value longer than its buffer).
 */
int att_client_take(struct att_client *c, const uint8_t *pdu, size_t n);

/* --- the server's end --- */

/* An attribute; its handle is its place in the table + 1. */
struct att_attribute {
        struct att_uuid type;
        const uint8_t *value; /* borrowed; NULL: the ops' */
        size_t len;           /* of value */
        uint16_t group_end;   /* of a primary service: the last handle of its group */
        bool writable;        /* by the ops */
};

/* Both return 0 or an enum att_error. */
struct att_server_ops {
        /* *value is borrowed until the next call of anything. */
        int (*read)(void *ctx, uint16_t handle, const uint8_t **value, size_t *n);
        /* The whole value; a long one comes once it is executed. */
        int (*write)(void *ctx, uint16_t handle, const uint8_t *value, size_t n);
};

struct att_server {
        uint16_t mtu; /* read-only */
        /* private: */
        uint16_t mtu_own;
        const struct att_attribute *table;
        uint16_t count;
        const struct att_server_ops *ops;
        void *ctx;
        uint16_t queued; /* handle of the value being prepared; 0: none */
        size_t queued_len;
        uint8_t queue[ATT_VALUE_MAX];
};

/* table, ops and ctx are borrowed for the server's life. */
void att_server_init(struct att_server *s, uint16_t mtu, const struct att_attribute *table,
                     uint16_t count, const struct att_server_ops *ops, void *ctx);

/* A new client: the MTU is ATT_MTU_MIN again, nothing is prepared. */
void att_server_reset(struct att_server *s);

/* The answer to a PDU: its length, 0 if it wants none, -E_NOSPACE (out needs ATT_MTU_MAX bytes). */
long att_server_answer(struct att_server *s, const uint8_t *pdu, size_t n, uint8_t *out,
                       size_t cap);

#endif
