#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_make.h"
#include "tls_pem.h"

#include "base/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct made {
    struct ferry_buf ca, ca_key, cert, key;
};

static void make(const struct tls_wish *wish, struct made *made)
{
    *made = (struct made){FERRY_BUF_INIT(TLS_PEM_MAX), FERRY_BUF_INIT(TLS_PEM_MAX), FERRY_BUF_INIT(TLS_PEM_MAX),
                          FERRY_BUF_INIT(TLS_PEM_MAX)};
    assert_int_equal(tls_make_ca("A root", 10, &made->ca, &made->ca_key), FERRY_OK);
    assert_int_equal(tls_make_signed(made->ca.data, made->ca_key.data, wish, &made->cert, &made->key), FERRY_OK);
}

static void made_done(struct made *made)
{
    ferry_buf_done(&made->ca);
    ferry_buf_done(&made->ca_key);
    ferry_buf_done(&made->cert);
    ferry_buf_done(&made->key);
}

static void names_are_host_names_and_addresses(void **state)
{
    static const char *const good[] = {"a", "files.example", "x-1.y", "*.example", "10.1.2.3", "::1", "2001:db8::1"};
    static const char *const wrong[] = {"", ".", "a.", ".a", "a..b", "a b", "a,b", "a:1", "*", "*.", "a.*", "a/b",
                                        "http://a", "a\nb", "[::1]"};
    char label[70];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(tls_name_ok(good[i]));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(tls_name_ok(wrong[i]));
    memset(label, 'a', sizeof(label));
    label[63] = '\0';
    assert_true(tls_name_ok(label));
    label[63] = 'a';
    label[64] = '\0';
    assert_false(tls_name_ok(label));
}

static void a_certificate_is_for_its_names_only(void **state)
{
    static const char *const names[] = {"files.example", "10.1.2.3", "::1"};
    const struct tls_wish wish = {.common_name = "cn.example", .names = names, .name_count = 3, .days = 5};
    char *found[TLS_NAMES_MAX];
    struct made made;
    size_t count;

    (void)state;
    make(&wish, &made);
    for (size_t i = 0; i < 3; i++)
        assert_true(tls_cert_is_for(made.cert.data, names[i]));
    assert_false(tls_cert_is_for(made.cert.data, "cn.example"));
    assert_false(tls_cert_is_for(made.cert.data, "10.1.2.4"));
    assert_int_equal(tls_names_of(made.cert.data, found, &count), FERRY_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(found[i], names[i]);
        free(found[i]);
    }
    made_done(&made);
}

static void a_root_and_another_ones_key_sign_nothing(void **state)
{
    const struct tls_wish wish = {.common_name = "p/d", .device = true, .days = 5};
    ferry_autobuf cert = FERRY_BUF_INIT(TLS_PEM_MAX), key = FERRY_BUF_INIT(TLS_PEM_MAX);
    struct made made;

    (void)state;
    make(&wish, &made);
    assert_int_equal(tls_make_signed(made.ca.data, made.key.data, &wish, &cert, &key), FERRY_E_FORMAT);
    assert_int_equal(tls_make_signed("garbage", made.ca_key.data, &wish, &cert, &key), FERRY_E_FORMAT);
    assert_int_equal(cert.len, 0);
    made_done(&made);
}

static void a_pair_is_read_back_with_its_dates_and_its_subject(void **state)
{
    const struct tls_wish wish = {.common_name = "a\nb", .days = 5};
    char folder[] = "/tmp/ferry-tls-XXXXXX", cert[64], key[64], problem[TLS_PROBLEM_SIZE];
    uint64_t now_s = ferry_wall_ms() / 1000;
    struct tls_pair pair;
    struct made made;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(cert, sizeof(cert), "%s/cert", folder);
    (void)snprintf(key, sizeof(key), "%s/key", folder);
    make(&wish, &made);
    assert_int_equal(ferry_file_replace(cert, made.cert.data, made.cert.len, 0644), FERRY_OK);
    assert_int_equal(ferry_file_replace(key, made.key.data, made.key.len, 0600), FERRY_OK);
    assert_int_equal(tls_pair_read(cert, key, &pair, problem), FERRY_OK);
    assert_string_equal(pair.subject, "CN=a\\0Ab"); /* nothing that breaks a line of the log */
    assert_in_range(pair.starts_s, now_s - TLS_BACKDATE_S - 60, now_s - TLS_BACKDATE_S + 60);
    assert_in_range(pair.expires_s, now_s + 5 * 86400 - 60, now_s + 5 * 86400 + 60);
    tls_pair_done(&pair);
    assert_int_equal(ferry_file_replace(key, made.ca_key.data, made.ca_key.len, 0600), FERRY_OK);
    assert_int_equal(tls_pair_read(cert, key, &pair, problem), FERRY_E_FORMAT);
    assert_non_null(strstr(problem, "does not belong"));
    made_done(&made);
    (void)unlink(cert);
    (void)unlink(key);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_host_names_and_addresses),
        cmocka_unit_test(a_certificate_is_for_its_names_only),
        cmocka_unit_test(a_root_and_another_ones_key_sign_nothing),
        cmocka_unit_test(a_pair_is_read_back_with_its_dates_and_its_subject),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
