/**
 * @file http_framing.h
 * @brief Is the head of a request one that every program on its way reads alike? Both listeners ask it first.
 *
 * A proxy and a server that count a body differently can be made to take one request for two. So nothing is guessed:
 * a head with two lengths, with a length and a coding, or with an unknown coding is refused, and its connection closed.
 */
#ifndef HTTP_FRAMING_H
#define HTTP_FRAMING_H

#include "http_mhd.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    FRAMING_GOOD,
    FRAMING_LENGTHS,  /**< more than one Content-Length */
    FRAMING_BOTH,     /**< Content-Length and Transfer-Encoding */
    FRAMING_CODING,   /**< a Transfer-Encoding that is not one "chunked", or one in HTTP/1.0 */
    FRAMING_HOSTS,    /**< more than one Host */
    FRAMING_NAME,     /**< a header's name has a space or another character that no name has */
    FRAMING_VALUE,    /**< a header's value has a control character: a bare CR, a NUL */
    FRAMING_VERDICTS, /**< their number */
} framing_verdict;

/** @brief What was seen of a head. Zero-initialise. Pure. */
struct framing {
    unsigned lengths, codings, hosts;
    bool odd_coding, bad_name, bad_value;
};

void framing_header(struct framing *framing, const char *name, size_t name_len, const char *value, size_t value_len);
framing_verdict framing_judge(const struct framing *framing, bool http_1_0);

/** @brief One sentence for an operator. Static storage; not for FRAMING_GOOD. */
const char *framing_text(framing_verdict verdict);

/** @brief Judges the request of a connection. version as libmicrohttpd gives it. */
framing_verdict framing_of(struct MHD_Connection *connection, const char *version);

#endif
