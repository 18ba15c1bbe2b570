/* A list of devices, line by line: what is taken obeys the rules of one device. The first line names the columns. */
#include "fuzz.h"

#include "api_import_line.h"
#include "proto/text.h"

#include <string.h>

static void check_row(const struct api_import_row *row)
{
    FUZZ_CHECK(ferry_ident_valid(ferry_text_of(row->name)));
    FUZZ_CHECK(row->secret.len >= 1 && row->secret.len <= DEVICE_SECRET_MAX);
    FUZZ_CHECK(row->tags.count <= DEVICE_TAGS_MAX);
    for (uint32_t i = 0; i < row->tags.count; i++)
        FUZZ_CHECK(device_tag_valid(row->tags.names[i]));
}

static void check_fault(const struct api_fault *fault)
{
    FUZZ_CHECK(fault->detail[0] != '\0' && ferry_utf8_valid(ferry_text_of(fault->detail)) &&
               ferry_utf8_valid(ferry_text_of(fault->field)));
}

static void take_line(char *line, struct api_import_columns *columns)
{
    struct api_import_row row;
    struct api_fault fault;

    if (api_import_json(line, &row, &fault))
        check_row(&row);
    else
        check_fault(&fault);
    if (columns->count == 0) {
        if (!api_import_header(line, columns, &fault))
            check_fault(&fault);
        FUZZ_CHECK(columns->count <= API_IMPORT_COLUMNS);
    } else if (api_import_csv(line, columns, &row, &fault)) {
        check_row(&row);
    } else {
        check_fault(&fault);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_import_columns columns = {.count = 0};
    char text[API_IMPORT_LINE_MAX + 1];
    char *rest = NULL;

    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        take_line(line, &columns);
    return 0;
}
