/* Objects of more than 4 GiB, both ways. Their zeros take no room on the disk: the files have holes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "object_plane_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOUR_GIB (1ull << 32)

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

static int open_object(struct world *w, const char *folder, const ferry_id *key)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/objects/%s", w->dir, folder);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/objects/%s/%s", w->dir, folder, key->text);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

/* 4 GiB of zeros, then the first bytes of big_bytes. */
static void make_large_resource(struct world *w)
{
    int fd = open_object(w, w->large_resource.text + FERRY_ID_LEN - 2, &w->large_resource);
    assert_int_equal(pwrite(fd, w->big_bytes, WORLD_LARGE_TAIL, (off_t)FOUR_GIB), WORLD_LARGE_TAIL);
    close(fd);
}

static void ranges_beyond_4_gib_are_served(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX], header[96];
    static const uint8_t zeros[8];
    make_large_resource(w);
    world_get_path(w, &w->large_download, path);
    (void)snprintf(header, sizeof header, UA "Range: bytes=%llu-%llu\r\n", FOUR_GIB - 8, FOUR_GIB + WORLD_LARGE_TAIL);
    struct http_answer answer = http(w, "GET", path, header, NULL, 0);
    assert_int_equal(answer.status, 206);
    assert_string_equal(answer_header(&answer, "Content-Range"), "bytes 4294967288-4294972415/4294972416");
    assert_int_equal(answer.body_len, WORLD_LARGE_TAIL + 8);
    assert_memory_equal(answer.body, zeros, 8);
    assert_memory_equal(answer.body + 8, w->big_bytes, WORLD_LARGE_TAIL);
    answer_done(&answer);
    answer = http(w, "HEAD", path, UA, NULL, 0);
    assert_string_equal(answer_header(&answer, "Content-Length"), "4294972416");
    answer_done(&answer);
    (void)snprintf(header, sizeof header, "Range: bytes=%llu-%llu\r\n", FOUR_GIB + WORLD_LARGE_TAIL,
                   FOUR_GIB + WORLD_LARGE_TAIL);
    answer = http(w, "GET", path, header, NULL, 0);
    assert_int_equal(answer.status, 416);
    answer_done(&answer);
}

static void whole_object_of_more_than_4_gib_is_sent(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX], head[2048] = "";
    uint8_t *block = malloc(1 << 20);
    uint64_t total = 0;
    size_t head_len = 0;
    ssize_t got;
    make_large_resource(w);
    world_get_path(w, &w->large_download, path);
    int fd = client_connect(w);
    client_say(fd, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    while (head_len < sizeof head - 1 && strstr(head, "\r\n\r\n") == NULL && recv(fd, head + head_len, 1, 0) == 1)
        head_len++;
    assert_non_null(strstr(head, "Content-Length: 4294972416\r\n"));
    while ((got = recv(fd, block, 1 << 20, 0)) > 0)
        total += (uint64_t)got;
    assert_int_equal(got, 0);
    assert_int_equal(total, FOUR_GIB + WORLD_LARGE_TAIL);
    close(fd);
    free(block);
}

static void resumable_upload_crosses_4_gib(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX], headers[256];
    uint8_t last[1000 + WORLD_LARGE_TAIL] = {0};
    uint64_t size = 0;
    for (size_t i = 0; i < WORLD_LARGE_TAIL; i++)
        last[1000 + i] = (uint8_t)i;
    int partial = open_object(w, "partial", &w->large_upload);
    assert_int_equal(ftruncate(partial, (off_t)(FOUR_GIB - 1000)), 0);
    close(partial);
    world_put_path(w, &w->large_upload, path);
    (void)snprintf(headers, sizeof headers,
                   UA "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n"
                      "Upload-Offset: %llu\r\nContent-Length: %zu\r\n",
                   FOUR_GIB - 1000, sizeof last);
    struct http_answer answer = http(w, "PATCH", path, headers, last, sizeof last);
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer_header(&answer, "Upload-Offset"), "4294972416");
    answer_done(&answer);
    assert_int_equal(world_upload_state(w, &w->large_upload), UPLOAD_STORED);
    assert_int_equal(w->objects.ops->stat(&w->objects, &w->large_upload, &size), FERRY_OK);
    assert_int_equal(size, FOUR_GIB + WORLD_LARGE_TAIL);
}

static void put_of_more_than_4_gib_is_taken_and_one_byte_less_is_not(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->large_upload, path);
    int fd = client_connect(w);
    client_say(fd, "PUT %s HTTP/1.1\r\nHost: h\r\n" UA "Expect: 100-continue\r\nContent-Length: %llu\r\n\r\n", path,
               FOUR_GIB + WORLD_LARGE_TAIL - 1);
    struct http_answer answer = client_read(fd, false, 0);
    assert_int_equal(answer.status, 400);
    answer_done(&answer);
    close(fd);
    fd = client_connect(w);
    client_say(fd, "PUT %s HTTP/1.1\r\nHost: h\r\n" UA "Expect: 100-continue\r\nContent-Length: %llu\r\n\r\n", path,
               FOUR_GIB + WORLD_LARGE_TAIL);
    answer = client_read(fd, false, 0);
    assert_int_equal(answer.status, 100);
    answer_done(&answer);
    client_send(fd, w->upload_bytes, WORLD_UPLOAD_BYTES);
    assert_int_equal(world_temporary_files(w), 1);
    close(fd);
    for (unsigned i = 0; i < 500 && world_temporary_files(w) > 0; i++)
        usleep(10 * 1000);
    assert_int_equal(world_temporary_files(w), 0);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest rules[] = {
        RULE(ranges_beyond_4_gib_are_served),
        RULE(whole_object_of_more_than_4_gib_is_sent),
        RULE(resumable_upload_crosses_4_gib),
        RULE(put_of_more_than_4_gib_is_taken_and_one_byte_less_is_not),
    };
    return cmocka_run_group_tests(rules, NULL, NULL);
}
