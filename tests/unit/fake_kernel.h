/*
 * A kernel with Bluetooth that only tests have: its management interface as doc/mgmt-api.txt of
 * BlueZ 5.66 has it (with what else comes over that socket between the answers), channels that
 * connect, refuse and hang, and a device in the air, the other end of wire/prov_gatt.h. A program
 * that uses it is linked with --wrap of the calls that fake_kernel.c has (mk/test.mk).
 */
#ifndef TEST_FAKE_KERNEL_H
#define TEST_FAKE_KERNEL_H

#include <bluetooth/bluetooth.h>
#include <bluetooth/hci.h>
#include <bluetooth/l2cap.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/prov_gatt.h"

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

struct fake_kernel {
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
};
extern struct fake_kernel kernel;

extern const struct controller kernel_plain; /* hci0, switched on */

/* n controllers, nobody in the air, all that is asked works. */
void kernel_start(const struct controller *c, size_t n);
/* Behind ble_close: all has ended, what was asked can be read. */
void kernel_stop(void);

/* From kernel.air: */
void kernel_tell(uint16_t event, uint16_t index, const void *p, size_t n);
void kernel_discovering(uint16_t index, uint8_t on);
/* A Device Found event; kind 0: classic, 1: public, 2: random. The address ends in last. */
void kernel_heard(uint16_t index, uint8_t kind, uint8_t last, int8_t rssi, const char *ad,
                  size_t n);

#define AD_NAME  "\2\1\6\7\11PROV_1"
#define AD_UUID  "\21\7\x07\xed\x9b\x2d\x0f\x06\x7c\x87\x9b\x43\x43\x6b\x4d\x24\x75\x17"
#define BYTES(s) s, sizeof(s) - 1

/* The device that connections lead to (unless kernel.mood is ABSENT). */
extern struct fake_unit {
        struct prov_device device;
        struct prov_gatt_server gatt;
} unit;

/* "custom-data" of it: backwards, but -E_INVAL for what begins with '!'. false: it cannot be made.
 */
bool unit_init(void);

#endif
