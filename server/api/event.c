#include "api/event.h"

#include <stddef.h>
#include <string.h>

static const struct {
    event_kind kind;
    const char *name;
} kinds[] = {
#define X(name, number, text) {name, text},
    EVENT_KIND_LIST(X)
#undef X
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

const char *event_kind_name(event_kind kind)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].kind == kind)
            return kinds[i].name;
    }
    return NULL;
}

bool event_kind_parse(const char *name, event_kind *ret_kind)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *ret_kind = kinds[i].kind;
            return true;
        }
    }
    return false;
}
