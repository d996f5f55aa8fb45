/* A label to a file, a command or a raw printer. */
#include "label_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/link.h"

#define RAW_PORT "9100" /* of network printers */
#define STALL_MS 10000  /* how long a printer may take nothing */

/* Part of a file's name: never a folder, never out of one, never hidden. */
static void name_part(char *out, size_t size, const char *text)
{
        snprintf(out, size, "%s", text ? text : "");
        for (char *p = out; *p; p++)
                if (*p == '/' || (*p == '.' && p == out))
                        *p = '_';
}

/* A name has what is known of the unit and safe in it: no proof of possession. */
static int send_file(const char *path, const struct label_data *x, const struct blob *label,
                     struct diag *d)
{
        char name[LABEL_TEXT_MAX];
        char serial[LEDGER_SERIAL_MAX];
        char batch[LEDGER_NAME_MAX];
        const struct label_data safe = {
                .serial = serial, .batch = batch, .mac = x->mac, .date = x->date
        };
        int rc;

        name_part(serial, sizeof serial, x->serial);
        name_part(batch, sizeof batch, x->batch);
        if ((rc = label_fill(path, &safe, name, d)) < 0)
                return rc;
        return file_save(name, label->data, label->len, FILE_SECRET, d);
}

/* All of it into fd, which does not block; a reader that takes nothing for ten seconds is stuck. */
static int put_all(int fd, const struct blob *label, const char *what, struct diag *d)
{
        size_t n = 0;

        while (n < label->len) {
                struct pollfd p = { .fd = fd, .events = POLLOUT };
                ssize_t k;

                if (poll(&p, 1, STALL_MS) == 0)
                        return diag_set(d, E_IO,
                                        "%s: takes nothing for %d s; is there paper, is it paused?",
                                        what, STALL_MS / 1000);
                k = write(fd, label->data + n, label->len - n);
                if (k < 0 && errno != EAGAIN && errno != EINTR)
                        return diag_set(d, E_IO, "%s: %s", what, strerror(errno));
                n += k > 0 ? (size_t)k : 0;
        }
        return 0;
}

/* The same into a pipe whose reader may be gone: that is an error, not a signal. */
static int put_pipe(int fd, const struct blob *label, const char *what, struct diag *d)
{
        const struct timespec now = { 0 };
        sigset_t pipe_signal, old;
        int rc;

        sigemptyset(&pipe_signal);
        sigaddset(&pipe_signal, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        rc = put_all(fd, label, what, d);
        while (!sigismember(&old, SIGPIPE) && sigtimedwait(&pipe_signal, NULL, &now) > 0)
                ;
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return rc;
}

static int send_command(const char *command, const struct blob *label, struct diag *d)
{
        struct diag why = { 0 };
        int ends[2];
        int status = 0;
        pid_t pid;
        int rc;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return diag_set(d, E_IO, "no pipe for the label's command: %s", strerror(errno));
        pid = fork();
        if (pid == 0) {
                dup2(ends[0], STDIN_FILENO);
                execl("/bin/sh", "sh", "-c", command, (char *)NULL);
                _exit(127);
        }
        close(ends[0]);
        rc = pid < 0 ? diag_set(d, E_IO, "the label's command cannot be started: %s",
                                strerror(errno))
                     : put_pipe(ends[1], label, "the label's command", &why);
        close(ends[1]);
        if (pid < 0)
                return rc;
        if (rc < 0)
                kill(pid, SIGTERM);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        /* one that ends early says why by its status, not by the broken pipe */
        if (WIFEXITED(status) ? WEXITSTATUS(status) != 0 : rc == 0)
                return diag_set(d, E_IO, "the label's command '%.80s' failed with status %d",
                                command,
                                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        return rc < 0 ? diag_set(d, E_IO, "%s", why.text) : 0;
}

static int send_device(const char *path, const struct blob *label, struct diag *d)
{
        const int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        int rc;

        if (fd < 0)
                return diag_set(d, errno == EACCES ? E_PERM : E_IO,
                                "%s: the label printer cannot be opened: %s", path,
                                strerror(errno));
        rc = put_all(fd, label, path, d);
        if (close(fd) < 0 && rc == 0)
                rc = diag_set(d, E_IO, "%s: %s", path, strerror(errno));
        return rc;
}

/* A printer is the station's business: what the link says is not a unit's failure. */
static int send_network(const char *printer, const struct blob *label, struct diag *d)
{
        const bool port = strrchr(printer, ':') && printer[strlen(printer) - 1] != ']';
        struct diag why = { 0 };
        struct link *link = NULL;
        char *name = NULL;
        int rc;

        if (asprintf(&name, "socket://%s%s", printer, port ? "" : ":" RAW_PORT) < 0)
                return diag_set(d, E_NOMEM, "no memory for a label");
        if ((rc = link_open(name, 0, &link, &why)) < 0)
                rc = diag_set(d, rc == -E_SYNTAX ? E_SYNTAX : E_IO, "%s: the label printer: %s",
                              printer, diag_text(&why));
        else if (link_write(link, label->data, label->len) < 0)
                rc = diag_set(d, E_IO, "%s: the label printer takes nothing; is it paused?",
                              printer);
        link_close(link);
        free(name);
        return rc;
}

int label_send(const struct label_target *to, const struct label_data *x, const struct blob *label,
               struct diag *d)
{
        if (to->file)
                return send_file(to->file, x, label, d);
        if (to->command)
                return send_command(to->command, label, d);
        if (to->printer)
                return *to->printer == '/' ? send_device(to->printer, label, d)
                                           : send_network(to->printer, label, d);
        return diag_set(d, E_INVAL, "a label without a file, command or printer");
}
