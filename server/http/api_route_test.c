#include "api_route.h"

#include "api_problem.h"
#include "api_query.h"
#include "api_routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

static api_route_result find(const char *method, const char *target, const struct api_route **route,
                             struct api_route_params *params, char allow[API_ALLOW_SIZE])
{
    static struct api_url url; /* params point into it */

    assert_int_equal(api_url_parse(target, &url), FERRY_OK);
    return api_route_find(api_routes, api_routes_count, method, &url, route, params, allow);
}

static void a_path_finds_its_route_and_parts(void **state)
{
    const struct api_route *route;
    struct api_route_params params;
    char allow[API_ALLOW_SIZE];

    (void)state;
    assert_int_equal(find("GET", "/api/v1/devices/p%3A1/d?x=1", &route, &params, allow), API_ROUTE_FOUND);
    assert_string_equal(route->pattern, "/api/v1/devices/{product}/{device}");
    assert_string_equal(api_route_param(&params, "product"), "p:1");
    assert_string_equal(api_route_param(&params, "device"), "d");
    assert_null(api_route_param(&params, "prod"));
}

static void head_is_answered_by_the_route_for_get(void **state)
{
    const struct api_route *route;
    struct api_route_params params;
    char allow[API_ALLOW_SIZE];

    (void)state;
    assert_int_equal(find("HEAD", "/healthz", &route, &params, allow), API_ROUTE_FOUND);
    assert_string_equal(route->method, "GET");
}

static void other_methods_hear_what_the_path_knows(void **state)
{
    const struct api_route *route;
    struct api_route_params params;
    char allow[API_ALLOW_SIZE];

    (void)state;
    assert_int_equal(find("PUT", "/api/v1/devices/p/d", &route, &params, allow), API_ROUTE_NO_METHOD);
    assert_string_equal(allow, "GET, HEAD, PATCH, DELETE");
    assert_int_equal(find("get", "/api/v1/status", &route, &params, allow), API_ROUTE_NO_METHOD);
}

static void other_paths_are_not_found(void **state)
{
    static const char *const paths[] = {
        "/api",           "/api/v1",           "/api/v1/",          "/api/v1/products/",
        "//healthz",  "/healthz/",      "/api/v1/devices/p", "/api/v1/productsx", "/api/v1/product",
        "/API/v1/products", "/api/v1/devices/p/d/e", "/api/v1/devices//d",
    };
    const struct api_route *route;
    struct api_route_params params;
    char allow[API_ALLOW_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(find("GET", paths[i], &route, &params, allow), API_ROUTE_NO_PATH);
}

/* --- the description and the table say the same --------------------------------------------------------- */

enum { LINE_MAX_BYTES = 512, ROUTES_MAX = 128 };

/* Our file keeps to one form: paths at two spaces, methods at four. */
static size_t read_description(bool seen[ROUTES_MAX])
{
    char line[LINE_MAX_BYTES], path[LINE_MAX_BYTES] = "", method[16];
    FILE *file = fopen(FERRY_OPENAPI_YAML, "r");
    size_t count = 0;
    bool in_paths = false;

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != ' ' && line[0] != '\n')
            in_paths = strcmp(line, "paths:\n") == 0;
        if (!in_paths)
            continue;
        if (strcmp(line, "  /:\n") == 0)
            (void)snprintf(path, sizeof path, "/");
        else if (sscanf(line, "  /%500[^:]:", path + 1) == 1 && line[2] == '/')
            path[0] = '/';
        else if (strncmp(line, "    ", 4) == 0 && line[4] != ' ' && sscanf(line, "    %15[a-z]:", method) == 1 &&
                 strcmp(method, "parameters") != 0) {
            size_t i = 0;
            for (char *p = method; *p != '\0'; p++)
                *p = (char)(*p - 'a' + 'A');
            while (i < api_routes_count &&
                   (strcmp(api_routes[i].method, method) != 0 || strcmp(api_routes[i].pattern, path) != 0))
                i++;
            if (i == api_routes_count)
                fail_msg("%s %s is described but not served", method, path);
            seen[i] = true;
            count++;
        }
    }
    (void)fclose(file);
    return count;
}

static void description_has_every_route_and_no_other(void **state)
{
    bool seen[ROUTES_MAX] = {false};

    (void)state;
    assert_true(api_routes_count <= ROUTES_MAX);
    assert_int_equal(read_description(seen), api_routes_count);
    for (size_t i = 0; i < api_routes_count; i++) {
        if (!seen[i])
            fail_msg("%s %s is served but not described", api_routes[i].method, api_routes[i].pattern);
    }
}

static void description_has_every_code_and_no_other(void **state)
{
    char line[LINE_MAX_BYTES], code[64];
    FILE *file = fopen(FERRY_OPENAPI_YAML, "r");
    size_t found = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "            - %63[a-z_]", code) != 1 || strncmp(line, "            - ", 14) != 0)
            continue;
        size_t i = 0;
        while (i < API_PROBLEM_COUNT && strcmp(api_problem_info((api_problem)i)->code, code) != 0)
            i++;
        if (i == API_PROBLEM_COUNT)
            fail_msg("the code %s is described but never sent", code);
        found++;
    }
    (void)fclose(file);
    assert_int_equal(found, API_PROBLEM_COUNT);
}

/* --- the rules ------------------------------------------------------------------------------------------ */

static const char *const role_names[] = {
    [API_ROLE_VIEWER] = "viewer", [API_ROLE_OPERATOR] = "operator", [API_ROLE_ADMIN] = "admin", [API_ROLE_OPEN] = "open"};
static const char *const scope_names[] = {
    [API_SCOPE_NONE] = "none",   [API_SCOPE_PRODUCT] = "product",   [API_SCOPE_LIST] = "list",
    [API_SCOPE_GRANT] = "grant", [API_SCOPE_PLATFORM] = "platform",
};

static void every_route_has_a_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_routes_count; i++) {
        const struct api_route *route = &api_routes[i];
        if (route->role == API_ROLE_UNSET || route->scope == API_SCOPE_UNSET)
            fail_msg("%s %s has no role or no scope", route->method, route->pattern);
        if (strcmp(route->method, "GET") != 0 && route->scope != API_SCOPE_NONE && route->role < API_ROLE_OPERATOR)
            fail_msg("%s %s lets a viewer change something", route->method, route->pattern);
        assert_non_null(route->run);
    }
}

/* The rules stand right below the method, in both files. */
static void description_names_the_same_rules(void **state)
{
    char line[LINE_MAX_BYTES], path[LINE_MAX_BYTES] = "", method[16] = "", role[32], scope[32];
    FILE *file = fopen(FERRY_OPENAPI_YAML, "r");
    size_t found = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "  /%500[^:]:", path + 1) == 1 && line[2] == '/')
            path[0] = '/';
        else if (strncmp(line, "    ", 4) == 0 && line[4] != ' ')
            (void)sscanf(line, "    %15[a-z]:", method);
        else if (sscanf(line, "      x-ferry-role: %31s", role) == 1) {
            assert_non_null(fgets(line, sizeof line, file));
            assert_int_equal(sscanf(line, "      x-ferry-scope: %31s", scope), 1);
            for (size_t i = 0; i < api_routes_count; i++) {
                if (strcasecmp(api_routes[i].method, method) != 0 || strcmp(api_routes[i].pattern, path) != 0)
                    continue;
                if (strcmp(role_names[api_routes[i].role], role) != 0 ||
                    strcmp(scope_names[api_routes[i].scope], scope) != 0)
                    fail_msg("%s %s: the description says %s, %s", method, path, role, scope);
                found++;
            }
        }
    }
    (void)fclose(file);
    assert_int_equal(found, api_routes_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_finds_its_route_and_parts),
        cmocka_unit_test(head_is_answered_by_the_route_for_get),
        cmocka_unit_test(other_methods_hear_what_the_path_knows),
        cmocka_unit_test(other_paths_are_not_found),
        cmocka_unit_test(description_has_every_route_and_no_other),
        cmocka_unit_test(description_has_every_code_and_no_other),
        cmocka_unit_test(every_route_has_a_rule),
        cmocka_unit_test(description_names_the_same_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
