/**
 * @file api_event_text.h
 * @brief Events as lines of a stream of server-sent events. Pure.
 */
#ifndef HTTP_API_EVENT_TEXT_H
#define HTTP_API_EVENT_TEXT_H

#include "api/event.h"
#include "base/buf.h"

/** @brief Appends the lines of an event. Errors: those of the buffer, FERRY_E_NOMEM. */
FERRY_MUST_CHECK ferry_err api_event_text(struct ferry_buf *out, const struct event *e);
/** @brief Appends "log.cut": events behind the client's place are gone, it goes on behind id. */
FERRY_MUST_CHECK ferry_err api_event_cut_text(struct ferry_buf *out, uint64_t id);
/** @brief Appends a sign of life, which moves the client's place to id: it need not read again what was not for it. */
FERRY_MUST_CHECK ferry_err api_event_heartbeat(struct ferry_buf *out, uint64_t id);
/** @brief Appends that something changed of what the log does not have: an event of that type without an id. */
FERRY_MUST_CHECK ferry_err api_event_told(struct ferry_buf *out, const char *type, uint64_t now_ms);

#endif
