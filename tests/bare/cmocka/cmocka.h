/**
 * @file cmocka.h
 * @brief The part of cmocka's interface that the unit tests of the engine use, for boards without an operating system.
 *
 * cmocka itself needs one. The names and their meaning are its own, so the same tests compile
 * against either; what a test uses beyond this does not compile here and must be added.
 */
#ifndef BARE_CMOCKA_H
#define BARE_CMOCKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*setup)(void **state); /* a status other than 0 fails the test */
    int (*teardown)(void **state);
};

#define cmocka_unit_test(function) cmocka_unit_test_setup_teardown(function, NULL, NULL)
#define cmocka_unit_test_setup(function, setup) cmocka_unit_test_setup_teardown(function, setup, NULL)
#define cmocka_unit_test_teardown(function, teardown) cmocka_unit_test_setup_teardown(function, NULL, teardown)
#define cmocka_unit_test_setup_teardown(function, setup, teardown) \
    {                                                              \
#function, function, setup, teardown                       \
    }
#define cmocka_run_group_tests(tests, setup, teardown) \
    bare_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

/* Each ends the test and prints file and line when it does not hold. */
#define assert_true(condition) bare_assert((condition) ? true : false, #condition, __FILE__, __LINE__)
#define assert_false(condition) bare_assert((condition) ? false : true, "!(" #condition ")", __FILE__, __LINE__)
#define assert_null(pointer) assert_true((pointer) == NULL)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b) assert_true((const void *)(a) != (const void *)(b))
#define assert_int_equal(a, b) bare_numbers((uint64_t)(a), (uint64_t)(b), true, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) bare_numbers((uint64_t)(a), (uint64_t)(b), false, __FILE__, __LINE__)
#define assert_in_range(value, least, most) \
    bare_range((uint64_t)(value), (uint64_t)(least), (uint64_t)(most), __FILE__, __LINE__)
#define assert_string_equal(a, b) bare_strings(a, b, true, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) bare_strings(a, b, false, __FILE__, __LINE__)
#define assert_memory_equal(a, b, len) bare_memory(a, b, len, true, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, len) bare_memory(a, b, len, false, __FILE__, __LINE__)
#define fail() bare_assert(false, "fail()", __FILE__, __LINE__)
#define fail_msg(...) bare_fail(__FILE__, __LINE__, __VA_ARGS__)

/** @brief Runs all of them, also after one has failed; the number of those that failed. */
int bare_run(const struct CMUnitTest *tests, size_t count, int (*setup)(void **state), int (*teardown)(void **state));

void bare_assert(bool holds, const char *what, const char *file, int line);
void bare_numbers(uint64_t a, uint64_t b, bool equal, const char *file, int line);
void bare_range(uint64_t value, uint64_t least, uint64_t most, const char *file, int line);
void bare_strings(const char *a, const char *b, bool equal, const char *file, int line);
void bare_memory(const void *a, const void *b, size_t len, bool equal, const char *file, int line);
__attribute__((format(printf, 3, 4))) _Noreturn void bare_fail(const char *file, int line, const char *format, ...);

#endif
