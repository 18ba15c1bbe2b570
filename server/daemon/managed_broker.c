#include "managed_broker.h"

#include "process.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/system.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ACCEPT_TIMEOUT_MS = 10000, /* from the start of the process to the first connection */
    ACCEPT_POLL_MS = 2,
    SAVE_TIMEOUT_MS = 1000,
    STOP_GRACE_MS = 5000,   /* for writing what waits to the disk */
    RETRY_FIRST_MS = 100,   /* pause before the second attempt to start it, then doubling */
    RETRY_MAX_MS = 2000,    /* ... up to this: devices give up after about a minute */
    STEADY_MS = 1000,       /* a broker that lived this long is started again without a pause */
    LOOK_EVERY_MS = 1000,
    STUCK_MS = 15000,       /* a broker that has not let us in for so long, which is more than one attempt, is replaced */
    LOG_MAX_BYTES = 16 << 20, /* an older log is put aside at the next start of the broker */
    LOG_TAIL_BYTES = 600,
    PROBLEM_SIZE = 512,
    STAMP_SIZE = 80,
};

struct managed_broker {
    struct managed_broker_config config;
    struct address listeners[BROKER_LISTENERS]; /* with the real ports; fixed after the start */
    char *program;          /* path */
    char *conf_path, *log_path, *pid_path, *saved_path;
    int stop_fd; /* eventfd */
    pthread_t thread;
    bool watching;           /* the thread exists */
    atomic_uint_fast64_t unlinked_ms; /* since then we have no connection to it; 0: we have one */
    pthread_mutex_t lock;    /* guards process, which is replaced by the thread and signalled by others, and wish */
    struct process process;
    char device_stamp[STAMP_SIZE]; /* of a wish that was granted */
    struct {
        bool made;
        struct address at;
        struct broker_tls tls;
        char device_stamp[STAMP_SIZE];
    } wish; /* what the thread is to add before it starts another process */
    char said[PROBLEM_SIZE]; /* the last problem that was logged in this outage */
};

/* --- the configuration ------------------------------------------------------------------------------------ */

static ferry_err write_conf(const struct managed_broker *b, struct ferry_buf *out)
{
    char ips[BROKER_LISTENERS][INET6_ADDRSTRLEN], stamp[64] = "missing";
    struct stat plugin;
    struct broker_conf conf = {
        .version = b->config.version,
        .folder = b->config.folder,
        .tls = b->config.tls,
        .plugin = b->config.plugin,
        .plugin_stamp = stamp,
        .store = b->config.store_path,
        .secrets_key = b->config.secrets_key_path,
        .user = geteuid() == 0 ? "root" : NULL,
        .allow_plain_secret = b->config.allow_plain_secret,
        .queue_bytes = b->config.queue_bytes,
        .connections_max = b->config.connections_max,
        .limits = b->config.limits,
    };

    for (size_t i = 0; i < BROKER_LISTENERS; i++) {
        if (b->listeners[i].len == 0)
            continue;
        address_ip(&b->listeners[i], ips[i]);
        conf.listeners[i] = (struct broker_listener){.ip = ips[i], .port = address_port(&b->listeners[i])};
    }
    if (stat(b->config.plugin, &plugin) == 0)
        (void)snprintf(stamp, sizeof(stamp), "%lld bytes of %lld.%09ld", (long long)plugin.st_size,
                       (long long)plugin.st_mtim.tv_sec, plugin.st_mtim.tv_nsec);
    ferry_buf_reset(out);
    return broker_conf_write(&conf, out);
}

/* Are the ports free now, or with port 0: which ones are? All are held until the last is known. */
static ferry_err probe_ports(const struct address wanted[BROKER_LISTENERS], struct address ret_free[BROKER_LISTENERS],
                             char problem[PROBLEM_SIZE])
{
    static const char *const flags[BROKER_LISTENERS] = {
        [BROKER_PLAIN] = "--mqtt-port", [BROKER_TLS] = "--mqtts-port", [BROKER_CERT] = "--device-cert-port"};
    char in_use[ADDRESS_PROBLEM_SIZE];
    int fds[BROKER_LISTENERS] = {-1, -1, -1};
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < BROKER_LISTENERS; i++)
        if (wanted[i].len != 0)
            err = address_listen(&wanted[i], flags[i], &fds[i], &ret_free[i], in_use);
    if (err != FERRY_OK)
        (void)snprintf(problem, PROBLEM_SIZE, "%s", in_use);
    for (size_t i = 0; i < BROKER_LISTENERS; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    return err;
}

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

static bool one_accepts(const struct address *address)
{
    struct address to = address_to_reach(address);
    ferry_autoclose int fd = socket(to.socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, &to.socket.any, to.len) == 0;
}

static bool accepts(const struct managed_broker *b)
{
    for (size_t i = 0; i < BROKER_LISTENERS; i++)
        if (b->listeners[i].len != 0 && !one_accepts(&b->listeners[i]))
            return false;
    return true;
}

/* The last line of the broker's log, quoted: why it ended. */
static const char *last_words(const struct managed_broker *b, char out[FERRY_LOG_QUOTE_SIZE])
{
    char tail[LOG_TAIL_BYTES + 1];
    FILE *log = fopen(b->log_path, "re");
    size_t len = 0;
    char *line;

    if (log != NULL) {
        if (fseek(log, -LOG_TAIL_BYTES, SEEK_END) != 0)
            rewind(log);
        len = fread(tail, 1, LOG_TAIL_BYTES, log);
        (void)fclose(log);
    }
    while (len > 0 && tail[len - 1] == '\n')
        len--;
    tail[len] = '\0';
    line = strrchr(tail, '\n');
    line = line != NULL ? line + 1 : tail;
    return ferry_log_quote(line, strlen(line), out);
}

static void put_old_log_aside(const struct managed_broker *b)
{
    ferry_autofree char *aside = ferry_asprintf("%s.1", b->log_path);
    struct stat log;

    if (aside != NULL && stat(b->log_path, &log) == 0 && log.st_size > LOG_MAX_BYTES &&
        rename(b->log_path, aside) != 0)
        ferry_log(FERRY_LOG_WARN, "broker", "%s grows and cannot be renamed: %s", b->log_path, strerror(errno));
}

static ferry_err wait_accepting(struct managed_broker *b, char problem[PROBLEM_SIZE])
{
    uint64_t deadline_ms = ferry_mono_ms() + ACCEPT_TIMEOUT_MS;
    char end[PROCESS_END_SIZE], words[FERRY_LOG_QUOTE_SIZE];

    while (!accepts(b)) {
        if (process_ended(&b->process, ACCEPT_POLL_MS, end)) {
            (void)snprintf(problem, PROBLEM_SIZE, "mosquitto ended at its start, %s: %s (%s)", end,
                           last_words(b, words), b->log_path);
            return FERRY_E_IO;
        }
        if (ferry_mono_ms() >= deadline_ms) {
            (void)snprintf(problem, PROBLEM_SIZE, "mosquitto does not accept connections, see %s", b->log_path);
            return FERRY_E_TIMEOUT;
        }
    }
    return FERRY_OK;
}

/* One attempt. The addresses are fixed by now. */
static ferry_err launch(struct managed_broker *b, char problem[PROBLEM_SIZE])
{
    struct process process;
    struct address same[BROKER_LISTENERS];
    ferry_err err = probe_ports(b->listeners, same, problem);

    if (err != FERRY_OK)
        return err;
    put_old_log_aside(b);
    (void)unlink(b->pid_path);
    managed_broker_linked(b, false);
    err = process_start(b->program, b->conf_path, b->log_path, &process);
    if (err != FERRY_OK) {
        (void)snprintf(problem, PROBLEM_SIZE, "cannot start %s: %s", b->program, ferry_err_text(err));
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

static ferry_err put_conf(struct managed_broker *b, char problem[PROBLEM_SIZE])
{
    ferry_autobuf text = FERRY_BUF_INIT(BROKER_CONF_MAX);
    ferry_err err = write_conf(b, &text);

    if (err == FERRY_OK)
        err = ferry_file_replace(b->conf_path, text.data, text.len, 0600);
    if (err != FERRY_OK)
        (void)snprintf(problem, PROBLEM_SIZE, "cannot write %s: %s", b->conf_path, ferry_err_text(err));
    return err;
}

static ferry_err grant_wish(struct managed_broker *b, char problem[PROBLEM_SIZE])
{
    bool made;

    (void)pthread_mutex_lock(&b->lock);
    made = b->wish.made;
    if (made) {
        b->listeners[BROKER_CERT] = b->wish.at;
        b->config.tls = b->wish.tls;
        memcpy(b->device_stamp, b->wish.device_stamp, sizeof(b->device_stamp));
        b->config.tls.device_stamp = b->device_stamp;
    }
    b->wish.made = false;
    (void)pthread_mutex_unlock(&b->lock);
    return made ? put_conf(b, problem) : FERRY_OK;
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
        char problem[PROBLEM_SIZE] = "";

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

    return since_ms != 0 && ferry_mono_ms() - since_ms >= STUCK_MS;
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
    ferry_log(FERRY_LOG_WARN, "broker", "mosquitto, process %d, has not let us in for %d s: ending it and starting it again",
              (int)process.pid, STUCK_MS / 1000);
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

/* The addresses with the ports of a broker that runs; false when they are not those that are wanted. */
static bool use_old_ports(struct managed_broker *b, const char *conf)
{
    uint16_t ports[BROKER_LISTENERS];
    size_t count = broker_conf_ports(conf, ports), at = 0;

    for (size_t i = 0; i < BROKER_LISTENERS; i++) {
        const struct address *wanted = &b->config.listeners[i];

        b->listeners[i] = *wanted;
        if (wanted->len == 0)
            continue;
        if (at == count || (address_port(wanted) != 0 && address_port(wanted) != ports[at]))
            return false;
        b->listeners[i] = address_with_port(wanted, ports[at++]);
    }
    return at == count;
}

/* Takes a leftover over when it is what we would start ourselves; ends it otherwise. False: there is none now. */
static bool take_over(struct managed_broker *b, char problem[PROBLEM_SIZE])
{
    ferry_autobuf on_disk = FERRY_BUF_INIT(BROKER_CONF_MAX), ours = FERRY_BUF_INIT(BROKER_CONF_MAX);
    struct process left;

    if (process_adopt(b->program, b->conf_path, b->pid_path, &left) != FERRY_OK)
        return false;
    if (ferry_file_read(b->conf_path, &on_disk) == FERRY_OK && on_disk.len > 0 && use_old_ports(b, on_disk.data) &&
        write_conf(b, &ours) == FERRY_OK && on_disk.len == ours.len &&
        memcmp(on_disk.data, ours.data, ours.len) == 0) {
        set_process(b, left);
        managed_broker_linked(b, false);
        if (wait_accepting(b, problem) == FERRY_OK) {
            if (b->config.tls.cert != NULL)
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

static ferry_err start_fresh(struct managed_broker *b, char problem[PROBLEM_SIZE])
{
    ferry_err err = probe_ports(b->config.listeners, b->listeners, problem);

    if (err == FERRY_OK)
        err = put_conf(b, problem);
    return err == FERRY_OK ? launch(b, problem) : err;
}

static ferry_err find_parts(struct managed_broker *b, char problem[PROBLEM_SIZE])
{
    ferry_err err = process_find_program(b->config.program, &b->program);

    if (err == FERRY_E_NOT_FOUND)
        (void)snprintf(problem, PROBLEM_SIZE,
                       "%s is not installed: apt-get install mosquitto, or use another broker with --broker",
                       b->config.program);
    else if (err != FERRY_OK)
        (void)snprintf(problem, PROBLEM_SIZE, "%s", ferry_err_text(err));
    if (err == FERRY_OK && access(b->config.plugin, R_OK) != 0) {
        (void)snprintf(problem, PROBLEM_SIZE,
                       "the broker's plugin %s is missing: install it, or say with --broker-plugin where it is",
                       b->config.plugin);
        err = FERRY_E_NOT_FOUND;
    }
    return err;
}

static struct managed_broker *broker_new(const struct managed_broker_config *config)
{
    struct managed_broker *b = ferry_calloc(1, sizeof(*b));

    if (b == NULL)
        return NULL;
    b->config = *config;
    b->process = PROCESS_NONE;
    (void)pthread_mutex_init(&b->lock, NULL); /* cannot fail without attributes */
    b->stop_fd = eventfd(0, EFD_CLOEXEC);
    b->conf_path = ferry_asprintf("%s/mosquitto.conf", config->folder);
    b->log_path = ferry_asprintf("%s/mosquitto.log", config->folder);
    b->pid_path = ferry_asprintf("%s/mosquitto.pid", config->folder);
    b->saved_path = ferry_asprintf("%s/mosquitto.db", config->folder);
    return b;
}

ferry_err managed_broker_start(const struct managed_broker_config *config, struct managed_broker **ret_broker)
{
    struct managed_broker *b = broker_new(config);
    char problem[PROBLEM_SIZE] = "out of memory";
    ferry_err err = FERRY_E_NOMEM;

    if (b != NULL && b->stop_fd >= 0 && b->conf_path != NULL && b->log_path != NULL && b->pid_path != NULL &&
        b->saved_path != NULL)
        err = find_parts(b, problem);
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
    return broker->listeners[listener];
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
    char problem[PROBLEM_SIZE];
    ferry_err err = probe_ports(wanted, found, problem);

    if (err != FERRY_OK) {
        ferry_log(FERRY_LOG_ERROR, "broker", "%s", problem);
        return err;
    }
    (void)pthread_mutex_lock(&broker->lock);
    broker->wish.at = found[BROKER_CERT];
    broker->wish.tls = *tls;
    (void)snprintf(broker->wish.device_stamp, STAMP_SIZE, "%s", tls->device_stamp);
    broker->wish.made = true;
    (void)pthread_mutex_unlock(&broker->lock);
    managed_broker_restart(broker);
    return FERRY_OK;
}

/* Mosquitto writes another file and renames it: what is there is whole. */
void managed_broker_wait_saved(const struct managed_broker *broker)
{
    uint64_t deadline_ms = ferry_mono_ms() + SAVE_TIMEOUT_MS;

    while (access(broker->saved_path, F_OK) != 0 && ferry_mono_ms() < deadline_ms)
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
        (void)unlink(broker->pid_path);
    }
    if (broker->stop_fd >= 0)
        (void)close(broker->stop_fd);
    (void)pthread_mutex_destroy(&broker->lock);
    free(broker->program);
    free(broker->conf_path);
    free(broker->log_path);
    free(broker->pid_path);
    free(broker->saved_path);
    free(broker);
}
