#include "proto/result.h"

const char *ferry_result_text(int code)
{
    switch (code) {
#define X(name, number, text)                                                                     \
    case number:                                                                                  \
        return text;
        FERRY_RESULT_LIST(X)
#undef X
    default:
        return "unknown result";
    }
}
