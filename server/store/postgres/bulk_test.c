#include "bulk.h"

#include "dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One of each kind, by the letter that the tests call it. */
static const struct {
    char letter;
    statement which;
    int numbered; /* a column of numbers, in which the tests note which request it was */
} kinds[] = {
    {'U', STMT_UPLOAD_REPLACE, 4}, {'D', STMT_DOWNLOAD_REPLACE, 5}, {'R', STMT_REPORT_ADD, 1},
    {'X', STMT_REPORT_DROP, 1},    {'E', STMT_EVENT_APPEND, 0},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), WORDS_SIZE = 256, NUMBER_STEP = 12, ARRAY_HEAD = 20 };

struct world {
    struct pgs_stmt stmts[KINDS];
    struct pgs_queue queue;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    for (int i = 0; i < KINDS; i++) {
        assert_int_equal(pgs_rewrite(pgs_statements[kinds[i].which], &w->stmts[i].text), FERRY_OK);
        w->stmts[i].bulk = pgs_bulk_of(kinds[i].which);
    }
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    pgs_queue_done(&w->queue);
    for (int i = 0; i < KINDS; i++) {
        free(w->stmts[i].text.sql);
        if (w->stmts[i].many != NULL)
            free(w->stmts[i].many->text.sql);
        free(w->stmts[i].many);
    }
    free(w);
    return 0;
}

static int kind_of(char letter)
{
    int i = 0;

    while (kinds[i].letter != letter)
        i++;
    return i;
}

static void put(struct world *w, char letter, char task, int number)
{
    int kind = kind_of(letter);
    struct pgs_stmt *stmt = &w->stmts[kind];
    const char *columns = stmt->bulk->columns;

    for (int i = 0; columns[i] != '\0'; i++) {
        struct pgs_value *v = &stmt->values[i];

        (void)snprintf(v->small, sizeof(v->small), "%d", i == kinds[kind].numbered ? number : 7);
        v->bytes = columns[i] == 'b' ? memset(v->small, task, 16) : v->small;
        v->len = columns[i] == 'b' ? 16 : strlen(v->small);
        v->is_binary = columns[i] == 'b';
    }
    assert_int_equal(pgs_queue_stmt(&w->queue, stmt), FERRY_OK);
}

/* "Ua Rb |": an upload of task a, a report of b, another statement. */
static void put_all(struct world *w, const char *words)
{
    for (int number = 0; *words != '\0'; words += words[1] == ' ' || words[1] == '\0' ? 1 : 2, words += *words == ' ', number++) {
        if (*words == '|')
            assert_int_equal(pgs_queue_text(&w->queue, "SELECT 1"), FERRY_OK);
        else
            put(w, *words, words[1], number);
    }
}

static char letter_of(struct world *w, const struct pgs_request *r)
{
    for (int i = 0; i < KINDS; i++)
        if (r->stmt == &w->stmts[i] || (r->stmt != NULL && r->stmt == w->stmts[i].many))
            return kinds[i].letter;
    return '|';
}

/* "U2 R |": the statements, with their rows. */
static void assert_statements(struct world *w, const char *want)
{
    char got[WORDS_SIZE] = "";
    size_t len = 0;

    for (size_t i = 0; i < w->queue.count; i++) {
        const struct pgs_request *r = w->queue.items[i];

        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%c", i > 0 ? " " : "", letter_of(w, r));
        if (r->rows > 0)
            len += (size_t)snprintf(got + len, sizeof(got) - len, "%zu", r->rows);
    }
    assert_string_equal(got, want);
    pgs_queue_cut(&w->queue, 0);
}

static void rows_stand_with_those_of_their_kind_and_tasks_keep_their_order(void **state)
{
    static const struct {
        const char *put, *want;
    } cases[] = {
        {"Ua Ub Uc", "U3"},
        {"Ua", "U"},
        {"Ra Ua Rb Ub Rc Uc", "R3 U3"},
        {"Ra Xa Ua Rb Xb Ub", "R2 X2 U2"},
        {"Ua Ub Ua", "U2 U"},                 /* what the first put of a task counts is counted */
        {"Ra Ra Rb", "R3"},                   /* reports of a task have numbers of their own */
        {"Ua Ra Ua Ra", "U R U R"},
        {"Ra Ua Rb Ra Ub Ua", "R2 U2 R U"},
        {"Da Ub Db Ua", "D U2 D"},            /* one id in two tables: nobody knows */
        {"Ea Ua Ea Ub Ea", "E3 U2"},          /* events are about nothing but their own order */
        {"Ua Ub | Uc Ud", "U2 | U2"},
        {"Ua | Ub", "U | U"},
        {"| | Ua Ub Uc |", "| | U3 |"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_all(w, cases[i].put);
        assert_int_equal(pgs_bulk_join(&w->queue, SIZE_MAX, 0), FERRY_OK);
        assert_statements(w, cases[i].want);
    }
}

static void statement_whose_result_is_wanted_stays_alone(void **state)
{
    struct world *w = *state;

    put_all(w, "Ua Ub Uc Ud Ue Uf");
    assert_int_equal(pgs_bulk_join(&w->queue, 2, 1), FERRY_OK);
    assert_statements(w, "U2 U U3");
}

static void statement_has_no_more_rows_than_its_patience_allows(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 2 * PGS_BULK_ROWS_MAX + 1; i++)
        put(w, 'R', 'a', i);
    assert_int_equal(pgs_bulk_join(&w->queue, SIZE_MAX, 0), FERRY_OK);
    assert_statements(w, "R1024 R1024 R");
}

static void arrays_are_what_the_server_reads(void **state)
{
    static const char numbers[] = "\0\0\0\1\0\0\0\1\0\0\0\24\0\0\0\2\0\0\0\1" "\0\0\0\10\377\377\377\377\377\377\377\376" "\0\0\0\10\0\0\0\1\0\0\0\2";
    static const char texts[] = "\0\0\0\1\0\0\0\1\0\0\0\31\0\0\0\2\0\0\0\1" "\0\0\0\2ab" "\377\377\377\377";
    struct world *w = *state;
    struct pgs_stmt *stmt = &w->stmts[kind_of('R')];
    const struct pgs_request *r;

    for (int i = 0; i < 2; i++) {
        put(w, 'R', 'a', 0);
        pgs_queue_cut(&w->queue, (size_t)i);
        stmt->values[1].bytes = i == 0 ? "-2" : "4294967298";
        stmt->values[1].len = strlen(stmt->values[1].bytes);
        stmt->values[6].bytes = i == 0 ? "ab" : NULL;
        stmt->values[6].len = 2;
        assert_int_equal(pgs_queue_stmt(&w->queue, stmt), FERRY_OK);
    }
    assert_int_equal(pgs_bulk_join(&w->queue, SIZE_MAX, 0), FERRY_OK);
    assert_int_equal(w->queue.count, 1);
    r = w->queue.items[0];
    assert_int_equal(r->lengths[1], sizeof(numbers) - 1);
    assert_memory_equal(r->values[1], numbers, sizeof(numbers) - 1);
    assert_int_equal(r->lengths[6], sizeof(texts) - 1);
    assert_memory_equal(r->values[6], texts, sizeof(texts) - 1);
    assert_int_equal(r->types[1], INT8_ARRAY_OID);
    assert_int_equal(r->types[6], TEXT_ARRAY_OID);
}

/* Which request a row was, and what it is about. */
struct row {
    char letter, task;
    int number;
};

static struct row row_of(struct world *w, const struct pgs_request *r, size_t at)
{
    struct row row = {.letter = letter_of(w, r)};
    int column = kinds[kind_of(row.letter)].numbered;

    if (r->rows == 0) {
        row.task = r->values[0][0];
        row.number = (int)strtol(r->values[column], NULL, 10);
        return row;
    }
    row.task = r->values[0][ARRAY_HEAD + at * (sizeof(uint32_t) + 16) + sizeof(uint32_t)];
    for (size_t i = 0; i < sizeof(uint32_t); i++)
        row.number = row.number << 8 | (unsigned char)r->values[column][ARRAY_HEAD + (at + 1) * NUMBER_STEP - sizeof(uint32_t) + i];
    return row;
}

/* Each task's requests come in their order, each once, and no put of a task stands beside another. */
static void check_order(struct world *w, int count)
{
    int last[256], seen = 0;

    memset(last, -1, sizeof(last));
    for (size_t i = 0; i < w->queue.count; i++) {
        const struct pgs_request *r = w->queue.items[i];
        bool is_here[256] = {false};

        for (size_t at = 0; at < (r->rows > 0 ? r->rows : 1); at++, seen++) {
            struct row row = row_of(w, r, at);

            assert_true(row.number > last[(unsigned char)row.task]);
            last[(unsigned char)row.task] = row.number;
            assert_false(is_here[(unsigned char)row.task] && (row.letter == 'U' || row.letter == 'D'));
            is_here[(unsigned char)row.task] = true;
        }
    }
    assert_int_equal(seen, count);
}

static void whatever_comes_the_order_of_each_task_is_kept(void **state)
{
    struct world *w = *state;
    unsigned seed = 1;

    for (int round = 0; round < 300; round++) {
        int count = 1 + round % 60;

        for (int i = 0; i < count; i++) {
            seed = seed * 1103515245u + 12345u;
            put(w, "UDRX"[seed >> 16 & 3], (char)('a' + (seed >> 20) % (1 + (unsigned)round % 9)), i);
        }
        assert_int_equal(pgs_bulk_join(&w->queue, SIZE_MAX, 0), FERRY_OK);
        check_order(w, count);
        pgs_queue_cut(&w->queue, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_stand_with_those_of_their_kind_and_tasks_keep_their_order),
        TEST(statement_whose_result_is_wanted_stays_alone),
        TEST(statement_has_no_more_rows_than_its_patience_allows),
        TEST(arrays_are_what_the_server_reads),
        TEST(whatever_comes_the_order_of_each_task_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
