/* The target of a request to the operator API: whatever comes, what is passed on is terminated UTF-8 within bounds. */
#include "fuzz.h"

#include "api_query.h"
#include "api_routes.h"
#include "api_url.h"
#include "proto/text.h"

#include <string.h>

static void check_text(const struct api_url *url, const char *text)
{
    FUZZ_CHECK(text >= url->text || text[0] == '\0');
    FUZZ_CHECK(strlen(text) <= API_TARGET_MAX);
    FUZZ_CHECK(ferry_utf8_valid(ferry_text_of(text)));
}

static void check_query(const struct api_url *url, const struct api_route *route)
{
    struct api_query query;
    struct api_fault fault;

    if (!api_query_read(url, route->query | route->query_required, route->query_required, &query, &fault)) {
        FUZZ_CHECK(ferry_utf8_valid(ferry_text_of(fault.detail)) && ferry_utf8_valid(ferry_text_of(fault.field)));
        return;
    }
    FUZZ_CHECK(query.limit >= 1 && query.limit <= FERRY_PAGE_MAX);
    FUZZ_CHECK(query.product[0] == '\0' || ferry_ident_valid(ferry_text_of(query.product)));
    FUZZ_CHECK(query.device[0] == '\0' || ferry_ident_valid(ferry_text_of(query.device)));
    FUZZ_CHECK(query.name[0] == '\0' || ferry_name_valid(ferry_text_of(query.name)));
    FUZZ_CHECK(query.name_prefix[0] == '\0' || ferry_name_valid(ferry_text_of(query.name_prefix)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char target[API_TARGET_MAX + 16], allow[API_ALLOW_SIZE];
    struct api_url url;
    const struct api_route *route;
    struct api_route_params params;

    if (size >= sizeof target)
        return 0;
    memcpy(target, data, size);
    target[size] = '\0';
    if (api_url_parse(target, &url) != FERRY_OK)
        return 0;
    FUZZ_CHECK(url.part_count >= 1 && url.part_count <= API_URL_PARTS_MAX && url.param_count <= API_URL_PARAMS_MAX);
    for (size_t i = 0; i < url.part_count; i++)
        check_text(&url, url.parts[i]);
    for (size_t i = 0; i < url.param_count; i++) {
        check_text(&url, url.params[i].name);
        check_text(&url, url.params[i].value);
    }
    if (api_route_find(api_routes, api_routes_count, "GET", &url, &route, &params, allow) == API_ROUTE_FOUND)
        check_query(&url, route);
    return 0;
}
