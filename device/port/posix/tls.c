/* TLS to the broker. libmosquitto gets a context of ours: its own does not say why a certificate was refused. */
#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALERT_BYTES = 2 }; /* level, description */

/* OpenSSL would ask for the passphrase of a key on the terminal. user: notes that it was asked for. */
static int no_passphrase(char *out, int cap, int writing, void *user)
{
    (void)out;
    (void)cap;
    (void)writing;
    if (user != NULL)
        *(bool *)user = true;
    return 0;
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct ferry__tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (!ok)
        tls->verify_error = X509_STORE_CTX_get_error(store);
    return ok; /* a refusal stays a refusal */
}

/* With TLS 1.3 a broker refuses our certificate when for us the handshake is over, and hangs up. If CONNECT goes out later than
 * that, libmosquitto sees a connection reset and throws away, unread, why. So the connection is held until the broker accepts. */
static void hold(struct ferry__tls *tls, SSL *ssl)
{
    tls->held_fd = fcntl(SSL_get_fd(ssl), F_DUPFD_CLOEXEC, 0);
    if (tls->held_fd >= 0 && SSL_up_ref(ssl) == 1)
        tls->held = ssl;
}

static void on_message(int sent, int version, int type, const void *bytes, size_t len, SSL *ssl, void *user)
{
    struct ferry__tls *tls = user;
    const uint8_t *alert = bytes;

    (void)version;
    if (tls->held_fd < 0)
        hold(tls, ssl);
    if (!sent && type == SSL3_RT_ALERT && len == ALERT_BYTES && alert[0] == SSL3_AL_FATAL)
        tls->alert = alert[1];
}

/* False: ret_bad is the file that cannot be used. */
static bool load_files(SSL_CTX *context, const struct ferry_options *o, const char **ret_bad)
{
    *ret_bad = o->ca_file;
    if (o->ca_file == NULL ? SSL_CTX_set_default_verify_paths(context) != 1
                           : SSL_CTX_load_verify_file(context, o->ca_file) != 1)
        return false;
    *ret_bad = o->cert_file;
    if (o->cert_file == NULL)
        return true;
    if (SSL_CTX_use_certificate_chain_file(context, o->cert_file) != 1)
        return false;
    *ret_bad = o->key_file;
    return SSL_CTX_use_PrivateKey_file(context, o->key_file, SSL_FILETYPE_PEM) == 1;
}

static SSL_CTX *context_new(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        return NULL;
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    /* A broker that dies says no goodbye: a lost connection, not a fault of TLS. MQTT packets know their length. */
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

/* The certificate must be for this name or address. */
static bool check_host(SSL_CTX *context, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
    struct in6_addr address;

    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

void ferry__tls_let_go(struct ferry__tls *tls)
{
    SSL_free(tls->held);
    tls->held = NULL;
    if (tls->held_fd >= 0)
        (void)close(tls->held_fd);
    tls->held_fd = -1;
}

const char *ferry__tls_alert(struct ferry__tls *tls)
{
    char byte;

    if (tls->alert < 0 && tls->held != NULL && fcntl(tls->held_fd, F_SETFL, O_NONBLOCK) == 0 &&
        SSL_set_fd(tls->held, tls->held_fd) == 1)
        (void)SSL_read(tls->held, &byte, 1); /* on_message() hears it */
    ERR_clear_error();
    return tls->alert < 0 ? NULL : ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + tls->alert));
}

struct ferry__tls *ferry__tls_free(struct ferry__tls *tls)
{
    if (tls == NULL)
        return NULL;
    ferry__tls_let_go(tls);
    SSL_CTX_free(tls->context);
    free(tls);
    return NULL;
}

struct ferry__tls *ferry__tls_new(const struct ferry_options *options, const char *host)
{
    struct ferry__tls *tls = calloc(1, sizeof *tls);
    const char *bad;

    if (tls == NULL)
        return NULL;
    tls->held_fd = tls->alert = -1;
    tls->context = context_new();
    if (tls->context != NULL && load_files(tls->context, options, &bad) && check_host(tls->context, host)) {
        SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, on_verify);
        (void)SSL_CTX_set_app_data(tls->context, tls);
        SSL_CTX_set_msg_callback(tls->context, on_message);
        SSL_CTX_set_msg_callback_arg(tls->context, tls);
        return tls;
    }
    ERR_clear_error();
    return ferry__tls_free(tls);
}

/* What is wrong with a file that OpenSSL refuses. */
static const char *file_trouble(unsigned long code, bool is_key)
{
    if (ERR_GET_LIB(code) == ERR_LIB_SYS)
        return strerror(ERR_GET_REASON(code));
    if (ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH)
        return "this key does not belong to the certificate";
    return is_key ? "holds no private key in PEM form" : "holds no certificate in PEM form";
}

ferry_device_err ferry__tls_check(const struct ferry_options *o, char reterr_message[FERRY_MESSAGE_SIZE])
{
    const char *bad = NULL;
    bool has_passphrase = false;

    if ((o->cert_file == NULL) != (o->key_file == NULL)) {
        (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE,
                       "a client certificate needs its key, and the key its certificate");
        return FERRY_DEVICE_E_ARG;
    }
    ERR_clear_error();
    SSL_CTX *context = context_new();
    if (context == NULL) {
        (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE, "OpenSSL cannot be used: %s",
                       ERR_reason_error_string(ERR_peek_error()));
        return FERRY_DEVICE_E_SYSTEM;
    }
    SSL_CTX_set_default_passwd_cb_userdata(context, &has_passphrase);
    bool ok = load_files(context, o, &bad);
    if (!ok)
        (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE, "%.300s: %s",
                       bad == NULL ? "the system's certificates" : bad,
                       has_passphrase ? "has a passphrase: store the key without one, readable by its owner only"
                                      : file_trouble(ERR_peek_error(), bad == o->key_file));
    ERR_clear_error();
    SSL_CTX_free(context);
    return ok ? FERRY_DEVICE_OK : FERRY_DEVICE_E_ARG;
}
