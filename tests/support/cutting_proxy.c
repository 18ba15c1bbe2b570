#define _GNU_SOURCE /* memmem, accept4 */

#include "cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, CONNECTIONS_MAX = 64, ANSWER_MS = 10 * 1000 };

struct cutting_proxy {
    int listener;
    uint16_t server;
    atomic_int next; /* cutting */
    pthread_t thread;
    struct pollfd fds[1 + 2 * CONNECTIONS_MAX]; /* the listener; then the program's side and the server's of each */
    size_t used;
    int held_fd; /* the server's side of what is held */
    char held[CHUNK];
    size_t held_len;
};

static void must(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

static void close_pair(struct cutting_proxy *p, size_t at, bool server_too)
{
    size_t first = at - (at - 1) % 2;

    (void)close(p->fds[first].fd);
    if (server_too)
        (void)close(p->fds[first + 1].fd);
    p->fds[first].fd = p->fds[first + 1].fd = -1;
}

static void take(struct cutting_proxy *p)
{
    int client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC), server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = loopback(p->server);

    must(client >= 0 && server >= 0 && p->used + 2 <= sizeof(p->fds) / sizeof(p->fds[0]), "proxy");
    if (connect(server, (struct sockaddr *)&to, sizeof(to)) != 0) {
        (void)close(client);
        (void)close(server);
        return;
    }
    p->fds[p->used++] = (struct pollfd){.fd = client, .events = POLLIN};
    p->fds[p->used++] = (struct pollfd){.fd = server, .events = POLLIN};
}

static void wait_for_answer(int fd)
{
    char bytes[CHUNK];
    struct pollfd at = {.fd = fd, .events = POLLIN};

    if (poll(&at, 1, ANSWER_MS) == 1)
        (void)!read(fd, bytes, sizeof(bytes));
}

static void cut(struct cutting_proxy *p, size_t at, cutting what, const char *bytes, size_t len)
{
    int server = p->fds[at + 1].fd;

    if (what == CUT_ANSWER && send_all(server, bytes, len))
        wait_for_answer(server);
    if (what == CUT_HOLD) {
        memcpy(p->held, bytes, len);
        p->held_len = len;
        p->held_fd = server;
    }
    close_pair(p, at, what != CUT_HOLD);
}

static void forward(struct cutting_proxy *p, size_t at)
{
    bool from_program = at % 2 == 1;
    char bytes[CHUNK];
    ssize_t len = read(p->fds[at].fd, bytes, sizeof(bytes));
    int to = p->fds[from_program ? at + 1 : at - 1].fd;

    if (len > 0 && from_program && p->next != CUT_NOTHING && memmem(bytes, (size_t)len, "COMMIT", 6) != NULL)
        cut(p, at, (cutting)atomic_exchange(&p->next, CUT_NOTHING), bytes, (size_t)len);
    else if (len <= 0 || !send_all(to, bytes, (size_t)len))
        close_pair(p, at, true);
}

static void *run(void *arg)
{
    struct cutting_proxy *p = arg;

    while (poll(p->fds, p->used, -1) >= 0) {
        size_t used = p->used;

        for (size_t i = 1; i < used; i++)
            if (p->fds[i].fd >= 0 && p->fds[i].revents != 0)
                forward(p, i);
        if ((p->fds[0].revents & (POLLHUP | POLLERR)) != 0)
            break;
        if (p->fds[0].revents != 0)
            take(p);
    }
    for (size_t i = 1; i < p->used; i++)
        if (p->fds[i].fd >= 0)
            (void)close(p->fds[i].fd);
    return NULL;
}

struct cutting_proxy *cutting_proxy_new(const char *server, char uri[POSTGRES_URI_SIZE])
{
    struct cutting_proxy *p = calloc(1, sizeof(*p));
    const char *colon = strrchr(server, ':');
    struct sockaddr_in at = loopback(0);
    socklen_t len = sizeof(at);
    char *rest = NULL;

    must(p != NULL && colon != NULL, "proxy");
    p->server = (uint16_t)strtoul(colon + 1, &rest, 10);
    p->held_fd = -1;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(p->listener >= 0 && bind(p->listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(p->listener, 64) == 0 &&
             getsockname(p->listener, (struct sockaddr *)&at, &len) == 0,
         "proxy");
    (void)snprintf(uri, POSTGRES_URI_SIZE, "%.*s:%u%s", (int)(colon - server), server, ntohs(at.sin_port), rest);
    p->fds[p->used++] = (struct pollfd){.fd = p->listener, .events = POLLIN};
    must(pthread_create(&p->thread, NULL, run, p) == 0, "proxy");
    return p;
}

void cutting_proxy_free(struct cutting_proxy *p)
{
    (void)shutdown(p->listener, SHUT_RDWR); /* wakes the thread */
    (void)pthread_join(p->thread, NULL);
    (void)close(p->listener);
    if (p->held_fd >= 0)
        (void)close(p->held_fd);
    free(p);
}

void cutting_proxy_cut(struct cutting_proxy *p, cutting what)
{
    p->next = (int)what;
}

void cutting_proxy_let_go(struct cutting_proxy *p)
{
    if (send_all(p->held_fd, p->held, p->held_len))
        wait_for_answer(p->held_fd);
}
