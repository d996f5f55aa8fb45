/*
 * Into a device's SoftAP and back, with daemons that do as the real ones were seen to
 * (wpa_supplicant 2.10's control socket, nmcli 1.42) and then fail in every way: key refused, no
 * such network, refusal, end of the daemon. tests/radio has the real ones. In a mount namespace of
 * its own, where /run is empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "host/softap.h"

#define SOCKET_DIR "/run/wpa_supplicant"
#define LOG_MAX    4096u

static bool alone; /* in a namespace of our own */

/* --- a stand-in for wpa_supplicant --- */

enum mood { JOINS, WRONG_KEY, ABSENT, TERMINATES, VANISHES, NO_ROOM, NOT_BACK };

static struct {
        enum mood mood;
        bool was_off; /* not connected before */
        bool joined;  /* it says that it is in our network */
        pthread_t thread;
        int fd;
        struct sockaddr_un attached;
        socklen_t attached_len; /* 0: nobody */
        char log[LOG_MAX];      /* of commands that change something, each with a ';' */
} wpa;

static void note(const char *cmd)
{
        static const char *const questions[] = { "PING", "ATTACH", "DETACH", "STATUS",
                                                 "LIST_NETWORKS" };

        for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
                if (!strcmp(cmd, questions[i]))
                        return;
        strncat(wpa.log, cmd, LOG_MAX - strlen(wpa.log) - 2);
        strcat(wpa.log, ";");
}

static void event(const char *text)
{
        if (wpa.attached_len)
                (void)!sendto(wpa.fd, text, strlen(text), 0, (struct sockaddr *)&wpa.attached,
                              wpa.attached_len);
}

/* What happens behind SELECT_NETWORK, and behind REASSOCIATE. */
static bool happens(const char *cmd)
{
        const bool back = !strcmp(cmd, "REASSOCIATE");

        if (!back && strncmp(cmd, "SELECT_NETWORK", 14) != 0)
                return true;
        event("<3>CTRL-EVENT-SCAN-STARTED ");
        event("<3>CTRL-EVENT-SCAN-RESULTS ");
        if (back || wpa.mood == JOINS || wpa.mood == NOT_BACK) {
                if (!back || wpa.mood != NOT_BACK)
                        event("<3>CTRL-EVENT-CONNECTED - Connection to 02:11:22:33:44:55 completed "
                              "[id=1 id_str=]");
        } else if (wpa.mood == WRONG_KEY) {
                event("<3>CTRL-EVENT-DISCONNECTED bssid=02:11:22:33:44:55 reason=15");
                event("<3>CTRL-EVENT-SSID-TEMP-DISABLED id=1 ssid=\"PROV_1234\" auth_failures=1 "
                      "duration=10 reason=WRONG_KEY");
        } else if (wpa.mood == ABSENT) {
                event("<3>CTRL-EVENT-NETWORK-NOT-FOUND ");
        } else if (wpa.mood == TERMINATES) {
                event("<3>CTRL-EVENT-TERMINATING "); /* what was asked is answered still */
        } else {
                return false; /* VANISHES: killed, without a word */
        }
        return true;
}

static const char *answer_to(const char *cmd)
{
        if (!strcmp(cmd, "PING"))
                return "PONG\n";
        if (!strcmp(cmd, "STATUS"))
                return wpa.joined    ? "id=5\nwpa_state=COMPLETED\n"
                       : wpa.was_off ? "wpa_state=DISCONNECTED\naddress=02:00:00:00:01:00\n"
                                     : "bssid=02:00:00:00:00:00\nfreq=2412\nssid=home\nid=0\n"
                                       "wpa_state=COMPLETED\nip_address=192.168.1.7\n";
        if (!strcmp(cmd, "LIST_NETWORKS"))
                return "network id / ssid / bssid / flags\n"
                       "0\thome\tany\t[CURRENT]\n"
                       "3\told\tany\t[DISABLED]\n"
                       "4\toffice\tany\t\n";
        if (!strcmp(cmd, "ADD_NETWORK"))
                return wpa.mood == NO_ROOM ? "FAIL\n" : "5\n";
        return "OK\n";
}

static void *serve(void *arg)
{
        (void)arg;
        for (;;) {
                struct sockaddr_un from;
                socklen_t len = sizeof from;
                char cmd[512];
                const ssize_t n =
                        recvfrom(wpa.fd, cmd, sizeof cmd - 1, 0, (struct sockaddr *)&from, &len);
                const char *text;

                if (n <= 0)
                        return NULL;
                cmd[n] = 0;
                if (!strcmp(cmd, "QUIT"))
                        return NULL;
                if (!strcmp(cmd, "ATTACH")) {
                        wpa.attached = from;
                        wpa.attached_len = len;
                } else if (!strcmp(cmd, "DETACH")) {
                        wpa.attached_len = 0;
                        continue;
                }
                note(cmd);
                text = answer_to(cmd);
                (void)!sendto(wpa.fd, text, strlen(text), 0, (struct sockaddr *)&from, len);
                if (!happens(cmd)) {
                        shutdown(wpa.fd, SHUT_RDWR); /* the process that joins has a copy */
                        close(wpa.fd);
                        unlink(SOCKET_DIR "/lo");
                        wpa.fd = -1;
                        return NULL;
                }
        }
}

static void wpa_start(enum mood mood, bool was_off)
{
        const struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = SOCKET_DIR "/lo" };

        memset(&wpa, 0, sizeof wpa);
        wpa.mood = mood;
        wpa.was_off = was_off;
        unlink(sa.sun_path);
        wpa.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_true(wpa.fd >= 0);
        assert_int_equal(bind(wpa.fd, (const struct sockaddr *)&sa, sizeof sa), 0);
        assert_int_equal(pthread_create(&wpa.thread, NULL, serve, NULL), 0);
}

static void wpa_stop(void)
{
        const struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = SOCKET_DIR "/lo" };
        const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        (void)!sendto(fd, "QUIT", 4, 0, (const struct sockaddr *)&sa, sizeof sa);
        close(fd);
        pthread_join(wpa.thread, NULL);
        if (wpa.fd >= 0)
                close(wpa.fd);
        unlink(sa.sun_path);
}

static const struct softap_config base = { .interface = "lo",
                                           .ssid = "PROV_1234",
                                           .via = "wpa",
                                           .target = "127.0.0.1:80",
                                           .timeout_ms = 1500 };

/* The process that joins wipes its copy, so this is no literal. */
static char key[] = "softap-key";

static int join(bool open, struct softap **s, struct diag *d)
{
        struct softap_config cfg = base;

        cfg.key = (const uint8_t *)key;
        cfg.key_len = open ? 0 : strlen(key);
        memset(d, 0, sizeof *d);
        return softap_join(&cfg, s, d);
}

#define SET  "ADD_NETWORK;SET_NETWORK 5 ssid 50524f565f31323334;SET_NETWORK 5 scan_ssid 1;"
#define BACK "REMOVE_NETWORK 5;ENABLE_NETWORK 0;ENABLE_NETWORK 4;"

static void test_wpa_there_and_back(void **state)
{
        struct softap *s;
        struct diag d = { 0 };

        (void)state;
        if (!alone)
                skip();
        wpa_start(JOINS, false);
        assert_int_equal(join(false, &s, &d), 0);
        assert_string_equal(softap_interface(s), "lo");
        assert_string_equal(softap_via(s), "wpa");
        assert_int_equal(softap_leave(s, &d), 0);
        wpa_stop();
        /* networks that were off stay off */
        assert_string_equal(wpa.log, SET "SET_NETWORK 5 psk \"softap-key\";SELECT_NETWORK 5;" BACK
                                         "REASSOCIATE;");
        /* an open one, from a station that was in no network */
        wpa_start(JOINS, true);
        assert_int_equal(join(true, &s, &d), 0);
        assert_int_equal(softap_leave(s, &d), 0);
        wpa_stop();
        assert_string_equal(wpa.log,
                            SET "SET_NETWORK 5 key_mgmt NONE;SELECT_NETWORK 5;" BACK "DISCONNECT;");
}

/* Each failure is said as what it is, and the network of before comes back. */
static void test_wpa_failures(void **state)
{
        static const struct {
                enum mood mood;
                int rc;
                const char *text;
                bool undone;
        } rows[] = {
                { WRONG_KEY, -E_VERIFY, "does not accept the service key", true },
                { ABSENT, -E_TIMEOUT, "cannot join the SoftAP PROV_1234", true },
                { TERMINATES, -E_LINK, "wpa_supplicant has ended", true },
                { VANISHES, -E_TIMEOUT, "cannot join the SoftAP PROV_1234", false },
                { NO_ROOM, -E_PERM, "does not take the network", false },
        };

        (void)state;
        if (!alone)
                skip();
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct softap *s = NULL;
                struct diag d = { 0 };

                wpa_start(rows[i].mood, false);
                assert_int_equal(join(false, &s, &d), rows[i].rc);
                assert_null(s);
                wpa_stop();
                assert_non_null(strstr(diag_text(&d), rows[i].text));
                assert_null(strstr(diag_text(&d), "softap-key"));
                assert_int_equal(strstr(wpa.log, BACK "REASSOCIATE;") != NULL, rows[i].undone);
        }
}

/* Of two looks the first finds it joined, the second has it joined again; then it is gone. */
static void test_wpa_rejoin(void **state)
{
#define SELECT "SELECT_NETWORK 5;"
        struct softap *s;
        struct diag d = { 0 };

        (void)state;
        if (!alone)
                skip();
        wpa_start(JOINS, false);
        assert_int_equal(join(true, &s, &d), 0);
        wpa.joined = true;
        assert_int_equal(softap_rejoin(s, &d), 0);
        wpa.joined = false;
        assert_int_equal(softap_rejoin(s, &d), 0);
        wpa.mood = TERMINATES;
        assert_int_equal(softap_rejoin(s, &d), -E_LINK);
        assert_string_equal(diag_text(&d), "the SoftAP PROV_1234 is not in the air any more");
        memset(&d, 0, sizeof d);
        assert_int_equal(softap_leave(s, &d), 0);
        wpa_stop();
        assert_string_equal(wpa.log, SET "SET_NETWORK 5 key_mgmt NONE;" SELECT SELECT SELECT BACK
                                         "REASSOCIATE;");
}

static void test_nobody(void **state)
{
        struct softap_config cfg = base;
        struct softap *s = NULL;
        struct diag d = { 0 };

        (void)state;
        if (!alone)
                skip();
        assert_int_equal(join(true, &s, &d), -E_NOTFOUND);
        assert_non_null(strstr(diag_text(&d), "nobody answers there"));
        cfg.via = NULL;
        memset(&d, 0, sizeof d);
        setenv("PATH", "/nowhere", 1);
        assert_int_equal(softap_join(&cfg, &s, &d), -E_NOTFOUND);
        assert_non_null(strstr(diag_text(&d), "neither NetworkManager nor wpa_supplicant"));
        /* what serves the interface is found */
        wpa_start(JOINS, false);
        assert_int_equal(softap_join(&cfg, &s, &d), 0);
        assert_string_equal(softap_via(s), "wpa");
        assert_int_equal(softap_leave(s, &d), 0);
        wpa_stop();
}

/* No interface is named: there has to be one with a radio, and one only. */
static void test_which_interface(void **state)
{
        struct softap_config cfg = base;
        struct softap *s = NULL;
        struct diag d = { 0 };

        (void)state;
        if (!alone || mount("tmpfs", "/sys", "tmpfs", 0, NULL) < 0)
                skip();
        cfg.interface = NULL;
        assert_int_equal(softap_join(&cfg, &s, &d), -E_NOTFOUND);
        assert_string_equal(diag_text(&d), "this computer has no wireless interface");
        assert_int_equal(mkdir("/sys/class", 0755), 0);
        assert_int_equal(mkdir("/sys/class/net", 0755), 0);
        assert_int_equal(mkdir("/sys/class/net/eth0", 0755), 0);
        assert_int_equal(mkdir("/sys/class/net/lo", 0755), 0);
        assert_int_equal(mkdir("/sys/class/net/lo/phy80211", 0755), 0);
        wpa_start(JOINS, false);
        assert_int_equal(softap_join(&cfg, &s, &d), 0);
        assert_string_equal(softap_interface(s), "lo");
        assert_int_equal(softap_leave(s, &d), 0);
        wpa_stop();
        assert_int_equal(mkdir("/sys/class/net/wlan7", 0755), 0);
        assert_int_equal(mkdir("/sys/class/net/wlan7/phy80211", 0755), 0);
        memset(&d, 0, sizeof d);
        assert_int_equal(softap_join(&cfg, &s, &d), -E_USAGE);
        assert_string_equal(diag_text(&d), "which of 2 wireless interfaces? give --interface");
}

static void test_limits(void **state)
{
        static const struct {
                const char *ssid, *key;
                int rc;
        } rows[] = {
                { "", NULL, -E_RANGE },
                { "123456789012345678901234567890123", NULL, -E_RANGE },
                { "x", "1234567", -E_RANGE },
                { "x", "1234567890123456789012345678901234567890123456789012345678901234",
                  -E_RANGE },
        };

        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct softap_config cfg = base;
                struct softap *s = NULL;
                struct diag d = { 0 };

                cfg.ssid = rows[i].ssid;
                cfg.key = (const uint8_t *)rows[i].key;
                cfg.key_len = rows[i].key ? strlen(rows[i].key) : 0;
                assert_int_equal(softap_join(&cfg, &s, &d), rows[i].rc);
                assert_null(s);
        }
}

/* --- a stand-in for nmcli --- */

static const char nmcli[] = "#!/bin/sh\n"
                            "PATH=/usr/bin:/bin\n"
                            "echo \"$*\" >>/run/nm/log\n"
                            "case \"$*\" in\n"
                            "*RUNNING*) cat /run/nm/running ;;\n"
                            "*GENERAL.STATE*) cat /run/nm/state ;;\n"
                            "*CON-UUID*) echo 0000-home ;;\n"
                            "*'connection add'*) cat /run/nm/add >&2; [ ! -s /run/nm/add ] ;;\n"
                            "*'up id'*) cat /run/nm/up >&2; [ ! -s /run/nm/up ] ||\n"
                            "        { [ -e /run/nm/stay ] || rm -f /run/nm/nmcli; exit 4; } ;;\n"
                            "*'up uuid'*) cat /run/nm/back >&2; [ ! -s /run/nm/back ] ;;\n"
                            "esac\n";

static void put(const char *name, const char *text)
{
        char path[64];
        FILE *f;

        snprintf(path, sizeof path, "/run/nm/%s", name);
        f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
}

static void nm_start(void)
{
        mkdir("/run/nm", 0755);
        put("nmcli", nmcli);
        assert_int_equal(chmod("/run/nm/nmcli", 0755), 0);
        put("running", "running\n");
        put("state", "100 (connected)\n");
        put("add", "");
        put("up", "");
        put("back", "");
        put("stay", "");
        put("log", "");
        setenv("PATH", "/run/nm", 1);
}

static const char *nm_log(void)
{
        static char text[LOG_MAX];
        FILE *f = fopen("/run/nm/log", "r");
        size_t n;

        assert_non_null(f);
        n = fread(text, 1, sizeof text - 1, f);
        fclose(f);
        text[n] = 0;
        return text;
}

static int join_nm(struct softap **s, struct diag *d)
{
        struct softap_config cfg = base;

        cfg.via = NULL;
        cfg.key = (const uint8_t *)key;
        cfg.key_len = strlen(key);
        memset(d, 0, sizeof *d);
        return softap_join(&cfg, s, d);
}

static void test_nm(void **state)
{
        static const struct {
                const char *file, *says;
                int rc;
                const char *text;
        } rows[] = {
                { "up",
                  "Error: Connection activation failed: Secrets were required, but not provided.\n",
                  -E_VERIFY, "Secrets were required" },
                { "up",
                  "Error: Connection activation failed: The Wi-Fi network could not be found\n",
                  -E_TIMEOUT, "could not be found" },
                { "up", "Error: Timeout expired (2 seconds)\n", -E_TIMEOUT, "Timeout expired" },
                { "up", "Error: NetworkManager is not running.\n", -E_LINK, "not running" },
                { "add", "Error: Failed to add 'x' connection: Insufficient privileges\n", -E_PERM,
                  "Insufficient privileges" },
        };
        struct softap *s = NULL;
        struct diag d = { 0 };

        (void)state;
        if (!alone)
                skip();
        nm_start();
        assert_int_equal(join_nm(&s, &d), 0);
        assert_string_equal(softap_via(s), "nm");
        assert_int_equal(softap_leave(s, &d), 0);
        assert_non_null(strstr(nm_log(), "up uuid 0000-home ifname lo"));
        assert_null(strstr(nm_log(), "softap-key"));
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                nm_start();
                put(rows[i].file, rows[i].says);
                assert_int_equal(join_nm(&s, &d), rows[i].rc);
                assert_non_null(strstr(diag_text(&d), rows[i].text));
                assert_null(strstr(nm_log(), "softap-key"));
                /* what was added is gone, what was there is up */
                assert_int_equal(strstr(nm_log(), "connection delete id fctry-provcli-") != NULL,
                                 rows[i].file[0] == 'u');
                assert_int_equal(strstr(nm_log(), "up uuid 0000-home") != NULL,
                                 rows[i].file[0] == 'u');
        }
        /* the network of before does not come back: said */
        nm_start();
        assert_int_equal(join_nm(&s, &d), 0);
        put("back", "Error: Connection activation failed: No suitable device found\n");
        assert_int_equal(softap_leave(s, &d), -E_LINK);
        assert_non_null(strstr(diag_text(&d), "No suitable device"));
        /* nmcli is gone in the middle */
        nm_start();
        unlink("/run/nm/stay");
        put("up", "Error: the rest is silence\n");
        assert_true(join_nm(&s, &d) < 0);
        assert_null(s);
        /* an interface that NetworkManager leaves alone, and none that runs: the other daemon's */
        for (int i = 0; i < 2; i++) {
                nm_start();
                put(i ? "running" : "state", i ? "stopped\n" : "10 (unmanaged)\n");
                wpa_start(JOINS, false);
                assert_int_equal(join_nm(&s, &d), 0);
                assert_string_equal(softap_via(s), "wpa");
                assert_int_equal(softap_leave(s, &d), 0);
                wpa_stop();
        }
}

/* False where namespaces are not allowed. */
static bool be_alone(void)
{
        if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return false;
        return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
               mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0 && mkdir(SOCKET_DIR, 0755) == 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wpa_there_and_back),
                cmocka_unit_test(test_wpa_failures),
                cmocka_unit_test(test_wpa_rejoin),
                cmocka_unit_test(test_nobody),
                cmocka_unit_test(test_which_interface),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_nm),
        };

        alone = be_alone();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
