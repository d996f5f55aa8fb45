#include "firmware/core/ota.h"

#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "base/strf.h"
#include "firmware/core/say.h"
#include "firmware/core/version.h"

static void status(struct ota *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void status(struct ota *o, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void)strf_v(o->status, sizeof o->status, fmt, ap);
        va_end(ap);
        say(PORT_INFO, "update: %s", o->status);
}

void ota_init(struct ota *o, struct port_blob ca, bool allow_downgrade)
{
        memset(o, 0, sizeof *o);
        o->ca = ca;
        o->allow_downgrade = allow_downgrade;
}

bool ota_busy(const struct ota *o)
{
        return o->state == OTA_ASKING || o->state == OTA_READING || o->state == OTA_WAITING;
}

/* What was written of the image counts no more. */
static void drop(struct ota *o)
{
        if (o->writing)
                port_ota_abort();
        o->writing = false;
        imgstream_free(&o->image);
        o->got = 0;
        o->total = 0;
        o->etag[0] = 0;
}

static void end(struct ota *o, enum ota_state state)
{
        port_http_cancel();
        drop(o);
        o->state = state;
}

static void retry(struct ota *o, uint64_t now)
{
        if (++o->retries > OTA_RETRIES) {
                status(o, "given up after %u attempts", OTA_RETRIES);
                end(o, OTA_FAILED);
                return;
        }
        o->state = OTA_WAITING;
        o->retry_at = now + backoff_next(&o->backoff, now);
}

/* Ask for all, or for what is missing. */
static void ask(struct ota *o, uint64_t now)
{
        int rc;

        o->state = OTA_ASKING;
        o->http = (struct port_http){
                .url = o->url, .ca = o->ca, .from = o->got, .etag = o->etag[0] ? o->etag : NULL
        };
        rc = port_http_get(&o->http);
        if (rc < 0) {
                say(PORT_WARN, "update: cannot ask: %s", err_text(rc));
                retry(o, now);
        }
}

int ota_begin(struct ota *o, const char *url, uint64_t now)
{
        static const char scheme[] = "https://";

        if (ota_busy(o) || o->state == OTA_DONE)
                return -E_BUSY;
        if (strlen(url) >= sizeof o->url || strncmp(url, scheme, sizeof scheme - 1) != 0) {
                status(o, "refused: the URL must begin with https:// and be shorter than %u bytes",
                       PORT_URL_MAX);
                return -E_INVAL;
        }
        if (!o->ca.len) {
                status(o, "refused: there is no CA to know the server by");
                return -E_KEY;
        }
        if (url != o->url)
                memcpy(o->url, url, strlen(url) + 1);
        o->version[0] = 0;
        o->retries = 0;
        o->best = 0;
        o->backoff = (struct backoff){ .base_ms = OTA_RETRY_BASE_MS, .cap_ms = OTA_RETRY_CAP_MS };
        drop(o);
        status(o, "started");
        ask(o, now);
        return 0;
}

/* From the first byte again. */
static int from_start(struct ota *o)
{
        drop(o);
        return imgstream_init(&o->image, UINT32_MAX);
}

static void head(struct ota *o, const struct port_event *ev, uint64_t now)
{
        const bool resumed = ev->http.status == 206 && o->got && ev->http.from == o->got &&
                             (!o->total || !ev->http.total || ev->http.total == o->total);
        const char *etag = ev->http.etag;

        if (ev->http.status >= 500 || ev->http.status == 408 || ev->http.status == 429) {
                say(PORT_WARN, "update: the server answers %u", ev->http.status);
                port_http_cancel();
                retry(o, now);
                return;
        }
        if (ev->http.status == 200 || (ev->http.status == 206 && ev->http.from == 0)) {
                if (from_start(o) < 0) {
                        status(o, "failed: no memory for the digest");
                        end(o, OTA_FAILED);
                        return;
                }
        } else if (!resumed && o->got) { /* another file, or 416: what we have is of no use */
                port_http_cancel();
                drop(o);
                retry(o, now);
                return;
        } else if (!resumed) {
                status(o, "refused: the server answers %u", ev->http.status);
                end(o, OTA_REFUSED);
                return;
        }
        if (ev->http.total)
                o->total = ev->http.total;
        if (etag && strlen(etag) < sizeof o->etag)
                memcpy(o->etag, etag, strlen(etag) + 1);
        o->state = OTA_READING;
}

/* The head is there: is this image for this unit, and newer? True if it is wanted. */
static bool wanted(struct ota *o)
{
        const struct espimg_desc *d = &o->image.desc;
        size_t n = 0;

        for (; n < sizeof o->version - 1 && d->version[n]; n++)
                o->version[n] = d->version[n] >= ' ' && d->version[n] <= '~' ? d->version[n] : '?';
        o->version[n] = 0;
        if (o->image.header.chip_id != port_chip())
                status(o, "refused: the image is for chip %u, this is %u",
                       (unsigned)o->image.header.chip_id, (unsigned)port_chip());
        else if (d->secure_version < port_secure_version())
                status(o, "refused: security version %u, at least %u is demanded",
                       (unsigned)d->secure_version, (unsigned)port_secure_version());
        else if (!o->allow_downgrade && version_compare(o->version, port_version()) <= 0)
                status(o, "refused: version %s is not higher than %s", o->version, port_version());
        else if (o->avoid && strcmp(o->avoid, o->version) == 0)
                status(o, "refused: version %s was rolled back before", o->version);
        else
                return true;
        return false;
}

/* Open the slot and write what was held back. False: the update has ended. */
static bool open_slot(struct ota *o)
{
        int rc;

        if (!wanted(o)) {
                end(o, OTA_REFUSED);
                return false;
        }
        rc = port_ota_begin(&o->slot_size);
        o->writing = rc == 0;
        if (rc == 0 && o->slot_size < sizeof o->held)
                rc = -E_RANGE;
        if (rc == 0)
                rc = port_ota_write(o->held, sizeof o->held);
        if (rc < 0) {
                status(o, "failed: the slot cannot be written: %s", err_text(rc));
                end(o, OTA_FAILED);
                return false;
        }
        imgstream_limit(&o->image, o->slot_size);
        status(o, "version %s is being written", o->version);
        return true;
}

static bool feed(struct ota *o, const uint8_t *p, size_t n)
{
        const int rc = imgstream_feed(&o->image, p, n);

        if (rc == 0)
                return true;
        status(o, "refused: %s",
               rc == -E_CRC     ? "the image is damaged (checksum or SHA-256)"
               : rc == -E_RANGE ? "the image does not fit into the slot"
                                : "this is no app image");
        end(o, OTA_REFUSED);
        return false;
}

/* Bytes behind the head. */
static void body(struct ota *o, const uint8_t *p, size_t n)
{
        int rc;

        if (n > o->slot_size - o->got) {
                status(o, "refused: the file does not fit into the slot of %u bytes",
                       (unsigned)o->slot_size);
                end(o, OTA_REFUSED);
                return;
        }
        if (!feed(o, p, n))
                return;
        rc = port_ota_write(p, n);
        if (rc < 0) {
                status(o, "failed: the slot cannot be written: %s", err_text(rc));
                end(o, OTA_FAILED);
                return;
        }
        o->got += n;
}

static void data(struct ota *o, const uint8_t *p, size_t n)
{
        if (o->got < sizeof o->held) {
                const size_t room = sizeof o->held - (size_t)o->got;
                const size_t some = n < room ? n : room;

                if (!feed(o, p, some))
                        return;
                memcpy(o->held + o->got, p, some);
                o->got += some;
                p += some;
                n -= some;
                if (o->got < sizeof o->held || !open_slot(o))
                        return;
        }
        if (n)
                body(o, p, n);
        if (o->got > o->best) { /* progress; a server without ranges makes none by starting again */
                o->best = o->got;
                o->retries = 0;
        }
}

/* Everything has arrived. */
static void finish(struct ota *o)
{
        int rc = port_ota_finish();

        if (rc < 0) {
                status(o, "refused: %s",
                       rc == -E_VERIFY ? "the signature is not good" : "the slot does not verify");
                end(o, OTA_REFUSED);
                return;
        }
        o->writing = false; /* from here on there is nothing to abort */
        rc = port_ota_activate();
        if (rc < 0) {
                status(o, "failed: the slot cannot be activated: %s", err_text(rc));
                end(o, OTA_FAILED);
                return;
        }
        end(o, OTA_DONE);
        status(o, OTA_INSTALLED, o->version);
}

static void ended(struct ota *o, int error, uint64_t now)
{
        const bool all = o->total ? o->got == o->total : error == 0;

        if (error == -E_VERIFY) {
                status(o, "refused: the server's certificate is not good (its CA, name or dates)");
                end(o, OTA_REFUSED);
        } else if (o->state == OTA_READING && o->image.complete && all) {
                finish(o);
        } else if (o->state == OTA_READING && o->total && o->got >= o->total) {
                status(o, "refused: the file ends before the image does");
                end(o, OTA_REFUSED);
        } else {
                say(PORT_INFO, "update: connection lost after %u bytes", (unsigned)o->got);
                retry(o, now);
        }
}

void ota_event(struct ota *o, const struct port_event *ev, uint64_t now)
{
        if (ev->type == PORT_EV_HTTP_HEAD && o->state == OTA_ASKING)
                head(o, ev, now);
        else if (ev->type == PORT_EV_HTTP_DATA && o->state == OTA_READING)
                data(o, ev->data.p, ev->data.n);
        else if (ev->type == PORT_EV_HTTP_END &&
                 (o->state == OTA_ASKING || o->state == OTA_READING))
                ended(o, ev->error, now);
}

uint64_t ota_tick(struct ota *o, uint64_t now)
{
        if (o->state == OTA_WAITING && now >= o->retry_at)
                ask(o, now);
        return o->state == OTA_WAITING ? o->retry_at : UINT64_MAX;
}

void ota_stop(struct ota *o)
{
        if (!ota_busy(o))
                return;
        status(o, "interrupted");
        end(o, OTA_FAILED);
}
