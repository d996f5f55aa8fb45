/* A board's control socket: a line of words in, an answer out, the connection closed. */
#ifndef BOARD_CONTROL_H
#define BOARD_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "board.h"

#define CONTROL_LINE    512u /* longest command, bytes */
#define CONTROL_CLIENTS 4u   /* at a time; more wait */

/* First word of an answer: "ok", or "error" and the reason. What a command prints follows in lines.
 */
struct control {
        struct board *board; /* borrowed */
        bool quit;           /* the board's end was asked for */
        /* private: */
        char *path;
        int listener;
        struct {
                int fd;
                size_t len;
                char line[CONTROL_LINE];
        } clients[CONTROL_CLIENTS];
};

/*
 * Listens on path (0600). A socket that nobody listens on any more is replaced; a live one is
 * -E_BUSY, anything else there -E_EXISTS.
 */
int control_open(struct control *c, const char *path, struct board *board, struct diag *d);
void control_close(struct control *c);

#define CONTROL_FDS (1 + CONTROL_CLIENTS)
void control_poll(const struct control *c, struct pollfd fds[CONTROL_FDS]);
void control_serve(struct control *c, const struct pollfd fds[CONTROL_FDS], uint64_t now);

/*
 * The client's side: send line, copy the answer to *text (returned: free). Returns 0, or the
 * reason: -E_NOTFOUND, -E_LINK; -E_REFUSED with the board's own words in d.
 */
int control_ask(const char *path, const char *line, char **text, struct diag *d);

#endif
