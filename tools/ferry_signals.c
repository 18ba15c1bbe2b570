#include "ferry_signals.h"

#include "base/system.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

/* What the handler tells. It cannot be given an argument, so this is the process's, not a struct's. */
static struct ferry *volatile target;
static pthread_t worker;
static bool is_service;
static volatile sig_atomic_t ends, reload, woken;

static void on_signal(int number)
{
    struct ferry *ferry = target;

    if (pthread_equal(pthread_self(), worker) == 0) { /* libcurl has threads for a moment: none of their business */
        (void)pthread_kill(worker, number);
        return;
    }
    woken = 1;
    if (number == SIGHUP && is_service)
        reload = 1;
    else if (number == SIGINT || number == SIGTERM || number == SIGHUP)
        ends = ends < INT_MAX ? ends + 1 : ends;
    if (ferry != NULL)
        ferry_interrupt(ferry);
}

static void set(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    (void)sigfillset(&action.sa_mask); /* one at a time */
    (void)sigaction(number, &action, NULL);
}

void ferry_signals_catch(bool service)
{
    struct sigaction old;

    worker = pthread_self();
    is_service = service;
    set(SIGPIPE, SIG_IGN);
    set(SIGINT, on_signal);
    set(SIGTERM, on_signal);
    if (!service) {
        if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            set(SIGHUP, on_signal);
        return;
    }
    set(SIGHUP, on_signal);
    set(SIGCHLD, on_signal);
}

void ferry_signals_interrupt(struct ferry *ferry)
{
    target = ferry;
}

int ferry_signals_ends(void)
{
    return ends;
}

bool ferry_signals_take_reload(void)
{
    if (reload == 0)
        return false;
    reload = 0; /* one that comes before this line is served by what follows */
    return true;
}

void ferry_signals_sleep(uint64_t until_ms)
{
    uint64_t now_ms = ferry_mono_ms(), wait_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    struct timespec wait = {.tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = (long)(wait_ms % 1000) * 1000000};
    sigset_t all, old;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &old); /* so that none slips in between the look and the sleep */
    if (woken == 0)
        (void)ppoll(NULL, 0, until_ms == UINT64_MAX ? NULL : &wait, &old);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    woken = 0;
}
