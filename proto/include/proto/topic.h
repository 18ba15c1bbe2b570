/**
 * @file topic.h
 * @brief The two topics of a device (docs/protocol.md). Pure.
 */
#ifndef PROTO_TOPIC_H
#define PROTO_TOPIC_H

#include "limits.h"
#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FERRY_TOPIC_UP_PREFIX "$resource/up/service/"
#define FERRY_TOPIC_DOWN_PREFIX "$resource/down/service/"
/** What the platform subscribes to. */
#define FERRY_TOPIC_UP_FILTER "$resource/up/service/+/+"

enum { FERRY_TOPIC_SIZE = 24 + FERRY_IDENT_MAX + 1 + FERRY_IDENT_MAX + 1 };

typedef enum { FERRY_TOPIC_UP, FERRY_TOPIC_DOWN } ferry_topic_direction;

/** @brief Splits a topic into its parts; false when it is not exactly of that form or a part is invalid. */
bool ferry_topic_parse(ferry_text topic, ferry_topic_direction *ret_direction, ferry_text *ret_product,
                       ferry_text *ret_device);
/** @brief Writes the topic with its NUL; false when a part is invalid (out is then ""). */
bool ferry_topic_write(ferry_topic_direction direction, ferry_text product, ferry_text device,
                       char out[FERRY_TOPIC_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
