#include "rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static void parameters_get_their_numbers(void **state)
{
    static const struct {
        const char *sql, *want;
        unsigned last;
    } cases[] = {
        {"SELECT 1", "SELECT 1", 0},
        {"?", "$1", 1},
        {"a = ? AND b = ?", "a = $1 AND b = $2", 2},
        {"a = ?2 OR a = ?1", "a = $2 OR a = $1", 2},
        {"?12?3", "$12$3", 12},
        {"VALUES (?, ?5, ?)", "VALUES ($1, $5, $6)", 6},
        {"a = '?' AND b = 'it''s ?' AND c = ?", "a = '?' AND b = 'it''s ?' AND c = $1", 1},
        {"", "", 0},
        {"?40", "$40", 40},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pgs_text text;

        assert_int_equal(pgs_rewrite(cases[i].sql, &text), FERRY_OK);
        assert_string_equal(text.sql, cases[i].want);
        assert_int_equal(text.last, cases[i].last);
        free(text.sql);
    }
}

static void what_is_no_parameter_is_refused(void **state)
{
    static const char *const refused[] = {"?0", "?41", "?99999999999999999999"};
    struct pgs_text text;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_int_equal(pgs_rewrite(refused[i], &text), FERRY_E_ARG);
}

static void text_says_what_it_is(void **state)
{
    static const struct {
        const char *sql;
        bool reads, selects_values, may_exist;
    } cases[] = {
        {"SELECT a FROM b", true, false, false},
        {"WITH x AS (SELECT 1) SELECT * FROM x", true, false, false},
        {"UPDATE a SET b = ?", false, false, false},
        {"INSERT INTO a VALUES (?)", false, false, true},
        {"INSERT INTO a SELECT ?, b FROM c", false, true, true},
        {"INSERT INTO a SELECT ?, b FROM c ON CONFLICT DO NOTHING", false, true, false},
        {"INSERT INTO a VALUES (?) ON CONFLICT (b) DO UPDATE SET c = 1", false, false, false},
        {"DELETE FROM a WHERE id IN (SELECT id FROM b) RETURNING id", true, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pgs_text text;

        assert_int_equal(pgs_rewrite(cases[i].sql, &text), FERRY_OK);
        assert_int_equal(text.reads, cases[i].reads);
        assert_int_equal(text.selects_values, cases[i].selects_values);
        assert_int_equal(text.may_exist, cases[i].may_exist);
        free(text.sql);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_get_their_numbers),
        cmocka_unit_test(what_is_no_parameter_is_refused),
        cmocka_unit_test(text_says_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
