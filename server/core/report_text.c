#include "report_text.h"

#include <string.h>

enum { UTF8_MAX = 4 };

/* Bytes of the printable character at the start of text; 0: there is none. */
static size_t character_len(ferry_text text)
{
    for (size_t len = 1; len <= UTF8_MAX && len <= text.len; len++) {
        ferry_text head = {.ptr = text.ptr, .len = len};
        if (ferry_name_valid(head)) /* valid UTF-8, no control character */
            return len;
    }
    return 0;
}

void report_text_copy(ferry_text said, char out[FERRY_RESULT_MSG_MAX + 1])
{
    size_t written = 0;
    while (said.ptr != NULL && said.len > 0) {
        size_t len = character_len(said);
        size_t taken = len > 0 ? len : 1;
        if (written + taken > FERRY_RESULT_MSG_MAX)
            break;
        memcpy(out + written, len > 0 ? said.ptr : "?", taken);
        written += taken;
        said.ptr += taken;
        said.len -= taken;
    }
    out[written] = '\0';
}
