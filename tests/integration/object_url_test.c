/* A signed URL is good for what it was given out for, in one spelling. Everything else is refused by the real plane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "object_plane_world.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 4096, QUIET_MS = 20000 };

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

/* One connection that is made again when the plane has closed it. */
struct line {
    struct world *w;
    int fd;
};

/* Reads until the end of a refusal, or of the connection. False: it was closed. */
static bool read_refusal(int fd, char out[ANSWER_MAX])
{
    size_t len = 0;
    out[0] = '\0';
    while (len + 1 < ANSWER_MAX && strstr(out, "</Error>\n") == NULL) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (poll(&poll_fd, 1, QUIET_MS) != 1)
            fail_msg("no answer within %d ms: %s", QUIET_MS, out);
        ssize_t got = recv(fd, out + len, ANSWER_MAX - 1 - len, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
        out[len] = '\0';
    }
    return true;
}

/* What HTTP itself ends a request target or a line with: the request is another one then, or none at all. */
static bool breaks_http(int c)
{
    return c == ' ' || c == '\r' || c == '\n' || c == '\0' || c == '\t' || c == '\v' || c == '\f';
}

static void expect_refused(struct line *line, const char *method, const char *path, size_t len, int changed)
{
    char head[512], answer[ANSWER_MAX];
    int start = snprintf(head, sizeof head, "%s ", method);
    memcpy(head + start, path, len);
    int rest = snprintf(head + start + len, sizeof head - (size_t)start - len,
                        " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n" UA "\r\n");
    client_send(line->fd, head, (size_t)start + len + (size_t)rest);
    if (breaks_http(changed))
        assert_int_equal(shutdown(line->fd, SHUT_WR), 0);
    bool open = read_refusal(line->fd, answer) && !breaks_http(changed);
    bool of_ours = strncmp(answer, "HTTP/1.1 403 ", 13) == 0 || strncmp(answer, "HTTP/1.1 404 ", 13) == 0;
    bool unread = strncmp(answer, "HTTP/1.1 400 ", 13) == 0 || strncmp(answer, "HTTP/1.1 505 ", 13) == 0 ||
                  answer[0] == '\0';
    if (!of_ours && !(breaks_http(changed) && unread))
        fail_msg("character %d, %s %.*s: %s", changed, method, (int)len, path, answer);
    if (open && strstr(answer, "\r\nConnection: close\r\n") == NULL)
        return;
    close(line->fd);
    line->fd = client_connect(line->w);
}

/* Every place from the first slash to the last character, each with every other byte there is. */
static void expect_one_spelling(struct world *w, const char *method, const char *path)
{
    char changed[WORLD_URL_MAX];
    size_t len = strlen(path);
    struct line line = {w, client_connect(w)};
    for (size_t at = 0; at < len; at++) {
        memcpy(changed, path, len + 1);
        for (int c = 0; c < 256; c++) {
            changed[at] = (char)c;
            if (changed[at] != path[at])
                expect_refused(&line, method, changed, len, c);
        }
    }
    close(line.fd);
}

static void no_byte_of_a_get_url_can_be_another(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_get_path(w, &w->small_download, path);
    expect_one_spelling(w, "GET", path);
    answer_expect(http(w, "GET", path, UA, NULL, 0), 200, "");
}

static void no_byte_of_a_put_url_can_be_another(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX];
    world_put_path(w, &w->small_upload, path);
    expect_one_spelling(w, "PUT", path);
    assert_int_equal(world_upload_state(w, &w->small_upload), UPLOAD_CREATED);
    answer_expect(http_put(w, &w->small_upload, "", w->upload_bytes, WORLD_SMALL_BYTES), 200, "");
}

static void nothing_can_be_added_to_or_taken_from_a_url(void **state)
{
    struct world *w = *state;
    char path[WORLD_URL_MAX], changed[WORLD_URL_MAX + 1];
    world_get_path(w, &w->small_download, path);
    size_t len = strlen(path);
    struct line line = {w, client_connect(w)};
    for (size_t at = 1; at < len; at++) {
        memcpy(changed, path, at);
        memcpy(changed + at, path + at + 1, len - at);
        expect_refused(&line, "GET", changed, len - 1, 'x');
    }
    for (size_t at = 1; at <= len; at++) {
        static const char more[] = "0aZ/?&=%.;";
        for (size_t i = 0; i < sizeof more - 1; i++) {
            memcpy(changed, path, at);
            changed[at] = more[i];
            memcpy(changed + at + 1, path + at, len - at);
            changed[len + 1] = '\0';
            expect_refused(&line, "GET", changed, len + 1, 'x');
        }
    }
    close(line.fd);
}

/* Same method, size, MD5 and expiry: only the task differs. */
static void signature_of_one_task_opens_no_other(void **state)
{
    struct world *w = *state;
    char mine[WORLD_URL_MAX], other[WORLD_URL_MAX];
    uint64_t expires_s = engine_now_ms(w->engine) / 1000 + 100;
    world_path(w, OBJECT_PUT, &w->upload, expires_s, mine);
    world_path(w, OBJECT_PUT, &w->upload2, expires_s, other);
    assert_string_not_equal(strstr(mine, "&s="), strstr(other, "&s="));
    memcpy(mine + 3, w->upload2.text, FERRY_ID_LEN);
    answer_expect(http(w, "PUT", mine, UA "Content-Length: 3\r\n", "abc", 3), 403, "SignatureDoesNotMatch");
    answer_expect(http(w, "HEAD", mine, UA "Tus-Resumable: 1.0.0\r\n", NULL, 0), 403, "");
    world_path(w, OBJECT_GET, &w->download, expires_s, mine);
    memcpy(mine + 3, w->small_download.text, FERRY_ID_LEN);
    answer_expect(http(w, "GET", mine, UA, NULL, 0), 403, "SignatureDoesNotMatch");
}

static void url_of_the_other_method_class_is_refused_with_every_method(void **state)
{
    struct world *w = *state;
    static const char *const methods[] = {"GET", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"};
    char path[WORLD_URL_MAX];
    uint64_t expires_s = engine_now_ms(w->engine) / 1000 + 100;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const char *tus = UA "Tus-Resumable: 1.0.0\r\n";
        world_path(w, OBJECT_PUT, &w->small_download, expires_s, path);
        answer_expect(http(w, methods[i], path, UA, NULL, 0), 403, "SignatureDoesNotMatch");
        answer_expect(http(w, methods[i], path, tus, NULL, 0), 403, "SignatureDoesNotMatch");
        world_path(w, OBJECT_GET, &w->small_upload, expires_s, path);
        answer_expect(http(w, methods[i], path, UA, NULL, 0), 403, "SignatureDoesNotMatch");
        answer_expect(http(w, methods[i], path, tus, NULL, 0), 403, "SignatureDoesNotMatch");
    }
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest rules[] = {
        RULE(no_byte_of_a_get_url_can_be_another),
        RULE(no_byte_of_a_put_url_can_be_another),
        RULE(nothing_can_be_added_to_or_taken_from_a_url),
        RULE(signature_of_one_task_opens_no_other),
        RULE(url_of_the_other_method_class_is_refused_with_every_method),
    };
    return cmocka_run_group_tests(rules, NULL, NULL);
}
