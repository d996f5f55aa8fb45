/* softap.h through NetworkManager's own tool, nmcli(1). The key goes through a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/strf.h"
#include "host/softap_impl.h"

extern char **environ;

#define KEY_FD 3 /* where nmcli finds the key: /dev/fd/3 */

/*
 * Runs nmcli with these words (NULL-terminated), key_fd (or -1) as its descriptor 3. What it
 * prints, also its complaint, comes to out with a NUL, without the last line's end. Its exit
 * status, or -1.
 */
static int nmcli(char *out, size_t cap, int key_fd, const char *const *words)
{
        posix_spawn_file_actions_t act;
        const char *argv[24] = { "nmcli" };
        size_t n = 0;
        int pipes[2], status = 0;
        pid_t pid;

        for (size_t i = 0; words[i] && i + 2 < sizeof argv / sizeof argv[0]; i++)
                argv[i + 1] = words[i];
        if (pipe2(pipes, O_CLOEXEC) < 0)
                return -1;
        posix_spawn_file_actions_init(&act);
        posix_spawn_file_actions_addopen(&act, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&act, pipes[1], 1);
        posix_spawn_file_actions_adddup2(&act, pipes[1], 2);
        if (key_fd >= 0)
                posix_spawn_file_actions_adddup2(&act, key_fd, KEY_FD);
        if (posix_spawnp(&pid, "nmcli", &act, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
                pid = -1;
        posix_spawn_file_actions_destroy(&act);
        close(pipes[1]);
        while (pid > 0 && n + 1 < cap) {
                const ssize_t got = read(pipes[0], out + n, cap - 1 - n);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        break;
                n += (size_t)got;
        }
        close(pipes[0]);
        while (n && out[n - 1] == '\n')
                n--;
        out[n] = 0;
        if (pid < 0)
                return -1;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool nm_serves(const char *interface)
{
        char out[256];

        if (nmcli(out, sizeof out, -1,
                  (const char *const[]){ "-t", "-f", "RUNNING", "general", NULL }) != 0 ||
            strcmp(out, "running") != 0)
                return false;
        return nmcli(out, sizeof out, -1,
                     (const char *const[]){ "-g", "GENERAL.STATE", "device", "show", interface,
                                            NULL }) == 0 &&
               atoi(out) >= 20; /* 10: unmanaged */
}

/* Its last line says what is wrong. */
static int failed(char *out, const char *what, struct diag *d)
{
        const char *line = strrchr(out, '\n');
        int code = E_LINK;

        line = line ? line + 1 : out;
        if (strstr(out, "ecrets were required"))
                code = E_VERIFY;
        else if (strstr(out, "could not be found") || strstr(out, "imeout"))
                code = E_TIMEOUT;
        else if (strstr(out, "not authorized") || strstr(out, "nsufficient privileges"))
                code = E_PERM;
        return diag_set(d, code, "%s: %s", what, *line ? line : "nmcli cannot be run");
}

/* A file in memory with what nmcli's passwd-file wants; -1. */
static int key_file(const struct softap_config *cfg)
{
        const int fd = memfd_create("key", MFD_CLOEXEC);

        if (fd >= 0 &&
            dprintf(fd, "802-11-wireless-security.psk:%.*s\n", (int)cfg->key_len,
                    (const char *)cfg->key) > 0 &&
            lseek(fd, 0, SEEK_SET) == 0)
                return fd;
        if (fd >= 0)
                close(fd);
        return -1;
}

/* The connection j->name is made up, by the deadline. */
static int up(struct softap_job *j, struct diag *d)
{
        const bool open = j->cfg->key_len == 0;
        char out[1024], seconds[16];
        int key = -1;
        int rc;

        if (!open && (key = key_file(j->cfg)) < 0)
                return diag_set(d, E_IO, "no file in memory: %s", strerror(errno));
        strf(seconds, sizeof seconds, "%u", (unsigned)((j->deadline - softap_now()) / 1000 + 1));
        rc = nmcli(out, sizeof out, key,
                   (const char *const[]){ "--wait", seconds, "connection", "up", "id", j->name,
                                          open ? NULL : "passwd-file", "/dev/fd/3", NULL });
        if (key >= 0)
                close(key);
        return rc == 0 ? 0 : failed(out, j->cfg->ssid, d);
}

static int nm_join(struct softap_job *j, struct diag *d)
{
        const struct softap_config *cfg = j->cfg;
        const bool open = cfg->key_len == 0;
        char out[1024];

        if (nmcli(out, sizeof out, -1,
                  (const char *const[]){ "-g", "GENERAL.CON-UUID", "device", "show", cfg->interface,
                                         NULL }) != 0)
                return failed(out, cfg->interface, d);
        strf(j->uuid, sizeof j->uuid, "%.63s", out);
        strf(j->name, sizeof j->name, "fctry-provcli-%d", (int)getpid());
        /* kept in memory only; never the way to the rest of the world */
        if (nmcli(out, sizeof out, -1,
                  (const char *const[]){ "connection",
                                         "add",
                                         "save",
                                         "no",
                                         "type",
                                         "wifi",
                                         "ifname",
                                         cfg->interface,
                                         "con-name",
                                         j->name,
                                         "autoconnect",
                                         "no",
                                         "ssid",
                                         cfg->ssid,
                                         "wifi.hidden",
                                         "yes",
                                         "ipv4.never-default",
                                         "yes",
                                         open ? NULL : "wifi-sec.key-mgmt",
                                         "wpa-psk",
                                         "wifi-sec.psk-flags",
                                         "2",
                                         NULL }) != 0)
                return failed(out, cfg->ssid, d);
        j->added = 0;
        return up(j, d);
}

/* NetworkManager gives a network up that has vanished, and may be in another one by now. */
static int nm_rejoin(struct softap_job *j, struct diag *d)
{
        char out[256];

        if (nmcli(out, sizeof out, -1,
                  (const char *const[]){ "-g", "GENERAL.STATE", "connection", "show", "id", j->name,
                                         NULL }) == 0 &&
            !strcmp(out, "activated"))
                return 0;
        return up(j, d) < 0 ? -E_LINK : 0;
}

static int nm_leave(struct softap_job *j, struct diag *d)
{
        char out[1024];

        if (j->added < 0)
                return 0;
        if (nmcli(out, sizeof out, -1,
                  (const char *const[]){ "connection", "delete", "id", j->name, NULL }) != 0)
                return failed(out, j->name, d);
        if (*j->uuid &&
            nmcli(out, sizeof out, -1,
                  (const char *const[]){ "--wait", "30", "connection", "up", "uuid", j->uuid,
                                         "ifname", j->cfg->interface, NULL }) != 0)
                return failed(out, j->cfg->interface, d);
        return 0;
}

const struct softap_way softap_nm = { "nm", nm_serves, nm_join, nm_rejoin, nm_leave };
