/**
 * @file api_json.h
 * @brief The things of the model as the API shows them. Each gives a new value, or null without memory. Pure.
 */
#ifndef HTTP_API_JSON_H
#define HTTP_API_JSON_H

#include "api/model.h"
#include "api/store.h"

#include <jansson.h>

/** @brief RFC 3339, UTC, milliseconds; null for 0. */
json_t *api_json_time(uint64_t unix_ms);
/** @brief What passes the greatest number of JSON here is that. */
json_t *api_json_number(uint64_t value);
/** @brief counts may be null: then they are left out. presence_known: those of the connected ones are of now. */
json_t *api_json_product(const struct product *p, const struct device_counts *counts, bool presence_known);
/** @brief Without the secret. presence_known: what it says of being connected is of now. */
json_t *api_json_device(const struct device *d, const struct device_tags *tags, bool presence_known);
json_t *api_json_resource(const struct resource *r);
/** @brief offset: how many of its bytes are there. */
json_t *api_json_resource_upload(const struct resource_upload *u, uint64_t offset);
json_t *api_json_upload(const struct upload_task *t);
/** @brief counts may be null: then they are left out. */
json_t *api_json_deployment(const struct deployment *d, const struct download_counts *counts);
json_t *api_json_causes(const struct failure_cause *causes, size_t count, uint64_t all);
json_t *api_json_download(const struct download_task *t);
/** @brief Without its hash. */
json_t *api_json_token(const struct token *t);
/** @brief Without the password. */
json_t *api_json_user(const struct user *u);
/** @brief Without its secret. */
json_t *api_json_webhook(const struct webhook *w);
json_t *api_json_event(const struct event *e);
/** @brief The products as a list, null for all. */
json_t *api_json_scope(const char *scope);

#endif
