/* Any text may come as the cursor of a list: what is taken for one ends within bounds, and means the same when it is written again. */
#include "fuzz.h"

#include "api_cursor.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_list_mark list = {0}, list_again;
    char position[API_POSITION_SIZE], position_again[API_POSITION_SIZE], written[API_CURSOR_SIZE];
    char *text = malloc(size + 1);

    FUZZ_CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (api_cursor_read(text, &list, position)) {
        FUZZ_CHECK(memchr(position, '\0', sizeof position) != NULL);
        api_cursor_write(list, position, written);
        FUZZ_CHECK(api_cursor_read(written, &list_again, position_again));
        FUZZ_CHECK(list.sum == list_again.sum && strcmp(position, position_again) == 0);
    }
    free(text);
    return 0;
}
