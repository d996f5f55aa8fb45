/*
 * The access server's end of RFC 2217 (telnet with COM port control): bytes in, bytes and requests
 * out, no I/O. Written against the RFC and tried with pyserial's rfc2217:// as esptool uses it.
 */
#ifndef HOST_RFC2217_SERVER_H
#define HOST_RFC2217_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a client asks for. ctx comes first. */
struct rfc2217_ops {
        void (*data)(void *ctx, const uint8_t *p, size_t n);  /* for the serial port */
        void (*reply)(void *ctx, const uint8_t *p, size_t n); /* for the network, as it stands */
        void (*lines)(void *ctx, bool dtr, bool rts);
        void (*baud)(void *ctx, uint32_t rate);
        void (*purge)(void *ctx, bool from_port, bool to_port); /* drop what waits on its way */
};

#define RFC2217_SB_MAX 64u /* longest subnegotiation that is kept; RFC 2217 needs 6 bytes */

struct rfc2217_server {
        uint32_t rate; /* last set by the client */
        bool dtr, rts;
        /* private: */
        const struct rfc2217_ops *ops;
        void *ctx;
        uint8_t state, verb;
        uint8_t sb[RFC2217_SB_MAX];
        uint8_t sb_len;
        uint8_t ours, theirs; /* options that are on, a bit each */
};

/* A fresh connection; rate is what the port has. ops and ctx are borrowed. */
void rfc2217_server_init(struct rfc2217_server *s, const struct rfc2217_ops *ops, void *ctx,
                         uint32_t rate);

void rfc2217_server_input(struct rfc2217_server *s, const uint8_t *p, size_t n);

/* n bytes from the serial port as they go over the network; out holds 2 * n. Returns their number.
 */
size_t rfc2217_escape(const uint8_t *p, size_t n, uint8_t *out);

#endif
