#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Each test works in a folder of its own. */
static int enter_folder(void **state)
{
    static char folder[] = "/tmp/ferry-system-XXXXXX";

    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    *state = folder;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    ferry_autofree char *command = ferry_asprintf("rm -rf '%s'", (const char *)*state);

    ferry_alloc_fail_at(0);
    return chdir("/") == 0 && command != NULL && system(command) == 0 ? 0 : -1;
}

static unsigned entries(const char *path)
{
    DIR *folder = opendir(path);
    unsigned count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count - 2;
}

static mode_t mode_of(const char *path)
{
    struct stat found;

    assert_int_equal(stat(path, &found), 0);
    return found.st_mode & 07777;
}

static void wall_time_is_unix_time_and_mono_time_goes_on(void **state)
{
    const struct timespec pause = {0, 3000000};
    uint64_t mono = ferry_mono_ms();
    uint64_t wall = ferry_wall_ms();

    (void)state;
    assert_in_range(wall / 1000, (uint64_t)time(NULL) - 2, (uint64_t)time(NULL) + 2);
    (void)nanosleep(&pause, NULL);
    assert_in_range(ferry_mono_ms() - mono, 2, 60000);
}

static void random_bytes_fill_exactly_what_was_asked_for(void **state)
{
    uint8_t seen[16] = {0}, block[16 + 2];

    (void)state;
    for (int round = 0; round < 64; round++) {
        memset(block, 0xaa, sizeof(block));
        ferry_random_bytes(block + 1, 16);
        assert_int_equal(block[0], 0xaa);
        assert_int_equal(block[17], 0xaa);
        for (int i = 0; i < 16; i++)
            seen[i] |= block[i + 1];
    }
    for (int i = 0; i < 16; i++)
        assert_int_equal(seen[i], 0xff);
    ferry_random_bytes(block, 0);
}

static void file_that_was_replaced_is_read_back(void **state)
{
    ferry_autobuf content = FERRY_BUF_INIT(100000);
    char big[70000];

    (void)state;
    memset(big, 'b', sizeof(big));
    assert_int_equal(ferry_file_replace("f", "one", 3, 0600), FERRY_OK);
    assert_int_equal(mode_of("f"), 0600);
    assert_int_equal(ferry_file_read("f", &content), FERRY_OK);
    assert_string_equal(content.data, "one");
    assert_int_equal(ferry_file_replace("./f", big, sizeof(big), 0644), FERRY_OK);
    assert_int_equal(mode_of("f"), 0644);
    assert_int_equal(ferry_file_read("f", &content), FERRY_OK);
    assert_int_equal(content.len, sizeof(big));
    assert_memory_equal(content.data, big, sizeof(big));
    assert_int_equal(ferry_file_replace("f", "", 0, 0644), FERRY_OK);
    assert_int_equal(ferry_file_read("f", &content), FERRY_OK);
    assert_string_equal(content.data, "");
    assert_int_equal(entries("."), 1);
    assert_int_equal(ferry_dir_make("folder/deep", 0700), FERRY_OK);
    assert_int_equal(ferry_file_replace("folder/deep/f", "two", 3, 0600), FERRY_OK);
    assert_int_equal(ferry_file_read("folder/deep/f", &content), FERRY_OK);
    assert_string_equal(content.data, "two");
}

static void empty_file_is_read_as_an_empty_string(void **state)
{
    ferry_autobuf content = FERRY_BUF_INIT(0);

    (void)state;
    assert_int_equal(ferry_file_replace("f", "", 0, 0600), FERRY_OK);
    assert_int_equal(ferry_file_read("f", &content), FERRY_OK);
    assert_string_equal(content.data, "");
}

static void file_larger_than_the_buffer_may_be_is_a_limit(void **state)
{
    ferry_autobuf content = FERRY_BUF_INIT(4);

    (void)state;
    assert_int_equal(ferry_file_replace("f", "12345", 5, 0600), FERRY_OK);
    assert_int_equal(ferry_file_read("f", &content), FERRY_E_LIMIT);
    assert_int_equal(content.len, 0);
    assert_int_equal(ferry_file_replace("f", "1234", 4, 0600), FERRY_OK);
    assert_int_equal(ferry_file_read("f", &content), FERRY_OK);
    assert_string_equal(content.data, "1234");
}

static void read_of_what_is_no_file_fails_by_name_of_the_cause(void **state)
{
    ferry_autobuf content = FERRY_BUF_INIT(100);

    (void)state;
    assert_int_equal(ferry_buf_append_str(&content, "old"), FERRY_OK);
    assert_int_equal(ferry_file_read("missing", &content), FERRY_E_NOT_FOUND);
    assert_string_equal(content.data, "");
    assert_int_equal(ferry_file_read(".", &content), FERRY_E_IO);
}

static void failed_replacement_leaves_the_old_file_and_nothing_beside_it(void **state)
{
    ferry_autobuf content = FERRY_BUF_INIT(100);

    (void)state;
    assert_int_equal(ferry_file_replace("f", "old", 3, 0600), FERRY_OK);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(ferry_file_replace("folder", "new", 3, 0600), FERRY_E_IO); /* rename onto a folder */
    assert_int_equal(ferry_file_replace("missing/f", "new", 3, 0600), FERRY_E_NOT_FOUND);
    ferry_alloc_fail_at(1);
    assert_int_equal(ferry_file_replace("f", "new", 3, 0600), FERRY_E_NOMEM);
    assert_int_equal(entries("."), 2);
    assert_int_equal(ferry_file_read("f", &content), FERRY_OK);
    assert_string_equal(content.data, "old");
}

/* The size of a file is limited, so the write fails as on a full disk. */
static void full_disk_leaves_the_old_file_and_nothing_beside_it(void **state)
{
    ferry_autobuf content = FERRY_BUF_INIT(100);
    struct rlimit before, small;
    char big[5000];
    ferry_err err;

    (void)state;
    memset(big, 'b', sizeof(big));
    assert_int_equal(ferry_file_replace("f", "old", 3, 0600), FERRY_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    err = ferry_file_replace("f", big, sizeof(big), 0600);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, FERRY_E_IO);
    assert_int_equal(entries("."), 1);
    assert_int_equal(ferry_file_read("f", &content), FERRY_OK);
    assert_string_equal(content.data, "old");
}

static void sync_of_a_folder_works_and_of_anything_else_fails(void **state)
{
    (void)state;
    assert_int_equal(ferry_dir_sync("."), FERRY_OK);
    assert_int_equal(ferry_dir_sync("missing"), FERRY_E_NOT_FOUND);
    assert_int_equal(ferry_file_replace("f", "", 0, 0600), FERRY_OK);
    assert_int_equal(ferry_dir_sync("f"), FERRY_E_IO);
}

static void folders_are_made_with_their_parents(void **state)
{
    ferry_autofree char *absolute = ferry_asprintf("%s/x/y", (const char *)*state);

    assert_int_equal(ferry_dir_make("a/b//c/", 0700), FERRY_OK);
    assert_int_equal(mode_of("a"), 0700);
    assert_int_equal(mode_of("a/b/c"), 0700);
    assert_int_equal(ferry_dir_make("a/b/c", 0755), FERRY_OK);
    assert_int_equal(mode_of("a/b/c"), 0700);
    assert_int_equal(ferry_dir_make(absolute, 0700), FERRY_OK);
    assert_int_equal(mode_of("x/y"), 0700);
    assert_int_equal(ferry_dir_make("/", 0700), FERRY_OK);
    assert_int_equal(ferry_dir_make("long/name/", 0700), FERRY_OK);
    assert_int_equal(entries("long"), 1);
    assert_int_equal(ferry_dir_make(".", 0700), FERRY_OK);
}

static void folder_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(ferry_file_replace("f", "", 0, 0600), FERRY_OK);
    assert_int_equal(ferry_dir_make("f", 0700), FERRY_E_EXISTS);
    assert_int_equal(ferry_dir_make("f/g", 0700), FERRY_E_EXISTS);
    assert_int_equal(ferry_dir_make("", 0700), FERRY_E_NOT_FOUND);
    ferry_alloc_fail_at(1);
    assert_int_equal(ferry_dir_make("g", 0700), FERRY_E_NOMEM);
    assert_int_equal(entries("."), 1);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_time_is_unix_time_and_mono_time_goes_on),
        cmocka_unit_test(random_bytes_fill_exactly_what_was_asked_for),
        IN_FOLDER(file_that_was_replaced_is_read_back),
        IN_FOLDER(empty_file_is_read_as_an_empty_string),
        IN_FOLDER(file_larger_than_the_buffer_may_be_is_a_limit),
        IN_FOLDER(read_of_what_is_no_file_fails_by_name_of_the_cause),
        IN_FOLDER(failed_replacement_leaves_the_old_file_and_nothing_beside_it),
        IN_FOLDER(full_disk_leaves_the_old_file_and_nothing_beside_it),
        IN_FOLDER(sync_of_a_folder_works_and_of_anything_else_fails),
        IN_FOLDER(folders_are_made_with_their_parents),
        IN_FOLDER(folder_that_cannot_be_made_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
