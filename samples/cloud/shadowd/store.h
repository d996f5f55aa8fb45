/* Shadow documents on disk: a file a thing, replaced as a whole. */
#ifndef SHADOWD_STORE_H
#define SHADOWD_STORE_H

#include "base/diag.h"
#include "document.h"

struct store {
        /* private: */
        char *dir;
        int lock;
};

/* Makes the folder (0700) if need be and keeps others out of it. -E_BUSY: another shadowd has it;
 * -E_PERM, -E_IO. What a killed predecessor left half written is removed. */
int store_open(struct store *s, const char *dir, struct diag *d);
void store_close(struct store *s);

/* The document of a thing (document_thing_ok), document_free() it; without a file it is the empty
 * one. -E_FORMAT: the file is damaged; -E_IO, -E_PERM, -E_NOMEM. */
int store_load(const struct store *s, const char *thing, struct document *doc, struct diag *d);

/* Once this returns 0 the document is on the disk. */
int store_save(const struct store *s, const char *thing, const struct document *doc,
               struct diag *d);

#endif
