#include "bus.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/err.h"

#define EVENTS 32 /* that wait; a button makes two */

static struct {
        uint8_t pin;
        bool high;
} events[EVENTS];
static unsigned event_count;
static uint8_t packet[BUS_HEAD + BUS_DATA_MAX];

static ssize_t receive(int flags)
{
        ssize_t n;

        do
                n = recv(BUS_FD, packet, sizeof packet, flags);
        while (n < 0 && errno == EINTR);
        return n;
}

static void keep_event(void)
{
        if (event_count < EVENTS) {
                events[event_count].pin = (uint8_t)le32_get(packet + BUS_AT_A);
                events[event_count++].high = le32_get(packet + BUS_AT_B) != 0;
        }
}

struct question {
        enum bus_op op;
        uint32_t a, b;
        const void *data; /* of a write */
        size_t n;
};

/* The answer's data stays in packet; returns its length. value may be NULL. */
static int ask(const struct question *q, uint32_t *value)
{
        ssize_t n;
        int32_t status;

        memset(packet, 0, BUS_HEAD);
        packet[0] = (uint8_t)q->op;
        le32_put(packet + BUS_AT_A, q->a);
        le32_put(packet + BUS_AT_B, q->b);
        if (q->n)
                memcpy(packet + BUS_HEAD, q->data, q->n);
        if (send(BUS_FD, packet, BUS_HEAD + q->n, MSG_NOSIGNAL) < 0)
                return -E_LINK;
        while ((n = receive(0)) >= (ssize_t)BUS_HEAD && packet[0] == BUS_EVENT)
                keep_event();
        if (n < (ssize_t)BUS_HEAD || packet[0] != q->op)
                return -E_LINK;
        status = (int32_t)le32_get(packet + BUS_AT_A);
        if (value)
                *value = le32_get(packet + BUS_AT_B);
        return status < 0 ? status : (int)(n - (ssize_t)BUS_HEAD);
}

static int done(int rc)
{
        return rc < 0 ? rc : 0;
}

static int read_by(enum bus_op op, uint32_t offset, uint8_t *to, size_t len)
{
        while (len) {
                const uint32_t n = len < BUS_DATA_MAX ? (uint32_t)len : BUS_DATA_MAX;
                const int rc = ask(&(struct question){ op, offset, n, NULL, 0 }, NULL);

                if (rc != (int)n)
                        return rc < 0 ? rc : -E_LINK;
                memcpy(to, packet + BUS_HEAD, n);
                to += n;
                offset += n;
                len -= n;
        }
        return 0;
}

static int write_by(enum bus_op op, uint32_t offset, const uint8_t *from, size_t len)
{
        while (len) {
                const size_t n = len < BUS_DATA_MAX ? len : BUS_DATA_MAX;
                const int rc = ask(&(struct question){ op, offset, 0, from, n }, NULL);

                if (rc < 0)
                        return rc;
                from += n;
                offset += (uint32_t)n;
                len -= n;
        }
        return 0;
}

static int fl_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        (void)f;
        return read_by(BUS_READ, offset, buf, len);
}

static int fl_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        (void)f;
        return write_by(BUS_WRITE, offset, buf, len);
}

static int plain_read(const struct flash *f, uint32_t offset, void *buf, size_t len)
{
        (void)f;
        return read_by(BUS_READ_PLAIN, offset, buf, len);
}

static int plain_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        (void)f;
        return write_by(BUS_WRITE_PLAIN, offset, buf, len);
}

static int cipher_write(const struct flash *f, uint32_t offset, const void *buf, size_t len)
{
        (void)f;
        return write_by(BUS_WRITE_CIPHER, offset, buf, len);
}

static int fl_erase(const struct flash *f, uint32_t offset, size_t len)
{
        (void)f;
        if (len > UINT32_MAX)
                return -E_RANGE;
        return done(ask(&(struct question){ BUS_ERASE, offset, (uint32_t)len, NULL, 0 }, NULL));
}

static struct flash whole = { fl_read, fl_write, fl_erase, NULL, 0 };
static struct flash plain = { plain_read, plain_write, fl_erase, NULL, 0 };
static struct flash cipher = { fl_read, cipher_write, fl_erase, NULL, 0 };

const struct flash *bus_flash(void)
{
        return &whole;
}

const struct flash *bus_plain(void)
{
        return &plain;
}

const struct flash *bus_cipher(void)
{
        return &cipher;
}

int bus_hmac(unsigned i, const void *p, size_t n, uint8_t out[32])
{
        int rc;

        if (n > BUS_DATA_MAX)
                return -E_RANGE;
        rc = ask(&(struct question){ BUS_HMAC, i, 0, p, n }, NULL);
        if (rc < 0)
                return rc;
        if (rc != 32)
                return -E_LINK;
        memcpy(out, packet + BUS_HEAD, 32);
        memset(packet + BUS_HEAD, 0, 32);
        return 0;
}

int bus_open(struct bus_info *info)
{
        const uint8_t *p = packet + BUS_HEAD;
        const int rc = ask(&(struct question){ .op = BUS_INFO }, NULL);

        if (rc < (int)BUS_INFO_LEN)
                return -E_LINK;
        memcpy(info->mac, p + BUS_INFO_MAC, sizeof info->mac);
        info->chip = le16_get(p + BUS_INFO_CHIP);
        info->reset = (enum bus_reset)p[BUS_INFO_RESET];
        info->flash_size = whole.size = plain.size = cipher.size = le32_get(p + BUS_INFO_FLASH);
        return 0;
}

int bus_output(unsigned pin, bool high)
{
        return done(ask(&(struct question){ BUS_OUTPUT, pin, high, NULL, 0 }, NULL));
}

int bus_input(unsigned pin)
{
        return done(ask(&(struct question){ BUS_INPUT, pin, 0, NULL, 0 }, NULL));
}

static int level(enum bus_op op, unsigned pin)
{
        uint32_t value = 0;
        const int rc = ask(&(struct question){ op, pin, 0, NULL, 0 }, &value);

        return rc < 0 ? rc : value != 0;
}

int bus_level(unsigned pin)
{
        return level(BUS_LEVEL, pin);
}

int bus_kept(unsigned pin)
{
        return level(BUS_KEPT, pin);
}

int bus_efuse(uint32_t offset, uint32_t *value)
{
        return done(ask(&(struct question){ BUS_EFUSE, offset, 0, NULL, 0 }, value));
}

int bus_efuse_set(uint32_t offset, uint32_t value)
{
        return done(ask(&(struct question){ BUS_EFUSE_SET, offset, value, NULL, 0 }, NULL));
}

bool bus_event_waits(void)
{
        return event_count > 0;
}

int bus_event(unsigned *pin, bool *high)
{
        if (!event_count) {
                const ssize_t n = receive(MSG_DONTWAIT);

                if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                        return 0;
                if (n < (ssize_t)BUS_HEAD)
                        return -E_LINK;
                if (packet[0] != BUS_EVENT)
                        return 0;
                keep_event();
        }
        *pin = events[0].pin;
        *high = events[0].high;
        memmove(events, events + 1, --event_count * sizeof *events);
        return 1;
}
