/* Between link.c and the kinds of links; nobody else includes this. */
#ifndef HOST_LINK_IMPL_H
#define HOST_LINK_IMPL_H

#include "host/link.h"

struct link_ops {
        /* As link_read and link_write; NULL: the file descriptor as it is. */
        long (*read)(struct link *l, void *buf, size_t cap, unsigned timeout_ms);
        int (*write)(struct link *l, const void *p, size_t n);
        int (*lines)(struct link *l, bool dtr, bool rts); /* NULL: none */
        int (*baud)(struct link *l, unsigned baud);       /* NULL: has no rate */
        void (*flush)(struct link *l);                    /* NULL: read it away */
        void (*close)(struct link *l);                    /* NULL: nothing beside the descriptor */
};

struct link {
        const struct link_ops *ops;
        int fd;
        bool no_lines; /* the system refused them once */
        uint64_t sent;
        uint64_t received;
        void *ctx; /* of the kind */
        char name[128];
};

int link_new(int fd, const char *name, const struct link_ops *ops, struct link **out,
             struct diag *d);

/* The descriptor itself. */
long link_fd_read(struct link *l, void *buf, size_t cap, unsigned timeout_ms);
int link_fd_write(struct link *l, const void *p, size_t n);

int link_open_serial(const char *path, unsigned baud, struct link **out, struct diag *d);
int link_open_rfc2217(const char *host_port, unsigned baud, struct link **out, struct diag *d);
int link_connect(const char *host_port, int *fd, struct diag *d); /* TCP */

/* Monotonic clock, milliseconds. */
uint64_t link_clock(void);

#endif
