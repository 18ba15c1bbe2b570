/*
 * store_bench: what the store does for the engine, without the engine: commands a second, by kind, size of the batch and rows.
 *
 *     store_bench [--mem] [--dir DIR] [--server postgresql://...] [--rows N] [--devices N] [--commands N] [--batch N] [--only COMMAND] [--savepoints]
 *
 * Every command is what the engine does for one device message: device, its open uploads, put. With --savepoints each is in one of its
 * own. replace is a create that takes the place of an upload of that name: quota, two puts and two events besides. The difference
 * of two runs with --batch, --only create and other --commands is what so many creates cost, commits included.
 */
#include "base/system.h"
#include "store/any.h"
#include "store/mem.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OPEN_MAX_ROWS = 16, LOAD_BATCH = 5000 };

struct bench {
    const struct store_ops *ops;
    struct store_conn *c;
    unsigned rows, devices, commands;
    unsigned batch;   /* 0: several sizes */
    bool savepoints;
    const char *only; /* null: all kinds */
    unsigned next; /* number of the next new task */
};

typedef ferry_err step(struct bench *b, unsigned n);

#define START_MS 1700000000000u

static ferry_id id_of(unsigned n)
{
    uint64_t mixed[2] = {n * 0x9e3779b97f4a7c15ull, n};

    return ferry_id_make(START_MS + n / 8, (const uint8_t *)mixed);
}

static struct device_key device_of(const struct bench *b, unsigned n)
{
    struct device_key key = {.product = "PRODTEST01"};

    (void)snprintf(key.device, sizeof(key.device), "device-%06u", (unsigned)((n * 2654435761u) % b->devices));
    return key;
}

static struct upload_task task_of(const struct bench *b, unsigned n)
{
    struct upload_task t = {
        .id = id_of(n),
        .device = device_of(b, n),
        .size = 100000 + n,
        .md5 = "7cd96e091705fb4da41b3e11163cf663",
        .state = UPLOAD_CREATED,
        .created_ms = START_MS + n / 8,
        .updated_ms = START_MS + n / 8,
        .expires_ms = START_MS + n / 8 + 3600000,
    };

    (void)snprintf(t.name, sizeof(t.name), "log-%08u.gz", n);
    return t;
}

/* What every device message begins with, and all that a message without effect needs. */
static ferry_err look_up(struct bench *b, unsigned n)
{
    const struct device_key key = device_of(b, n);
    struct upload_task open[OPEN_MAX_ROWS];
    struct device device;
    size_t count;
    ferry_err err = b->ops->device_get(b->c, &key, &device);

    return err != FERRY_OK ? err : b->ops->upload_open(b->c, &key, open, OPEN_MAX_ROWS, &count);
}

static ferry_err create(struct bench *b, unsigned n)
{
    struct upload_task t = task_of(b, n);
    ferry_err err = look_up(b, n);

    return err != FERRY_OK ? err : b->ops->upload_put(b->c, &t);
}

static ferry_err put_told(struct bench *b, const struct upload_task *t, const char *before, const char *state)
{
    struct event e = {.kind = EVENT_UPLOAD, .time_ms = t->updated_ms};
    ferry_err err = b->ops->upload_put(b->c, t);

    (void)snprintf(e.product, sizeof(e.product), "%s", t->device.product);
    (void)snprintf(e.device, sizeof(e.device), "%s", t->device.device);
    (void)snprintf(e.task, sizeof(e.task), "%s", t->id.text);
    (void)snprintf(e.before, sizeof(e.before), "%s", before);
    (void)snprintf(e.state, sizeof(e.state), "%s", state);
    return err != FERRY_OK ? err : b->ops->event_append(b->c, &e);
}

static ferry_err cancel_newest(struct bench *b, const struct device_key *key, uint64_t now_ms)
{
    struct upload_task open[OPEN_MAX_ROWS];
    size_t count = 0;
    ferry_err err = b->ops->upload_open(b->c, key, open, OPEN_MAX_ROWS, &count);

    if (err != FERRY_OK || count == 0)
        return err;
    open[0].state = UPLOAD_CANCELLED;
    open[0].updated_ms = open[0].ended_ms = now_ms;
    return put_told(b, &open[0], "created", "cancelled");
}

static ferry_err replace(struct bench *b, unsigned n)
{
    struct upload_task t = task_of(b, n);
    struct device device;
    struct quota quota;
    ferry_err err = b->ops->device_get(b->c, &t.device, &device);

    (void)snprintf(t.name, sizeof(t.name), "log.gz");
    if (err == FERRY_OK)
        err = b->ops->quota_get(b->c, t.device.product, &quota);
    if (err == FERRY_OK || err == FERRY_E_NOT_FOUND)
        err = cancel_newest(b, &t.device, t.updated_ms);
    return err != FERRY_OK ? err : put_told(b, &t, "", "created");
}

static ferry_err keep(struct bench *b, const struct upload_task *t, report_state state)
{
    const struct task_report report = {.time_ms = t->updated_ms, .state = state, .percent = t->percent};

    return b->ops->report_add(b->c, &t->id, &report);
}

static ferry_err report(struct bench *b, unsigned n)
{
    struct upload_task t = task_of(b, n);
    ferry_err err = look_up(b, n);

    t.state = UPLOAD_UPLOADING;
    t.percent = 50;
    t.updated_ms += 1000;
    t.expires_ms += 1000;
    if (err == FERRY_OK)
        err = keep(b, &t, REPORT_RUNNING);
    return err != FERRY_OK ? err : b->ops->upload_put(b->c, &t);
}

static ferry_err stored(struct bench *b, unsigned n)
{
    struct upload_task t = task_of(b, n);
    ferry_err err = b->ops->upload_get(b->c, &t.id, &t);

    t.state = UPLOAD_STORED;
    t.stored_ms = ++t.updated_ms;
    return err != FERRY_OK ? err : b->ops->upload_put(b->c, &t);
}

static ferry_err done(struct bench *b, unsigned n)
{
    struct upload_task t = task_of(b, n);
    ferry_err err = look_up(b, n);

    t.state = UPLOAD_DONE;
    t.percent = 100;
    t.updated_ms += 1001;
    t.stored_ms = t.ended_ms = t.updated_ms;
    if (err == FERRY_OK)
        err = keep(b, &t, REPORT_DONE);
    return err != FERRY_OK ? err : b->ops->upload_put(b->c, &t);
}

static ferry_err in_savepoint(struct bench *b, step *what, unsigned n)
{
    ferry_err err = b->ops->savepoint(b->c);

    if (err == FERRY_OK)
        err = what(b, n);
    return err != FERRY_OK ? err : b->ops->release(b->c);
}

static ferry_err run_batches(struct bench *b, step *what, unsigned first, unsigned count, unsigned batch)
{
    ferry_err err = FERRY_OK;

    for (unsigned n = first; err == FERRY_OK && n < first + count; n += batch) {
        err = b->ops->begin(b->c);
        for (unsigned i = n; err == FERRY_OK && i < n + batch && i < first + count; i++)
            err = b->savepoints ? in_savepoint(b, what, i) : what(b, i);
        if (err == FERRY_OK)
            err = b->ops->commit(b->c);
    }
    return err;
}

static uint64_t cpu_us(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static ferry_err measure(struct bench *b, const char *name, step *what, unsigned count, unsigned batch)
{
    uint64_t wall = ferry_mono_ms(), cpu = cpu_us();
    ferry_err err = run_batches(b, what, b->next, count, batch);

    wall = ferry_mono_ms() - wall;
    cpu = cpu_us() - cpu;
    if (err == FERRY_OK)
        printf("%9u %8u %6u  %-7s %9.0f %8.1f\n", b->rows, b->devices, batch, name,
               1000.0 * count / (double)(wall > 0 ? wall : 1), (double)cpu / count);
    return err;
}

static ferry_err measure_kinds(struct bench *b, unsigned count, unsigned batch)
{
    static const struct {
        const char *name;
        step *what;
    } steps[] = {{"create", create}, {"start", report}, {"report", report}, {"stored", stored},
                 {"done", done},     {"lookup", look_up}, {"replace", replace}};
    ferry_err err = FERRY_OK;

    for (unsigned s = 0; err == FERRY_OK && s < sizeof(steps) / sizeof(steps[0]); s++)
        if (b->only == NULL || strcmp(b->only, steps[s].name) == 0)
            err = measure(b, steps[s].name, steps[s].what, count, batch);
    b->next += count;
    return err;
}

static ferry_err measure_all(struct bench *b)
{
    static const unsigned batches[] = {1, 64, 512};
    ferry_err err = FERRY_OK;

    printf("     rows  devices  batch  command  per sec.  CPU us\n");
    if (b->batch > 0)
        return measure_kinds(b, b->commands, b->batch);
    for (unsigned i = 0; err == FERRY_OK && i < 3; i++)
        err = measure_kinds(b, batches[i] == 1 ? b->commands / 20 : b->commands, batches[i]);
    return err;
}

static ferry_err load(struct bench *b)
{
    struct product product = {.name = "PRODTEST01"};
    ferry_err err = b->ops->begin(b->c);

    if (err == FERRY_OK)
        err = b->ops->product_add(b->c, &product);
    for (unsigned i = 0; err == FERRY_OK && i < b->devices; i++) {
        struct device d = {.secret.len = 32 + SEAL_OVERHEAD, .secret_no = 1};

        (void)snprintf(d.key.product, sizeof(d.key.product), "PRODTEST01");
        (void)snprintf(d.key.device, sizeof(d.key.device), "device-%06u", i);
        err = b->ops->device_add(b->c, &d);
    }
    if (err == FERRY_OK)
        err = b->ops->commit(b->c);
    if (err == FERRY_OK)
        err = run_batches(b, create, 0, b->rows, LOAD_BATCH);
    if (err == FERRY_OK)
        err = run_batches(b, done, 0, b->rows, LOAD_BATCH);
    b->next = b->rows;
    return err;
}

static ferry_err open_store(const char *dir, struct store **ret_store)
{
    char path[256];

    if (dir == NULL)
        return store_mem_open(ret_store);
    if (store_any_is_server(dir))
        return store_any_open(&(struct store_any_config){.address = dir, .name = "store_bench", .busy_ms = 1000}, ret_store);
    (void)snprintf(path, sizeof(path), "%s/store_bench.db", dir);
    if (unlink(path) == 0)
        printf("replacing %s\n", path);
    return store_any_open(&(struct store_any_config){.address = path, .busy_ms = 1000}, ret_store);
}

static ferry_err run(struct bench *b, const char *dir)
{
    struct store *store = NULL;
    ferry_err err = open_store(dir, &store);

    if (err != FERRY_OK)
        return err;
    b->ops = store->ops;
    err = b->ops->connect(store, STORE_WRITER, &b->c);
    if (err == FERRY_OK)
        err = load(b);
    if (err == FERRY_OK)
        err = measure_all(b);
    b->ops->disconnect(b->c);
    b->ops->close(store);
    return err;
}

static unsigned *number_of(struct bench *b, int option)
{
    switch (option) {
    case 'r':
        return &b->rows;
    case 'n':
        return &b->devices;
    case 'b':
        return &b->batch;
    default:
        return &b->commands;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"mem", no_argument, NULL, 'm'},
                                            {"dir", required_argument, NULL, 'd'},
                                            {"server", required_argument, NULL, 'd'}, /* postgresql://... of an empty database */
                                            {"rows", required_argument, NULL, 'r'},
                                            {"devices", required_argument, NULL, 'n'},
                                            {"commands", required_argument, NULL, 'c'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"savepoints", no_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    struct bench b = {.rows = 10000, .devices = 2000, .commands = 20480};
    const char *dir = ".";
    ferry_err err;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return 2;
        if (option == 'm')
            dir = NULL;
        else if (option == 'd')
            dir = optarg;
        else if (option == 'o')
            b.only = optarg;
        else if (option == 's')
            b.savepoints = true;
        else
            *number_of(&b, option) = (unsigned)strtoul(optarg, NULL, 10);
    }
    if (b.devices == 0)
        return 2;
    err = run(&b, dir);
    if (err != FERRY_OK)
        fprintf(stderr, "store_bench: %s\n", ferry_err_text(err));
    return err == FERRY_OK ? 0 : 1;
}
