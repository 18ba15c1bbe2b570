/**
 * @file api_match.h
 * @brief If-Match and If-None-Match: things are answered with their tag, and a change is made only to what the caller has seen.
 */
#ifndef HTTP_API_MATCH_H
#define HTTP_API_MATCH_H

#include "api_request.h"

/**
 * @brief 200 with the thing and its ETag; to a GET that names the tag already, 304. Steals the value, which may be null as in
 * api_reply_json(). hidden counts for the tag and is not shown; may be null.
 */
void api_reply_thing(struct api_request *r, json_t *value, const struct sealed *hidden);

/**
 * @brief When the request has If-Match, its command gets the condition: the engine compares in the transaction of the change.
 * False with a reply when the header is none, or the command makes something new.
 */
bool api_match_command(struct api_request *r);

#endif
