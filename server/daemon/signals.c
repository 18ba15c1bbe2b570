#include "signals.h"

#include "base/log.h"
#include "base/system.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SAME_ORDER_MS = 500, WAIT_S = 3600 };

static void fill(sigset_t *set)
{
    static const int wanted[] = {SIGTERM, SIGINT, SIGHUP};

    (void)sigemptyset(set);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        struct sigaction now;

        /* who starts us with nohup wants no end at SIGHUP */
        if (sigaction(wanted[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            (void)sigaddset(set, wanted[i]);
    }
}

void signals_block(void)
{
    sigset_t set;

    fill(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

int signals_wait(int timeout_s)
{
    const struct timespec timeout = {.tv_sec = timeout_s};
    sigset_t set;
    int got;

    fill(&set);
    got = sigtimedwait(&set, NULL, &timeout);
    return got > 0 ? got : 0;
}

static int wait_for_end(void)
{
    int got;

    do
        got = signals_wait(WAIT_S);
    while (got != SIGTERM && got != SIGINT);
    return got;
}

static void *end_at_signal(void *arg)
{
    uint64_t first_ms = ferry_mono_ms();
    int got = wait_for_end();

    (void)arg;
    while (ferry_mono_ms() - first_ms < SAME_ORDER_MS)
        got = wait_for_end(); /* one order may come twice: to us and to our process group */
    ferry_log(FERRY_LOG_WARN, "ferryd", "signal %d again: ending at once", got);
    _exit(EXIT_FAILURE);
}

void signals_end_at_next(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, end_at_signal, NULL) == 0)
        (void)pthread_detach(thread);
}
