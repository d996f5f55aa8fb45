/* An update over the air: download, judge, write, verify, and only then switch. */
#ifndef CORE_OTA_H
#define CORE_OTA_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/backoff.h"
#include "firmware/core/imgstream.h"
#include "firmware/core/port.h"

#define OTA_RETRIES       10u /* lost connections in a row without a byte of progress */
#define OTA_RETRY_BASE_MS 1000u
#define OTA_RETRY_CAP_MS  60000u
#define OTA_STATUS_MAX    96u
#define OTA_INSTALLED     "version %s is installed, restarting" /* the status of OTA_DONE */

enum ota_state {
        OTA_IDLE,    /* nothing yet */
        OTA_ASKING,  /* the server's answer is awaited */
        OTA_READING, /* the image comes */
        OTA_WAITING, /* the connection is lost; will be resumed */
        OTA_DONE,    /* activated: restart to run it */
        OTA_REFUSED, /* for a reason that the same file will have again */
        OTA_FAILED,  /* given up */
};

/*
 * Guarantees: the slot is not touched before header and descriptor were accepted (chip, version,
 * security version); it is activated only when every byte has been checked (checksum, SHA-256, the
 * platform's signature check); until then, and if power is lost anywhere, the running app boots.
 */
struct ota {
        enum ota_state state;           /* read-only */
        char status[OTA_STATUS_MAX];    /* read-only: a sentence */
        char url[PORT_URL_MAX];         /* read-only: of the update in hand or the last one */
        char version[PORT_VERSION_MAX]; /* read-only: of the image, once its head was read */
        const char *avoid; /* set by the owner before ota_begin(): a version that is not wanted,
                              though higher: it was rolled back; NULL: none. Borrowed */
        /* private: */
        struct port_blob ca;
        bool allow_downgrade;
        struct port_http http;
        char etag[PORT_ETAG_MAX];
        struct imgstream image;
        uint8_t held[IMGSTREAM_HEAD]; /* bytes that wait for the verdict on the head */
        uint64_t got;                 /* bytes of the file that were taken */
        uint64_t best;                /* most that was ever taken of it */
        uint64_t total;               /* of the file, 0: not known */
        uint32_t slot_size;
        bool writing; /* the slot is open */
        unsigned retries;
        struct backoff backoff;
        uint64_t retry_at;
};

/* ca: pinned; borrowed for ever. */
void ota_init(struct ota *o, struct port_blob ca, bool allow_downgrade);

/*
 * Begin. -E_BUSY: one is under way; -E_INVAL: not an https:// URL, or longer than PORT_URL_MAX;
 * -E_KEY: no CA, so no server could be trusted. These leave o->status saying so and no state
 * changed.
 */
int ota_begin(struct ota *o, const char *url, uint64_t now);

bool ota_busy(const struct ota *o);

/* Takes PORT_EV_HTTP_*, ignores the rest. */
void ota_event(struct ota *o, const struct port_event *ev, uint64_t now);
uint64_t ota_tick(struct ota *o, uint64_t now);

/* Give up, e.g. before a restart. */
void ota_stop(struct ota *o);

#endif
