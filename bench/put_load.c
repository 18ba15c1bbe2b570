/**
 * @file put_load.c
 * @brief Small files that are sent as fast as they are taken: put_load PORT CONNECTIONS LIST
 *
 * LIST: for each file a line of its target, its MD5 in base64 and its path. Each connection is a thread that sends the next one when the
 * last one was answered. Prints the seconds for all of them, and the processor time for each in us. A sender that costs as much as who is
 * measured, as curl does with small files, would be half of what is measured.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 100000, FILE_MAX = 64 * 1024, HEAD_MAX = 2048, ANSWER_MAX = 8192, CONNECTIONS_MAX = 256 };

struct request {
    char *bytes;
    size_t len;
};

struct load {
    struct sockaddr_in to;
    struct request requests[FILES_MAX];
    size_t count;
    atomic_size_t next;
    atomic_bool failed;
};

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- what is sent ------------------------------------------------------------------------------------------ */

static bool make_request(struct load *load, const char *target, const char *md5, const char *path)
{
    static char body[FILE_MAX];
    struct request *request = &load->requests[load->count];
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return false;
    size_t size = fread(body, 1, sizeof body, file);
    (void)fclose(file);
    request->bytes = malloc(HEAD_MAX + size);
    if (request->bytes == NULL)
        return false;
    int head = snprintf(request->bytes, HEAD_MAX,
                        "PUT %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: put_load\r\nContent-Length: %zu\r\nContent-MD5: %s\r\n\r\n", target,
                        size, md5);
    if (head < 0 || head >= HEAD_MAX)
        return false;
    memcpy(request->bytes + head, body, size);
    request->len = (size_t)head + size;
    load->count++;
    return true;
}

static bool read_list(struct load *load, const char *path)
{
    char target[1024], md5[32], file[1024];
    FILE *list = fopen(path, "r");
    bool good = list != NULL;

    while (good && fscanf(list, "%1023s %31s %1023s", target, md5, file) == 3)
        good = load->count < FILES_MAX && make_request(load, target, md5, file);
    if (list != NULL)
        (void)fclose(list);
    return good && load->count > 0;
}

/* --- a connection ------------------------------------------------------------------------------------------ */

static bool send_all(int fd, const struct request *request)
{
    size_t sent = 0;

    while (sent < request->len) {
        ssize_t now = send(fd, request->bytes + sent, request->len - sent, MSG_NOSIGNAL);
        if (now <= 0)
            return false;
        sent += (size_t)now;
    }
    return true;
}

/* The answer to a PUT that went well has no body here. */
static bool was_taken(int fd)
{
    char answer[ANSWER_MAX + 1];
    size_t len = 0;

    do {
        ssize_t now = recv(fd, answer + len, ANSWER_MAX - len, 0);
        if (now <= 0)
            return false;
        len += (size_t)now;
        answer[len] = '\0';
    } while (strstr(answer, "\r\n\r\n") == NULL && len < ANSWER_MAX);
    bool taken = strncmp(answer, "HTTP/1.1 20", strlen("HTTP/1.1 20")) == 0;
    if (!taken)
        (void)fprintf(stderr, "put_load: %.300s\n", answer);
    return taken;
}

static void *run_connection(void *arg)
{
    struct load *load = arg;
    const int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && connect(fd, (const struct sockaddr *)&load->to, sizeof load->to) == 0 &&
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0;
    size_t mine = 0;

    while (good && (mine = atomic_fetch_add(&load->next, 1)) < load->count)
        good = send_all(fd, &load->requests[mine]) && was_taken(fd);
    if (!good)
        atomic_store(&load->failed, true);
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

static bool run(struct load *load, size_t connections)
{
    pthread_t threads[CONNECTIONS_MAX];
    size_t started = 0;

    while (started < connections && pthread_create(&threads[started], NULL, run_connection, load) == 0)
        started++;
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    return started == connections && !atomic_load(&load->failed);
}

int main(int argc, char **argv)
{
    static struct load load;
    long port = argc == 4 ? strtol(argv[1], NULL, 10) : 0, connections = argc == 4 ? strtol(argv[2], NULL, 10) : 0;

    if (port < 1 || port > UINT16_MAX || connections < 1 || connections > CONNECTIONS_MAX) {
        (void)fprintf(stderr, "usage: put_load PORT CONNECTIONS LIST\n");
        return 2;
    }
    load.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (!read_list(&load, argv[3])) {
        (void)fprintf(stderr, "put_load: %s: not a list of files of at most %d bytes\n", argv[3], FILE_MAX);
        return 1;
    }
    double began = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    if (!run(&load, (size_t)connections))
        return 1;
    (void)printf("%.6f %.1f\n", seconds_of(CLOCK_MONOTONIC) - began, (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e6 / (double)load.count);
    for (size_t i = 0; i < load.count; i++)
        free(load.requests[i].bytes);
    return 0;
}
