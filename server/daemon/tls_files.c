#include "tls_files.h"

#include "tls_pem.h"
#include "tls_store.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CA_NAME_SIZE = 65, KEY_MODE = 0600 };

ferry_err tls_fail(ferry_err err, char reterr_problem[TLS_PROBLEM_SIZE], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reterr_problem, TLS_PROBLEM_SIZE, format, args);
    va_end(args);
    return err;
}

/* Root makes certificates for a ferryd that runs as somebody else: that one must be able to read them. */
void tls_give_to_owner(const char *data, const char *path)
{
    struct stat folder;

    if (geteuid() == 0 && stat(data, &folder) == 0 && chown(path, folder.st_uid, folder.st_gid) != 0)
        (void)fprintf(stderr, "ferryd: %s belongs to root now: chown it to who runs ferryd\n", path);
}

ferry_err tls_write_file(const char *data, const char *path, const struct ferry_buf *text, mode_t mode,
                         char reterr_problem[TLS_PROBLEM_SIZE])
{
    ferry_err err = ferry_file_replace(path, text->data, text->len, mode);

    if (err != FERRY_OK)
        return tls_fail(err, reterr_problem, "cannot write %s: %s", path, ferry_err_text(err));
    tls_give_to_owner(data, path);
    return FERRY_OK;
}

/* The key first: a certificate whose key is lost is of no use. */
static ferry_err write_pair(const char *data, const char *cert_path, const struct ferry_buf *cert, const char *key_path,
                            const struct ferry_buf *key, char problem[TLS_PROBLEM_SIZE])
{
    ferry_err err = tls_write_file(data, key_path, key, KEY_MODE, problem);

    return err == FERRY_OK ? tls_write_file(data, cert_path, cert, TLS_CERT_MODE, problem) : err;
}

ferry_err tls_make_folder(const char *data, char reterr_problem[TLS_PROBLEM_SIZE])
{
    ferry_autofree char *folder = ferry_asprintf("%s/" TLS_FOLDER, data);
    ferry_err err = folder != NULL ? ferry_dir_make(data, 0700) : FERRY_E_NOMEM;

    if (err == FERRY_OK)
        err = ferry_dir_make(folder, 0700);
    if (err != FERRY_OK)
        return tls_fail(err, reterr_problem, "cannot make the folder %s/" TLS_FOLDER ": %s", data, ferry_err_text(err));
    tls_give_to_owner(data, folder);
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

ferry_err tls_write_ca(const char *data, const char *what, const char *cert_path, const char *key_path,
                       char reterr_problem[TLS_PROBLEM_SIZE])
{
    ferry_autobuf cert = FERRY_BUF_INIT(TLS_PEM_MAX), key = FERRY_BUF_INIT(TLS_PEM_MAX);
    char name[CA_NAME_SIZE];
    ferry_err err;

    name_ca(what, name);
    err = tls_make_ca(name, TLS_CA_DAYS, &cert, &key);
    err = err == FERRY_OK ? write_pair(data, cert_path, &cert, key_path, &key, reterr_problem)
                          : tls_fail(err, reterr_problem, "cannot make a certificate: %s", ferry_err_text(err));
    if (key.data != NULL)
        explicit_bzero(key.data, key.len);
    return err;
}

/* By the root in two files, into two files. */
ferry_err tls_write_signed(const char *data, const char *const ca[2], const char *const out[2],
                           const struct tls_wish *wish, char reterr_problem[TLS_PROBLEM_SIZE])
{
    ferry_autobuf cert = FERRY_BUF_INIT(TLS_PEM_MAX), key = FERRY_BUF_INIT(TLS_PEM_MAX);
    struct tls_pair root;
    ferry_err err = tls_pair_read(ca[0], ca[1], &root, reterr_problem);

    if (err != FERRY_OK)
        return err;
    err = tls_make_signed(root.cert.data, root.key.data, wish, &cert, &key);
    tls_pair_done(&root);
    err = err == FERRY_OK ? write_pair(data, out[0], &cert, out[1], &key, reterr_problem)
                          : tls_fail(err, reterr_problem, "cannot make a certificate: %s", ferry_err_text(err));
    if (key.data != NULL)
        explicit_bzero(key.data, key.len);
    return err;
}
