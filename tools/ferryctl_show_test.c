/* What people read: tables, sizes, times, the progress line; and the paths that are asked for. */
#include "ferryctl_show.h"

#include "ferryctl_devices.h"
#include "ferryctl_progress.h"
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

static void widths_are_those_of_a_terminal(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } cases[] = {
        {"", 0}, {"abc", 3}, {"\xc3\xa9", 1}, {"e\xcc\x81", 1}, {"\xe4\xb8\xad", 2}, {"\xf0\x9f\x9a\xa2", 2}, {"\xff", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(ctl_text_width(cases[i].text), cases[i].width);
}

static void a_text_from_outside_cannot_steer_the_terminal(void **state)
{
    static const struct {
        const char *text, *clean;
    } cases[] = {
        {"a b", "a b"},
        {"\x1b[2J", "?[2J"},
        {"a\nb\tc\x7f", "a?b?c?"},
        {"\xc2\x9b" "31m", "?31m"},                 /* CSI as one character */
        {"\xe2\x80\xae" "exe", "?exe"},             /* right-to-left override */
        {"\xff\xc3", "??"},
        {"\xc0\xaf\xed\xa0\x80", "?????"},          /* overlong, surrogate */
        {"\xe4\xb8\xad\xf0\x9f\x9a\xa2", "\xe4\xb8\xad\xf0\x9f\x9a\xa2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *clean = ctl_text_clean(cases[i].text);
        assert_string_equal(clean, cases[i].clean);
        free(clean);
    }
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
        {{"", "percent", CTL_KIND_PERCENT}, "7 %"},
        {{"", "seconds", CTL_KIND_SECONDS}, "1 min 30 s"},
        {{"", "seconds", CTL_KIND_RATE}, "90/min"},
        {{"", "zero", CTL_KIND_RATE}, ""},
        {{"", NULL, CTL_KIND_DEVICE}, "p/d"},
        {{"", NULL, CTL_KIND_NAME}, "p/fw"},
        {{"", NULL, CTL_KIND_RESULT}, "-4 md5sum not matched"},
        {{"", NULL, CTL_KIND_COUNTS}, "3 of 10"},
        {{"", "counts.total", CTL_KIND_NUMBER}, "10"},
    };
    json_t *row = json_loads("{\"name\":\"fw\",\"size\":1536,\"at\":\"2026-01-02T03:04:05.678Z\",\"never\":null,"
                             "\"on\":true,\"off\":false,\"percent\":7,\"seconds\":90,\"zero\":0,\"product\":\"p\","
                             "\"device\":\"d\",\"result_code\":-4,\"result_msg\":\"md5sum not matched\","
                             "\"counts\":{\"done\":3,\"total\":10}}",
                             0, NULL);
    char out[CTL_CELL_SIZE];

    (void)state;
    assert_non_null(row);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(ctl_field_text(&cases[i].field, row, out), cases[i].text);
    json_decref(row);
}

/* --- sizes, times, progress --------------------------------------------------------------------------- */

static void sizes_are_in_the_unit_that_fits(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"}, {1023, "1023 B"}, {1024, "1.0 KiB"}, {1536, "1.5 KiB"}, {1048575, "1.0 MiB"},
        {5ull << 30, "5.0 GiB"}, {UINT64_MAX, "16.0 EiB"},
    };
    char out[CTL_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(ctl_size_text(cases[i].bytes, out), cases[i].text);
}

static void durations_have_at_most_two_units(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0 s"}, {59, "59 s"}, {60, "1 min"}, {61, "1 min 1 s"}, {3600, "1 h"}, {3659, "1 h"},
        {3660, "1 h 1 min"}, {86400, "1 d"}, {100000, "1 d 3 h"},
    };
    char out[CTL_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(ctl_duration_text(cases[i].seconds, out), cases[i].text);
}

static void the_progress_line_shows_bar_share_rate_and_time_left(void **state)
{
    struct ctl_progress p = {.total = 4096, .rate = 512};
    char line[256];

    (void)state;
    ctl_progress_line(&p, 1024, 0, line, sizeof line);
    assert_string_equal(line, "[##........]  25 %  1.0 KiB of 4.0 KiB  512 B/s  6 s left");
    ctl_progress_line(&p, 4096, 0, line, sizeof line);
    assert_string_equal(line, "[##########] 100 %  4.0 KiB of 4.0 KiB  512 B/s  0 s left");
    p.rate = 0;
    ctl_progress_line(&p, 0, 0, line, sizeof line);
    assert_string_equal(line, "[..........]   0 %  0 B of 4.0 KiB  0 B/s  ? left");
    p.total = 0;
    ctl_progress_line(&p, 9999, 0, line, sizeof line);
    assert_string_equal(line, "9.8 KiB  0 B/s");
}

static void the_progress_line_grows_with_the_terminal_and_not_for_ever(void **state)
{
    struct ctl_progress p = {.total = 1ull << 40, .rate = 1};
    char line[512];

    (void)state;
    ctl_progress_line(&p, 1ull << 39, 90, line, sizeof line);
    assert_int_equal(strchr(line, ']') - line, 30);
    ctl_progress_line(&p, UINT64_MAX, 100000, line, sizeof line);
    assert_true(strlen(line) < 250);
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
        cmocka_unit_test(widths_are_those_of_a_terminal),
        cmocka_unit_test(a_text_from_outside_cannot_steer_the_terminal),
        cmocka_unit_test(every_kind_of_field_has_its_text),
        cmocka_unit_test(sizes_are_in_the_unit_that_fits),
        cmocka_unit_test(durations_have_at_most_two_units),
        cmocka_unit_test(the_progress_line_shows_bar_share_rate_and_time_left),
        cmocka_unit_test(the_progress_line_grows_with_the_terminal_and_not_for_ever),
        cmocka_unit_test(paths_are_escaped_part_by_part),
        cmocka_unit_test(a_device_may_be_named_with_its_product),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
