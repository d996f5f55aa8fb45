/* What the commands of vboard share. */
#ifndef BOARD_VBOARD_H
#define BOARD_VBOARD_H

#include "board.h"
#include "boot.h"
#include "control.h"
#include "host/opt.h"
#include "port.h"

extern const struct command cmd_run, cmd_ctl;

#define RACK_MAX 64u /* boards in one process */

/* Several boards in one process, with their ports and control sockets. */
struct rack {
        size_t count;
        struct board *boards[RACK_MAX];
        struct boot *boots[RACK_MAX]; /* what runs on them */
        struct port *ports[3 * RACK_MAX];
        size_t port_count;
        struct control *controls[RACK_MAX];
        size_t control_count;
};

/* Runs until SIGTERM, SIGINT or a board's quit. Returns 0 or -E_XXX. */
int rack_run(struct rack *r);
void rack_free(struct rack *r);

#endif
