/* The platform's certificates: which listeners speak TLS, with what, and how they are replaced. */
#include "platform.h"

#include "platform_internal.h"

#include "config_check.h"
#include "tls_store.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/system.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WARN_DAYS = 30, DAY_S = 86400, HOST_SIZE = 256 };

/* --- which files ------------------------------------------------------------------------------------------ */

/* The file that is named, or the one in the data folder if it is there. Null: none, or no memory. */
static char *choose(const struct platform *p, const char *named, const char *in_folder)
{
    char *path = named != NULL ? ferry_strdup(named) : data_folder_file(&p->folder, in_folder);

    if (named == NULL && path != NULL && access(path, F_OK) != 0) {
        free(path);
        return NULL;
    }
    return path;
}

static ferry_err fail(ferry_err err, const char *problem)
{
    ferry_log(FERRY_LOG_ERROR, "tls", "%s", problem);
    return err;
}

/* Which listeners speak TLS. One of somebody else's broker is none of ours. */
ferry_err platform_decide_tls(struct platform *p)
{
    bool is_auto = strcmp(p->config->tls, "auto") == 0;

    p->tls_paths.cert = choose(p, p->config->tls_cert, TLS_SERVER_CERT);
    p->tls_paths.key = choose(p, p->config->tls_key, TLS_SERVER_KEY);
    p->tls_paths.ca = choose(p, p->config->tls_ca, TLS_CA_CERT);
    p->tls_listeners = 0;
    if (is_auto && (p->tls_paths.cert != NULL || p->tls_paths.key != NULL)) /* one alone: somebody wanted TLS */
        p->tls_listeners = CONFIG_ALL_LISTENERS;
    else if (!is_auto && !config_listeners(p->config->tls, &p->tls_listeners))
        return FERRY_E_ARG; /* the settings were checked */
    if (!config_broker_is_managed(p->config))
        p->tls_listeners &= ~(unsigned)CONFIG_MQTT;
    if ((p->tls_listeners & CONFIG_MQTT) != 0)
        p->tls_paths.device_ca = choose(p, p->config->device_ca, TLS_DEVICE_CA_CERT);
    if (p->tls_paths.device_ca != NULL)
        p->tls_paths.device_crl = choose(p, p->config->device_crl, TLS_DEVICE_CRL);
    if (p->tls_listeners == 0 || (p->tls_paths.cert != NULL && p->tls_paths.key != NULL))
        return FERRY_OK;
    ferry_log(FERRY_LOG_ERROR, "tls",
              "there is no %s for TLS: `ferryd tls init --data %s` makes one (with --renew when the CA is there), or name "
              "it with --tls-cert and --tls-key",
              p->tls_paths.cert == NULL ? "certificate" : "key", p->folder.path);
    return FERRY_E_NOT_FOUND;
}

/* --- what is said about a certificate --------------------------------------------------------------------- */

static void judge_dates(const char *subject, uint64_t starts_s, uint64_t expires_s)
{
    uint64_t now_s = ferry_wall_ms() / 1000;
    char date[TLS_DATE_SIZE];

    if (now_s >= expires_s)
        ferry_log(FERRY_LOG_WARN, "tls",
                  "the certificate of %s expired on %s: everybody refuses it now. Renew it (ferryd tls init --renew) and "
                  "send SIGHUP",
                  subject, tls_date(expires_s, date));
    else if (expires_s - now_s < (uint64_t)WARN_DAYS * DAY_S)
        ferry_log(FERRY_LOG_WARN, "tls",
                  "the certificate of %s expires on %s, in %u days: renew it (ferryd tls init --renew) and send SIGHUP",
                  subject, tls_date(expires_s, date), (unsigned)((expires_s - now_s) / DAY_S));
    else if (now_s < starts_s)
        ferry_log(FERRY_LOG_WARN, "tls", "the certificate of %s begins only on %s: is this machine's clock right?",
                  subject, tls_date(starts_s, date));
}

/* The host in "scheme://host:port" or "scheme://[host]:port". */
static void host_of(const char *url, char out[HOST_SIZE])
{
    const char *at = strstr(url, "://");
    size_t len;

    at = at != NULL ? at + 3 : url;
    len = *at == '[' ? strcspn(++at, "]") : strcspn(at, ":/");
    (void)snprintf(out, HOST_SIZE, "%.*s", (int)len, at);
}

static void judge_public_url(const struct platform *p, const struct tls_pair *pair)
{
    char host[HOST_SIZE];

    if (p->public_url == NULL || (p->tls_listeners & CONFIG_OBJECTS) == 0)
        return;
    host_of(p->public_url, host);
    if (strncmp(p->public_url, "https://", 8) != 0)
        ferry_log(FERRY_LOG_WARN, "tls", "the objects listener speaks TLS, but devices are sent to %s: correct "
                                         "--public-url, or --tls",
                  p->public_url);
    else if (!tls_cert_is_for(pair->cert.data, host))
        ferry_log(FERRY_LOG_WARN, "tls",
                  "the certificate of %s is not for %s, where devices are sent: they will refuse it (ferryd tls init "
                  "--renew --name %s)",
                  pair->subject, host, host);
}

/* TLS refuses everybody whose CA has only a list that is out of date. */
static void judge_revocations(const struct platform *p)
{
    char date[TLS_DATE_SIZE];

    if (p->device_crl_next_s != 0 && p->device_crl_next_s <= ferry_wall_ms() / 1000)
        ferry_log(FERRY_LOG_WARN, "tls",
                  "the revocation list %s was to be replaced by %s: until then no device with a certificate comes in",
                  p->tls_paths.device_crl, tls_date(p->device_crl_next_s, date));
}

static void remember(struct platform *p, const struct tls_pair *pair)
{
    (void)snprintf(p->tls_subject, sizeof(p->tls_subject), "%s", pair->subject);
    p->tls_starts_s = pair->starts_s;
    p->tls_expires_s = pair->expires_s;
    p->tls_said_s = ferry_wall_ms() / 1000;
    judge_dates(pair->subject, pair->starts_s, pair->expires_s);
    judge_revocations(p);
    judge_public_url(p, pair);
}

/* --- what the broker is given ----------------------------------------------------------------------------- */

/* Copies that were found good: so a broker that must start again starts, whatever has become of the originals. */
static ferry_err write_copy(const struct platform *p, const char *name, const struct ferry_buf *text,
                            char problem[TLS_PROBLEM_SIZE])
{
    ferry_autofree char *path = ferry_asprintf("%s/%s", p->broker_folder, name);
    ferry_err err = path != NULL ? ferry_file_replace(path, text->data, text->len, 0600) : FERRY_E_NOMEM;

    if (err != FERRY_OK)
        (void)snprintf(problem, TLS_PROBLEM_SIZE, "cannot write %s/%s: %s", p->broker_folder, name, ferry_err_text(err));
    return err;
}

/* What devices are judged by, checked. */
static ferry_err read_device_files(struct platform *p, struct ferry_buf *ca, struct ferry_buf *crl,
                                   char problem[TLS_PROBLEM_SIZE])
{
    ferry_err err = tls_ca_read(p->tls_paths.device_ca, ca, problem);

    if (err == FERRY_OK && p->tls_paths.device_crl != NULL)
        err = tls_crl_read(p->tls_paths.device_crl, crl, &p->device_crl_next_s, problem);
    return err;
}

static void stamp_of(const struct ferry_buf *ca, char out[TLS_STAMP_SIZE])
{
    uint8_t hash[SHA256_DIGEST_LENGTH];

    (void)SHA256((const unsigned char *)ca->data, ca->len, hash);
    ferry_hex_encode(hash, sizeof(hash), out);
}

/* A list that is not there any more when ferryd starts is of no use to the broker either. */
static void forget_revoked(const struct platform *p)
{
    ferry_autofree char *path = ferry_asprintf("%s/device-crl.pem", p->broker_folder);

    if (path != NULL && unlink(path) != 0 && errno != ENOENT)
        ferry_log(FERRY_LOG_WARN, "tls", "cannot remove %s: %s", path, strerror(errno));
}

/* *ret_other_roots: the broker, which runs, judges devices by others than it was started with. */
static ferry_err give_to_broker(struct platform *p, const struct tls_pair *pair, bool *ret_other_roots,
                                char problem[TLS_PROBLEM_SIZE])
{
    ferry_autobuf ca = FERRY_BUF_INIT(TLS_PEM_MAX), crl = FERRY_BUF_INIT(TLS_PEM_MAX);
    char stamp[TLS_STAMP_SIZE] = "";
    ferry_err err = FERRY_OK;

    *ret_other_roots = false;
    if ((p->tls_listeners & CONFIG_MQTT) == 0)
        return FERRY_OK;
    if (p->tls_paths.device_ca != NULL)
        err = read_device_files(p, &ca, &crl, problem);
    if (p->broker == NULL && p->tls_paths.device_crl == NULL)
        forget_revoked(p);
    if (err == FERRY_OK)
        err = write_copy(p, "server.key", &pair->key, problem);
    if (err == FERRY_OK)
        err = write_copy(p, "server.pem", &pair->cert, problem);
    if (err == FERRY_OK && ca.len > 0)
        err = write_copy(p, "device-ca.pem", &ca, problem);
    if (err == FERRY_OK && crl.len > 0)
        err = write_copy(p, "device-crl.pem", &crl, problem);
    if (err != FERRY_OK || ca.len == 0)
        return err;
    stamp_of(&ca, stamp);
    *ret_other_roots = p->broker != NULL && strcmp(stamp, p->device_stamp) != 0;
    (void)snprintf(p->device_stamp, sizeof(p->device_stamp), "%s", stamp);
    return FERRY_OK;
}

/* --- start and reload ------------------------------------------------------------------------------------- */

ferry_err platform_open_tls(struct platform *p)
{
    char problem[TLS_PROBLEM_SIZE];
    struct tls_pair pair;
    bool other_roots;
    ferry_err err;

    if (p->tls_listeners == 0)
        return FERRY_OK;
    err = tls_pair_read(p->tls_paths.cert, p->tls_paths.key, &pair, problem);
    if (err != FERRY_OK)
        return fail(err, problem);
    err = http_tls_new(pair.cert.data, pair.key.data, strcmp(p->config->tls_min, "1.3") == 0, &p->tls);
    if (err != FERRY_OK)
        (void)snprintf(problem, sizeof(problem), "the certificate %s cannot be used: %s", p->tls_paths.cert,
                       ferry_err_text(err));
    if (err == FERRY_OK)
        err = give_to_broker(p, &pair, &other_roots, problem);
    if (err == FERRY_OK)
        remember(p, &pair);
    tls_pair_done(&pair);
    return err == FERRY_OK ? err : fail(err, problem);
}

static void forget_device_ca(struct platform *p)
{
    free(p->tls_paths.device_ca);
    p->tls_paths.device_ca = NULL;
    p->device_stamp[0] = '\0';
}

/* The broker reads its certificate and the revocation list while it runs, but not by whom devices are signed. */
static void tell_broker(struct platform *p, bool other_roots)
{
    if (p->broker == NULL || (p->tls_listeners & CONFIG_MQTT) == 0)
        return;
    if (!other_roots) {
        managed_broker_reload(p->broker);
        return;
    }
    ferry_log(FERRY_LOG_INFO, "tls", "the CA of devices (%s) is %s one: the broker starts anew, and everybody connects again",
              p->tls_paths.device_ca, p->takes_certificates ? "another" : "the first");
    if (p->takes_certificates)
        managed_broker_restart(p->broker);
    else if (platform_listen_for_certificates(p) != FERRY_OK)
        forget_device_ca(p); /* the next reload tries again */
}

/* All or nothing: whoever judges a pair does so before anybody gets it. */
static ferry_err replace(struct platform *p, const struct tls_pair *pair, char problem[TLS_PROBLEM_SIZE])
{
    struct http_tls *trial = NULL;
    bool other_roots = false;
    ferry_err err = http_tls_new(pair->cert.data, pair->key.data, false, &trial);

    http_tls_free(trial);
    if (err == FERRY_OK) {
        err = give_to_broker(p, pair, &other_roots, problem);
        if (err != FERRY_OK)
            return err;
        err = http_tls_replace(p->tls, pair->cert.data, pair->key.data);
    }
    if (err != FERRY_OK)
        (void)snprintf(problem, TLS_PROBLEM_SIZE, "the certificate %s cannot be used: %s", p->tls_paths.cert,
                       ferry_err_text(err));
    else
        tell_broker(p, other_roots);
    return err;
}

void platform_publish_ca(const struct platform *p)
{
    ferry_autobuf ca = FERRY_BUF_INIT(TLS_PEM_MAX);
    char problem[TLS_PROBLEM_SIZE];
    ferry_err err = FERRY_E_NOT_FOUND;

    if (p->tls_listeners != 0 && p->tls_paths.ca != NULL) {
        err = tls_ca_read(p->tls_paths.ca, &ca, problem);
        if (err != FERRY_OK)
            ferry_log(FERRY_LOG_WARN, "tls", "ferryctl --data will not trust this platform: %s", problem);
        else if (ferry_file_replace(p->ca_path, ca.data, ca.len, 0600) != FERRY_OK)
            ferry_log(FERRY_LOG_WARN, "tls", "cannot write %s: ferryctl --data will not trust this platform", p->ca_path);
    }
    if (err != FERRY_OK)
        (void)unlink(p->ca_path); /* of a ferryd that died */
}

void platform_reload(struct platform *p)
{
    char problem[TLS_PROBLEM_SIZE], date[TLS_DATE_SIZE];
    struct tls_pair pair;
    ferry_err err;

    if (p->tls_listeners == 0) {
        ferry_log(FERRY_LOG_INFO, "tls", "nothing to read again: no listener speaks TLS");
        return;
    }
    if ((p->tls_listeners & CONFIG_MQTT) != 0 && p->tls_paths.device_ca == NULL) /* the first ones, written meanwhile */
        p->tls_paths.device_ca = choose(p, p->config->device_ca, TLS_DEVICE_CA_CERT);
    if (p->tls_paths.device_ca != NULL && p->tls_paths.device_crl == NULL)
        p->tls_paths.device_crl = choose(p, p->config->device_crl, TLS_DEVICE_CRL);
    err = tls_pair_read(p->tls_paths.cert, p->tls_paths.key, &pair, problem);
    if (err == FERRY_OK) {
        err = replace(p, &pair, problem);
        if (err == FERRY_OK) {
            ferry_log(FERRY_LOG_INFO, "tls", "new connections get the certificate of %s, good until %s", pair.subject,
                      tls_date(pair.expires_s, date));
            remember(p, &pair);
            platform_publish_ca(p);
        }
        tls_pair_done(&pair);
    }
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_ERROR, "tls", "the old certificate stays in use: %s", problem);
}

void platform_tick(struct platform *p)
{
    uint64_t now_s = ferry_wall_ms() / 1000;

    bool list_ended = p->tls_said_s < p->device_crl_next_s && p->device_crl_next_s <= now_s;

    if (p->tls_listeners == 0 || (now_s < p->tls_said_s + DAY_S && !list_ended))
        return;
    p->tls_said_s = now_s;
    judge_dates(p->tls_subject, p->tls_starts_s, p->tls_expires_s);
    judge_revocations(p);
}

/* --- on the network without TLS --------------------------------------------------------------------------- */

ferry_err platform_check_plain(const struct platform *p, unsigned listener, const char *name, const struct address *at)
{
    char ip[INET6_ADDRSTRLEN];
    unsigned allowed;

    if (address_is_loopback(at) || (listener & p->tls_listeners) != 0)
        return FERRY_OK;
    address_ip(at, ip);
    if (!config_listeners(p->config->allow_plain, &allowed) || (allowed & listener) == 0) {
        ferry_log(FERRY_LOG_ERROR, "tls",
                  "%s on %s without TLS could be read by others on the network: make certificates with `ferryd tls init "
                  "--data %s`, or allow it with --allow-plain %s",
                  name, ip, p->folder.path, name);
        return FERRY_E_DENIED;
    }
    ferry_log(FERRY_LOG_WARN, "tls", "%s on %s has no TLS: others on the network can read along (--allow-plain)", name,
              ip);
    return FERRY_OK;
}

void platform_free_tls(struct platform *p)
{
    char *paths[] = {p->tls_paths.cert, p->tls_paths.key, p->tls_paths.ca, p->tls_paths.device_ca,
                     p->tls_paths.device_crl};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        free(paths[i]);
    http_tls_free(p->tls);
}
