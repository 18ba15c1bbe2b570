/*
 * Any text may arrive in a Range header, for a content of any size: what is to be sent lies within the content.
 * Input: eight bytes of size, then the header.
 */
#include "fuzz.h"
#include "http_range.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t content = 0, offset = 7, length = 7;

    if (size < sizeof content)
        return 0;
    memcpy(&content, data, sizeof content);
    size_t len = size - sizeof content;
    char *header = malloc(len + 1);
    FUZZ_CHECK(header != NULL);
    memcpy(header, data + sizeof content, len);
    header[len] = '\0';
    switch (http_range_parse(header, content, &offset, &length)) {
    case HTTP_RANGE_WHOLE:
        FUZZ_CHECK(offset == 0 && length == content);
        break;
    case HTTP_RANGE_PART:
        FUZZ_CHECK(length > 0 && offset < content && length <= content - offset);
        FUZZ_CHECK(strchr(header, ',') == NULL);
        break;
    case HTTP_RANGE_UNSATISFIABLE:
        FUZZ_CHECK(strchr(header, '-') != NULL);
        break;
    }
    free(header);
    return 0;
}
