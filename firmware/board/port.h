/* Where a board's serial line comes out: a pty, a raw TCP socket, a TCP socket with RFC 2217. */
#ifndef BOARD_PORT_H
#define BOARD_PORT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "board.h"
#include "host/rfc2217_server.h"

enum port_kind { PORT_PTY, PORT_TCP, PORT_RFC2217 };

struct port {
        enum port_kind kind;
        struct board *board; /* borrowed */
        char name[160];      /* what esptool's --port takes */
        /* private: */
        char *link;          /* pty: the symbolic link */
        int listener;        /* TCP */
        int fd;              /* pty master, or the connection; -1: none */
        bool open;           /* somebody is there */
        uint64_t look_again; /* pty without a user: poll(2) would return at once */
        struct rfc2217_server telnet;
        uint8_t out[1 << 16]; /* waits for the network or the pty */
        size_t out_len;
};

/*
 * where: for a pty the path of the symbolic link (a stale one is replaced; anything else there is
 * -E_EXISTS), else HOST:PORT (port 0: any). The board is borrowed until port_close.
 */
int port_open(struct port *p, enum port_kind kind, const char *where, struct board *board,
              struct diag *d);
void port_close(struct port *p);

/* What poll(2) should wait for; fd -1: nothing. */
struct pollfd port_poll(const struct port *p);
uint64_t port_due(const struct port *p);

/* Before the line moves bytes: at which rate does the user of a pty listen now? */
void port_refresh(struct port *p);

/* Take bytes that wait already, so that a paced line goes on without a gap. */
void port_pull(struct port *p, uint64_t now);

/* After poll(2): accept, read into the board's line, write what waits. */
void port_serve(struct port *p, short revents, uint64_t now);

/* Bytes from the board; what does not fit is lost, as on a wire without flow control. */
void port_send(struct port *p, const uint8_t *data, size_t n);

/* The link is cut: whoever uses it sees it go; a new one can be made at once. */
void port_hang_up(struct port *p);

/* pty_rate.c: the rate that the user of a pty has set, 0 if unknown; and set it. */
uint32_t pty_rate(int fd);
void pty_set_rate(int fd, uint32_t rate);

#endif
