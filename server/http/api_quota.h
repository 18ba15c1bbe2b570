/**
 * @file api_quota.h
 * @brief Would one more file of a product fit? Asked before its bytes are taken in; the engine asks again when it has them.
 */
#ifndef HTTP_API_QUOTA_H
#define HTTP_API_QUOTA_H

#include "api_request.h"

/** @brief False with a reply when a resource of that many bytes does not fit into the product's quota. */
bool api_quota_has_room(struct api_request *r, struct store_conn *conn, const char *product, uint64_t bytes);

/** @brief The product's limits and what counts against them; null when the store failed. */
json_t *api_quota_json(struct api_request *r, struct store_conn *conn, const char *product);

#endif
