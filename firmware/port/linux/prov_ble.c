#include "firmware/port/linux/prov_ble.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "host/ble.h"
#include "wire/prov_gatt.h"

#define MTU_DEFAULT 256u

struct prov_ble {
        struct ble *ble;
        int poll, listener, client; /* -1: none */
        struct prov_gatt_server gatt;
};

static int watch(struct prov_ble *b, int fd)
{
        struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

        return epoll_ctl(b->poll, EPOLL_CTL_ADD, fd, &e);
}

int prov_ble_start(struct prov_device *device, const struct prov_ble_setup *setup,
                   struct prov_ble **out, struct diag *d)
{
        struct prov_ble *b = calloc(1, sizeof *b);
        const uint8_t *service = setup->service ? setup->service : prov_gatt_uuid_default;
        int rc;

        *out = NULL;
        if (!b)
                return diag_set(d, E_NOMEM, "out of memory");
        b->listener = b->client = -1;
        b->poll = epoll_create1(EPOLL_CLOEXEC);
        rc = prov_gatt_serve(&b->gatt, device, setup->name, service, setup->custom,
                             setup->mtu ? setup->mtu : MTU_DEFAULT);
        if (rc < 0) {
                diag_set(d, -rc, "%s: too many endpoints", setup->name);
                goto failed;
        }
        if ((rc = ble_open(setup->adapter, &b->ble, d)) < 0 ||
            (rc = b->listener = ble_listen(b->ble, d)) < 0)
                goto failed;
        if (b->poll < 0 || watch(b, b->listener) < 0) {
                rc = diag_set(d, E_IO, "epoll fails");
                goto failed;
        }
        if ((rc = ble_advertise(b->ble, setup->name, service, d)) < 0)
                goto failed;
        *out = b;
        return 0;
failed:
        prov_ble_stop(b);
        return rc;
}

int prov_ble_fd(const struct prov_ble *b)
{
        return b->poll;
}

static void leave(struct prov_ble *b)
{
        close(b->client);
        b->client = -1;
        prov_gatt_reset(&b->gatt);
}

static void on_listener(struct prov_ble *b)
{
        const int fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
                return;
        if (b->client >= 0 || watch(b, fd) < 0) {
                close(fd);
                return;
        }
        prov_gatt_reset(&b->gatt);
        b->client = fd;
}

static void on_client(struct prov_ble *b)
{
        uint8_t in[ATT_MTU_MAX], out[ATT_MTU_MAX];
        const ssize_t n = recv(b->client, in, sizeof in, 0);
        long m;

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                leave(b);
                return;
        }
        m = att_server_answer(&b->gatt.att, in, (size_t)n, out, sizeof out);
        if (m > 0 && send(b->client, out, (size_t)m, MSG_NOSIGNAL) < 0)
                leave(b);
}

void prov_ble_run(struct prov_ble *b)
{
        struct epoll_event e[2];
        const int n = epoll_wait(b->poll, e, 2, 0);

        for (int i = 0; i < n; i++) {
                if (e[i].data.fd == b->listener)
                        on_listener(b);
                else if (e[i].data.fd == b->client)
                        on_client(b);
        }
}

void prov_ble_stop(struct prov_ble *b)
{
        if (!b)
                return;
        if (b->client >= 0)
                leave(b);
        if (b->listener >= 0)
                close(b->listener);
        if (b->poll >= 0)
                close(b->poll);
        ble_close(b->ble);
        free(b);
}
