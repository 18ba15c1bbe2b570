/* Which texts are times for the API, and which are not. */
#include "api_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void times_are_read_to_the_millisecond(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms; /* 0: refused */
    } rows[] = {
        {"2026-01-02T03:04:05Z", 1767323045000},     {"2026-01-02T03:04:05.678Z", 1767323045678},
        {"2026-01-02", 1767312000000},               {"1970-01-01T00:00:01Z", 1000},
        {"1970-01-01", 0},                           {"2026-01-02T03:04:05", 0},
        {"2026-01-02T03:04:05.6Z", 0},               {"2026-01-02T03:04:05.6789Z", 0},
        {"2026-01-02T03:04:05+01:00", 0},            {"2026-01-02 03:04:05Z", 0},
        {"2026-02-30x", 0},                          {"2026-13-01", 0},
        {"", 0},                                     {"now", 0},
        {"2026-01-02Z", 0},                          {"2026-01-02T03:04:05ZZ", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t ms = 0;
        if (api_time_read(rows[i].text, &ms) != (rows[i].ms != 0) || ms != rows[i].ms)
            fail_msg("\"%s\" became %llu", rows[i].text, (unsigned long long)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times_are_read_to_the_millisecond)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
