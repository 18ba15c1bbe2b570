/**
 * @file object_plane_world.h
 * @brief A platform without broker and API for tests of the object plane: SQLite, files (or memory), the real
 * engine, the real plane on a free port; and a client that speaks HTTP byte by byte.
 */
#ifndef TESTS_OBJECT_PLANE_WORLD_H
#define TESTS_OBJECT_PLANE_WORLD_H

#include "http/object_plane.h"

#include <stdatomic.h>

enum {
    WORLD_UPLOAD_BYTES = 300000, /* size of every upload task but the small one */
    WORLD_SMALL_BYTES = 1000,
    WORLD_BIG_BYTES = 200000, /* of the big resource */
    WORLD_LARGE_TAIL = 5120,  /* bytes after 4 GiB of zeros: of the large upload and the large resource */
    WORLD_TEXT_MAX = 4096,
    WORLD_URL_MAX = 300,
};

#define UA "User-Agent: test/1\r\n" /* not the vendor's: the connection stays */

/* What the objects do instead of their work; any thread. */
struct world_faults {
    atomic_int finish_error; /* ferry_err of the next write_finish; 0: none */
    atomic_int write_error;
    atomic_uint finish_ms; /* write_finish takes so long */
    atomic_int open_error;
};

struct world {
    char dir[64];
    struct store *store;
    struct objects *real_objects;
    struct objects objects; /* the real ones with faults */
    struct objects_ops objects_ops;
    struct bus *bus;
    struct engine *engine;
    struct object_plane *plane;
    int port;
    struct object_plane_limits limits; /* for the next start of the plane */
    uint64_t device_bytes_max, address_bytes_max; /* of the plane's configuration; 0: no limit */
    int send_buffer_bytes;             /* of the plane's sockets; 0: the system's */
    bool in_memory;
    /* tasks: uploads (two of 300,000 bytes, one of 1,000, one cancelled, one of over 4 GiB), downloads.
     * The objects of the large and of the missing resource are not there. */
    ferry_id upload, upload2, small_upload, cancelled_upload, large_upload;
    ferry_id big_resource, small_resource, missing_resource, large_resource;
    ferry_id download, small_download, cancelled_download, missing_download, large_download;
    uint8_t *upload_bytes, *big_bytes; /* the small ones are their beginnings */
};

extern struct world_faults world_faults;

/* in_memory: objects/mem instead of objects/local */
struct world *world_open(bool in_memory);
void world_close(struct world *w);
void world_plane_start(struct world *w);
void world_plane_stop(struct world *w);
/* Ends engine, plane and objects, and starts them again. */
void world_restart(struct world *w);

/* Path and query of a good URL: "/o/...?e=...&s=..." */
void world_path(struct world *w, object_method method, const ferry_id *task, uint64_t expires_s,
                char out[WORLD_URL_MAX]);
void world_put_path(struct world *w, const ferry_id *task, char out[WORLD_URL_MAX]);
void world_get_path(struct world *w, const ferry_id *task, char out[WORLD_URL_MAX]);
/* base64 of the MD5 */
void world_md5_base64(const uint8_t *bytes, size_t len, char out[32]);

upload_state world_upload_state(struct world *w, const ferry_id *task);
bool world_has_object(struct world *w, const ferry_id *key);
uint64_t world_partial(struct world *w, const ferry_id *key);
unsigned world_temporary_files(struct world *w);

/* --- the client ---------------------------------------------------------------------------------- */

struct http_answer {
    int status; /* 0: no answer */
    char head[WORLD_TEXT_MAX];
    uint8_t *body;
    size_t body_len;
    bool closed; /* the platform closed the connection */
};

int client_connect(struct world *w);
/* With a receive buffer of so many bytes. */
int client_connect_with_buffer(struct world *w, int bytes);
/* Fails the test when not all can be sent. */
void client_send(int fd, const void *bytes, size_t len);
void client_say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What can be sent of it; for requests that may be cut. */
size_t client_try_send(int fd, const void *bytes, size_t len);
/* Reads one answer; head: to a HEAD request. Waits until the connection is closed, at most close_ms, to fill in closed. */
struct http_answer client_read(int fd, bool head, unsigned close_ms);
void answer_done(struct http_answer *answer);
/* The value of a header with exactly this spelling, or null; valid until the next call. */
const char *answer_header(const struct http_answer *answer, const char *name);

/* One request on a connection of its own. headers: each with its CRLF. Without User-Agent, closed is filled in. */
struct http_answer http(struct world *w, const char *method, const char *path, const char *headers, const void *body,
                        size_t len);
/* Fails the test unless the answer is so; code: of its S3 error, or "". Ends the answer. */
void answer_expect(struct http_answer answer, int status, const char *code);
/* PUT of a whole body with a good URL. */
struct http_answer http_put(struct world *w, const ferry_id *task, const char *headers, const uint8_t *bytes,
                            size_t len);

#endif
