#include "tls_devices.h"

#include "tls_files.h"
#include "tls_revoke.h"
#include "tls_store.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

FERRY_DEFINE_CLEANUP(FILE *, fclose)

/* --- making ----------------------------------------------------------------------------------------------- */

static ferry_err check_free(const char *path, char problem[TLS_PROBLEM_SIZE])
{
    return access(path, F_OK) != 0
               ? FERRY_OK
               : tls_fail(FERRY_E_EXISTS, problem,
                          "%s is there already: name another folder with --out, or move it away", path);
}

static ferry_err append_line(const char *path, const char *line)
{
    ferry_autoclose int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    size_t len = strlen(line);

    if (fd < 0)
        return ferry_err_from_errno(errno);
    ssize_t written = write(fd, line, len); /* one line at once: two calls side by side do not mix */
    if (written < 0 || fsync(fd) != 0)
        return ferry_err_from_errno(errno);
    return (size_t)written == len ? FERRY_OK : FERRY_E_FULL;
}

/* So that it can be revoked by the device's name. */
static ferry_err remember(const char *data, const char *ca_path, const char *cert_path, const char *name,
                          char problem[TLS_PROBLEM_SIZE])
{
    ferry_autobuf ca = FERRY_BUF_INIT(TLS_PEM_MAX), cert = FERRY_BUF_INIT(TLS_PEM_MAX);
    ferry_autofree char *path = ferry_asprintf("%s/" TLS_DEVICE_LIST, data), *line = NULL;
    char serial[TLS_SERIAL_HEX_SIZE];
    ferry_err err = path != NULL ? tls_ca_read(ca_path, &ca, problem) : FERRY_E_NOMEM;

    if (err == FERRY_OK)
        err = tls_ca_read(cert_path, &cert, problem);
    if (err == FERRY_OK)
        err = tls_serial_of(ca.data, cert.data, serial);
    if (err == FERRY_OK)
        line = ferry_asprintf("%s %s\n", serial, name);
    if (err == FERRY_OK)
        err = line != NULL ? append_line(path, line) : FERRY_E_NOMEM;
    if (err != FERRY_OK)
        return tls_fail(err, problem,
                        "the certificate was made, but %s/" TLS_DEVICE_LIST " could not be written (%s): it can "
                        "be revoked only by its file",
                        data, ferry_err_text(err));
    tls_give_to_owner(data, path);
    return FERRY_OK;
}

ferry_err tls_devices_make(const char *data, const char *out, const char *base, const struct tls_wish *device,
                           bool *ret_made_ca, char reterr_problem[TLS_PROBLEM_SIZE])
{
    ferry_autofree char *ca_cert = ferry_asprintf("%s/" TLS_DEVICE_CA_CERT, data);
    ferry_autofree char *ca_key = ferry_asprintf("%s/" TLS_DEVICE_CA_KEY, data);
    ferry_autofree char *cert = ferry_asprintf("%s/%s.pem", out, base), *key = ferry_asprintf("%s/%s.key", out, base);
    ferry_err err = FERRY_OK;

    if (ca_cert == NULL || ca_key == NULL || cert == NULL || key == NULL)
        return tls_fail(FERRY_E_NOMEM, reterr_problem, "out of memory");
    err = check_free(cert, reterr_problem);
    if (err == FERRY_OK)
        err = check_free(key, reterr_problem);
    *ret_made_ca = err == FERRY_OK && access(ca_cert, F_OK) != 0 && access(ca_key, F_OK) != 0;
    if (*ret_made_ca)
        err = tls_make_folder(data, reterr_problem);
    if (err == FERRY_OK && *ret_made_ca)
        err = tls_write_ca(data, "device CA", ca_cert, ca_key, reterr_problem);
    if (err == FERRY_OK)
        err = tls_write_signed(out, (const char *const[]){ca_cert, ca_key}, (const char *const[]){cert, key}, device,
                               reterr_problem);
    return err == FERRY_OK ? remember(data, ca_cert, cert, device->common_name, reterr_problem) : err;
}

/* --- revocation ------------------------------------------------------------------------------------------- */

struct serials {
    char (*hex)[TLS_SERIAL_HEX_SIZE];
    const char **each;
    size_t count;
};

static void serials_done(struct serials *s)
{
    free(s->hex);
    free(s->each);
}

static ferry_err serials_add(struct serials *s, const char *hex, size_t len)
{
    char(*more)[TLS_SERIAL_HEX_SIZE] = ferry_realloc(s->hex, (s->count + 1) * sizeof(*more));

    if (more == NULL)
        return FERRY_E_NOMEM;
    s->hex = more;
    (void)snprintf(more[s->count++], TLS_SERIAL_HEX_SIZE, "%.*s", (int)len, hex);
    return FERRY_OK;
}

/* Those of a device, from the list of what was issued. */
static ferry_err find_issued(const char *data, const char *name, struct serials *s, char problem[TLS_PROBLEM_SIZE])
{
    ferry_autofree char *path = ferry_asprintf("%s/" TLS_DEVICE_LIST, data), *line = NULL;
    ferry_cleanup(fclose) FILE *file = path != NULL ? fopen(path, "re") : NULL;
    size_t size = 0;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && file != NULL && getline(&line, &size, file) > 0) {
        size_t hex = strspn(line, "0123456789ABCDEF");

        line[strcspn(line, "\n")] = '\0';
        if (hex > 0 && hex < TLS_SERIAL_HEX_SIZE && line[hex] == ' ' && strcmp(line + hex + 1, name) == 0)
            err = serials_add(s, line, hex);
    }
    if (err != FERRY_OK)
        return tls_fail(err, problem, "%s", ferry_err_text(err));
    if (s->count == 0)
        return tls_fail(
            FERRY_E_NOT_FOUND, problem,
            "no certificate was made here for %s: is the name right? A certificate that was made elsewhere is "
            "revoked by its file",
            name);
    return FERRY_OK;
}

static ferry_err find_in_file(const char *ca_pem, const char *path, struct serials *s, char problem[TLS_PROBLEM_SIZE])
{
    ferry_autobuf cert = FERRY_BUF_INIT(TLS_PEM_MAX);
    char serial[TLS_SERIAL_HEX_SIZE];
    ferry_err err = tls_ca_read(path, &cert, problem);

    if (err != FERRY_OK)
        return err;
    err = tls_serial_of(ca_pem, cert.data, serial);
    if (err == FERRY_E_DENIED)
        return tls_fail(err, problem, "the certificate %s was not signed by the CA for devices", path);
    if (err == FERRY_OK)
        err = serials_add(s, serial, strlen(serial));
    return err == FERRY_OK ? err : tls_fail(err, problem, "the certificate %s: %s", path, ferry_err_text(err));
}

/* The list with what is on it already, and more. */
static ferry_err write_list(const char *data, const char *path, const struct tls_pair *ca, const struct serials *s,
                            char problem[TLS_PROBLEM_SIZE])
{
    ferry_autobuf old = FERRY_BUF_INIT(TLS_PEM_MAX), list = FERRY_BUF_INIT(TLS_PEM_MAX);
    uint64_t next_s;
    ferry_err err = FERRY_OK;

    if (access(path, F_OK) == 0)
        err = tls_crl_read(path, &old, &next_s, problem);
    if (err != FERRY_OK)
        return err;
    err = tls_revoke(ca->cert.data, ca->key.data, old.len > 0 ? old.data : NULL, s->each, s->count, &list);
    if (err == FERRY_E_FORMAT)
        return tls_fail(err, problem, "the list %s is of another CA: move it away first", path);
    return err == FERRY_OK ? tls_write_file(data, path, &list, TLS_CERT_MODE, problem)
                           : tls_fail(err, problem, "cannot make a revocation list: %s", ferry_err_text(err));
}

static ferry_err revoke_named(const char *data, const char *list, const struct tls_pair *ca, const char *what,
                              struct serials *s, char problem[TLS_PROBLEM_SIZE])
{
    ferry_err err =
        access(what, F_OK) == 0 ? find_in_file(ca->cert.data, what, s, problem) : find_issued(data, what, s, problem);

    if (err != FERRY_OK)
        return err;
    s->each = ferry_calloc(s->count, sizeof(*s->each));
    if (s->each == NULL)
        return tls_fail(FERRY_E_NOMEM, problem, "out of memory");
    for (size_t i = 0; i < s->count; i++)
        s->each[i] = s->hex[i];
    return write_list(data, list, ca, s, problem);
}

ferry_err tls_devices_revoke(const char *data, const char *list, const char *what, size_t *ret_count,
                             char reterr_problem[TLS_PROBLEM_SIZE])
{
    ferry_autofree char *ca_cert = ferry_asprintf("%s/" TLS_DEVICE_CA_CERT, data);
    ferry_autofree char *ca_key = ferry_asprintf("%s/" TLS_DEVICE_CA_KEY, data);
    struct serials serials = {.count = 0};
    struct tls_pair ca;
    ferry_err err = ca_cert != NULL && ca_key != NULL ? tls_pair_read(ca_cert, ca_key, &ca, reterr_problem)
                                                      : tls_fail(FERRY_E_NOMEM, reterr_problem, "out of memory");

    if (err != FERRY_OK)
        return err;
    err = revoke_named(data, list, &ca, what, &serials, reterr_problem);
    *ret_count = serials.count;
    serials_done(&serials);
    tls_pair_done(&ca);
    return err;
}
