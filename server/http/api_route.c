#include "api_route.h"

#include <stdio.h>
#include <string.h>

static bool match(const char *pattern, const struct api_url *url, struct api_route_params *params)
{
    const char *p = pattern;

    params->count = 0;
    for (size_t i = 0; i < url->part_count; i++) {
        if (*p != '/')
            return false;
        p++;
        size_t len = strcspn(p, "/");
        const char *part = url->parts[i];
        if (p[0] == '{') {
            if (part[0] == '\0' || params->count == API_ROUTE_PARAMS_MAX)
                return false;
            params->items[params->count] = (struct api_url_param){.name = p + 1, .value = part};
            params->name_len[params->count] = len - 2;
            params->count++;
        } else if (strlen(part) != len || memcmp(part, p, len) != 0) {
            return false;
        }
        p += len;
    }
    return *p == '\0';
}

static void add_method(char allow[API_ALLOW_SIZE], const char *method)
{
    size_t len = strlen(allow);
    const char *with_head = strcmp(method, "GET") == 0 ? ", HEAD" : "";

    (void)snprintf(allow + len, API_ALLOW_SIZE - len, "%s%s%s", len > 0 ? ", " : "", method, with_head);
}

api_route_result api_route_find(const struct api_route *routes, size_t count, const char *method,
                                const struct api_url *url, const struct api_route **ret_route,
                                struct api_route_params *ret_params, char reterr_allow[API_ALLOW_SIZE])
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    char allow[API_ALLOW_SIZE] = "";

    for (size_t i = 0; i < count; i++) {
        struct api_route_params params;
        if (!match(routes[i].pattern, url, &params))
            continue;
        if (strcmp(routes[i].method, wanted) == 0) {
            *ret_route = &routes[i];
            *ret_params = params;
            return API_ROUTE_FOUND;
        }
        add_method(allow, routes[i].method);
    }
    if (allow[0] == '\0')
        return API_ROUTE_NO_PATH;
    memcpy(reterr_allow, allow, sizeof allow);
    return API_ROUTE_NO_METHOD;
}

const char *api_route_param(const struct api_route_params *params, const char *name)
{
    for (size_t i = 0; i < params->count; i++) {
        if (strlen(name) == params->name_len[i] && memcmp(params->items[i].name, name, params->name_len[i]) == 0)
            return params->items[i].value;
    }
    return NULL;
}
