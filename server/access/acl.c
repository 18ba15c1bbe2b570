#include "access/acl.h"

#include "api/bus.h"
#include "proto/topic.h"

#include <stdio.h>
#include <string.h>

/* Is it the topic of this device in this direction? A filter with a wildcard never is. */
static bool own_topic(const struct device_key *key, ferry_topic_direction direction, const char *topic)
{
    char own[FERRY_TOPIC_SIZE];

    return ferry_topic_write(direction, ferry_text_of(key->product), ferry_text_of(key->device), own) &&
           strcmp(own, topic) == 0;
}

static bool any_topic(ferry_topic_direction wanted, const char *topic)
{
    ferry_topic_direction direction;
    ferry_text product, device;

    return ferry_topic_parse(ferry_text_of(topic), &direction, &product, &device) && direction == wanted;
}

bool acl_device_allows(const struct device_key *key, acl_access access, const char *topic, bool retain)
{
    switch (access) {
    case ACL_PUBLISH:
        return !retain && own_topic(key, FERRY_TOPIC_UP, topic);
    case ACL_RECEIVE:
    case ACL_SUBSCRIBE:
    case ACL_UNSUBSCRIBE:
        return own_topic(key, FERRY_TOPIC_DOWN, topic);
    }
    return false;
}

/* An up topic by the name that the plugin gives it. */
static bool any_shared_topic(const char *topic)
{
    char up[FERRY_TOPIC_SIZE];
    const size_t prefix = sizeof(BUS_SHARED_UP_PREFIX) - 1;

    if (strncmp(topic, BUS_SHARED_UP_PREFIX, prefix) != 0)
        return false;
    int len = snprintf(up, sizeof(up), "%s%s", FERRY_TOPIC_UP_PREFIX, topic + prefix);
    return len > 0 && (size_t)len < sizeof(up) && any_topic(FERRY_TOPIC_UP, up);
}

bool acl_service_allows(acl_access access, const char *topic, bool retain, bool shared)
{
    switch (access) {
    case ACL_PUBLISH:
        return !retain && (any_topic(FERRY_TOPIC_DOWN, topic) || strcmp(topic, BUS_CONTROL_TOPIC) == 0);
    case ACL_RECEIVE:
        return (shared ? any_shared_topic(topic) : any_topic(FERRY_TOPIC_UP, topic)) ||
               strcmp(topic, BUS_PRESENCE_TOPIC) == 0 || strcmp(topic, BUS_WORKER_TOPIC) == 0;
    case ACL_SUBSCRIBE:
    case ACL_UNSUBSCRIBE:
        return strcmp(topic, shared ? BUS_SHARED_FILTER : FERRY_TOPIC_UP_FILTER) == 0;
    }
    return false;
}

bool acl_allows(const struct principal *who, acl_access access, const char *topic, bool retain, bool shared)
{
    return who->service ? acl_service_allows(access, topic, retain, shared)
                        : acl_device_allows(&who->key, access, topic, retain);
}
