/* What one request meets: every row of docs/object-plane.md and every HTTP bullet of docs/protocol.md that one request can show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "object_plane_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_up(void **state)
{
    *state = world_open(false);
    return 0;
}

static int set_up_in_memory(void **state)
{
    *state = world_open(true);
    return 0;
}

static int tear_down(void **state)
{
    world_close(*state);
    return 0;
}

/* Another signature, of the right form. */
static void spoil(char *path)
{
    char *last = path + strlen(path) - 1;
    *last = *last == 'A' ? 'E' : 'A';
}

static void nothing_is_left(struct world *w, const ferry_id *task)
{
    for (unsigned i = 0; i < 300 && world_temporary_files(w) > 0; i++)
        usleep(10 * 1000);
    assert_int_equal(world_temporary_files(w), 0);
    assert_false(world_has_object(w, task));
    assert_int_not_equal(world_upload_state(w, task), UPLOAD_STORED);
}

/* --- PUT -------------------------------------------------------------------------------------------- */

static void put_is_answered_when_object_and_task_are_on_disk(void **state)
{
    struct world *w = *state;
    for (unsigned again = 0; again < 2; again++) { /* the same bytes again: 200 again */
        struct http_answer answer = http_put(w, &w->upload, "", w->upload_bytes, WORLD_UPLOAD_BYTES);
        assert_int_equal(answer.status, 200);
        assert_true(answer.closed); /* no User-Agent */
        assert_string_equal(answer_header(&answer, "Connection"), "close");
        assert_string_equal(answer_header(&answer, "Content-Length"), "0");
        assert_int_equal(strlen(answer_header(&answer, "ETag")), 34);
        answer_done(&answer);
        assert_int_equal(world_upload_state(w, &w->upload), UPLOAD_STORED);
        assert_true(world_has_object(w, &w->upload));
        assert_int_equal(world_temporary_files(w), 0);
    }
}

static void put_with_the_head_of_a_vendor_device(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX], md5[32];
    world_put_path(w, &w->small_upload, path);
    world_md5_base64(w->upload_bytes, WORLD_SMALL_BYTES, md5);
    int fd = client_connect(w);
    client_say(fd,
               "PUT %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-MD5:%s\r\n"
               "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n",
               path, md5, WORLD_SMALL_BYTES);
    client_send(fd, w->upload_bytes, WORLD_SMALL_BYTES);
    struct http_answer answer = client_read(fd, false, 2000);
    close(fd);
    assert_true(answer.closed);
    answer_expect(answer, 200, "");
    assert_int_equal(world_upload_state(w, &w->small_upload), UPLOAD_STORED);
}

static void connection_of_a_client_with_user_agent_stays_open(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->small_upload, path);
    int fd = client_connect(w);
    for (unsigned i = 0; i < 3; i++) {
        client_say(fd, "PUT %s HTTP/1.1\r\nHost: h\r\n" UA "Content-Length: %d\r\n\r\n", path, WORLD_SMALL_BYTES);
        client_send(fd, w->upload_bytes, WORLD_SMALL_BYTES);
        struct http_answer answer = client_read(fd, false, 0);
        assert_null(answer_header(&answer, "Connection"));
        answer_expect(answer, 200, "");
        client_say(fd, "PUT %s0 HTTP/1.1\r\nHost: h\r\n" UA "Content-Length: 5\r\n\r\nhello", path);
        answer_expect(client_read(fd, false, 0), 403, "SignatureDoesNotMatch");
    }
    close(fd);
}

static void expect_100_continue_is_answered_before_the_body(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX], line[64] = "";
    world_put_path(w, &w->small_upload, path);
    int fd = client_connect(w);
    client_say(fd, "PUT %s HTTP/1.1\r\nHost: h\r\n" UA "Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", path,
               WORLD_SMALL_BYTES);
    assert_int_equal(recv(fd, line, 25, MSG_WAITALL), 25);
    assert_memory_equal(line, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    client_send(fd, w->upload_bytes, WORLD_SMALL_BYTES);
    answer_expect(client_read(fd, false, 0), 200, "");
    close(fd);
    fd = client_connect(w);
    client_say(fd, "PUT %s0 HTTP/1.1\r\nHost: h\r\n" UA "Expect: 100-continue\r\nContent-Length: 5000000\r\n\r\n",
               path);
    answer_expect(client_read(fd, false, 0), 403, "SignatureDoesNotMatch");
    close(fd);
}

static void wrong_bytes_leave_nothing(void **state)
{
    struct world *w = *state;
    char md5_header[64], md5[32], long_header[64];
    uint8_t *wrong = malloc(WORLD_UPLOAD_BYTES + 1);
    memcpy(wrong, w->upload_bytes, WORLD_UPLOAD_BYTES);
    wrong[WORLD_UPLOAD_BYTES - 1] ^= 1;
    answer_expect(http_put(w, &w->upload, "", wrong, WORLD_UPLOAD_BYTES), 400, "BadDigest");
    nothing_is_left(w, &w->upload);
    answer_expect(http_put(w, &w->upload, "", w->upload_bytes, WORLD_UPLOAD_BYTES - 1), 400, "IncompleteBody");
    answer_expect(http_put(w, &w->upload, "", wrong, WORLD_UPLOAD_BYTES + 1), 413, "EntityTooLarge");
    world_md5_base64(wrong, WORLD_UPLOAD_BYTES, md5);
    (void)snprintf(md5_header, sizeof md5_header, "Content-MD5: %s\r\n", md5);
    answer_expect(http_put(w, &w->upload, md5_header, wrong, WORLD_UPLOAD_BYTES), 400, "BadDigest");
    static const char *const malformed[] = {"", "AAAA", "not base64 at all!!!!!!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        (void)snprintf(long_header, sizeof long_header, "Content-MD5: %s\r\n", malformed[i]);
        answer_expect(http_put(w, &w->upload, long_header, w->upload_bytes, WORLD_UPLOAD_BYTES), 400, "InvalidDigest");
    }
    nothing_is_left(w, &w->upload);
    free(wrong);
}

static void put_needs_one_plain_content_length(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->small_upload, path);
    answer_expect(http(w, "PUT", path, UA, NULL, 0), 411, "MissingContentLength");
    answer_expect(http(w, "PUT", path, UA "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", 15), 411,
                  "MissingContentLength");
    answer_expect(http(w, "PUT", path, UA "Content-Length: 5\r\nContent-Length: 1000\r\n", "hello", 5), 400,
                  "InvalidRequest");
    answer_expect(http(w, "PUT", path, UA "Content-Length: 01000\r\n", w->upload_bytes, WORLD_SMALL_BYTES), 400,
                  "InvalidArgument");
    nothing_is_left(w, &w->small_upload);
}

static void put_that_breaks_off_leaves_nothing(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->upload, path);
    int fd = client_connect(w);
    client_say(fd, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", path, WORLD_UPLOAD_BYTES);
    client_send(fd, w->upload_bytes, WORLD_UPLOAD_BYTES / 2);
    for (unsigned i = 0; i < 200 && world_temporary_files(w) == 0; i++)
        usleep(10 * 1000);
    assert_int_equal(world_temporary_files(w), 1);
    close(fd);
    nothing_is_left(w, &w->upload);
    answer_expect(http_put(w, &w->upload, UA, w->upload_bytes, WORLD_UPLOAD_BYTES), 200, "");
}

static void full_disk_is_507_and_leaves_nothing(void **state)
{
    struct world *w = *state;
    atomic_store(&world_faults.write_error, FERRY_E_FULL);
    struct http_answer answer = http_put(w, &w->upload, UA, w->upload_bytes, WORLD_UPLOAD_BYTES);
    assert_non_null(answer_header(&answer, "Retry-After"));
    answer_expect(answer, 507, "InsufficientStorage");
    nothing_is_left(w, &w->upload);
    atomic_store(&world_faults.finish_error, FERRY_E_FULL);
    answer_expect(http_put(w, &w->upload, UA, w->upload_bytes, WORLD_UPLOAD_BYTES), 507, "InsufficientStorage");
    nothing_is_left(w, &w->upload);
    atomic_store(&world_faults.finish_error, FERRY_E_IO);
    answer_expect(http_put(w, &w->upload, UA, w->upload_bytes, WORLD_UPLOAD_BYTES), 503, "ServiceUnavailable");
    nothing_is_left(w, &w->upload);
    answer_expect(http_put(w, &w->upload, UA, w->upload_bytes, WORLD_UPLOAD_BYTES), 200, "");
}

static void task_removed_while_its_bytes_arrive_is_404_and_leaves_no_object(void **state)
{
    struct world *w = *state;
    struct command *remove = calloc(1, sizeof *remove);
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->upload, path);
    int fd = client_connect(w);
    client_say(fd, "PUT %s HTTP/1.1\r\nHost: h\r\n" UA "Content-Length: %d\r\n\r\n", path, WORLD_UPLOAD_BYTES);
    client_send(fd, w->upload_bytes, WORLD_UPLOAD_BYTES - 1);
    for (unsigned i = 0; i < 200 && world_temporary_files(w) == 0; i++)
        usleep(10 * 1000);
    remove->kind = CMD_UPLOAD_REMOVE;
    remove->id = w->upload;
    assert_int_equal(engine_call(w->engine, remove), FERRY_OK);
    free(remove);
    client_send(fd, w->upload_bytes + WORLD_UPLOAD_BYTES - 1, 1);
    answer_expect(client_read(fd, false, 0), 404, "NoSuchKey");
    close(fd);
    assert_false(world_has_object(w, &w->upload));
    for (unsigned i = 0; i < 200 && world_temporary_files(w) != 0; i++) /* thrown away behind the answer */
        usleep(10 * 1000);
    assert_int_equal(world_temporary_files(w), 0);
}

/* --- who may ---------------------------------------------------------------------------------------- */

static void url_lives_until_its_second(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    uint64_t now_s = engine_now_ms(w->engine) / 1000;
    world_path(w, OBJECT_GET, &w->small_download, now_s + 30, path);
    answer_expect(http(w, "GET", path, UA, NULL, 0), 200, "");
    world_path(w, OBJECT_GET, &w->small_download, now_s, path);
    answer_expect(http(w, "GET", path, UA, NULL, 0), 403, "AccessDenied");
    world_path(w, OBJECT_PUT, &w->upload, now_s - 1, path);
    answer_expect(http(w, "PUT", path, UA "Content-Length: 5\r\n", "hello", 5), 403, "AccessDenied");
    world_path(w, OBJECT_PUT, &w->upload, 0, path);
    answer_expect(http(w, "PUT", path, UA "Content-Length: 5\r\n", "hello", 5), 403, "AccessDenied");
}

static void other_methods_are_403_on_a_good_url(void **state)
{
    struct world *w = *state;
    char put_path[WORLD_URL_MAX], get_path[WORLD_URL_MAX];
    static const char *const on_upload[] = {"GET", "POST", "DELETE", "TRACE", "MOVE", "put", "FERRY"};
    static const char *const on_download[] = {"PUT", "PATCH", "POST", "DELETE", "OPTIONS", "get", "CONNECT"};
    world_put_path(w, &w->upload, put_path);
    world_get_path(w, &w->download, get_path);
    for (size_t i = 0; i < 7; i++) {
        answer_expect(http(w, on_upload[i], put_path, UA, NULL, 0), 403, "AccessDenied");
        answer_expect(http(w, on_download[i], get_path, UA "Tus-Resumable: 1.0.0\r\n", NULL, 0), 403, "AccessDenied");
        answer_expect(http(w, on_upload[i], put_path, "Content-Length: 3\r\n", "abc", 3), 403, "AccessDenied");
    }
}

static void unknown_and_cancelled_tasks_are_404(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_get_path(w, &w->cancelled_download, path);
    answer_expect(http(w, "GET", path, UA, NULL, 0), 404, "NoSuchKey");
    world_put_path(w, &w->cancelled_upload, path);
    answer_expect(http(w, "PUT", path, UA "Content-Length: 3\r\n", "abc", 3), 404, "NoSuchKey");
    world_get_path(w, &w->missing_download, path);
    answer_expect(http(w, "GET", path, UA, NULL, 0), 404, "NoSuchKey");
    memset(path + 3, '0', FERRY_ID_LEN);
    answer_expect(http(w, "GET", path, UA, NULL, 0), 404, "NoSuchKey");
    answer_expect(http(w, "PUT", path, UA "Content-Length: 3\r\n", "abc", 3), 404, "NoSuchKey");
    answer_expect(http(w, "GET", "/", UA, NULL, 0), 404, "NoSuchKey");
    answer_expect(http(w, "GET", "/api/v1/products", UA, NULL, 0), 404, "NoSuchKey");
    answer_expect(http(w, "GET", "/o/x", UA, NULL, 0), 403, "AccessDenied");
}

static void expect_get(struct world *w, const ferry_id *task, int status)
{
    char path[WORLD_URL_MAX];
    world_get_path(w, task, path);
    answer_expect(http(w, "GET", path, UA, NULL, 0), status, status == 200 ? "" : "NoSuchKey");
}

static void command(struct world *w, const struct command *order)
{
    struct command *given = malloc(sizeof *given);
    assert_non_null(given);
    *given = *order;
    assert_int_equal(engine_call(w->engine, given), FERRY_OK);
    free(given);
}

static void who_has_fetched_is_refused_as_soon_as_the_right_ends(void **state)
{
    struct world *w = *state;
    struct command change = {.kind = CMD_DEVICE_CHANGE, .disabled_given = true};
    assert_true(device_key_make("P", "d", &change.device.key));
    struct command cancel = {.kind = CMD_DOWNLOAD_CANCEL, .id = w->download};
    for (unsigned again = 0; again < 2; again++) {
        change.device.disabled = true;
        expect_get(w, &w->download, 200);
        expect_get(w, &w->small_download, 200);
        command(w, &change);
        expect_get(w, &w->download, 404);
        expect_get(w, &w->small_download, 404);
        change.device.disabled = false;
        command(w, &change);
    }
    expect_get(w, &w->download, 200);
    command(w, &cancel);
    expect_get(w, &w->download, 404);
    expect_get(w, &w->small_download, 200);
    struct command removal = {.kind = CMD_DEVICE_REMOVE, .device.key = change.device.key};
    command(w, &removal);
    expect_get(w, &w->small_download, 404);
}

static void url_that_was_good_is_judged_by_its_second_and_its_signature_each_time(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    uint64_t until_s = engine_now_ms(w->engine) / 1000 + 2;
    world_path(w, OBJECT_GET, &w->small_download, until_s, path);
    answer_expect(http(w, "GET", path, UA, NULL, 0), 200, "");
    answer_expect(http(w, "PUT", path, UA, NULL, 0), 403, "AccessDenied");
    spoil(path);
    answer_expect(http(w, "GET", path, UA, NULL, 0), 403, "SignatureDoesNotMatch");
    world_path(w, OBJECT_GET, &w->small_download, until_s, path);
    while (engine_now_ms(w->engine) / 1000 < until_s)
        usleep(20 * 1000);
    answer_expect(http(w, "GET", path, UA, NULL, 0), 403, "AccessDenied");
}

static atomic_uint looked_up;
static const struct store_ops *store_ops_below;

static ferry_err count_look_up(struct store_conn *c, const ferry_id *id, struct download_task *ret)
{
    atomic_fetch_add(&looked_up, 1);
    return store_ops_below->download_get(c, id, ret);
}

/* So many look-ups of the task cost five fetches by one URL. */
static unsigned look_ups_of_five(struct world *w)
{
    char path[WORLD_URL_MAX];
    world_get_path(w, &w->download, path);
    atomic_store(&looked_up, 0);
    for (unsigned i = 0; i < 5; i++)
        answer_expect(http(w, "GET", path, UA, NULL, 0), 200, "");
    return atomic_load(&looked_up);
}

static void parts_of_a_file_are_looked_up_once(void **state)
{
    struct world *w = *state;
    static struct store_ops counting;
    store_ops_below = w->store->ops;
    counting = *store_ops_below;
    counting.download_get = count_look_up;
    w->store->ops = &counting;
    assert_int_equal(look_ups_of_five(w), 1);
    world_plane_stop(w);
    w->limits.verdicts_max = 0;
    world_plane_start(w);
    assert_int_equal(look_ups_of_five(w), 5);
}

static void refused_put_lives_to_see_its_answer(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->upload, path);
    spoil(path);
    int fd = client_connect(w);
    client_say(fd, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", path, 20 * 5000);
    for (unsigned i = 0; i < 20; i++) {
        client_send(fd, w->upload_bytes, 5000);
        usleep(20 * 1000);
    }
    struct http_answer answer = client_read(fd, false, 1000);
    assert_true(answer.closed);
    answer_expect(answer, 403, "SignatureDoesNotMatch");
    close(fd);
}

static void refused_put_without_end_is_answered_in_the_middle(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_plane_stop(w);
    w->limits.refused_bytes_max = 100000;
    world_plane_start(w);
    world_put_path(w, &w->upload, path);
    spoil(path);
    int fd = client_connect(w);
    client_say(fd, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000000\r\n\r\n", path);
    client_send(fd, w->upload_bytes, 150000);
    struct http_answer answer = client_read(fd, false, 0);
    assert_string_equal(answer_header(&answer, "Connection"), "close");
    answer_expect(answer, 403, "SignatureDoesNotMatch");
    size_t taken = 0; /* it reads on for a while, and not for ever */
    for (unsigned i = 0; i < 100; i++) {
        size_t sent = client_try_send(fd, w->upload_bytes, 5000);
        taken += sent;
        if (sent < 5000)
            break;
        usleep(2000);
    }
    assert_true(taken >= 50000 && taken < 500000);
    close(fd);
}

/* --- GET -------------------------------------------------------------------------------------------- */

static void expect_bytes(struct http_answer answer, int status, const uint8_t *bytes, size_t len, const char *range)
{
    assert_int_equal(answer.status, status);
    assert_int_equal(answer.body_len, len);
    assert_memory_equal(answer.body, bytes, len);
    const char *content_range = answer_header(&answer, "Content-Range");
    if (range == NULL)
        assert_null(content_range);
    else
        assert_string_equal(content_range, range);
    assert_string_equal(answer_header(&answer, "Accept-Ranges"), "bytes");
    assert_int_equal(strlen(answer_header(&answer, "ETag")), 34);
    assert_null(answer_header(&answer, "Content-Encoding"));
    assert_null(strstr(answer.head, "chunked"));
    assert_true(strlen(answer.head) < 1000);
    answer_done(&answer);
}

static void ranges_of(struct world *w, const ferry_id *task, size_t size)
{
    char path[WORLD_URL_MAX], header[96], range[96];
    const struct {
        long long first, last;
    } cases[] = {
        {0, (long long)size},
        {0, (long long)size - 1},
        {0, 0},
        {1, 1},
        {4999 % (long long)size, (long long)size},
        {(long long)size - 1, (long long)size},
        {(long long)size - 1, 1ll << 62},
        {7, 99},
    };
    world_get_path(w, task, path);
    for (unsigned turn = 0; turn < 2; turn++)
        expect_bytes(http(w, "GET", path, turn ? UA : "", NULL, 0), 200, w->big_bytes, size, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        long long last = cases[i].last < (long long)size ? cases[i].last : (long long)size - 1;
        (void)snprintf(header, sizeof header, "Accept-Encoding: gzip, deflate\r\nRange: bytes=%lld-%lld\r\n",
                       cases[i].first, cases[i].last);
        (void)snprintf(range, sizeof range, "bytes %lld-%lld/%zu", cases[i].first, last, size);
        expect_bytes(http(w, "GET", path, header, NULL, 0), 206, w->big_bytes + cases[i].first,
                     (size_t)(last - cases[i].first) + 1, range);
    }
    (void)snprintf(range, sizeof range, "bytes %zu-%zu/%zu", size - 10, size - 1, size);
    expect_bytes(http(w, "GET", path, "Range: bytes=-10\r\n", NULL, 0), 206, w->big_bytes + size - 10, 10, range);
    (void)snprintf(header, sizeof header, "Range: bytes=%zu-\r\n", size - 10);
    expect_bytes(http(w, "GET", path, header, NULL, 0), 206, w->big_bytes + size - 10, 10, range);
    static const char *const ignored[] = {"bytes=0-1,4-5", "bytes=5-3", "bytes=x-y",
                                          "lines=0-1",     "bytes=",    "bytes 0-1"};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        (void)snprintf(header, sizeof header, "Range: %s\r\n", ignored[i]);
        expect_bytes(http(w, "GET", path, header, NULL, 0), 200, w->big_bytes, size, NULL);
    }
}

static void ranges_are_served_from_files_and_from_memory(void **state)
{
    struct world *w = *state;
    ranges_of(w, &w->download, WORLD_BIG_BYTES);
    ranges_of(w, &w->small_download, WORLD_SMALL_BYTES);
}

static void range_past_the_end_is_416_without_a_body(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX], header[96];
    static const char *const vendor_or_not[] = {"", UA};
    world_get_path(w, &w->small_download, path);
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned first = WORLD_SMALL_BYTES; first < WORLD_SMALL_BYTES + 2; first++) {
            (void)snprintf(header, sizeof header, "%sRange: bytes=%u-%u\r\n", vendor_or_not[i], first,
                           WORLD_SMALL_BYTES);
            if (first > WORLD_SMALL_BYTES)
                (void)snprintf(header, sizeof header, "%sRange: bytes=%u-\r\n", vendor_or_not[i], first);
            struct http_answer answer = http(w, "GET", path, header, NULL, 0);
            assert_int_equal(answer.status, 416);
            assert_string_equal(answer_header(&answer, "Content-Length"), "0");
            assert_string_equal(answer_header(&answer, "Content-Range"), "bytes */1000");
            assert_int_equal(answer.closed, i == 0);
            answer_done(&answer);
        }
    }
}

static void if_range_gives_the_whole_when_the_content_is_another(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX], header[200], etag[64];
    world_get_path(w, &w->download, path);
    struct http_answer answer = http(w, "HEAD", path, UA, NULL, 0);
    (void)snprintf(etag, sizeof etag, "%s", answer_header(&answer, "ETag"));
    answer_done(&answer);
    (void)snprintf(header, sizeof header, "Range: bytes=5-9\r\nIf-Range: %s\r\n", etag);
    expect_bytes(http(w, "GET", path, header, NULL, 0), 206, w->big_bytes + 5, 5, "bytes 5-9/200000");
    static const char *const others[] = {"\"0\"", "Wed, 21 Oct 2015 07:28:00 GMT", "*"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(header, sizeof header, "Range: bytes=5-9\r\nIf-Range: %s\r\n", others[i]);
        expect_bytes(http(w, "GET", path, header, NULL, 0), 200, w->big_bytes, WORLD_BIG_BYTES, NULL);
    }
    (void)snprintf(header, sizeof header, "Range: bytes=5-9\r\nIf-Range: W/%s\r\n", etag);
    expect_bytes(http(w, "GET", path, header, NULL, 0), 200, w->big_bytes, WORLD_BIG_BYTES, NULL);
}

static void head_tells_the_whole_and_sends_nothing(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_get_path(w, &w->download, path);
    int fd = client_connect(w);
    for (unsigned i = 0; i < 3; i++) {
        client_say(fd, "HEAD %s HTTP/1.1\r\nHost: h\r\n" UA "Range: bytes=0-4\r\n\r\n", path);
        struct http_answer answer = client_read(fd, true, 0);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer_header(&answer, "Content-Length"), "200000");
        assert_string_equal(answer_header(&answer, "Accept-Ranges"), "bytes");
        answer_done(&answer);
    }
    close(fd);
}

static void vendor_device_is_never_hung_by_a_get(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_get_path(w, &w->download, path);
    atomic_store(&world_faults.open_error, FERRY_E_IO);
    struct http_answer answer = http(w, "GET", path, "Range: bytes=0-200000\r\n", NULL, 0);
    assert_true(answer.closed);
    answer_expect(answer, 404, "NoSuchKey");
    atomic_store(&world_faults.open_error, FERRY_E_IO);
    answer_expect(http(w, "GET", path, UA, NULL, 0), 503, "ServiceUnavailable");
    expect_bytes(http(w, "GET", path, "", NULL, 0), 200, w->big_bytes, WORLD_BIG_BYTES, NULL);
}

static void get_with_a_body_is_answered_and_closed(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_get_path(w, &w->small_download, path);
    expect_bytes(http(w, "GET", path, UA "Content-Length: 5\r\n", "hello", 5), 200, w->big_bytes, WORLD_SMALL_BYTES,
                 NULL);
}

static void many_connections_share_one_answer(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    int fds[40];
    world_get_path(w, &w->download, path);
    for (unsigned i = 0; i < 40; i++) {
        fds[i] = client_connect(w);
        client_say(fds[i], "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", path, i % 2 ? UA : "Range: bytes=0-200000\r\n");
    }
    for (unsigned i = 0; i < 40; i++) {
        expect_bytes(client_read(fds[i], false, 0), i % 2 ? 200 : 206, w->big_bytes, WORLD_BIG_BYTES,
                     i % 2 ? NULL : "bytes 0-199999/200000");
        close(fds[i]);
    }
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest rules[] = {
        RULE(put_is_answered_when_object_and_task_are_on_disk),
        RULE(put_with_the_head_of_a_vendor_device),
        RULE(connection_of_a_client_with_user_agent_stays_open),
        RULE(expect_100_continue_is_answered_before_the_body),
        RULE(wrong_bytes_leave_nothing),
        RULE(put_needs_one_plain_content_length),
        RULE(put_that_breaks_off_leaves_nothing),
        RULE(full_disk_is_507_and_leaves_nothing),
        RULE(task_removed_while_its_bytes_arrive_is_404_and_leaves_no_object),
        RULE(url_lives_until_its_second),
        RULE(other_methods_are_403_on_a_good_url),
        RULE(unknown_and_cancelled_tasks_are_404),
        RULE(who_has_fetched_is_refused_as_soon_as_the_right_ends),
        RULE(url_that_was_good_is_judged_by_its_second_and_its_signature_each_time),
        RULE(parts_of_a_file_are_looked_up_once),
        RULE(refused_put_lives_to_see_its_answer),
        RULE(refused_put_without_end_is_answered_in_the_middle),
        RULE(ranges_are_served_from_files_and_from_memory),
        cmocka_unit_test_setup_teardown(ranges_are_served_from_files_and_from_memory, set_up_in_memory, tear_down),
        RULE(range_past_the_end_is_416_without_a_body),
        RULE(if_range_gives_the_whole_when_the_content_is_another),
        RULE(head_tells_the_whole_and_sends_nothing),
        RULE(vendor_device_is_never_hung_by_a_get),
        RULE(get_with_a_body_is_answered_and_closed),
        RULE(many_connections_share_one_answer),
    };
    return cmocka_run_group_tests(rules, NULL, NULL);
}
