/* Sizes, times, and the progress line at every width. */
#include "progress.h"

#include "columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void sizes_are_in_the_unit_that_fits(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},           {1023, "1023 B"},        {1024, "1.0 KiB"},        {1536, "1.5 KiB"},
        {1048575, "1.0 MiB"}, {5ull << 30, "5.0 GiB"}, {UINT64_MAX, "16.0 EiB"},
    };
    char out[PROGRESS_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(progress_size_text(cases[i].bytes, out), cases[i].text);
}

static void durations_have_at_most_two_units(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0 s"},    {59, "59 s"},        {60, "1 min"},  {61, "1 min 1 s"},   {3600, "1 h"},
        {3659, "1 h"}, {3660, "1 h 1 min"}, {86400, "1 d"}, {100000, "1 d 3 h"},
    };
    char out[PROGRESS_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(progress_duration_text(cases[i].seconds, out), cases[i].text);
}

static struct progress at_rate(const char *label, uint64_t total, uint64_t rate)
{
    return (struct progress){.label = label, .total = total, .rate = rate};
}

static void the_line_shows_name_bar_share_bytes_rate_and_time_left(void **state)
{
    char line[PROGRESS_LINE_SIZE];
    struct progress p = at_rate("a.bin", 4096, 512);

    (void)state;
    progress_line(&p, 1024, 79, line);
    assert_string_equal(line, "a.bin  [###.........]   25 %  1.0 of 4.0 KiB  512 B/s  0:06 left");
    progress_line(&p, 4096, 79, line);
    assert_string_equal(line, "a.bin  [############]  100 %  4.0 of 4.0 KiB  512 B/s  0:00 left");
    p.rate = 0;
    progress_line(&p, 0, 79, line);
    assert_string_equal(line, "a.bin  [............]    0 %  0.0 of 4.0 KiB  0 B/s  ? left");
    p.total = 0;
    progress_line(&p, 9999, 79, line);
    assert_string_equal(line, "a.bin  9.8 KiB  0 B/s");
}

static void the_time_left_is_read_like_a_clock(void **state)
{
    static const struct {
        uint64_t bytes, rate;
        const char *text;
    } cases[] = {
        {59, 1, "0:59 left"},        {3599, 1, "59:59 left"}, {3600, 1, "1:00:00 left"}, {86399, 1, "23:59:59 left"},
        {100000, 1, "1 d 3 h left"}, {10, 3, "0:04 left"},    {10, 0, "? left"},
    };
    char line[PROGRESS_LINE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct progress p = at_rate("", cases[i].bytes, cases[i].rate);
        progress_line(&p, 0, 79, line);
        assert_string_equal(line + strlen(line) - strlen(cases[i].text), cases[i].text);
    }
}

static void a_narrow_terminal_loses_whole_parts_the_least_important_first(void **state)
{
    static const struct {
        size_t width;
        const char *line;
    } cases[] = {
        {79, "name.bin  [####.....]   50 %  50.0 of 100.0 MiB  1.0 MiB/s  0:50 left"},
        {78, "name.bin  [###############...............]   50 %  1.0 MiB/s  0:50 left"},
        {57, "name.bin  [####.....]   50 %  1.0 MiB/s  0:50 left"},
        {56, "[#########.........]   50 %  1.0 MiB/s  0:50 left"},
        {46, "name.bin   50 %  1.0 MiB/s  0:50 left"},
        {34, " 50 %  1.0 MiB/s  0:50 left"},
        {29, " 50 %  0:50 left"},
        {19, " 50 %  1.0 MiB/s"},
        {18, "[####.....]   50 %"},
        {14, " 50 %"},
        {5, " 50 %"},
        {4, ""},
        {0, ""},
    };
    struct progress p = at_rate("name.bin", 100 << 20, 1 << 20);
    char line[PROGRESS_LINE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        progress_line(&p, 50 << 20, cases[i].width, line);
        assert_string_equal(line, cases[i].line);
    }
}

static void no_line_is_wider_than_its_terminal(void **state)
{
    static const char *const labels[] = {
        "",
        "x",
        "a long name that cannot be shown whole anywhere.tar.gz",
        ("\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae"
         "\xe6\xb8\xa1\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae\xe6\xb8\xa1"),
        "\xf0\x9f\x9a\xa2.bin",
        "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
    };
    static const uint64_t sizes[] = {0, 1, 1023, 1ull << 30, UINT64_MAX};
    char line[PROGRESS_LINE_SIZE];

    (void)state;
    for (size_t label = 0; label < sizeof labels / sizeof labels[0]; label++)
        for (size_t size = 0; size < sizeof sizes / sizeof sizes[0]; size++)
            for (size_t rate = 0; rate < sizeof sizes / sizeof sizes[0]; rate++)
                for (size_t width = 0; width < 200; width++) {
                    struct progress p = at_rate(labels[label], sizes[size], sizes[rate]);
                    progress_line(&p, sizes[size] / 3, width, line);
                    assert_true(columns_of(line) <= width);
                }
}

static void a_name_of_wide_characters_is_cut_between_two_of_them(void **state)
{
    struct progress p = at_rate("\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae\xe6\xb8\xa1", 100, 1);
    char line[PROGRESS_LINE_SIZE];

    (void)state;
    progress_line(&p, 0, 57, line); /* 9 columns for the name: four characters of two, and one column stays free */
    assert_memory_equal(line, "\xe8\xbd\xae\xe6\xb8\xa1\xe8\xbd\xae\xe6\xb8\xa1  [", 15);
}

static void the_line_does_not_grow_for_ever(void **state)
{
    struct progress p = at_rate("", 1ull << 40, 1);
    char line[PROGRESS_LINE_SIZE];

    (void)state;
    progress_line(&p, UINT64_MAX, 100000, line);
    assert_true(strlen(line) <= 120);
}

static void the_rate_is_that_of_the_last_seconds_and_a_new_transfer_begins_anew(void **state)
{
    struct progress p;
    uint64_t done = 0;

    (void)state;
    progress_init(&p, stderr, true);
    progress_begin(&p, "a", 1 << 20, 0, 1000);
    for (uint64_t now = 1000; now <= 9000; now += 100, done += 100)
        progress_update(&p, done, now);
    assert_int_equal(p.rate, 1000);
    for (uint64_t now = 9100; now <= 20000; now += 100) /* nothing moves any more */
        progress_update(&p, done, now);
    assert_int_equal(p.rate, 0);
    progress_begin(&p, "b", 1 << 20, 500000, 20000); /* one that is half done already */
    progress_update(&p, 501000, 21000);
    assert_int_equal(p.rate, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_in_the_unit_that_fits),
        cmocka_unit_test(durations_have_at_most_two_units),
        cmocka_unit_test(the_line_shows_name_bar_share_bytes_rate_and_time_left),
        cmocka_unit_test(the_time_left_is_read_like_a_clock),
        cmocka_unit_test(a_narrow_terminal_loses_whole_parts_the_least_important_first),
        cmocka_unit_test(no_line_is_wider_than_its_terminal),
        cmocka_unit_test(a_name_of_wide_characters_is_cut_between_two_of_them),
        cmocka_unit_test(the_line_does_not_grow_for_ever),
        cmocka_unit_test(the_rate_is_that_of_the_last_seconds_and_a_new_transfer_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
