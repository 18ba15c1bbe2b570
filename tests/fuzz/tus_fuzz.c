/*
 * Any text may arrive in the headers of a resumable upload. Input: a byte that says which headers are there, then
 * Content-Type, Upload-Offset and Content-Length, each ended by a line feed, then where the upload stands.
 */
#include "fuzz.h"
#include "object_tus.h"

#include <inttypes.h>
#include <string.h>

static char *next_line(char **at)
{
    char *line = *at;
    char *end = line + strcspn(line, "\n");
    *at = *end == '\n' ? end + 1 : end;
    *end = '\0';
    return line;
}

static void check_number(const char *text, uint64_t number)
{
    char again[24];
    (void)snprintf(again, sizeof again, "%" PRIu64, number);
    FUZZ_CHECK(strcmp(again, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct object_tus_patch patch = {5, 5};

    if (size == 0)
        return 0;
    char *text = malloc(size);
    FUZZ_CHECK(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    char *at = text;
    char *type = next_line(&at), *offset = next_line(&at), *length = next_line(&at);
    uint64_t stands = strtoull(at, NULL, 10), whole = stands + data[0];
    object_tus_verdict verdict = object_tus_patch_parse(data[0] & 1 ? NULL : type, data[0] & 2 ? NULL : offset,
                                                        data[0] & 4 ? NULL : length, &patch);
    if (verdict == TUS_GOOD) {
        FUZZ_CHECK((data[0] & 7) == 0);
        check_number(offset, patch.offset);
        check_number(length, patch.length);
        if (object_tus_patch_fits(&patch, stands, whole) == TUS_GOOD)
            FUZZ_CHECK(patch.offset == stands && patch.offset + patch.length <= whole);
    } else {
        FUZZ_CHECK(patch.offset == 5 && patch.length == 5);
    }
    FUZZ_CHECK(!object_tus_version_known(type) || strcmp(type, "1.0.0") == 0);
    free(text);
    return 0;
}
