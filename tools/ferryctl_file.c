#include "ferryctl_file.h"

#include "base/alloc.h"
#include "base/encode.h"
#include "base/system.h"
#include "ferry/md5.h"
#include "ferryctl_memory.h"
#include "progress.h"
#include "proto/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file on its way. */
struct passage {
    int fd;
    const char *file; /* for messages */
    uint64_t bytes;
    ferry_md5 md5;
    struct progress progress;
};

static void begin(struct passage *p, int fd, const char *file, uint64_t size, bool quiet)
{
    const char *slash = strrchr(file, '/');

    *p = (struct passage){.fd = fd, .file = file};
    ferry_md5_init(&p->md5);
    progress_init(&p->progress, stderr, quiet);
    progress_begin(&p->progress, slash != NULL ? slash + 1 : file, size, 0, ferry_mono_ms());
}

static void count(struct passage *p, const void *bytes, size_t len)
{
    ferry_md5_update(&p->md5, bytes, len);
    p->bytes += len;
    progress_update(&p->progress, p->bytes, ferry_mono_ms());
}

static void end(struct passage *p, char ret_md5[FERRY_MD5_HEX + 1])
{
    uint8_t digest[FERRY_MD5_BYTES];

    ferry_md5_final(&p->md5, digest);
    ferry_hex_encode(digest, sizeof digest, ret_md5);
    progress_end(&p->progress);
}

/* --- sending ------------------------------------------------------------------------------------------ */

static size_t read_some(void *arg, char *out, size_t cap)
{
    struct passage *p = arg;
    ssize_t len;

    do {
        len = read(p->fd, out, cap);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        progress_end(&p->progress);
        (void)ctl_fail(CTL_FAILED, "cannot read %s: %s", p->file, strerror(errno));
        return SIZE_MAX;
    }
    count(p, out, (size_t)len);
    return (size_t)len;
}

/* UINT64_MAX when the size cannot be known before. */
static enum ctl_exit open_source(const char *file, int *ret_fd, uint64_t *ret_size)
{
    struct stat st;
    bool standard = strcmp(file, "-") == 0;
    ferry_autoclose int fd = standard ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 || fstat(fd, &st) != 0)
        return ctl_fail(CTL_FAILED, "cannot open %s: %s", file, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return ctl_fail(CTL_FAILED, "%s is a folder", file);
    if (S_ISREG(st.st_mode) && st.st_size == 0)
        return ctl_fail(CTL_FAILED, "%s is empty", file);
    *ret_size = S_ISREG(st.st_mode) && !standard ? (uint64_t)st.st_size : UINT64_MAX;
    *ret_fd = FERRY_TAKE_FD(fd);
    return CTL_DONE;
}

static enum ctl_exit send_file(struct ctl_api *api, const char *path, const char *type, const char *file, bool quiet,
                               json_t **ret_answer, char ret_md5[FERRY_MD5_HEX + 1])
{
    ferry_autoclose int fd = -1;
    uint64_t size = UINT64_MAX;
    struct passage p;
    enum ctl_exit status = open_source(file, &fd, &size);

    if (status != CTL_DONE)
        return status;
    begin(&p, fd, file, size != UINT64_MAX ? size : 0, quiet);
    struct ctl_stream stream = {.read = read_some, .arg = &p, .size = size, .type = type};
    status = ctl_api_send(api, path, &stream, ret_answer);
    end(&p, ret_md5);
    return status;
}

enum ctl_exit ctl_file_post(struct ctl_api *api, const char *path, const char *type, const char *file, bool quiet,
                            json_t **ret_answer)
{
    char md5[FERRY_MD5_HEX + 1];

    return send_file(api, path, type, file, quiet, ret_answer, md5);
}

enum ctl_exit ctl_file_send(struct ctl_api *api, const char *path, const char *file, bool quiet, json_t **ret_answer)
{
    char md5[FERRY_MD5_HEX + 1];
    json_t *answer = NULL;
    enum ctl_exit status = send_file(api, path, "application/octet-stream", file, quiet, &answer, md5);

    if (status != CTL_DONE)
        return status;
    const char *there = json_string_value(json_object_get(answer, "md5"));
    if (there == NULL || strcmp(there, md5) != 0) {
        json_decref(answer);
        return ctl_fail(CTL_FAILED, "the platform received other bytes than were sent (MD5 %s instead of %s)",
                        there != NULL ? there : "missing", md5);
    }
    *ret_answer = answer;
    return CTL_DONE;
}

/* --- receiving ---------------------------------------------------------------------------------------- */

static bool write_some(void *arg, const char *bytes, size_t len)
{
    struct passage *p = arg;

    for (size_t done = 0; done < len;) {
        ssize_t written = write(p->fd, bytes + done, len - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            progress_end(&p->progress);
            (void)ctl_fail(CTL_FAILED, "cannot write %s: %s", p->file, strerror(errno));
            return false;
        }
        done += (size_t)written;
    }
    count(p, bytes, len);
    return true;
}

static enum ctl_exit fetch(struct ctl_api *api, const char *path, struct passage *p, uint64_t size, const char *md5)
{
    struct ctl_stream stream = {.write = write_some, .arg = p};
    char found[FERRY_MD5_HEX + 1];
    enum ctl_exit status = ctl_api_receive(api, path, &stream);

    end(p, found);
    if (status != CTL_DONE)
        return status;
    if (p->bytes != size)
        return ctl_fail(CTL_FAILED, "%llu bytes came instead of %llu: nothing was kept", (unsigned long long)p->bytes,
                        (unsigned long long)size);
    if (strcmp(found, md5) != 0)
        return ctl_fail(CTL_FAILED, "the bytes have the MD5 %s instead of %s: nothing was kept", found, md5);
    return CTL_DONE;
}

/* Durable under its name, or not there at all. */
static enum ctl_exit settle(int fd, const char *part, const char *file)
{
    ferry_autofree char *copy = ctl_strdup(file);

    if (fsync(fd) != 0 && errno != EINVAL)
        return ctl_fail(CTL_FAILED, "cannot write %s: %s", file, strerror(errno));
    if (rename(part, file) != 0)
        return ctl_fail(CTL_FAILED, "cannot give %s its name: %s", file, strerror(errno));
    ferry_err err = ferry_dir_sync(dirname(copy));
    return err == FERRY_OK ? CTL_DONE : ctl_fail(CTL_FAILED, "cannot write %s: %s", file, ferry_err_text(err));
}

static enum ctl_exit open_part(const char *file, char *part, int *ret_fd)
{
    struct stat st;
    mode_t mask = umask(0);

    (void)umask(mask);
    if (stat(file, &st) == 0 && S_ISDIR(st.st_mode))
        return ctl_fail(CTL_FAILED, "%s is a folder: name the file", file);
    int fd = mkostemp(part, O_CLOEXEC);
    if (fd < 0)
        return ctl_fail(CTL_FAILED, "cannot make a file beside %s: %s", file, strerror(errno));
    (void)fchmod(fd, 0666 & ~mask);
    *ret_fd = fd;
    return CTL_DONE;
}

enum ctl_exit ctl_file_receive(struct ctl_api *api, const char *path, const char *file, uint64_t size, const char *md5,
                               bool quiet)
{
    ferry_autofree char *part = ctl_check(ferry_asprintf("%s.part.XXXXXX", file));
    ferry_autoclose int fd = -1;
    struct passage p;

    if (strcmp(file, "-") == 0) {
        begin(&p, STDOUT_FILENO, "standard output", size, quiet || isatty(STDOUT_FILENO));
        return fetch(api, path, &p, size, md5);
    }
    enum ctl_exit status = open_part(file, part, &fd);
    if (status != CTL_DONE)
        return status;
    begin(&p, fd, file, size, quiet);
    status = fetch(api, path, &p, size, md5);
    if (status == CTL_DONE)
        status = settle(fd, part, file);
    if (status != CTL_DONE)
        (void)unlink(part);
    return status;
}
