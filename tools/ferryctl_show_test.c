/* What people read: tables and fields; and the paths that are asked for. */
#include "ferryctl_show.h"

#include "ferryctl_devices.h"
#include "ferryctl_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* --- tables ------------------------------------------------------------------------------------------- */

/* What flushing the table prints. */
static char *printed(struct ctl_table *table)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    ctl_table_flush(table, out);
    (void)fclose(out);
    return text;
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    struct ctl_table table;

    (void)state;
    ctl_table_init(&table, 3);
    ctl_table_column(&table, 0, "NAME", false);
    ctl_table_column(&table, 1, "SIZE", true);
    ctl_table_column(&table, 2, "WHY", false);
    const char *const cells[] = {"a", "1", NULL, "\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae", "12345", "x y", "", "7", "b"};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        ctl_table_add(&table, cells[i]);
    char *text = printed(&table);
    assert_string_equal(text, "NAME     SIZE  WHY\n"
                              "a           1  -\n"
                              "\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae  12345  x y\n"
                              "-           7  b\n");
    free(text);
    ctl_table_done(&table);
}

static void a_second_page_has_no_title_and_stays_aligned(void **state)
{
    struct ctl_table table;

    (void)state;
    ctl_table_init(&table, 2);
    ctl_table_column(&table, 0, "A", false);
    ctl_table_column(&table, 1, "B", false);
    ctl_table_add(&table, "long one");
    ctl_table_add(&table, "x");
    free(printed(&table));
    ctl_table_add(&table, "y");
    ctl_table_add(&table, "z");
    char *text = printed(&table);
    assert_string_equal(text, "y         z\n");
    free(text);
    ctl_table_done(&table);
}

static void a_table_without_rows_prints_nothing(void **state)
{
    struct ctl_table table;

    (void)state;
    ctl_table_init(&table, 1);
    ctl_table_column(&table, 0, "A", false);
    char *text = printed(&table);
    assert_string_equal(text, "");
    free(text);
    ctl_table_add(&table, "never flushed");
    ctl_table_done(&table);
}

/* --- fields ------------------------------------------------------------------------------------------- */

static void every_kind_of_field_has_its_text(void **state)
{
    static const struct {
        struct ctl_field field;
        const char *text;
    } cases[] = {
        {{"", "name", CTL_KIND_TEXT}, "fw"},
        {{"", "missing", CTL_KIND_TEXT}, ""},
        {{"", "size", CTL_KIND_NUMBER}, "1536"},
        {{"", "size", CTL_KIND_SIZE}, "1.5 KiB"},
        {{"", "at", CTL_KIND_TIME}, "2026-01-02 03:04:05"},
        {{"", "never", CTL_KIND_TIME}, ""},
        {{"", "on", CTL_KIND_YES}, "yes"},
        {{"", "off", CTL_KIND_YES}, ""},
        {{"", "on", CTL_KIND_KNOWN}, "yes"},
        {{"", "off", CTL_KIND_KNOWN}, "no"},
        {{"", "never", CTL_KIND_KNOWN}, "unknown"},
        {{"", "zero", CTL_KIND_KNOWN}, "0"},
        {{"", "percent", CTL_KIND_PERCENT}, "7 %"},
        {{"", "seconds", CTL_KIND_SECONDS}, "1 min 30 s"},
        {{"", "seconds", CTL_KIND_RATE}, "90/min"},
        {{"", "zero", CTL_KIND_RATE}, ""},
        {{"", NULL, CTL_KIND_DEVICE}, "p/d"},
        {{"", NULL, CTL_KIND_NAME}, "p/fw"},
        {{"", NULL, CTL_KIND_RESULT}, "-4 md5sum not matched"},
        {{"", NULL, CTL_KIND_COUNTS}, "3 of 10"},
        {{"", "counts.total", CTL_KIND_NUMBER}, "10"},
        {{"", "words", CTL_KIND_PROSE}, "one \xc3\xa9 two"},
        {{"", "words", CTL_KIND_LINE}, "one \xc3\xa9"},
        {{"", "long", CTL_KIND_LINE}, "0123456789012345678901234567890123456789"},
        {{"", "tags", CTL_KIND_LIST}, "a b"},
    };
    json_t *row = json_loads("{\"name\":\"fw\",\"size\":1536,\"at\":\"2026-01-02T03:04:05.678Z\",\"never\":null,"
                             "\"on\":true,\"off\":false,\"percent\":7,\"seconds\":90,\"zero\":0,\"product\":\"p\","
                             "\"device\":\"d\",\"result_code\":-4,\"result_msg\":\"md5sum not matched\","
                             "\"counts\":{\"done\":3,\"total\":10},\"words\":\"one \xc3\xa9\\ntwo\","
                             "\"long\":\"01234567890123456789012345678901234567890\",\"tags\":[\"a\",\"b\"]}",
                             0, NULL);
    char out[CTL_CELL_SIZE];

    (void)state;
    assert_non_null(row);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(ctl_field_text(&cases[i].field, row, out), cases[i].text);
    json_decref(row);
}

/* --- paths and names ---------------------------------------------------------------------------------- */

static void paths_are_escaped_part_by_part(void **state)
{
    (void)state;
    char *path = ctl_path("/devices/%s/%s?x=1", "a:b_c-9", "a/b ?&\xc3\xa9%");
    assert_string_equal(path, "/devices/a:b_c-9/a%2Fb%20%3F%26%C3%A9%25?x=1");
    ctl_query(&path, "state", NULL);
    ctl_query(&path, "state", "a=b&c");
    assert_string_equal(path, "/devices/a:b_c-9/a%2Fb%20%3F%26%C3%A9%25?x=1&state=a%3Db%26c");
    free(path);
    path = ctl_path("/uploads");
    ctl_query(&path, "limit", "5");
    assert_string_equal(path, "/uploads?limit=5");
    free(path);
}

static void a_device_may_be_named_with_its_product(void **state)
{
    (void)state;
    assert_string_equal(ctl_device_of("p", "d"), "d");
    assert_string_equal(ctl_device_of("p", "p/d"), "d");
    assert_null(ctl_device_of("p", "q/d"));
    assert_null(ctl_device_of("p", "pp/d"));
    assert_null(ctl_device_of("p", "p/"));
    assert_null(ctl_device_of("p", "p/d/e"));
    assert_null(ctl_device_of("p", ""));
    assert_null(ctl_device_of("p", "a b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(a_second_page_has_no_title_and_stays_aligned),
        cmocka_unit_test(a_table_without_rows_prints_nothing),
        cmocka_unit_test(every_kind_of_field_has_its_text),
        cmocka_unit_test(paths_are_escaped_part_by_part),
        cmocka_unit_test(a_device_may_be_named_with_its_product),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
