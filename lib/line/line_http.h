/*
 * A page for the line: one document that needs nothing else, kept fresh by server-sent events.
 * Read-only. GET / (the page), /events, /state (JSON), /find?q=SERIAL-OR-MAC (JSON).
 *
 * What asks under a name that is not this machine's is refused (a web page somewhere that lets its
 * own name point here, "DNS rebinding"): the Host header must be an IP address, localhost, the
 * host's name or the one that was listened on. No other origin may read an answer.
 */
#ifndef LINE_HTTP_H
#define LINE_HTTP_H

#include <stdbool.h>

#include "base/diag.h"
#include "line/ledger.h"
#include "line/line_view.h"

struct line_http;

/*
 * Listen on HOST:PORT (port 0: any). view and ledger (NULL: nothing is found) are borrowed until
 * close. -E_SYNTAX, -E_NOTFOUND (no such host), -E_BUSY (port taken), -E_PERM, -E_IO.
 */
int line_http_open(const char *where, struct line_view *view, struct ledger *ledger,
                   struct line_http **out, struct diag *d);
void line_http_close(struct line_http *h); /* NULL is fine */

const char *line_http_url(const struct line_http *h); /* "http://127.0.0.1:8080/"; borrowed */

/* May a request with this Host header be answered, by a server that listens on host? */
bool line_http_host_ok(const char *header, const char *host);

#endif
