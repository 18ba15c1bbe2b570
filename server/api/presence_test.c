#include "api/presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LONGEST "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:" /* 64 characters */

static void what_is_written_is_read_back(void **state)
{
    static const struct presence_head heads[] = {
        {.kind = PRESENCE_CHANGES, .seq = 1},
        {.kind = PRESENCE_CHANGES, .seq = 999999999999999999},
        {.kind = PRESENCE_ALL, .seq = 0, .part = 0, .end = true},
        {.kind = PRESENCE_ALL, .seq = 7, .part = 12, .end = false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        ferry_autobuf buf = FERRY_BUF_INIT(PRESENCE_MESSAGE_MAX);
        struct presence_head head = {.seq = 3};
        struct presence_line line;
        assert_int_equal(presence_write_head(&buf, &heads[i]), FERRY_OK);
        assert_int_equal(presence_write_line(&buf, true, 1700000000000, LONGEST "/" LONGEST), FERRY_OK);
        assert_int_equal(presence_write_line(&buf, false, 0, "P/d"), FERRY_OK);
        ferry_text text = {buf.data, buf.len};
        assert_true(presence_read_head(&text, &head));
        assert_int_equal(head.kind, heads[i].kind);
        assert_int_equal(head.seq, heads[i].seq);
        assert_int_equal(head.part, heads[i].part);
        assert_int_equal(head.end, heads[i].end);
        assert_true(presence_read_line(&text, &line));
        assert_true(line.online && line.since_ms == 1700000000000);
        assert_string_equal(line.name, LONGEST "/" LONGEST);
        assert_true(presence_read_line(&text, &line));
        assert_true(!line.online && line.since_ms == 0);
        assert_string_equal(line.name, "P/d");
        assert_int_equal(text.len, 0);
    }
}

static void any_other_text_is_refused(void **state)
{
    static const char *const heads[] = {"", "\n", "changes\n", "changes 1", "changes 1 \n", "changes -1\n", "change 1\n",
                                        "changes 1000000000000000000\n", "all 1\n", "all 1 2\n", "all 1 2 3\n",
                                        "all 1 x end\n", "all 1 2 end \n", "everything 1\n"};
    static const char *const lines[] = {"\n", "+\n", "+1\n", "+1 \n", "1 P/d\n", "*1 P/d\n", "+x P/d\n", "+1 Pd\n",
                                        "+1 P/\n", "+1 /d\n", "+1 P/d/e\n", "+1 P/d e\n", "+1 P/d", "+ P/d\n",
                                        "-1 P/" LONGEST "x\n"};

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        ferry_text text = ferry_text_of(heads[i]);
        struct presence_head head;
        if (presence_read_head(&text, &head))
            fail_msg("accepted %s", heads[i]);
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ferry_text text = ferry_text_of(lines[i]);
        struct presence_line line;
        if (presence_read_line(&text, &line))
            fail_msg("accepted %s", lines[i]);
    }
}

static void answers_are_read_back_and_nothing_else(void **state)
{
    static const uint64_t numbers[] = {0, 17, 999999999999999999, PRESENCE_NO_SEQ};
    static const char *const others[] = {"", "presenc", "presence ", "presence x", "presence 1 ", "presence  1", "P/presence",
                                         "presence -1", "presence 1000000000000000000"};
    uint64_t seq = 5;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[PRESENCE_ASK_SIZE];
        presence_write_ask(numbers[i], text);
        assert_true(presence_read_ask(ferry_text_of(text), &seq));
        assert_true(seq == numbers[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (presence_read_ask(ferry_text_of(others[i]), &seq))
            fail_msg("accepted %s", others[i]);
    assert_false(presence_read_ask((ferry_text){NULL, 0}, &seq));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(any_other_text_is_refused),
        cmocka_unit_test(answers_are_read_back_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
