/**
 * @file api_secret.h
 * @brief Secrets on their way in and out of the API: sealed as soon as they are there, shown once.
 */
#ifndef HTTP_API_SECRET_H
#define HTTP_API_SECRET_H

#include "access/seal.h"
#include "api_request.h"

/** @brief Seals the one that was given, or a new one of chance when none was, and wipes it. False: the reply is made. */
bool api_secret_seal(struct api_request *r, const char *context, struct api_secret *given, struct sealed *ret_sealed);

/** @brief Adds "secret" in base64. Takes answer and gives it back, or null. */
json_t *api_secret_show(struct api_request *r, json_t *answer, const char *context, const struct sealed *sealed);

#endif
