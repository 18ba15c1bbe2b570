#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CAUGHT_MAX = 8192 };

/* Standard error goes into a pipe until release() puts it back and returns what was written. */
struct catcher {
    int saved, read_end;
    char text[CAUGHT_MAX];
};

static void catch(struct catcher *c)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    c->saved = dup(STDERR_FILENO);
    c->read_end = ends[0];
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    (void)close(ends[1]);
}

static const char *release(struct catcher *c)
{
    ssize_t len;

    assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
    (void)close(c->saved);
    len = read(c->read_end, c->text, sizeof(c->text) - 1);
    (void)close(c->read_end);
    assert_true(len >= 0);
    c->text[len] = '\0';
    return c->text;
}

static int reset_level(void **state)
{
    (void)state;
    ferry_log_set_level(FERRY_LOG_INFO);
    return 0;
}

static void line_has_time_level_area_and_message(void **state)
{
    struct catcher c;
    const char *line;

    (void)state;
    catch(&c);
    ferry_log(FERRY_LOG_INFO, "broker", "started %s, pid %d", "mosquitto", 4711);
    line = release(&c);
    for (const char *form = "dddd-dd-ddTdd:dd:dd.dddZ "; *form != '\0'; form++, line++) {
        if (*form == 'd')
            assert_in_range(*line, '0', '9');
        else
            assert_int_equal(*line, *form);
    }
    assert_string_equal(line, "info  broker: started mosquitto, pid 4711\n");
}

static void a_line_may_be_an_object(void **state)
{
    struct catcher c;
    char long_text[5000];
    const char *line;

    (void)state;
    memset(long_text, '"', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    ferry_log_set_json(true);
    catch(&c);
    ferry_log(FERRY_LOG_WARN, "broker", "a \"b\" \\ \n\xff \xc3\xa9");
    line = release(&c);
    assert_memory_equal(line, "{\"time\":\"", 9);
    assert_string_equal(strstr(line, "\",\"level\""),
                        "\",\"level\":\"warn\",\"area\":\"broker\",\"message\":\"a \\\"b\\\" \\\\  ? \xc3\xa9\"}\n");
    catch(&c);
    ferry_log(FERRY_LOG_INFO, "a", "%s", long_text);
    line = release(&c);
    ferry_log_set_json(false);
    size_t len = strlen(line);
    assert_in_range(len, 2000, 2100);
    assert_string_equal(line + len - 5, "\\\"\"}\n");
}

static void lines_above_the_level_are_dropped(void **state)
{
    static const char *const names[] = {" error a: 0\n", " warn  a: 1\n", " info  a: 2\n", " debug a: 3\n"};

    (void)state;
    for (int level = FERRY_LOG_ERROR; level <= FERRY_LOG_DEBUG; level++) {
        struct catcher c;
        const char *text;

        ferry_log_set_level((ferry_log_level)level);
        catch(&c);
        for (int i = FERRY_LOG_ERROR; i <= FERRY_LOG_DEBUG; i++)
            ferry_log((ferry_log_level)i, "a", "%d", i);
        text = release(&c);
        for (int i = FERRY_LOG_ERROR; i <= FERRY_LOG_DEBUG; i++)
            assert_int_equal(strstr(text, names[i]) != NULL, i <= level);
    }
}

static void message_cannot_begin_a_line_of_its_own(void **state)
{
    struct catcher c;
    const char *text;

    (void)state;
    catch(&c);
    ferry_log(FERRY_LOG_ERROR, "a", "one\nerror b: two\r\x1b[2J");
    text = release(&c);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_null(strpbrk(text, "\r\x1b"));
    assert_non_null(strstr(text, "a: one error b: two"));
}

static void message_that_is_too_long_is_cut_to_one_line(void **state)
{
    struct catcher c;
    const char *text;

    (void)state;
    catch(&c);
    ferry_log(FERRY_LOG_ERROR, "a", "%05000d", 7);
    text = release(&c);
    assert_in_range(strlen(text), 2000, 2048);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void line_of_any_length_keeps_its_end(void **state)
{
    char area[3000];

    (void)state;
    memset(area, 'a', sizeof(area) - 1);
    area[sizeof(area) - 1] = '\0';
    for (int len = 1950; len < 2060; len++) {
        struct catcher c;
        const char *text;

        catch(&c);
        ferry_log(FERRY_LOG_ERROR, len % 2 == 0 ? "a" : area, "%0*d", len, 7);
        text = release(&c);
        assert_in_range(strlen(text), 1950, 2048);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    }
}

static void errno_is_shown_and_kept(void **state)
{
    struct catcher c;
    const char *text;
    int kept;

    (void)state;
    catch(&c);
    errno = ENOENT;
    ferry_log(FERRY_LOG_ERROR, "a", "open: %m");
    kept = errno;
    text = release(&c);
    assert_int_equal(kept, ENOENT);
    assert_non_null(strstr(text, "a: open: No such file or directory\n"));
    errno = ENOSPC;
    c.saved = dup(STDERR_FILENO);
    (void)close(STDERR_FILENO);
    ferry_log(FERRY_LOG_ERROR, "a", "nobody hears this");
    kept = errno;
    assert_true(dup2(c.saved, STDERR_FILENO) >= 0);
    (void)close(c.saved);
    assert_int_equal(kept, ENOSPC);
}

static void level_is_read_by_its_name(void **state)
{
    ferry_log_level level = FERRY_LOG_INFO;

    (void)state;
    assert_true(ferry_log_level_parse("debug", &level));
    assert_int_equal(level, FERRY_LOG_DEBUG);
    assert_true(ferry_log_level_parse("error", &level));
    assert_int_equal(level, FERRY_LOG_ERROR);
    assert_false(ferry_log_level_parse("Error", &level));
    assert_false(ferry_log_level_parse("", &level));
    assert_int_equal(level, FERRY_LOG_ERROR);
}

static void quote_shows_what_is_printable_and_escapes_the_rest(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *quoted;
    } table[] = {
        {"", 0, "\"\""},
        {"abc 1", 5, "\"abc 1\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"a\0b\n\x7f", 5, "\"a\\x00b\\x0a\\x7f\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xc2\x85\xc2\xa0", 4, "\"\\xc2\\x85\xc2\xa0\""},
        {"\xc2\xbf\xc3\xbf", 4, "\"\xc2\xbf\xc3\xbf\""},
        {"\xff\xc3(\xed\xa0\x80", 6, "\"\\xff\\xc3(\\xed\\xa0\\x80\""},
        {"\xe2\x82", 2, "\"\\xe2\\x82\""},
        {"\xf0\x9f\x98x", 4, "\"\\xf0\\x9f\\x98x\""},
    };
    char out[FERRY_LOG_QUOTE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        assert_string_equal(ferry_log_quote(table[i].bytes, table[i].len, out), table[i].quoted);
    assert_ptr_equal(ferry_log_quote("x", 1, out), out);
}

static void quote_of_any_length_fits_and_says_that_it_was_cut(void **state)
{
    static const char *const units[] = {"a", "\n", "\xe2\x82\xac", "\""};
    enum { BIG = 70000 };
    char *bytes = malloc(BIG);

    (void)state;
    assert_non_null(bytes);
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        size_t unit = strlen(units[u]);

        for (size_t i = 0; i + unit <= BIG; i += unit)
            memcpy(bytes + i, units[u], unit);
        for (size_t len = 0; len <= BIG - unit; len = len < 300 ? len + unit : len * 7 / unit * unit) {
            char out[FERRY_LOG_QUOTE_SIZE];
            size_t used = strlen(ferry_log_quote(bytes, len, out));

            assert_true(used < sizeof(out));
            assert_int_equal(out[0], '"');
            if (len >= FERRY_LOG_QUOTE_SIZE)
                assert_string_equal(out + used - 4, "\"...");
        }
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(line_has_time_level_area_and_message, reset_level),
        cmocka_unit_test_teardown(a_line_may_be_an_object, reset_level),
        cmocka_unit_test_teardown(lines_above_the_level_are_dropped, reset_level),
        cmocka_unit_test_teardown(message_cannot_begin_a_line_of_its_own, reset_level),
        cmocka_unit_test_teardown(message_that_is_too_long_is_cut_to_one_line, reset_level),
        cmocka_unit_test_teardown(line_of_any_length_keeps_its_end, reset_level),
        cmocka_unit_test_teardown(errno_is_shown_and_kept, reset_level),
        cmocka_unit_test(level_is_read_by_its_name),
        cmocka_unit_test(quote_shows_what_is_printable_and_escapes_the_rest),
        cmocka_unit_test(quote_of_any_length_fits_and_says_that_it_was_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
