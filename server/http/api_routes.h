/**
 * @file api_routes.h
 * @brief The table of all routes. A test holds docs/api/openapi.yaml to it.
 */
#ifndef HTTP_API_ROUTES_H
#define HTTP_API_ROUTES_H

#include "api_route.h"

extern const struct api_route api_routes[];
extern const size_t api_routes_count;

#endif
