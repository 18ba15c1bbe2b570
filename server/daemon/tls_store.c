#include "tls_store.h"

#include "tls_revoke.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

FERRY_DEFINE_CLEANUP(FILE *, fclose)

enum { CA_NAME_SIZE = 65, CERT_MODE = 0644, KEY_MODE = 0600 };

__attribute__((format(printf, 3, 4))) static ferry_err fail(ferry_err err, char problem[TLS_PROBLEM_SIZE],
                                                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(problem, TLS_PROBLEM_SIZE, format, args);
    va_end(args);
    return err;
}

/* Root makes certificates for a ferryd that runs as somebody else: that one must be able to read them. */
static void give_to_owner(const char *data, const char *path)
{
    struct stat folder;

    if (geteuid() == 0 && stat(data, &folder) == 0 && chown(path, folder.st_uid, folder.st_gid) != 0)
        (void)fprintf(stderr, "ferryd: %s belongs to root now: chown it to who runs ferryd\n", path);
}

static ferry_err write_one(const char *data, const char *path, const struct ferry_buf *text, mode_t mode,
                           char problem[TLS_PROBLEM_SIZE])
{
    ferry_err err = ferry_file_replace(path, text->data, text->len, mode);

    if (err != FERRY_OK)
        return fail(err, problem, "cannot write %s: %s", path, ferry_err_text(err));
    give_to_owner(data, path);
    return FERRY_OK;
}

/* The key first: a certificate whose key is lost is of no use. */
static ferry_err write_pair(const char *data, const char *cert_path, const struct ferry_buf *cert, const char *key_path,
                            const struct ferry_buf *key, char problem[TLS_PROBLEM_SIZE])
{
    ferry_err err = write_one(data, key_path, key, KEY_MODE, problem);

    return err == FERRY_OK ? write_one(data, cert_path, cert, CERT_MODE, problem) : err;
}

static ferry_err make_folder(const char *data, char problem[TLS_PROBLEM_SIZE])
{
    ferry_autofree char *folder = ferry_asprintf("%s/" TLS_FOLDER, data);
    ferry_err err = folder != NULL ? ferry_dir_make(data, 0700) : FERRY_E_NOMEM;

    if (err == FERRY_OK)
        err = ferry_dir_make(folder, 0700);
    if (err != FERRY_OK)
        return fail(err, problem, "cannot make the folder %s/" TLS_FOLDER ": %s", data, ferry_err_text(err));
    give_to_owner(data, folder);
    return FERRY_OK;
}

/* Roots of two platforms must not have the same name: programs look for the one that signed by its name. */
static void name_ca(const char *what, char out[CA_NAME_SIZE])
{
    char host[40] = "";
    time_t now = time(NULL);
    struct tm tm;
    char date[16] = "";

    (void)gethostname(host, sizeof(host) - 1);
    if (gmtime_r(&now, &tm) != NULL)
        (void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
    (void)snprintf(out, CA_NAME_SIZE, "Ferry %s %.30s %s", what, host, date);
}

static ferry_err make_ca(const char *data, const char *what, const char *cert_path, const char *key_path,
                         char problem[TLS_PROBLEM_SIZE])
{
    ferry_autobuf cert = FERRY_BUF_INIT(TLS_PEM_MAX), key = FERRY_BUF_INIT(TLS_PEM_MAX);
    char name[CA_NAME_SIZE];
    ferry_err err;

    name_ca(what, name);
    err = tls_make_ca(name, TLS_CA_DAYS, &cert, &key);
    err = err == FERRY_OK ? write_pair(data, cert_path, &cert, key_path, &key, problem)
                          : fail(err, problem, "cannot make a certificate: %s", ferry_err_text(err));
    if (key.data != NULL)
        explicit_bzero(key.data, key.len);
    return err;
}

/* By the root in two files, into two files. */
static ferry_err make_signed(const char *data, const char *const ca[2], const char *const out[2],
                             const struct tls_wish *wish, char problem[TLS_PROBLEM_SIZE])
{
    ferry_autobuf cert = FERRY_BUF_INIT(TLS_PEM_MAX), key = FERRY_BUF_INIT(TLS_PEM_MAX);
    struct tls_pair root;
    ferry_err err = tls_pair_read(ca[0], ca[1], &root, problem);

    if (err != FERRY_OK)
        return err;
    err = tls_make_signed(root.cert.data, root.key.data, wish, &cert, &key);
    tls_pair_done(&root);
    err = err == FERRY_OK ? write_pair(data, out[0], &cert, out[1], &key, problem)
                          : fail(err, problem, "cannot make a certificate: %s", ferry_err_text(err));
    if (key.data != NULL)
        explicit_bzero(key.data, key.len);
    return err;
}

/* --- the platform ----------------------------------------------------------------------------------------- */

struct paths {
    char *ca[2], *server[2]; /* certificate, key */
};

static void paths_done(struct paths *paths)
{
    for (size_t i = 0; i < 2; i++) {
        free(paths->ca[i]);
        free(paths->server[i]);
    }
}

static bool paths_of(const char *data, struct paths *paths)
{
    paths->ca[0] = ferry_asprintf("%s/" TLS_CA_CERT, data);
    paths->ca[1] = ferry_asprintf("%s/" TLS_CA_KEY, data);
    paths->server[0] = ferry_asprintf("%s/" TLS_SERVER_CERT, data);
    paths->server[1] = ferry_asprintf("%s/" TLS_SERVER_KEY, data);
    return paths->ca[0] != NULL && paths->ca[1] != NULL && paths->server[0] != NULL && paths->server[1] != NULL;
}

static ferry_err check_none_there(const struct paths *paths, const char *data, char problem[TLS_PROBLEM_SIZE])
{
    const char *const all[] = {paths->ca[0], paths->ca[1], paths->server[0], paths->server[1]};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (access(all[i], F_OK) == 0)
            return fail(FERRY_E_EXISTS, problem,
                        "%s is there already, nothing was changed. A new server certificate by the same CA: --renew. To "
                        "begin anew, move %s/" TLS_FOLDER " away; every device then needs the new ca.pem",
                        all[i], data);
    return FERRY_OK;
}

ferry_err tls_store_init(const char *data, const struct tls_wish *server, char reterr_problem[TLS_PROBLEM_SIZE])
{
    struct paths paths = {.ca = {NULL}, .server = {NULL}};
    ferry_err err = paths_of(data, &paths) ? check_none_there(&paths, data, reterr_problem)
                                           : fail(FERRY_E_NOMEM, reterr_problem, "out of memory");

    if (err == FERRY_OK)
        err = make_folder(data, reterr_problem);
    if (err == FERRY_OK)
        err = make_ca(data, "CA", paths.ca[0], paths.ca[1], reterr_problem);
    if (err == FERRY_OK)
        err = make_signed(data, (const char *const *)paths.ca, (const char *const *)paths.server, server,
                          reterr_problem);
    paths_done(&paths);
    return err;
}

/* The names of the certificate that is there, and those that it has not yet. */
static size_t join_names(char *const *old, size_t old_count, const struct tls_wish *more,
                         const char *out[2 * TLS_NAMES_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < old_count + more->name_count; i++) {
        const char *name = i < old_count ? old[i] : more->names[i - old_count];
        bool known = false;

        for (size_t j = 0; j < count; j++)
            known = known || strcmp(out[j], name) == 0;
        if (!known)
            out[count++] = name;
    }
    return count;
}

static ferry_err renew(const char *data, const struct paths *paths, const struct tls_wish *server,
                       char problem[TLS_PROBLEM_SIZE])
{
    ferry_autobuf old = FERRY_BUF_INIT(TLS_PEM_MAX);
    char *old_names[TLS_NAMES_MAX] = {NULL};
    const char *names[2 * TLS_NAMES_MAX];
    struct tls_wish wish = *server;
    size_t count = 0;
    ferry_err err = tls_ca_read(paths->server[0], &old, problem);

    if (err == FERRY_OK)
        err = tls_names_of(old.data, old_names, &count);
    else if (err == FERRY_E_NOT_FOUND)
        err = FERRY_OK; /* it was lost: then there are the names given */
    wish.names = names;
    wish.name_count = join_names(old_names, count, server, names);
    if (err == FERRY_OK && wish.name_count > TLS_NAMES_MAX)
        err = fail(FERRY_E_LIMIT, problem, "a certificate can have at most %d names", TLS_NAMES_MAX);
    if (err == FERRY_OK)
        err = make_signed(data, (const char *const *)paths->ca, (const char *const *)paths->server, &wish, problem);
    for (size_t i = 0; i < count; i++)
        free(old_names[i]);
    return err;
}

ferry_err tls_store_renew(const char *data, const struct tls_wish *server, char reterr_problem[TLS_PROBLEM_SIZE])
{
    struct paths paths = {.ca = {NULL}, .server = {NULL}};
    ferry_err err = paths_of(data, &paths) ? renew(data, &paths, server, reterr_problem)
                                           : fail(FERRY_E_NOMEM, reterr_problem, "out of memory");

    paths_done(&paths);
    return err;
}

/* --- devices ---------------------------------------------------------------------------------------------- */

static ferry_err check_free(const char *path, char problem[TLS_PROBLEM_SIZE])
{
    return access(path, F_OK) != 0 ? FERRY_OK
                                   : fail(FERRY_E_EXISTS, problem,
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
        return fail(err, problem, "the certificate was made, but %s/" TLS_DEVICE_LIST " could not be written (%s): it can "
                                  "be revoked only by its file", data, ferry_err_text(err));
    give_to_owner(data, path);
    return FERRY_OK;
}

ferry_err tls_store_device(const char *data, const char *out, const char *base, const struct tls_wish *device,
                           bool *ret_made_ca, char reterr_problem[TLS_PROBLEM_SIZE])
{
    ferry_autofree char *ca_cert = ferry_asprintf("%s/" TLS_DEVICE_CA_CERT, data);
    ferry_autofree char *ca_key = ferry_asprintf("%s/" TLS_DEVICE_CA_KEY, data);
    ferry_autofree char *cert = ferry_asprintf("%s/%s.pem", out, base), *key = ferry_asprintf("%s/%s.key", out, base);
    ferry_err err = FERRY_OK;

    if (ca_cert == NULL || ca_key == NULL || cert == NULL || key == NULL)
        return fail(FERRY_E_NOMEM, reterr_problem, "out of memory");
    err = check_free(cert, reterr_problem);
    if (err == FERRY_OK)
        err = check_free(key, reterr_problem);
    *ret_made_ca = err == FERRY_OK && access(ca_cert, F_OK) != 0 && access(ca_key, F_OK) != 0;
    if (*ret_made_ca)
        err = make_folder(data, reterr_problem);
    if (err == FERRY_OK && *ret_made_ca)
        err = make_ca(data, "device CA", ca_cert, ca_key, reterr_problem);
    if (err == FERRY_OK)
        err = make_signed(out, (const char *const[]){ca_cert, ca_key}, (const char *const[]){cert, key}, device,
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
        return fail(err, problem, "%s", ferry_err_text(err));
    if (s->count == 0)
        return fail(FERRY_E_NOT_FOUND, problem,
                    "no certificate was made here for %s: is the name right? A certificate that was made elsewhere is "
                    "revoked by its file", name);
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
        return fail(err, problem, "the certificate %s was not signed by the CA for devices", path);
    if (err == FERRY_OK)
        err = serials_add(s, serial, strlen(serial));
    return err == FERRY_OK ? err : fail(err, problem, "the certificate %s: %s", path, ferry_err_text(err));
}

/* The list with what is on it already, and more. */
static ferry_err write_list(const char *data, const struct tls_pair *ca, const struct serials *s,
                            char problem[TLS_PROBLEM_SIZE])
{
    ferry_autofree char *path = ferry_asprintf("%s/" TLS_DEVICE_CRL, data);
    ferry_autobuf old = FERRY_BUF_INIT(TLS_PEM_MAX), list = FERRY_BUF_INIT(TLS_PEM_MAX);
    uint64_t next_s;
    ferry_err err = path != NULL ? FERRY_OK : fail(FERRY_E_NOMEM, problem, "out of memory");

    if (err == FERRY_OK && access(path, F_OK) == 0)
        err = tls_crl_read(path, &old, &next_s, problem);
    if (err != FERRY_OK)
        return err;
    err = tls_revoke(ca->cert.data, ca->key.data, old.len > 0 ? old.data : NULL, s->each, s->count, &list);
    if (err == FERRY_E_FORMAT)
        return fail(err, problem, "the list %s is of another CA: move it away first", path);
    return err == FERRY_OK ? write_one(data, path, &list, CERT_MODE, problem)
                           : fail(err, problem, "cannot make a revocation list: %s", ferry_err_text(err));
}

static ferry_err revoke_named(const char *data, const struct tls_pair *ca, const char *what, struct serials *s,
                        char problem[TLS_PROBLEM_SIZE])
{
    ferry_err err = access(what, F_OK) == 0 ? find_in_file(ca->cert.data, what, s, problem)
                                            : find_issued(data, what, s, problem);

    if (err != FERRY_OK)
        return err;
    s->each = ferry_calloc(s->count, sizeof(*s->each));
    if (s->each == NULL)
        return fail(FERRY_E_NOMEM, problem, "out of memory");
    for (size_t i = 0; i < s->count; i++)
        s->each[i] = s->hex[i];
    return write_list(data, ca, s, problem);
}

ferry_err tls_store_revoke(const char *data, const char *what, size_t *ret_count, char reterr_problem[TLS_PROBLEM_SIZE])
{
    ferry_autofree char *ca_cert = ferry_asprintf("%s/" TLS_DEVICE_CA_CERT, data);
    ferry_autofree char *ca_key = ferry_asprintf("%s/" TLS_DEVICE_CA_KEY, data);
    struct serials serials = {.count = 0};
    struct tls_pair ca;
    ferry_err err = ca_cert != NULL && ca_key != NULL ? tls_pair_read(ca_cert, ca_key, &ca, reterr_problem)
                                                      : fail(FERRY_E_NOMEM, reterr_problem, "out of memory");

    if (err != FERRY_OK)
        return err;
    err = revoke_named(data, &ca, what, &serials, reterr_problem);
    *ret_count = serials.count;
    serials_done(&serials);
    tls_pair_done(&ca);
    return err;
}
