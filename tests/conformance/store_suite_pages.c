/* Pages that may look at so many rows only: they stop, and those that follow bring the rest. */
#include "store_suite_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 120, RARE = 40, KEY_SIZE = FERRY_IDENT_MAX + 1 };

/* A list with a filter that few rows fit, in no index or in one. */
struct list {
    const char *name;
    /* the keys of the rows of one page */
    void (*read)(struct fixture *f, const struct store_page *page, char keys[][KEY_SIZE], size_t *ret_count);
    size_t fit;
};

#define READER(name, type, op, filter, key, format)                                                             \
    static void name(struct fixture *f, const struct store_page *page, char keys[][KEY_SIZE], size_t *ret_count) \
    {                                                                                                           \
        static type rows[FERRY_PAGE_MAX];                                                                       \
                                                                                                                \
        ok(SEE(f, op, &filter, page, rows, ret_count));                                                         \
        for (size_t i = 0; i < *ret_count; i++)                                                                 \
            (void)snprintf(keys[i], KEY_SIZE, format, rows[i].key);                                             \
    }

static const struct upload_filter rare_uploads = {.name_prefix = "rare"}, rare_of_product = {.product = "p", .name_prefix = "rare"},
                                  failed_uploads = {.state = UPLOAD_FAILED, .name_prefix = "rare"},
                                  failed_of_product = {.product = "p", .state = UPLOAD_FAILED},
                                  of_device = {.product = "p", .device = "d000", .name_prefix = "rare"},
                                  open_uploads = {.state = UPLOAD_CREATED, .name_prefix = "rare"};
static const struct resource_filter rare_resources = {.name_prefix = "rare"},
                                    rare_resources_of_product = {.product = "p", .name_prefix = "rare"};
static const struct deployment_filter paused = {.state = DEPLOYMENT_PAUSED},
                                      paused_of_product = {.product = "p", .state = DEPLOYMENT_PAUSED};
static const struct download_filter rejected = {.state = DOWNLOAD_REJECTED},
                                    rejected_of_device = {.product = "p", .device = "d000", .state = DOWNLOAD_REJECTED};
static const struct device_filter tagged = {.product = "p", .tag = "lab", .which = DEVICES_ONLINE},
                                  named = {.product = "p", .name_prefix = "d00"}, online = {.product = "p", .which = DEVICES_ONLINE};
static const struct audit_filter rare_action = {.action_prefix = "rare"};

READER(read_uploads, struct upload_task, upload_list, rare_uploads, id.text, "%.64s")
READER(read_uploads_of_product, struct upload_task, upload_list, rare_of_product, id.text, "%.64s")
READER(read_failed, struct upload_task, upload_list, failed_uploads, id.text, "%.64s")
READER(read_failed_of_product, struct upload_task, upload_list, failed_of_product, id.text, "%.64s")
READER(read_uploads_of_device, struct upload_task, upload_list, of_device, id.text, "%.64s")
READER(read_open, struct upload_task, upload_list, open_uploads, id.text, "%.64s")
READER(read_resources, struct resource, resource_list, rare_resources, id.text, "%.64s")
READER(read_resources_of_product, struct resource, resource_list, rare_resources_of_product, id.text, "%.64s")
READER(read_deployments, struct deployment, deployment_list, paused, id.text, "%.64s")
READER(read_deployments_of_product, struct deployment, deployment_list, paused_of_product, id.text, "%.64s")
READER(read_downloads, struct download_task, download_list, rejected, id.text, "%.64s")
READER(read_downloads_of_device, struct download_task, download_list, rejected_of_device, id.text, "%.64s")
READER(read_tagged, struct device, device_list, tagged, key.device, "%.64s")
READER(read_named, struct device, device_list, named, key.device, "%.64s")
READER(read_online, struct device, device_list, online, key.device, "%.64s")
READER(read_audit, struct audit_record, audit_list, rare_action, seq, "%" PRIu64)

static const struct list lists[] = {
    {"uploads by name", read_uploads, ROWS / RARE},
    {"uploads of a product by name", read_uploads_of_product, ROWS / RARE},
    {"failed uploads", read_failed, ROWS / RARE},
    {"failed uploads of a product", read_failed_of_product, ROWS / RARE},
    {"uploads of a device", read_uploads_of_device, ROWS / RARE},
    {"open uploads", read_open, 0},
    {"resources by name", read_resources, ROWS / RARE},
    {"resources of a product by name", read_resources_of_product, ROWS / RARE},
    {"deployments by state", read_deployments, ROWS / RARE},
    {"deployments of a product by state", read_deployments_of_product, ROWS / RARE},
    {"downloads by state", read_downloads, ROWS / RARE},
    {"downloads of a device by state", read_downloads_of_device, ROWS / RARE},
    {"tagged devices", read_tagged, ROWS / RARE},
    {"devices by name", read_named, 10},
    {"devices online", read_online, ROWS / RARE},
    {"audit log", read_audit, ROWS / RARE},
};

static void put_audit(struct fixture *f, unsigned n, bool rare)
{
    struct audit_record r = {.seq = n + 1, .time_ms = 1000, .actor = "system"};

    (void)snprintf(r.action, sizeof(r.action), "%s", rare ? "rare.one" : "common.one");
    (void)memset(r.prev, (int)(n % 251), sizeof(r.prev));
    (void)memset(r.hash, (int)((n + 1) % 251), sizeof(r.hash));
    ok(DO(f, audit_append, &r));
}

static void put_device(struct fixture *f, unsigned n, bool rare)
{
    struct device_tags tags = {.count = 0};
    struct device_key key;
    char name[8];

    (void)snprintf(name, sizeof(name), "d%03u", n);
    key = key_of("p", name);
    add_device(f, "p", name);
    assert_true(device_tags_add(&tags, "lab"));
    ok(DO(f, device_tags_set, &key, &tags));
    ok(DO(f, device_set_online, &key, rare ? 5 : 0, 5));
}

/* Every RARE-th row is one of those that are asked for. */
static void fill(struct fixture *f)
{
    add_product(f, "p");
    ok(DO(f, begin));
    for (unsigned n = 0; n < ROWS; n++) {
        const bool rare = n % RARE == RARE / 2;
        struct upload_task upload = upload_of(n, "p", "d000", rare ? "rare.txt" : "common.txt");
        struct resource resource = resource_of(n, "p", rare ? "rare.bin" : "common.bin");
        struct deployment deployment = deployment_of(n, "p", 0);
        struct download_task download = download_of(n, 0, 0, "p", "d000");

        upload.state = rare ? UPLOAD_FAILED : n % 2 == 0 ? UPLOAD_CREATED : UPLOAD_DONE;
        deployment.state = rare ? DEPLOYMENT_PAUSED : DEPLOYMENT_FINISHED;
        download.state = rare ? DOWNLOAD_REJECTED : DOWNLOAD_DONE;
        ok(DO(f, upload_put, &upload));
        ok(DO(f, resource_add, &resource));
        ok(DO(f, deployment_put, &deployment));
        ok(DO(f, download_put, &download));
        put_device(f, n, rare);
        put_audit(f, n, rare);
    }
    ok(DO(f, commit));
}

/* The keys of all rows, with pages that may look at so many; 0: at all. Returns the number of pages. */
static unsigned read_all(struct fixture *f, const struct list *list, uint32_t looks, bool descending, char keys[][KEY_SIZE],
                         size_t *ret_count)
{
    char after[STORE_POSITION_SIZE] = "";
    size_t count, all = 0;

    for (unsigned pages = 1;; pages++) {
        struct store_reach reach = {.looks = looks};
        const struct store_page page = {.after = after, .limit = 2, .descending = descending, .reach = looks != 0 ? &reach : NULL};

        list->read(f, &page, keys + all, &count);
        all += count;
        assert_true(all <= ROWS && pages <= ROWS + 1);
        if (looks != 0 && (looks - reach.looks < count || (reach.stopped && (reach.looks != 0 || count == 2))))
            fail_msg("%s: %u of %u looks left, %zu rows", list->name, reach.looks, looks, count);
        *ret_count = all;
        if (!reach.stopped && count < 2)
            return pages;
        (void)snprintf(after, sizeof(after), "%s", reach.stopped ? reach.after : keys[all - 1]);
    }
}

static void pages_that_stop_are_gone_on_with(void **state)
{
    static const uint32_t looks[] = {1, 2, 7, RARE, ROWS};
    static char want[ROWS + 2][KEY_SIZE], got[ROWS + 2][KEY_SIZE];
    struct fixture *f = *state;

    fill(f);
    for (size_t i = 0; i < 2 * sizeof(lists) / sizeof(lists[0]); i++) {
        const struct list *list = &lists[i / 2];
        size_t wanted, count;

        (void)read_all(f, list, 0, i % 2 != 0, want, &wanted);
        if (wanted != list->fit)
            fail_msg("%s: %zu rows", list->name, wanted);
        for (size_t l = 0; l < sizeof(looks) / sizeof(looks[0]); l++) {
            (void)read_all(f, list, looks[l], i % 2 != 0, got, &count);
            assert_int_equal(count, wanted);
            for (size_t k = 0; k < count; k++)
                assert_string_equal(got[k], want[k]);
        }
    }
}

/* What fits no index takes as many pages as it takes. */
static void a_page_looks_at_no_more_than_it_may(void **state)
{
    struct fixture *f = *state;
    char keys[ROWS + 2][KEY_SIZE];
    size_t count;

    fill(f);
    for (size_t i = 0; i < 2; i++)
        assert_in_range(read_all(f, &lists[i], 4, false, keys, &count), ROWS / 4, ROWS / 4 + ROWS / RARE + 1);
    for (size_t i = 8; i < 11; i++)
        assert_in_range(read_all(f, &lists[i], 4, true, keys, &count), ROWS / 4, ROWS / 4 + ROWS / RARE + 1);
    assert_in_range(read_all(f, &lists[15], 4, true, keys, &count), ROWS / 4, ROWS / 4 + ROWS / RARE + 1);
}

static void a_page_looks_at_one_row_at_least(void **state)
{
    struct fixture *f = *state;
    struct store_reach none = {.looks = 0};
    const struct store_page page = {.after = "", .limit = 2, .reach = &none};
    struct upload_task upload;
    struct audit_record record;
    struct device device;
    size_t count = 9;

    expect(FERRY_E_ARG, SEE(f, upload_list, &rare_uploads, &page, &upload, &count));
    expect(FERRY_E_ARG, SEE(f, audit_list, &rare_action, &page, &record, &count));
    expect(FERRY_E_ARG, SEE(f, device_list, &named, &page, &device, &count));
    assert_int_equal(count, 9);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(pages_that_stop_are_gone_on_with),
    cmocka_unit_test(a_page_looks_at_no_more_than_it_may),
    cmocka_unit_test(a_page_looks_at_one_row_at_least),
};
const struct store_tests store_page_tests = STORE_TESTS(tests);
