#include "host/tls_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/err.h"
#include "host/x509_key.h"

/* Connect within the time; then the same limit for every read and write. */
static int connect_one(const struct addrinfo *a, unsigned timeout_ms)
{
        const struct timeval limit = { timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000) * 1000 };
        const int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);

        if (fd < 0)
                return -1;
        /* on Linux the send limit bounds connect() as well */
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
                return fd;
        close(fd);
        return -1;
}

static int connect_any(const struct tls_fetch *what, int *fd, struct diag *d)
{
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        struct addrinfo *list = NULL;
        const int e = getaddrinfo(what->host, what->port, &hints, &list);

        *fd = -1;
        if (e)
                return diag_set(d, E_LINK, "%s:%s: %s", what->host, what->port, gai_strerror(e));
        for (const struct addrinfo *a = list; a && *fd < 0; a = a->ai_next)
                *fd = connect_one(a, what->timeout_ms);
        freeaddrinfo(list);
        if (*fd >= 0)
                return 0;
        if (errno == EINPROGRESS || errno == EAGAIN)
                return diag_set(d, E_TIMEOUT, "%s:%s: no answer", what->host, what->port);
        return diag_set(d, E_LINK, "%s:%s: cannot connect: %s", what->host, what->port,
                        strerror(errno));
}

static bool is_address(const char *host)
{
        struct in6_addr any;

        return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static int take_chain(SSL *ssl, const struct tls_fetch *what, STACK_OF(X509) * *out, struct diag *d)
{
        STACK_OF(X509) * shown;
        const int done = SSL_connect(ssl);

        /* a server that asks for our certificate ends the handshake, but has shown its own by then
         */
        shown = SSL_get_peer_cert_chain(ssl);
        if (sk_X509_num(shown) > 0) {
                *out = X509_chain_up_ref(shown);
                ERR_clear_error();
                return *out ? 0 : diag_set(d, E_NOMEM, "no memory");
        }
        if (done != 1 && (errno == EAGAIN || errno == EWOULDBLOCK) && !ERR_peek_error())
                return diag_set(d, E_TIMEOUT, "%s:%s: connected, but no answer to TLS", what->host,
                                what->port);
        return openssl_fail(d, E_PROTO, "%s:%s: no TLS handshake", what->host, what->port);
}

int tls_fetch_chain(const struct tls_fetch *what, STACK_OF(X509) * *out, struct diag *d)
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        SSL *ssl = NULL;
        int fd = -1;
        int rc;

        *out = NULL;
        if (!ctx || !(ssl = SSL_new(ctx))) {
                rc = openssl_fail(d, E_NOMEM, "no memory");
                goto out;
        }
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL); /* to be looked at, not to be believed */
        if (!is_address(what->host))
                SSL_set_tlsext_host_name(ssl, what->host);
        if ((rc = connect_any(what, &fd, d)) < 0)
                goto out;
        errno = 0;
        if (SSL_set_fd(ssl, fd) != 1)
                rc = openssl_fail(d, E_NOMEM, "no memory");
        else
                rc = take_chain(ssl, what, out, d);
out:
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        if (fd >= 0)
                close(fd);
        return rc;
}
