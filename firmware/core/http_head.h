/* What PORT_EV_HTTP_HEAD tells of an answer, taken from its header fields as a library brings them.
 */
#ifndef CORE_HTTP_HEAD_H
#define CORE_HTTP_HEAD_H

#include "firmware/core/port.h"

struct http_head {
        uint64_t from, total;
        char etag[PORT_ETAG_MAX]; /* "": none, or a weak one */
};

/* One field; clear h before the first of an answer. Names in any case; what is not needed, or not
 * well-formed, changes nothing. */
void http_head_field(struct http_head *h, const char *name, const char *value);

/* The event; h is borrowed by it. */
struct port_event http_head_event(const struct http_head *h, unsigned status);

#endif
