/**
 * @file api_streams.h
 * @brief Open event streams: their connections sleep, and one thread wakes those for which there is something.
 *
 * A stream has a place in the event log and at most one block of text that its client has not taken yet: a slow client holds
 * no memory, it falls behind in the log. The engine's commit wakes the thread; what it reads once serves every stream that
 * stands at the same place. A stream belongs to the thread while its connection sleeps, else to its HTTP thread.
 */
#ifndef HTTP_API_STREAMS_H
#define HTTP_API_STREAMS_H

#include "api_request.h"

enum {
    API_STREAMS_MAX = 1024,          /**< open at once: the rest of the connections is for other requests */
    API_STREAM_TOPIC_MS = 1000,      /**< what is in no log is told no more often, each topic for itself */
    API_STREAM_HEARTBEAT_MS = 15000, /**< a silent stream says that often that it lives */
    API_STREAM_TEXT_MAX = 16384,     /**< bytes that wait for a client */
};

struct api_streams;

/** @brief Where a stream begins and what it tells. */
struct api_stream_order {
    uint64_t after; /**< the event before its first one */
    unsigned kinds; /**< 1 << event_kind for each; 0: any */
    bool follow; /**< does not end at the end of the log */
    unsigned topics; /**< 1 << engine_topic for each that it tells of besides: changes that are in no log */
};

/** @brief The topics that this caller may hear of: those of routes that it may read. */
unsigned api_stream_topics_of(const struct api_caller *caller);

/** @brief Starts the thread. context: engine, store and readers are there. @retval FERRY_E_NOMEM | FERRY_E_IO */
FERRY_MUST_CHECK ferry_err api_streams_new(struct api_context *context, struct api_streams **ret_streams);
/** @brief Ends every stream and the thread; later streams end at once. Accepts null. */
void api_streams_close(struct api_streams *streams);
/** @brief After close, when no request is left. Accepts null. */
void api_streams_free(struct api_streams *streams);

/** @brief Makes the response that the request is answered with; filters are those of its query and its caller.
 *  @retval FERRY_E_BUSY there are API_STREAMS_MAX | FERRY_E_LIMIT the caller has enough of them | FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err api_stream_open(struct api_streams *streams, struct api_request *r,
                                           const struct api_stream_order *order, struct MHD_Response **ret_response);

#endif
