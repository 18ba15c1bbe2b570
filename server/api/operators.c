#include "api/operators.h"

#include <string.h>

static const char *const role_names[] = {
    [ROLE_NONE] = "", [ROLE_VIEWER] = "viewer", [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin"};

operator_role operator_role_parse(const char *name)
{
    for (operator_role role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
        if (strcmp(role_names[role], name) == 0)
            return role;
    }
    return ROLE_NONE;
}

const char *operator_role_name(operator_role role)
{
    return role_names[role];
}

static bool listed(const char *scope, const char *product, size_t len)
{
    for (const char *p = scope; *p != '\0';) {
        size_t part = strcspn(p, ",");
        if (part == len && memcmp(p, product, len) == 0)
            return true;
        p += part + (p[part] == ',');
    }
    return false;
}

bool scope_has(const char *scope, const char *product)
{
    return scope[0] == '\0' || listed(scope, product, strlen(product));
}

bool scope_within(const char *inner, const char *outer)
{
    if (outer[0] == '\0')
        return true;
    for (const char *p = inner; *p != '\0';) {
        size_t part = strcspn(p, ",");
        if (!listed(outer, p, part))
            return false;
        p += part + (p[part] == ',');
    }
    return inner[0] != '\0';
}

bool scope_add(char scope[SCOPE_SIZE], const char *product)
{
    size_t len = strlen(scope), more = strlen(product), comma = len > 0;

    if (listed(scope, product, more))
        return true;
    if (len + comma + more >= SCOPE_SIZE)
        return false;
    if (comma)
        scope[len] = ',';
    memcpy(scope + len + comma, product, more + 1);
    return true;
}
