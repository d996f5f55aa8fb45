#include "fake_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/att_wire.h"

#define ROWS(a) (sizeof(a) / sizeof(a)[0])

struct fake_kernel kernel;
struct fake_unit unit;

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

void kernel_tell(uint16_t code, uint16_t index, const void *p, size_t n)
{
        uint8_t m[6 + 512];

        le16_put(m, code);
        le16_put(m + 2, index);
        le16_put(m + 4, (uint16_t)n);
        memcpy(m + 6, p, n);
        (void)!send(kernel.management, m, 6 + n, MSG_NOSIGNAL);
}

/* What a reader of that socket sees of others, and what nobody should send. */
static void noise(uint16_t op, uint16_t index)
{
        const uint8_t other[] = { (uint8_t)(op + 1), 0, 0 }, same[] = { (uint8_t)op, 0, 0 };

        kernel_tell(NEW_SETTINGS, index, "\1\2\0\0", 4);
        kernel_tell(COMPLETE, index, other, 3);
        kernel_tell(COMPLETE, (uint16_t)(index + 1), same, 3);
        kernel_tell(COMPLETE, index, same, 2);
        (void)!send(kernel.management, "\1\0\0\0\377", 5, MSG_NOSIGNAL);
        (void)!send(kernel.management, "\1\0\0\0\377\0\3", 7, MSG_NOSIGNAL);
}

static void answer(uint16_t op, uint16_t index, uint8_t status, const void *p, size_t n)
{
        uint8_t a[3 + 300];

        noise(op, index);
        le16_put(a, op);
        a[2] = status;
        memcpy(a + 3, p, n);
        kernel_tell(status ? STATUS : COMPLETE, index, a, 3 + n);
}

static struct controller *controller(uint16_t index)
{
        for (size_t i = 0; i < kernel.count; i++)
                if (kernel.controllers[i].index == index)
                        return &kernel.controllers[i];
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
        answer(READ_INFO, index, 0, p, kernel.info_len);
}

static void list(void)
{
        uint8_t p[2 + 2 * 3] = { (uint8_t)kernel.count };

        for (size_t i = 0; i < kernel.count; i++)
                le16_put(p + 2 + 2 * i, kernel.controllers[i].index);
        answer(READ_LIST, 0xffff, 0, p, 2 + 2 * kernel.count);
}

void kernel_discovering(uint16_t index, uint8_t on)
{
        const uint8_t p[] = { 6, on };

        kernel_tell(DISCOVERING, index, p, 2);
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
        const size_t at = strlen(kernel.log);

        for (size_t i = 0; i < ROWS(words); i++)
                if (words[i].op == op)
                        snprintf(kernel.log + at, sizeof kernel.log - at, "%s%d%s ", words[i].word,
                                 (int16_t)index,
                                 op != POWERED && op != LE ? ""
                                 : n && *p                 ? "+"
                                                           : "-");
}

static void obey(uint16_t op, uint16_t index, const uint8_t *p, size_t n)
{
        note(op, index, p, n);
        if (op == kernel.mute)
                return;
        if (op == kernel.fail && kernel.times) {
                kernel.times--;
                answer(op, index, kernel.status, p, 0);
        } else if (op == READ_LIST) {
                list();
        } else if (op == READ_INFO) {
                info(index);
        } else if (op == LE || op == POWERED) {
                turn(op, index, n == 1 && *p);
        } else {
                if (op == ADVERTISE)
                        memcpy(kernel.params, p, kernel.params_len = n);
                answer(op, index, 0, p, n ? 1 : 0);
                if (op == STOP || op == START)
                        kernel_discovering(index, op == START);
        }
        if (op == START &&
            kernel.air) /* others' findings come also to whom it says that it is busy */
                kernel.air(kernel.rounds++);
}

static void *manage(void *arg)
{
        uint8_t q[256];
        ssize_t n;

        (void)arg;
        while ((n = recv(kernel.management, q, sizeof q, 0)) >= 6)
                obey(le16_get(q), le16_get(q + 2), q + 6, (size_t)n - 6);
        return NULL;
}

void kernel_heard(uint16_t index, uint8_t kind, uint8_t last, int8_t rssi, const char *ad, size_t n)
{
        uint8_t p[14 + 31] = { last, 0x33, 0x22, 0x11, 0xb0, 0xc4, kind, (uint8_t)rssi };

        le16_put(p + 12, (uint16_t)n);
        memcpy(p + 14, ad, n);
        kernel_tell(FOUND, index, p, 14 + n);
}

/* --- the device in the air --- */

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

                if (asked && kernel.mood == CLOSES)
                        break;
                if (asked && kernel.mood == SILENT)
                        continue;
                m = att_server_answer(&unit.gatt.att, q, (size_t)n, r, sizeof r);
                if (m > 0)
                        (void)!send(fd, r, (size_t)m, MSG_NOSIGNAL);
        }
        close(fd);
        return NULL;
}

bool unit_init(void)
{
        const struct prov_device_config cfg = { .ops = &ops };

        memset(&unit, 0, sizeof unit);
        return prov_device_init(&unit.device, &cfg) == 0 &&
               prov_gatt_serve(&unit.gatt, &unit.device, "PROV_1", prov_gatt_uuid_default, customs,
                               256) == 0;
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
        if (kernel.socket_errno) {
                errno = kernel.socket_errno;
                return -1;
        }
        if (protocol == BTPROTO_L2CAP)
                return pair_of(&kernel.channel);
        fd = pair_of(&kernel.management);
        pthread_create(&kernel.manager, NULL, manage, NULL);
        return fd;
}

int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t n)
{
        if (sa->sa_family != AF_BLUETOOTH)
                return __real_bind(fd, sa, n);
        if (n == sizeof kernel.hci)
                memcpy(&kernel.hci, sa, n);
        else
                memcpy(&kernel.own, sa, sizeof kernel.own);
        errno = kernel.bind_errno;
        return kernel.bind_errno ? -1 : 0;
}

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t n)
{
        const int error = kernel.connect_errno[kernel.connects > 0];

        if (sa->sa_family != AF_BLUETOOTH)
                return __real_connect(fd, sa, n);
        memcpy(&kernel.peer, sa, sizeof kernel.peer);
        kernel.connects++;
        while (kernel.stuck && send(fd, "full", 4, 0) > 0)
                ;
        if (kernel.mood != ABSENT && error == 0 && kernel.device_count < ROWS(kernel.devices)) {
                pthread_create(&kernel.devices[kernel.device_count++], NULL, device,
                               (void *)(intptr_t)kernel.channel);
                kernel.channel = -1; /* it closes it */
        }
        errno = error;
        return error ? -1 : 0;
}

int __wrap_listen(int fd, int backlog)
{
        (void)fd;
        (void)backlog;
        errno = kernel.listen_errno;
        return kernel.listen_errno ? -1 : 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *n)
{
        if (level != SOL_SOCKET || name != SO_ERROR)
                return __real_getsockopt(fd, level, name, v, n);
        memcpy(v, &kernel.so_error, sizeof kernel.so_error);
        return 0;
}

const struct controller kernel_plain = { 0, ON | WITH_LE | CLASSIC, ON | WITH_LE };

void kernel_start(const struct controller *c, size_t n)
{
        memset(&kernel, 0, sizeof kernel);
        memcpy(kernel.controllers, c, n * sizeof *c);
        kernel.count = n;
        kernel.info_len = 280;
        kernel.management = kernel.channel = -1;
}

void kernel_stop(void)
{
        for (size_t i = 0; i < kernel.device_count; i++)
                pthread_join(kernel.devices[i], NULL);
        if (kernel.management >= 0) {
                pthread_join(kernel.manager, NULL);
                close(kernel.management);
        }
        if (kernel.channel >= 0)
                close(kernel.channel);
        kernel.management = kernel.channel = -1;
}
