/* shadowd: AWS IoT's device shadows on a local broker, with their REST face. One thread, one loop.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/err.h"
#include "broker.h"
#include "host/opt.h"
#include "host/pool.h"
#include "host/report.h"
#include "rest.h"

#define TICK_MS 1000

static const char *broker_at = "127.0.0.1:8883";
static const char *store = "shadows";
static struct opt_list admins;
static bool verbose;
static struct broker_config broker_cfg = { .ca = "ca.crt",
                                           .cert = "shadowd.crt",
                                           .key = "shadowd.key" };
static struct rest_config rest_cfg = { .listen = "127.0.0.1:8443",
                                       .cert = "server.crt",
                                       .key = "server.key" };

static const struct opt options[] = {
        { 0, "broker", OPT_STR, &broker_at, "HOST:PORT", "the broker (127.0.0.1:8883)", 0 },
        { 0, "rest", OPT_STR, &rest_cfg.listen, "ADDRESS:PORT",
          "where the REST face listens (127.0.0.1:8443); port 0: a free one", 0 },
        { 0, "store", OPT_STR, &store, "DIR", "folder of the documents (shadows)", 0 },
        { 0, "ca", OPT_STR, &broker_cfg.ca, "FILE", "who is trusted on both sides (ca.crt)", 0 },
        { 0, "crl", OPT_STR, &rest_cfg.crl, "FILE", "who is no longer trusted by the REST face",
          0 },
        { 0, "cert", OPT_STR, &broker_cfg.cert, "FILE", "shown to the broker (shadowd.crt)", 0 },
        { 0, "key", OPT_STR, &broker_cfg.key, "FILE", "… and its key (shadowd.key)", 0 },
        { 0, "server-cert", OPT_STR, &rest_cfg.cert, "FILE", "shown by the REST face (server.crt)",
          0 },
        { 0, "server-key", OPT_STR, &rest_cfg.key, "FILE", "… and its key (server.key)", 0 },
        { 0, "admin", OPT_LIST, &admins, "NAME",
          "a common name that may touch every thing by REST; several are fine", 0 },
        { 'v', "verbose", OPT_FLAG, &verbose, NULL, "say every request", 0 },
        { 0 },
};

/* HOST:PORT of the broker into host and *port. */
static int read_endpoint(const char *text, char *host, size_t cap, int *port)
{
        const char *colon = strrchr(text, ':');
        int64_t v = 0;

        if (!colon || colon == text || (size_t)(colon - text) >= cap ||
            parse_int(colon + 1, &v) < 0 || v < 1 || v > 65535)
                return -E_SYNTAX;
        memcpy(host, text, (size_t)(colon - text));
        host[colon - text] = 0;
        *port = (int)v;
        return 0;
}

static int serve(struct rest *rest, struct broker *broker, struct diag *d)
{
        struct pollfd fds[2] = { { .fd = rest_fd(rest), .events = POLLIN } };

        while (!interrupted()) {
                const int ms = rest_timeout(rest);
                int n;

                fds[1].fd = broker_fd(broker, &fds[1].events);
                fds[0].revents = fds[1].revents = 0;
                n = poll(fds, 2, ms < 0 || ms > TICK_MS ? TICK_MS : ms);
                if (n < 0 && errno != EINTR)
                        return diag_set(d, E_IO, "poll: %s", strerror(errno));
                rest_run(rest);
                broker_run(broker, fds[1].revents);
        }
        return 0;
}

static int run(int argc, char **argv)
{
        struct service service = { .verbose = verbose };
        struct broker *broker = NULL;
        struct rest *rest = NULL;
        struct diag d = { 0 };
        char host[256];
        int rc;

        (void)argc, (void)argv;
        if (read_endpoint(broker_at, host, sizeof host, &broker_cfg.port) < 0)
                return usage_error("--broker %s: not HOST:PORT", broker_at);
        broker_cfg.host = host;
        rest_cfg.ca = broker_cfg.ca;
        rest_cfg.admins = admins.items;
        rest_cfg.admin_count = admins.count;
        if ((rc = store_open(&service.store, store, &d)) == 0 &&
            (rc = broker_start(&broker_cfg, &service, &broker, &d)) == 0 &&
            (rc = rest_start(&rest_cfg, &service, &rest, &d)) == 0) {
                printf("rest port %u\n", rest_port(rest));
                if (fflush(stdout) == 0)
                        rc = serve(rest, broker, &d);
        }
        rest_stop(rest);
        broker_stop(broker);
        store_close(&service.store);
        if (rc < 0)
                tool_error("%s", diag_text(&d));
        return err_status(rc);
}

static const struct command serving = {
        .name = "shadowd",
        .synopsis = "",
        .summary = "AWS IoT's device shadows on a local broker",
        .options = options,
        .run = run,
        .more = "The port of the REST face is the line on standard output. SIGTERM or Ctrl-C ends "
                "it;\n"
                "what it has accepted is on disk before it says so.\n\n"
                "Example:\n"
                "  shadowd --store shadows --admin admin\n"
                "  curl --cacert ca.crt --cert admin.crt --key admin.key "
                "https://127.0.0.1:8443/things/SO-000001/shadow",
};

int main(int argc, char **argv)
{
        const struct tool shadowd = {
                .name = "shadowd",
                .summary = serving.summary,
                .fallback = &serving,
        };

        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }); /* a core file would hold a key */
        signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error of write */
        interrupt_catch();
        return tool_main(&shadowd, argc, argv);
}
