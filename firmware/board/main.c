/* vboard: a virtual ESP board. The work is in cmd_run.c and cmd_ctl.c. */
#include "vboard.h"

int main(int argc, char **argv)
{
        const struct command commands[] = { cmd_ctl, { 0 } };
        const struct tool vboard = {
                .name = "vboard",
                .summary = "a virtual ESP32-C3 board: flash, eFuses, reset lines and a serial port",
                .commands = commands,
                .fallback = &cmd_run,
        };

        return tool_main(&vboard, argc, argv);
}
