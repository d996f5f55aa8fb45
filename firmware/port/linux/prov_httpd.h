/* Provisioning over HTTP, the device's end: libmicrohttpd carries, struct prov_device answers. */
#ifndef PORT_LINUX_PROV_HTTPD_H
#define PORT_LINUX_PROV_HTTPD_H

#include <stdint.h>

#include "base/diag.h"
#include "wire/prov_device.h"

struct prov_httpd;

/*
 * Listen on address:port (port 0: any free one). device is borrowed until stop. *out is returned.
 * Sessions as protocomm_httpd.c of ESP-IDF v5.5 keeps them: a cookie, one session at a time, any
 * protocol failure closes the connection without an answer.
 */
int prov_httpd_start(struct prov_device *device, const char *address, uint16_t port,
                     struct prov_httpd **out, struct diag *d);

/* The port it listens on. */
uint16_t prov_httpd_port(const struct prov_httpd *h);

/* For an event loop: poll the descriptor for input, then run; also run at least every 100 ms. Never
 * blocks. */
int prov_httpd_fd(const struct prov_httpd *h);
void prov_httpd_run(struct prov_httpd *h);

void prov_httpd_stop(struct prov_httpd *h);

#endif
