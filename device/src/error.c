#include "ferry/error.h"

const char *ferry_device_err_text(ferry_device_err err)
{
    switch (err) {
#define X(name, number, wire, text) \
    case name:                      \
        return text;
        FERRY_DEVICE_ERR_LIST(X)
#undef X
    }
    return "unknown error";
}
