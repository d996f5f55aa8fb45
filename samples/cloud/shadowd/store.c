#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/err.h"
#include "host/file.h"

int store_open(struct store *s, const char *dir, struct diag *d)
{
        int rc;

        *s = (struct store){ .lock = -1 };
        if ((rc = file_mkdirs(dir, 0700, d)) < 0)
                return rc;
        s->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->lock < 0)
                return diag_set(d, errno == EACCES ? E_PERM : E_IO, "%s: cannot be opened: %s", dir,
                                strerror(errno));
        if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
                rc = diag_set(d, E_BUSY, "%s: another shadowd works here; stop it, or give --store",
                              dir);
        else
                rc = file_sweep(dir, d);
        if (rc == 0 && !(s->dir = strdup(dir)))
                rc = diag_set(d, E_NOMEM, "no memory");
        if (rc < 0)
                store_close(s);
        return rc;
}

void store_close(struct store *s)
{
        if (s->lock >= 0)
                close(s->lock);
        free(s->dir);
        *s = (struct store){ .lock = -1 };
}

/* Returned; NULL: no memory. */
static char *path_of(const struct store *s, const char *thing)
{
        char name[DOCUMENT_THING_MAX + sizeof ".json"];

        snprintf(name, sizeof name, "%s.json", thing);
        return path_join(s->dir, name);
}

int store_load(const struct store *s, const char *thing, struct document *doc, struct diag *d)
{
        char *path = path_of(s, thing);
        struct blob b = { 0 };
        int rc = 0;

        *doc = (struct document){ 0 };
        if (!path)
                return diag_set(d, E_NOMEM, "no memory");
        if (file_exists(path) && (rc = file_load(path, DOCUMENT_FILE_MAX, &b, d)) == 0) {
                rc = document_load(doc, (const char *)b.data, b.len);
                if (rc == -E_NOMEM)
                        diag_set(d, E_NOMEM, "no memory");
                else if (rc < 0)
                        diag_set(d, E_FORMAT,
                                 "%s: is damaged; without this file the thing begins anew", path);
        }
        blob_free(&b);
        free(path);
        return rc;
}

int store_save(const struct store *s, const char *thing, const struct document *doc, struct diag *d)
{
        char *path = path_of(s, thing);
        char *text = document_store(doc);
        int rc;

        if (path && text)
                rc = file_save(path, text, strlen(text), FILE_SECRET, d);
        else
                rc = diag_set(d, E_NOMEM, "no memory");
        free(path);
        free(text);
        return rc;
}
