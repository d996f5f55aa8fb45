/*
 * Bluetooth LE against a kernel that the test plays: the management interface as doc/mgmt-api.txt
 * of BlueZ 5.66 has it (with what else comes over that socket between the answers), channels that
 * connect, refuse, hang and break; and provisioning over them against the device's end of
 * wire/prov_gatt.h. tests/radio has the real kernel. The linker puts the calls below in the place
 * of the system's (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/l2cap.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/ble.h"
#include "host/prov_link.h"
#include "wire/att_wire.h"
#include "wire/prov_gatt.h"

#define ROWS(a) (sizeof(a) / sizeof(a)[0])

enum {
        READ_LIST = 3,
        READ_INFO = 4,
        POWERED = 5,
        LE = 0xd,
        START = 0x23,
        STOP,
        ADVERTISE = 0x3e,
        QUIET
};
enum { COMPLETE = 1, STATUS, NEW_SETTINGS = 6, FOUND = 0x12, DISCOVERING };
enum { BUSY = 0xa, REJECTED, PERMISSION = 0x14 };
#define ON      0x001u /* settings */
#define CLASSIC 0x080u
#define WITH_LE 0x200u

struct controller {
        uint16_t index;
        uint32_t supported, current;
};

enum mood { ABSENT, ANSWERS, CLOSES, SILENT };

static struct {
        struct controller controllers[3];
        size_t count;
        int socket_errno, bind_errno, listen_errno, so_error;
        int connect_errno[2]; /* of the first connection, of the others */
        bool stuck;           /* a connection never comes about */
        uint16_t fail;        /* the command that fails, with this status, so often */
        uint8_t status;
        unsigned times;
        uint16_t mute; /* one that is not answered */
        size_t info_len;
        void (*air)(unsigned round); /* what is heard while it scans */
        unsigned rounds;
        _Atomic int mood; /* of the device */
        /* what was asked */
        char log[512];
        uint8_t params[128]; /* of the last ADVERTISE */
        size_t params_len;
        struct sockaddr_hci hci;
        struct sockaddr_l2 own, peer;
        unsigned connects;
        /* the other ends */
        int management, channel; /* -1: none */
        pthread_t manager, devices[4];
        size_t device_count;
} k;

int __real_socket(int domain, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *sa, socklen_t n);
int __real_connect(int fd, const struct sockaddr *sa, socklen_t n);
int __real_getsockopt(int fd, int level, int name, void *v, socklen_t *n);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t n);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t n);
int __wrap_listen(int fd, int backlog);
int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *n);

/* --- the management interface --- */

static void tell(uint16_t code, uint16_t index, const void *p, size_t n)
{
        uint8_t m[6 + 512];

        le16_put(m, code);
        le16_put(m + 2, index);
        le16_put(m + 4, (uint16_t)n);
        memcpy(m + 6, p, n);
        (void)!send(k.management, m, 6 + n, MSG_NOSIGNAL);
}

/* What a reader of that socket sees of others, and what nobody should send. */
static void noise(uint16_t op, uint16_t index)
{
        const uint8_t other[] = { (uint8_t)(op + 1), 0, 0 }, same[] = { (uint8_t)op, 0, 0 };

        tell(NEW_SETTINGS, index, "\1\2\0\0", 4);
        tell(COMPLETE, index, other, 3);
        tell(COMPLETE, (uint16_t)(index + 1), same, 3);
        tell(COMPLETE, index, same, 2);
        (void)!send(k.management, "\1\0\0\0\377", 5, MSG_NOSIGNAL);
        (void)!send(k.management, "\1\0\0\0\377\0\3", 7, MSG_NOSIGNAL);
}

static void answer(uint16_t op, uint16_t index, uint8_t status, const void *p, size_t n)
{
        uint8_t a[3 + 300];

        noise(op, index);
        le16_put(a, op);
        a[2] = status;
        memcpy(a + 3, p, n);
        tell(status ? STATUS : COMPLETE, index, a, 3 + n);
}

static struct controller *controller(uint16_t index)
{
        for (size_t i = 0; i < k.count; i++)
                if (k.controllers[i].index == index)
                        return &k.controllers[i];
        return NULL;
}

static void info(uint16_t index)
{
        const struct controller *c = controller(index);
        uint8_t p[280] = { (uint8_t)index, 0x33, 0x22, 0x11, 0x5b, 0x24, 9 };

        if (!c) {
                answer(READ_INFO, index, 0x11, p, 0);
                return;
        }
        le32_put(p + 9, c->supported);
        le32_put(p + 13, c->current);
        answer(READ_INFO, index, 0, p, k.info_len);
}

static void list(void)
{
        uint8_t p[2 + 2 * 3] = { (uint8_t)k.count };

        for (size_t i = 0; i < k.count; i++)
                le16_put(p + 2 + 2 * i, k.controllers[i].index);
        answer(READ_LIST, 0xffff, 0, p, 2 + 2 * k.count);
}

static void discovering(uint16_t index, uint8_t on)
{
        const uint8_t p[] = { 6, on };

        tell(DISCOVERING, index, p, 2);
}

static void turn(uint16_t op, uint16_t index, bool on)
{
        const uint32_t bit = op == LE ? WITH_LE : ON;
        struct controller *c = controller(index);
        uint8_t p[4];

        c->current = on ? c->current | bit : c->current & ~bit;
        le32_put(p, c->current);
        answer(op, index, 0, p, 4);
}

static void note(uint16_t op, uint16_t index, const uint8_t *p, size_t n)
{
        static const struct {
                uint16_t op;
                const char *word;
        } words[] = { { READ_LIST, "list" }, { READ_INFO, "info" },     { POWERED, "power" },
                      { LE, "le" },          { START, "start" },        { STOP, "stop" },
                      { QUIET, "quiet" },    { ADVERTISE, "advertise" } };
        const size_t at = strlen(k.log);

        for (size_t i = 0; i < ROWS(words); i++)
                if (words[i].op == op)
                        snprintf(k.log + at, sizeof k.log - at, "%s%d%s ", words[i].word,
                                 (int16_t)index,
                                 op != POWERED && op != LE ? ""
                                 : n && *p                 ? "+"
                                                           : "-");
}

static void obey(uint16_t op, uint16_t index, const uint8_t *p, size_t n)
{
        note(op, index, p, n);
        if (op == k.mute)
                return;
        if (op == k.fail && k.times) {
                k.times--;
                answer(op, index, k.status, p, 0);
        } else if (op == READ_LIST) {
                list();
        } else if (op == READ_INFO) {
                info(index);
        } else if (op == LE || op == POWERED) {
                turn(op, index, n == 1 && *p);
        } else {
                if (op == ADVERTISE)
                        memcpy(k.params, p, k.params_len = n);
                answer(op, index, 0, p, n ? 1 : 0);
                if (op == STOP || op == START)
                        discovering(index, op == START);
        }
        if (op == START && k.air) /* others' findings come also to whom it says that it is busy */
                k.air(k.rounds++);
}

static void *manage(void *arg)
{
        uint8_t q[256];
        ssize_t n;

        (void)arg;
        while ((n = recv(k.management, q, sizeof q, 0)) >= 6)
                obey(le16_get(q), le16_get(q + 2), q + 6, (size_t)n - 6);
        return NULL;
}

/* --- the device in the air --- */

static struct {
        struct prov_device device;
        struct prov_gatt_server gatt;
} unit;

static long custom(void *ctx, const char *endpoint, const uint8_t *in, size_t n, uint8_t *out,
                   size_t cap)
{
        (void)ctx;
        if (strcmp(endpoint, "custom-data") != 0 || n > cap)
                return -E_NOTFOUND;
        if (n && in[0] == '!')
                return -E_INVAL;
        for (size_t i = 0; i < n; i++)
                out[i] = in[n - 1 - i];
        return (long)n;
}

static const struct prov_device_ops ops = { .custom = custom };
static const char *const customs[] = { "custom-data", NULL };

static void *device(void *arg)
{
        const int fd = (int)(intptr_t)arg;
        uint8_t q[ATT_MTU_MAX], r[ATT_MTU_MAX];
        ssize_t n;

        prov_gatt_reset(&unit.gatt);
        while ((n = recv(fd, q, sizeof q, 0)) > 0) {
                const bool asked = q[0] == ATT_WRITE_REQ || q[0] == ATT_PREPARE_REQ;
                long m;

                if (asked && k.mood == CLOSES)
                        break;
                if (asked && k.mood == SILENT)
                        continue;
                m = att_server_answer(&unit.gatt.att, q, (size_t)n, r, sizeof r);
                if (m > 0)
                        (void)!send(fd, r, (size_t)m, MSG_NOSIGNAL);
        }
        close(fd);
        return NULL;
}

/* --- the system's calls --- */

static int pair_of(int *other)
{
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -1;
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        *other = pair[1];
        return pair[0];
}

int __wrap_socket(int domain, int type, int protocol)
{
        int fd;

        if (domain != PF_BLUETOOTH)
                return __real_socket(domain, type, protocol);
        if (k.socket_errno) {
                errno = k.socket_errno;
                return -1;
        }
        if (protocol == BTPROTO_L2CAP)
                return pair_of(&k.channel);
        fd = pair_of(&k.management);
        pthread_create(&k.manager, NULL, manage, NULL);
        return fd;
}

int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t n)
{
        if (sa->sa_family != AF_BLUETOOTH)
                return __real_bind(fd, sa, n);
        if (n == sizeof k.hci)
                memcpy(&k.hci, sa, n);
        else
                memcpy(&k.own, sa, sizeof k.own);
        errno = k.bind_errno;
        return k.bind_errno ? -1 : 0;
}

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t n)
{
        const int error = k.connect_errno[k.connects > 0];

        if (sa->sa_family != AF_BLUETOOTH)
                return __real_connect(fd, sa, n);
        memcpy(&k.peer, sa, sizeof k.peer);
        k.connects++;
        while (k.stuck && send(fd, "full", 4, 0) > 0)
                ;
        if (k.mood != ABSENT && error == 0 && k.device_count < ROWS(k.devices)) {
                pthread_create(&k.devices[k.device_count++], NULL, device,
                               (void *)(intptr_t)k.channel);
                k.channel = -1; /* it closes it */
        }
        errno = error;
        return error ? -1 : 0;
}

int __wrap_listen(int fd, int backlog)
{
        (void)fd;
        (void)backlog;
        errno = k.listen_errno;
        return k.listen_errno ? -1 : 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *n)
{
        if (level != SOL_SOCKET || name != SO_ERROR)
                return __real_getsockopt(fd, level, name, v, n);
        memcpy(v, &k.so_error, sizeof k.so_error);
        return 0;
}

/* --- */

static const struct controller plain = { 0, ON | WITH_LE | CLASSIC, ON | WITH_LE };

static void kernel_start(const struct controller *c, size_t n)
{
        memset(&k, 0, sizeof k);
        memcpy(k.controllers, c, n * sizeof *c);
        k.count = n;
        k.info_len = 280;
        k.management = k.channel = -1;
}

/* Behind ble_close: all has ended, k can be read. */
static void kernel_stop(void)
{
        for (size_t i = 0; i < k.device_count; i++)
                pthread_join(k.devices[i], NULL);
        if (k.management >= 0) {
                pthread_join(k.manager, NULL);
                close(k.management);
        }
        if (k.channel >= 0)
                close(k.channel);
        k.management = k.channel = -1;
}

/* Was the channel's other end closed? */
static bool closed(void)
{
        char c[4096];
        ssize_t n;

        while ((n = recv(k.channel, c, sizeof c, MSG_DONTWAIT)) > 0)
                ;
        return n == 0 || errno == ECONNRESET;
}

static void test_choice(void **state)
{
        static const struct {
                struct controller c[3];
                size_t n;
                const char *adapter;
                int rc;
                const char *said; /* the name, or part of the complaint */
                const char *log;  /* with ble_close */
        } rows[] = {
                { { { 0, ON | WITH_LE, ON | WITH_LE } },
                  1,
                  NULL,
                  0,
                  "hci0",
                  "list-1 info0 info0 " },
                /* switched on for us is switched off again; LE first */
                { { { 2, ON | WITH_LE, 0 } },
                  1,
                  NULL,
                  0,
                  "hci2",
                  "list-1 info2 info2 le2+ power2+ power2- " },
                { { { 0, ON | WITH_LE, ON } }, 1, NULL, 0, "hci0", "list-1 info0 info0 le0+ " },
                /* the one that is on, else the first; the one that is named */
                { { { 0, WITH_LE, WITH_LE }, { 1, WITH_LE, ON | WITH_LE } },
                  2,
                  NULL,
                  0,
                  "hci1",
                  "list-1 info0 info1 info1 " },
                { { { 0, WITH_LE, WITH_LE }, { 1, WITH_LE, WITH_LE } },
                  2,
                  NULL,
                  0,
                  "hci0",
                  "list-1 info0 info1 info0 power0+ power0- " },
                { { { 0, WITH_LE, ON | WITH_LE }, { 1, WITH_LE, WITH_LE } },
                  2,
                  "hci1",
                  0,
                  "hci1",
                  "list-1 info1 info1 power1+ power1- " },
                { { { 0, CLASSIC, ON }, { 1, WITH_LE, ON | WITH_LE } },
                  2,
                  NULL,
                  0,
                  "hci1",
                  "list-1 info0 info1 info1 " },
                { { { 0, CLASSIC, ON } },
                  1,
                  "hci0",
                  -E_UNSUPPORTED,
                  "hci0 has no Bluetooth LE",
                  "list-1 info0 " },
                { { { 0, CLASSIC, ON } },
                  1,
                  NULL,
                  -E_NOTFOUND,
                  "no such Bluetooth LE controller",
                  "list-1 info0 " },
                { { { 0, WITH_LE, ON } }, 1, "hci7", -E_NOTFOUND, "hci7: no such", "list-1 " },
                { { { 0 } }, 0, NULL, -E_NOTFOUND, "hci0: no such", "list-1 " },
        };

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                struct ble *b = NULL;
                struct diag d = { 0 };

                kernel_start(rows[i].c, rows[i].n);
                assert_int_equal(ble_open(rows[i].adapter, &b, &d), rows[i].rc);
                assert_int_equal(k.hci.hci_channel, HCI_CHANNEL_CONTROL);
                assert_int_equal(k.hci.hci_dev, HCI_DEV_NONE);
                if (b)
                        assert_string_equal(ble_name(b), rows[i].said);
                else
                        assert_non_null(strstr(diag_text(&d), rows[i].said));
                ble_close(b);
                kernel_stop();
                assert_string_equal(k.log, rows[i].log);
        }
}

static void test_no_bluetooth(void **state)
{
        static const struct {
                int on_socket, on_bind, rc;
        } rows[] = {
                { EPERM, 0, -E_PERM },
                { EAFNOSUPPORT, 0, -E_UNSUPPORTED },
                { 0, EACCES, -E_PERM },
                { 0, EINVAL, -E_UNSUPPORTED },
        };

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                struct ble *b = NULL;
                struct diag d = { 0 };

                kernel_start(&plain, 1);
                k.socket_errno = rows[i].on_socket;
                k.bind_errno = rows[i].on_bind;
                assert_int_equal(ble_open(NULL, &b, &d), rows[i].rc);
                assert_null(b);
                assert_non_null(strstr(diag_text(&d), "Bluetooth"));
                kernel_stop();
                assert_string_equal(k.log, "");
        }
        ble_close(NULL);
}

/* The controller says no: which way, and what to do. */
static void test_refusals(void **state)
{
        static const struct {
                uint16_t op;
                uint8_t status;
                unsigned times;
                int rc;
                const char *text, *log;
        } rows[] = {
                { POWERED, PERMISSION, 1, -E_PERM, "hci0: switching on needs CAP_NET_ADMIN",
                  "list-1 info0 info0 le0+ power0+ " },
                { POWERED, REJECTED, 1, -E_IO, "0x0b; is it blocked? (rfkill list)",
                  "list-1 info0 info0 le0+ power0+ " },
                { LE, REJECTED, 1, -E_IO, "switching LE on failed", "list-1 info0 info0 le0+ " },
                /* busy is asked again */
                { POWERED, BUSY, 2, 0, NULL,
                  "list-1 info0 info0 le0+ power0+ power0+ power0+ power0- " },
                { READ_LIST, PERMISSION, 1, -E_PERM, "the list of controllers", "list-1 " },
                { READ_INFO, REJECTED, 1, -E_NOTFOUND, "no such", "list-1 info0 " },
        };
        static const struct controller off = { 0, ON | WITH_LE, 0 };

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                struct ble *b = NULL;
                struct diag d = { 0 };

                kernel_start(&off, 1);
                k.fail = rows[i].op;
                k.status = rows[i].status;
                k.times = rows[i].times;
                assert_int_equal(ble_open(NULL, &b, &d), rows[i].rc);
                if (rows[i].rc)
                        assert_non_null(strstr(diag_text(&d), rows[i].text));
                ble_close(b);
                kernel_stop();
                assert_string_equal(k.log, rows[i].log);
        }
}

static void test_management_broken(void **state)
{
        struct ble *b = NULL;
        struct diag d = { 0 };

        (void)state;
        kernel_start(&plain, 1);
        k.mute = READ_LIST;
        assert_int_equal(ble_open(NULL, &b, &d), -E_TIMEOUT);
        assert_null(b);
        assert_non_null(strstr(diag_text(&d), "Bluetooth does not answer the command 0x0003"));
        kernel_stop();
        /* settings that are cut off are none */
        kernel_start(&plain, 1);
        k.info_len = 16;
        assert_int_equal(ble_open("hci0", &b, NULL), -E_NOTFOUND);
        kernel_stop();
}

/* --- scanning --- */

/* A Device Found event; kind 0: classic, 1: public, 2: random. */
static void heard(uint16_t index, uint8_t kind, uint8_t last, int8_t rssi, const char *ad, size_t n)
{
        uint8_t p[14 + 31] = { last, 0x33, 0x22, 0x11, 0xb0, 0xc4, kind, (uint8_t)rssi };

        le16_put(p + 12, (uint16_t)n);
        memcpy(p + 14, ad, n);
        tell(FOUND, index, p, 14 + n);
}

#define AD_NAME  "\2\1\6\7\11PROV_1"
#define AD_UUID  "\21\7\x07\xed\x9b\x2d\x0f\x06\x7c\x87\x9b\x43\x43\x6b\x4d\x24\x75\x17"
#define BYTES(s) s, sizeof(s) - 1

static void air(unsigned round)
{
        const uint8_t cut[14] = { 9, 0x33, 0x22, 0x11, 0xb0, 0xc4, 1, 0, 0, 0, 0, 0, 20 };

        (void)round;
        heard(0, 1, 1, -40, BYTES(AD_NAME));
        heard(0, 1, 1, -41, BYTES(AD_NAME));  /* nothing new */
        heard(0, 0, 2, -30, BYTES(AD_NAME));  /* classic */
        heard(3, 1, 3, -30, BYTES(AD_NAME));  /* another controller's */
        tell(FOUND, 0, cut, sizeof cut);      /* says more than it has */
        tell(FOUND, 0, cut, sizeof cut - 1);  /* has not even that */
        heard(0, 1, 1, -42, BYTES(AD_UUID));  /* the scan response */
        heard(0, 2, 1, 127, BYTES("\2\1\6")); /* the same address, random */
        heard(0, 1, 8, -50, BYTES("\6\10last\0"));
        heard(0, 1, 4, -60, BYTES(AD_NAME)); /* behind the end */
}

struct calls {
        char text[512];
        unsigned count;
        const char *until; /* this name ends it */
};

static bool on_found(void *ctx, const struct ble_found *f)
{
        struct calls *c = ctx;
        const size_t at = strlen(c->text);
        char address[18];

        ble_address_text(f->address, address);
        c->count++;
        snprintf(c->text + at, sizeof c->text - at, "%s/%u %d %s %zu;", address, f->address_type,
                 f->rssi, f->ad.name, f->ad.uuid_count);
        return c->until && !strcmp(f->ad.name, c->until);
}

static void test_scan(void **state)
{
        struct calls c = { .until = "last" };
        struct ble *b;

        (void)state;
        kernel_start(&plain, 1);
        k.air = air;
        assert_int_equal(ble_open(NULL, &b, NULL), 0);
        assert_int_equal(ble_scan(b, 60000, on_found, &c, NULL), 1);
        assert_string_equal(c.text, "c4:b0:11:22:33:01/1 -40 PROV_1 0;"
                                    "c4:b0:11:22:33:01/1 -42 PROV_1 1;"
                                    "c4:b0:11:22:33:01/2 127  0;"
                                    "c4:b0:11:22:33:08/1 -50 last 0;");
        ble_close(b);
        kernel_stop();
        assert_string_equal(k.log, "list-1 info0 info0 start0 stop0 ");
}

static void air_rounds(unsigned round)
{
        if (round < 2)
                discovering(0, 0); /* the kernel's round is over */
        else
                heard(0, 1, 8, -50, BYTES("\5\11last"));
}

static void air_crowded(unsigned round)
{
        for (int i = 0; i < 130 && round == 0; i++)
                heard(0, 1, (uint8_t)i, -50, BYTES(AD_NAME));
        heard(0, 1, 0, -50, BYTES("\5\11last"));
}

static void air_busy(unsigned round)
{
        if (round == 0)
                heard(0, 1, 8, -50, BYTES("\5\11last"));
}

static void test_scan_goes_on(void **state)
{
        static const struct {
                void (*air)(unsigned round);
                uint8_t status; /* of the first start; 0: done */
                unsigned ms;
                int rc;
                unsigned count;
                const char *log;
        } rows[] = {
                { air_rounds, 0, 60000, 1, 1, "start0 start0 start0 stop0 " },
                /* only so many are remembered; of those, news is told still */
                { air_crowded, 0, 60000, 1, 129, "start0 stop0 " },
                /* somebody else scans: his findings are told to all; he is not stopped */
                { air_busy, BUSY, 60000, 1, 1, "start0 " },
                { NULL, 0, 50, 0, 0, "start0 stop0 " },
                { NULL, PERMISSION, 60000, -E_PERM, 0, "start0 " },
                { NULL, REJECTED, 60000, -E_IO, 0, "start0 " },
        };

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                struct calls c = { .until = "last" };
                struct ble *b;

                kernel_start(&plain, 1);
                k.air = rows[i].air;
                k.fail = START;
                k.status = rows[i].status;
                k.times = rows[i].status ? 1 : 0;
                assert_int_equal(ble_open("hci0", &b, NULL), 0);
                assert_int_equal(ble_scan(b, rows[i].ms, on_found, &c, NULL), rows[i].rc);
                assert_int_equal(c.count, rows[i].count);
                ble_close(b);
                kernel_stop();
                assert_string_equal(k.log + strlen("list-1 info0 info0 "), rows[i].log);
        }
}

/* --- advertising --- */

static void test_advertise(void **state)
{
        static const uint8_t want[] = "\1\3\0\0\0\0\0\0\0\22\13" AD_UUID "\12\11PROV_1234";
        char longest[BLE_AD_NAME_MAX + 2];
        struct diag d = { 0 };
        struct ble *b;

        (void)state;
        kernel_start(&plain, 1);
        k.fail = ADVERTISE;
        k.status = BUSY;
        k.times = 1;
        assert_int_equal(ble_open(NULL, &b, NULL), 0);
        memset(longest, 'x', sizeof longest);
        longest[sizeof longest - 1] = 0;
        assert_int_equal(ble_advertise(b, longest, prov_gatt_uuid_default, &d), -E_RANGE);
        assert_non_null(strstr(diag_text(&d), "at most 29 bytes"));
        assert_int_equal(ble_advertise(b, "PROV_1234", prov_gatt_uuid_default, NULL), 0);
        assert_int_equal(ble_advertise(b, longest + 1, prov_gatt_uuid_default, NULL), 0);
        assert_int_equal(ble_advertise(b, "PROV_1234", prov_gatt_uuid_default, NULL), 0);
        ble_close(b);
        kernel_stop();
        assert_int_equal(k.params_len, sizeof want - 1);
        assert_memory_equal(k.params, want, sizeof want - 1);
        assert_string_equal(
                k.log, "list-1 info0 info0 advertise0 advertise0 advertise0 advertise0 quiet0 ");
        kernel_start(&plain, 1);
        k.fail = ADVERTISE;
        k.status = PERMISSION;
        k.times = 1;
        assert_int_equal(ble_open(NULL, &b, NULL), 0);
        assert_int_equal(ble_advertise(b, "PROV_1234", prov_gatt_uuid_default, NULL), -E_PERM);
        ble_close(b);
        kernel_stop();
        assert_null(strstr(k.log, "quiet"));
}

/* --- channels --- */

static const struct ble_found somebody = { .address = { 1, 2, 3, 4, 5, 6 }, .address_type = 2 };

static void test_connect(void **state)
{
        static const struct {
                int on_connect, so_error;
                bool stuck;
                int rc;
                const char *text;
        } rows[] = {
                { 0, 0, false, 0, NULL },
                { EINPROGRESS, 0, false, 0, NULL },
                { EINPROGRESS, EHOSTDOWN, false, -E_LINK, "06:05:04:03:02:01: Host is down" },
                { EINPROGRESS, 0, true, -E_TIMEOUT,
                  "06:05:04:03:02:01 does not take a connection" },
                { ECONNREFUSED, 0, false, -E_LINK, "Connection refused" },
        };

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                struct diag d = { 0 };
                struct ble *b;
                int fd;

                kernel_start(&plain, 1);
                k.connect_errno[0] = rows[i].on_connect;
                k.so_error = rows[i].so_error;
                k.stuck = rows[i].stuck;
                assert_int_equal(ble_open(NULL, &b, NULL), 0);
                fd = ble_connect(b, &somebody, 30, &d);
                assert_int_equal(fd < 0 ? fd : 0, rows[i].rc);
                assert_int_equal(btohs(k.peer.l2_cid), ATT_CID);
                assert_int_equal(k.peer.l2_bdaddr_type, 2);
                assert_memory_equal(&k.peer.l2_bdaddr, somebody.address, 6);
                assert_int_equal(k.own.l2_bdaddr.b[5], 0x24); /* the chosen controller's */
                assert_int_equal(closed(), fd < 0);
                if (fd < 0)
                        assert_non_null(strstr(diag_text(&d), rows[i].text));
                else
                        close(fd);
                ble_close(b);
                kernel_stop();
        }
}

static void test_channels_fail(void **state)
{
        struct ble *b;
        int fd;

        (void)state;
        kernel_start(&plain, 1);
        assert_int_equal(ble_open(NULL, &b, NULL), 0);
        assert_true((fd = ble_listen(b, NULL)) >= 0);
        assert_int_equal(btohs(k.own.l2_cid), ATT_CID);
        close(fd);
        close(k.channel);
        k.listen_errno = EADDRINUSE;
        assert_int_equal(ble_listen(b, NULL), -E_IO);
        assert_true(closed());
        close(k.channel);
        k.bind_errno = EADDRINUSE;
        assert_int_equal(ble_connect(b, &somebody, 30, NULL), -E_IO);
        assert_true(closed());
        k.socket_errno = EMFILE;
        assert_int_equal(ble_listen(b, NULL), -E_IO);
        ble_close(b);
        kernel_stop();
}

/* --- provisioning --- */

static void air_unit(unsigned round)
{
        (void)round;
        heard(0, 1, 4, -50, BYTES("\7\11PROV_2"));
        heard(0, 1, 5, -50, BYTES(AD_NAME));
        heard(0, 1, 5, -50, BYTES(AD_UUID));
}

static void unit_start(enum mood mood)
{
        const struct prov_device_config cfg = { .ops = &ops };

        kernel_start(&plain, 1);
        k.air = air_unit;
        k.mood = mood;
        memset(&unit, 0, sizeof unit);
        assert_int_equal(prov_device_init(&unit.device, &cfg), 0);
        assert_int_equal(prov_gatt_serve(&unit.gatt, &unit.device, "PROV_1", prov_gatt_uuid_default,
                                         customs, 256),
                         0);
}

static const struct prov_ble_config config = { .service = "PROV_1",
                                               .scan_ms = 60000,
                                               .timeout_ms = 60000 };

static long ask(struct prov_link *l, const char *endpoint, const void *in, size_t n, uint8_t *out,
                struct diag *d)
{
        return l->ops->request(l, endpoint, in, n, out, ATT_VALUE_MAX, d);
}

/* Security 0: what an endpoint gets is what was sent. */
static void handshake(struct prov_link *l)
{
        static const struct prov_client_config cfg = { .security = 0 };
        static struct prov_client_sec sec;
        uint8_t q[ATT_VALUE_MAX], r[ATT_VALUE_MAX];
        long n;

        assert_int_equal(prov_client_init(&sec, &cfg), 0);
        while ((n = prov_client_next(&sec, q, sizeof q)) > 0) {
                n = ask(l, "prov-session", q, (size_t)n, r, NULL);
                assert_true(n > 0);
                assert_int_equal(prov_client_answer(&sec, r, (size_t)n, NULL) < 0, 0);
        }
        assert_int_equal(n, 0);
}

static void test_link(void **state)
{
        static const char *const names[] = { "PROV_1", "1775244d-6b43-439b-877c-060f2d9bed07" };
        static const uint8_t zeros[ATT_VALUE_MAX + 1];
        uint8_t out[ATT_VALUE_MAX];

        (void)state;
        for (size_t i = 0; i < ROWS(names); i++) {
                const struct prov_ble_config cfg = { .service = names[i] };
                struct prov_link *l = NULL;
                struct diag d = { 0 };

                unit_start(ANSWERS);
                assert_int_equal(prov_ble_open(&cfg, &l, &d), 0);
                assert_int_equal(k.peer.l2_bdaddr.b[0], 5);
                handshake(l);
                assert_int_equal(ask(l, "custom-data", "abc", 3, out, &d), 3);
                assert_memory_equal(out, "cba", 3);
                /* longer than one PDU */
                assert_int_equal(ask(l, "custom-data", zeros, 400, out, &d), 400);
                assert_int_equal(l->requests, 3);
                assert_int_equal(ask(l, "nothing", zeros, 1, out, &d), -E_NOTFOUND);
                assert_non_null(strstr(diag_text(&d), ": the device has no endpoint nothing"));
                memset(&d, 0, sizeof d);
                assert_int_equal(ask(l, "custom-data", zeros, sizeof zeros, out, &d), -E_RANGE);
                assert_non_null(strstr(diag_text(&d), "at most 512 bytes, not 513"));
                memset(&d, 0, sizeof d);
                assert_int_equal(ask(l, "custom-data", "!", 1, out, &d), -E_REFUSED);
                /* a new handshake needs no new link */
                assert_int_equal(l->ops->restart(l, &d), 0);
                prov_link_close(l);
                kernel_stop();
                assert_int_equal(k.connects, 1);
        }
}

/* A link that is gone is made again by the next request, a while later: the kernel's rest of it has
 * to go first. */
static void test_link_lost(void **state)
{
        static const struct {
                enum mood mood;
                int rc;
                const char *text;
        } rows[] = {
                { CLOSES, -E_REFUSED, "PROV_1: the device closed the link without an answer" },
                { SILENT, -E_TIMEOUT, "PROV_1: no answer in 2 s" },
        };
        uint8_t out[ATT_VALUE_MAX];

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                struct prov_ble_config cfg = config;
                struct prov_link *l = NULL;
                struct diag d = { 0 };

                unit_start(ANSWERS);
                if (rows[i].mood == SILENT)
                        cfg.timeout_ms = 2900;
                assert_int_equal(prov_ble_open(&cfg, &l, NULL), 0);
                handshake(l);
                k.mood = rows[i].mood;
                assert_int_equal(ask(l, "custom-data", "a", 1, out, &d), rows[i].rc);
                assert_string_equal(diag_text(&d), rows[i].text);
                if (rows[i].mood == CLOSES) {
                        k.mood = ANSWERS;
                        assert_int_equal(l->ops->restart(l, NULL), 0);
                        handshake(l);
                        assert_int_equal(ask(l, "custom-data", "ab", 2, out, NULL), 2);
                        assert_memory_equal(out, "ba", 2);
                }
                prov_link_close(l);
                kernel_stop();
                assert_int_equal(k.connects, rows[i].mood == CLOSES ? 2 : 1);
        }
}

static void test_link_never_made(void **state)
{
        static const struct {
                const char *service;
                int first, then, rc;
                const char *text;
                unsigned connects;
        } rows[] = {
                { "PROV_9", 0, 0, -E_TIMEOUT, "PROV_9 is not in the air (looked for 0 s with hci0)",
                  0 },
                { "1775244d-6b43-439b-877c-060f2d9bed08", 0, 0, -E_TIMEOUT, "is not in the air",
                  0 },
                { "1775244d-6b43-439b-877c_060f2d9bed07", 0, 0, -E_TIMEOUT, "is not in the air",
                  0 },
                /* a first connection that fails is no news */
                { "PROV_1", EHOSTDOWN, 0, 0, NULL, 2 },
                { "PROV_1", EHOSTDOWN, ECONNREFUSED, -E_LINK, "Connection refused", 2 },
        };
        struct prov_link *l;
        struct diag d;

        (void)state;
        for (size_t i = 0; i < ROWS(rows); i++) {
                struct prov_ble_config cfg = config;

                l = NULL;
                memset(&d, 0, sizeof d);
                unit_start(ANSWERS);
                cfg.service = rows[i].service;
                if (rows[i].rc == -E_TIMEOUT)
                        cfg.scan_ms = 300;
                k.connect_errno[0] = rows[i].first;
                k.connect_errno[1] = rows[i].then;
                assert_int_equal(prov_ble_open(&cfg, &l, &d), rows[i].rc);
                assert_int_equal(l != NULL, rows[i].rc == 0);
                if (!l)
                        assert_non_null(strstr(diag_text(&d), rows[i].text));
                prov_link_close(l);
                kernel_stop();
                assert_int_equal(k.connects, rows[i].connects);
        }
        /* it has the name, and is in provisioning no more: no such service */
        memset(&d, 0, sizeof d);
        unit_start(ANSWERS);
        unit.gatt.att.count = 5; /* the table ends behind the generic access service */
        assert_int_equal(prov_ble_open(&config, &l, &d), -E_NOTFOUND);
        assert_non_null(strstr(diag_text(&d), "is it provisioned already?"));
        kernel_stop();
        kernel_start(&plain, 0);
        assert_int_equal(prov_ble_open(&config, &l, NULL), -E_NOTFOUND);
        assert_null(l);
        kernel_stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_choice),        cmocka_unit_test(test_no_bluetooth),
                cmocka_unit_test(test_refusals),      cmocka_unit_test(test_management_broken),
                cmocka_unit_test(test_scan),          cmocka_unit_test(test_scan_goes_on),
                cmocka_unit_test(test_advertise),     cmocka_unit_test(test_connect),
                cmocka_unit_test(test_channels_fail), cmocka_unit_test(test_link),
                cmocka_unit_test(test_link_lost),     cmocka_unit_test(test_link_never_made),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
