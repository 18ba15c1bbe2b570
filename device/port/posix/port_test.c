/* The parts of the port that need no network. The rest: tests/faults/test_device_on_bad_days.py. */
#include "port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void the_credential_is_the_vendors(void **state)
{
    uint8_t secret[FERRY__SECRET_MAX];
    char user[FERRY__CREDENTIAL_SIZE], password[FERRY__CREDENTIAL_SIZE];
    size_t len;

    (void)state;
    /* computed apart: printf %s "$user" | openssl dgst -sha256 -hmac 0123456789abcdef */
    assert_int_equal(ferry__secret_decode("MDEyMzQ1Njc4OWFiY2RlZg==", secret, &len), FERRY_DEVICE_OK);
    assert_int_equal(len, 16);
    assert_memory_equal(secret, "0123456789abcdef", 16);
    assert_int_equal(ferry__credential("PRODTEST01", "base1", "2GkPl", secret, len, user, password), FERRY_DEVICE_OK);
    assert_string_equal(user, "PRODTEST01base1;21010406;2GkPl;92233720368547758");
    assert_string_equal(password, "847a90bc758a34d5339d316459b774a07a6ffb6c43e011483d35f3122007bb15;hmacsha256");
}

static void a_secret_is_base64_with_or_without_padding(void **state)
{
    static const char *const bad[] = {"", "=", "A", "AAAAA", "AA=A", "AA AA", "A*==", "\xff\xff\xff\xff"};
    uint8_t secret[FERRY__SECRET_MAX];
    char longest[FERRY__SECRET_MAX * 2];
    size_t len;

    (void)state;
    assert_int_equal(ferry__secret_decode("MDE", secret, &len), FERRY_DEVICE_OK);
    assert_int_equal(len, 2);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(ferry__secret_decode(bad[i], secret, &len), FERRY_DEVICE_E_ARG);
    memset(longest, 'A', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(ferry__secret_decode(longest, secret, &len), FERRY_DEVICE_E_ARG);
    for (size_t n = 0; n < sizeof longest; n++) {
        longest[n] = '\0';
        if (ferry__secret_decode(longest, secret, &len) == FERRY_DEVICE_OK)
            assert_true(len <= sizeof secret);
        longest[n] = 'A';
    }
}

static const struct {
    const char *url, *host;
    uint16_t port;
    bool tls;
} brokers[] = {
    {"mqtt://h", "h", 1883, false},
    {"mqtt://h/", "h", 1883, false},
    {"mqtt://h:1", "h", 1, false},
    {"mqtt://127.0.0.1:65535/", "127.0.0.1", 65535, false},
    {"mqtts://broker.example", "broker.example", 8883, true},
    {"mqtts://[::1]:99", "::1", 99, true},
    {"mqtt://[fe80::1]", "fe80::1", 1883, false},
    {"", NULL, 0, false},
    {"h", NULL, 0, false},
    {"http://h", NULL, 0, false},
    {"mqtt://", NULL, 0, false},
    {"mqtt://:1883", NULL, 0, false},
    {"mqtt://h:", NULL, 0, false},
    {"mqtt://h:0", NULL, 0, false},
    {"mqtt://h:65536", NULL, 0, false},
    {"mqtt://h:1x", NULL, 0, false},
    {"mqtt://h:-1", NULL, 0, false},
    {"mqtt://user@h", NULL, 0, false},
    {"mqtt://[::1", NULL, 0, false},
    {"mqtt://h/path", NULL, 0, false},
};

static void a_broker_is_a_scheme_a_host_and_perhaps_a_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof brokers / sizeof brokers[0]; i++) {
        char *host = NULL;
        uint16_t port = 0;
        bool tls = false;
        ferry_device_err err = ferry__broker_parse(brokers[i].url, &host, &port, &tls);
        assert_int_equal(err, brokers[i].host == NULL ? FERRY_DEVICE_E_ARG : FERRY_DEVICE_OK);
        if (brokers[i].host == NULL)
            continue;
        assert_string_equal(host, brokers[i].host);
        assert_int_equal(port, brokers[i].port);
        assert_int_equal(tls, brokers[i].tls);
        free(host);
    }
}

static void every_code_of_libcurl_is_some_fault(void **state)
{
    (void)state;
    assert_int_equal(ferry__http_fault(CURLE_OK), FERRY_FAULT_NONE);
    for (int code = CURLE_OK + 1; code < CURL_LAST; code++)
        assert_true(ferry__http_fault((CURLcode)code) > FERRY_FAULT_NONE);
    assert_int_equal(ferry__http_fault(CURLE_PEER_FAILED_VERIFICATION), FERRY_FAULT_TLS);
    assert_int_equal(ferry__http_fault(CURLE_PARTIAL_FILE), FERRY_FAULT_LOST);
}

static void a_full_disk_is_no_room_and_a_bad_name_is_a_bad_name(void **state)
{
    (void)state;
    assert_int_equal(ferry__fault_of_errno(ENOSPC, FERRY_FAULT_WRITE), FERRY_FAULT_SPACE);
    assert_int_equal(ferry__fault_of_errno(EDQUOT, FERRY_FAULT_WRITE), FERRY_FAULT_SPACE);
    assert_int_equal(ferry__fault_of_errno(ENAMETOOLONG, FERRY_FAULT_WRITE), FERRY_FAULT_NAME);
    assert_int_equal(ferry__fault_of_errno(EIO, FERRY_FAULT_WRITE), FERRY_FAULT_WRITE);
}

/* ---- options ---- */

static const struct ferry_options good = {
    .product = "p", .device = "d", .secret = "MDEyMzQ1Njc4OWFiY2RlZg==", .broker = "mqtt://127.0.0.1:1"};

static void options_that_cannot_work_are_refused_with_a_reason(void **state)
{
    struct ferry_options options;
    struct ferry *ferry = NULL;
    char why[FERRY_MESSAGE_SIZE];

    (void)state;
#define REFUSED(change, word)                                                    \
    do {                                                                         \
        options = good;                                                          \
        options.change;                                                          \
        assert_int_equal(ferry_open(&options, &ferry, why), FERRY_DEVICE_E_ARG); \
        assert_non_null(strstr(why, word));                                      \
        assert_null(ferry);                                                      \
    } while (0)
    REFUSED(product = NULL, "product");
    REFUSED(device = "a/b", "device");
    REFUSED(secret = NULL, "secret");
    REFUSED(secret = "***", "secret");
    REFUSED(broker = NULL, "mqtt://");
    REFUSED(broker = "localhost", "mqtt://");
    REFUSED(ca_file = "/nowhere/ca.pem", "/nowhere/ca.pem");
    REFUSED(cert_file = "/dev/null", "key");
    options = good;
    options.state_dir = "/proc/nowhere";
    assert_int_equal(ferry_open(&options, &ferry, why), FERRY_DEVICE_E_STORE);
    assert_non_null(strstr(why, "/proc/nowhere"));
    assert_null(ferry_close(NULL));
}

static void a_client_certificate_can_stand_for_the_secret_over_tls_only(void **state)
{
    struct ferry_options options = good;
    struct ferry *ferry = NULL;
    char why[FERRY_MESSAGE_SIZE];

    (void)state;
    options.secret = NULL;
    options.cert_file = options.key_file = "/dev/null";
    assert_int_equal(ferry_open(&options, &ferry, why), FERRY_DEVICE_E_ARG);
    assert_non_null(strstr(why, "mqtts://"));
    options.broker = "mqtts://127.0.0.1:1";
    assert_int_equal(ferry_open(&options, &ferry, why), FERRY_DEVICE_E_ARG);
    assert_non_null(strstr(why, "/dev/null")); /* that is all that is wrong now */
}

/* ---- what belongs to us ---- */

struct folder {
    char path[64];
    struct ferry *ferry;
};

static int folder_setup(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    struct ferry_options options = good;
    char why[FERRY_MESSAGE_SIZE];

    assert_non_null(folder);
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/ferry-port-test-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    options.state_dir = folder->path;
    assert_int_equal(ferry_open(&options, &folder->ferry, why), FERRY_DEVICE_OK);
    *state = folder;
    return 0;
}

static int folder_teardown(void **state)
{
    struct folder *folder = *state;
    char command[128];

    (void)ferry_close(folder->ferry);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder->path);
    int rc = system(command);
    free(folder);
    return rc;
}

static int make(const struct folder *folder, const char *name, const char *text)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void only_a_noted_and_unchanged_file_is_ours(void **state)
{
    struct folder *folder = *state;
    int ours = make(folder, "ours", "one"), other = make(folder, "other", "two");

    assert_false(ferry__received_is_ours(folder->ferry, ours));
    assert_int_equal(ferry__received_sync(folder->ferry, ours), FERRY_FAULT_NONE);
    assert_true(ferry__received_is_ours(folder->ferry, ours));
    assert_false(ferry__received_is_ours(folder->ferry, other));
    assert_int_equal(write(ours, "x", 1), 1);
    assert_false(ferry__received_is_ours(folder->ferry, ours));
    (void)close(ours);
    (void)close(other);
}

static void the_list_of_our_files_stays_small_and_keeps_the_newest(void **state)
{
    struct folder *folder = *state;
    struct stat st;
    int first = make(folder, "first", "1"), last = make(folder, "last", "2");

    assert_int_equal(ferry__received_sync(folder->ferry, first), FERRY_FAULT_NONE);
    char line[128];
    int list = openat(folder->ferry->state.dir_fd, "received", O_WRONLY | O_APPEND | O_CLOEXEC);
    for (unsigned i = 0; i < 20000; i++) {
        int n = snprintf(line, sizeof line, "%x %x %x %x.%x\n", i, i, i, i, i);
        assert_int_equal(write(list, line, (size_t)n), n);
    }
    (void)close(list);
    assert_int_equal(ferry__received_sync(folder->ferry, last), FERRY_FAULT_NONE);
    assert_true(ferry__received_is_ours(folder->ferry, last));
    assert_int_equal(fstatat(folder->ferry->state.dir_fd, "received", &st, 0), 0);
    assert_true(st.st_size < 300000);
    assert_false(ferry__received_is_ours(folder->ferry, first));
    (void)close(first);
    (void)close(last);
}

static void a_list_that_a_power_cut_tore_still_knows_its_whole_lines(void **state)
{
    static const char torn[] = "\0\0\0\n801 5f";
    struct folder *folder = *state;
    int before = make(folder, "before", "1"), after = make(folder, "after", "2");

    assert_int_equal(ferry__received_sync(folder->ferry, before), FERRY_FAULT_NONE);
    int list = openat(folder->ferry->state.dir_fd, "received", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(list, torn, sizeof torn - 1), sizeof torn - 1);
    (void)close(list);
    assert_int_equal(ferry__received_sync(folder->ferry, after), FERRY_FAULT_NONE);
    assert_true(ferry__received_is_ours(folder->ferry, before));
    assert_true(ferry__received_is_ours(folder->ferry, after));
    (void)close(before);
    (void)close(after);
}

/* The engine has checked it, but it may have stood in a file since. */
static void a_path_or_a_hidden_name_never_becomes_a_file(void **state)
{
    static const char *const names[] = {"../evil", "/tmp/evil", "a/b", ".hidden", ".", ".."};
    struct folder *folder = *state;
    struct stat st;

    assert_int_equal(ferry__folder_open(folder->ferry, folder->path), FERRY_DEVICE_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ferry_action act = {.kind = FERRY_ACT_OPEN, .lane = FERRY_LANE_DOWN, .name = names[i], .size = 1};
        ferry__part_open(folder->ferry, &act);
        assert_int_equal(folder->ferry->files.part_fd, -1);
        act.name = "good";
        ferry__part_open(folder->ferry, &act);
        assert_true(folder->ferry->files.part_fd >= 0);
        assert_int_equal(ferry__part_write(folder->ferry, "x", 1, 0), FERRY_FAULT_NONE);
        act.name = names[i];
        ferry__part_commit(folder->ferry, &act);
        assert_int_equal(fstatat(folder->ferry->files.dir_fd, folder->ferry->files.part_name, &st, 0), 0);
        ferry__part_discard(folder->ferry);
    }
}

static void two_processes_cannot_be_the_same_device(void **state)
{
    struct folder *folder = *state;
    struct ferry_options options = good;
    struct ferry *second = NULL;
    char why[FERRY_MESSAGE_SIZE];

    options.state_dir = folder->path;
    assert_int_equal(ferry_open(&options, &second, why), FERRY_DEVICE_E_BUSY);
    options.device = "another";
    assert_int_equal(ferry_open(&options, &second, why), FERRY_DEVICE_OK);
    (void)ferry_close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_credential_is_the_vendors),
        cmocka_unit_test(a_secret_is_base64_with_or_without_padding),
        cmocka_unit_test(a_broker_is_a_scheme_a_host_and_perhaps_a_port),
        cmocka_unit_test(every_code_of_libcurl_is_some_fault),
        cmocka_unit_test(a_full_disk_is_no_room_and_a_bad_name_is_a_bad_name),
        cmocka_unit_test(options_that_cannot_work_are_refused_with_a_reason),
        cmocka_unit_test(a_client_certificate_can_stand_for_the_secret_over_tls_only),
        cmocka_unit_test_setup_teardown(only_a_noted_and_unchanged_file_is_ours, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(the_list_of_our_files_stays_small_and_keeps_the_newest, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_list_that_a_power_cut_tore_still_knows_its_whole_lines, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_path_or_a_hidden_name_never_becomes_a_file, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(two_processes_cannot_be_the_same_device, folder_setup, folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
