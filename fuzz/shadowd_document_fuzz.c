/*
 * Any bytes as requests to one shadow. Input: requests, a 0xFF between them; the first byte of each
 * is its kind ('g' get, 'd' delete, 't' a topic, anything else an update). Properties:
 * - every answer is JSON for another parser (cJSON), and says the code that the reply has
 * - the state is never larger than the limit, nor deeper; versions go up by one
 * - a refusal changes nothing
 * - what the delta says, once it is reported, leaves no delta
 * - what is stored loads as the same
 * - a topic's thing may be called so, and is what stands in the topic
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "samples/cloud/shadowd/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define NOW 1700000000

static void must(bool ok)
{
        if (!ok)
                abort();
}

static cJSON *parsed(const char *text)
{
        cJSON *j = cJSON_Parse(text);

        must(j && cJSON_IsObject(j));
        return j;
}

static void check_reply(const struct document_reply *r)
{
        cJSON *j = parsed(r->answer);
        const cJSON *code = cJSON_GetObjectItemCaseSensitive(j, "code");

        must(r->code == 200 ? !code : code && code->valueint == r->code);
        must(r->code == 200 || (!r->delta && !r->documents));
        cJSON_Delete(j);
        if (r->delta)
                cJSON_Delete(parsed(r->delta));
        if (r->documents)
                cJSON_Delete(parsed(r->documents));
}

static void check_document(const struct document *d)
{
        struct document back;
        char *text = document_store(d);
        char *again;
        size_t size = 0;

        for (const struct jtree *c = d->state ? d->state->child : NULL; c; c = c->next) {
                size += jtree_size(c);
                must(c->child);
        }
        must(size <= DOCUMENT_MAX);
        must(!d->state || jtree_depth(d->state) <= DOCUMENT_DEPTH);
        if (d->version) {
                must(document_load(&back, text, strlen(text)) == 0);
                again = document_store(&back);
                must(strcmp(text, again) == 0);
                free(again);
                document_free(&back);
        }
        free(text);
}

/* Report to a copy what its delta wants: then nothing is left, unless there was no room. */
static void check_delta(const struct document *d, const char *delta)
{
        struct document copy = { .state = jtree_copy(d->state), .version = d->version };
        struct document_reply r;
        struct jtree *t;
        char *text = NULL;
        size_t size;
        FILE *f;

        must(jtree_read(delta, strlen(delta), NOW, &t) == 0);
        f = open_memstream(&text, &size);
        must(f != NULL);
        fputs("{\"state\":{\"reported\":", f);
        jtree_put(jtree_find(t, "state"), f);
        fputs("}}", f);
        must(fclose(f) == 0);
        jtree_free(t);
        document_update(&copy, text, strlen(text), NOW, &r);
        must(r.code == 200 ? !r.delta : r.code == 413);
        document_reply_free(&r);
        document_free(&copy);
        free(text);
}

static void check_topic(const char *p, size_t n)
{
        static const char prefix[] = "$aws/things/";
        char thing[DOCUMENT_THING_MAX + 1];
        char *text = strndup(p, n);
        const char *rest = document_thing_in(text, prefix, thing);

        if (rest)
                must(document_thing_ok(thing) && (*rest == 0 || *rest == '/') &&
                     strncmp(text + sizeof prefix - 1, thing, strlen(thing)) == 0 &&
                     rest == text + sizeof prefix - 1 + strlen(thing));
        free(text);
}

static void one(struct document *d, const char *p, size_t n)
{
        const int64_t version = d->version;
        const bool existed = d->state != NULL;
        const char kind = n ? *p : 'u';
        const char *body = n ? p + 1 : p;
        char *before = document_store(d);
        struct document_reply r;
        char *after;

        n -= n > 0;
        if (kind == 'g')
                document_get(d, "t", body, n, NOW, &r);
        else if (kind == 'd')
                document_delete(d, "t", body, n, NOW, &r);
        else
                document_update(d, body, n, NOW, &r);
        check_reply(&r);
        check_document(d);
        after = document_store(d);
        if (r.code != 200 || kind == 'g')
                must(strcmp(before, after) == 0);
        else if (kind == 'd')
                must(existed && !d->state && d->version == version);
        else
                must(d->version == version + 1 && r.documents);
        if (r.delta)
                check_delta(d, r.delta);
        free(before);
        free(after);
        document_reply_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        struct document d = { 0 };

        while (n) {
                const uint8_t *end = memchr(p, 0xFF, n);
                const size_t len = end ? (size_t)(end - p) : n;

                if (*p == 't')
                        check_topic((const char *)p + 1, len - 1);
                else
                        one(&d, (const char *)p, len);
                n -= len + (end != NULL);
                p += len + (end != NULL);
        }
        document_free(&d);
        return 0;
}
