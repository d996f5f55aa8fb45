#include "service.h"

#include <stdio.h>
#include <time.h>

#include "base/err.h"
#include "host/report.h"

static const char *const ends[][2] = {
        [VERB_GET] = { "/get/rejected", "/get/accepted" },
        [VERB_UPDATE] = { "/update/rejected", "/update/accepted" },
        [VERB_DELETE] = { "/delete/rejected", "/delete/accepted" },
};

static void ask(struct document *doc, enum verb verb, const char *thing, const char *p, size_t n,
                int64_t now, struct document_reply *r)
{
        if (verb == VERB_UPDATE)
                document_update(doc, p, n, now, r);
        else if (verb == VERB_DELETE)
                document_delete(doc, thing, p, n, now, r);
        else
                document_get(doc, thing, p, n, now, r);
}

static void handle(struct service *s, enum verb verb, const char *thing, const char *p, size_t n,
                   struct document_reply *r)
{
        const int64_t now = (int64_t)time(NULL);
        struct document doc;
        struct diag d = { 0 };
        int rc = store_load(&s->store, thing, &doc, &d);

        *r = (struct document_reply){ 0 };
        if (rc == 0) {
                ask(&doc, verb, thing, p, n, now, r);
                if (r->code == 200 && verb != VERB_GET)
                        rc = store_save(&s->store, thing, &doc, &d);
        }
        if (rc < 0) {
                tool_error("%s: %s", thing, diag_text(&d));
                document_reply_free(r);
                document_refuse(500, "Internal service failure", now, r);
        }
        document_free(&doc);
}

void service_request(struct service *s, enum verb verb, const char *thing, const char *p, size_t n,
                     bool by_mqtt, struct document_reply *r)
{
        handle(s, verb, thing, p, n, r);
        if (s->verbose || r->code == 500)
                tool_error("%s: %s by %s: %d", thing,
                           verb == VERB_GET      ? "get"
                           : verb == VERB_UPDATE ? "update"
                                                 : "delete",
                           by_mqtt ? "MQTT" : "REST", r->code);
        if (r->answer && (by_mqtt || (r->code == 200 && verb != VERB_GET)))
                s->publish(s->ctx, thing, ends[verb][r->code == 200], r->answer);
        if (r->delta)
                s->publish(s->ctx, thing, "/update/delta", r->delta);
        if (r->documents)
                s->publish(s->ctx, thing, "/update/documents", r->documents);
}
