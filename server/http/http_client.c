#include "http_client.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum { V4_AT = 12, PORT_DIGITS_MAX = 5, ELEMENT_SIZE = INET6_ADDRSTRLEN + sizeof("[]:65535") };

static struct in6_addr mapped(const struct in_addr *v4)
{
    struct in6_addr address = {.s6_addr = {[V4_AT - 2] = 0xff, [V4_AT - 1] = 0xff}};
    memcpy(&address.s6_addr[V4_AT], v4, sizeof *v4);
    return address;
}

static struct in6_addr plain(const struct sockaddr *address)
{
    if (address != NULL && address->sa_family == AF_INET6)
        return ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (address != NULL && address->sa_family == AF_INET)
        return mapped(&((const struct sockaddr_in *)(const void *)address)->sin_addr);
    return in6addr_any;
}

struct http_client http_client_of_peer(const struct ferry_subnets *proxies, const struct sockaddr *peer)
{
    struct http_client client = {.address = plain(peer)};
    client.peer = client.address;
    client.by_proxy = ferry_subnets_have(proxies, &client.peer);
    return client;
}

/* --- the list ------------------------------------------------------------------------------------------- */

static bool is_port(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= PORT_DIGITS_MAX && strspn(text, "0123456789") == len;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80"; it is taken to pieces. */
static bool read_element(char *text, struct in6_addr *ret_address)
{
    struct in_addr v4;
    char *colon = strchr(text, ':'), *bracket = strchr(text, ']');
    if (text[0] == '[' && bracket != NULL) {
        *bracket = '\0';
        if (bracket[1] != '\0' && (bracket[1] != ':' || !is_port(bracket + 2)))
            return false;
        text++;
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        *colon = '\0';
        if (!is_port(colon + 1))
            return false;
    }
    if (inet_pton(AF_INET, text, &v4) == 1) {
        *ret_address = mapped(&v4);
        return true;
    }
    return inet_pton(AF_INET6, text, ret_address) == 1 && !IN6_IS_ADDR_UNSPECIFIED(ret_address);
}

/* From the left: each is the client if all that follow are trusted proxies. */
static void hear(const struct ferry_subnets *proxies, struct http_client *client, const char *text, size_t len)
{
    char copy[ELEMENT_SIZE];
    struct in6_addr address;
    client->heard = true;
    bool fits = len < sizeof copy && memchr(text, '\0', len) == NULL;
    if (fits) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    if (!fits || !read_element(copy, &address)) {
        client->address = client->peer;
        client->named = false;
    } else if (!client->named || !ferry_subnets_have(proxies, &address)) {
        client->address = address;
        client->named = true;
    }
}

void http_client_forwarded(const struct ferry_subnets *proxies, struct http_client *client, const char *value, size_t len)
{
    for (size_t at = 0, end; client->by_proxy && at < len; at = end + 1) {
        for (end = at; end < len && value[end] != ','; end++) {
        }
        size_t first = at, last = end;
        while (first < last && (value[first] == ' ' || value[first] == '\t'))
            first++;
        while (first < last && (value[last - 1] == ' ' || value[last - 1] == '\t'))
            last--;
        if (first < last)
            hear(proxies, client, value + first, last - first);
    }
}

/* --- of a connection -------------------------------------------------------------------------------------- */

struct hearing {
    const struct ferry_subnets *proxies;
    struct http_client client;
};

static enum MHD_Result see(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
                           size_t value_len)
{
    struct hearing *hearing = cls;
    (void)kind;
    if (value != NULL && name_len == strlen(HTTP_FORWARDED_FOR) && strncasecmp(name, HTTP_FORWARDED_FOR, name_len) == 0)
        http_client_forwarded(hearing->proxies, &hearing->client, value, value_len);
    return MHD_YES;
}

static struct http_client peer_of(const struct ferry_subnets *proxies, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return http_client_of_peer(proxies, info != NULL ? info->client_addr : NULL);
}

struct http_client http_client_of(const struct ferry_subnets *proxies, struct MHD_Connection *connection)
{
    struct hearing hearing = {proxies, peer_of(proxies, connection)};
    if (hearing.client.by_proxy)
        (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, see, &hearing);
    return hearing.client;
}

struct ferry_network http_client_network(const struct http_client *client)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = client->address};
    if (IN6_IS_ADDR_UNSPECIFIED(&client->address) || (client->by_proxy && !client->heard))
        address.sin6_family = AF_UNSPEC;
    return ferry_network_of((const struct sockaddr *)&address);
}

struct ferry_network http_client_of_connection(const struct ferry_subnets *proxies, struct MHD_Connection *connection)
{
    struct http_client client = peer_of(proxies, connection);
    return http_client_network(&client);
}

void http_client_text(const struct http_client *client, char out[ADDRESS_TEXT_SIZE])
{
    const struct in6_addr *address = &client->address;
    bool v4 = IN6_IS_ADDR_V4MAPPED(address);
    out[0] = '\0';
    if (!IN6_IS_ADDR_UNSPECIFIED(address))
        (void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? &address->s6_addr[V4_AT] : (const void *)address, out, ADDRESS_TEXT_SIZE);
}
