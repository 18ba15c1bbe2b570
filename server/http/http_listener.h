/**
 * @file http_listener.h
 * @brief What both listeners, the object plane's and the API's, ask of libmicrohttpd alike: its log, connections that are watched, TLS.
 */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include "http_mhd.h"

struct ferry_subnets;
struct http_tls;
struct object_watch;

/** @brief Must stay where it is until the daemon has been stopped. */
struct http_listener {
    const char *subsystem; /**< in the log */
    const struct ferry_subnets *proxies;
    struct object_watch *watch;
    const struct http_tls *tls; /**< null: plain HTTP */
};

enum { HTTP_LISTENER_OPTIONS = 5 };

/** @brief The flags of its daemon: threads, suspended connections, TLS. */
unsigned http_listener_flags(const struct http_listener *listener);

/** @brief For MHD_OPTION_ARRAY. The context of each connection is its struct object_connection, or null. */
void http_listener_options(struct http_listener *listener, struct MHD_OptionItem out[HTTP_LISTENER_OPTIONS]);

#endif
