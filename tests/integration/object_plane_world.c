#define _GNU_SOURCE /* nftw */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "object_plane_world.h"

#include "base/encode.h"
#include "clock/system.h"
#include "mqtt/mem_bus.h"
#include "objects/local.h"
#include "objects/mem.h"
#include "store/sqlite.h"

#include <openssl/evp.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGE_BYTES ((1ull << 32) + WORLD_LARGE_TAIL)
/* MD5 of 4 GiB of zeros and 5120 bytes that count up from 0 */
#define LARGE_MD5 "a97fec2d0c766b02b6408fc6dc46595a"

struct world_faults world_faults;

/* --- objects with faults -------------------------------------------------------------------------- */

static const struct objects_ops *real_ops;

static ferry_err faulty_finish(struct object_writer *writer, const struct object_expect *expect,
                               struct object_digests *ret_digests)
{
    int err = atomic_exchange(&world_faults.finish_error, FERRY_OK);
    usleep(atomic_load(&world_faults.finish_ms) * 1000);
    if (err != FERRY_OK) {
        real_ops->write_abort(writer);
        return (ferry_err)err;
    }
    return real_ops->write_finish(writer, expect, ret_digests);
}

static ferry_err faulty_write(struct object_writer *writer, const void *bytes, size_t len)
{
    int err = atomic_exchange(&world_faults.write_error, FERRY_OK);
    return err != FERRY_OK ? (ferry_err)err : real_ops->write(writer, bytes, len);
}

static struct objects *real_of(struct objects *o)
{
    return ((struct world *)(void *)((char *)o - offsetof(struct world, objects)))->real_objects;
}

static ferry_err faulty_read_open(struct objects *o, const ferry_id *key, struct object_reader **ret_reader,
                                  uint64_t *ret_size)
{
    int err = atomic_exchange(&world_faults.open_error, FERRY_OK);
    return err != FERRY_OK ? (ferry_err)err : real_ops->read_open(real_of(o), key, ret_reader, ret_size);
}

#define FORWARD(slot, arguments, values)      \
    static ferry_err forward_##slot arguments \
    {                                         \
        return real_ops->slot values;         \
    }
FORWARD(write_begin, (struct objects * o, const ferry_id *key, uint64_t size, bool sha, struct object_writer **ret),
        (real_of(o), key, size, sha, ret))
FORWARD(write_resume,
        (struct objects * o, const ferry_id *key, uint64_t size, bool sha, struct object_writer **ret, uint64_t *ret_offset),
        (real_of(o), key, size, sha, ret, ret_offset))
FORWARD(reopen, (struct objects * o, const ferry_id *key), (real_of(o), key))
FORWARD(partial_size, (struct objects * o, const ferry_id *key, uint64_t *ret), (real_of(o), key, ret))
FORWARD(partial_remove, (struct objects * o, const ferry_id *key), (real_of(o), key))
FORWARD(stat, (struct objects * o, const ferry_id *key, uint64_t *ret), (real_of(o), key, ret))
FORWARD(remove, (struct objects * o, const ferry_id *key), (real_of(o), key))
FORWARD(sweep,
        (struct objects * o, bool (*keep)(void *, const ferry_id *), bool (*partial)(void *, const ferry_id *),
         void *arg, uint64_t *ret),
        (real_of(o), keep, partial, arg, ret))
FORWARD(probe, (struct objects * o), (real_of(o)))
FORWARD(url_sign, (struct objects * o, const struct object_url *url, char *out, size_t cap),
        (real_of(o), url, out, cap))
FORWARD(url_check, (struct objects * o, const struct object_url *url, const char *signature, size_t len),
        (real_of(o), url, signature, len))

static void wrap_objects(struct world *w)
{
    real_ops = w->real_objects->ops;
    w->objects_ops = *real_ops;
    w->objects_ops.write_begin = forward_write_begin;
    w->objects_ops.write_resume = forward_write_resume;
    w->objects_ops.write = faulty_write;
    w->objects_ops.write_finish = faulty_finish;
    w->objects_ops.partial_size = forward_partial_size;
    w->objects_ops.reopen = forward_reopen;
    w->objects_ops.partial_remove = forward_partial_remove;
    w->objects_ops.stat = forward_stat;
    w->objects_ops.read_open = faulty_read_open;
    w->objects_ops.remove = forward_remove;
    w->objects_ops.sweep = forward_sweep;
    w->objects_ops.probe = forward_probe;
    w->objects_ops.url_sign = forward_url_sign;
    w->objects_ops.url_check = forward_url_check;
    w->objects.ops = &w->objects_ops;
}

/* --- what is there at the beginning ------------------------------------------------------------------ */

static ferry_id id_of(unsigned number)
{
    uint8_t random[FERRY_ID_RANDOM_BYTES] = {[8] = 0x33, [9] = (uint8_t)number};
    return ferry_id_make(1700000000000u, random);
}

static void md5_of(const uint8_t *bytes, size_t len, uint8_t out[16])
{
    assert_int_equal(EVP_Digest(bytes, len, out, NULL, EVP_md5(), NULL), 1);
}

static void md5_hex(const uint8_t *bytes, size_t len, char out[FERRY_MD5_HEX + 1])
{
    uint8_t md5[16];
    md5_of(bytes, len, md5);
    ferry_hex_encode(md5, sizeof md5, out);
}

void world_md5_base64(const uint8_t *bytes, size_t len, char out[32])
{
    uint8_t md5[16];
    md5_of(bytes, len, md5);
    ferry_base64_encode(md5, sizeof md5, out);
}

static ferry_id add_upload(struct world *w, struct store_conn *c, unsigned number, uint64_t size, upload_state state)
{
    struct upload_task t = {.id = id_of(number),
                            .size = size,
                            .state = state,
                            .created_ms = 1,
                            .updated_ms = 1,
                            .expires_ms = UINT64_MAX / 4};
    assert_true(device_key_make("P", "d", &t.device));
    (void)snprintf(t.name, sizeof t.name, "file%u", number);
    if (size == LARGE_BYTES)
        memcpy(t.md5, LARGE_MD5, sizeof t.md5);
    else
        md5_hex(w->upload_bytes, size, t.md5);
    assert_int_equal(w->store->ops->upload_put(c, &t), FERRY_OK);
    return t.id;
}

static ferry_id add_resource(struct world *w, struct store_conn *c, unsigned number, uint64_t size, bool with_object)
{
    struct resource r = {.id = id_of(number), .product = "P", .size = size, .created_ms = 1};
    struct object_writer *writer = NULL;
    struct object_expect expect = {.size = size};
    (void)snprintf(r.name, sizeof r.name, "resource%u", number);
    md5_hex(w->big_bytes, with_object ? size : 0, r.md5);
    memset(r.sha256, '0', FERRY_SHA256_HEX);
    assert_int_equal(w->store->ops->resource_add(c, &r), FERRY_OK);
    if (!with_object)
        return r.id;
    assert_int_equal(real_ops->write_begin(w->real_objects, &r.id, size, false, &writer), FERRY_OK);
    assert_int_equal(real_ops->write(writer, w->big_bytes, size), FERRY_OK);
    assert_int_equal(real_ops->write_finish(writer, &expect, NULL), FERRY_OK);
    return r.id;
}

static ferry_id add_download(struct world *w, struct store_conn *c, unsigned number, const ferry_id *resource,
                             download_state state)
{
    struct deployment d = {.id = id_of(number + 100),
                           .product = "P",
                           .resource = *resource,
                           .state = DEPLOYMENT_ACTIVE,
                           .timeout_s = 1000,
                           .expanded = 1,
                           .expand_done = true,
                           .created_ms = 1,
                           .updated_ms = 1};
    struct download_task t = {.id = id_of(number),
                              .deployment = d.id,
                              .resource = *resource,
                              .state = state,
                              .deadline_ms = UINT64_MAX / 4,
                              .created_ms = 1,
                              .updated_ms = 1};
    assert_true(device_key_make("P", "d", &t.device));
    assert_int_equal(w->store->ops->deployment_put(c, &d), FERRY_OK);
    assert_int_equal(w->store->ops->download_put(c, &t), FERRY_OK);
    return t.id;
}

static void fill_store(struct world *w)
{
    struct store_conn *c = NULL;
    struct product p = {.name = "P", .created_ms = 1};
    struct device d = {.secret = {32, {1}}, .secret_no = 1, .created_ms = 1};
    assert_true(device_key_make("P", "d", &d.key));
    assert_int_equal(w->store->ops->connect(w->store, STORE_WRITER, &c), FERRY_OK);
    assert_int_equal(w->store->ops->begin(c), FERRY_OK);
    assert_int_equal(w->store->ops->product_add(c, &p), FERRY_OK);
    assert_int_equal(w->store->ops->device_add(c, &d), FERRY_OK);
    w->upload = add_upload(w, c, 1, WORLD_UPLOAD_BYTES, UPLOAD_CREATED);
    w->upload2 = add_upload(w, c, 2, WORLD_UPLOAD_BYTES, UPLOAD_CREATED);
    w->small_upload = add_upload(w, c, 3, WORLD_SMALL_BYTES, UPLOAD_CREATED);
    w->cancelled_upload = add_upload(w, c, 4, WORLD_SMALL_BYTES, UPLOAD_CANCELLED);
    w->large_upload = add_upload(w, c, 5, LARGE_BYTES, UPLOAD_CREATED);
    w->big_resource = add_resource(w, c, 11, WORLD_BIG_BYTES, true);
    w->small_resource = add_resource(w, c, 12, WORLD_SMALL_BYTES, true);
    w->missing_resource = add_resource(w, c, 13, WORLD_SMALL_BYTES, false);
    w->large_resource = add_resource(w, c, 14, LARGE_BYTES, false);
    w->download = add_download(w, c, 21, &w->big_resource, DOWNLOAD_OFFERED);
    w->small_download = add_download(w, c, 22, &w->small_resource, DOWNLOAD_DONE);
    w->cancelled_download = add_download(w, c, 23, &w->small_resource, DOWNLOAD_CANCELLED);
    w->missing_download = add_download(w, c, 24, &w->missing_resource, DOWNLOAD_QUEUED);
    w->large_download = add_download(w, c, 25, &w->large_resource, DOWNLOAD_QUEUED);
    assert_int_equal(w->store->ops->commit(c), FERRY_OK);
    w->store->ops->disconnect(c);
}

/* --- life ------------------------------------------------------------------------------------------- */

static void objects_start(struct world *w)
{
    char dir[sizeof w->dir + 16];
    (void)snprintf(dir, sizeof dir, "%s/objects", w->dir);
    struct objects_local_config local = {.dir = dir, .public_url = "http://127.0.0.1:1", .key = {1, 2, 3}};
    struct objects_mem_config mem = {.public_url = "http://127.0.0.1:1", .key = {1, 2, 3}, .capacity_bytes = 64u << 20};
    ferry_err err =
        w->in_memory ? objects_mem_open(&mem, &w->real_objects) : objects_local_open(&local, &w->real_objects);
    assert_int_equal(err, FERRY_OK);
    wrap_objects(w);
}

static void engine_begin(struct world *w)
{
    struct engine_settings settings = {.inbox_max = 0};
    engine_settings_defaults(&settings);
    assert_int_equal(mem_bus_open(&w->bus), FERRY_OK);
    struct engine_parts parts = {w->store, &w->objects, w->bus, clock_system()};
    assert_int_equal(engine_new(&parts, &settings, &w->engine), FERRY_OK);
    struct bus_listener listener = engine_bus_listener(w->engine);
    assert_int_equal(w->bus->ops->start(w->bus, &listener), FERRY_OK);
    assert_int_equal(engine_start(w->engine), FERRY_OK);
}

static void engine_end(struct world *w)
{
    w->bus->ops->stop(w->bus);
    engine_free(w->engine);
    w->bus->ops->close(w->bus);
}

void world_plane_start(struct world *w)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    int send_buffer = w->send_buffer_bytes;
    if (send_buffer > 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer), 0);
    assert_int_equal(listen(fd, 1024), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    w->port = ntohs(address.sin_port);
    struct object_plane_config cfg = {.listen_fd = fd,
                                      .engine = w->engine,
                                      .store = w->store,
                                      .objects = &w->objects,
                                      .limits = w->limits,
                                      .device_bytes_max = w->device_bytes_max,
                                      .address_bytes_max = w->address_bytes_max};
    assert_int_equal(object_plane_start(&cfg, &w->plane), FERRY_OK);
}

void world_plane_stop(struct world *w)
{
    object_plane_stop(w->plane);
    w->plane = NULL;
}

static uint8_t *make_bytes(size_t len, unsigned seed)
{
    uint8_t *bytes = malloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 8) * 7 + seed);
    return bytes;
}

struct world *world_open(bool in_memory)
{
    struct world *w = calloc(1, sizeof *w);
    char path[sizeof w->dir + 16];
    memset(&world_faults, 0, sizeof world_faults);
    w->in_memory = in_memory;
    w->upload_bytes = make_bytes(WORLD_UPLOAD_BYTES, 1);
    w->big_bytes = make_bytes(WORLD_BIG_BYTES, 2);
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/ferry-plane-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(path, sizeof path, "%s/ferry.db", w->dir);
    struct store_sqlite_config store = {.path = path, .busy_ms = 2000};
    assert_int_equal(store_sqlite_open(&store, &w->store), FERRY_OK);
    objects_start(w);
    fill_store(w);
    engine_begin(w);
    object_plane_limits_defaults(&w->limits);
    w->limits.stop_grace_ms = 100;
    world_plane_start(w);
    return w;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

void world_close(struct world *w)
{
    world_plane_stop(w);
    engine_end(w);
    w->real_objects->ops->close(w->real_objects);
    w->store->ops->close(w->store);
    assert_int_equal(nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(w->upload_bytes);
    free(w->big_bytes);
    free(w);
}

void world_restart(struct world *w)
{
    world_plane_stop(w);
    engine_end(w);
    w->real_objects->ops->close(w->real_objects);
    objects_start(w);
    engine_begin(w);
    world_plane_start(w);
}

/* --- looking ---------------------------------------------------------------------------------------- */

static struct store_conn *reader(struct world *w)
{
    struct store_conn *c = NULL;
    assert_int_equal(w->store->ops->connect(w->store, STORE_READER, &c), FERRY_OK);
    return c;
}

void world_path(struct world *w, object_method method, const ferry_id *task, uint64_t expires_s,
                char out[WORLD_URL_MAX])
{
    struct object_url url = {.method = method, .task = *task, .expires_s = expires_s};
    struct store_conn *c = reader(w);
    struct upload_task upload;
    struct download_task download;
    char text[FERRY_URL_MAX + 1];
    if (w->store->ops->upload_get(c, task, &upload) == FERRY_OK) {
        url.size = upload.size;
        url.key = *task;
        memcpy(url.md5, upload.md5, sizeof url.md5);
    } else {
        assert_int_equal(w->store->ops->download_get(c, task, &download), FERRY_OK);
        url.size = download.size;
        url.key = download.resource;
        memcpy(url.md5, download.md5, sizeof url.md5);
    }
    w->store->ops->disconnect(c);
    assert_int_equal(w->objects.ops->url_sign(&w->objects, &url, text, sizeof text), FERRY_OK);
    (void)snprintf(out, WORLD_URL_MAX, "%s", strstr(text, "/o/"));
}

static uint64_t in_an_hour(struct world *w)
{
    return engine_now_ms(w->engine) / 1000 + 3600;
}

void world_put_path(struct world *w, const ferry_id *task, char out[WORLD_URL_MAX])
{
    world_path(w, OBJECT_PUT, task, in_an_hour(w), out);
}

void world_get_path(struct world *w, const ferry_id *task, char out[WORLD_URL_MAX])
{
    world_path(w, OBJECT_GET, task, in_an_hour(w), out);
}

upload_state world_upload_state(struct world *w, const ferry_id *task)
{
    struct store_conn *c = reader(w);
    struct upload_task upload;
    assert_int_equal(w->store->ops->upload_get(c, task, &upload), FERRY_OK);
    w->store->ops->disconnect(c);
    return upload.state;
}

bool world_has_object(struct world *w, const ferry_id *key)
{
    uint64_t size;
    return real_ops->stat(w->real_objects, key, &size) == FERRY_OK;
}

uint64_t world_partial(struct world *w, const ferry_id *key)
{
    uint64_t size = 0;
    assert_int_equal(real_ops->partial_size(w->real_objects, key, &size), FERRY_OK);
    return size;
}

unsigned world_temporary_files(struct world *w)
{
    char path[sizeof w->dir + 16];
    unsigned count = 0;
    const struct dirent *entry;
    (void)snprintf(path, sizeof path, "%s/objects/tmp", w->dir);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}
