/*
 * Factory data of one unit at a time: an image from a folder, or made on the spot with credentials
 * of its own (certgen's library) and values of the job.
 */
#ifndef LINE_FACTORY_H
#define LINE_FACTORY_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/diag.h"
#include "host/file.h"
#include "line/line_job.h"

struct line_maker; /* opaque; safe to use from several threads */

/*
 * What all units share: the configuration, the CA with its key (the passphrase is read), the
 * profile. size: of the partition, bytes. job is borrowed until close. Errors go to r, with their
 * place in the job or in the named file.
 */
int line_maker_open(const struct line_job *job, size_t size, bool sealed, struct line_maker **out,
                    struct report *r);
void line_maker_close(struct line_maker *m); /* NULL is fine */

/* As line_kit_guard. */
void line_maker_guard(struct line_maker *m, const char *approved);

/* Prove that a unit of this serial number and MAC could be made: everything but the records. The
 * image of a folder must be there. */
int line_maker_try(struct line_maker *m, const char *serial, const char *mac, struct report *r);

struct line_unit_id {
        const char *serial; /* borrowed */
        const char *mac;    /* "02:00:00:00:00:01"; {mac} is its twelve digits */
        uint64_t number;    /* the serial number's counter */
};

/* Credentials and image; zero-initialise, free with line_made_free (wipes). */
struct line_made {
        struct blob image; /* of the factory partition; none without factory data */
        char cert_serial[43];
        char service[30];
        char payload[256]; /* of the QR code; secret, as the proof of possession is in it */
        char pop[64];      /* secret */
        char stem[256];    /* of its files */
};
void line_made_free(struct line_made *made);

/*
 * The same unit gets the same again. Returns with its files and its certificate on disk for good.
 * Errors: those of issue_group and of the image; d says what to do.
 */
int line_maker_make(struct line_maker *m, const struct line_unit_id *id, struct line_made *made,
                    struct diag *d);

/*
 * On-device keys: the certificate for a unit's request, a PEM text. It must be for serial, with a
 * key of an allowed kind. A unit that makes another key gets another certificate, and its old one
 * is revoked. cert is returned (PEM; blob_free).
 */
int line_maker_sign(struct line_maker *m, const char *serial, const struct blob *request,
                    struct blob *cert, char cert_serial[43], struct diag *d);

#endif
