/*
 * A program with a loop of its own: it takes every file that the platform has for this device, sends each file whose
 * path is written to its standard input, one a line, and says every ten seconds what it is doing.
 *
 *     own_loop mqtt://platform.example:1883 PRODUCT DEVICE SECRET_FILE FOLDER
 */
#include "ferry/ferry.h"

#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct program {
    struct ferry *ferry;
    bool sending;  /* one at a time: the next line waits */
    bool no_input; /* standard input has ended */
};

static void on_outcome(struct program *p, const struct ferry_outcome *outcome)
{
    if (outcome->err != FERRY_DEVICE_OK)
        printf("%s: %s\n", outcome->name, outcome->message);
    else if (outcome->lane == FERRY_LANE_DOWN)
        printf("received %s\n", outcome->path);
    else
        printf("sent %s\n", outcome->name);
    if (outcome->lane == FERRY_LANE_UP && !outcome->earlier)
        p->sending = false;
}

static void on_input(struct program *p)
{
    char path[4096];

    if (fgets(path, sizeof path, stdin) == NULL) {
        p->no_input = true;
        return;
    }
    path[strcspn(path, "\n")] = '\0';
    if (ferry_begin_upload(p->ferry, path, NULL) == FERRY_DEVICE_OK)
        p->sending = true;
    else
        printf("%s\n", ferry_message(p->ferry));
}

static void on_timer(const struct program *p, int timer_fd)
{
    static const char *const what[] = {"sending", "receiving"};
    ferry_lane_status status;
    uint64_t count;

    if (read(timer_fd, &count, sizeof count) < 0)
        return;
    for (ferry_lane lane = FERRY_LANE_UP; lane <= FERRY_LANE_DOWN; lane++) {
        ferry_status(p->ferry, lane, &status);
        if (status.phase == FERRY_PHASE_MOVE)
            printf("%s %s: %" PRIu64 " of %" PRIu64 "\n", what[lane], status.name, status.offset, status.size);
    }
}

static void run(struct program *p, int timer_fd)
{
    struct ferry_outcome outcome;

    while (!p->no_input || p->sending) {
        struct pollfd fds[] = {
            {.fd = ferry_fd(p->ferry), .events = POLLIN},
            {.fd = timer_fd, .events = POLLIN},
            {.fd = p->sending ? -1 : STDIN_FILENO, .events = POLLIN},
        };
        if (poll(fds, sizeof fds / sizeof fds[0], -1) < 0)
            return;
        if (fds[0].revents != 0 && ferry_step(p->ferry, 0, &outcome))
            on_outcome(p, &outcome);
        if (fds[1].revents != 0)
            on_timer(p, timer_fd);
        if (fds[2].revents != 0)
            on_input(p);
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    static const struct itimerspec ten_seconds = {.it_interval = {.tv_sec = 10}, .it_value = {.tv_sec = 10}};
    char secret[256] = "", why[FERRY_MESSAGE_SIZE];
    struct program p = {0};
    FILE *in = argc == 6 ? fopen(argv[4], "r") : NULL;
    int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    if (in == NULL || fgets(secret, sizeof secret, in) == NULL || timer_fd < 0) {
        fprintf(stderr, "usage: own_loop BROKER PRODUCT DEVICE SECRET_FILE FOLDER\n");
        return 2;
    }
    (void)fclose(in);
    secret[strcspn(secret, "\n")] = '\0';
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* what stdio holds back, poll() does not see */
    (void)timerfd_settime(timer_fd, 0, &ten_seconds, NULL);

    struct ferry_options options = {
        .broker = argv[1], .product = argv[2], .device = argv[3], .secret = secret, .state_dir = argv[5]};
    if (ferry_open(&options, &p.ferry, why) != FERRY_DEVICE_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    if (ferry_listen(p.ferry, argv[5]) == FERRY_DEVICE_OK)
        run(&p, timer_fd);
    else
        fprintf(stderr, "%s\n", ferry_message(p.ferry));
    p.ferry = ferry_close(p.ferry);
    (void)close(timer_fd);
    return 0;
}
