/* The list of files that wait for the hook: order, durability, damage. */
#include "ferry_spool.h"

#include "base/alloc.h"
#include "base/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
    char folder[64];
    char hooks[128];
    struct ferry_spool spool;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/ferry-spool-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->hooks, sizeof w->hooks, "%s/p/d/hooks", w->folder);
    assert_int_equal(ferry_spool_open(&w->spool, w->folder, "p", "d"), FERRY_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char command[128];

    ferry_spool_close(&w->spool);
    (void)snprintf(command, sizeof command, "rm -r %s", w->folder);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

/* Texts of the stack: not to be given to ferry_job_done(). */
static struct ferry_job job_named(char *name)
{
    static char path[] = "/inbox/a file\nwith \xff", md5[] = "0123456789abcdef0123456789abcdef";

    return (struct ferry_job){
        .path = path, .name = name, .md5 = md5, .size = 1ull << 40, .volume = 1, .inode = 2, .changed_ns = UINT64_MAX};
}

static void expect_first(struct ferry_spool *spool, const char *name)
{
    struct ferry_job job;

    assert_int_equal(ferry_spool_first(spool, &job), FERRY_OK);
    assert_string_equal(job.name, name);
    ferry_job_done(&job);
}

static void add(struct ferry_spool *spool, const char *name)
{
    char copy[32];

    (void)snprintf(copy, sizeof copy, "%s", name);
    struct ferry_job job = job_named(copy);
    assert_int_equal(ferry_spool_add(spool, &job), FERRY_OK);
}

static void drop_first(struct ferry_spool *spool)
{
    struct ferry_job job;

    assert_int_equal(ferry_spool_first(spool, &job), FERRY_OK);
    ferry_spool_remove(spool, &job);
    ferry_job_done(&job);
}

static void a_list_that_nobody_used_leaves_nothing_on_the_disk(void **state)
{
    struct world *w = *state;
    struct ferry_job job;

    assert_int_equal(ferry_spool_first(&w->spool, &job), FERRY_E_NOT_FOUND);
    assert_int_equal(ferry_spool_expected(&w->spool, &job), FERRY_E_NOT_FOUND);
    assert_int_equal(w->spool.waiting, 0);
    assert_int_not_equal(access(w->hooks, F_OK), 0);
}

static void everything_about_a_file_comes_back_after_a_restart(void **state)
{
    struct world *w = *state;
    char name[] = "\xe8\xbd\xae=\"x\"";
    struct ferry_job job = job_named(name), back;

    job.attempts = 2;
    assert_int_equal(ferry_spool_add(&w->spool, &job), FERRY_OK);
    assert_int_equal(ferry_spool_open(&w->spool, w->folder, "p", "d"), FERRY_OK);
    assert_int_equal(w->spool.waiting, 1);
    assert_int_equal(ferry_spool_first(&w->spool, &back), FERRY_OK);
    assert_string_equal(back.name, job.name);
    assert_string_equal(back.path, job.path);
    assert_string_equal(back.md5, job.md5);
    assert_null(back.error);
    assert_null(back.message);
    assert_true(back.size == job.size && back.attempts == 2 && back.number == job.number);
    assert_true(back.volume == 1 && back.inode == 2 && back.changed_ns == UINT64_MAX);
    ferry_job_done(&back);
}

static void files_stay_in_order_also_over_restarts_and_past_ten(void **state)
{
    struct world *w = *state;
    char name[16];

    for (int i = 0; i < 12; i++) {
        (void)snprintf(name, sizeof name, "f%d", i);
        add(&w->spool, name);
    }
    for (int i = 0; i < 12; i++) {
        (void)snprintf(name, sizeof name, "f%d", i);
        expect_first(&w->spool, name);
        drop_first(&w->spool);
        if (i == 5) {
            assert_int_equal(ferry_spool_open(&w->spool, w->folder, "p", "d"), FERRY_OK);
            add(&w->spool, "last");
        }
    }
    expect_first(&w->spool, "last");
}

static void devices_have_lists_of_their_own(void **state)
{
    struct world *w = *state;
    struct ferry_spool other = {0};
    struct ferry_job job;

    add(&w->spool, "mine");
    assert_int_equal(ferry_spool_open(&other, w->folder, "p", "e"), FERRY_OK);
    assert_int_equal(ferry_spool_first(&other, &job), FERRY_E_NOT_FOUND);
    ferry_spool_close(&other);
    expect_first(&w->spool, "mine");
}

static void a_count_of_attempts_is_kept(void **state)
{
    struct world *w = *state;
    struct ferry_job job;

    add(&w->spool, "a");
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(ferry_spool_first(&w->spool, &job), FERRY_OK);
        assert_int_equal(job.attempts, i - 1);
        job.attempts++;
        assert_int_equal(ferry_spool_update(&w->spool, &job), FERRY_OK);
        ferry_job_done(&job);
    }
}

static void a_damaged_entry_is_dropped_and_the_next_one_is_served(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"", 0},
        {"x", 1},
        {"ferry job 1", 11},
        {"ferry job 1\0", 12},
        {"ferry job 2\0name=a\0path=/b\0", 27},
        {"ferry job 1\0name=a", 18},
        {"ferry job 1\0name=a\0", 19},
        {"ferry job 1\0name=a\0path=/b\0=x\0", 30},
    };
    struct world *w = *state;
    struct ferry_job job;
    char path[256];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        add(&w->spool, "bad");
        add(&w->spool, "good");
        (void)snprintf(path, sizeof path, "%s/%010u", w->hooks, (unsigned)(2 * i + 1));
        assert_int_equal(ferry_file_replace(path, cases[i].bytes, cases[i].len, 0600), FERRY_OK);
        assert_int_equal(ferry_spool_first(&w->spool, &job), FERRY_E_CORRUPT);
        ferry_job_done(&job);
        expect_first(&w->spool, "good");
        drop_first(&w->spool);
        assert_int_equal(w->spool.waiting, 0);
    }
}

static void a_field_of_a_later_version_means_nothing(void **state)
{
    static const char bytes[] = "ferry job 1\0name=a\0path=/b\0colour=green";
    struct world *w = *state;
    char path[256];

    add(&w->spool, "x");
    (void)snprintf(path, sizeof path, "%s/0000000001", w->hooks);
    assert_int_equal(ferry_file_replace(path, bytes, sizeof bytes, 0600), FERRY_OK);
    expect_first(&w->spool, "a");
}

static void what_a_crash_left_half_written_is_swept_away(void **state)
{
    struct world *w = *state;
    char path[256];

    add(&w->spool, "a");
    (void)snprintf(path, sizeof path, "%s/0000000002.new-abcdef", w->hooks);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(ferry_spool_open(&w->spool, w->folder, "p", "d"), FERRY_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(w->spool.waiting, 1);
}

static void what_is_expected_is_kept_until_it_is_forgotten(void **state)
{
    struct world *w = *state;
    char name[] = "a", other_name[] = "b";
    struct ferry_job job = job_named(name), other = job_named(other_name), back;

    assert_int_equal(ferry_spool_expect(&w->spool, &job), FERRY_OK);
    assert_int_equal(ferry_spool_expect(&w->spool, &other), FERRY_OK);
    assert_int_equal(ferry_spool_open(&w->spool, w->folder, "p", "d"), FERRY_OK);
    assert_int_equal(w->spool.waiting, 0); /* it is no job yet */
    assert_int_equal(ferry_spool_expected(&w->spool, &back), FERRY_OK);
    assert_string_equal(back.name, "b");
    ferry_job_done(&back);
    ferry_spool_forget(&w->spool);
    assert_int_equal(ferry_spool_expected(&w->spool, &back), FERRY_E_NOT_FOUND);
    ferry_spool_forget(&w->spool);
}

static void only_the_owner_may_look(void **state)
{
    struct world *w = *state;
    struct stat st;
    char path[256];

    add(&w->spool, "a");
    assert_int_equal(stat(w->hooks, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    (void)snprintf(path, sizeof path, "%s/0000000001", w->hooks);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_changed_replaced_or_removed_file_is_noticed(void **state)
{
    struct world *w = *state;
    char path[128], copy[128];
    struct ferry_job job = {.path = path};

    (void)snprintf(path, sizeof path, "%s/file", w->folder);
    (void)snprintf(copy, sizeof copy, "%s/copy", w->folder);
    assert_false(ferry_job_mark(&job));
    for (int round = 0; round < 3; round++) {
        assert_int_equal(ferry_file_replace(path, "abc", 3, 0600), FERRY_OK);
        assert_true(ferry_job_mark(&job));
        assert_int_equal(job.size, 3);
        assert_true(ferry_job_is_unchanged(&job));
        if (round == 0)
            assert_int_equal(unlink(path), 0);
        else if (round == 1)
            assert_int_equal(ferry_file_replace(path, "abd", 3, 0600), FERRY_OK);
        else
            assert_int_equal(truncate(path, 2), 0);
        assert_false(ferry_job_is_unchanged(&job));
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_false(ferry_job_mark(&job));
}

/* Each allocation fails once: no leak, no crash, and the list is as before. */
static void missing_memory_is_an_error_and_nothing_more(void **state)
{
    struct world *w = *state;
    struct ferry_job job;
    ferry_err err = FERRY_E_NOMEM;

    add(&w->spool, "a");
    for (unsigned long n = 1; err == FERRY_E_NOMEM; n++) {
        ferry_alloc_fail_at(n);
        err = ferry_spool_first(&w->spool, &job);
        ferry_job_done(&job);
        assert_true(n < 100);
    }
    ferry_alloc_fail_at(0);
    assert_int_equal(err, FERRY_OK);
    expect_first(&w->spool, "a");
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(a_list_that_nobody_used_leaves_nothing_on_the_disk),
        RULE(everything_about_a_file_comes_back_after_a_restart),
        RULE(files_stay_in_order_also_over_restarts_and_past_ten),
        RULE(devices_have_lists_of_their_own),
        RULE(a_count_of_attempts_is_kept),
        RULE(a_damaged_entry_is_dropped_and_the_next_one_is_served),
        RULE(a_field_of_a_later_version_means_nothing),
        RULE(what_a_crash_left_half_written_is_swept_away),
        RULE(what_is_expected_is_kept_until_it_is_forgotten),
        RULE(only_the_owner_may_look),
        RULE(a_changed_replaced_or_removed_file_is_noticed),
        RULE(missing_memory_is_an_error_and_nothing_more),
    };
#undef RULE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
