#include "access/acl.h"

#include "api/bus.h"
#include "proto/topic.h"

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

bool acl_service_allows(acl_access access, const char *topic, bool retain)
{
    switch (access) {
    case ACL_PUBLISH:
        return !retain && (any_topic(FERRY_TOPIC_DOWN, topic) || strcmp(topic, BUS_CONTROL_TOPIC) == 0);
    case ACL_RECEIVE:
        return any_topic(FERRY_TOPIC_UP, topic) || strcmp(topic, BUS_PRESENCE_TOPIC) == 0;
    case ACL_SUBSCRIBE:
    case ACL_UNSUBSCRIBE:
        return strcmp(topic, FERRY_TOPIC_UP_FILTER) == 0;
    }
    return false;
}

bool acl_allows(const struct principal *who, acl_access access, const char *topic, bool retain)
{
    return who->service ? acl_service_allows(access, topic, retain)
                        : acl_device_allows(&who->key, access, topic, retain);
}
