/**
 * @file api_exchange.h
 * @brief The way of one request from its head to its reply: between the HTTP thread, the workers and the engine.
 */
#ifndef HTTP_API_EXCHANGE_H
#define HTTP_API_EXCHANGE_H

#include "api_request.h"

/**
 * @brief One call of libmicrohttpd's access handler: head, some of the body, its end, or the reply is ready.
 * On the HTTP thread.
 */
enum MHD_Result api_exchange_turn(struct api_request *r, struct MHD_Connection *connection, const char *method,
                                  const char *data, size_t *size);

/** @brief What the client owes now: a phase that goes on is not begun again. On the HTTP thread. */
void api_exchange_pace(struct api_request *r, pace_phase pace);

#endif
