/**
 * @file event_json.h
 * @brief Events as JSON, for whoever tells of them: the stream of the API, webhooks. Any thread.
 */
#ifndef HTTP_EVENT_JSON_H
#define HTTP_EVENT_JSON_H

#include "api/event.h"
#include "base/buf.h"

/** @brief Appends one object, compact. Errors: those of the buffer, FERRY_E_NOMEM. */
FERRY_MUST_CHECK ferry_err http_event_json(struct ferry_buf *out, const struct event *e);
/** @brief Appends "log.cut": events up to id are gone. */
FERRY_MUST_CHECK ferry_err http_event_cut_json(struct ferry_buf *out, uint64_t id);

#endif
