#define _GNU_SOURCE /* nftw */

#include "store_suite_internal.h"

#include "base/alloc.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void expect_at(ferry_err want, ferry_err got, const char *call, const char *file, int line)
{
    if (got == want)
        return;
    print_error("%s: %s instead of %s\n", call, ferry_err_name(got), ferry_err_name(want));
    _fail(file, line);
}

/* --- rows -------------------------------------------------------------------------------------- */

ferry_id id_of(unsigned n)
{
    const uint8_t random[FERRY_ID_RANDOM_BYTES] = {(uint8_t)(n * 37), (uint8_t)n, 255, 0, 1};

    return ferry_id_make(1700000000000u + n, random);
}

struct device_key key_of(const char *product, const char *device)
{
    struct device_key key = {.product = ""};

    (void)snprintf(key.product, sizeof(key.product), "%s", product);
    (void)snprintf(key.device, sizeof(key.device), "%s", device);
    return key;
}

struct upload_task upload_of(unsigned n, const char *product, const char *device, const char *name)
{
    struct upload_task t = {
        .id = id_of(n),
        .device = key_of(product, device),
        .size = 1000 + n,
        .md5 = "7cd96e091705fb4da41b3e11163cf663",
        .state = UPLOAD_CREATED,
        .percent = (int32_t)n,
        .result_code = -(int32_t)n,
        .result_msg = "it's \"fine\"",
        .created_ms = 10000 + n,
        .updated_ms = 20000 + n,
        .expires_ms = 30000 + n,
    };

    (void)snprintf(t.name, sizeof(t.name), "%s", name);
    return t;
}

struct resource resource_of(unsigned n, const char *product, const char *name)
{
    struct resource r = {
        .id = id_of(n),
        .size = 5000 + n,
        .md5 = "00112233445566778899aabbccddeeff",
        .created_ms = 100 + n,
    };

    memset(r.sha256, 'a' + (int)(n % 6), FERRY_SHA256_HEX);
    (void)snprintf(r.product, sizeof(r.product), "%s", product);
    (void)snprintf(r.name, sizeof(r.name), "%s", name);
    (void)snprintf(r.description, sizeof(r.description), "what is\nnew in %u: it's \"fine\"", n);
    return r;
}

struct deployment deployment_of(unsigned n, const char *product, unsigned resource)
{
    struct deployment d = {
        .id = id_of(n),
        .resource = id_of(resource),
        .state = DEPLOYMENT_ACTIVE,
        .target_all = n % 2 == 0,
        .rate_per_min = 60 + n,
        .timeout_s = 3600 + n,
        .expanded = n,
        .expand_done = false,
        .expand_cursor = "device-7",
        .target_tag = "lab-1.0",
        .created_ms = 200 + n,
        .updated_ms = 300 + n,
        .retries = n + 1,
        .start_ms = 200 + 2 * n,
        .end_ms = 900 + n,
        .paused_ms = 500 + n,
        .shift_ms = 700 + n,
        .sweep_cursor = id_of(n + 7),
        .sweep_ms = 800 + n,
        .retry = {.state = DOWNLOAD_FAILED, .has_msg = true, .msg = "it's \"full\""},
        .pace_ms = 250 + n,
        .paced = n + 3,
    };

    (void)snprintf(d.product, sizeof(d.product), "%s", product);
    return d;
}

struct download_task download_of(unsigned n, unsigned deployment, unsigned resource, const char *product,
                                 const char *device)
{
    return (struct download_task){
        .id = id_of(n),
        .deployment = id_of(deployment),
        .resource = id_of(resource),
        .device = key_of(product, device),
        .state = DOWNLOAD_QUEUED,
        .percent = (int32_t)n,
        .result_code = -(int32_t)n,
        .result_msg = "waiting",
        .pushes = n,
        .release_ms = 40000 + n,
        .wake_ms = 50000 + n,
        .deadline_ms = 60000 + n,
        .created_ms = 400 + n,
        .updated_ms = 500 + n,
        .retries = n + 2,
    };
}

void add_product(struct fixture *f, const char *name)
{
    struct product p = {.created_ms = 1};

    (void)snprintf(p.name, sizeof(p.name), "%s", name);
    ok(DO(f, product_add, &p));
}

void add_device(struct fixture *f, const char *product, const char *name)
{
    const struct device d = {.key = key_of(product, name), .secret = {3, {1, 2, 3}}, .secret_no = 1, .created_ms = 2};

    ok(DO(f, device_add, &d));
}

void add_deployment(struct fixture *f, unsigned n)
{
    const struct resource r = resource_of(n, "p", "firmware");
    const struct deployment d = deployment_of(n, "p", n);
    struct product p;

    if (DO(f, product_get, "p", &p) != FERRY_OK)
        add_product(f, "p");
    ok(DO(f, resource_add, &r));
    ok(DO(f, deployment_put, &d));
}

/* --- comparison -------------------------------------------------------------------------------- */

static void assert_keys_equal(const struct device_key *a, const struct device_key *b)
{
    assert_string_equal(a->product, b->product);
    assert_string_equal(a->device, b->device);
}

void assert_upload_equal(const struct upload_task *a, const struct upload_task *b)
{
    assert_string_equal(a->id.text, b->id.text);
    assert_keys_equal(&a->device, &b->device);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->size, b->size);
    assert_string_equal(a->md5, b->md5);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->percent, b->percent);
    assert_int_equal(a->result_code, b->result_code);
    assert_string_equal(a->result_msg, b->result_msg);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->updated_ms, b->updated_ms);
    assert_int_equal(a->stored_ms, b->stored_ms);
    assert_int_equal(a->ended_ms, b->ended_ms);
    assert_int_equal(a->expires_ms, b->expires_ms);
}

void assert_resource_equal(const struct resource *a, const struct resource *b)
{
    assert_string_equal(a->id.text, b->id.text);
    assert_string_equal(a->product, b->product);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->size, b->size);
    assert_string_equal(a->md5, b->md5);
    assert_string_equal(a->sha256, b->sha256);
    assert_string_equal(a->description, b->description);
    assert_int_equal(a->created_ms, b->created_ms);
}

void assert_deployment_equal(const struct deployment *a, const struct deployment *b)
{
    assert_string_equal(a->id.text, b->id.text);
    assert_string_equal(a->product, b->product);
    assert_string_equal(a->resource.text, b->resource.text);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->target_all, b->target_all);
    assert_int_equal(a->rate_per_min, b->rate_per_min);
    assert_int_equal(a->timeout_s, b->timeout_s);
    assert_int_equal(a->expanded, b->expanded);
    assert_int_equal(a->expand_done, b->expand_done);
    assert_string_equal(a->expand_cursor, b->expand_cursor);
    assert_string_equal(a->target_tag, b->target_tag);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->updated_ms, b->updated_ms);
    assert_int_equal(a->retries, b->retries);
    assert_int_equal(a->start_ms, b->start_ms);
    assert_int_equal(a->end_ms, b->end_ms);
    assert_int_equal(a->paused_ms, b->paused_ms);
    assert_int_equal(a->shift_ms, b->shift_ms);
    assert_int_equal(a->sweep, b->sweep);
    assert_int_equal(a->sweep_ms, b->sweep_ms);
    assert_int_equal(a->retry.state, b->retry.state);
    assert_int_equal(a->retry.has_code, b->retry.has_code);
    assert_int_equal(a->retry.code, b->retry.code);
    assert_int_equal(a->retry.has_msg, b->retry.has_msg);
    assert_string_equal(a->retry.msg, b->retry.msg);
    assert_int_equal(a->pace_ms, b->pace_ms);
    assert_int_equal(a->paced, b->paced);
    assert_string_equal(a->sweep_cursor.text, b->sweep_cursor.text);
}

void assert_download_equal(const struct download_task *got, const struct download_task *put,
                           const struct resource *resource)
{
    assert_string_equal(got->id.text, put->id.text);
    assert_string_equal(got->deployment.text, put->deployment.text);
    assert_string_equal(got->resource.text, put->resource.text);
    assert_keys_equal(&got->device, &put->device);
    assert_int_equal(got->state, put->state);
    assert_int_equal(got->percent, put->percent);
    assert_int_equal(got->result_code, put->result_code);
    assert_string_equal(got->result_msg, put->result_msg);
    assert_int_equal(got->pushes, put->pushes);
    assert_int_equal(got->release_ms, put->release_ms);
    assert_int_equal(got->wake_ms, put->wake_ms);
    assert_int_equal(got->deadline_ms, put->deadline_ms);
    assert_int_equal(got->created_ms, put->created_ms);
    assert_int_equal(got->updated_ms, put->updated_ms);
    assert_int_equal(got->ended_ms, put->ended_ms);
    assert_int_equal(got->retries, put->retries);
    assert_string_equal(got->name, resource->name);
    assert_int_equal(got->size, resource->size);
    assert_string_equal(got->md5, resource->md5);
    assert_string_equal(got->sha256, resource->sha256);
}

void expect_devices(struct fixture *f, const struct device_filter *filter, const struct store_page *page, const char *want)
{
    struct device out[20];
    char got[200] = "";
    size_t count;

    ok(SEE(f, device_list, filter, page, out, &count));
    for (size_t i = 0; i < count; i++)
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", out[i].key.device);
    assert_string_equal(got, want);
}

/* --- running ----------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->store != NULL) {
        f->store->ops->disconnect(f->reader);
        f->store->ops->disconnect(f->writer);
        f->store->ops->close(f->store);
    }
    (void)nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static int set_up(void **state)
{
    struct fixture *f = ferry_calloc(1, sizeof(*f));

    if (f == NULL)
        return -1;
    f->open_store = *(store_suite_open *const *)*state;
    *state = f;
    /* in memory when there is such a place: thousands of commits need not wait for a disk here */
    (void)snprintf(f->folder, sizeof(f->folder), "%s/ferry-store-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(f->folder) == NULL || f->open_store(f->folder, &f->store) != FERRY_OK)
        return -1;
    if (f->store->ops->connect(f->store, STORE_WRITER, &f->writer) != FERRY_OK)
        return -1;
    return f->store->ops->connect(f->store, STORE_READER, &f->reader) == FERRY_OK ? 0 : -1;
}

enum { TESTS_MAX = 256 };

int store_suite_run(const char *name, store_suite_open *open_store)
{
    const struct store_tests *const parts[] = {&store_transaction_tests, &store_account_tests,
                                               &store_resource_tests,    &store_upload_tests,
                                               &store_deployment_tests, &store_download_tests, &store_random_tests,
                                               &store_operator_tests,    &store_quota_tests,
                                               &store_tag_tests,         &store_event_tests,
                                               &store_report_tests,      &store_kept_answer_tests,
                                               &store_presence_tests,    &store_webhook_tests,  &store_page_tests,
                                               &store_sorting_tests,     &store_resource_upload_tests,
                                               &store_statistics_tests};
    struct CMUnitTest all[TESTS_MAX];
    size_t count = 0;

    for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++)
        for (size_t i = 0; i < parts[p]->count; i++) {
            assert(count < TESTS_MAX);
            all[count] = parts[p]->tests[i];
            all[count].setup_func = set_up;
            all[count].teardown_func = tear_down;
            all[count++].initial_state = &open_store;
        }
    return _cmocka_run_group_tests(name, all, count, NULL, NULL);
}
