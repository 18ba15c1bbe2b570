#include "broker_setup.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOG_MAX_BYTES = 16 << 20, /* an older log is put aside at the next start of the broker */
    LOG_TAIL_BYTES = 600,
};

/* --- the configuration ------------------------------------------------------------------------------------ */

static ferry_err write_conf(const struct broker_setup *s, struct ferry_buf *out)
{
    char ips[BROKER_LISTENERS][INET6_ADDRSTRLEN], stamp[64] = "missing";
    struct stat plugin;
    struct broker_conf conf = {
        .version = s->config.version,
        .folder = s->config.folder,
        .tls = s->config.tls,
        .plugin = s->config.plugin,
        .plugin_stamp = stamp,
        .store = s->config.store_path,
        .secrets_key = s->config.secrets_key_path,
        .user = geteuid() == 0 ? "root" : NULL,
        .allow_plain_secret = s->config.allow_plain_secret,
        .queue_bytes = s->config.queue_bytes,
        .connections_max = s->config.connections_max,
        .limits = s->config.limits,
    };

    for (size_t i = 0; i < BROKER_LISTENERS; i++) {
        if (s->listeners[i].len == 0)
            continue;
        address_ip(&s->listeners[i], ips[i]);
        conf.listeners[i] = (struct broker_listener){.ip = ips[i], .port = address_port(&s->listeners[i])};
    }
    if (stat(s->config.plugin, &plugin) == 0)
        (void)snprintf(stamp, sizeof(stamp), "%lld bytes of %lld.%09ld", (long long)plugin.st_size,
                       (long long)plugin.st_mtim.tv_sec, plugin.st_mtim.tv_nsec);
    ferry_buf_reset(out);
    return broker_conf_write(&conf, out);
}

static ferry_err put_conf(const struct broker_setup *s, char reterr_problem[BROKER_PROBLEM_SIZE])
{
    ferry_autobuf text = FERRY_BUF_INIT(BROKER_CONF_MAX);
    ferry_err err = write_conf(s, &text);

    if (err == FERRY_OK)
        err = ferry_file_replace(s->conf_path, text.data, text.len, 0600);
    if (err != FERRY_OK)
        (void)snprintf(reterr_problem, BROKER_PROBLEM_SIZE, "cannot write %s: %s", s->conf_path, ferry_err_text(err));
    return err;
}

/* --- the ports ------------------------------------------------------------------------------------------------ */

ferry_err broker_setup_probe(const struct address wanted[BROKER_LISTENERS], struct address ret_free[BROKER_LISTENERS],
                             char reterr_problem[BROKER_PROBLEM_SIZE])
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
        (void)snprintf(reterr_problem, BROKER_PROBLEM_SIZE, "%s", in_use);
    for (size_t i = 0; i < BROKER_LISTENERS; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    return err;
}

/* The addresses with the ports of a broker that runs; false when they are not those that are wanted. */
static bool use_old_ports(struct broker_setup *s, const char *conf)
{
    uint16_t ports[BROKER_LISTENERS];
    size_t count = broker_conf_ports(conf, ports), at = 0;

    for (size_t i = 0; i < BROKER_LISTENERS; i++) {
        const struct address *wanted = &s->config.listeners[i];

        s->listeners[i] = *wanted;
        if (wanted->len == 0)
            continue;
        if (at == count || (address_port(wanted) != 0 && address_port(wanted) != ports[at]))
            return false;
        s->listeners[i] = address_with_port(wanted, ports[at++]);
    }
    return at == count;
}

/* --- the log ------------------------------------------------------------------------------------------------- */

static void put_old_log_aside(const struct broker_setup *s)
{
    ferry_autofree char *aside = ferry_asprintf("%s.1", s->log_path);
    struct stat log;

    if (aside != NULL && stat(s->log_path, &log) == 0 && log.st_size > LOG_MAX_BYTES &&
        rename(s->log_path, aside) != 0)
        ferry_log(FERRY_LOG_WARN, "broker", "%s grows and cannot be renamed: %s", s->log_path, strerror(errno));
}

const char *broker_setup_last_words(const struct broker_setup *s, char out[FERRY_LOG_QUOTE_SIZE])
{
    char tail[LOG_TAIL_BYTES + 1];
    FILE *log = fopen(s->log_path, "re");
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


/* --- for the broker ------------------------------------------------------------------------------------------ */

ferry_err broker_setup_init(struct broker_setup *setup, const struct managed_broker_config *config)
{
    *setup = (struct broker_setup){
        .config = *config,
        .conf_path = ferry_asprintf("%s/mosquitto.conf", config->folder),
        .log_path = ferry_asprintf("%s/mosquitto.log", config->folder),
        .pid_path = ferry_asprintf("%s/mosquitto.pid", config->folder),
        .saved_path = ferry_asprintf("%s/mosquitto.db", config->folder),
    };
    return setup->conf_path != NULL && setup->log_path != NULL && setup->pid_path != NULL && setup->saved_path != NULL ? FERRY_OK
                                                                                                                      : FERRY_E_NOMEM;
}

void broker_setup_done(struct broker_setup *setup)
{
    free(setup->conf_path);
    free(setup->log_path);
    free(setup->pid_path);
    free(setup->saved_path);
}

ferry_err broker_setup_write_new(struct broker_setup *setup, char reterr_problem[BROKER_PROBLEM_SIZE])
{
    ferry_err err = broker_setup_probe(setup->config.listeners, setup->listeners, reterr_problem);

    return err == FERRY_OK ? put_conf(setup, reterr_problem) : err;
}

bool broker_setup_take_old(struct broker_setup *setup)
{
    ferry_autobuf on_disk = FERRY_BUF_INIT(BROKER_CONF_MAX), ours = FERRY_BUF_INIT(BROKER_CONF_MAX);

    return ferry_file_read(setup->conf_path, &on_disk) == FERRY_OK && on_disk.len > 0 && use_old_ports(setup, on_disk.data) &&
           write_conf(setup, &ours) == FERRY_OK && on_disk.len == ours.len && memcmp(on_disk.data, ours.data, ours.len) == 0;
}

ferry_err broker_setup_add_certificates(struct broker_setup *setup, const struct address *at, const struct broker_tls *tls,
                                        char reterr_problem[BROKER_PROBLEM_SIZE])
{
    setup->listeners[BROKER_CERT] = *at;
    setup->config.tls = *tls;
    (void)snprintf(setup->device_stamp, sizeof(setup->device_stamp), "%s", tls->device_stamp);
    setup->config.tls.device_stamp = setup->device_stamp;
    return put_conf(setup, reterr_problem);
}

void broker_setup_clear(const struct broker_setup *setup)
{
    put_old_log_aside(setup);
    (void)unlink(setup->pid_path);
}
