/* Slow, silent and too many clients; slow disks; the end of the plane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "object_plane_world.h"

#include "base/alloc.h"
#include "base/system.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_up(void **state)
{
    *state = world_open(false);
    return 0;
}

static int tear_down(void **state)
{
    world_close(*state);
    return 0;
}

static void restart_with(struct world *w, const struct object_plane_limits *limits)
{
    world_plane_stop(w);
    w->limits = *limits;
    world_plane_start(w);
}

static void expect(struct http_answer answer, int status)
{
    if (answer.status != status)
        fail_msg("status %d instead of %d: %s", answer.status, status, answer.head);
    answer_done(&answer);
}

/* Sends a byte every 20 ms until the platform closes; gives the milliseconds, or limit_ms. */
static uint64_t drip(int fd, const char *text, uint64_t limit_ms)
{
    uint64_t start_ms = ferry_mono_ms();
    size_t len = strlen(text);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    for (size_t i = 0; ferry_mono_ms() - start_ms < limit_ms; i++) {
        (void)client_try_send(fd, &text[i % len], 1);
        if (poll(&poll_fd, 1, 20) == 1)
            break;
    }
    return ferry_mono_ms() - start_ms;
}

static void expect_closed(int fd)
{
    char rest[16];
    assert_true(recv(fd, rest, sizeof rest, 0) <= 0);
    close(fd);
}

/* --- slow clients ----------------------------------------------------------------------------------- */

static void head_that_drips_is_cut(void **state)
{
    struct world *w = *state;
    struct object_plane_limits limits = w->limits;
    limits.head_ms = 300;
    restart_with(w, &limits);
    int dripping = client_connect(w), silent = client_connect(w);
    assert_in_range(drip(dripping, "GET /o/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 5000), 300, 2500);
    expect_closed(dripping);
    expect_closed(silent);
}

static void connection_may_rest_between_requests_but_not_for_ever(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    struct object_plane_limits limits = w->limits;
    limits.head_ms = 200;
    limits.idle_ms = 1500;
    restart_with(w, &limits);
    world_get_path(w, &w->small_download, path);
    int fd = client_connect(w);
    for (unsigned i = 0; i < 2; i++) {
        client_say(fd, "GET %s HTTP/1.1\r\nHost: h\r\n" UA "\r\n", path);
        expect(client_read(fd, false, 0), 200);
        usleep(900 * 1000);
    }
    client_say(fd, "GET %s HTTP/1.1\r\nHost: h\r\n" UA "\r\n", path);
    expect(client_read(fd, false, 0), 200);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, 5000), 1);
    expect_closed(fd);
}

static void body_below_the_minimum_rate_is_cut_and_one_at_the_vendors_pace_is_not(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    struct object_plane_limits limits = w->limits;
    limits.rate_window_ms = 600;
    restart_with(w, &limits);
    world_put_path(w, &w->upload, path);
    int slow = client_connect(w), vendor = client_connect(w);
    client_say(slow, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", path, WORLD_UPLOAD_BYTES);
    assert_in_range(drip(slow, "zzzz", 5000), 600, 2500);
    expect_closed(slow);
    world_put_path(w, &w->upload2, path);
    client_say(vendor, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", path, WORLD_UPLOAD_BYTES);
    for (unsigned at = 0; at < WORLD_UPLOAD_BYTES; at += 5000) {
        client_send(vendor, w->upload_bytes + at, 5000);
        usleep(40 * 1000);
    }
    expect(client_read(vendor, false, 0), 200);
    close(vendor);
    for (unsigned i = 0; i < 100 && world_temporary_files(w) > 0; i++)
        usleep(10 * 1000);
    assert_int_equal(world_temporary_files(w), 0);
    assert_false(world_has_object(w, &w->upload));
}

static void answer_that_nobody_takes_is_cut(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX], rest[4096];
    struct object_plane_limits limits = w->limits;
    limits.rate_window_ms = 600;
    w->send_buffer_bytes = 8192;
    restart_with(w, &limits);
    world_get_path(w, &w->download, path);
    int fd = client_connect_with_buffer(w, 4096);
    client_say(fd, "GET %s HTTP/1.1\r\nHost: h\r\n" UA "\r\n", path);
    usleep(2500 * 1000);
    size_t total = 0;
    ssize_t got;
    while ((got = recv(fd, rest, sizeof rest, 0)) > 0)
        total += (size_t)got;
    assert_true(total < WORLD_BIG_BYTES);
    close(fd);
}

enum { CROWD = 1000 };

static void a_thousand_slow_connections_stop_nobody(void **state)
{
    struct world *w = *state;
    char put_path[WORLD_URL_MAX], get_path[WORLD_URL_MAX];
    int *crowd = calloc(CROWD, sizeof *crowd);
    struct object_plane_limits limits = w->limits;
    limits.device_transfers_max = 0; /* the crowd has a good URL of the one device here */
    restart_with(w, &limits);
    world_put_path(w, &w->upload, put_path);
    world_get_path(w, &w->download, get_path);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = client_connect(w);
        if (i % 2)
            client_say(crowd[i], "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\nx", put_path,
                       WORLD_UPLOAD_BYTES);
        else
            client_say(crowd[i], "GET /o/");
    }
    for (unsigned turn = 0; turn < 3; turn++) {
        for (unsigned i = 0; i < CROWD; i++)
            client_say(crowd[i], "x");
        uint64_t start_ms = ferry_mono_ms();
        expect(http(w, "GET", get_path, UA, NULL, 0), 200);
        world_put_path(w, &w->small_upload, put_path);
        expect(http(w, "PUT", put_path, UA "Content-Length: 1000\r\n", w->upload_bytes, WORLD_SMALL_BYTES), 200);
        assert_true(ferry_mono_ms() - start_ms < 2000);
    }
    for (unsigned i = 0; i < CROWD; i++)
        close(crowd[i]);
    free(crowd);
    for (unsigned i = 0; i < 500 && world_temporary_files(w) > 0; i++)
        usleep(10 * 1000);
    assert_int_equal(world_temporary_files(w), 0);
}

/* --- too many ---------------------------------------------------------------------------------------- */

static void expect_busy(struct http_answer answer)
{
    assert_non_null(answer_header(&answer, "Retry-After"));
    assert_string_equal(answer_header(&answer, "Connection"), "close");
    assert_non_null(strstr((const char *)answer.body, "<Code>SlowDown</Code>"));
    expect(answer, 503);
}

/* As soon as the platform has seen that others are gone, there is room again. */
static void expect_room_again(struct world *w, const char *path)
{
    struct http_answer answer = {.status = 503};
    for (unsigned i = 0; i < 200 && answer.status == 503; i++) {
        answer = http(w, "GET", path, UA, NULL, 0);
        answer_done(&answer);
        usleep(10 * 1000);
    }
    assert_int_equal(answer.status, 200);
}

static void connections_over_the_limit_are_told_to_come_again(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    for (unsigned per_address = 0; per_address < 2; per_address++) {
        struct object_plane_limits limits = w->limits;
        int held[3];
        limits.connections_max = per_address ? 100 : 3;
        limits.per_address_max = per_address ? 3 : 0;
        restart_with(w, &limits);
        world_get_path(w, &w->small_download, path);
        for (unsigned i = 0; i < 3; i++) {
            held[i] = client_connect(w);
            client_say(held[i], "GET %s HTTP/1.1\r\nHost: h\r\n" UA "\r\n", path);
            expect(client_read(held[i], false, 0), 200);
        }
        expect_busy(http(w, "GET", path, UA, NULL, 0));
        expect_busy(http(w, "PUT", path, UA "Content-Length: 5\r\n", "hello", 5));
        expect(http(w, "GET", path, "", NULL, 0), 404); /* a vendor device would hang at 503 */
        for (unsigned i = 0; i < 3; i++)
            close(held[i]);
        expect_room_again(w, path);
    }
}

static void uploads_over_the_limit_are_told_to_come_again(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    struct object_plane_limits limits = w->limits;
    limits.uploads_max = 1;
    restart_with(w, &limits);
    world_put_path(w, &w->upload, path);
    int fd = client_connect(w);
    client_say(fd, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\nx", path, WORLD_UPLOAD_BYTES);
    for (unsigned i = 0; i < 200 && world_temporary_files(w) == 0; i++)
        usleep(10 * 1000);
    world_put_path(w, &w->small_upload, path);
    struct http_answer answer = http(w, "PUT", path, UA "Content-Length: 1000\r\n", w->upload_bytes, WORLD_SMALL_BYTES);
    assert_non_null(answer_header(&answer, "Retry-After"));
    expect(answer, 503);
    world_get_path(w, &w->small_download, path);
    expect(http(w, "GET", path, UA, NULL, 0), 200);
    close(fd);
    world_put_path(w, &w->small_upload, path);
    answer.status = 503;
    for (unsigned i = 0; i < 200 && answer.status == 503; i++) {
        answer = http(w, "PUT", path, UA "Content-Length: 1000\r\n", w->upload_bytes, WORLD_SMALL_BYTES);
        answer_done(&answer);
        usleep(10 * 1000);
    }
    assert_int_equal(answer.status, 200);
}

/* Holds a device's whole share, looks at who is refused, and lets go. */
static void expect_share(struct world *w, unsigned holders, const ferry_id *next, int status)
{
    char path[WORLD_URL_MAX];
    int held[2];
    for (unsigned i = 0; i < holders; i++) {
        world_put_path(w, i == 0 ? &w->upload : &w->upload2, path);
        held[i] = client_connect(w);
        client_say(held[i], "PUT %s HTTP/1.1\r\nHost: h\r\n" UA "Content-Length: %d\r\n\r\nx", path, WORLD_UPLOAD_BYTES);
        for (unsigned turn = 0; turn < 300 && world_temporary_files(w) <= i; turn++)
            usleep(10 * 1000);
        assert_int_equal(world_temporary_files(w), i + 1);
    }
    world_put_path(w, next, path);
    struct http_answer answer = http(w, "PUT", path, UA "Content-Length: 1000\r\n", w->upload_bytes, WORLD_SMALL_BYTES);
    if (status == 503)
        assert_non_null(answer_header(&answer, "Retry-After"));
    answer_expect(answer, status, status == 503 ? "SlowDown" : "");
    for (unsigned i = 0; i < holders; i++)
        close(held[i]);
    for (unsigned turn = 0; turn < 300 && world_temporary_files(w) > 0; turn++)
        usleep(10 * 1000);
    assert_int_equal(world_temporary_files(w), 0);
}

static void transfers_of_one_device_at_a_time_are_bounded(void **state)
{
    struct world *w = *state;
    struct object_plane_limits limits = w->limits;
    limits.device_transfers_max = 2;
    restart_with(w, &limits);
    expect_share(w, 2, &w->small_upload, 503);
    expect_share(w, 1, &w->small_upload, 200); /* what has ended counts no more */
}

static void expect_bytes_bounded(struct world *w, uint64_t *bytes_max)
{
    struct object_plane_limits limits = w->limits;
    *bytes_max = WORLD_UPLOAD_BYTES + WORLD_SMALL_BYTES;
    restart_with(w, &limits);
    expect_share(w, 1, &w->small_upload, 200);
    *bytes_max = WORLD_UPLOAD_BYTES + WORLD_SMALL_BYTES - 1;
    restart_with(w, &limits);
    expect_share(w, 1, &w->small_upload, 503);
    *bytes_max = 1;
    restart_with(w, &limits);
    expect_share(w, 0, &w->small_upload, 200);
}

static void bytes_of_one_device_under_way_are_bounded_but_one_file_may_always(void **state)
{
    struct world *w = *state;
    expect_bytes_bounded(w, &w->device_bytes_max);
}

static void bytes_of_one_address_under_way_are_bounded_but_one_file_may_always(void **state)
{
    struct world *w = *state;
    expect_bytes_bounded(w, &w->address_bytes_max);
}

static void expect_rate(struct world *w, const char *path, unsigned may)
{
    for (unsigned i = 0; i < may; i++)
        expect(http(w, "GET", path, UA, NULL, 0), 200);
    struct http_answer answer = http(w, "GET", path, UA, NULL, 0);
    assert_non_null(answer_header(&answer, "Retry-After"));
    answer_expect(answer, 503, "SlowDown");
    answer_expect(http(w, "GET", path, "", NULL, 0), 404, "NoSuchKey"); /* a vendor device would hang at 503 */
}

static void requests_of_one_device_and_of_one_address_in_a_minute_are_bounded(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX], bad[WORLD_URL_MAX];
    struct object_plane_limits limits = w->limits;
    world_get_path(w, &w->small_download, path);
    memcpy(bad, path, sizeof bad);
    bad[strlen(bad) - 1] ^= 4;
    limits.device_requests_per_min = 3;
    restart_with(w, &limits);
    for (unsigned i = 0; i < 5; i++) /* costs the device nothing */
        expect(http(w, "GET", bad, UA, NULL, 0), 403);
    expect_rate(w, path, 3);
    limits.device_requests_per_min = 0;
    limits.address_requests_per_min = 5;
    restart_with(w, &limits);
    expect(http(w, "GET", bad, UA, NULL, 0), 403);
    expect(http(w, "GET", "/", UA, NULL, 0), 404);
    expect_rate(w, path, 3);
}

static void head_of_the_request_is_bounded(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    char *headers = malloc(200000);
    static const size_t sizes[] = {6000, 9000, 100000};
    static const int statuses[] = {200, 431, 0};
    world_get_path(w, &w->small_download, path);
    for (size_t i = 0; i < 3; i++) {
        memset(headers, 'x', sizes[i]);
        memcpy(headers, UA "X: ", sizeof UA "X: " - 1);
        memcpy(headers + sizes[i] - 2, "\r\n", 3);
        struct http_answer answer = http(w, "GET", path, headers, NULL, 0);
        if (statuses[i] != 0)
            assert_int_equal(answer.status, statuses[i]);
        else /* more than the buffer: libmicrohttpd's own words */
            assert_true(answer.status == 0 || (answer.status >= 400 && answer.status < 500));
        answer_done(&answer);
    }
    free(headers);
}

static void limits_that_cannot_work_are_refused(void **state)
{
    struct world *w = *state;
    struct object_plane *plane = NULL;
    struct object_plane_config cfg = {
        .listen_fd = -1, .engine = w->engine, .store = w->store, .objects = &w->objects, .limits = w->limits};
    cfg.limits.finishers = 0;
    assert_int_equal(object_plane_start(&cfg, &plane), FERRY_E_ARG);
    cfg.limits = w->limits;
    cfg.limits.connection_memory_bytes = cfg.limits.head_bytes_max;
    assert_int_equal(object_plane_start(&cfg, &plane), FERRY_E_ARG);
    assert_null(plane);
}

/* --- slow disk, no engine ----------------------------------------------------------------------------- */

static int start_put(struct world *w, const ferry_id *task, size_t len)
{
    char path[WORLD_URL_MAX];
    world_put_path(w, task, path);
    int fd = client_connect(w);
    client_say(fd, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", path, len);
    client_send(fd, w->upload_bytes, len);
    return fd;
}

static void slow_disk_at_the_end_of_uploads_stops_nobody_else(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    int puts[8];
    world_get_path(w, &w->download, path);
    atomic_store(&world_faults.finish_ms, 1500);
    for (unsigned i = 0; i < 8; i++)
        puts[i] = start_put(w, i % 2 ? &w->upload : &w->upload2, WORLD_UPLOAD_BYTES);
    usleep(200 * 1000);
    uint64_t start_ms = ferry_mono_ms();
    for (unsigned i = 0; i < 10; i++)
        expect(http(w, "GET", path, UA, NULL, 0), 200);
    assert_true(ferry_mono_ms() - start_ms < 1000);
    for (unsigned i = 0; i < 8; i++) {
        expect(client_read(puts[i], false, 0), 200);
        close(puts[i]);
    }
}

static void without_an_engine_uploads_are_503(void **state)
{
    struct world *w = *state;
    engine_stop(w->engine);
    int fd = start_put(w, &w->small_upload, WORLD_SMALL_BYTES);
    struct http_answer answer = client_read(fd, false, 0);
    assert_non_null(answer_header(&answer, "Retry-After"));
    expect(answer, 503);
    close(fd);
}

/* The n-th allocation of the platform fails: the request does, or it is served; nothing is left behind. */
static void no_memory_fails_one_request_and_leaves_nothing(void **state)
{
    struct world *w = *state;
    char put_path[WORLD_URL_MAX], get_path[WORLD_URL_MAX];
    unsigned failed = 0;
    world_put_path(w, &w->small_upload, put_path);
    world_get_path(w, &w->download, get_path);
    for (unsigned long nth = 1; nth <= 40; nth++) {
        world_plane_stop(w); /* so that nothing is held open */
        world_plane_start(w);
        ferry_alloc_fail_at(nth);
        struct http_answer put =
            http(w, "PUT", put_path, UA "Content-Length: 1000\r\n", w->upload_bytes, WORLD_SMALL_BYTES);
        struct http_answer get = http(w, "GET", get_path, UA, NULL, 0);
        ferry_alloc_fail_at(0);
        assert_true(put.status == 200 || put.status == 503 || put.status == 0);
        assert_true(get.status == 200 || get.status == 503 || get.status == 0);
        failed += put.status != 200 || get.status != 200;
        answer_done(&put);
        answer_done(&get);
    }
    assert_true(failed > 0);
    expect(http(w, "PUT", put_path, UA "Content-Length: 1000\r\n", w->upload_bytes, WORLD_SMALL_BYTES), 200);
    expect(http(w, "GET", get_path, UA, NULL, 0), 200);
    for (unsigned i = 0; i < 100 && world_temporary_files(w) > 0; i++)
        usleep(10 * 1000);
    assert_int_equal(world_temporary_files(w), 0);
}

/* --- the end ------------------------------------------------------------------------------------------ */

static void *stop_plane(void *arg)
{
    world_plane_stop(arg);
    return NULL;
}

static void stop_lets_a_finished_upload_have_its_answer(void **state)
{
    struct world *w = *state;
    pthread_t stopper;
    atomic_store(&world_faults.finish_ms, 800);
    int fd = start_put(w, &w->small_upload, WORLD_SMALL_BYTES);
    usleep(200 * 1000);
    assert_int_equal(pthread_create(&stopper, NULL, stop_plane, w), 0);
    struct http_answer answer = client_read(fd, false, 1000);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    assert_int_equal(world_upload_state(w, &w->small_upload), UPLOAD_STORED);
    assert_true(answer.closed);
    expect(answer, 200);
    close(fd);
}

static void stop_cuts_what_is_under_way_and_keeps_partial_objects(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    int put = client_connect(w), patch = client_connect(w), resting = client_connect(w);
    world_put_path(w, &w->upload, path);
    client_say(put, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\nx", path, WORLD_UPLOAD_BYTES);
    world_put_path(w, &w->upload2, path);
    client_say(patch,
               "PATCH %s HTTP/1.1\r\nHost: h\r\nTus-Resumable: 1.0.0\r\n"
               "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: %d\r\n\r\n",
               path, WORLD_UPLOAD_BYTES);
    client_send(patch, w->upload_bytes, 5000);
    for (unsigned i = 0; i < 300 && world_partial(w, &w->upload2) < 5000; i++)
        usleep(10 * 1000);
    uint64_t start_ms = ferry_mono_ms();
    world_plane_stop(w);
    assert_true(ferry_mono_ms() - start_ms < 1500);
    assert_int_equal(world_temporary_files(w), 0);
    assert_int_equal(world_partial(w, &w->upload2), 5000);
    expect_closed(put);
    expect_closed(patch);
    expect_closed(resting);
}

static void plane_can_be_started_and_stopped_again_and_again(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_get_path(w, &w->small_download, path);
    for (unsigned i = 0; i < 5; i++) {
        expect(http(w, "GET", path, UA, NULL, 0), 200);
        world_plane_stop(w);
        world_plane_start(w);
    }
    object_plane_stop(NULL);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest rules[] = {
        RULE(head_that_drips_is_cut),
        RULE(connection_may_rest_between_requests_but_not_for_ever),
        RULE(body_below_the_minimum_rate_is_cut_and_one_at_the_vendors_pace_is_not),
        RULE(answer_that_nobody_takes_is_cut),
        RULE(a_thousand_slow_connections_stop_nobody),
        RULE(connections_over_the_limit_are_told_to_come_again),
        RULE(uploads_over_the_limit_are_told_to_come_again),
        RULE(transfers_of_one_device_at_a_time_are_bounded),
        RULE(bytes_of_one_address_under_way_are_bounded_but_one_file_may_always),
        RULE(bytes_of_one_device_under_way_are_bounded_but_one_file_may_always),
        RULE(requests_of_one_device_and_of_one_address_in_a_minute_are_bounded),
        RULE(head_of_the_request_is_bounded),
        RULE(limits_that_cannot_work_are_refused),
        RULE(slow_disk_at_the_end_of_uploads_stops_nobody_else),
        RULE(without_an_engine_uploads_are_503),
        RULE(no_memory_fails_one_request_and_leaves_nothing),
        RULE(stop_lets_a_finished_upload_have_its_answer),
        RULE(stop_cuts_what_is_under_way_and_keeps_partial_objects),
        RULE(plane_can_be_started_and_stopped_again_and_again),
    };
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    return cmocka_run_group_tests(rules, NULL, NULL);
}
