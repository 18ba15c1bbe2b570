#include "mqtt/broker_url.h"

#include <stdio.h>
#include <string.h>

enum { PORT_MAX = 65535 };

static const struct scheme {
    const char *prefix;
    bool amqp, tls;
    uint16_t port;
} schemes[] = {
    {"mqtt://", false, false, 1883},
    {"mqtts://", false, true, 8883},
    {"amqp://", true, false, 5672},
    {"amqps://", true, true, 5671},
};

/* A piece of the address that is being taken apart. */
struct piece {
    const char *at;
    size_t len;
};

static ferry_err refuse(char message[BROKER_URL_MESSAGE_SIZE], const char *why)
{
    (void)snprintf(message, BROKER_URL_MESSAGE_SIZE, "%s: write mqtt[s]://user:password@host:port or amqp[s]://user:password@host:port",
                   why);
    return FERRY_E_FORMAT;
}

static bool starts_with(struct piece text, const char *prefix)
{
    return text.len >= strlen(prefix) && memcmp(text.at, prefix, strlen(prefix)) == 0;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = c == '\0' ? NULL : strchr(digits, c);

    return found == NULL ? -1 : (int)((found - digits) % 16);
}

/* Copies with %XX decoded; false when it does not fit, breaks off, or gives a NUL. */
static bool decode(struct piece text, char *out, size_t cap)
{
    size_t used = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.at[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_digit(text.at[i + 2]);

            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || used + 1 >= cap)
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

/* user[:password] */
static bool take_credential(struct piece text, struct broker_url *url)
{
    const char *colon = memchr(text.at, ':', text.len);
    size_t user_len = colon != NULL ? (size_t)(colon - text.at) : text.len;
    struct piece user = {text.at, user_len};
    struct piece password = {text.at + text.len, 0};

    if (colon != NULL)
        password = (struct piece){colon + 1, text.len - user_len - 1};
    return user_len > 0 && decode(user, url->username, sizeof(url->username)) &&
           decode(password, url->password, sizeof(url->password));
}

static bool take_port(struct piece text, uint16_t *ret_port)
{
    unsigned long port = 0;

    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        port = port * 10 + (unsigned long)(text.at[i] - '0');
    }
    if (port == 0 || port > PORT_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* Cuts [address] or name off the front; what is left is empty or begins with a colon. */
static bool take_host(struct piece *text, char host[BROKER_URL_HOST_SIZE])
{
    bool bracket = starts_with(*text, "[");
    const char *end = bracket ? memchr(text->at, ']', text->len) : NULL;
    struct piece name = {text->at, end != NULL ? (size_t)(end - text->at) : text->len};
    size_t used;

    if (!bracket)
        for (name.len = 0; name.len < text->len && strchr(":,", text->at[name.len]) == NULL; name.len++)
            continue;
    used = name.len;
    if (bracket) {
        if (end == NULL)
            return false;
        name = (struct piece){text->at + 1, name.len - 1};
        used++;
    }
    if (name.len == 0 || name.len >= BROKER_URL_HOST_SIZE)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] <= ' ' || strchr("@/?#[]", name.at[i]) != NULL)
            return false;
    memcpy(host, name.at, name.len);
    host[name.len] = '\0';
    *text = (struct piece){text->at + used, text->len - used};
    return true;
}

/* host[:port] */
static const char *take_address(struct piece *text, uint16_t port, char host[BROKER_URL_HOST_SIZE], uint16_t *ret_port)
{
    *ret_port = port;
    if (!take_host(text, host))
        return "the broker's host is missing or malformed";
    if (text->len > 0 && text->at[0] == ':') {
        const char *end = memchr(text->at, ',', text->len);
        struct piece digits = {text->at + 1, (end != NULL ? (size_t)(end - text->at) : text->len) - 1};

        if (!take_port(digits, ret_port))
            return "the broker's port is no number from 1 to 65535";
        *text = (struct piece){digits.at + digits.len, text->len - digits.len - 1};
    }
    return NULL;
}

/* [/vhost], off the end; a slash alone is nothing. */
static bool take_vhost(struct piece *text, struct broker_url *url)
{
    const char *slash = memchr(text->at, '/', text->len);
    struct piece name = {slash, slash != NULL ? text->len - (size_t)(slash - text->at) : 0};

    memcpy(url->vhost, "/", 2);
    text->len -= name.len;
    if (name.len <= 1)
        return true;
    return url->amqp && decode((struct piece){name.at + 1, name.len - 1}, url->vhost, sizeof(url->vhost));
}

/* The nodes of a cluster; a broker that speaks MQTT has one address. */
static const char *take_addresses(struct piece rest, uint16_t port, struct broker_url *url)
{
    const char *wrong = take_address(&rest, port, url->host, &url->port);

    while (wrong == NULL && rest.len > 0) {
        struct broker_url_host *more = &url->more[url->more_count];

        if (rest.at[0] != ',' || !url->amqp)
            return "the broker's host is missing or malformed";
        if (url->more_count++ == BROKER_URL_MORE_MAX)
            return "the broker has more than 8 hosts";
        rest = (struct piece){rest.at + 1, rest.len - 1};
        wrong = take_address(&rest, port, more->host, &more->port);
    }
    return wrong;
}

ferry_err broker_url_parse(const char *text, struct broker_url *ret_url, char reterr_message[BROKER_URL_MESSAGE_SIZE])
{
    struct piece rest = {text, strlen(text)};
    const struct scheme *scheme = NULL;
    struct broker_url url = {.port = 0};
    const char *at = NULL, *wrong;

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (starts_with(rest, schemes[i].prefix))
            scheme = &schemes[i];
    if (scheme == NULL)
        return refuse(reterr_message, "the broker's address has no known scheme");
    url.amqp = scheme->amqp;
    url.tls = scheme->tls;
    rest.at += strlen(scheme->prefix);
    rest.len -= strlen(scheme->prefix);

    for (size_t i = 0; i < rest.len; i++)
        if (rest.at[i] == '@')
            at = rest.at + i; /* the last one: a password may hold others */
    if (at != NULL) {
        if (!take_credential((struct piece){rest.at, (size_t)(at - rest.at)}, &url))
            return refuse(reterr_message, "the broker's user or password is empty, too long or badly encoded");
        rest = (struct piece){at + 1, rest.len - (size_t)(at + 1 - rest.at)};
    }
    if (!take_vhost(&rest, &url))
        return refuse(reterr_message, "what follows the broker's host is no vhost of AMQP");
    wrong = take_addresses(rest, scheme->port, &url);
    if (wrong != NULL)
        return refuse(reterr_message, wrong);
    *ret_url = url;
    return FERRY_OK;
}
