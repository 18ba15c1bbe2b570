/**
 * @file http_client.h
 * @brief Whose request it is: limits, lock-outs and the audit log all ask here.
 *
 * The peer of the connection, unless that is one of `trusted-proxies`: then whom it names in X-Forwarded-For, read from the right,
 * where each trusted proxy wrote the one before it. The first that is not trusted itself is the client; what stands left of
 * it is the client's own word, and counts for nothing.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "api/operators.h"
#include "base/network.h"
#include "base/subnets.h"
#include "http_mhd.h"

#define HTTP_FORWARDED_FOR "X-Forwarded-For"

struct http_client {
    struct in6_addr address; /**< IPv4 mapped; unspecified: nobody knows */
    struct in6_addr peer;    /**< of the connection, likewise */
    bool by_proxy;           /**< the peer is trusted; the address may still be its own */
    bool heard;              /**< it said something of whom it asks for */
    bool named;              /**< the address is what it said */
};

/** @brief Before any header. @param[in] peer  null, or of any family. Pure. */
struct http_client http_client_of_peer(const struct ferry_subnets *proxies, const struct sockaddr *peer);

/**
 * @brief One X-Forwarded-For: a call for each, in the order in which they came. Ignored when the peer is not trusted.
 * Elements may have a port. What is no address is nobody's: then the proxy right of it is as far as one can see. Pure.
 */
void http_client_forwarded(const struct ferry_subnets *proxies, struct http_client *client, const char *value, size_t len);

/** @brief Of the request whose head the connection has read. */
struct http_client http_client_of(const struct ferry_subnets *proxies, struct MHD_Connection *connection);

/** @brief What of it limits count: nobody's network when a proxy asks for itself, as it does to see whether we live. */
struct ferry_network http_client_network(const struct http_client *client);

/** @brief The same of a connection that was just accepted. */
struct ferry_network http_client_of_connection(const struct ferry_subnets *proxies, struct MHD_Connection *connection);

/** @brief "192.0.2.1" or "2001:db8::1"; "" when nobody knows. */
void http_client_text(const struct http_client *client, char out[ADDRESS_TEXT_SIZE]);

#endif
