/**
 * @file link.h
 * @brief One connection to one node of RabbitMQ. By one thread.
 */
#ifndef AMQP_LINK_H
#define AMQP_LINK_H

#include "base/error.h"

#include <amqp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINK_REASON_SIZE = 256 };

struct link_address {
    const char *host;
    uint16_t port;
    const char *username, *password, *vhost, *queue;
    bool tls;
    uint16_t prefetch;
    const char *ca_file; /* null: those of the system */
};

struct link {
    amqp_connection_state_t conn; /* null: none */
    uint64_t published;           /* since it began: the number of what was published last */
    char reason[LINK_REASON_SIZE]; /* why it could not be made, or has ended */
};

/** @brief Connects up to the socket, whose descriptor is then known. False: link->reason. At most three seconds. */
bool link_connect(struct link *link, const struct link_address *address, int *ret_fd);
/** @brief Logs in, declares and binds the queue, and consumes. The same; each step at most three seconds. */
bool link_begin(struct link *link, const struct link_address *address);
/** @brief It is not to be used any more; why. */
void link_give_up(struct link *link, const char *reason);
/** @brief Frees. A link that works is told to the node. */
void link_end(struct link *link, bool works);

/** The broker has what was published under that number. */
struct link_confirm {
    uint64_t number;
    bool up_to;   /* and all before */
    bool refused; /* it has not, and never will */
};

typedef enum { LINK_MESSAGE, LINK_CONFIRM, LINK_NOTHING, LINK_LOST } link_found;
/** @brief The next request, which link_release() frees; or a confirm; or nothing for now. */
link_found link_read(struct link *link, amqp_envelope_t *ret_envelope, struct link_confirm *ret_confirm);
void link_release(amqp_envelope_t *envelope);

/* False: the link is lost. They wait while the node takes nothing. */
bool link_publish(struct link *link, const char *topic, const void *payload, size_t len);
bool link_acknowledge(struct link *link, uint64_t tag);
bool link_give_back(struct link *link, uint64_t tag); /**< another worker is to have it */
bool link_take_no_more(struct link *link);

#endif
