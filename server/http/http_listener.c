#include "http_listener.h"

#include "base/log.h"
#include "http_client.h"
#include "http_handshake.h"
#include "object_watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOG_LINE = 256 };

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *format, va_list args)
{
    const struct http_listener *listener = cls;
    char line[LOG_LINE];
    if (vsnprintf(line, sizeof line, format, args) <= 0)
        return;
    line[strcspn(line, "\n")] = '\0';
    ferry_log(FERRY_LOG_DEBUG, listener->subsystem, "libmicrohttpd: %s", line);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    const struct http_listener *listener = cls;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        object_watch_closed(listener->watch, *context);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ferry_network client = http_client_of_connection(listener->proxies, connection);
    *context = fd != NULL ? object_watch_opened(listener->watch, fd->connect_fd, &client) : NULL;
}

static const struct object_connection *connection_of(gnutls_session_t session)
{
    struct MHD_Connection *connection = gnutls_session_get_ptr(session);
    const union MHD_ConnectionInfo *info =
        connection != NULL ? MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT) : NULL;
    return info != NULL ? info->socket_context : NULL;
}

static int on_handshake(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
                        unsigned *count, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count, gnutls_privkey_t *key,
                        unsigned *flags)
{
    (void)info, (void)ocsp, (void)ocsp_count;
    return http_handshake_answer(object_connection_tls(connection_of(session)), certs, count, key, flags);
}

unsigned http_listener_flags(const struct http_listener *listener)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    return listener->tls != NULL ? flags | MHD_USE_TLS : flags;
}

void http_listener_options(struct http_listener *listener, struct MHD_OptionItem out[HTTP_LISTENER_OPTIONS])
{
    union {
        const char *constant;
        void *plain;
    } priorities;
    union {
        gnutls_certificate_retrieve_function3 *function;
        void *plain;
    } handshake = {.function = on_handshake};
    size_t at = 0;
    out[at++] = (struct MHD_OptionItem){MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, listener};
    out[at++] = (struct MHD_OptionItem){MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, listener};
    if (listener->tls != NULL) {
        priorities.constant = http_handshake_priorities(listener->tls);
        out[at++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, priorities.plain};
        out[at++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, handshake.plain};
    }
    out[at] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}
