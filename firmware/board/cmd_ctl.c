/* vboard ctl: speak to a running board. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/report.h"
#include "vboard.h"

static bool download;

static const struct opt options[] = {
        { 0, "download", OPT_FLAG, &download, NULL, "reset: into download mode", 0 },
        { 0 },
};

static int run(int argc, char **argv)
{
        char line[CONTROL_LINE] = "";
        struct diag d = { 0 };
        char *text = NULL;
        int rc;

        for (int i = 1; i < argc; i++) {
                const size_t len = strlen(line);

                if (strpbrk(argv[i], " \n") || len + strlen(argv[i]) + 12 > sizeof line)
                        return usage_error("'%s' cannot be sent", argv[i]);
                snprintf(line + len, sizeof line - len, "%s%s", len ? " " : "", argv[i]);
        }
        if (download && strcmp(line, "reset") != 0)
                return usage_error("--download goes with reset");
        if (download)
                strcat(line, " download");
        rc = control_ask(argv[0], line, &text, &d);
        if (rc < 0) {
                tool_error("%s", diag_text(&d));
                return err_status(rc);
        }
        fputs(text, stdout);
        free(text);
        return STATUS_DONE;
}

const struct command cmd_ctl = {
        .name = "ctl",
        .synopsis = "SOCKET COMMAND [ARGUMENT]",
        .summary = "press the button, reset, cut the power, make faults, ask for the state",
        .options = options,
        .min_args = 2,
        .max_args = 3,
        .run = run,
        .more = "Commands: press [MS], output, led, reset [--download], cut-power [N], fault SPEC, swap MAC, "
                "log, uart, status, quit.",
};
