/* Resumable uploads: tus 1.0, core protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "object_plane_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TUS UA "Tus-Resumable: 1.0.0\r\n"

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

static struct http_answer patch(struct world *w, const ferry_id *task, uint64_t offset, const uint8_t *bytes,
                                size_t len)
{
    char path[WORLD_URL_MAX], headers[256];
    world_put_path(w, task, path);
    (void)snprintf(headers, sizeof headers,
                   TUS
                   "Content-Type: application/offset+octet-stream\r\nUpload-Offset: %llu\r\nContent-Length: %zu\r\n",
                   (unsigned long long)offset, len);
    return http(w, "PATCH", path, headers, bytes, len);
}

static void expect_offset(struct http_answer answer, int status, const char *offset)
{
    assert_int_equal(answer.status, status);
    assert_string_equal(answer_header(&answer, "Upload-Offset"), offset);
    assert_string_equal(answer_header(&answer, "Tus-Resumable"), "1.0.0");
    answer_done(&answer);
}

static struct http_answer tus_head(struct world *w, const ferry_id *task)
{
    char path[WORLD_URL_MAX];
    world_put_path(w, task, path);
    struct http_answer answer = http(w, "HEAD", path, TUS, NULL, 0);
    assert_string_equal(answer_header(&answer, "Upload-Length"), "300000");
    assert_string_equal(answer_header(&answer, "Cache-Control"), "no-store");
    return answer;
}

static void resumable_upload_survives_restarts(void **state)
{
    struct world *w = *state;
    expect_offset(tus_head(w, &w->upload), 200, "0");
    expect_offset(patch(w, &w->upload, 0, w->upload_bytes, 100000), 204, "100000");
    expect_offset(tus_head(w, &w->upload), 200, "100000");
    world_restart(w);
    expect_offset(tus_head(w, &w->upload), 200, "100000");
    expect_offset(patch(w, &w->upload, 100000, w->upload_bytes + 100000, 150000), 204, "250000");
    world_restart(w);
    expect_offset(patch(w, &w->upload, 250000, w->upload_bytes + 250000, 50000), 204, "300000");
    assert_int_equal(world_upload_state(w, &w->upload), UPLOAD_STORED);
    assert_true(world_has_object(w, &w->upload));
    assert_int_equal(world_partial(w, &w->upload), 0);
    expect_offset(tus_head(w, &w->upload), 200, "300000");
    expect_offset(patch(w, &w->upload, 300000, NULL, 0), 204, "300000");
    answer_expect(patch(w, &w->upload, 0, w->upload_bytes, 10), 409, "InvalidOffset");
    answer_expect(patch(w, &w->upload, 300000, w->upload_bytes, 1), 413, "EntityTooLarge");
}

static void broken_patch_keeps_what_came(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->upload, path);
    int fd = client_connect(w);
    client_say(fd,
               "PATCH %s HTTP/1.1\r\nHost: h\r\n" TUS
               "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: %d\r\n\r\n",
               path, WORLD_UPLOAD_BYTES);
    client_send(fd, w->upload_bytes, 123456);
    for (unsigned i = 0; i < 300 && world_partial(w, &w->upload) < 123456; i++)
        usleep(10 * 1000);
    close(fd);
    struct http_answer answer = {.status = 423};
    for (unsigned i = 0; i < 100 && answer.status == 423; i++) { /* until the platform has seen the end */
        answer = patch(w, &w->upload, 123456, w->upload_bytes + 123456, WORLD_UPLOAD_BYTES - 123456);
        answer_done(&answer);
        usleep(10 * 1000);
    }
    assert_int_equal(answer.status, 204);
    assert_int_equal(world_upload_state(w, &w->upload), UPLOAD_STORED);
}

static void device_that_comes_back_cuts_its_dead_connection(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->upload, path);
    int dead = client_connect(w);
    client_say(dead,
               "PATCH %s HTTP/1.1\r\nHost: h\r\n" TUS
               "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: %d\r\n\r\n",
               path, WORLD_UPLOAD_BYTES);
    client_send(dead, w->upload_bytes, 1000);
    for (unsigned i = 0; i < 300 && world_partial(w, &w->upload) < 1000; i++)
        usleep(10 * 1000);
    struct http_answer answer = patch(w, &w->upload, 1000, w->upload_bytes + 1000, 10);
    assert_non_null(answer_header(&answer, "Retry-After"));
    answer_expect(answer, 423, "Locked");
    for (unsigned i = 0; i < 100; i++) {
        answer = patch(w, &w->upload, 1000, w->upload_bytes + 1000, 10);
        answer_done(&answer);
        if (answer.status != 423)
            break;
        usleep(10 * 1000);
    }
    assert_int_equal(answer.status, 204);
    close(dead);
}

static void wrong_resumable_upload_starts_again_at_nothing(void **state)
{
    struct world *w = *state;
    uint8_t *wrong = calloc(1, WORLD_UPLOAD_BYTES);
    expect_offset(patch(w, &w->upload, 0, wrong, 200000), 204, "200000");
    answer_expect(patch(w, &w->upload, 200000, wrong, 100000), 400, "BadDigest");
    expect_offset(tus_head(w, &w->upload), 200, "0");
    expect_offset(patch(w, &w->upload, 0, w->upload_bytes, WORLD_UPLOAD_BYTES), 204, "300000");
    free(wrong);
}

/* As after a sudden end between the last byte and the verification. */
static void leave_full_partial(struct world *w, const uint8_t *bytes)
{
    struct object_writer *writer = NULL;
    uint64_t offset;
    const struct objects_ops *ops = w->real_objects->ops;
    assert_int_equal(ops->write_resume(w->real_objects, &w->upload, 0, false, &writer, &offset), FERRY_OK);
    assert_int_equal(ops->write(writer, bytes, WORLD_UPLOAD_BYTES), FERRY_OK);
    assert_int_equal(ops->write_suspend(writer), FERRY_OK);
}

static void full_partial_is_finished_when_asked_for(void **state)
{
    struct world *w = *state;
    uint8_t *wrong = calloc(1, WORLD_UPLOAD_BYTES);
    leave_full_partial(w, wrong);
    expect_offset(tus_head(w, &w->upload), 200, "0");
    leave_full_partial(w, w->upload_bytes);
    expect_offset(tus_head(w, &w->upload), 200, "300000");
    assert_int_equal(world_upload_state(w, &w->upload), UPLOAD_STORED);
    free(wrong);
}

static void full_disk_refuses_a_resumable_upload_with_507_and_takes_nothing_back(void **state)
{
    struct world *w = *state;
    expect_offset(patch(w, &w->upload, 0, w->upload_bytes, 1000), 204, "1000");
    atomic_store(&world_faults.write_error, FERRY_E_FULL);
    answer_expect(patch(w, &w->upload, 1000, w->upload_bytes + 1000, 100000), 507, "InsufficientStorage");
    expect_offset(tus_head(w, &w->upload), 200, "1000");
}

static void put_ends_a_resumable_upload(void **state)
{
    struct world *w = *state;
    expect_offset(patch(w, &w->upload, 0, w->upload_bytes, 1000), 204, "1000");
    answer_expect(http_put(w, &w->upload, UA, w->upload_bytes, WORLD_UPLOAD_BYTES), 200, "");
    assert_int_equal(world_partial(w, &w->upload), 0);
    expect_offset(tus_head(w, &w->upload), 200, "300000");
}

static void tus_says_what_it_speaks(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->upload, path);
    struct http_answer answer = http(w, "OPTIONS", path, UA, NULL, 0);
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer_header(&answer, "Tus-Version"), "1.0.0");
    assert_string_equal(answer_header(&answer, "Tus-Resumable"), "1.0.0");
    answer_done(&answer);
    static const char *const bad[] = {UA, UA "Tus-Resumable: 0.2.2\r\n", UA "Tus-Resumable: \r\n"};
    for (size_t i = 0; i < 3; i++) {
        answer = http(w, "HEAD", path, bad[i], NULL, 0);
        assert_int_equal(answer.status, 412);
        assert_string_equal(answer_header(&answer, "Tus-Version"), "1.0.0");
        answer_done(&answer);
    }
    answer_expect(http(w, "PATCH", path, UA "Content-Length: 3\r\n", "abc", 3), 412, "PreconditionFailed");
}

static void damaged_patch_is_refused(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    static const struct {
        const char *headers;
        int status;
        const char *code;
    } cases[] = {
        {TUS "Upload-Offset: 0\r\nContent-Length: 3\r\n", 415, "UnsupportedMediaType"},
        {TUS "Content-Type: text/plain\r\nUpload-Offset: 0\r\nContent-Length: 3\r\n", 415, "UnsupportedMediaType"},
        {TUS "Content-Type: application/offset+octet-stream\r\nContent-Length: 3\r\n", 400, "InvalidArgument"},
        {TUS "Content-Type: application/offset+octet-stream\r\nUpload-Offset: -1\r\nContent-Length: 3\r\n", 400,
         "InvalidArgument"},
        {TUS "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 1\r\nContent-Length: 3\r\n", 409,
         "InvalidOffset"},
        {TUS "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: 300001\r\n", 413,
         "EntityTooLarge"},
    };
    world_put_path(w, &w->upload, path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = client_connect(w);
        client_say(fd, "PATCH %s HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n%s\r\n", path, cases[i].headers);
        struct http_answer answer = client_read(fd, false, 0);
        assert_string_equal(answer_header(&answer, "Tus-Resumable"), "1.0.0");
        answer_expect(answer, cases[i].status, cases[i].code);
        close(fd);
    }
    answer_expect(
        http(w, "PATCH", path, TUS "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n", NULL, 0),
        411, "MissingContentLength");
    assert_int_equal(world_partial(w, &w->upload), 0);
}

static void method_can_be_given_in_a_header(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->upload, path);
    expect_offset(http(w, "POST", path,
                       TUS "X-HTTP-Method-Override: PATCH\r\nContent-Type: application/offset+octet-stream\r\n"
                           "Upload-Offset: 0\r\nContent-Length: 3\r\n",
                       w->upload_bytes, 3),
                  204, "3");
    answer_expect(http(w, "POST", path, UA "X-HTTP-Method-Override: PUT\r\nContent-Length: 3\r\n", "abc", 3), 403,
                  "AccessDenied");
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest rules[] = {
        RULE(resumable_upload_survives_restarts),
        RULE(broken_patch_keeps_what_came),
        RULE(device_that_comes_back_cuts_its_dead_connection),
        RULE(wrong_resumable_upload_starts_again_at_nothing),
        RULE(full_partial_is_finished_when_asked_for),
        RULE(full_disk_refuses_a_resumable_upload_with_507_and_takes_nothing_back),
        RULE(put_ends_a_resumable_upload),
        RULE(tus_says_what_it_speaks),
        RULE(damaged_patch_is_refused),
        RULE(method_can_be_given_in_a_header),
    };
    return cmocka_run_group_tests(rules, NULL, NULL);
}
