#include "http_framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct head {
    const char *headers[5][2];
    framing_verdict verdict, in_1_0;
};

static void framing_is_good_only_when_everybody_reads_it_alike(void **state)
{
    static const struct head heads[] = {
        {{{NULL}}, FRAMING_GOOD, FRAMING_GOOD},
        {{{"Host", "h"}, {"Content-Length", "5"}}, FRAMING_GOOD, FRAMING_GOOD},
        {{{"Transfer-Encoding", "chunked"}}, FRAMING_GOOD, FRAMING_CODING},
        {{{"transfer-encoding", "CHUNKED \t"}}, FRAMING_GOOD, FRAMING_CODING},
        {{{"Content-Length", "5"}, {"content-length", "6"}}, FRAMING_LENGTHS, FRAMING_LENGTHS},
        {{{"Content-Length", "5"}, {"Content-Length", "5"}}, FRAMING_LENGTHS, FRAMING_LENGTHS},
        {{{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}, FRAMING_BOTH, FRAMING_BOTH},
        {{{"Transfer-Encoding", "chunked"}, {"CONTENT-LENGTH", "0"}}, FRAMING_BOTH, FRAMING_BOTH},
        {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}, FRAMING_CODING, FRAMING_CODING},
        {{{"Transfer-Encoding", "xchunked"}}, FRAMING_CODING, FRAMING_CODING},
        {{{"Transfer-Encoding", "identity"}}, FRAMING_CODING, FRAMING_CODING},
        {{{"Transfer-Encoding", "gzip, chunked"}}, FRAMING_CODING, FRAMING_CODING},
        {{{"Transfer-Encoding", ""}}, FRAMING_CODING, FRAMING_CODING},
        {{{"Transfer-Encoding", "\vchunked"}}, FRAMING_VALUE, FRAMING_VALUE},
        {{{"Transfer-Encoding ", "chunked"}, {"Content-Length", "5"}}, FRAMING_NAME, FRAMING_NAME},
        {{{" X", "y"}}, FRAMING_NAME, FRAMING_NAME},
        {{{"", "y"}}, FRAMING_NAME, FRAMING_NAME},
        {{{"X\r", "y"}}, FRAMING_NAME, FRAMING_NAME},
        {{{"X(", "y"}}, FRAMING_NAME, FRAMING_NAME},
        {{{"\xc3\xa9", "y"}}, FRAMING_NAME, FRAMING_NAME},
        {{{"X", "a\rContent-Length: 0"}}, FRAMING_VALUE, FRAMING_VALUE},
        {{{"X", "a\x7f"}}, FRAMING_VALUE, FRAMING_VALUE},
        {{{"X", "a\tb \xc3\xa9"}}, FRAMING_GOOD, FRAMING_GOOD},
        {{{"Host", "a"}, {"hOst", "a"}}, FRAMING_HOSTS, FRAMING_HOSTS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct framing framing = {.lengths = 0};
        for (size_t h = 0; h < 5 && heads[i].headers[h][0] != NULL; h++) {
            const char *const *header = heads[i].headers[h];
            framing_header(&framing, header[0], strlen(header[0]), header[1], strlen(header[1]));
        }
        if (framing_judge(&framing, false) != heads[i].verdict || framing_judge(&framing, true) != heads[i].in_1_0)
            fail_msg("row %zu", i);
    }
}

static void nul_in_a_value_is_seen(void **state)
{
    struct framing framing = {.lengths = 0};
    (void)state;
    framing_header(&framing, "X", 1, "a\0b", 3);
    assert_int_equal(framing_judge(&framing, false), FRAMING_VALUE);
}

static void every_verdict_has_its_sentence(void **state)
{
    (void)state;
    for (int verdict = FRAMING_GOOD + 1; verdict < FRAMING_VERDICTS; verdict++)
        assert_non_null(framing_text((framing_verdict)verdict));
}

int main(void)
{
    const struct CMUnitTest rules[] = {
        cmocka_unit_test(framing_is_good_only_when_everybody_reads_it_alike),
        cmocka_unit_test(nul_in_a_value_is_seen),
        cmocka_unit_test(every_verdict_has_its_sentence),
    };
    return cmocka_run_group_tests(rules, NULL, NULL);
}
