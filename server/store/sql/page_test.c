/* The bounds of lists by name, as a database would get them. */
#include "page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BOUND_MAX = 8 };

/* A database that notes what is bound. */
struct noting_conn {
    struct store_conn base;
    char texts[BOUND_MAX + 1][PAGE_BOUND_SIZE];
};

static void note_begin(struct query *q)
{
    (void)q;
}

static void note_text(struct query *q, int at, const char *text)
{
    struct noting_conn *c = (struct noting_conn *)q->c;

    assert_in_range(at, 1, BOUND_MAX);
    assert_true(snprintf(c->texts[at], sizeof(c->texts[at]), "%s", text) < (int)sizeof(c->texts[at]));
}

static const struct sql_driver noting = {.begin = note_begin, .end = note_begin, .bind_text = note_text};

static ferry_err bind(struct noting_conn *c, const char *prefix)
{
    struct page_names names;
    query_auto q = {.c = &c->base};

    c->base.driver = &noting;
    sql_page_bind_prefix(&q, prefix, &names);
    return q.err;
}

#define CHARACTER_MAX "\xf4\x8f\xbf\xbf"

static void names_that_begin_so_are_within_the_bounds_and_no_others(void **state)
{
    static const struct {
        const char *prefix, *name;
        bool within;
    } rows[] = {
        {NULL, "", true},
        {NULL, CHARACTER_MAX CHARACTER_MAX, true},
        {"", "a", true},
        {"a", "a", true},
        {"a", "a" CHARACTER_MAX CHARACTER_MAX, true},
        {"a", "b", false},
        {"a", "", false},
        {"ab", "a", false},
        {"\xc3", "\xc3\x80", true},
        {"\xc3", "\xc3\xbfz", true},
        {"\xc3", "\xc2\xbf", false},
        {"\xc3", "\xc4\x80", false},
        {"x\xe2\x82", "x\xe2\x82\xac", true},
        {"x\xe2\x82", "x\xe2\x83\x80", false},
        {"\xe0", "\xe0\xa0\x80", true},
        {"\xe0", "\xe1\x80\x80", false},
        {"\xed", "\xed\x9f\xbf", true},
        {"\xed", "\xee\x80\x80", false},
        {"\xf0", "\xf0\x90\x80\x80", true},
        {"\xf0\x9f", "\xf0\x9f\x98\x80", true},
        {"\xf0\x9f\x98", "\xf0\x9f\x98\x80", true},
        {"\xf0\x9f\x98", "\xf0\x9f\x99\x80", false},
        {"\xf4", CHARACTER_MAX CHARACTER_MAX, true},
    };
    struct noting_conn c;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(bind(&c, rows[i].prefix), FERRY_OK);
        if ((strcmp(rows[i].name, c.texts[1]) >= 0 && strcmp(rows[i].name, c.texts[2]) < 0) != rows[i].within)
            fail_msg("row %zu: %s", i, rows[i].name);
    }
}

/* A name of nothing but the greatest character is below the bound. */
static void the_longest_and_greatest_name_is_below_the_bound(void **state)
{
    char name[FERRY_NAME_MAX + 1] = "";
    struct noting_conn c;

    (void)state;
    for (size_t len = 0; len + strlen(CHARACTER_MAX) <= FERRY_NAME_MAX; len += strlen(CHARACTER_MAX))
        memcpy(name + len, CHARACTER_MAX, sizeof(CHARACTER_MAX));
    assert_int_equal(bind(&c, NULL), FERRY_OK);
    assert_true(strcmp(name, c.texts[2]) < 0);
    assert_int_equal(bind(&c, name), FERRY_OK);
    assert_true(strcmp(name, c.texts[1]) >= 0 && strcmp(name, c.texts[2]) < 0);
}

/* Whether the text is UTF-8, by its own rules: some databases take nothing else. */
static bool is_utf8(const unsigned char *text)
{
    while (*text != 0) {
        size_t more = *text < 0x80 ? 0 : *text < 0xe0 ? 1 : *text < 0xf0 ? 2 : 3;
        bool wrong = (*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) || (*text == 0xf0 && text[1] < 0x90) ||
                     (*text == 0xf4 && text[1] > 0x8f);

        if (wrong || (*text >= 0x80 && *text < 0xc2) || *text > 0xf4)
            return false;
        for (text++; more > 0; more--, text++)
            if ((*text & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static void bounds_are_texts_when_the_prefix_begins_one(void **state)
{
    struct noting_conn c;

    (void)state;
    for (unsigned first = 0xc2; first < 0xf5; first++) {
        const char prefix[] = {'p', (char)first, '\0'};

        assert_int_equal(bind(&c, prefix), FERRY_OK);
        assert_true(is_utf8((const unsigned char *)c.texts[1]));
        assert_true(is_utf8((const unsigned char *)c.texts[2]));
    }
}

static void a_prefix_longer_than_a_name_is_refused(void **state)
{
    char prefix[FERRY_NAME_MAX + 2];
    struct noting_conn c;

    (void)state;
    memset(prefix, 0xf4, sizeof(prefix) - 1);
    prefix[sizeof(prefix) - 1] = '\0';
    assert_int_equal(bind(&c, prefix), FERRY_E_ARG);
    prefix[sizeof(prefix) - 2] = '\0';
    assert_int_equal(bind(&c, prefix), FERRY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_begin_so_are_within_the_bounds_and_no_others),
        cmocka_unit_test(the_longest_and_greatest_name_is_below_the_bound),
        cmocka_unit_test(bounds_are_texts_when_the_prefix_begins_one),
        cmocka_unit_test(a_prefix_longer_than_a_name_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
