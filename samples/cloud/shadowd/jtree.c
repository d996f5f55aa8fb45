#include "jtree.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* ---- making ---- */

static char *copy_text(const char *p, size_t n)
{
        char *s = malloc(n + 1);

        if (!s)
                return NULL;
        memcpy(s, p, n);
        s[n] = 0;
        return s;
}

void jtree_free(struct jtree *t)
{
        struct jtree *next;

        if (!t)
                return;
        for (struct jtree *c = t->child; c; c = next) {
                next = c->next;
                jtree_free(c);
        }
        free(t->key);
        free(t->text);
        free(t);
}

void jtree_append(struct jtree *t, struct jtree *child)
{
        if (t->last)
                t->last->next = child;
        else
                t->child = child;
        t->last = child;
}

void jtree_drop(struct jtree *t, struct jtree *member)
{
        struct jtree *before = NULL;

        for (struct jtree *c = t->child; c != member; c = c->next)
                before = c;
        if (before)
                before->next = member->next;
        else
                t->child = member->next;
        if (t->last == member)
                t->last = before;
        member->next = NULL;
        jtree_free(member);
}

struct jtree *jtree_copy(const struct jtree *t)
{
        struct jtree *n = t ? calloc(1, sizeof *n) : NULL;

        if (!n)
                return NULL;
        n->type = t->type;
        n->stamp = t->stamp;
        if ((t->key && !(n->key = copy_text(t->key, strlen(t->key)))) ||
            (t->text && !(n->text = copy_text(t->text, strlen(t->text)))))
                goto fail;
        for (const struct jtree *c = t->child; c; c = c->next) {
                struct jtree *child = jtree_copy(c);

                if (!child)
                        goto fail;
                jtree_append(n, child);
        }
        return n;
fail:
        jtree_free(n);
        return NULL;
}

/* ---- reading ---- */

static bool opens(enum jdoc_type type)
{
        return type == JDOC_OBJECT || type == JDOC_ARRAY;
}

/* A key's or string's text, if there is a character for every escape. */
static int take_text(const struct jdoc_token *t, char **out)
{
        char *plain;
        int n = 0;

        if (memchr(t->text, '\\', t->len)) {
                plain = malloc(t->len + 1); /* decoding never lengthens */
                if (!plain)
                        return -E_NOMEM;
                n = jdoc_text(t, plain, t->len + 1);
                free(plain);
        }
        *out = n < 0 ? NULL : copy_text(t->text, t->len);
        return n < 0 ? n : *out ? 0 : -E_NOMEM;
}

static int new_node(const struct jdoc_token *t, int64_t stamp, struct jtree **out)
{
        struct jtree *n = calloc(1, sizeof *n);
        int rc = 0;

        *out = n;
        if (!n)
                return -E_NOMEM;
        n->type = t->type;
        n->stamp = stamp;
        if (t->type == JDOC_STRING)
                rc = take_text(t, &n->text);
        else if (!opens(t->type) && !(n->text = copy_text(t->text, t->len)))
                rc = -E_NOMEM;
        return rc;
}

static int read_value(struct jdoc *j, const struct jdoc_token *first, int64_t stamp,
                      struct jtree **out);

/* What stands in an object or array. As deep as JDOC_DEPTH_MAX at most. */
static int read_children(struct jdoc *j, struct jtree *t, int64_t stamp)
{
        for (;;) {
                struct jdoc_token key = { 0 };
                struct jtree *child, *old;
                struct jdoc_token v;
                int rc = jdoc_next(j, &v);

                if (rc < 0 || v.type == JDOC_OBJECT_END || v.type == JDOC_ARRAY_END)
                        return rc;
                if (v.type == JDOC_KEY) {
                        key = v;
                        if ((rc = jdoc_next(j, &v)) < 0)
                                return rc;
                }
                if ((rc = read_value(j, &v, stamp, &child)) < 0)
                        return rc;
                if (key.text && (rc = take_text(&key, &child->key)) < 0) {
                        jtree_free(child);
                        return rc;
                }
                old = child->key ? jtree_same_key(t, child) : NULL;
                if (old)
                        jtree_drop(t, old);
                jtree_append(t, child);
        }
}

static int read_value(struct jdoc *j, const struct jdoc_token *first, int64_t stamp,
                      struct jtree **out)
{
        struct jtree *n;
        int rc = new_node(first, stamp, &n);

        if (rc == 0 && opens(n->type))
                rc = read_children(j, n, stamp);
        if (rc < 0) {
                jtree_free(n);
                n = NULL;
        }
        *out = n;
        return rc;
}

int jtree_read(const char *p, size_t n, int64_t stamp, struct jtree **out)
{
        struct jdoc_token t;
        struct jdoc j;
        int rc;

        *out = NULL;
        jdoc_init(&j, p, n);
        if ((rc = jdoc_next(&j, &t)) < 0 || (rc = read_value(&j, &t, stamp, out)) < 0)
                return rc;
        rc = jdoc_next(&j, &t); /* nothing may follow */
        if (rc < 0) {
                jtree_free(*out);
                *out = NULL;
        }
        return rc;
}

/* ---- comparing ---- */

/* Two texts as written, of keys or strings: the same characters? */
static bool same_text(const char *a, const char *b)
{
        const struct jdoc_token ta = { JDOC_STRING, a, strlen(a) };
        const struct jdoc_token tb = { JDOC_STRING, b, strlen(b) };
        const size_t room = (ta.len > tb.len ? ta.len : tb.len) + 1; /* decoding never lengthens */
        bool same = false;
        char *da, *db;

        if (ta.len == tb.len && memcmp(a, b, ta.len) == 0)
                return true;
        if (!strchr(a, '\\') && !strchr(b, '\\'))
                return false;
        da = malloc(room);
        db = malloc(room);
        if (da && db && jdoc_text(&ta, da, room) >= 0 && jdoc_text(&tb, db, room) >= 0)
                same = strcmp(da, db) == 0;
        free(da);
        free(db);
        return same;
}

static bool is_whole(const char *number)
{
        return !strpbrk(number, ".eE");
}

/* Whole numbers digit by digit, however long; others as a double has them. */
static bool same_number(const char *a, const char *b)
{
        if (strcmp(a, b) == 0)
                return true;
        if (is_whole(a) && is_whole(b))
                return strtod(a, NULL) == 0 && strtod(b, NULL) == 0; /* 0 and -0 */
        return strtod(a, NULL) == strtod(b, NULL);
}

struct jtree *jtree_find(const struct jtree *t, const char *name)
{
        struct jtree *c = t && t->type == JDOC_OBJECT ? t->child : NULL;

        while (c && !same_text(c->key, name))
                c = c->next;
        return c;
}

struct jtree *jtree_same_key(const struct jtree *t, const struct jtree *member)
{
        return jtree_find(t, member->key);
}

int jtree_int(const struct jtree *t, int64_t *out)
{
        struct jdoc_token n = { JDOC_NUMBER, "", 0 };

        if (!t || t->type != JDOC_NUMBER)
                return -E_TYPE;
        n.text = t->text;
        n.len = strlen(t->text);
        return jdoc_int(&n, out);
}

static size_t count(const struct jtree *t)
{
        size_t n = 0;

        for (const struct jtree *c = t->child; c; c = c->next)
                n++;
        return n;
}

static bool equal_children(const struct jtree *a, const struct jtree *b)
{
        const struct jtree *in_b = b->child;

        if (count(a) != count(b))
                return false;
        for (const struct jtree *c = a->child; c; c = c->next) {
                const struct jtree *other = c->key ? jtree_same_key(b, c) : in_b;

                if (!other || !jtree_equal(c, other))
                        return false;
                if (!c->key)
                        in_b = in_b->next;
        }
        return true;
}

bool jtree_equal(const struct jtree *a, const struct jtree *b)
{
        if (a->type != b->type)
                return false;
        switch (a->type) {
        case JDOC_OBJECT:
        case JDOC_ARRAY:
                return equal_children(a, b);
        case JDOC_STRING:
                return same_text(a->text, b->text);
        case JDOC_NUMBER:
                return same_number(a->text, b->text);
        default:
                return true;
        }
}

unsigned jtree_depth(const struct jtree *t)
{
        unsigned most = 0;

        if (!opens(t->type))
                return 0;
        for (const struct jtree *c = t->child; c; c = c->next) {
                const unsigned d = jtree_depth(c);

                most = d > most ? d : most;
        }
        return most + 1;
}

/* ---- writing ---- */

static void put(const struct jtree *t, FILE *out, bool stamps)
{
        const char *quote = t->type == JDOC_STRING ? "\"" : "";

        if (!opens(t->type)) {
                if (stamps)
                        fprintf(out, "{\"timestamp\":%lld}", (long long)t->stamp);
                else
                        fprintf(out, "%s%s%s", quote, t->text, quote);
                return;
        }
        fputc(t->type == JDOC_OBJECT ? '{' : '[', out);
        for (const struct jtree *c = t->child; c; c = c->next) {
                if (c->key)
                        fprintf(out, "\"%s\":", c->key);
                put(c, out, stamps);
                if (c->next)
                        fputc(',', out);
        }
        fputc(t->type == JDOC_OBJECT ? '}' : ']', out);
}

void jtree_put(const struct jtree *t, FILE *out)
{
        put(t, out, false);
}

void jtree_put_stamps(const struct jtree *t, FILE *out)
{
        put(t, out, true);
}

void jtree_take_stamps(struct jtree *t, const struct jtree *stamps)
{
        const struct jtree *at = stamps->child;

        if (!opens(t->type)) {
                (void)jtree_int(jtree_find(stamps, "timestamp"), &t->stamp);
                return;
        }
        for (struct jtree *c = t->child; c; c = c->next) {
                const struct jtree *s = c->key ? jtree_same_key(stamps, c) : at;

                if (s)
                        jtree_take_stamps(c, s);
                if (at && !c->key)
                        at = at->next;
        }
}

size_t jtree_size(const struct jtree *t)
{
        size_t n = 0;

        if (!opens(t->type))
                return strlen(t->text) + (t->type == JDOC_STRING ? 2 : 0);
        for (const struct jtree *c = t->child; c; c = c->next)
                n += jtree_size(c) + (c->key ? strlen(c->key) + 3 : 0) + (c->next != NULL);
        return n + 2;
}
