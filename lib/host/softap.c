#include "host/softap.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"
#include "host/softap_impl.h"

#define JOIN_MS_DEFAULT 45000u /* NetworkManager takes 25 s to say that a key is wrong */
#define ADDRESS_MS      15000u
#define REJOIN_MS       10000u
#define LOOK_MS         100

struct softap {
        pid_t child;
        int to; /* what the child shall do: a byte, REJOIN or LEAVE */
        char interface[IF_NAMESIZE];
        const struct softap_way *way;
};

enum { REJOIN = 'r', LEAVE = 'l' };

/* What the child says: how joining went, and after each byte how that went. */
struct report_of_child {
        int code;
        char text[256];
};

uint64_t softap_now(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- before the fork --- */

/* The only interface with a radio behind it. */
static int find_interface(char out[IF_NAMESIZE], struct diag *d)
{
        DIR *dir = opendir("/sys/class/net");
        const struct dirent *e;
        char path[300];
        unsigned n = 0;

        while (dir && (e = readdir(dir)) != NULL) {
                if (strf(path, sizeof path, "/sys/class/net/%s/phy80211", e->d_name) >=
                            sizeof path ||
                    access(path, F_OK) != 0 || strlen(e->d_name) >= IF_NAMESIZE)
                        continue;
                strcpy(out, e->d_name);
                n++;
        }
        if (dir)
                closedir(dir);
        if (n == 1)
                return 0;
        return n ? diag_set(d, E_USAGE, "which of %u wireless interfaces? give --interface", n)
                 : diag_set(d, E_NOTFOUND, "this computer has no wireless interface");
}

static int choose_way(const struct softap_config *cfg, const struct softap_way **out,
                      struct diag *d)
{
        static const struct softap_way *const ways[] = { &softap_nm, &softap_wpa };

        for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
                if (cfg->via ? strcmp(cfg->via, ways[i]->name) != 0
                             : !ways[i]->serves(cfg->interface))
                        continue;
                *out = ways[i];
                return 0;
        }
        if (cfg->via)
                return diag_set(d, E_USAGE, "%s: nm (NetworkManager) or wpa (wpa_supplicant)",
                                cfg->via);
        return diag_set(d, E_NOTFOUND,
                        "%s: neither NetworkManager nor wpa_supplicant's control socket has this "
                        "interface; join the device's network by hand",
                        cfg->interface);
}

/* --- the child --- */

/* An address of the interface in whose subnet the target is. */
static bool has_address(const struct softap_config *cfg)
{
        const size_t n = strcspn(cfg->target, ":");
        struct ifaddrs *all = NULL;
        struct in_addr target;
        char host[INET_ADDRSTRLEN] = "";
        bool found = false;
        bool any;

        if (n < sizeof host)
                memcpy(host, cfg->target, n);
        any = inet_pton(AF_INET, host, &target) != 1;
        if (getifaddrs(&all) < 0)
                return false;
        for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
                struct sockaddr_in sa, mask;

                if (!i->ifa_addr || !i->ifa_netmask || i->ifa_addr->sa_family != AF_INET ||
                    strcmp(i->ifa_name, cfg->interface) != 0)
                        continue;
                memcpy(&sa, i->ifa_addr, sizeof sa);
                memcpy(&mask, i->ifa_netmask, sizeof mask);
                found = any || ((sa.sin_addr.s_addr ^ target.s_addr) & mask.sin_addr.s_addr) == 0;
        }
        freeifaddrs(all);
        return found;
}

static int wait_address(const struct softap_config *cfg, unsigned ms, struct diag *d)
{
        const uint64_t end = softap_now() + ms;

        while (!has_address(cfg)) {
                if (softap_now() >= end)
                        return diag_set(d, E_TIMEOUT,
                                        "%s: in the network of %s, but without an address towards "
                                        "%s; does a DHCP client run?",
                                        cfg->interface, cfg->ssid, cfg->target);
                poll(NULL, 0, LOOK_MS);
        }
        return 0;
}

static void tell(int fd, int code, const struct diag *d)
{
        struct report_of_child r = { .code = code };

        if (code < 0)
                strf(r.text, sizeof r.text, "%s", d->code ? diag_text(d) : err_text(code));
        (void)!send(fd, &r, sizeof r, MSG_NOSIGNAL);
}

/*
 * What the parent wants; LEAVE also when it is no more. The byte has to be read: a socket that is
 * closed on unread bytes makes the other end forget what was sent to it.
 */
static char wait_parent(int fd, int parent)
{
        struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = parent, .events = POLLIN } };
        char want = LEAVE;

        while (poll(p, parent < 0 ? 1 : 2, -1) < 0 && errno == EINTR)
                ;
        return p[0].revents & POLLIN && recv(fd, &want, 1, MSG_DONTWAIT) == 1 ? want : LEAVE;
}

static void rejoin(const struct softap_way *way, struct softap_job *j, int fd)
{
        struct diag d = { 0 };
        int rc;

        j->deadline = softap_now() + REJOIN_MS;
        rc = way->rejoin(j, &d);
        if (rc == 0)
                rc = wait_address(j->cfg, REJOIN_MS, &d);
        tell(fd, rc, &d);
}

static void live(const struct softap_way *way, const struct softap_config *cfg, int fd, int parent)
{
        struct softap_job j = { .cfg = cfg,
                                .deadline = softap_now() +
                                            (cfg->timeout_ms ? cfg->timeout_ms : JOIN_MS_DEFAULT),
                                .added = -1 };
        struct diag d = { 0 };
        int rc;

        /* the terminal's Ctrl-C is for the parent; this process then brings the network back */
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        rc = way->join(&j, &d);
        if (rc == 0)
                rc = wait_address(cfg, ADDRESS_MS, &d);
        if (rc == 0) {
                tell(fd, 0, NULL);
                while (wait_parent(fd, parent) == REJOIN)
                        rejoin(way, &j, fd);
                rc = way->leave(&j, &d);
        } else {
                (void)way->leave(&j, NULL);
        }
        if (cfg->key_len) /* this process's copy */
                wipe((void *)(uintptr_t)cfg->key, cfg->key_len);
        tell(fd, rc, &d);
}

/* --- the parent --- */

static int hear(struct softap *s, struct diag *d)
{
        struct report_of_child r;
        ssize_t n;

        while ((n = recv(s->to, &r, sizeof r, 0)) < 0 && errno == EINTR)
                ;
        if (n != sizeof r)
                return diag_set(d, E_IO, "%s: the process that joins has ended", s->interface);
        r.text[sizeof r.text - 1] = 0;
        return r.code < 0 ? diag_set(d, -r.code, "%s", r.text) : 0;
}

static void end(struct softap *s)
{
        close(s->to);
        while (waitpid(s->child, NULL, 0) < 0 && errno == EINTR)
                ;
        free(s);
}

static int check(const struct softap_config *cfg, struct diag *d)
{
        const size_t n = strlen(cfg->ssid);

        if (n == 0 || n > SOFTAP_SSID_MAX)
                return diag_set(d, E_RANGE, "%s: a SoftAP's name has 1 to %u bytes", cfg->ssid,
                                SOFTAP_SSID_MAX);
        if (cfg->key_len && (cfg->key_len < SOFTAP_KEY_MIN || cfg->key_len > SOFTAP_KEY_MAX))
                return diag_set(d, E_RANGE, "%s: the key of a SoftAP has %u to %u bytes", cfg->ssid,
                                SOFTAP_KEY_MIN, SOFTAP_KEY_MAX);
        if (cfg->interface && strlen(cfg->interface) >= IF_NAMESIZE)
                return diag_set(d, E_RANGE, "%s: no interface has such a name", cfg->interface);
        return 0;
}

static int start(struct softap *s, const struct softap_config *cfg, struct diag *d)
{
        const int parent = pidfd_open(getpid(), 0);
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return diag_set(d, E_IO, "socketpair: %s", strerror(errno));
        s->child = fork();
        if (s->child == 0) {
                close(pair[0]);
                live(s->way, cfg, pair[1], parent);
                _exit(0);
        }
        close(pair[1]);
        if (parent >= 0)
                close(parent);
        s->to = pair[0];
        if (s->child < 0) {
                close(pair[0]);
                return diag_set(d, E_NOMEM, "fork: %s", strerror(errno));
        }
        return 0;
}

int softap_join(const struct softap_config *given, struct softap **out, struct diag *d)
{
        struct softap_config cfg = *given;
        struct softap *s;
        int rc = check(given, d);

        *out = NULL;
        if (rc < 0)
                return rc;
        if (!(s = calloc(1, sizeof *s)))
                return diag_set(d, E_NOMEM, "out of memory");
        if (cfg.interface)
                strcpy(s->interface, cfg.interface);
        else
                rc = find_interface(s->interface, d);
        cfg.interface = s->interface;
        if (rc < 0 || (rc = choose_way(&cfg, &s->way, d)) < 0 || (rc = start(s, &cfg, d)) < 0) {
                free(s);
                return rc;
        }
        if ((rc = hear(s, d)) < 0) {
                end(s); /* it brings back what was before */
                return rc;
        }
        *out = s;
        return 0;
}

const char *softap_interface(const struct softap *s)
{
        return s->interface;
}

const char *softap_via(const struct softap *s)
{
        return s->way->name;
}

static int want(struct softap *s, char what, struct diag *d)
{
        (void)!send(s->to, &what, 1, MSG_NOSIGNAL);
        return hear(s, d);
}

int softap_rejoin(struct softap *s, struct diag *d)
{
        const int rc = want(s, REJOIN, d);

        if (rc == -E_TIMEOUT && d)
                d->code = E_LINK;
        return rc == -E_TIMEOUT ? -E_LINK : rc;
}

int softap_leave(struct softap *s, struct diag *d)
{
        int rc;

        if (!s)
                return 0;
        rc = want(s, LEAVE, d);
        end(s);
        return rc;
}
