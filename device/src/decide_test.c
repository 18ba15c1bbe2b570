#include "decide.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    G = FERRY__GO_ON,
    L = FERRY__LATER,
    N = FERRY__NEW_URL,
    W = FERRY__WHOLE,
    A = FERRY__RESTART,
    R = FERRY__REPORT,
    S = FERRY__STOP
};

/* Written down a second time, from the outside: what each HTTP status means to each kind of request. */
static const struct {
    int from, to;
    int put, probe, patch, get;
} http[] = {
    {0, 199, R, W, R, R},   {200, 200, G, G, G, G}, {201, 204, G, G, G, R},   {205, 205, R, W, R, R},
    {206, 206, R, W, R, G}, {207, 299, R, W, R, R}, {300, 399, N, W, N, N},   {400, 400, A, W, A, R},
    {401, 404, N, W, N, N},   {405, 405, R, W, W, R},
    {406, 407, R, W, R, R}, {408, 408, L, L, L, L}, {409, 409, L, W, L, R},   {410, 410, N, W, N, N},
    {411, 411, R, W, R, R}, {412, 412, N, W, N, A}, {413, 414, R, W, R, A},
    {415, 415, R, W, W, A}, {416, 416, R, W, R, A}, {417, 422, R, W, R, R},   {423, 429, L, L, L, L},
    {430, 499, R, W, R, R}, {500, 500, L, L, L, L}, {501, 501, R, W, W, R},   {502, 599, L, L, L, L},
 {600, 65535, R, W, R, R},
};

static void every_http_status_has_the_verdict_of_the_list(void **state)
{
    size_t row = 0;

    (void)state;
    for (int status = 0; status <= 65535; status++) {
        if (status > http[row].to)
            row++;
        assert_in_range(status, http[row].from, http[row].to);
        assert_int_equal(ferry__decide(FERRY__ON_PUT, status)->verdict, http[row].put);
        assert_int_equal(ferry__decide(FERRY__ON_PROBE, status)->verdict, http[row].probe);
        assert_int_equal(ferry__decide(FERRY__ON_PATCH, status)->verdict, http[row].patch);
        assert_int_equal(ferry__decide(FERRY__ON_GET, status)->verdict, http[row].get);
    }
    assert_int_equal(row, sizeof http / sizeof http[0] - 1);
}

static const struct {
    int fault, transfer, link;
} faults[] = {
    {FERRY_FAULT_NONE, G, G},        {FERRY_FAULT_DNS, L, L},    {FERRY_FAULT_CONNECT, L, L},
    {FERRY_FAULT_TIMEOUT, L, L},     {FERRY_FAULT_LOST, L, L},   {FERRY_FAULT_TLS, R, S},
    {FERRY_FAULT_GARBLED, L, L},     {FERRY_FAULT_READ, R, L},   {FERRY_FAULT_WRITE, R, L},
    {FERRY_FAULT_SPACE, R, L},       {FERRY_FAULT_NAME, R, L},   {FERRY_FAULT_REFUSED, L, S},
    {FERRY_FAULT_UNAVAILABLE, L, L}, {FERRY_FAULT_SYSTEM, L, L}, {FERRY_FAULT_GONE, A, L},
    {FERRY_FAULT_GONE + 1, L, L},
};

static void every_fault_has_the_verdict_of_the_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        assert_int_equal(faults[i].fault, i);
        assert_int_equal(ferry__decide(FERRY__ON_FAULT, faults[i].fault)->verdict, faults[i].transfer);
        assert_int_equal(ferry__decide(FERRY__ON_LINK, faults[i].fault)->verdict, faults[i].link);
    }
}

static const struct {
    int code, up, down;
} results[] = {
    {FERRY_RESULT_OK, G, G},
    {FERRY_RESULT_BAD_JSON, S, S},
    {FERRY_RESULT_BAD_NAME, S, S},
    {FERRY_RESULT_BAD_SIZE, S, S},
    {FERRY_RESULT_TOO_LARGE, S, S},
    {FERRY_RESULT_BAD_MD5, S, S},
    {FERRY_RESULT_QUOTA, S, S},
    {FERRY_RESULT_BUSY, L, L},
    {FERRY_RESULT_NO_TASK, N, S},
    {FERRY_RESULT_NO_OBJECT, N, S},
    {FERRY_RESULT_CANCELLED, S, S},
    {FERRY_RESULT_EXPIRED, N, N},
    {FERRY_RESULT_TOO_MANY_TASKS, L, S},
    {FERRY_RESULT_UNKNOWN_DEVICE, S, S},
    {FERRY_RESULT_INTERNAL, L, L},
    {FERRY_RESULT_FINISHED, S, S},
};

static void every_result_code_has_the_verdict_of_the_list(void **state)
{
    static const int unknown[] = {-1, -4, -1000, 16, 255, 32767, 32768, 65536 + 0, INT32_MAX, INT32_MIN};

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        assert_int_equal(results[i].code, i);
        assert_int_equal(ferry__decide(FERRY__ON_RESULT_UP, results[i].code)->verdict, results[i].up);
        assert_int_equal(ferry__decide(FERRY__ON_RESULT_DOWN, results[i].code)->verdict, results[i].down);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_int_equal(ferry__decide(FERRY__ON_RESULT_UP, unknown[i])->verdict, S);
        assert_int_equal(ferry__decide(FERRY__ON_RESULT_DOWN, unknown[i])->verdict, S);
    }
}

static void the_list_of_results_is_the_one_of_the_wire(void **state)
{
    int known = 0;

    (void)state;
#define X(name, number, text) known += (number) >= 0;
    FERRY_RESULT_LIST(X)
#undef X
    assert_int_equal(known, sizeof results / sizeof results[0]); /* a new code must be thought of here */
}

static void whatever_does_not_go_on_has_a_reason(void **state)
{
    (void)state;
    for (unsigned source = FERRY__ON_FAULT; source <= FERRY__ON_RESULT_DOWN; source <<= 1)
        for (int code = -100; code < 700; code++) {
            const ferry__rule *rule = ferry__decide(source, code);
            assert_true((rule->verdict == FERRY__GO_ON) == (rule->err == FERRY_DEVICE_OK));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_http_status_has_the_verdict_of_the_list),
        cmocka_unit_test(every_fault_has_the_verdict_of_the_list),
        cmocka_unit_test(every_result_code_has_the_verdict_of_the_list),
        cmocka_unit_test(the_list_of_results_is_the_one_of_the_wire),
        cmocka_unit_test(whatever_does_not_go_on_has_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
