#include "host/ble.h"

#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/l2cap.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/att_wire.h"

/* The kernel's management interface: doc/mgmt-api.txt of BlueZ 5.66. Every message has a header of
 * opcode or event, controller, length. */
enum {
        MGMT_HEADER = 6,
        MGMT_NO_CONTROLLER = 0xffff,
        MGMT_READ_LIST = 0x0003,
        MGMT_READ_INFO = 0x0004,
        MGMT_SET_POWERED = 0x0005,
        MGMT_SET_LE = 0x000d,
        MGMT_START_DISCOVERY = 0x0023,
        MGMT_STOP_DISCOVERY = 0x0024,
        MGMT_ADD_ADVERTISING = 0x003e,
        MGMT_REMOVE_ADVERTISING = 0x003f,
        EVENT_COMPLETE = 0x0001,
        EVENT_STATUS = 0x0002,
        EVENT_DEVICE_FOUND = 0x0012,
        EVENT_DISCOVERING = 0x0013,
        SETTING_POWERED = 1 << 0,
        SETTING_LE = 1 << 9,
        STATUS_BUSY = 0x0a,
        STATUS_REJECTED = 0x0b,
        STATUS_PERMISSION = 0x14,
        LE_ADDRESSES = 0x06, /* public and random */
        ADVERTISE_CONNECTABLE = 1 << 0,
        ADVERTISE_DISCOVERABLE = 1 << 1,
        INSTANCE = 1
};

#define COMMAND_MS 5000u
#define FOUND_MAX  128u /* devices remembered during one scan */

struct ble {
        int fd; /* management socket */
        uint16_t index;
        char name[12];
        uint8_t address[6];
        bool switched_on; /* by us */
        bool advertising, scanning;
        struct ble_found *found;
        size_t found_count;
};

static uint64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static unsigned left_ms(uint64_t end)
{
        const uint64_t now = now_ms();

        return now < end ? (unsigned)(end - now) : 0;
}

void ble_address_text(const uint8_t *a, char *text)
{
        snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", a[5], a[4], a[3], a[2], a[1], a[0]);
}

const char *ble_name(const struct ble *b)
{
        return b->name;
}

/* --- management --- */

struct message {
        uint16_t code, index;
        uint16_t len;
        uint8_t buf[1024];
        const uint8_t *data;
};

/* The next message, of any controller. 1, 0 when the time is up, -E_IO. */
static int receive(struct ble *b, struct message *m, uint64_t end)
{
        struct pollfd p = { .fd = b->fd, .events = POLLIN };
        ssize_t n;

        for (;;) {
                const int rc = poll(&p, 1, (int)left_ms(end));

                if (rc < 0 && errno == EINTR)
                        continue;
                if (rc <= 0)
                        return rc < 0 ? -E_IO : 0;
                n = read(b->fd, m->buf, sizeof m->buf);
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n < 0)
                        return -E_IO;
                if (n < MGMT_HEADER || le16_get(m->buf + 4) > (size_t)n - MGMT_HEADER)
                        continue;
                m->code = le16_get(m->buf);
                m->index = le16_get(m->buf + 2);
                m->len = le16_get(m->buf + 4);
                m->data = m->buf + MGMT_HEADER;
                return 1;
        }
}

/* A command and its answer: the mgmt status (0: done; m->data, m->len are the answer's parameters),
 * or -E_XXX. Events that come between are of no use here. */
static int command(struct ble *b, uint16_t opcode, const void *p, size_t n, struct message *m,
                   struct diag *d)
{
        const uint64_t end = now_ms() + COMMAND_MS;
        uint8_t q[128];
        int rc;

        if (n > sizeof q - MGMT_HEADER)
                return diag_set(d, E_BUG, "management command of %zu bytes", n);
        le16_put(q, opcode);
        le16_put(q + 2, b->index);
        le16_put(q + 4, (uint16_t)n);
        if (n)
                memcpy(q + MGMT_HEADER, p, n);
        if (write(b->fd, q, MGMT_HEADER + n) < 0)
                return diag_set(d, E_IO, "Bluetooth management: %s", strerror(errno));
        while ((rc = receive(b, m, end)) == 1) {
                if ((m->code != EVENT_COMPLETE && m->code != EVENT_STATUS) || m->len < 3 ||
                    m->index != b->index || le16_get(m->data) != opcode)
                        continue;
                rc = m->data[2];
                m->data += 3;
                m->len = (uint16_t)(m->len - 3);
                return rc;
        }
        return diag_set(d, rc < 0 ? E_IO : E_TIMEOUT, "%s does not answer the command 0x%04x",
                        b->name[0] ? b->name : "Bluetooth", opcode);
}

static int refused(const struct ble *b, const char *what, int status, struct diag *d)
{
        if (status < 0)
                return status;
        if (status == STATUS_PERMISSION)
                return diag_set(d, E_PERM,
                                "%s: %s needs CAP_NET_ADMIN: run it as root, or give it with "
                                "setcap cap_net_admin+ep",
                                b->name, what);
        return diag_set(d, E_IO, "%s: %s failed with the management status 0x%02x%s", b->name, what,
                        status, status == STATUS_REJECTED ? "; is it blocked? (rfkill list)" : "");
}

static int set(struct ble *b, uint16_t opcode, uint8_t on, const char *what, struct diag *d)
{
        struct message m;
        int rc = STATUS_BUSY;

        /* busy: another command, bluetoothd's perhaps, is under way */
        for (int i = 0; rc == STATUS_BUSY && i < 20; i++) {
                if (i)
                        poll(NULL, 0, 100);
                rc = command(b, opcode, &on, 1, &m, d);
        }
        return rc ? refused(b, what, rc, d) : 0;
}

/* Settings of the controller b->index: supported and current. */
static int read_info(struct ble *b, uint32_t *supported, uint32_t *current, struct diag *d)
{
        struct message m;
        int rc = command(b, MGMT_READ_INFO, NULL, 0, &m, d);

        if (rc)
                return rc < 0 ? rc : -E_NOTFOUND;
        if (m.len < 17)
                return diag_set(d, E_PROTO, "%s: information of %u bytes", b->name, m.len);
        memcpy(b->address, m.data, 6);
        *supported = le32_get(m.data + 9);
        *current = le32_get(m.data + 13);
        return 0;
}

/* Choose the controller, by name or the best there is. */
static int choose(struct ble *b, const char *adapter, uint32_t *current, struct diag *d)
{
        struct message list;
        uint32_t supported;
        bool chosen = false;
        uint16_t best = 0;
        int rc;

        b->index = MGMT_NO_CONTROLLER;
        if ((rc = command(b, MGMT_READ_LIST, NULL, 0, &list, d)) != 0)
                return refused(b, "the list of controllers", rc, d);
        for (unsigned i = 0; list.len >= 2 && i < le16_get(list.data) && 4 + 2 * i <= list.len;
             i++) {
                uint32_t now;

                b->index = le16_get(list.data + 2 + 2 * i);
                snprintf(b->name, sizeof b->name, "hci%u", b->index);
                if (adapter && strcmp(adapter, b->name) != 0)
                        continue;
                if (read_info(b, &supported, &now, NULL) < 0)
                        continue;
                if (!(supported & SETTING_LE) && adapter)
                        return diag_set(d, E_UNSUPPORTED, "%s has no Bluetooth LE", adapter);
                if (!(supported & SETTING_LE) || (chosen && !(now & SETTING_POWERED)))
                        continue;
                best = b->index;
                chosen = true;
                *current = now;
                if (now & SETTING_POWERED)
                        break;
        }
        if (!chosen)
                return diag_set(d, E_NOTFOUND, "%s: no such Bluetooth LE controller",
                                adapter ? adapter : "hci0");
        b->index = best;
        snprintf(b->name, sizeof b->name, "hci%u", best);
        return read_info(b, &supported, current, d);
}

static int open_management(struct ble *b, struct diag *d)
{
        const struct sockaddr_hci sa = { .hci_family = AF_BLUETOOTH,
                                         .hci_dev = HCI_DEV_NONE,
                                         .hci_channel = HCI_CHANNEL_CONTROL };

        b->fd = socket(PF_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_HCI);
        if (b->fd < 0 && (errno == EPERM || errno == EACCES))
                return diag_set(d, E_PERM, "Bluetooth: %s", strerror(errno));
        if (b->fd < 0)
                return diag_set(d, E_UNSUPPORTED,
                                "this computer has no Bluetooth: %s (containers see none)",
                                strerror(errno));
        if (bind(b->fd, (const struct sockaddr *)&sa, sizeof sa) < 0)
                return diag_set(d, errno == EPERM || errno == EACCES ? E_PERM : E_UNSUPPORTED,
                                "Bluetooth management: %s", strerror(errno));
        return 0;
}

int ble_open(const char *adapter, struct ble **out, struct diag *d)
{
        struct ble *b = calloc(1, sizeof *b);
        uint32_t current = 0;
        int rc;

        *out = NULL;
        if (!b)
                return diag_set(d, E_NOMEM, "out of memory");
        b->fd = -1;
        b->found = calloc(FOUND_MAX, sizeof *b->found);
        if (!b->found) {
                rc = diag_set(d, E_NOMEM, "out of memory");
                goto failed;
        }
        if ((rc = open_management(b, d)) < 0 || (rc = choose(b, adapter, &current, d)) < 0)
                goto failed;
        /* LE before power: a dual-mode controller comes up without it */
        if (!(current & SETTING_LE) && (rc = set(b, MGMT_SET_LE, 1, "switching LE on", d)) < 0)
                goto failed;
        if (!(current & SETTING_POWERED)) {
                if ((rc = set(b, MGMT_SET_POWERED, 1, "switching on", d)) < 0)
                        goto failed;
                b->switched_on = true;
        }
        *out = b;
        return 0;
failed:
        ble_close(b);
        return rc;
}

void ble_close(struct ble *b)
{
        static const uint8_t instance = INSTANCE, addresses = LE_ADDRESSES;
        struct message m;

        if (!b)
                return;
        if (b->scanning)
                command(b, MGMT_STOP_DISCOVERY, &addresses, 1, &m, NULL);
        if (b->advertising)
                command(b, MGMT_REMOVE_ADVERTISING, &instance, 1, &m, NULL);
        if (b->switched_on)
                set(b, MGMT_SET_POWERED, 0, "switching off", NULL);
        if (b->fd >= 0)
                close(b->fd);
        free(b->found);
        free(b);
}

/* --- scanning --- */

/* What is remembered of a device; a new one if there is room. */
static struct ble_found *remember(struct ble *b, const uint8_t *address, uint8_t type)
{
        struct ble_found *f;

        for (size_t i = 0; i < b->found_count; i++)
                if (!memcmp(b->found[i].address, address, 6) && b->found[i].address_type == type)
                        return &b->found[i];
        if (b->found_count == FOUND_MAX)
                return NULL;
        f = &b->found[b->found_count++];
        memset(f, 0, sizeof *f);
        memcpy(f->address, address, 6);
        f->address_type = type;
        return f;
}

static bool same_ad(const struct ble_ad *a, const struct ble_ad *b)
{
        return !strcmp(a->name, b->name) && a->name_is_short == b->name_is_short &&
               a->uuid_count == b->uuid_count &&
               !memcmp(a->uuids, b->uuids, a->uuid_count * sizeof a->uuids[0]);
}

/* A Device Found event: address, type, RSSI, flags, length, advertisement. NULL if it tells nothing
 * new. */
static const struct ble_found *take_found(struct ble *b, const struct message *m)
{
        const uint8_t *p = m->data;
        struct ble_found *f;
        struct ble_ad before;
        size_t n, count;

        if (m->len < 14 || (p[6] != BDADDR_LE_PUBLIC && p[6] != BDADDR_LE_RANDOM))
                return NULL;
        n = le16_get(p + 12);
        if (n > m->len - 14u)
                return NULL;
        count = b->found_count;
        f = remember(b, p, p[6]);
        if (!f)
                return NULL;
        before = f->ad;
        ble_ad_take(&f->ad, p + 14, n);
        f->rssi = (int8_t)p[7];
        return b->found_count > count || !same_ad(&before, &f->ad) ? f : NULL;
}

/* Busy: bluetoothd scans already. Its findings are told to everybody, so wait and try again. */
static int start(struct ble *b, struct diag *d)
{
        static const uint8_t addresses = LE_ADDRESSES;
        struct message m;
        const int rc = command(b, MGMT_START_DISCOVERY, &addresses, 1, &m, d);

        if (rc && rc != STATUS_BUSY)
                return refused(b, "scanning", rc, d);
        b->scanning = rc == 0;
        return 0;
}

/* A controller that scans cannot connect: wait until it says that it has stopped. */
static void stop(struct ble *b)
{
        static const uint8_t addresses = LE_ADDRESSES;
        const uint64_t end = now_ms() + 2000;
        struct message m;

        if (!b->scanning)
                return;
        b->scanning = false;
        if (command(b, MGMT_STOP_DISCOVERY, &addresses, 1, &m, NULL) != 0)
                return;
        while (receive(b, &m, end) == 1)
                if (m.code == EVENT_DISCOVERING && m.index == b->index && m.len >= 2 && !m.data[1])
                        return;
}

int ble_scan(struct ble *b, unsigned timeout_ms,
             bool (*found)(void *ctx, const struct ble_found *f), void *ctx, struct diag *d)
{
        const uint64_t end = now_ms() + timeout_ms;
        bool done = false;
        int rc = 0;

        b->found_count = 0;
        while (!done && left_ms(end)) {
                struct message m;
                const struct ble_found *f;
                uint64_t until = now_ms() + 500;

                /* one round of the kernel's lasts ten seconds */
                if (!b->scanning && (rc = start(b, d)) < 0)
                        return rc;
                rc = receive(b, &m, until < end ? until : end);
                if (rc < 0)
                        break;
                if (rc == 0 || m.index != b->index)
                        continue;
                if (m.code == EVENT_DISCOVERING && m.len >= 2 && !m.data[1])
                        b->scanning = false;
                if (m.code == EVENT_DEVICE_FOUND && (f = take_found(b, &m)) != NULL)
                        done = found(ctx, f);
        }
        stop(b);
        if (rc < 0)
                return diag_set(d, E_IO, "%s: %s", b->name, strerror(errno));
        return done;
}

/* --- advertising --- */

int ble_advertise(struct ble *b, const char *name, const uint8_t *service, struct diag *d)
{
        uint8_t p[11 + 2 * BLE_AD_MAX] = { INSTANCE };
        uint8_t *ad = p + 11;
        struct message m;
        long n, r;
        int rc = STATUS_BUSY;

        p[1] = ADVERTISE_CONNECTABLE | ADVERTISE_DISCOVERABLE;
        n = ble_ad_put(ad, BLE_AD_MAX - 3, 0, BLE_AD_UUIDS_ALL, service, 16); /* 3: flags */
        r = ble_ad_put(ad + n, BLE_AD_MAX, 0, BLE_AD_NAME, name, strlen(name));
        if (r < 0)
                return diag_set(d, E_RANGE, "%s: a name in the air has at most %u bytes", name,
                                BLE_AD_NAME_MAX);
        p[9] = (uint8_t)n;
        p[10] = (uint8_t)r;
        for (int i = 0; rc == STATUS_BUSY && i < 20; i++) {
                if (i)
                        poll(NULL, 0, 100);
                rc = command(b, MGMT_ADD_ADVERTISING, p, 11 + (size_t)(n + r), &m, d);
        }
        if (rc)
                return refused(b, "advertising", rc, d);
        b->advertising = true;
        return 0;
}

/* --- channels --- */

static int channel(struct ble *b, struct diag *d)
{
        struct sockaddr_l2 sa = { .l2_family = AF_BLUETOOTH,
                                  .l2_cid = htobs(ATT_CID),
                                  .l2_bdaddr_type = BDADDR_LE_PUBLIC };
        const int fd =
                socket(PF_BLUETOOTH, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, BTPROTO_L2CAP);

        if (fd < 0)
                return diag_set(d, E_IO, "%s: %s", b->name, strerror(errno));
        memcpy(&sa.l2_bdaddr, b->address, 6);
        if (bind(fd, (const struct sockaddr *)&sa, sizeof sa) < 0) {
                const int rc = diag_set(d, E_IO, "%s: %s", b->name, strerror(errno));

                close(fd);
                return rc;
        }
        return fd;
}

int ble_connect(struct ble *b, const struct ble_found *f, unsigned timeout_ms, struct diag *d)
{
        struct sockaddr_l2 sa = { .l2_family = AF_BLUETOOTH,
                                  .l2_cid = htobs(ATT_CID),
                                  .l2_bdaddr_type = f->address_type };
        struct pollfd p = { .events = POLLOUT };
        socklen_t len = sizeof(int);
        char text[18];
        int error = 0;
        int rc;

        ble_address_text(f->address, text);
        if ((p.fd = channel(b, d)) < 0)
                return p.fd;
        memcpy(&sa.l2_bdaddr, f->address, 6);
        rc = connect(p.fd, (const struct sockaddr *)&sa, sizeof sa);
        if (rc < 0 && errno == EINPROGRESS) {
                /* the kernel's own limit is 40 s, and with the wrong type of address it waits it
                 * out */
                const uint64_t end = now_ms() + timeout_ms;

                do
                        rc = poll(&p, 1, (int)left_ms(end));
                while (rc < 0 && errno == EINTR);
                if (rc == 0) {
                        close(p.fd);
                        return diag_set(d, E_TIMEOUT, "%s does not take a connection", text);
                }
                getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &len);
        } else if (rc < 0) {
                error = errno;
        }
        if (error) {
                close(p.fd);
                return diag_set(d, E_LINK, "%s: %s", text, strerror(error));
        }
        return p.fd;
}

int ble_listen(struct ble *b, struct diag *d)
{
        const int fd = channel(b, d);

        if (fd >= 0 && listen(fd, 1) < 0) {
                close(fd);
                return diag_set(d, E_IO, "%s: %s", b->name, strerror(errno));
        }
        return fd;
}
