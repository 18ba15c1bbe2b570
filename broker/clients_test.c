#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clients.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

enum { MANY = 5000 };

/* Addresses like those of a heap: 16 bytes apart and more. */
static char memory[MANY * 16];

static const void *address(unsigned i)
{
    return &memory[(size_t)i * 16];
}

static struct principal client_number(unsigned i)
{
    struct principal who = {.key = {.product = "p"}};

    (void)snprintf(who.key.device, sizeof(who.key.device), "%u", i);
    return who;
}

static void put(struct clients *table, unsigned i)
{
    struct principal who = client_number(i);

    assert_int_equal(clients_put(table, address(i), &who, "id", NULL), FERRY_OK);
}

static void expect(const struct clients *table, unsigned i, bool there)
{
    const struct client *found = clients_find(table, address(i));

    assert_int_equal(found != NULL, there);
    if (there)
        assert_true(strtoul(found->who.key.device, NULL, 10) == i);
}

static void an_empty_table_has_nobody(void **state)
{
    struct clients table;

    (void)state;
    clients_init(&table);
    expect(&table, 0, false);
    clients_remove(&table, address(0));
    clients_done(&table);
}

static void clients_are_found_until_they_are_removed(void **state)
{
    struct clients table;
    bool there[MANY] = {false};
    uint32_t seed = 1;

    (void)state;
    clients_init(&table);
    for (unsigned step = 0; step < 40000; step++) {
        unsigned i;

        seed = seed * 1664525 + 1013904223;
        i = (seed >> 8) % MANY;
        if ((seed >> 30) != 0)
            put(&table, i);
        else
            clients_remove(&table, address(i));
        there[i] = (seed >> 30) != 0;
    }
    for (unsigned i = 0; i < MANY; i++)
        expect(&table, i, there[i]);
    for (unsigned i = 0; i < MANY; i++)
        clients_remove(&table, address(i));
    assert_int_equal(table.used, 0);
    for (unsigned i = 0; i < MANY; i++)
        expect(&table, i, false);
    clients_done(&table);
}

static void a_new_connection_at_an_old_address_replaces_who_was_there(void **state)
{
    struct clients table;
    struct principal other = client_number(7);

    (void)state;
    clients_init(&table);
    put(&table, 3);
    assert_int_equal(clients_put(&table, address(3), &other, "other", NULL), FERRY_OK);
    assert_string_equal(clients_find(&table, address(3))->client_id, "other");
    assert_string_equal(clients_find(&table, address(3))->who.key.device, "7");
    assert_int_equal(table.used, 1);
    clients_done(&table);
}

static void a_walk_meets_everybody_once(void **state)
{
    struct clients table;
    unsigned met[100] = {0};

    (void)state;
    clients_init(&table);
    assert_null(clients_next(&table, NULL));
    for (unsigned i = 0; i < 100; i++)
        put(&table, i);
    for (struct client *c = clients_next(&table, NULL); c != NULL; c = clients_next(&table, c))
        met[strtoul(c->who.key.device, NULL, 10)]++;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(met[i], 1);
    clients_done(&table);
}

static void a_lack_of_memory_changes_nothing(void **state)
{
    struct clients table;
    struct principal first = client_number(0), late = client_number(1);

    (void)state;
    clients_init(&table);
    ferry_alloc_fail_at(1);
    assert_int_equal(clients_put(&table, address(0), &first, "id", NULL), FERRY_E_NOMEM);
    put(&table, 0);
    for (unsigned allocation = 1; allocation <= 2; allocation++) {
        ferry_alloc_fail_at(allocation);
        assert_int_equal(clients_put(&table, address(1), &late, "id", NULL), FERRY_E_NOMEM);
    }
    expect(&table, 0, true);
    expect(&table, 1, false);
    clients_done(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_has_nobody),
        cmocka_unit_test(clients_are_found_until_they_are_removed),
        cmocka_unit_test(a_new_connection_at_an_old_address_replaces_who_was_there),
        cmocka_unit_test(a_walk_meets_everybody_once),
        cmocka_unit_test(a_lack_of_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
