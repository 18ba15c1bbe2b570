#include "managed_broker.h"

#include "broker_setup.h"
#include "process.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/system.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    ACCEPT_TIMEOUT_MS = 10000, /* from the start of the process to the first connection */
    ACCEPT_POLL_MS = 2,
    ANSWER_TIMEOUT_MS = 500,   /* of a listener, to one attempt to connect */
    SAVE_TIMEOUT_MS = 1000,
    STOP_GRACE_MS = 5000,   /* for writing what waits to the disk */
    RETRY_FIRST_MS = 100,   /* pause before the second attempt to start it, then doubling */
    RETRY_MAX_MS = 2000,    /* ... up to this: devices give up after about a minute */
    STEADY_MS = 1000,       /* a broker that lived this long is started again without a pause */
    LOOK_EVERY_MS = 1000,
};

/* What the thread is to add before it starts another process: a listener for devices that show a certificate. */
struct wish {
    bool made;
    struct address at;
    struct broker_tls tls;
    char device_stamp[BROKER_STAMP_SIZE];
};

struct managed_broker {
    struct broker_setup setup; /* its ports are fixed after the start */
    char *program;             /* path */
    int stop_fd; /* eventfd */
    pthread_t thread;
    bool watching;           /* the thread exists */
    atomic_uint_fast64_t unlinked_ms; /* since then we have no connection to it; 0: we have one */
    pthread_mutex_t lock;    /* guards process, which is replaced by the thread and signalled by others, and wish */
    struct process process;
    struct wish wish;
    char said[BROKER_PROBLEM_SIZE]; /* the last problem that was logged in this outage */
};

/* --- the process ------------------------------------------------------------------------------------------ */

static void set_process(struct managed_broker *b, struct process process)
{
    (void)pthread_mutex_lock(&b->lock);
    b->process = process;
    (void)pthread_mutex_unlock(&b->lock);
}

static void send_signal(struct managed_broker *b, int signal)
{
    (void)pthread_mutex_lock(&b->lock);
    process_signal(&b->process, signal);
    (void)pthread_mutex_unlock(&b->lock);
}

/* Stops and forgets the process. The end is waited for without the lock: signals of others may go on. */
static void drop_process(struct managed_broker *b)
{
    struct process process = b->process;

    set_process(b, PROCESS_NONE);
    process_stop(&process, STOP_GRACE_MS);
}

/* One whose queue is full gives no answer at all: it is asked anew, and never waited for. */
static bool one_accepts(const struct address *address)
{
    struct address to = address_to_reach(address);
    ferry_autoclose int fd = socket(to.socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd connected = {.fd = fd, .events = POLLOUT};
    int error = 0;

    if (fd < 0)
        return false;
    if (connect(fd, &to.socket.any, to.len) == 0)
        return true;
    return errno == EINPROGRESS && poll(&connected, 1, ANSWER_TIMEOUT_MS) > 0 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof(error)}) == 0 && error == 0;
}

static bool accepts(const struct managed_broker *b)
{
    for (size_t i = 0; i < BROKER_LISTENERS; i++)
        if (b->setup.listeners[i].len != 0 && !one_accepts(&b->setup.listeners[i]))
            return false;
    return true;
}

static ferry_err wait_accepting(struct managed_broker *b, char problem[BROKER_PROBLEM_SIZE])
{
    uint64_t deadline_ms = ferry_mono_ms() + ACCEPT_TIMEOUT_MS;
    char end[PROCESS_END_SIZE], words[FERRY_LOG_QUOTE_SIZE];

    while (!accepts(b)) {
        if (process_ended(&b->process, ACCEPT_POLL_MS, end)) {
            (void)snprintf(problem, BROKER_PROBLEM_SIZE, "mosquitto ended at its start, %s: %s (%s)", end,
                           broker_setup_last_words(&b->setup, words), b->setup.log_path);
            return FERRY_E_IO;
        }
        if (ferry_mono_ms() >= deadline_ms) {
            (void)snprintf(problem, BROKER_PROBLEM_SIZE, "mosquitto does not accept connections, see %s", b->setup.log_path);
            return FERRY_E_TIMEOUT;
        }
    }
    return FERRY_OK;
}

/* One attempt. The addresses are fixed by now. */
static ferry_err launch(struct managed_broker *b, char problem[BROKER_PROBLEM_SIZE])
{
    struct process process;
    struct address same[BROKER_LISTENERS];
    ferry_err err = broker_setup_probe(b->setup.listeners, same, problem);

    if (err != FERRY_OK)
        return err;
    broker_setup_clear(&b->setup);
    managed_broker_linked(b, false);
    err = process_start(b->program, b->setup.conf_path, b->setup.log_path, &process);
    if (err != FERRY_OK) {
        (void)snprintf(problem, BROKER_PROBLEM_SIZE, "cannot start %s: %s", b->program, ferry_err_text(err));
        return err;
    }
    set_process(b, process);
    err = wait_accepting(b, problem);
    if (err != FERRY_OK)
        drop_process(b);
    else
        ferry_log(FERRY_LOG_INFO, "broker", "started mosquitto, process %d", (int)process.pid);
    return err;
}

static bool take_wish(struct managed_broker *b, struct wish *ret_wish)
{
    (void)pthread_mutex_lock(&b->lock);
    *ret_wish = b->wish;
    b->wish.made = false;
    (void)pthread_mutex_unlock(&b->lock);
    ret_wish->tls.device_stamp = ret_wish->device_stamp;
    return ret_wish->made;
}

/* The one that was taken, or one that has replaced it meanwhile. */
static void wish_again(struct managed_broker *b)
{
    (void)pthread_mutex_lock(&b->lock);
    b->wish.made = true;
    (void)pthread_mutex_unlock(&b->lock);
}

static ferry_err grant_wish(struct managed_broker *b, char problem[BROKER_PROBLEM_SIZE])
{
    struct wish wish;
    ferry_err err = FERRY_OK;

    if (take_wish(b, &wish))
        err = broker_setup_add_certificates(&b->setup, &wish.at, &wish.tls, problem);
    if (err != FERRY_OK)
        wish_again(b);
    return err;
}

/* --- the watch -------------------------------------------------------------------------------------------- */

/* Waits; true when the broker is to be stopped. fd may be -1. */
static bool wait_stop(struct managed_broker *b, int fd, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = b->stop_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

    return poll(fds, 2, timeout_ms) > 0 && (fds[0].revents & POLLIN) != 0;
}

/* Starts it until it lives; false when it is to be stopped instead. */
static bool launch_again(struct managed_broker *b, bool pause_first)
{
    int pause_ms = RETRY_FIRST_MS;

    b->said[0] = '\0';
    for (;; pause_first = true) {
        char problem[BROKER_PROBLEM_SIZE] = "";

        if (wait_stop(b, -1, pause_first ? pause_ms : 0))
            return false;
        if (pause_first)
            pause_ms = pause_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : pause_ms * 2;
        if (grant_wish(b, problem) == FERRY_OK && launch(b, problem) == FERRY_OK)
            return true;
        if (strcmp(problem, b->said) != 0)
            ferry_log(FERRY_LOG_ERROR, "broker", "%s; trying again", problem);
        (void)snprintf(b->said, sizeof(b->said), "%s", problem);
    }
}

/* Mosquitto 2.0.11 may go round in a circle for ever; so may one that somebody stopped. */
static bool stands_still(const struct managed_broker *b)
{
    uint64_t since_ms = atomic_load(&b->unlinked_ms);

    return since_ms != 0 && ferry_mono_ms() - since_ms >= b->setup.config.patience_ms;
}

/* By itself, or because it is ended here. */
static bool has_ended(struct managed_broker *b)
{
    struct process process = b->process;
    char end[PROCESS_END_SIZE];

    if (process_ended(&process, 0, end)) {
        set_process(b, PROCESS_NONE);
        process_release(&process);
        ferry_log(FERRY_LOG_WARN, "broker", "mosquitto has ended %s: starting it again", end);
        return true;
    }
    if (!stands_still(b))
        return false;
    ferry_log(FERRY_LOG_WARN, "broker", "mosquitto, process %d, has not let us in for %" PRIu64 " s: ending it and starting it again",
              (int)process.pid, b->setup.config.patience_ms / 1000);
    drop_process(b);
    return true;
}

static void *watch(void *arg)
{
    struct managed_broker *b = arg;
    uint64_t born_ms = ferry_mono_ms();

    while (!wait_stop(b, b->process.fd, LOOK_EVERY_MS)) {
        if (!has_ended(b))
            continue;
        if (!launch_again(b, ferry_mono_ms() < born_ms + STEADY_MS))
            return NULL;
        born_ms = ferry_mono_ms();
    }
    return NULL;
}

static bool start_watch(struct managed_broker *b)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    b->watching = pthread_create(&b->thread, NULL, watch, b) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return b->watching;
}

/* --- what a dead ferryd left ------------------------------------------------------------------------------ */

/* Takes a leftover over when it is what we would start ourselves; ends it otherwise. False: there is none now. */
static bool take_over(struct managed_broker *b, char problem[BROKER_PROBLEM_SIZE])
{
    struct process left;

    if (process_adopt(b->program, b->setup.conf_path, b->setup.pid_path, &left) != FERRY_OK)
        return false;
    if (broker_setup_take_old(&b->setup)) {
        set_process(b, left);
        managed_broker_linked(b, false);
        if (wait_accepting(b, problem) == FERRY_OK) {
            if (b->setup.config.tls.cert != NULL)
                managed_broker_reload(b); /* the certificate may be another one by now */
            ferry_log(FERRY_LOG_INFO, "broker", "took over mosquitto, process %d, that an earlier ferryd left",
                      (int)left.pid);
            return true;
        }
        set_process(b, PROCESS_NONE);
    }
    ferry_log(FERRY_LOG_INFO, "broker", "ending mosquitto, process %d, that an earlier ferryd left", (int)left.pid);
    process_stop(&left, STOP_GRACE_MS);
    return false;
}

/* --- life ------------------------------------------------------------------------------------------------- */

static ferry_err start_fresh(struct managed_broker *b, char problem[BROKER_PROBLEM_SIZE])
{
    ferry_err err = broker_setup_write_new(&b->setup, problem);

    return err == FERRY_OK ? launch(b, problem) : err;
}

static ferry_err find_parts(struct managed_broker *b, char problem[BROKER_PROBLEM_SIZE])
{
    ferry_err err = process_find_program(b->setup.config.program, &b->program);

    if (err == FERRY_E_NOT_FOUND)
        (void)snprintf(problem, BROKER_PROBLEM_SIZE,
                       "%s is not installed: apt-get install mosquitto, or use another broker with --broker",
                       b->setup.config.program);
    else if (err != FERRY_OK)
        (void)snprintf(problem, BROKER_PROBLEM_SIZE, "%s", ferry_err_text(err));
    if (err == FERRY_OK && access(b->setup.config.plugin, R_OK) != 0) {
        (void)snprintf(problem, BROKER_PROBLEM_SIZE,
                       "the broker's plugin %s is missing: install it, or say with --broker-plugin where it is",
                       b->setup.config.plugin);
        err = FERRY_E_NOT_FOUND;
    }
    return err;
}

/* managed_broker_stop() afterwards, whatever came of it. */
static ferry_err init(struct managed_broker *b, const struct managed_broker_config *config, char problem[BROKER_PROBLEM_SIZE])
{
    ferry_err err = broker_setup_init(&b->setup, config);

    b->process = PROCESS_NONE;
    (void)pthread_mutex_init(&b->lock, NULL); /* cannot fail without attributes */
    b->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (err == FERRY_OK && b->stop_fd < 0)
        err = FERRY_E_NOMEM;
    return err == FERRY_OK ? find_parts(b, problem) : err;
}

ferry_err managed_broker_start(const struct managed_broker_config *config, struct managed_broker **ret_broker)
{
    struct managed_broker *b = ferry_calloc(1, sizeof(*b));
    char problem[BROKER_PROBLEM_SIZE] = "out of memory";
    ferry_err err = b != NULL ? init(b, config, problem) : FERRY_E_NOMEM;

    if (err == FERRY_OK && !take_over(b, problem))
        err = start_fresh(b, problem);
    if (err == FERRY_OK && !start_watch(b)) {
        (void)snprintf(problem, sizeof(problem), "no thread can be made to watch the broker");
        err = FERRY_E_NOMEM;
    }
    if (err != FERRY_OK) {
        ferry_log(FERRY_LOG_ERROR, "broker", "%s", problem);
        managed_broker_stop(b);
        return err;
    }
    *ret_broker = b;
    return FERRY_OK;
}

struct address managed_broker_address(const struct managed_broker *broker, int listener)
{
    return broker->setup.listeners[listener];
}

void managed_broker_linked(struct managed_broker *broker, bool up)
{
    atomic_store(&broker->unlinked_ms, up ? 0 : ferry_mono_ms());
    if (up)
        send_signal(broker, SIGUSR1);
}

void managed_broker_reload(struct managed_broker *broker)
{
    send_signal(broker, SIGHUP);
}

void managed_broker_restart(struct managed_broker *broker)
{
    send_signal(broker, SIGTERM);
}

ferry_err managed_broker_listen_for_certificates(struct managed_broker *broker, const struct address *at,
                                                 const struct broker_tls *tls)
{
    const struct address wanted[BROKER_LISTENERS] = {[BROKER_CERT] = *at};
    struct address found[BROKER_LISTENERS] = {{.len = 0}};
    char problem[BROKER_PROBLEM_SIZE];
    ferry_err err = broker_setup_probe(wanted, found, problem);

    if (err != FERRY_OK) {
        ferry_log(FERRY_LOG_ERROR, "broker", "%s", problem);
        return err;
    }
    (void)pthread_mutex_lock(&broker->lock);
    broker->wish.at = found[BROKER_CERT];
    broker->wish.tls = *tls;
    (void)snprintf(broker->wish.device_stamp, BROKER_STAMP_SIZE, "%s", tls->device_stamp);
    broker->wish.made = true;
    (void)pthread_mutex_unlock(&broker->lock);
    managed_broker_restart(broker);
    return FERRY_OK;
}

/* Mosquitto writes another file and renames it: what is there is whole. */
void managed_broker_wait_saved(const struct managed_broker *broker)
{
    uint64_t deadline_ms = ferry_mono_ms() + SAVE_TIMEOUT_MS;

    while (access(broker->setup.saved_path, F_OK) != 0 && ferry_mono_ms() < deadline_ms)
        (void)poll(NULL, 0, ACCEPT_POLL_MS);
}

void managed_broker_stop(struct managed_broker *broker)
{
    uint64_t one = 1;

    if (broker == NULL)
        return;
    if (broker->watching && write(broker->stop_fd, &one, sizeof(one)) == sizeof(one))
        (void)pthread_join(broker->thread, NULL);
    if (broker->process.fd >= 0) {
        drop_process(broker);
        (void)unlink(broker->setup.pid_path);
    }
    if (broker->stop_fd >= 0)
        (void)close(broker->stop_fd);
    (void)pthread_mutex_destroy(&broker->lock);
    free(broker->program);
    broker_setup_done(&broker->setup);
    free(broker);
}
