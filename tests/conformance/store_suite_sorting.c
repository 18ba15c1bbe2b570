/* Lists that are sorted by a value: each row once, with values that many rows have and with rows that have none yet. */
#include "store_suite_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 48 };

struct row {
    char key[FERRY_IDENT_MAX + 1];
    char value[FERRY_NAME_MAX + 1];
    char place[FERRY_NAME_MAX + 1]; /* the value so that its bytes sort as it does */
};

struct list {
    const char *name;
    store_sort sort;
    void (*read)(struct fixture *f, const struct store_page *page, struct row *rows, size_t *ret_count);
    size_t fit;
};

static void set_number(struct row *row, uint64_t value)
{
    (void)snprintf(row->value, sizeof(row->value), "%" PRIu64, value);
    (void)snprintf(row->place, sizeof(row->place), "%020" PRIu64, value);
}

static void set_text(struct row *row, const char *value)
{
    (void)snprintf(row->value, sizeof(row->value), "%.255s", value);
    (void)snprintf(row->place, sizeof(row->place), "%.255s", value);
}

#define READER(name, type, op, filter, key_of_row, set, value_of_row)                                      \
    static void name(struct fixture *f, const struct store_page *page, struct row *rows, size_t *ret_count) \
    {                                                                                                      \
        static type found[FERRY_PAGE_MAX];                                                                 \
                                                                                                           \
        ok(SEE(f, op, &filter, page, found, ret_count));                                                   \
        for (size_t i = 0; i < *ret_count; i++) {                                                          \
            (void)snprintf(rows[i].key, sizeof(rows[i].key), "%.64s", found[i].key_of_row);                   \
            set(&rows[i], found[i].value_of_row);                                                          \
        }                                                                                                  \
    }

static const struct resource_filter resources = {.product = "p"}, named_resources = {.product = "p", .name_prefix = "b"},
                                    one_name = {.product = "p", .name_prefix = "b \xc3\xa9"};
static const struct device_filter devices = {.product = "p"}, tagged = {.product = "p", .tag = "lab"},
                                  online = {.product = "p", .which = DEVICES_ONLINE},
                                  offline_in_lab = {.product = "p", .which = DEVICES_OFFLINE, .tag = "lab"},
                                  named_devices = {.product = "p", .name_prefix = "d1"};
static const struct deployment_filter deployments = {.product = "p"}, paused = {.product = "p", .state = DEPLOYMENT_PAUSED};
static const struct upload_filter uploads = {.product = "p"}, of_device = {.product = "p", .device = "d1"},
                                  failed = {.product = "p", .state = UPLOAD_FAILED}, done = {.product = "p", .state = UPLOAD_DONE},
                                  created = {.product = "p", .state = UPLOAD_CREATED},
                                  named_uploads = {.product = "p", .name_prefix = "log"};
static ferry_id deployment; /* number 1, set by fill() */
static const struct download_filter downloads = {.deployment = &deployment},
                                    timed_out = {.deployment = &deployment, .state = DOWNLOAD_TIMED_OUT},
                                    queued = {.deployment = &deployment, .state = DOWNLOAD_QUEUED},
                                    to_device = {.deployment = &deployment, .product = "p", .device = "d1"};

READER(resources_by_name, struct resource, resource_list, resources, id.text, set_text, name)
READER(named_by_name, struct resource, resource_list, named_resources, id.text, set_text, name)
READER(one_by_name, struct resource, resource_list, one_name, id.text, set_text, name)
READER(resources_by_size, struct resource, resource_list, resources, id.text, set_number, size)
READER(named_by_size, struct resource, resource_list, named_resources, id.text, set_number, size)
READER(devices_by_seen, struct device, device_list, devices, key.device, set_number, seen_ms)
READER(tagged_by_seen, struct device, device_list, tagged, key.device, set_number, seen_ms)
READER(online_by_seen, struct device, device_list, online, key.device, set_number, seen_ms)
READER(offline_in_lab_by_seen, struct device, device_list, offline_in_lab, key.device, set_number, seen_ms)
READER(named_by_seen, struct device, device_list, named_devices, key.device, set_number, seen_ms)
READER(deployments_by_name, struct deployment, deployment_list, deployments, id.text, set_text, resource_name)
READER(paused_by_name, struct deployment, deployment_list, paused, id.text, set_text, resource_name)
READER(uploads_by_ended, struct upload_task, upload_list, uploads, id.text, set_number, ended_ms)
READER(of_device_by_ended, struct upload_task, upload_list, of_device, id.text, set_number, ended_ms)
READER(failed_by_ended, struct upload_task, upload_list, failed, id.text, set_number, ended_ms)
READER(done_by_ended, struct upload_task, upload_list, done, id.text, set_number, ended_ms)
READER(created_by_ended, struct upload_task, upload_list, created, id.text, set_number, ended_ms)
READER(named_by_ended, struct upload_task, upload_list, named_uploads, id.text, set_number, ended_ms)
READER(downloads_by_ended, struct download_task, download_list, downloads, id.text, set_number, ended_ms)
READER(timed_out_by_ended, struct download_task, download_list, timed_out, id.text, set_number, ended_ms)
READER(queued_by_ended, struct download_task, download_list, queued, id.text, set_number, ended_ms)
READER(to_device_by_ended, struct download_task, download_list, to_device, id.text, set_number, ended_ms)

static const struct list lists[] = {
    {"resources by name", STORE_BY_NAME, resources_by_name, ROWS},
    {"named resources by name", STORE_BY_NAME, named_by_name, ROWS / 2},
    {"one name's resources", STORE_BY_NAME, one_by_name, ROWS / 4},
    {"resources by size", STORE_BY_SIZE, resources_by_size, ROWS},
    {"named resources by size", STORE_BY_SIZE, named_by_size, ROWS / 2},
    {"devices by last seen", STORE_BY_SEEN, devices_by_seen, ROWS},
    {"tagged devices by last seen", STORE_BY_SEEN, tagged_by_seen, ROWS / 3},
    {"devices online by last seen", STORE_BY_SEEN, online_by_seen, ROWS / 4},
    {"tagged devices offline by last seen", STORE_BY_SEEN, offline_in_lab_by_seen, ROWS / 3 - ROWS / 12},
    {"named devices by last seen", STORE_BY_SEEN, named_by_seen, 11},
    {"deployments by name", STORE_BY_NAME, deployments_by_name, ROWS},
    {"paused deployments by name", STORE_BY_NAME, paused_by_name, ROWS / 4},
    {"uploads by end", STORE_BY_ENDED, uploads_by_ended, ROWS},
    {"a device's uploads by end", STORE_BY_ENDED, of_device_by_ended, ROWS / 3},
    {"failed uploads by end", STORE_BY_ENDED, failed_by_ended, ROWS / 4},
    {"done uploads by end", STORE_BY_ENDED, done_by_ended, ROWS / 4},
    {"new uploads by end", STORE_BY_ENDED, created_by_ended, ROWS / 2},
    {"named uploads by end", STORE_BY_ENDED, named_by_ended, ROWS / 2},
    {"downloads by end", STORE_BY_ENDED, downloads_by_ended, ROWS},
    {"downloads that were timed out by end", STORE_BY_ENDED, timed_out_by_ended, ROWS / 4},
    {"queued downloads by end", STORE_BY_ENDED, queued_by_ended, ROWS / 2},
    {"a device's downloads by end", STORE_BY_ENDED, to_device_by_ended, ROWS / 3},
};
enum { LISTS = sizeof(lists) / sizeof(lists[0]) };

static void put_device(struct fixture *f, const char *product, unsigned n)
{
    struct device_tags tags = {.count = 0};
    char name[8];

    (void)snprintf(name, sizeof(name), "d%u", n);
    const struct device_key key = key_of(product, name);
    add_device(f, product, name);
    if (n % 3 == 0) {
        assert_true(device_tags_add(&tags, "lab"));
        ok(DO(f, device_tags_set, &key, &tags));
    }
    if (n % 4 == 0)
        ok(DO(f, device_set_online, &key, 5, 100 + n % 5));
    else if (n % 4 == 1)
        ok(DO(f, device_set_seen, &key, n % 8 == 1 ? 200 : 50)); /* the others were never seen */
}

/* Half of them are open; of these some had ended and were taken up again. */
static void put_upload(struct fixture *f, const char *product, unsigned n, unsigned id)
{
    char device[8];

    (void)snprintf(device, sizeof(device), "d%u", n % 3);
    struct upload_task t = upload_of(id, product, device, n % 2 == 0 ? "log \xc3\xa9" : "other");
    t.state = UPLOAD_CREATED;
    t.ended_ms = 0;
    ok(DO(f, upload_put, &t));
    t.state = n % 4 == 1 ? UPLOAD_FAILED : UPLOAD_DONE;
    t.ended_ms = 1000 + (n * 7) % 5;
    if (n % 2 == 1 || n % 8 == 0)
        ok(DO(f, upload_put, &t));
    t.state = UPLOAD_CREATED;
    t.ended_ms = 0;
    if (n % 2 == 0)
        ok(DO(f, upload_put, &t));
}

static void put_download(struct fixture *f, unsigned n, unsigned of, unsigned id)
{
    char device[8];

    (void)snprintf(device, sizeof(device), "d%u", n % 3);
    struct download_task t = download_of(id, of, of, "p", device);
    t.state = DOWNLOAD_QUEUED;
    t.ended_ms = 0;
    ok(DO(f, download_put, &t));
    t.state = n % 4 == 1 ? DOWNLOAD_TIMED_OUT : DOWNLOAD_DONE;
    t.ended_ms = 1000 + (n * 7) % 5;
    if (n % 2 == 1 || n % 8 == 0)
        ok(DO(f, download_put, &t));
    t.state = DOWNLOAD_QUEUED;
    t.ended_ms = 0;
    if (n % 2 == 0)
        ok(DO(f, download_put, &t));
}

static void fill_product(struct fixture *f, const char *product, unsigned first)
{
    static const char *const names[] = {"b \xc3\xa9", "a", "b", "\xc3\xa9 c"};

    add_product(f, product);
    for (unsigned n = 0; n < ROWS; n++) {
        const unsigned id = first + (n * 13) % ROWS;
        struct resource resource = resource_of(id, product, names[n % 4]);
        struct deployment d = deployment_of(id, product, id);

        resource.size = n % 7 == 0 ? 0 : n % 5 * 1000000000000;
        d.state = n % 4 == 2 ? DEPLOYMENT_PAUSED : DEPLOYMENT_FINISHED;
        ok(DO(f, resource_add, &resource));
        ok(DO(f, deployment_put, &d));
        put_device(f, product, n);
        put_upload(f, product, n, id);
    }
}

static void fill(struct fixture *f)
{
    deployment = id_of(1);
    ok(DO(f, begin));
    fill_product(f, "p", 0);
    fill_product(f, "q", ROWS);
    for (unsigned n = 0; n < ROWS; n++) {
        put_download(f, n, 1, (n * 13) % ROWS);
        put_download(f, n, 2, ROWS + n);
    }
    ok(DO(f, commit));
}

static int order(const void *a, const void *b)
{
    const struct row *one = a, *other = b;
    int values = strcmp(one->place, other->place);

    return values != 0 ? values : strcmp(one->key, other->key);
}

/* All rows that fit, as they must come. */
static void expected(struct fixture *f, const struct list *list, bool descending, struct row *rows, size_t *ret_count)
{
    struct row swap;
    size_t count;

    list->read(f, PAGE(FERRY_PAGE_MAX), rows, &count);
    if (count != list->fit)
        fail_msg("%s: %zu rows", list->name, count);
    qsort(rows, count, sizeof(*rows), order);
    for (size_t i = 0; descending && i < count / 2; i++) {
        swap = rows[i];
        rows[i] = rows[count - 1 - i];
        rows[count - 1 - i] = swap;
    }
    *ret_count = count;
}

/* All rows, page by page; looks: 0: any number. */
static void check_pages(struct fixture *f, const struct list *list, bool descending, uint32_t limit, uint32_t looks,
                        const struct row *want, size_t wanted)
{
    static struct row got[FERRY_PAGE_MAX];
    char after[STORE_POSITION_SIZE] = "";
    size_t count, all = 0;
    bool end = false;

    for (unsigned pages = 1; !end; pages++) {
        struct store_reach reach = {.looks = looks};
        const struct store_page page = {.after = after, .limit = limit, .descending = descending, .sort = list->sort,
                                        .reach = looks != 0 ? &reach : NULL};

        list->read(f, &page, got, &count);
        for (size_t i = 0; i < count; i++) {
            if (all + i >= wanted || strcmp(got[i].key, want[all + i].key) != 0 || strcmp(got[i].value, want[all + i].value) != 0)
                fail_msg("%s, %s, %u rows of %u: row %zu is %s %s", list->name, descending ? "down" : "up", limit, looks, all + i,
                         got[i].key, got[i].value);
        }
        all += count;
        end = count < limit && !reach.stopped;
        assert_true(pages <= 4 * ROWS);
        if (reach.stopped)
            (void)snprintf(after, sizeof(after), "%s", reach.after);
        else if (count > 0)
            store_position_write(got[count - 1].key, got[count - 1].value, after);
    }
    if (all != wanted)
        fail_msg("%s, %s, %u rows of %u: %zu rows of %zu", list->name, descending ? "down" : "up", limit, looks, all, wanted);
}

static void every_row_comes_once_and_in_order(void **state)
{
    static const uint32_t limits[] = {1, 5, FERRY_PAGE_MAX}, looks[] = {0, 1, 7, 30};
    static struct row want[FERRY_PAGE_MAX];
    size_t wanted;

    fill(*state);
    for (size_t i = 0; i < 2 * LISTS; i++) {
        const bool descending = i % 2 != 0;

        expected(*state, &lists[i / 2], descending, want, &wanted);
        for (size_t l = 0; l < 12; l++)
            check_pages(*state, &lists[i / 2], descending, limits[l % 3], looks[l / 3], want, wanted);
    }
}

/* Tasks whose row gets another identity, and what is removed, are not where they were. */
static void rows_move_with_their_values(void **state)
{
    static struct row rows[FERRY_PAGE_MAX];
    struct fixture *f = *state;
    const struct store_page page = {.after = "", .limit = FERRY_PAGE_MAX, .descending = true, .sort = STORE_BY_ENDED};
    struct upload_task t = upload_of(3, "p", "d1", "log");
    size_t count;

    fill(f);
    t.state = UPLOAD_EXPIRED;
    t.ended_ms = 5000;
    ok(DO(f, upload_put, &t));
    uploads_by_ended(f, &page, rows, &count);
    assert_int_equal(count, ROWS);
    assert_string_equal(rows[0].key, t.id.text);
    t.device = key_of("q", "d1");
    ok(DO(f, upload_put, &t));
    uploads_by_ended(f, &page, rows, &count);
    assert_int_equal(count, ROWS - 1);
    assert_string_not_equal(rows[0].key, t.id.text);
    ok(DO(f, upload_remove, &t.id));
    ok(DO(f, download_prune, 1001, 100, &count));
    assert_true(count > 0);
    downloads_by_ended(f, &page, rows, &count);
    for (size_t i = 0; i < count; i++)
        assert_true(strcmp(rows[i].value, "1001") >= 0 || strcmp(rows[i].value, "0") == 0);
}

static void only_rows_within_the_times_fit(void **state)
{
    struct fixture *f = *state;
    const ferry_id middle = id_of(ROWS / 2);
    const struct upload_filter since = {.product = "p", .made = {.since_ms = ferry_id_ms(&middle)}};
    const struct store_page by_key = {.after = "", .limit = FERRY_PAGE_MAX},
                            by_ended = {.after = "", .limit = FERRY_PAGE_MAX, .sort = STORE_BY_ENDED};
    static struct upload_task found[FERRY_PAGE_MAX];
    size_t want, got;

    fill(f);
    ok(SEE(f, upload_list, &since, &by_key, found, &want));
    ok(SEE(f, upload_list, &since, &by_ended, found, &got));
    assert_int_equal(got, want);
    assert_in_range(want, 1, ROWS - 1);
}

static void what_cannot_be_sorted_is_refused(void **state)
{
    static const char *const no_places[] = {"x", "01arz3ndektsv4rrffq69g5fav", " 5", "01arz3ndektsv4rrffq69g5fav x",
                                            "01arz3ndektsv4rrffq69g5fav -1", "x 5", "01arz3ndektsv4rrffq69g5fav 9223372036854775808"};
    struct fixture *f = *state;
    struct store_page page = {.after = "", .limit = 1, .sort = STORE_BY_ENDED};
    union {
        struct upload_task upload;
        struct download_task download;
        struct resource resource;
        struct deployment deployment;
        struct device device;
    } row;
    size_t count = 9;

    fill(f);
    expect(FERRY_E_ARG, SEE(f, upload_list, &(struct upload_filter){.device = NULL}, &page, &row.upload, &count));
    expect(FERRY_E_ARG, SEE(f, download_list, &(struct download_filter){.product = "p"}, &page, &row.download, &count));
    expect(FERRY_E_ARG, SEE(f, resource_list, &resources, &page, &row.resource, &count));
    expect(FERRY_E_ARG, SEE(f, deployment_list, &deployments, &page, &row.deployment, &count));
    expect(FERRY_E_ARG, SEE(f, device_list, &devices, &page, &row.device, &count));
    page.sort = STORE_BY_NAME;
    expect(FERRY_E_ARG, SEE(f, resource_list, &(struct resource_filter){.product = NULL}, &page, &row.resource, &count));
    expect(FERRY_E_ARG, SEE(f, deployment_list, &(struct deployment_filter){.product = NULL}, &page, &row.deployment, &count));
    expect(FERRY_E_ARG, SEE(f, upload_list, &uploads, &page, &row.upload, &count));
    page.after = "x name";
    expect(FERRY_E_ARG, SEE(f, resource_list, &resources, &page, &row.resource, &count));
    page.sort = STORE_BY_ENDED;
    for (size_t i = 0; i < sizeof(no_places) / sizeof(no_places[0]); i++) {
        page.after = no_places[i];
        expect(FERRY_E_ARG, SEE(f, upload_list, &uploads, &page, &row.upload, &count));
    }
    assert_int_equal(count, 9);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_row_comes_once_and_in_order),
    cmocka_unit_test(rows_move_with_their_values),
    cmocka_unit_test(only_rows_within_the_times_fit),
    cmocka_unit_test(what_cannot_be_sorted_is_refused),
};
const struct store_tests store_sorting_tests = STORE_TESTS(tests);
