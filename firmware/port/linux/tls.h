/* A TLS client's context from certificates in memory, for MQTT. */
#ifndef PORT_LINUX_TLS_H
#define PORT_LINUX_TLS_H

#include <openssl/ssl.h>

#include "firmware/core/port.h"

/* The server is verified against m->ca and m->host; the client shows m->cert. Returned (free with
 * SSL_CTX_free), or NULL: one of them cannot be read, or does not fit. */
SSL_CTX *tls_client(const struct port_mqtt *m);

#endif
