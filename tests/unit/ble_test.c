/* Bluetooth LE through the kernel's interfaces, against one that the test plays; tests/radio has
 * the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_kernel.h"
#include "host/ble.h"
#include "wire/att_wire.h"

#define ROWS(a) (sizeof(a) / sizeof(a)[0])

/* Was the channel's other end closed? */
static bool closed(void)
{
        char c[4096];
        ssize_t n;

        while ((n = recv(kernel.channel, c, sizeof c, MSG_DONTWAIT)) > 0)
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
                assert_int_equal(kernel.hci.hci_channel, HCI_CHANNEL_CONTROL);
                assert_int_equal(kernel.hci.hci_dev, HCI_DEV_NONE);
                if (b)
                        assert_string_equal(ble_name(b), rows[i].said);
                else
                        assert_non_null(strstr(diag_text(&d), rows[i].said));
                ble_close(b);
                kernel_stop();
                assert_string_equal(kernel.log, rows[i].log);
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

                kernel_start(&kernel_plain, 1);
                kernel.socket_errno = rows[i].on_socket;
                kernel.bind_errno = rows[i].on_bind;
                assert_int_equal(ble_open(NULL, &b, &d), rows[i].rc);
                assert_null(b);
                assert_non_null(strstr(diag_text(&d), "Bluetooth"));
                kernel_stop();
                assert_string_equal(kernel.log, "");
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
                kernel.fail = rows[i].op;
                kernel.status = rows[i].status;
                kernel.times = rows[i].times;
                assert_int_equal(ble_open(NULL, &b, &d), rows[i].rc);
                if (rows[i].rc)
                        assert_non_null(strstr(diag_text(&d), rows[i].text));
                ble_close(b);
                kernel_stop();
                assert_string_equal(kernel.log, rows[i].log);
        }
}

static void test_management_broken(void **state)
{
        struct ble *b = NULL;
        struct diag d = { 0 };

        (void)state;
        kernel_start(&kernel_plain, 1);
        kernel.mute = READ_LIST;
        assert_int_equal(ble_open(NULL, &b, &d), -E_TIMEOUT);
        assert_null(b);
        assert_non_null(strstr(diag_text(&d), "Bluetooth does not answer the command 0x0003"));
        kernel_stop();
        /* settings that are cut off are none */
        kernel_start(&kernel_plain, 1);
        kernel.info_len = 16;
        assert_int_equal(ble_open("hci0", &b, NULL), -E_NOTFOUND);
        kernel_stop();
}

/* --- scanning --- */

static void air(unsigned round)
{
        const uint8_t cut[14] = { 9, 0x33, 0x22, 0x11, 0xb0, 0xc4, 1, 0, 0, 0, 0, 0, 20 };

        (void)round;
        kernel_heard(0, 1, 1, -40, BYTES(AD_NAME));
        kernel_heard(0, 1, 1, -41, BYTES(AD_NAME));  /* nothing new */
        kernel_heard(0, 0, 2, -30, BYTES(AD_NAME));  /* classic */
        kernel_heard(3, 1, 3, -30, BYTES(AD_NAME));  /* another controller's */
        kernel_tell(FOUND, 0, cut, sizeof cut);      /* says more than it has */
        kernel_tell(FOUND, 0, cut, sizeof cut - 1);  /* has not even that */
        kernel_heard(0, 1, 1, -42, BYTES(AD_UUID));  /* the scan response */
        kernel_heard(0, 2, 1, 127, BYTES("\2\1\6")); /* the same address, random */
        kernel_heard(0, 1, 8, -50, BYTES("\6\10last\0"));
        kernel_heard(0, 1, 4, -60, BYTES(AD_NAME)); /* behind the end */
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
        kernel_start(&kernel_plain, 1);
        kernel.air = air;
        assert_int_equal(ble_open(NULL, &b, NULL), 0);
        assert_int_equal(ble_scan(b, 60000, on_found, &c, NULL), 1);
        assert_string_equal(c.text, "c4:b0:11:22:33:01/1 -40 PROV_1 0;"
                                    "c4:b0:11:22:33:01/1 -42 PROV_1 1;"
                                    "c4:b0:11:22:33:01/2 127  0;"
                                    "c4:b0:11:22:33:08/1 -50 last 0;");
        ble_close(b);
        kernel_stop();
        assert_string_equal(kernel.log, "list-1 info0 info0 start0 stop0 ");
}

static void air_rounds(unsigned round)
{
        if (round < 2)
                kernel_discovering(0, 0); /* the kernel's round is over */
        else
                kernel_heard(0, 1, 8, -50, BYTES("\5\11last"));
}

static void air_crowded(unsigned round)
{
        for (int i = 0; i < 130 && round == 0; i++)
                kernel_heard(0, 1, (uint8_t)i, -50, BYTES(AD_NAME));
        kernel_heard(0, 1, 0, -50, BYTES("\5\11last"));
}

static void air_busy(unsigned round)
{
        if (round == 0)
                kernel_heard(0, 1, 8, -50, BYTES("\5\11last"));
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

                kernel_start(&kernel_plain, 1);
                kernel.air = rows[i].air;
                kernel.fail = START;
                kernel.status = rows[i].status;
                kernel.times = rows[i].status ? 1 : 0;
                assert_int_equal(ble_open("hci0", &b, NULL), 0);
                assert_int_equal(ble_scan(b, rows[i].ms, on_found, &c, NULL), rows[i].rc);
                assert_int_equal(c.count, rows[i].count);
                ble_close(b);
                kernel_stop();
                assert_string_equal(kernel.log + strlen("list-1 info0 info0 "), rows[i].log);
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
        kernel_start(&kernel_plain, 1);
        kernel.fail = ADVERTISE;
        kernel.status = BUSY;
        kernel.times = 1;
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
        assert_int_equal(kernel.params_len, sizeof want - 1);
        assert_memory_equal(kernel.params, want, sizeof want - 1);
        assert_string_equal(
                kernel.log,
                "list-1 info0 info0 advertise0 advertise0 advertise0 advertise0 quiet0 ");
        kernel_start(&kernel_plain, 1);
        kernel.fail = ADVERTISE;
        kernel.status = PERMISSION;
        kernel.times = 1;
        assert_int_equal(ble_open(NULL, &b, NULL), 0);
        assert_int_equal(ble_advertise(b, "PROV_1234", prov_gatt_uuid_default, NULL), -E_PERM);
        ble_close(b);
        kernel_stop();
        assert_null(strstr(kernel.log, "quiet"));
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

                kernel_start(&kernel_plain, 1);
                kernel.connect_errno[0] = rows[i].on_connect;
                kernel.so_error = rows[i].so_error;
                kernel.stuck = rows[i].stuck;
                assert_int_equal(ble_open(NULL, &b, NULL), 0);
                fd = ble_connect(b, &somebody, 30, &d);
                assert_int_equal(fd < 0 ? fd : 0, rows[i].rc);
                assert_int_equal(btohs(kernel.peer.l2_cid), ATT_CID);
                assert_int_equal(kernel.peer.l2_bdaddr_type, 2);
                assert_memory_equal(&kernel.peer.l2_bdaddr, somebody.address, 6);
                assert_int_equal(kernel.own.l2_bdaddr.b[5], 0x24); /* the chosen controller's */
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
        kernel_start(&kernel_plain, 1);
        assert_int_equal(ble_open(NULL, &b, NULL), 0);
        assert_true((fd = ble_listen(b, NULL)) >= 0);
        assert_int_equal(btohs(kernel.own.l2_cid), ATT_CID);
        close(fd);
        close(kernel.channel);
        kernel.listen_errno = EADDRINUSE;
        assert_int_equal(ble_listen(b, NULL), -E_IO);
        assert_true(closed());
        close(kernel.channel);
        kernel.bind_errno = EADDRINUSE;
        assert_int_equal(ble_connect(b, &somebody, 30, NULL), -E_IO);
        assert_true(closed());
        kernel.socket_errno = EMFILE;
        assert_int_equal(ble_listen(b, NULL), -E_IO);
        ble_close(b);
        kernel_stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_choice),        cmocka_unit_test(test_no_bluetooth),
                cmocka_unit_test(test_refusals),      cmocka_unit_test(test_management_broken),
                cmocka_unit_test(test_scan),          cmocka_unit_test(test_scan_goes_on),
                cmocka_unit_test(test_advertise),     cmocka_unit_test(test_connect),
                cmocka_unit_test(test_channels_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
