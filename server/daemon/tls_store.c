#include "tls_store.h"

#include "tls_files.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
            return tls_fail(
                FERRY_E_EXISTS, problem,
                "%s is there already, nothing was changed. A new server certificate by the same CA: --renew. To "
                "begin anew, move %s/" TLS_FOLDER " away; every device then needs the new ca.pem",
                all[i], data);
    return FERRY_OK;
}

ferry_err tls_store_init(const char *data, const struct tls_wish *server, char reterr_problem[TLS_PROBLEM_SIZE])
{
    struct paths paths = {.ca = {NULL}, .server = {NULL}};
    ferry_err err = paths_of(data, &paths) ? check_none_there(&paths, data, reterr_problem)
                                           : tls_fail(FERRY_E_NOMEM, reterr_problem, "out of memory");

    if (err == FERRY_OK)
        err = tls_make_folder(data, reterr_problem);
    if (err == FERRY_OK)
        err = tls_write_ca(data, "CA", paths.ca[0], paths.ca[1], reterr_problem);
    if (err == FERRY_OK)
        err = tls_write_signed(data, (const char *const *)paths.ca, (const char *const *)paths.server, server,
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
        err = tls_fail(FERRY_E_LIMIT, problem, "a certificate can have at most %d names", TLS_NAMES_MAX);
    if (err == FERRY_OK)
        err =
            tls_write_signed(data, (const char *const *)paths->ca, (const char *const *)paths->server, &wish, problem);
    for (size_t i = 0; i < count; i++)
        free(old_names[i]);
    return err;
}

ferry_err tls_store_renew(const char *data, const struct tls_wish *server, char reterr_problem[TLS_PROBLEM_SIZE])
{
    struct paths paths = {.ca = {NULL}, .server = {NULL}};
    ferry_err err = paths_of(data, &paths) ? renew(data, &paths, server, reterr_problem)
                                           : tls_fail(FERRY_E_NOMEM, reterr_problem, "out of memory");

    paths_done(&paths);
    return err;
}
