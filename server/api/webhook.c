#include "api/webhook.h"

#include <stddef.h>

const char *webhook_state_name(webhook_state state)
{
    switch (state) {
#define X(name, number, text) \
    case name:                \
        return text;
        WEBHOOK_STATE_LIST(X)
#undef X
    }
    return NULL;
}
