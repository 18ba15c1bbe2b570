/*
 * The library by remote control: a program with a loop of its own, which does what the lines on its standard input
 * say and writes one JSON object per line. Option by option: library_driver product=p device=d secret=... broker=...
 *
 *     upload PATH [NAME] · download DIR · listen DIR · listen_end · suspend up|down · cancel up|down · status up|down
 *     upload_file PATH · download_next DIR MS     (blocking; after the first of these nothing is stepped between calls)
 *     cancel_at BYTES                             (the progress callback cancels what has moved that much)
 *     stats · quit                                (a SIGUSR1 calls ferry_interrupt())
 */
#include "ferry/ferry.h"

#include <jansson.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static struct ferry *ferry;
static unsigned turns; /* how often the descriptor woke the loop */
static bool blocking;
static uint64_t cancel_at;

static void put(json_t *object)
{
    char *line = json_dumps(object, JSON_COMPACT);

    puts(line);
    (void)fflush(stdout);
    free(line);
    json_decref(object);
}

static json_int_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (json_int_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_progress(void *user, ferry_lane lane, const ferry_lane_status *status)
{
    (void)user;
    if (cancel_at == 0 || status->phase != FERRY_PHASE_MOVE || status->offset < cancel_at)
        return;
    cancel_at = 0;
    ferry_cancel(ferry, lane);
    put(json_pack("{s:b, s:I}", "cancelled", 1, "ms", now_ms()));
}

static void put_call(const char *call, ferry_device_err err)
{
    put(json_pack("{s:s, s:i, s:s}", "call", call, "err", (int)err, "message", ferry_message(ferry)));
}

static ferry_lane lane_of(const char *word)
{
    return word != NULL && strcmp(word, "up") == 0 ? FERRY_LANE_UP : FERRY_LANE_DOWN;
}

static void do_upload(char **words)
{
    put_call("upload", ferry_begin_upload(ferry, words[1], words[2]));
}

static void do_download(char **words)
{
    put_call("download", ferry_begin_download(ferry, words[1]));
}

static void do_listen(char **words)
{
    put_call("listen", ferry_listen(ferry, words[1]));
}

static void do_listen_end(char **words)
{
    (void)words;
    ferry_listen_end(ferry);
}

static void do_suspend(char **words)
{
    put_call("suspend", ferry_suspend(ferry, lane_of(words[1])));
}

static void do_cancel(char **words)
{
    ferry_cancel(ferry, lane_of(words[1]));
}

static void do_cancel_at(char **words)
{
    cancel_at = strtoull(words[1], NULL, 10);
}

static void do_status(char **words)
{
    ferry_lane_status status;

    ferry_status(ferry, lane_of(words[1]), &status);
    put(json_pack("{s:i, s:i, s:I, s:I, s:b}", "lane", (int)lane_of(words[1]), "phase", (int)status.phase, "size",
                  (json_int_t)status.size, "offset", (json_int_t)status.offset, "linked", (int)status.linked));
}

static void do_upload_file(char **words)
{
    blocking = true;
    put_call("upload_file", ferry_upload_file(ferry, words[1], words[2]));
}

static void do_download_next(char **words)
{
    struct ferry_file file;

    blocking = true;
    ferry_device_err err = ferry_download_next(ferry, words[1], strtoull(words[2], NULL, 10), &file);

    if (err != FERRY_DEVICE_OK) {
        put_call("download_next", err);
        return;
    }
    put(json_pack("{s:s, s:i, s:s, s:s, s:I}", "call", "download_next", "err", 0, "name", file.name, "path", file.path,
                  "size", (json_int_t)file.size));
    free(file.path);
}

static void do_stats(char **words)
{
    struct rusage usage;
    struct mallinfo2 heap = mallinfo2();

    (void)words;
    (void)getrusage(RUSAGE_SELF, &usage);
    put(json_pack("{s:i, s:I, s:I}", "turns", (int)turns, "cpu_us",
                  (json_int_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
                      usage.ru_stime.tv_usec,
                  "heap", (json_int_t)(heap.uordblks + heap.hblkhd)));
}

static const struct {
    const char *name;
    void (*run)(char **words);
} commands[] = {
    {"upload", do_upload},
    {"download", do_download},
    {"listen", do_listen},
    {"listen_end", do_listen_end},
    {"suspend", do_suspend},
    {"cancel", do_cancel},
    {"status", do_status},
    {"upload_file", do_upload_file},
    {"download_next", do_download_next},
    {"cancel_at", do_cancel_at},
    {"stats", do_stats},
};

/* One line from standard input; false: the end. */
static bool obey(void)
{
    char line[4096], *words[4] = {NULL}, *rest = NULL;

    if (fgets(line, sizeof line, stdin) == NULL)
        return false;
    line[strcspn(line, "\n")] = '\0';
    words[0] = strtok_r(line, " ", &rest);
    for (int i = 1; i < 4; i++)
        words[i] = strtok_r(NULL, " ", &rest);
    if (words[0] == NULL || strcmp(words[0], "quit") == 0)
        return false;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, words[0]) == 0)
            commands[i].run(words);
    return true;
}

static void step(void)
{
    struct ferry_outcome o;

    turns++;
    if (!ferry_step(ferry, 0, &o))
        return;
    put(json_pack("{s:s, s:i, s:i, s:i, s:b, s:b, s:I, s:s, s:s?, s:s, s:I}", "outcome",
                  o.lane == FERRY_LANE_UP ? "up" : "down", "err", (int)o.err, "why", (int)o.why, "detail", o.detail,
                  "kept", (int)o.kept, "earlier", (int)o.earlier, "size", (json_int_t)o.size, "name", o.name, "path",
                  o.path, "message", o.message, "ms", now_ms()));
}

static bool option_set(struct ferry_options *o, char *argument)
{
    char *value = strchr(argument, '=');
    const struct {
        const char *name;
        const char **text;
        uint64_t *number;
    } options[] = {
        {"product", &o->product, NULL},
        {"device", &o->device, NULL},
        {"secret", &o->secret, NULL},
        {"broker", &o->broker, NULL},
        {"state_dir", &o->state_dir, NULL},
        {"ca_file", &o->ca_file, NULL},
        {"cert_file", &o->cert_file, NULL},
        {"key_file", &o->key_file, NULL},
        {"give_up_ms", NULL, &o->give_up_ms},
        {"confirm_ms", NULL, &o->confirm_ms},
        {"stall_ms", NULL, &o->stall_ms},
        {"low_speed_ms", NULL, &o->low_speed_ms},
        {"rate_bytes_per_s", NULL, &o->rate_bytes_per_s},
        {"low_speed_bytes_per_s", NULL, &o->low_speed_bytes_per_s},
    };

    if (value == NULL)
        return false;
    *value++ = '\0';
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(options[i].name, argument) != 0)
            continue;
        if (options[i].text != NULL)
            *options[i].text = value;
        else
            *options[i].number = strtoull(value, NULL, 10);
        return true;
    }
    return false;
}

static void on_signal(int number)
{
    (void)number;
    ferry_interrupt(ferry);
}

int main(int argc, char **argv)
{
    struct ferry_options options = {.progress = on_progress};
    struct sigaction action = {.sa_handler = on_signal};
    char why[FERRY_MESSAGE_SIZE];
    bool goes_on = true;

    for (int i = 1; i < argc; i++)
        if (!option_set(&options, argv[i]))
            return 2;
    ferry_device_err err = ferry_open(&options, &ferry, why);
    if (err != FERRY_DEVICE_OK) {
        put(json_pack("{s:s, s:i, s:s}", "call", "open", "err", (int)err, "message", why));
        return 1;
    }
    (void)setvbuf(stdin, NULL, _IONBF, 0);
    (void)sigaction(SIGUSR1, &action, NULL);
    put(json_pack("{s:s, s:i, s:s}", "call", "open", "err", 0, "message", ""));
    while (goes_on) {
        struct pollfd fds[] = {{.fd = blocking ? -1 : ferry_fd(ferry), .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents != 0)
            step();
        if (fds[1].revents != 0)
            goes_on = obey();
    }
    ferry = ferry_close(ferry);
    return 0;
}
