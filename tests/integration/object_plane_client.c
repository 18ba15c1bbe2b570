#define _GNU_SOURCE /* vasprintf */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "object_plane_world.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_TIMEOUT_MS = 60000 }; /* gigabytes are hashed before some answers */

int client_connect_with_buffer(struct world *w, int bytes)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)w->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (bytes > 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int client_connect(struct world *w)
{
    return client_connect_with_buffer(w, 0);
}

size_t client_try_send(int fd, const void *bytes, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t sent = send(fd, (const char *)bytes + at, len - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return at;
        at += (size_t)sent;
    }
    return at;
}

void client_send(int fd, const void *bytes, size_t len)
{
    assert_int_equal(client_try_send(fd, bytes, len), len);
}

void client_say(int fd, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    assert_true(len >= 0);
    client_send(fd, text, (size_t)len);
    free(text);
}

/* -1: nothing came in time or the connection broke. */
static ssize_t receive(int fd, void *out, size_t cap, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    if (poll(&poll_fd, 1, timeout_ms) != 1)
        return -1;
    return recv(fd, out, cap, 0);
}

const char *answer_header(const struct http_answer *answer, const char *name)
{
    static char value[256];
    char line[128];
    (void)snprintf(line, sizeof line, "\r\n%s: ", name);
    const char *at = strstr(answer->head, line);
    if (at == NULL)
        return NULL;
    at += strlen(line);
    (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

/* Byte by byte, so that nothing of the body is taken. */
static bool read_head(int fd, struct http_answer *answer)
{
    size_t len = 0;
    while (len + 1 < sizeof answer->head && (len < 4 || memcmp(answer->head + len - 4, "\r\n\r\n", 4) != 0)) {
        if (receive(fd, answer->head + len, 1, READ_TIMEOUT_MS) != 1)
            return false;
        answer->head[++len] = '\0';
    }
    return sscanf(answer->head, "HTTP/1.1 %d ", &answer->status) == 1;
}

struct http_answer client_read(int fd, bool head, unsigned close_ms)
{
    struct http_answer answer = {.status = 0};
    char rest[64];
    if (!read_head(fd, &answer))
        return answer;
    const char *length = answer_header(&answer, "Content-Length");
    size_t want = head || length == NULL || answer.status == 204 ? 0 : (size_t)strtoull(length, NULL, 10);
    answer.body = malloc(want + 1);
    while (answer.body_len < want) {
        ssize_t got = receive(fd, answer.body + answer.body_len, want - answer.body_len, READ_TIMEOUT_MS);
        if (got <= 0)
            break;
        answer.body_len += (size_t)got;
    }
    assert_int_equal(answer.body_len, want);
    answer.body[want] = '\0';
    answer.closed = close_ms > 0 && receive(fd, rest, sizeof rest, (int)close_ms) == 0;
    return answer;
}

void answer_done(struct http_answer *answer)
{
    free(answer->body);
    answer->body = NULL;
}

struct http_answer http(struct world *w, const char *method, const char *path, const char *headers, const void *body,
                        size_t len)
{
    int fd = client_connect(w);
    client_say(fd, "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, path, headers);
    if (len > 0)
        (void)client_try_send(fd, body, len);
    bool stays = strstr(headers, "User-Agent") != NULL;
    struct http_answer answer = client_read(fd, strcmp(method, "HEAD") == 0, stays ? 0 : 2000);
    close(fd);
    return answer;
}

void answer_expect(struct http_answer answer, int status, const char *code)
{
    char want[96];
    if (answer.status != status)
        fail_msg("status %d instead of %d: %s", answer.status, status, answer.head);
    (void)snprintf(want, sizeof want, "<Error><Code>%s</Code><Message>", code);
    if (code[0] != '\0')
        assert_non_null(strstr((const char *)answer.body, want));
    assert_true(strlen(answer.head) < 1000);
    assert_null(strstr(answer.head, "chunked"));
    answer_done(&answer);
}

struct http_answer http_put(struct world *w, const ferry_id *task, const char *headers, const uint8_t *bytes,
                            size_t len)
{
    char path[WORLD_URL_MAX], all[512];
    world_put_path(w, task, path);
    (void)snprintf(all, sizeof all, "%sContent-Length: %zu\r\n", headers, len);
    return http(w, "PUT", path, all, bytes, len);
}
