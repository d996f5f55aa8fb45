#include "line/line_lock.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/secure_profile.h"
#include "host/sha256.h"

struct list {
        const struct line_job *j;
        char **paths; /* owned */
        size_t n;
        bool lost; /* out of memory */
};

static void list_free(struct list *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->paths[i]);
        free(l->paths);
}

static void add(struct list *l, const char *path)
{
        char **grown = path ? realloc(l->paths, (l->n + 1) * sizeof *grown) : NULL;
        char *copy = grown ? strdup(path) : NULL;

        if (grown)
                l->paths = grown;
        if (!copy) {
                l->lost = l->lost || path;
                return;
        }
        for (size_t i = 0; i < l->n; i++)
                if (!strcmp(l->paths[i], copy)) {
                        free(copy);
                        return;
                }
        l->paths[l->n++] = copy;
}

static bool is_file(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* A value of the configuration may be the name of a file. */
static void add_values(struct list *l)
{
        for (size_t i = 0; i < l->j->factory.value_count; i++) {
                char *path = path_join(l->j->dir, l->j->factory.values[i].text.text);

                if (path && is_file(path))
                        add(l, path);
                l->lost = l->lost || !path;
                free(path);
        }
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_folder(struct list *l, const char *dir)
{
        struct dirent **names = NULL;
        const int n = scandir(dir, &names, NULL, by_name);

        for (int i = 0; i < n; i++) {
                char *path = names[i]->d_name[0] == '.' ? NULL : path_join(dir, names[i]->d_name);

                if (path && is_file(path))
                        add(l, path);
                free(path);
                free(names[i]);
        }
        free(names);
}

static void add_in(struct list *l, const char *dir, const char *name)
{
        char *path = dir ? path_join(dir, name) : NULL;

        if (path && is_file(path))
                add(l, path);
        free(path);
}

/* The profile, the signing keys that it names, and a flash key that all units share. */
static void add_security(struct list *l)
{
        struct report quiet = { .silent = true };
        const struct line_word *path = &l->j->security.profile;
        struct secure_profile *p = NULL;

        add(l, path->text);
        if (!path->text || secure_profile_load(path->text, &p, &quiet) < 0)
                return; /* who opens the kit says what is wrong with it */
        for (size_t i = 0; i < p->boot.count; i++)
                add(l, p->boot.keys[i]);
        if (p->flash.file && !strchr(p->flash.file, '{'))
                add(l, p->flash.file);
        if (p->nvs.file && !strchr(p->nvs.file, '{'))
                add(l, p->nvs.file);
        secure_profile_free(p);
}

static void collect(struct list *l)
{
        const struct line_job *j = l->j;

        add(l, j->path);
        add(l, j->table.text);
        for (size_t i = 0; i < j->image_count; i++)
                add(l, j->images[i].file.text);
        if (j->serials == LINE_SERIAL_LIST)
                add(l, j->serial.text);
        add(l, j->factory.config.text);
        if (j->factory.profile.text && strchr(j->factory.profile.text, '.'))
                add(l, j->factory.profile.text);
        add_values(l);
        add_in(l, j->factory.ca.text, "issuing.crt");
        add_in(l, j->factory.ca.text, "root.crt");
        if (j->factory.folder.text)
                add_folder(l, j->factory.folder.text);
        add(l, j->label.template.text);
        add_security(l);
}

/* As it is written: relative to the job's folder where that is a beginning of it. */
static const char *shown(const struct line_job *j, const char *path)
{
        const size_t n = strlen(j->dir);

        if (!strcmp(j->dir, "."))
                return strncmp(path, "./", 2) ? path : path + 2;
        return !strncmp(path, j->dir, n) && path[n] == '/' ? path + n + 1 : path;
}

static int digest(struct sha256 *h, const char *path, char hex[SHA256_HEX_LEN], struct diag *d)
{
        uint8_t out[SHA256_LEN];
        struct blob b;
        int rc = file_load(path, FILE_LIMIT_IMAGE, &b, d);

        if (rc < 0)
                return rc;
        rc = sha256_of(h, b.data, b.len, out);
        blob_free_secret(&b);
        hex_encode(out, sizeof out, hex);
        return rc < 0 ? diag_set(d, -rc, "out of memory") : 0;
}

/* The whole text of JOB.approved as it would be now. Returned: free. */
static int text_of(const struct line_job *j, char **text, size_t *len, size_t *files,
                   struct report *r)
{
        struct list l = { .j = j };
        struct sha256 *h = sha256_new();
        FILE *f = open_memstream(text, len);
        const unsigned before = r->errors;

        collect(&l);
        for (size_t i = 0; i < l.n && f && h; i++) {
                char hex[SHA256_HEX_LEN];
                struct diag d = { 0 };

                if (digest(h, l.paths[i], hex, &d) < 0)
                        report_diag(r, NULL, &d);
                else
                        fprintf(f, "%s  %s\n", hex, shown(j, l.paths[i]));
        }
        if (!f || !h || l.lost || fclose(f) != 0)
                report_error(r, E_NOMEM, j->path, 0, 0, "out of memory");
        *files = l.n;
        sha256_free(h);
        list_free(&l);
        return r->errors > before ? -r->first_code : 0;
}

static char *lock_path(const struct line_job *j)
{
        char *path = NULL;

        return asprintf(&path, "%s.approved", j->path) < 0 ? NULL : path;
}

int line_lock_write(const struct line_job *j, size_t *files, struct report *r)
{
        char *path = lock_path(j);
        char *text = NULL;
        struct diag d = { 0 };
        size_t len = 0;
        size_t n = 0;
        int rc = path ? text_of(j, &text, &len, &n, r)
                      : report_error(r, E_NOMEM, j->path, 0, 0, "out of memory");

        if (rc == 0 && (rc = file_save(path, text, len, FILE_PUBLIC, &d)) < 0)
                report_diag(r, NULL, &d);
        if (files)
                *files = n;
        free(text);
        free(path);
        return rc;
}

/* The hash that text gives for a name, or NULL. */
static const char *find(const char *text, const char *name, size_t n)
{
        while (*text) {
                const size_t len = strcspn(text, "\n");

                if (len == n + 66 && !memcmp(text + 66, name, n))
                        return text;
                text += len + (text[len] == '\n');
        }
        return NULL;
}

static void compare(const struct line_job *j, const char *now, const char *was, struct report *r)
{
        for (const char *p = now; *p;) {
                const size_t len = strcspn(p, "\n");
                const char *old = len > 66 ? find(was, p + 66, len - 66) : NULL;

                if (!old)
                        report_error(r, E_VERIFY, j->path, 0, 0,
                                     "%.*s was not approved; look at it, then 'flasher line "
                                     "--approve'",
                                     (int)(len > 66 ? len - 66 : len), p + (len > 66 ? 66 : 0));
                else if (memcmp(old, p, 64) != 0)
                        report_error(r, E_VERIFY, j->path, 0, 0,
                                     "%.*s is not the file that was approved; look at it, then "
                                     "'flasher line --approve'",
                                     (int)(len - 66), p + 66);
                p += len + (p[len] == '\n');
        }
        for (const char *p = was; *p;) {
                const size_t len = strcspn(p, "\n");

                if (len <= 66 || !find(now, p + 66, len - 66))
                        report_error(r, E_VERIFY, j->path, 0, 0,
                                     "%.*s was approved and is no longer part of the job",
                                     (int)(len > 66 ? len - 66 : len), p + (len > 66 ? 66 : 0));
                p += len + (p[len] == '\n');
        }
}

int line_lock_check(const struct line_job *j, struct report *r)
{
        const unsigned before = r->errors;
        char *path = lock_path(j);
        char *now = NULL;
        struct blob was = { 0 };
        size_t len = 0;
        size_t n = 0;

        if (!path)
                return report_error(r, E_NOMEM, j->path, 0, 0, "out of memory");
        if (file_load(path, FILE_LIMIT_TEXT, &was, NULL) < 0)
                report_error(r, E_NOTFOUND, j->path, 0, 0,
                             "was never approved; 'flasher line --check' it, then 'flasher line "
                             "--approve'");
        else if (text_of(j, &now, &len, &n, r) == 0)
                compare(j, now, (const char *)was.data, r);
        blob_free(&was);
        free(now);
        free(path);
        return r->errors > before ? -r->first_code : 0;
}

char *line_lock_take(const struct line_job *j)
{
        struct report quiet = { .silent = true };
        char *text = NULL;
        size_t len = 0;
        size_t n = 0;

        if (text_of(j, &text, &len, &n, &quiet) == 0)
                return text;
        free(text);
        return NULL;
}

int line_lock_still(const struct line_job *j, const char *taken, struct report *r)
{
        char *now = line_lock_take(j);
        const bool same = now && taken && !strcmp(now, taken);

        free(now);
        return same ? 0
                    : report_error(r, E_VERIFY, j->path, 0, 0,
                                   "a file of the job has changed while it was read; run the "
                                   "command again when its writer has ended");
}

int line_lock_has(const struct line_job *j, const char *taken, const char *path, struct diag *d)
{
        const char *name = shown(j, path);
        const char *was = taken ? find(taken, name, strlen(name)) : NULL;
        struct sha256 *h = taken ? sha256_new() : NULL;
        char hex[SHA256_HEX_LEN];
        int rc;

        if (!taken)
                return 0;
        rc = h ? digest(h, path, hex, d) : diag_set(d, E_NOMEM, "out of memory");
        sha256_free(h);
        if (rc == 0 && (!was || memcmp(was, hex, sizeof hex - 1) != 0))
                rc = diag_set(d, E_VERIFY,
                              "%s is not the file that was approved; put that one back, or end the "
                              "line and 'flasher line --approve' this one",
                              name);
        return rc;
}

void line_lock_id(const struct line_job *j, char out[65])
{
        char *path = lock_path(j);
        struct sha256 *h = sha256_new();

        if (!path || !h || digest(h, path, out, NULL) < 0)
                out[0] = 0;
        sha256_free(h);
        free(path);
}
