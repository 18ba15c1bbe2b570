/* The loop: waits for sockets and deadlines, carries out what the engine asks for. */
#include "port.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>

enum {
    EVENTS_AT_ONCE = 16,
    ACTIONS_AT_ONCE = 16,
    PROGRESS_MS = 100,
};

uint64_t ferry__now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_BOOTTIME, &now); /* goes on while the machine sleeps */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint32_t ferry__seed(void)
{
    uint32_t seed;

    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = (uint32_t)ferry__now_ms() ^ (uint32_t)getpid() << 16;
    return seed;
}

void ferry__tell(struct ferry *f, ferry_event_kind kind, ferry_lane lane, ferry_fault fault)
{
    ferry_event event = {.kind = kind, .lane = lane, .fault = fault};

    (void)ferry_device_event(&f->device, ferry__now_ms(), &event); /* a late event changes nothing */
}

void ferry__watch(struct ferry *f, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = fd};

    if (epoll_ctl(f->epoll_fd, EPOLL_CTL_MOD, fd, &ev) != 0 && errno == ENOENT)
        (void)epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, fd, &ev); /* if not: the stall time-out ends the request */
}

void ferry__unwatch(struct ferry *f, int fd)
{
    (void)epoll_ctl(f->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* closed already: gone by itself */
}

ferry_device_err ferry__loop_init(struct ferry *f)
{
    f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    f->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (f->epoll_fd < 0 || f->timer_fd < 0 || f->wake_fd < 0)
        return FERRY_DEVICE_E_SYSTEM;
    ferry__watch(f, f->timer_fd, EPOLLIN);
    ferry__watch(f, f->wake_fd, EPOLLIN);
    f->timer_ms = UINT64_MAX;
    return FERRY_DEVICE_OK;
}

void ferry__loop_done(struct ferry *f)
{
    ferry__close_fd(&f->epoll_fd);
    ferry__close_fd(&f->timer_fd);
    ferry__close_fd(&f->wake_fd);
    f->epoll_fd = f->timer_fd = f->wake_fd = -1;
}

static void carry_out(struct ferry *f, const ferry_action *act)
{
    switch (act->kind) {
    case FERRY_ACT_CONNECT:
        ferry__mqtt_connect(f);
        break;
    case FERRY_ACT_DISCONNECT:
        ferry__mqtt_disconnect(f);
        break;
    case FERRY_ACT_SUBSCRIBE:
        ferry__mqtt_subscribe(f, act);
        break;
    case FERRY_ACT_PUBLISH:
        ferry__mqtt_publish(f, act);
        break;
    case FERRY_ACT_READ:
        ferry__source_read(f, act);
        break;
    case FERRY_ACT_OPEN:
        ferry__part_open(f, act);
        break;
    case FERRY_ACT_COMMIT:
        ferry__part_commit(f, act);
        break;
    case FERRY_ACT_DISCARD:
        ferry__part_discard(f);
        break;
    case FERRY_ACT_HTTP:
        ferry__http_begin(f, act);
        break;
    case FERRY_ACT_HTTP_ABORT:
        ferry__http_abort(f, act->lane);
        break;
    case FERRY_ACT_SAVE:
        ferry__state_save(f, act->lane, act->bytes, act->len);
        break;
    case FERRY_ACT_FINISHED:
        ferry__transfer_finished(f, act);
        break;
    case FERRY_ACT_WAIT:
        break;
    }
}

static void set_timer(struct ferry *f, uint64_t due_ms)
{
    struct itimerspec when = {0};

    if (due_ms == 0)
        due_ms = 1; /* all zero would switch it off */
    if (due_ms == f->timer_ms)
        return;
    f->timer_ms = due_ms;
    if (due_ms != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(due_ms / 1000);
        when.it_value.tv_nsec = (long)(due_ms % 1000) * 1000000;
    }
    (void)timerfd_settime(f->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void ferry__wake(struct ferry *f)
{
    f->woken = true;
    set_timer(f, 0);
}

/* Lets the engine have its way; returns when it must be asked again. */
static uint64_t work(struct ferry *f)
{
    ferry_action act;

    for (int i = 0; i < ACTIONS_AT_ONCE; i++) {
        ferry_device_next(&f->device, ferry__now_ms(), &act);
        if (act.kind == FERRY_ACT_WAIT)
            return act.deadline_ms;
        carry_out(f, &act);
        if (act.kind == FERRY_ACT_FINISHED) /* the application wants to know before the next one begins */
            break;
        if (act.kind == FERRY_ACT_READ) /* a megabyte has been hashed: the others get their turn */
            break;
    }
    return 0;
}

static bool progress_due(struct ferry *f, const ferry_lane_status *status, ferry_lane lane)
{
    return status->phase != f->shown[lane] || status->linked != f->shown_linked ||
           status->link_tries != f->shown_link_tries ||
           (status->phase != FERRY_PHASE_IDLE && ferry__now_ms() >= f->progress_due_ms);
}

static void show_progress(struct ferry *f)
{
    ferry_lane_status status;
    bool shown = false;

    if (f->options.progress == NULL)
        return;
    for (ferry_lane lane = FERRY_LANE_UP; lane <= FERRY_LANE_DOWN; lane++) {
        ferry_device_status(&f->device, lane, &status);
        if (!progress_due(f, &status, lane))
            continue;
        f->shown[lane] = status.phase;
        shown = true;
        f->options.progress(f->options.user, lane, &status);
    }
    f->shown_linked = status.linked; /* the same in both */
    f->shown_link_tries = status.link_tries;
    if (shown)
        f->progress_due_ms = ferry__now_ms() + PROGRESS_MS;
}

static void drain(int fd)
{
    uint64_t count;

    while (read(fd, &count, sizeof count) > 0)
        ;
}

/* True when the connection to the broker was served. */
static bool dispatch(struct ferry *f, const struct epoll_event *ev)
{
    int fd = ev->data.fd;

    if (fd == f->timer_fd) {
        drain(fd);
        f->timer_ms = UINT64_MAX;
    } else if (fd == f->wake_fd)
        drain(fd);
    else if (fd == f->mqtt.fd) {
        ferry__mqtt_io(f, ev->events);
        return true;
    } else
        ferry__http_io(f, fd, ev->events);
    return false;
}

void ferry__pipe_guard_begin(struct ferry__pipe_guard *guard)
{
    sigset_t pipe_only, pending;

    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &guard->old);
}

void ferry__pipe_guard_end(const struct ferry__pipe_guard *guard)
{
    static const struct timespec at_once = {0};
    sigset_t pipe_only;

    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    while (!guard->was_pending && sigtimedwait(&pipe_only, NULL, &at_once) < 0 && errno == EINTR)
        ;
    (void)pthread_sigmask(SIG_SETMASK, &guard->old, NULL);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What has become ready, what is due, and what the engine makes of it. */
static void serve(struct ferry *f, const struct epoll_event *events, int count)
{
    bool served = false;

    f->woken = false;
    for (int i = 0; i < count; i++)
        served |= dispatch(f, &events[i]);
    ferry__http_time(f);
    if (!served)
        ferry__mqtt_io(f, 0);
    uint64_t due = work(f);
    show_progress(f);
    due = earliest(due, ferry__mqtt_arm(f));
    due = earliest(due, ferry__http_arm(f));
    set_timer(f, f->woken ? 0 : due);
}

void ferry__turn(struct ferry *f, uint64_t wait_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    struct ferry__pipe_guard guard;
    int n = epoll_wait(f->epoll_fd, events, EVENTS_AT_ONCE,
                       wait_ms == FERRY_FOR_EVER ? -1
                       : wait_ms < INT_MAX       ? (int)wait_ms
                                                 : INT_MAX);

    ferry__pipe_guard_begin(&guard);
    serve(f, events, n);
    ferry__pipe_guard_end(&guard);
}
