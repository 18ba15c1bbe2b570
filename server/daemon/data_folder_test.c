#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data_folder.h"
#include "ready.h"
#include "secrets.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/system.h"
#include "store/mem.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    char root[64], data[96], token[96], hash[96];
    struct store *store;
    struct store_conn *conn;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    (void)snprintf(w->root, sizeof(w->root), "/tmp/ferry-data-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    (void)snprintf(w->data, sizeof(w->data), "%s/data", w->root);
    (void)snprintf(w->token, sizeof(w->token), "%s/admin.token", w->root);
    (void)snprintf(w->hash, sizeof(w->hash), "%s/service.hash", w->root);
    assert_int_equal(store_mem_open(&w->store), FERRY_OK);
    assert_int_equal(w->store->ops->connect(w->store, STORE_WRITER, &w->conn), FERRY_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    static const char *const files[] = {"data/lock", "data/broker", "data/run", "data", "admin.token", "service.hash",
                                        "ready.json", "socket", ""};

    w->store->ops->disconnect(w->conn);
    w->store->ops->close(w->store);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", w->root, files[i]);
        (void)remove(path);
    }
    free(w);
    return 0;
}

static mode_t mode_of(const char *path)
{
    struct stat found = {0};

    assert_int_equal(stat(path, &found), 0);
    return found.st_mode & 0777;
}

static void the_data_folder_is_made_private_and_has_one_user(void **state)
{
    struct world *w = *state;
    char problem[DATA_FOLDER_PROBLEM_SIZE] = "", pid[16];
    struct data_folder folder, second = {.path = NULL, .lock_fd = -1};

    assert_int_equal(data_folder_open(w->data, &folder, problem), FERRY_OK);
    assert_int_equal(mode_of(w->data), 0700);
    assert_string_equal(folder.path, w->data);
    assert_int_equal(data_folder_open(w->data, &second, problem), FERRY_E_BUSY);
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    assert_non_null(strstr(problem, pid));
    assert_non_null(strstr(problem, w->data));
    assert_null(second.path);
    data_folder_close(&folder);
    assert_int_equal(data_folder_open(w->data, &folder, problem), FERRY_OK);
    data_folder_close(&folder);
}

static void a_folder_of_somebody_else_is_left_alone(void **state)
{
    struct world *w = *state;
    char problem[DATA_FOLDER_PROBLEM_SIZE] = "", path[300];
    struct data_folder folder;

    assert_int_equal(ferry_dir_make(w->data, 0700), FERRY_OK);
    (void)snprintf(path, sizeof(path), "%s/objects", w->data);
    assert_int_equal(ferry_dir_make(path, 0700), FERRY_OK); /* a mount point for the objects is fine */
    assert_int_equal(data_folder_open(w->data, &folder, problem), FERRY_OK);
    data_folder_close(&folder);

    (void)snprintf(path, sizeof(path), "%s/lock", w->data);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/passwd", w->data);
    assert_int_equal(ferry_file_replace(path, "root", 4, 0600), FERRY_OK);
    assert_int_equal(data_folder_open(w->data, &folder, problem), FERRY_E_EXISTS);
    assert_non_null(strstr(problem, "other files"));
    (void)snprintf(path, sizeof(path), "%s/lock", w->data);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_data_folder_that_cannot_be_made_is_named(void **state)
{
    struct world *w = *state;
    char problem[DATA_FOLDER_PROBLEM_SIZE] = "";
    struct data_folder folder;

    assert_int_equal(ferry_file_replace(w->data, "", 0, 0600), FERRY_OK);
    assert_int_equal(data_folder_open(w->data, &folder, problem), FERRY_E_EXISTS);
    assert_non_null(strstr(problem, w->data));
    assert_non_null(strstr(problem, "is a file"));
}

static void open_secrets(struct world *w, bool new_token, struct secrets *secrets)
{
    assert_int_equal(secrets_open(w->store, w->conn, w->token, new_token, 1000, secrets), FERRY_OK);
}

/* The token in the file, as the store knows it. */
static ferry_err find_token(struct world *w, char text[128], struct token *token)
{
    ferry_autobuf file = FERRY_BUF_INIT(127);
    uint8_t hash[SHA256_DIGEST_LENGTH];

    assert_int_equal(ferry_file_read(w->token, &file), FERRY_OK);
    memcpy(text, file.data, file.len + 1);
    text[strcspn(text, "\n")] = '\0';
    (void)SHA256((const unsigned char *)text, strlen(text), hash);
    return w->store->ops->token_find(w->conn, hash, token);
}

static void the_first_start_makes_an_operators_token(void **state)
{
    struct world *w = *state;
    struct secrets secrets;
    struct token token;
    char text[128];

    open_secrets(w, false, &secrets);
    assert_int_equal(mode_of(w->token), 0600);
    assert_int_equal(find_token(w, text, &token), FERRY_OK);
    assert_string_equal(token.name, "admin");
    assert_string_equal(token.role, "admin");
    assert_int_equal(token.created_ms, 1000);
    assert_int_equal(token.expires_ms, 0);
    assert_int_equal(strlen(text), 6 + 43);
    assert_memory_equal(text, "ferry_", 6);
    assert_int_equal(strspn(text + 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
}

static void later_starts_keep_token_and_client_id(void **state)
{
    struct world *w = *state;
    struct secrets first, second;
    struct token token;
    char before[128], after[128];

    open_secrets(w, false, &first);
    assert_int_equal(find_token(w, before, &token), FERRY_OK);
    open_secrets(w, false, &second);
    assert_int_equal(find_token(w, after, &token), FERRY_OK);
    assert_string_equal(before, after);
    assert_string_equal(first.client_id, second.client_id);
    assert_memory_equal(first.client_id, "ferryd@", 7);
}

static void two_installations_have_nothing_in_common(void **state)
{
    struct world *w = *state;
    struct secrets first, second;

    open_secrets(w, false, &first);
    assert_int_equal(tear_down(state), 0);
    assert_int_equal(set_up(state), 0);
    w = *state;
    open_secrets(w, false, &second);
    assert_string_not_equal(first.client_id, second.client_id);
}

static void a_new_token_ends_the_old_one(void **state)
{
    struct world *w = *state;
    struct secrets secrets;
    struct token token;
    char before[128], after[128];
    uint8_t hash[SHA256_DIGEST_LENGTH];

    open_secrets(w, false, &secrets);
    assert_int_equal(find_token(w, before, &token), FERRY_OK);
    open_secrets(w, true, &secrets);
    assert_int_equal(find_token(w, after, &token), FERRY_OK);
    assert_string_not_equal(before, after);
    (void)SHA256((const unsigned char *)before, strlen(before), hash);
    assert_int_equal(w->store->ops->token_find(w->conn, hash, &token), FERRY_E_NOT_FOUND);
}

static void a_lost_token_file_is_not_made_anew_by_itself(void **state)
{
    struct world *w = *state;
    struct secrets secrets;

    open_secrets(w, false, &secrets);
    assert_int_equal(unlink(w->token), 0);
    open_secrets(w, false, &secrets);
    assert_int_not_equal(access(w->token, F_OK), 0);
}

static void a_token_that_cannot_be_written_is_made_at_the_next_start(void **state)
{
    struct world *w = *state;
    struct secrets secrets;
    struct token token;
    char text[128];

    assert_int_not_equal(secrets_open(w->store, w->conn, "/nowhere/admin.token", false, 1, &secrets), FERRY_OK);
    open_secrets(w, false, &secrets);
    assert_int_equal(find_token(w, text, &token), FERRY_OK);
}

static void the_password_at_the_broker_is_new_each_time_and_only_its_hash_is_kept(void **state)
{
    struct world *w = *state;
    char first[SECRETS_PASSWORD_SIZE], second[SECRETS_PASSWORD_SIZE], wanted[2 * SHA256_DIGEST_LENGTH + 1];
    ferry_autobuf file = FERRY_BUF_INIT(256);
    uint8_t hash[SHA256_DIGEST_LENGTH];

    assert_int_equal(secrets_new_password(w->hash, first), FERRY_OK);
    assert_int_equal(secrets_new_password(w->hash, second), FERRY_OK);
    assert_string_not_equal(first, second);
    (void)SHA256((const unsigned char *)second, strlen(second), hash);
    ferry_hex_encode(hash, sizeof(hash), wanted);
    assert_int_equal(ferry_file_read(w->hash, &file), FERRY_OK);
    assert_int_equal(mode_of(w->hash), 0600);
    assert_int_equal(file.len, strlen(wanted) + 1);
    assert_memory_equal(file.data, wanted, strlen(wanted));
}

static void the_ready_file_says_who_and_where(void **state)
{
    struct world *w = *state;
    const struct ready_addresses at = {"mqtt://127.0.0.1:1", "http://127.0.0.1:2", "http://[::1]:3"};
    ferry_autobuf file = FERRY_BUF_INIT(4096);
    char path[128], wanted[256];

    (void)snprintf(path, sizeof(path), "%s/ready.json", w->root);
    (void)snprintf(wanted, sizeof(wanted),
                   "{\"pid\": %d, \"mqtt\": \"mqtt://127.0.0.1:1\", \"objects\": \"http://127.0.0.1:2\", \"api\": "
                   "\"http://[::1]:3\", \"version\": \"1.0\"}\n",
                   (int)getpid());
    assert_int_equal(ready_write(path, &at, "1.0"), FERRY_OK);
    assert_int_equal(ferry_file_read(path, &file), FERRY_OK);
    assert_string_equal(file.data, wanted);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(the_data_folder_is_made_private_and_has_one_user),
        RULE(a_folder_of_somebody_else_is_left_alone),
        RULE(a_data_folder_that_cannot_be_made_is_named),
        RULE(the_first_start_makes_an_operators_token),
        RULE(later_starts_keep_token_and_client_id),
        RULE(two_installations_have_nothing_in_common),
        RULE(a_new_token_ends_the_old_one),
        RULE(a_lost_token_file_is_not_made_anew_by_itself),
        RULE(a_token_that_cannot_be_written_is_made_at_the_next_start),
        RULE(the_password_at_the_broker_is_new_each_time_and_only_its_hash_is_kept),
        RULE(the_ready_file_says_who_and_where),
    };
#undef RULE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
