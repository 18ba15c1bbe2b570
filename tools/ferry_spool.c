#include "ferry_spool.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JOB_FILE_MAX = 64 * 1024 };

static const char head[] = "ferry job 1";
static const char expected_name[] = "expected";

FERRY_DEFINE_CLEANUP(DIR *, closedir)

/* --- jobs --------------------------------------------------------------------------------------------- */

/* "KEY=value", each ended by a NUL, as in an environment: paths can hold any other byte. */
static const struct {
    const char *key;
    bool number;
    size_t offset;
} fields[] = {
    {"attempts", true, offsetof(struct ferry_job, attempts)},
    {"path", false, offsetof(struct ferry_job, path)},
    {"name", false, offsetof(struct ferry_job, name)},
    {"size", true, offsetof(struct ferry_job, size)},
    {"md5", false, offsetof(struct ferry_job, md5)},
    {"error", false, offsetof(struct ferry_job, error)},
    {"message", false, offsetof(struct ferry_job, message)},
    {"volume", true, offsetof(struct ferry_job, volume)},
    {"inode", true, offsetof(struct ferry_job, inode)},
    {"changed-ns", true, offsetof(struct ferry_job, changed_ns)},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static void *member(const struct ferry_job *job, size_t field)
{
    return (char *)(uintptr_t)job + fields[field].offset;
}

void ferry_job_done(struct ferry_job *job)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (!fields[i].number)
            free(*(char **)member(job, i));
    *job = (struct ferry_job){0};
}

static bool look(const char *path, struct ferry_job *seen)
{
    struct stat st;

    if (path == NULL || lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    seen->volume = st.st_dev;
    seen->inode = st.st_ino;
    seen->size = (uint64_t)st.st_size;
    seen->changed_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    return true;
}

bool ferry_job_mark(struct ferry_job *job)
{
    return look(job->path, job);
}

bool ferry_job_is_unchanged(const struct ferry_job *job)
{
    struct ferry_job seen;

    return look(job->path, &seen) && seen.volume == job->volume && seen.inode == job->inode && seen.size == job->size &&
           seen.changed_ns == job->changed_ns;
}

ferry_err ferry_job_write(const struct ferry_job *job, struct ferry_buf *out)
{
    ferry_err err = ferry_buf_append(out, head, sizeof head);

    for (size_t i = 0; i < FIELDS && err == FERRY_OK; i++) {
        const char *value = fields[i].number ? "" : *(char **)member(job, i);
        if (value == NULL)
            continue;
        err = fields[i].number ? ferry_buf_printf(out, "%s=%" PRIu64, fields[i].key, *(uint64_t *)member(job, i))
                               : ferry_buf_printf(out, "%s=%s", fields[i].key, value);
        if (err == FERRY_OK)
            err = ferry_buf_append(out, "", 1);
    }
    return err;
}

static ferry_err take_number(uint64_t *number, const char *text)
{
    errno = 0;
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return FERRY_E_CORRUPT;
    *number = strtoull(text, NULL, 10);
    return errno == 0 ? FERRY_OK : FERRY_E_CORRUPT;
}

static ferry_err take_field(struct ferry_job *job, const char *line)
{
    const char *equals = strchr(line, '=');
    size_t len = equals == NULL ? 0 : (size_t)(equals - line);

    for (size_t i = 0; i < FIELDS; i++) {
        if (strlen(fields[i].key) != len || memcmp(fields[i].key, line, len) != 0)
            continue;
        if (fields[i].number)
            return take_number(member(job, i), equals + 1);
        char **text = member(job, i);
        free(*text);
        *text = ferry_strdup(equals + 1);
        return *text != NULL ? FERRY_OK : FERRY_E_NOMEM;
    }
    return len > 0 ? FERRY_OK : FERRY_E_CORRUPT; /* a field of a later version means nothing here */
}

ferry_err ferry_job_parse(const char *bytes, size_t len, struct ferry_job *ret_job)
{
    ferry_err err = FERRY_OK;

    *ret_job = (struct ferry_job){0};
    if (len < sizeof head || bytes[len - 1] != '\0' || memcmp(bytes, head, sizeof head) != 0)
        return FERRY_E_CORRUPT;
    for (size_t at = sizeof head; at < len && err == FERRY_OK; at += strlen(bytes + at) + 1)
        err = take_field(ret_job, bytes + at);
    if (err == FERRY_OK && (ret_job->name == NULL || (ret_job->path == NULL && ret_job->error == NULL)))
        err = FERRY_E_CORRUPT;
    return err;
}

static ferry_err write_job(const char *path, const struct ferry_job *job)
{
    ferry_autobuf text = FERRY_BUF_INIT(JOB_FILE_MAX);
    ferry_err err = ferry_job_write(job, &text);

    return err == FERRY_OK ? ferry_file_replace(path, text.data, text.len, 0600) : err;
}

static ferry_err read_job(const char *path, struct ferry_job *ret_job)
{
    ferry_autobuf text = FERRY_BUF_INIT(JOB_FILE_MAX);
    ferry_err err = ferry_file_read(path, &text);

    return err == FERRY_OK ? ferry_job_parse(text.data, text.len, ret_job) : err;
}

/* --- the queue ---------------------------------------------------------------------------------------- */

/* The number that a file is named by, 0 when it is no job. */
static uint64_t number_of(const char *name)
{
    return strspn(name, "0123456789") == strlen(name) ? strtoull(name, NULL, 10) : 0;
}

/* Lowest and highest number, and how many there are. A folder that is not there is empty. */
static ferry_err scan(struct ferry_spool *spool, uint64_t *ret_first)
{
    ferry_cleanup(closedir) DIR *dir = opendir(spool->folder);

    spool->waiting = 0;
    *ret_first = 0;
    if (dir == NULL)
        return errno == ENOENT ? FERRY_OK : ferry_err_from_errno(errno);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        uint64_t number = number_of(entry->d_name);
        if (number == 0)
            continue;
        spool->waiting++;
        spool->last = number > spool->last ? number : spool->last;
        *ret_first = *ret_first == 0 || number < *ret_first ? number : *ret_first;
    }
    return FERRY_OK;
}

/* What a crash left of a job that was being written. */
static void sweep(const struct ferry_spool *spool)
{
    ferry_cleanup(closedir) DIR *dir = opendir(spool->folder);

    if (dir == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strstr(entry->d_name, ".new-") != NULL)
            (void)unlinkat(dirfd(dir), entry->d_name, 0); /* it harms nobody when it stays */
}

static char *path_of(const struct ferry_spool *spool, uint64_t number)
{
    return ferry_asprintf("%s/%010" PRIu64, spool->folder, number);
}

ferry_err ferry_spool_open(struct ferry_spool *spool, const char *state_dir, const char *product, const char *device)
{
    uint64_t first;

    ferry_spool_close(spool);
    spool->folder = ferry_asprintf("%s/%s/%s/hooks", state_dir, product, device);
    if (spool->folder == NULL)
        return FERRY_E_NOMEM;
    sweep(spool);
    ferry_err err = scan(spool, &first);
    if (err != FERRY_OK)
        ferry_spool_close(spool);
    return err;
}

void ferry_spool_close(struct ferry_spool *spool)
{
    free(spool->folder);
    *spool = (struct ferry_spool){0};
}

ferry_err ferry_spool_add(struct ferry_spool *spool, struct ferry_job *job)
{
    ferry_err err = ferry_dir_make(spool->folder, 0700);

    if (err != FERRY_OK)
        return err;
    ferry_autofree char *path = path_of(spool, spool->last + 1);
    err = path == NULL ? FERRY_E_NOMEM : write_job(path, job);
    if (err != FERRY_OK)
        return err;
    job->number = ++spool->last;
    spool->waiting++;
    return FERRY_OK;
}

ferry_err ferry_spool_first(struct ferry_spool *spool, struct ferry_job *ret_job)
{
    uint64_t first;

    *ret_job = (struct ferry_job){0};
    ferry_err err = scan(spool, &first);
    if (err != FERRY_OK)
        return err;
    if (first == 0)
        return FERRY_E_NOT_FOUND;
    ferry_autofree char *path = path_of(spool, first);
    err = path == NULL ? FERRY_E_NOMEM : read_job(path, ret_job);
    ret_job->number = first;
    if (err == FERRY_E_CORRUPT || err == FERRY_E_LIMIT) {
        ferry_spool_remove(spool, ret_job);
        return FERRY_E_CORRUPT;
    }
    return err;
}

ferry_err ferry_spool_update(const struct ferry_spool *spool, const struct ferry_job *job)
{
    ferry_autofree char *path = path_of(spool, job->number);

    return path == NULL ? FERRY_E_NOMEM : write_job(path, job);
}

void ferry_spool_remove(struct ferry_spool *spool, const struct ferry_job *job)
{
    ferry_autofree char *path = path_of(spool, job->number);

    if (path != NULL && unlink(path) == 0)
        ferry_drop(ferry_dir_sync(spool->folder)); /* else it comes once more, as after a crash */
    spool->waiting -= spool->waiting > 0 ? 1 : 0;
}

/* --- what is on its way ------------------------------------------------------------------------------- */

static char *expected_path(const struct ferry_spool *spool)
{
    return ferry_asprintf("%s/%s", spool->folder, expected_name);
}

ferry_err ferry_spool_expect(const struct ferry_spool *spool, const struct ferry_job *job)
{
    ferry_autofree char *path = expected_path(spool);
    ferry_err err = ferry_dir_make(spool->folder, 0700);

    if (err != FERRY_OK)
        return err;
    return path == NULL ? FERRY_E_NOMEM : write_job(path, job);
}

ferry_err ferry_spool_expected(const struct ferry_spool *spool, struct ferry_job *ret_job)
{
    ferry_autofree char *path = expected_path(spool);

    *ret_job = (struct ferry_job){0};
    return path == NULL ? FERRY_E_NOMEM : read_job(path, ret_job);
}

void ferry_spool_forget(const struct ferry_spool *spool)
{
    ferry_autofree char *path = expected_path(spool);

    if (path != NULL && unlink(path) != 0 && errno != ENOENT)
        return; /* its hook may run twice, as after a crash */
}
