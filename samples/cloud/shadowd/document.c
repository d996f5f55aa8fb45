#include "document.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"

static const char *const sections[] = { "desired", "reported" };
#define SECTIONS (sizeof sections / sizeof *sections)

/* ---- changing the state ---- */

/* Removes nulls, and objects that held nothing else. False: so did t. */
static bool strip_nulls(struct jtree *t)
{
        bool removed = false;
        struct jtree *next;

        if (t->type != JDOC_OBJECT)
                return t->type != JDOC_NULL;
        for (struct jtree *c = t->child; c; c = next) {
                next = c->next;
                if (strip_nulls(c))
                        continue;
                jtree_drop(t, c);
                removed = true;
        }
        return t->child || !removed;
}

/* old becomes what fresh is, in its place; fresh is taken. */
static void replace(struct jtree *old, struct jtree *fresh)
{
        const struct jtree was = *old;

        *old = *fresh;
        old->next = was.next;
        old->key = was.key;
        free(was.text);
        for (struct jtree *c = was.child, *next; c; c = next) {
                next = c->next;
                jtree_free(c);
        }
        free(fresh->key);
        free(fresh);
}

static int merge(struct jtree *into, const struct jtree *patch);

static int merge_member(struct jtree *into, const struct jtree *m)
{
        struct jtree *old = jtree_same_key(into, m);
        struct jtree *fresh;

        if (old && old->type == JDOC_OBJECT && m->type == JDOC_OBJECT)
                return merge(old, m);
        fresh = jtree_copy(m);
        if (!fresh)
                return -E_NOMEM;
        if (!strip_nulls(fresh)) {
                jtree_free(fresh);
                if (old)
                        jtree_drop(into, old);
        } else if (old) {
                replace(old, fresh);
        } else {
                jtree_append(into, fresh);
        }
        return 0;
}

static int merge(struct jtree *into, const struct jtree *patch)
{
        int rc = 0;

        for (const struct jtree *m = patch->child; m && rc == 0; m = m->next)
                rc = merge_member(into, m);
        return rc;
}

static struct jtree *new_object(const char *key)
{
        struct jtree *t = calloc(1, sizeof *t);

        if (t)
                t->type = JDOC_OBJECT;
        if (t && key && !(t->key = strdup(key))) {
                free(t);
                return NULL;
        }
        return t;
}

/* state with the request's state in it: returned; NULL: no memory. */
static struct jtree *apply(const struct jtree *state, const struct jtree *request)
{
        struct jtree *all = state ? jtree_copy(state) : new_object(NULL);
        struct jtree *old;

        if (!all || merge(all, request) < 0) {
                jtree_free(all);
                return NULL;
        }
        for (size_t i = 0; i < SECTIONS; i++)
                if ((old = jtree_find(all, sections[i])) != NULL && !old->child)
                        jtree_drop(all, old);
        return all;
}

/* Bytes that count against the limit. */
static size_t state_size(const struct jtree *state)
{
        size_t n = 0;

        for (const struct jtree *c = state->child; c; c = c->next)
                n += jtree_size(c);
        return n;
}

/* Members of wish that are not so in told (NULL: nothing is), into out. */
static int differences(const struct jtree *wish, const struct jtree *told, struct jtree *out)
{
        for (const struct jtree *w = wish->child; w; w = w->next) {
                const struct jtree *t = jtree_same_key(told, w);
                const bool both = t && t->type == JDOC_OBJECT && w->type == JDOC_OBJECT;
                struct jtree *d;
                int rc = 0;

                if (t && !both && jtree_equal(w, t))
                        continue;
                d = both ? new_object(w->key) : jtree_copy(w);
                if (!d)
                        return -E_NOMEM;
                if (both)
                        rc = differences(w, t, d);
                if (rc < 0 || (both && !d->child)) {
                        jtree_free(d);
                        if (rc < 0)
                                return rc;
                        continue;
                }
                jtree_append(out, d);
        }
        return 0;
}

/* Returned, without members if there is no difference; NULL: no memory. */
static struct jtree *delta_of(const struct jtree *state)
{
        const struct jtree *wish = jtree_find(state, "desired");
        struct jtree *out = new_object("delta");

        if (out && wish && differences(wish, jtree_find(state, "reported"), out) < 0) {
                jtree_free(out);
                return NULL;
        }
        return out;
}

/* ---- texts ---- */

struct text {
        FILE *f; /* NULL: no memory */
        char *p;
        size_t n;
};

static void text_open(struct text *t)
{
        *t = (struct text){ 0 };
        t->f = open_memstream(&t->p, &t->n);
}

static char *text_close(struct text *t)
{
        bool ok;

        if (!t->f)
                return NULL;
        ok = !ferror(t->f);
        ok = fclose(t->f) == 0 && ok;
        if (ok)
                return t->p;
        free(t->p);
        return NULL;
}

/* "timestamp", "clientToken" and the last brace. token: as written, NULL: none. */
static void put_end(FILE *f, int64_t now, const char *token)
{
        fprintf(f, ",\"timestamp\":%lld", (long long)now);
        if (token)
                fprintf(f, ",\"clientToken\":\"%s\"", token);
        fputc('}', f);
}

static void put_state(FILE *f, const struct jtree *state, const struct jtree *delta)
{
        fputs("\"state\":{", f);
        for (const struct jtree *c = state ? state->child : NULL; c; c = c->next) {
                fprintf(f, "\"%s\":", c->key);
                jtree_put(c, f);
                if (c->next)
                        fputc(',', f);
        }
        if (delta && delta->child) { /* then there is something desired before it */
                fputs(",\"delta\":", f);
                jtree_put(delta, f);
        }
        fputs("},\"metadata\":", f);
        if (state)
                jtree_put_stamps(state, f);
        else
                fputs("{}", f);
}

static char *text_of_answer(const struct jtree *state, const struct jtree *delta, int64_t version,
                            int64_t now, const char *token)
{
        struct text t;

        text_open(&t);
        if (t.f) {
                fputc('{', t.f);
                put_state(t.f, state, delta);
                fprintf(t.f, ",\"version\":%lld", (long long)version);
                put_end(t.f, now, token);
        }
        return text_close(&t);
}

static char *text_of_delta(const struct jtree *delta, int64_t version, int64_t now,
                           const char *token)
{
        struct text t;

        text_open(&t);
        if (t.f) {
                fputs("{\"state\":", t.f);
                jtree_put(delta, t.f);
                fputs(",\"metadata\":", t.f);
                jtree_put_stamps(delta, t.f);
                fprintf(t.f, ",\"version\":%lld", (long long)version);
                put_end(t.f, now, token);
        }
        return text_close(&t);
}

static char *text_of_documents(const struct document *before, const struct document *after,
                               int64_t now, const char *token)
{
        struct text t;

        text_open(&t);
        if (t.f) {
                fputs("{\"previous\":{", t.f);
                put_state(t.f, before->state, NULL);
                fprintf(t.f, ",\"version\":%lld},\"current\":{", (long long)before->version);
                put_state(t.f, after->state, NULL);
                fprintf(t.f, ",\"version\":%lld}", (long long)after->version);
                put_end(t.f, now, token);
        }
        return text_close(&t);
}

/* ---- requests ---- */

struct request {
        struct jtree *root;
        const struct jtree *state; /* in root */
        const char *token;         /* in root, as written; NULL: none */
        int64_t version;           /* -1: none named */
};

static void refuse(struct document_reply *r, int code, const struct request *q, int64_t now,
                   const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void refuse(struct document_reply *r, int code, const struct request *q, int64_t now,
                   const char *fmt, ...)
{
        struct text t;
        va_list ap;

        document_reply_free(r);
        r->code = code;
        text_open(&t);
        if (t.f) {
                fprintf(t.f, "{\"code\":%d,\"message\":\"", code);
                va_start(ap, fmt);
                vfprintf(t.f, fmt, ap);
                va_end(ap);
                fputc('"', t.f);
                put_end(t.f, now, q ? q->token : NULL);
        }
        r->answer = text_close(&t);
}

static void no_memory(struct document_reply *r, const struct request *q, int64_t now)
{
        refuse(r, 500, q, now, "Internal service failure");
}

void document_refuse(int code, const char *text, int64_t now, struct document_reply *r)
{
        *r = (struct document_reply){ 0 };
        refuse(r, code, NULL, now, "%s", text);
}

void document_reply_free(struct document_reply *r)
{
        free(r->answer);
        free(r->delta);
        free(r->documents);
        *r = (struct document_reply){ 0 };
}

/* The token of q->root, if it has one; false: not a valid one. */
static bool read_token(struct request *q)
{
        const struct jtree *t = jtree_find(q->root, "clientToken");

        if (!t)
                return true;
        if (t->type != JDOC_STRING || strlen(t->text) > DOCUMENT_TOKEN_MAX)
                return false;
        q->token = t->text;
        return true;
}

/* What is wrong with a state; NULL: nothing. Its text may name a member, which goes to *name. */
static const char *state_fault(const struct jtree *state, const char **name)
{
        if (!state)
                return "Missing required node: state";
        if (state->type != JDOC_OBJECT)
                return "State node must be an object";
        for (const struct jtree *c = state->child; c; c = c->next) {
                const bool desired = strcmp(c->key, "desired") == 0;

                if (!desired && strcmp(c->key, "reported") != 0) {
                        *name = c->key;
                        return "State contains an invalid node";
                }
                if (c->type != JDOC_OBJECT && c->type != JDOC_NULL)
                        return desired ? "Desired node must be an object"
                                       : "Reported node must be an object";
        }
        if (jtree_depth(state) > DOCUMENT_DEPTH)
                return "JSON contains too many levels of nesting; maximum is 6";
        return NULL;
}

/* Reads an update. False: r says why not. */
static bool read_update(struct request *q, const char *p, size_t n, int64_t now,
                        struct document_reply *r)
{
        const struct jtree *version;
        const char *fault;
        const char *name = NULL;
        int rc;

        if (n > DOCUMENT_REQUEST_MAX) {
                refuse(r, 413, q, now, "The payload exceeds the maximum size allowed");
                return false;
        }
        if (!utf8_valid(p, n)) {
                refuse(r, 415, q, now,
                       "Unsupported documented encoding; supported encoding is UTF-8");
                return false;
        }
        rc = jtree_read(p, n, now, &q->root);
        if (rc == -E_NOMEM) {
                no_memory(r, q, now);
        } else if (rc == -E_RANGE) {
                refuse(r, 400, q, now, "JSON contains too many levels of nesting; maximum is 6");
        } else if (rc < 0 || q->root->type != JDOC_OBJECT) {
                refuse(r, 400, q, now, "Invalid JSON");
        } else if (!read_token(q)) {
                refuse(r, 400, q, now, "Invalid clientToken");
        } else if ((version = jtree_find(q->root, "version")) != NULL &&
                   (jtree_int(version, &q->version) < 0 || q->version < 0)) {
                refuse(r, 400, q, now, "Invalid version");
        } else if ((fault = state_fault(jtree_find(q->root, "state"), &name)) != NULL) {
                if (name) /* whole: cut anywhere it might be no JSON any more */
                        refuse(r, 400, q, now, "%s: '%s'", fault, name);
                else
                        refuse(r, 400, q, now, "%s", fault);
        } else {
                q->state = jtree_find(q->root, "state");
                return true;
        }
        return false;
}

/* The token of a get or delete. False: r says why not. */
static bool read_empty(struct request *q, const char *p, size_t n, int64_t now,
                       struct document_reply *r)
{
        if (n && n <= DOCUMENT_REQUEST_MAX)
                (void)jtree_read(p, n, now, &q->root);
        if (!q->root || read_token(q))
                return true;
        refuse(r, 400, q, now, "Invalid clientToken");
        return false;
}

/* The version that counts: a shadow that was deleted long ago is forgotten. */
static int64_t version_now(const struct document *d, int64_t now)
{
        return d->state || now - d->changed < DOCUMENT_MEMORY_S ? d->version : 0;
}

static bool put_update(const struct document *before, const struct document *after,
                       const struct request *q, int64_t now, struct document_reply *r)
{
        struct jtree *delta = delta_of(after->state);

        if (delta && delta->child)
                r->delta = text_of_delta(delta, after->version, now, q->token);
        r->documents = text_of_documents(before, after, now, q->token);
        r->answer = text_of_answer(q->state, NULL, after->version, now, q->token);
        r->code = 200;
        if (delta && r->documents && r->answer && (!delta->child || r->delta)) {
                jtree_free(delta);
                return true;
        }
        jtree_free(delta);
        no_memory(r, q, now);
        return false;
}

static void update(struct document *d, const struct request *q, int64_t now,
                   struct document_reply *r)
{
        struct document before = *d;
        struct document after = { .changed = now };

        before.version = version_now(d, now);
        if (q->version >= 0 && q->version != before.version) {
                refuse(r, 409, q, now, "Version conflict");
                return;
        }
        after.version = before.version + 1;
        after.state = apply(d->state, q->state);
        if (!after.state) {
                no_memory(r, q, now);
                return;
        }
        if (state_size(after.state) > DOCUMENT_MAX)
                refuse(r, 413, q, now, "The payload exceeds the maximum size allowed");
        else if (put_update(&before, &after, q, now, r)) {
                jtree_free(d->state);
                *d = after;
                return;
        }
        jtree_free(after.state);
}

void document_update(struct document *d, const char *p, size_t n, int64_t now,
                     struct document_reply *r)
{
        struct request q = { .version = -1 };

        *r = (struct document_reply){ 0 };
        if (read_update(&q, p, n, now, r))
                update(d, &q, now, r);
        jtree_free(q.root);
}

void document_get(const struct document *d, const char *thing, const char *p, size_t n, int64_t now,
                  struct document_reply *r)
{
        struct request q = { .version = -1 };
        struct jtree *delta;

        *r = (struct document_reply){ 0 };
        if (!read_empty(&q, p, n, now, r)) {
                jtree_free(q.root);
                return;
        }
        if (!d->state) {
                refuse(r, 404, &q, now, "No shadow exists with name: '%s'", thing);
        } else {
                delta = delta_of(d->state);
                r->code = 200;
                if (delta)
                        r->answer = text_of_answer(d->state, delta, d->version, now, q.token);
                if (!r->answer)
                        no_memory(r, &q, now);
                jtree_free(delta);
        }
        jtree_free(q.root);
}

void document_delete(struct document *d, const char *thing, const char *p, size_t n, int64_t now,
                     struct document_reply *r)
{
        struct request q = { .version = -1 };
        struct text t;

        *r = (struct document_reply){ 0 };
        if (!read_empty(&q, p, n, now, r)) {
                jtree_free(q.root);
                return;
        }
        if (!d->state) {
                refuse(r, 404, &q, now, "No shadow exists with name: '%s'", thing);
        } else {
                text_open(&t);
                if (t.f) {
                        fprintf(t.f, "{\"version\":%lld", (long long)d->version);
                        put_end(t.f, now, q.token);
                }
                r->code = 200;
                r->answer = text_close(&t);
                if (r->answer) {
                        jtree_free(d->state);
                        d->state = NULL;
                        d->changed = now;
                } else {
                        no_memory(r, &q, now);
                }
        }
        jtree_free(q.root);
}

/* ---- the disk ---- */

char *document_store(const struct document *d)
{
        struct text t;

        text_open(&t);
        if (t.f) {
                fprintf(t.f, "{\"v\":1,\"version\":%lld,\"changed\":%lld", (long long)d->version,
                        (long long)d->changed);
                if (d->state) {
                        fputc(',', t.f);
                        put_state(t.f, d->state, NULL);
                }
                fputs("}\n", t.f);
        }
        return text_close(&t);
}

/* Takes the state out of a file's object. */
static int take_state(struct document *d, struct jtree *root)
{
        const struct jtree *state = jtree_find(root, "state");
        const struct jtree *stamps = jtree_find(root, "metadata");
        const char *name;

        if (!state)
                return 0;
        if (state_fault(state, &name) || state_size(state) > DOCUMENT_MAX || !stamps)
                return -E_FORMAT;
        d->state = jtree_copy(state);
        if (!d->state)
                return -E_NOMEM;
        free(d->state->key);
        d->state->key = NULL;
        jtree_take_stamps(d->state, stamps);
        return 0;
}

int document_load(struct document *d, const char *p, size_t n)
{
        struct jtree *root;
        int64_t v = 0;
        int rc = jtree_read(p, n, 0, &root);

        *d = (struct document){ 0 };
        if (rc < 0)
                return rc == -E_NOMEM ? rc : -E_FORMAT;
        if (jtree_int(jtree_find(root, "v"), &v) < 0 || v != 1 ||
            jtree_int(jtree_find(root, "version"), &d->version) < 0 || d->version < 1 ||
            d->version == INT64_MAX || jtree_int(jtree_find(root, "changed"), &d->changed) < 0 ||
            d->changed < 0)
                rc = -E_FORMAT;
        else
                rc = take_state(d, root);
        jtree_free(root);
        if (rc < 0)
                document_free(d);
        return rc;
}

void document_free(struct document *d)
{
        jtree_free(d->state);
        *d = (struct document){ 0 };
}

bool document_thing_ok(const char *name)
{
        const size_t n = strlen(name);

        return n && n <= DOCUMENT_THING_MAX &&
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-") ==
                       n;
}

const char *document_thing_in(const char *text, const char *prefix,
                              char out[DOCUMENT_THING_MAX + 1])
{
        const size_t skip = strlen(prefix);
        size_t n;

        if (strncmp(text, prefix, skip) != 0)
                return NULL;
        text += skip;
        n = strcspn(text, "/");
        if (n > DOCUMENT_THING_MAX)
                return NULL;
        memcpy(out, text, n);
        out[n] = 0;
        return document_thing_ok(out) ? text + n : NULL;
}
