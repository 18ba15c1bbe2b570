#include "store/any.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void addresses_are_shown_without_a_password(void **state)
{
    static const struct {
        const char *address, *want;
    } cases[] = {
        {"/var/lib/ferry/ferry.db", "/var/lib/ferry/ferry.db"},
        {"postgresql://ferry:hush@db:5432/ferry", "postgresql://ferry@db:5432/ferry"},
        {"postgresql://ferry:h%40sh@a:1,b:2/x?target_session_attrs=any", "postgresql://ferry@a,b:1,2/x"},
        {"postgresql://db/ferry?user=ann&password=hush", "postgresql://ann@db/ferry"},
        {"postgres://ferry:hush@/ferry?host=/run/postgresql", "postgresql://ferry@/run/postgresql/ferry"},
        {"postgresql://ferry:hu%zz@db/ferry", "postgresql://..."},
        {"postgresql://", "postgresql:///"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char shown[STORE_ANY_TEXT_SIZE];

        store_any_show(cases[i].address, shown);
        assert_string_equal(shown, cases[i].want);
    }
}

static void what_is_wrong_with_an_address_does_not_show_its_password(void **state)
{
    static const struct {
        const char *address;
        bool good;
    } cases[] = {
        {"postgresql://ferry:hush@db/ferry", true},
        {"postgres://a,b/ferry?connect_timeout=5", true},
        {"postgresql://ferry:hush@db:hush/ferry", true}, /* a port is looked at when it is used */
        {"postgresql://ferry:hush%zz@db/ferry", false},
        {"postgresql://ferry:hush@[::1/ferry", false},
        {"postgresql://ferry:hush@db/ferry?hush", false},
        {"postgresql://ferry:hush@db/ferry?colour=blue", false},
        {"postgresql://ferry:hush@db/ferry?password=hush=hush", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char problem[STORE_ANY_TEXT_SIZE] = "";
        ferry_err err = store_any_check_server(cases[i].address, problem);

        assert_int_equal(err, cases[i].good ? FERRY_OK : FERRY_E_FORMAT);
        assert_int_equal(problem[0] == '\0', cases[i].good);
        assert_null(strstr(problem, "hush"));
    }
}

static void address_says_which_store_it_is(void **state)
{
    static const struct {
        const char *address, *name;
    } cases[] = {{"/tmp/ferry.db", "sqlite"}, {"postgresql://db/ferry", "postgres"}, {"postgresql:/x", "sqlite"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store *s = NULL;
        char text[STORE_ANY_TEXT_SIZE];

        assert_int_equal(store_any_open(&(struct store_any_config){.address = cases[i].address}, &s), FERRY_OK);
        assert_string_equal(s->ops->name, cases[i].name);
        store_any_explain(s, FERRY_E_BUSY, text);
        assert_string_equal(text, ferry_err_text(FERRY_E_BUSY));
        s->ops->close(s);
    }
}

static void server_that_is_not_there_is_told_in_its_words(void **state)
{
    struct store *s = NULL;
    struct store_conn *c = NULL;
    char text[STORE_ANY_TEXT_SIZE];

    (void)state;
    assert_int_equal(store_any_open(&(struct store_any_config){.address = "postgresql://ferry:hush@127.0.0.1:1/ferry"}, &s), FERRY_OK);
    assert_int_equal(s->ops->connect(s, STORE_WRITER, &c), FERRY_E_NETWORK);
    store_any_explain(s, FERRY_E_NETWORK, text);
    assert_non_null(strstr(text, "127.0.0.1"));
    assert_null(strstr(text, "hush"));
    assert_null(strchr(text, '\n'));
    s->ops->close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_shown_without_a_password),
        cmocka_unit_test(what_is_wrong_with_an_address_does_not_show_its_password),
        cmocka_unit_test(address_says_which_store_it_is),
        cmocka_unit_test(server_that_is_not_there_is_told_in_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
