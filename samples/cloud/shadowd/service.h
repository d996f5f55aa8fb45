/* A request from either side: the document is read, changed, stored, and only then told about. */
#ifndef SHADOWD_SERVICE_H
#define SHADOWD_SERVICE_H

#include <stdbool.h>

#include "document.h"
#include "store.h"

enum verb { VERB_GET, VERB_UPDATE, VERB_DELETE };

struct service {
        struct store store;
        bool verbose;
        /* Tells subscribers; end is what follows ".../shadow". Set by the owner. */
        void (*publish)(void *ctx, const char *thing, const char *end, const char *text);
        void *ctx;
};

/*
 * thing: as document_thing_ok wants it. r: free with document_reply_free. What was changed is
 * published. An answer to whoever asked is published for a request that came by MQTT; AWS does not
 * publish refusals of REST requests, and nobody waits for the answer to a get there.
 */
void service_request(struct service *s, enum verb verb, const char *thing, const char *p, size_t n,
                     bool by_mqtt, struct document_reply *r);

#endif
