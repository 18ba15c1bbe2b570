/* Loaded into a device: what it says after a TLS handshake leaves only when the other side has hung up. The worst moment: a
 * write that fails makes libmosquitto throw away what the other side said before. */
#include <dlfcn.h>
#include <poll.h>
#include <stddef.h>

struct ssl_st;
int SSL_get_fd(const struct ssl_st *ssl);
int SSL_write(struct ssl_st *ssl, const void *bytes, int len);

enum { PATIENCE_MS = 10000 };

int SSL_write(struct ssl_st *ssl, const void *bytes, int len)
{
    int (*real)(struct ssl_st *, const void *, int);
    struct pollfd reset = {.fd = SSL_get_fd(ssl), .events = 0}; /* POLLERR and POLLHUP are always asked for */

    *(void **)&real = dlsym(RTLD_NEXT, "SSL_write");
    (void)poll(&reset, 1, PATIENCE_MS);
    return real(ssl, bytes, len);
}
