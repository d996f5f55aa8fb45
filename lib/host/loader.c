#include "host/loader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/hex.h"
#include "host/link_impl.h"
#include "host/loader_impl.h"
#include "host/pool.h"

void loader_note(struct loader *l, const char *fmt, ...)
{
        char text[256];
        va_list ap;

        if (!l->cfg.note)
                return;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        l->cfg.note(l->cfg.ctx, text);
}

void loader_trace(struct loader *l, const char *fmt, ...)
{
        char text[512];
        int n;
        va_list ap;

        if (!l->cfg.trace)
                return;
        n = snprintf(text, sizeof text, "%8.3f ", (double)(link_clock() - l->began) / 1000.0);
        va_start(ap, fmt);
        vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
        va_end(ap);
        l->cfg.trace(l->cfg.ctx, text);
}

void loader_progress(struct loader *l, const char *what, uint64_t done, uint64_t total)
{
        if (l->cfg.progress)
                l->cfg.progress(l->cfg.ctx, what, done, total);
}

/* The first bytes of a packet as hexadecimal, for the trace. */
static const char *some_hex(const uint8_t *p, size_t n, char out[2 * 48 + 4])
{
        const size_t shown = n < 48 ? n : 48;

        hex_encode(p, shown, out);
        if (n > shown)
                strcat(out, "...");
        return out;
}

unsigned loader_scaled(unsigned ms_per_mb, uint64_t bytes)
{
        const uint64_t ms = ms_per_mb * bytes / 1000000;

        return ms < LOADER_TIMEOUT_MS ? LOADER_TIMEOUT_MS : ms > 3600000 ? 3600000 : (unsigned)ms;
}

/* Make sure that raw holds something; 1, 0 at the deadline, or -E_LINK. */
static int fill(struct loader *l, uint64_t deadline)
{
        const uint64_t now = link_clock();
        long n;

        if (l->raw_at < l->raw_len)
                return 1;
        n = link_read(l->link, l->raw, sizeof l->raw,
                      now < deadline ? (unsigned)(deadline - now) : 0);
        l->raw_at = 0;
        l->raw_len = n > 0 ? (size_t)n : 0;
        return n > 0 ? 1 : (int)n;
}

/* 0 with the answer in client.reply, -E_TIMEOUT, -E_LINK. */
static int await_answer(struct loader *l, unsigned timeout_ms)
{
        const uint64_t deadline = link_clock() + timeout_ms;

        for (;;) {
                const uint64_t soon = link_clock() + 200; /* an interrupt is seen within this */
                size_t used;
                int rc = fill(l, soon < deadline ? soon : deadline);

                if (interrupted())
                        return -E_CANCELLED;
                if (rc == 0 && soon < deadline)
                        continue;
                if (rc <= 0)
                        return rc < 0 ? rc : -E_TIMEOUT;
                rc = romldr_client_feed(&l->client, l->raw + l->raw_at, l->raw_len - l->raw_at,
                                        &used);
                l->raw_at += used;
                if (rc)
                        return 0;
        }
}

long loader_frame(struct loader *l, unsigned timeout_ms)
{
        const uint64_t deadline = link_clock() + timeout_ms;

        for (;;) {
                size_t used;
                int rc = fill(l, deadline);

                if (rc <= 0)
                        return rc < 0 ? rc : -E_TIMEOUT;
                rc = slip_feed(&l->client.slip, l->raw + l->raw_at, l->raw_len - l->raw_at, &used);
                l->raw_at += used;
                if (rc == SLIP_FRAME)
                        return (long)l->client.slip.len;
                if (rc < 0)
                        return rc;
        }
}

int loader_send_frame(struct loader *l, const void *p, size_t n)
{
        struct slip_encoder e;
        long len;

        slip_begin(&e, l->tx, sizeof l->tx);
        slip_put(&e, p, n);
        len = slip_end(&e);
        return len < 0 ? (int)len : link_write(l->link, l->tx, (size_t)len);
}

void loader_flush(struct loader *l)
{
        l->raw_at = l->raw_len = 0;
        link_flush_input(l->link);
}

int loader_link_gone(struct loader *l, int rc, struct diag *d)
{
        if (rc == -E_CANCELLED)
                return diag_set(d, E_CANCELLED, "interrupted");
        return diag_set(
                d, rc == -E_TIMEOUT ? E_TIMEOUT : E_LINK,
                "%s: the link is gone; check cable and supply, then run the same command again",
                link_name(l->link));
}

static bool is_block(uint8_t op)
{
        return op == ROMLDR_FLASH_DATA || op == ROMLDR_DEFL_DATA || op == ROMLDR_MEM_DATA ||
               op == ROMLDR_STUB_ENCRYPT_DATA;
}

int loader_exchange(struct loader *l, uint8_t op, long len, unsigned timeout_ms,
                    struct romldr_reply *r, struct diag *d)
{
        const struct romldr_reply *reply = &l->client.reply;
        const unsigned hurry = l->cfg.hurry ? l->cfg.hurry : 1;
        char hex[2 * 48 + 4];
        int rc;

        if (len < 0)
                return diag_set(d, (int)-len, "%s: request too long", romldr_op_name(op));
        /* of a data block the header alone: what is flashed may be a key */
        loader_trace(l, "> %-17s %5ld bytes %s", romldr_op_name(op), len,
                     some_hex(l->tx, is_block(op) && len > 20 ? 20 : (size_t)len, hex));
        romldr_client_expect(&l->client, op);
        if ((rc = link_write(l->link, l->tx, (size_t)len)) < 0)
                return loader_link_gone(l, rc, d);
        rc = await_answer(l, timeout_ms / hurry);
        if (rc == -E_TIMEOUT) {
                loader_trace(l, "< nothing in %u ms", timeout_ms);
                return diag_set(d, E_TIMEOUT,
                                "no answer to %s within %u ms; check the cable, or try a lower "
                                "rate (-b 115200)",
                                romldr_op_name(op), timeout_ms);
        }
        if (rc < 0)
                return loader_link_gone(l, rc, d);
        loader_trace(l, "< %-17s status %02x %02x value %08x %s", romldr_op_name(reply->op),
                     reply->status, reply->reason, reply->value,
                     some_hex(reply->data, op == ROMLDR_READ_FLASH_SLOW ? 0 : reply->len, hex));
        if (r)
                *r = *reply;
        if (reply->status)
                return diag_set(d, E_REFUSED, "%s refused (%02x): %s", romldr_op_name(op),
                                reply->reason, romldr_reason_text(reply->reason));
        return 0;
}

int loader_request(struct loader *l, uint8_t op, const uint32_t *words, size_t n,
                   unsigned timeout_ms, struct romldr_reply *r, struct diag *d)
{
        return loader_exchange(l, op, romldr_request_words(l->tx, sizeof l->tx, op, words, n),
                               timeout_ms, r, d);
}

int loader_block(struct loader *l, uint8_t op, uint32_t seq, const uint8_t *data, size_t n,
                 unsigned timeout_ms, uint8_t *reason, struct diag *d)
{
        struct romldr_reply r = { 0 };
        const int rc =
                loader_exchange(l, op, romldr_request_block(l->tx, sizeof l->tx, op, seq, data, n),
                                timeout_ms, &r, d);

        if (reason)
                *reason = r.reason;
        return rc;
}

int loader_read_reg(struct loader *l, uint32_t addr, uint32_t *value, struct diag *d)
{
        struct romldr_reply r = { 0 };
        const int rc = loader_request(l, ROMLDR_READ_REG, &addr, 1, LOADER_TIMEOUT_MS, &r, d);

        if (rc == 0)
                *value = r.value;
        return rc;
}

int loader_write_reg(struct loader *l, uint32_t addr, uint32_t value, uint32_t mask,
                     uint32_t delay_us, struct diag *d)
{
        const uint32_t words[] = { addr, value, mask, delay_us };

        return loader_request(l, ROMLDR_WRITE_REG, words, 4, LOADER_TIMEOUT_MS, NULL, d);
}

int loader_field(struct loader *l, const struct chip_field *f, uint32_t *value, struct diag *d)
{
        int rc = 0;

        *value = 0;
        if (f->width && (rc = loader_read_reg(l, f->reg, value, d)) == 0)
                *value = *value >> f->shift & ((1u << f->width) - 1);
        return rc;
}

/* All eight answers are waited for, so that none is taken for the next command's. */
int loader_sync(struct loader *l, unsigned tries)
{
        for (unsigned i = 0; i < tries; i++) {
                bool stub = true;
                unsigned got = 0;
                int rc;

                loader_flush(l);
                rc = loader_exchange(l, ROMLDR_SYNC, romldr_request_sync(l->tx, sizeof l->tx),
                                     LOADER_SYNC_MS, NULL, NULL);
                if (rc == -E_LINK || rc == -E_CANCELLED)
                        return rc;
                if (rc < 0)
                        continue;
                do
                        stub = stub && l->client.reply.value == 0;
                while (++got < ROMLDR_SYNC_REPLIES &&
                       await_answer(l, LOADER_SYNC_MS / (l->cfg.hurry ? l->cfg.hurry : 1)) == 0);
                l->stub_met = stub;
                return 0;
        }
        return -E_TIMEOUT;
}

int loader_resync(struct loader *l)
{
        return loader_sync(l, 5);
}

const struct chip *loader_chip(const struct loader *l)
{
        return l->chip;
}

struct link *loader_link(struct loader *l)
{
        return l->link;
}

bool loader_is_stub(const struct loader *l)
{
        return l->is_stub;
}

bool loader_secure_download(const struct loader *l)
{
        return l->secure_download;
}

unsigned loader_baud_now(const struct loader *l)
{
        return l->baud;
}
