#include <stdio.h>

#include "base/err.h"
#include "flasher.h"
#include "host/ports.h"

const struct opt ports_options[] = { { 0 } };

int cmd_ports(int argc, char **argv)
{
        static struct port_info found[256];
        struct diag d = { 0 };
        size_t n;

        (void)argc;
        (void)argv;
        if (ports_list(found, sizeof found / sizeof found[0], &n, &d) < 0)
                return fail(NULL, &d);
        if (n > sizeof found / sizeof found[0])
                n = sizeof found / sizeof found[0];
        for (size_t i = 0; i < n; i++) {
                struct json_writer w = { .out = stdout };
                const struct port_info *p = &found[i];

                if (!g.json) {
                        printf("%s  %s:%s %s %s%s%s\n", p->path, p->vendor, p->product, p->model,
                               p->serial, p->by_path[0] ? "  " : "", p->by_path);
                        continue;
                }
                json_open(&w, NULL, '{');
                json_uint(&w, "v", 1);
                json_str(&w, "event", "port");
                json_str(&w, "path", p->path);
                json_str(&w, "by_path", p->by_path);
                json_str(&w, "vendor", p->vendor);
                json_str(&w, "product", p->product);
                json_str(&w, "model", p->model);
                json_str(&w, "serial", p->serial);
                json_close(&w, '}');
                putchar('\n');
        }
        if (n == 0)
                say("no USB serial port is plugged in");
        return STATUS_DONE;
}
