/* What survives a reboot: PRODUCT/DEVICE below the state folder, one process at a time. */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
    PATH_SIZE = 4096,
    QUICK_BYTES = 64 * 1024, /* moved again sooner than it is worth to remember */
    RECEIVED_LINES = 4096, /* files that we remember having written */
    RECEIVED_LINE_SIZE = 96,
};

/* What stands behind a snapshot in its file. */
struct tail {
    uint64_t lane;
    uint64_t part_id; /* of which it speaks */
};
enum { SNAPSHOT_FILE_MAX = FERRY_SNAPSHOT_MAX(FERRY_NAME_MAX) + sizeof(struct tail) };

static const char received_file[] = "received";

static const char *snapshot_name(ferry_lane lane)
{
    return lane == FERRY_LANE_UP ? "upload.state" : "download.state";
}

/* A new folder is durable when the one above it has been synced. */
static bool make_folder(const char *path)
{
    if (mkdir(path, 0700) != 0)
        return errno == EEXIST;
    ferry__autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ferry__autoclose int above = fd < 0 ? -1 : openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above >= 0) /* one that may be entered but not read cannot be synced: then it is as durable as can be */
        (void)fsync(above);
    return true;
}

/* mkdir -p */
static bool make_path(char *path)
{
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        bool ok = make_folder(path);
        *p = '/';
        if (!ok)
            return false;
    }
    return make_folder(path);
}

ferry_device_err ferry__state_open(struct ferry *f, char reterr_message[FERRY_MESSAGE_SIZE])
{
    char path[PATH_SIZE];
    struct ferry__state *s = &f->state;
    const char *base = f->options.state_dir;

    if (base == NULL)
        return FERRY_DEVICE_OK;
    int n = snprintf(path, sizeof path, "%s/%s/%s", base, f->config.product, f->config.device);
    bool ok = n > 0 && (size_t)n < sizeof path && make_path(path) &&
              (s->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0 &&
              (s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600)) >= 0;
    if (!ok) {
        (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE, "the state folder %.200s cannot be used: %s", base,
                       strerror(errno));
        return FERRY_DEVICE_E_STORE;
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return FERRY_DEVICE_OK;
    (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE,
                   "another process works as device %s/%s (it holds %.200s/lock): stop it first, one identity "
                   "cannot be connected twice",
                   f->config.product, f->config.device, path);
    return FERRY_DEVICE_E_BUSY;
}

static bool write_all(int fd, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* Replaces a file of the state folder durably. */
static bool replace(const struct ferry__state *s, const char *name, const void *bytes, size_t len)
{
    char temporary[32];

    (void)snprintf(temporary, sizeof temporary, "%s.new", name);
    ferry__autoclose int fd = openat(s->dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    if (write_all(fd, bytes, len) && fsync(fd) == 0 && renameat(s->dir_fd, temporary, s->dir_fd, name) == 0)
        return fsync(s->dir_fd) == 0;
    (void)unlinkat(s->dir_fd, temporary, 0);
    return false;
}

static void note_close(struct ferry__state *s)
{
    ferry__close_fd(&s->note_fd);
    s->note_fd = -1;
}

/* A snapshot that becomes durable together with its file, by ferry__received_sync(). */
static void note(struct ferry__state *s, const void *bytes, size_t len)
{
    const char *name = snapshot_name(FERRY_LANE_DOWN);

    (void)unlinkat(s->dir_fd, name, 0);
    s->note_fd = openat(s->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->note_fd < 0 || write_all(s->note_fd, bytes, len))
        return;
    (void)unlinkat(s->dir_fd, name, 0);
    note_close(s);
}

static void forget(const struct ferry__state *s, ferry_lane lane, bool durably)
{
    if (unlinkat(s->dir_fd, snapshot_name(lane), 0) == 0 && durably)
        (void)fsync(s->dir_fd);
}

/* The phase in which a small file is remembered in another way, or not at all; else NONE of them. */
static ferry_phase quick_phase(const struct ferry *f, ferry_lane lane)
{
    ferry_lane_status status;

    ferry_device_status(&f->device, lane, &status);
    return status.size <= QUICK_BYTES ? status.phase : FERRY_PHASE_IDLE;
}

/*
 * Of a small file nothing is remembered before its bytes are safe: after a sudden end it is moved once more. A small download
 * is noted before it gets its name, and that is its result too: whoever reads the note looks for the file, and tells again
 * that it is there. So nothing else is written for the result, and it does no harm when a power cut brings the note back.
 * What is put aside on purpose, and a result that was told in vain, are remembered whatever the size.
 */
void ferry__state_save(struct ferry *f, ferry_lane lane, const void *bytes, size_t len)
{
    struct ferry__state *s = &f->state;
    struct tail tail = {.lane = lane, .part_id = lane == FERRY_LANE_DOWN ? f->files.part_id : 0};
    ferry_phase quick = quick_phase(f, lane);
    bool is_noted = lane == FERRY_LANE_DOWN && s->is_noted;
    char file[SNAPSHOT_FILE_MAX];

    if (s->dir_fd < 0 || (is_noted && quick == FERRY_PHASE_REPORT))
        return;
    if (lane == FERRY_LANE_DOWN) {
        s->is_noted = false;
        note_close(s);
    }
    if (len == 0 || (lane == FERRY_LANE_UP && quick == FERRY_PHASE_ASK)) { /* an older one would speak of something else */
        forget(s, lane, !is_noted);
        return;
    }
    memcpy(file, bytes, len);
    memcpy(file + len, &tail, sizeof tail);
    if (lane == FERRY_LANE_DOWN && quick == FERRY_PHASE_COMMIT)
        note(s, file, len + sizeof tail);
    /* A snapshot must never be ahead of the bytes. Without it a reboot costs a transfer, nothing else. */
    else if (lane == FERRY_LANE_UP || ferry__part_sync(f))
        (void)replace(s, snapshot_name(lane), file, len + sizeof tail);
}

/* A damaged one, or one of the other lane, is as good as none: the transfer begins again. */
static bool restore(struct ferry *f, ferry_lane lane)
{
    uint8_t bytes[SNAPSHOT_FILE_MAX + 1];
    struct tail tail;

    ferry__autoclose int fd = openat(f->state.dir_fd, snapshot_name(lane), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (n <= (ssize_t)sizeof tail)
        return false;
    size_t len = (size_t)n - sizeof tail;
    memcpy(&tail, bytes + len, sizeof tail);
    if (tail.lane != lane || ferry_device_restore(&f->device, ferry__now_ms(), bytes, len) != FERRY_DEVICE_OK)
        return false;
    if (lane == FERRY_LANE_DOWN)
        f->files.part_id = tail.part_id;
    return true;
}

static ferry_phase lane_phase(const struct ferry *f, ferry_lane lane)
{
    ferry_lane_status status;

    ferry_device_status(&f->device, lane, &status);
    return status.phase;
}

void ferry__state_restore(struct ferry *f, ferry_lane lane)
{
    if (f->state.dir_fd < 0)
        return;
    if (restore(f, lane)) {
        f->resumed[lane] = lane_phase(f, lane) == FERRY_PHASE_REPORT;
        f->receiving = f->receiving || lane == FERRY_LANE_DOWN;
    } else if (lane == FERRY_LANE_DOWN)
        ferry__part_discard(f); /* of a transfer that nobody remembers */
}

/* What is under way is put aside; all else that the engine wants has no time left. */
static void save_all(struct ferry *f)
{
    ferry_action act;

    for (ferry_lane lane = FERRY_LANE_UP; lane <= FERRY_LANE_DOWN; lane++)
        (void)ferry_device_stop(&f->device, ferry__now_ms(), lane, FERRY_STOP_FOR_NOW); /* nothing is running: nothing to save */
    do {
        ferry_device_next(&f->device, ferry__now_ms(), &act);
        if (act.kind == FERRY_ACT_SAVE)
            ferry__state_save(f, act.lane, act.bytes, act.len);
        else if (act.kind == FERRY_ACT_DISCARD)
            ferry__part_discard(f);
    } while (act.kind != FERRY_ACT_WAIT);
}

void ferry__state_close(struct ferry *f)
{
    if (f->state.dir_fd < 0)
        return;
    if (f->state.lock_fd >= 0) {
        if (f->mem != NULL)
            save_all(f);
        (void)close(f->state.lock_fd);
    }
    note_close(&f->state);
    (void)close(f->state.dir_fd);
    f->state = FERRY__STATE_NONE;
}

/* --- which files we wrote: device, inode, size and time of change; a changed file is not ours any more --- */

static bool line_of(int fd, char out[RECEIVED_LINE_SIZE])
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    (void)snprintf(out, RECEIVED_LINE_SIZE, "%llx %llx %llx %llx.%lx\n", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino, (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
                   (unsigned long)st.st_mtim.tv_nsec);
    return true;
}

/* The whole list, null when there is none. It is in files.block. */
static char *received_read(struct ferry *f, size_t *ret_len)
{
    ferry__autoclose int fd = openat(f->state.dir_fd, received_file, O_RDONLY | O_CLOEXEC);
    char *text = f->files.block;
    size_t len = 0;

    _Static_assert(2 * RECEIVED_LINES * RECEIVED_LINE_SIZE < FERRY__BLOCK_BYTES, "the longest list fits");
    while (fd >= 0 && len < FERRY__BLOCK_BYTES) {
        ssize_t n = read(fd, text + len, FERRY__BLOCK_BYTES - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    if (len == 0 || len == FERRY__BLOCK_BYTES) /* that long it never gets: somebody else's */
        return NULL;
    text[len] = '\0';
    *ret_len = len;
    for (char *hole = text; (hole = memchr(hole, '\0', (size_t)(text + len - hole))) != NULL;)
        *hole = '\n'; /* of a power cut */
    return text;
}

bool ferry__received_is_ours(struct ferry *f, int fd)
{
    char line[RECEIVED_LINE_SIZE];
    size_t len;
    bool found = false;

    if (f->state.dir_fd < 0 || !line_of(fd, line))
        return false;
    for (char *text = received_read(f, &len), *at = text; at != NULL && !found; at++) {
        at = strstr(at, line);
        if (at == NULL)
            break;
        found = at == text || at[-1] == '\n';
    }
    return found;
}

/* Adds the file to the list; ret_list is to be synced, and when it is new its folder too. */
static bool received_add(struct ferry *f, int fd, int *ret_list, bool *ret_new)
{
    char line[RECEIVED_LINE_SIZE];
    size_t len = 0, keep = (size_t)RECEIVED_LINES * RECEIVED_LINE_SIZE;

    if (!line_of(fd, line))
        return false;
    char *text = received_read(f, &len);
    if (text != NULL && len > keep) { /* forget the older half */
        char *half = strchr(text + len / 2, '\n');
        if (half != NULL && !replace(&f->state, received_file, half + 1, len - (size_t)(half + 1 - text)))
            return false;
    }
    bool is_torn = text != NULL && text[len - 1] != '\n';
    *ret_new = text == NULL;
    *ret_list = openat(f->state.dir_fd, received_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return *ret_list >= 0 && (!is_torn || write_all(*ret_list, "\n", 1)) && write_all(*ret_list, line, strlen(line));
}

/* A hint: where the bytes of all of them have their place on the disk, the sync of the first is the one that takes long. */
static void write_out(const int *files, size_t count)
{
    static const unsigned begin = SYNC_FILE_RANGE_WRITE,
                          wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

    for (size_t i = 0; i < 2 * count; i++)
        if (files[i % count] >= 0)
            (void)sync_file_range(files[i % count], 0, 0, i < count ? begin : wait);
}

ferry_fault ferry__received_sync(struct ferry *f, int fd)
{
    struct ferry__state *s = &f->state;
    ferry__autoclose int list = -1;
    bool is_new = false;

    if (s->dir_fd >= 0 && !received_add(f, fd, &list, &is_new))
        return FERRY_FAULT_WRITE;
    write_out((const int[]){s->note_fd, list, fd}, 3);
    if (fsync(fd) != 0)
        return ferry__fault_of_errno(errno, FERRY_FAULT_WRITE);
    if (list >= 0 && fsync(list) != 0)
        return FERRY_FAULT_WRITE;
    bool noted = s->note_fd >= 0 && fsync(s->note_fd) == 0;
    bool listed = !(noted || is_new) || fsync(s->dir_fd) == 0;
    s->is_noted = noted && listed;
    note_close(s);
    return listed || !is_new ? FERRY_FAULT_NONE : FERRY_FAULT_WRITE;
}
