/* A two-way stream of bytes to a device: a serial port, a pty, TCP, a serial port behind RFC 2217,
 * a pair of pipes. */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct link; /* opaque */

/*
 * Open by name: a device file (serial port or pty), socket://HOST:PORT, rfc2217://HOST:PORT. A
 * serial port is taken for this process alone (-E_BUSY with the remedy if another has it), 8N1 at
 * baud. Returned: free with link_close. Errors: -E_NOTFOUND, -E_PERM, -E_BUSY, -E_LINK, -E_NOMEM.
 */
int link_open(const char *name, unsigned baud, struct link **out, struct diag *d);

/* A link over a connected socket or pty master; fd is taken. */
int link_from_fd(int fd, const char *name, struct link **out);

void link_close(struct link *l); /* NULL is fine */

/* At most cap bytes. Returns their number, 0 after timeout_ms without any, or -E_LINK when the
 * other end is gone. */
long link_read(struct link *l, void *buf, size_t cap, unsigned timeout_ms);

/* All n bytes handed to the system. -E_LINK, or -E_TIMEOUT if the line takes none for ten seconds.
 */
int link_write(struct link *l, const void *p, size_t n);

/*
 * The control lines; true means asserted (low at the pin). -E_UNSUPPORTED where there are none
 * (pty, socket), -E_LINK.
 */
int link_lines(struct link *l, bool dtr, bool rts);

/* The rate in bits a second; any rate that the adapter can make. Waits until what was written is
 * out. -E_UNSUPPORTED if it cannot. */
int link_baud(struct link *l, unsigned baud);

/* Throw away what has come and was not read. */
void link_flush_input(struct link *l);

bool link_has_lines(const struct link *l);   /* control lines can be set, as far as is known */
bool link_has_baud(const struct link *l);    /* the rate means something here */
bool link_is_usb_jtag(const struct link *l); /* the chip's own USB serial/JTAG unit (303a:1001) */
const char *link_name(const struct link *l); /* borrowed */
int link_fd(const struct link *l);           /* for poll */

/* Bytes that went over the link so far, in both directions, escapes of the link itself included. */
uint64_t link_sent(const struct link *l);
uint64_t link_received(const struct link *l);

#endif
