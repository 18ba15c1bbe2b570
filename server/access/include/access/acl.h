/**
 * @file acl.h
 * @brief Who may use which topic. Pure; any thread.
 *
 * A device publishes to its own up topic and subscribes to its own down topic; the platform the other way
 * round, for all of them, and besides to the topic by which it tells our broker that devices were changed; it receives
 * besides what our broker tells of them. No
 * wildcards except in the platform's one subscription, nothing retained, nothing else.
 */
#ifndef ACCESS_ACL_H
#define ACCESS_ACL_H

#include "access/auth.h"
#include "api/model.h"

#include <stdbool.h>

typedef enum {
    ACL_RECEIVE,     /**< a message is about to be delivered to the client */
    ACL_PUBLISH,     /**< the client sends a message */
    ACL_SUBSCRIBE,   /**< topic is a filter */
    ACL_UNSUBSCRIBE, /**< topic is a filter */
} acl_access;

bool acl_device_allows(const struct device_key *key, acl_access access, const char *topic, bool retain);
/** @brief shared: the broker renames the up topics for several workers (api/bus.h), and nobody hears them by another name. */
bool acl_service_allows(acl_access access, const char *topic, bool retain, bool shared);
/** @brief One of the two, as who says. */
bool acl_allows(const struct principal *who, acl_access access, const char *topic, bool retain, bool shared);

#endif
