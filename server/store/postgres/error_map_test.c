#include "error_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_state_has_one_meaning(void **state)
{
    static const struct {
        const char *sqlstate;
        ferry_err want;
    } cases[] = {
        {NULL, FERRY_E_NETWORK},      {"00000", FERRY_OK},           {"08006", FERRY_E_NETWORK},  {"08001", FERRY_E_NETWORK},
        {"08P01", FERRY_E_IO},        {"0A000", FERRY_E_UNSUPPORTED}, {"22003", FERRY_E_ARG},      {"22021", FERRY_E_ARG},
        {"23505", FERRY_E_EXISTS},    {"23503", FERRY_E_NOT_FOUND},  {"23514", FERRY_E_ARG},      {"23502", FERRY_E_NOT_FOUND},
        {"25006", FERRY_E_READONLY},  {"25P02", FERRY_E_IO},         {"25P03", FERRY_E_NETWORK},  {"28P01", FERRY_E_DENIED},
        {"28000", FERRY_E_DENIED},    {"3D000", FERRY_E_NOT_FOUND},  {"40001", FERRY_E_AGAIN},    {"40P01", FERRY_E_AGAIN},
        {"40003", FERRY_E_NETWORK},   {"42501", FERRY_E_DENIED},     {"42P01", FERRY_E_CORRUPT},  {"42P07", FERRY_E_CORRUPT},
        {"42601", FERRY_E_IO},        {"53100", FERRY_E_FULL},       {"53200", FERRY_E_NOMEM},    {"53300", FERRY_E_BUSY},
        {"54000", FERRY_E_LIMIT},     {"55P03", FERRY_E_BUSY},       {"57014", FERRY_E_BUSY},     {"57P01", FERRY_E_NETWORK},
        {"57P02", FERRY_E_NETWORK},   {"57P03", FERRY_E_NETWORK},    {"58030", FERRY_E_IO},       {"XX000", FERRY_E_IO},
        {"XX001", FERRY_E_CORRUPT},   {"", FERRY_E_IO},              {"5", FERRY_E_IO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(ferry_err_name(pgs_error_map(cases[i].sqlstate)), ferry_err_name(cases[i].want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_state_has_one_meaning)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
