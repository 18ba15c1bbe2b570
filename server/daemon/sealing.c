#include "sealing.h"

#include "base/log.h"
#include "base/system.h"

#include <stdio.h>
#include <string.h>

/* Id of the key that everything in the database is sealed with; absent: nothing is sealed. */
#define KEY_ID "secrets_key_id"

/* Values of the installation that are secrets: those that url_keys.c keeps. */
static const char *const secret_values[] = {"url_key", "url_key_old_1", "url_key_old_2", "url_key_old_3"};

struct pass {
    const struct store_ops *ops;
    struct store_conn *conn;
    const struct seal_keys *keys;
    bool plain; /* what is there is not sealed */
    uint64_t count;
};

/* --- one secret ------------------------------------------------------------------------------------------- */

static ferry_err reseal(struct pass *pass, const char *context, struct sealed *sealed, bool *ret_changed)
{
    uint8_t plain[DEVICE_SECRET_MAX];
    size_t len = sealed->len;
    ferry_err err = FERRY_OK;

    *ret_changed = false;
    if (sealed->len == 0 || (!pass->plain && seal_is_current(pass->keys, sealed)))
        return FERRY_OK;
    if (pass->plain && len > sizeof(plain))
        return FERRY_E_CORRUPT;
    if (pass->plain)
        memcpy(plain, sealed->bytes, len);
    else
        err = seal_open(pass->keys, context, sealed, plain, &len);
    if (err == FERRY_OK)
        err = seal_close(pass->keys, context, plain, len, sealed);
    explicit_bzero(plain, sizeof(plain));
    if (err == FERRY_OK) {
        *ret_changed = true;
        pass->count++;
    }
    return err;
}

static ferry_err reseal_device(struct pass *pass, struct device *d)
{
    char context[SEAL_CONTEXT_SIZE];
    bool first = false, second = false;
    ferry_err err = reseal(pass, seal_context_device(&d->key, context), &d->secret, &first);

    if (err == FERRY_OK)
        err = reseal(pass, context, &d->old_secret, &second);
    return err == FERRY_OK && (first || second) ? pass->ops->device_set_secrets(pass->conn, d) : err;
}

static const char *value_context(const char *name, char out[SEAL_CONTEXT_SIZE])
{
    (void)snprintf(out, SEAL_CONTEXT_SIZE, "value %s", name);
    return out;
}

static ferry_err put_value(const struct store_ops *ops, struct store_conn *conn, const char *name,
                           const struct sealed *sealed)
{
    return ops->value_put(conn, name, sealed->bytes, sealed->len);
}

static ferry_err get_value(const struct store_ops *ops, struct store_conn *conn, const char *name,
                           struct sealed *ret_sealed)
{
    size_t len;
    ferry_err err = ops->value_get(conn, name, ret_sealed->bytes, sizeof(ret_sealed->bytes), &len);

    if (err == FERRY_OK)
        ret_sealed->len = (uint32_t)len;
    return err == FERRY_E_LIMIT ? FERRY_E_CORRUPT : err;
}

static ferry_err reseal_value(struct pass *pass, const char *name)
{
    char context[SEAL_CONTEXT_SIZE];
    struct sealed sealed;
    bool changed = false;
    ferry_err err = get_value(pass->ops, pass->conn, name, &sealed);

    if (err == FERRY_E_NOT_FOUND)
        return FERRY_OK;
    if (err == FERRY_OK)
        err = reseal(pass, value_context(name, context), &sealed, &changed);
    return err == FERRY_OK && changed ? put_value(pass->ops, pass->conn, name, &sealed) : err;
}

/* --- all of them ------------------------------------------------------------------------------------------ */

static ferry_err reseal_devices(struct pass *pass, const char *product)
{
    enum { AT_A_TIME = 64 };
    const struct device_filter filter = {.product = product};
    struct device devices[AT_A_TIME];
    char after[FERRY_IDENT_MAX + 1] = "";
    size_t count = AT_A_TIME;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && count == AT_A_TIME) {
        const struct store_page page = {.after = after, .limit = AT_A_TIME};

        err = pass->ops->device_list(pass->conn, &filter, &page, devices, &count);
        for (size_t i = 0; err == FERRY_OK && i < count; i++)
            err = reseal_device(pass, &devices[i]);
        if (err == FERRY_OK && count > 0)
            memcpy(after, devices[count - 1].key.device, sizeof(after));
    }
    return err;
}

static ferry_err reseal_product(struct pass *pass, struct product *p)
{
    char context[SEAL_CONTEXT_SIZE];
    bool changed = false;
    ferry_err err = reseal(pass, seal_context_product(p->name, context), &p->secret, &changed);

    if (err == FERRY_OK && changed)
        err = pass->ops->product_set_secret(pass->conn, p->name, &p->secret);
    return err == FERRY_OK ? reseal_devices(pass, p->name) : err;
}

static ferry_err reseal_products(struct pass *pass)
{
    struct product product;
    char after[FERRY_IDENT_MAX + 1] = "";
    size_t count = 1;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && count > 0) {
        const struct store_page page = {.after = after, .limit = 1};

        err = pass->ops->product_list(pass->conn, &page, &product, &count);
        if (err != FERRY_OK || count == 0)
            break;
        memcpy(after, product.name, sizeof(after));
        err = reseal_product(pass, &product);
    }
    return err;
}

static ferry_err reseal_webhook(struct pass *pass, struct webhook *w)
{
    char context[SEAL_CONTEXT_SIZE];
    bool first = false, second = false;
    ferry_err err = reseal(pass, seal_context_webhook(&w->id, context), &w->secret, &first);

    if (err == FERRY_OK)
        err = reseal(pass, context, &w->old_secret, &second);
    return err == FERRY_OK && (first || second) ? pass->ops->webhook_put(pass->conn, w) : err;
}

static ferry_err reseal_webhooks(struct pass *pass)
{
    struct webhook webhook;
    char after[FERRY_ID_LEN + 1] = "";
    size_t count = 1;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && count > 0) {
        const struct store_page page = {.after = after, .limit = 1};

        err = pass->ops->webhook_list(pass->conn, &page, &webhook, &count);
        if (err != FERRY_OK || count == 0)
            break;
        memcpy(after, webhook.id.text, sizeof(after));
        err = reseal_webhook(pass, &webhook);
    }
    return err;
}

/* Another process may have begun the database meanwhile, with a key of its own. */
static ferry_err check_still_plain(const struct pass *pass)
{
    uint8_t id[SEAL_ID_BYTES];
    size_t len = 0;
    ferry_err err = pass->plain ? pass->ops->value_get(pass->conn, KEY_ID, id, sizeof(id), &len) : FERRY_E_NOT_FOUND;

    if (err == FERRY_E_NOT_FOUND)
        return FERRY_OK;
    return err == FERRY_OK ? FERRY_E_STATE : err;
}

static ferry_err reseal_all(struct pass *pass)
{
    ferry_err err = store_begin_alone(pass->ops, pass->conn);

    if (err != FERRY_OK)
        return err;
    err = check_still_plain(pass);
    for (size_t i = 0; err == FERRY_OK && i < sizeof(secret_values) / sizeof(secret_values[0]); i++)
        err = reseal_value(pass, secret_values[i]);
    if (err == FERRY_OK)
        err = reseal_products(pass);
    if (err == FERRY_OK)
        err = reseal_webhooks(pass);
    if (err == FERRY_OK)
        err = pass->ops->value_put(pass->conn, KEY_ID, pass->keys->keys[0].id, SEAL_ID_BYTES);
    if (err == FERRY_OK)
        return pass->ops->commit(pass->conn);
    pass->ops->rollback(pass->conn);
    return err;
}

/* --- the key file ----------------------------------------------------------------------------------------- */

static bool has_key(const struct seal_keys *keys, const uint8_t id[SEAL_ID_BYTES])
{
    for (size_t i = 0; i < keys->count; i++)
        if (memcmp(keys->keys[i].id, id, SEAL_ID_BYTES) == 0)
            return true;
    return false;
}

/* Reads it, or makes it when nothing is sealed. id: of the database's key, null when nothing is sealed. */
static ferry_err open_file(const char *path, const uint8_t *id, struct seal_keys *keys,
                           char problem[SEALING_PROBLEM_SIZE])
{
    ferry_err err = seal_keys_read(path, keys);

    if (err == FERRY_E_NOT_FOUND && id == NULL) {
        seal_keys_push(keys);
        err = seal_keys_write(path, keys);
        if (err == FERRY_OK)
            ferry_log(FERRY_LOG_INFO, "data", "the key that seals the secrets is in %s: keep a copy apart from the database",
                      path);
    } else if (err == FERRY_E_NOT_FOUND || (err == FERRY_OK && id != NULL && !has_key(keys, id))) {
        (void)snprintf(problem, SEALING_PROBLEM_SIZE,
                       "%s is %s the secrets of this database were sealed with: put back the one that belongs to it", path,
                       err == FERRY_OK ? "not the key that" : "missing, the key that");
        return FERRY_E_STATE;
    } else if (err == FERRY_E_DENIED) {
        (void)snprintf(problem, SEALING_PROBLEM_SIZE, "%s must be readable by ferryd and by nobody else: chmod 600", path);
    } else if (err == FERRY_E_FORMAT) {
        (void)snprintf(problem, SEALING_PROBLEM_SIZE, "%s is not a key file: put back the one that belongs to the database",
                       path);
    }
    return err;
}

static ferry_err settle(struct pass *pass, const char *path, struct seal_keys *keys)
{
    ferry_err err = reseal_all(pass);

    if (err == FERRY_OK && pass->count > 0)
        ferry_log(FERRY_LOG_INFO, "data", "sealed %llu secrets with the key in %s", (unsigned long long)pass->count, path);
    if (err == FERRY_OK && keys->count > 1) {
        keys->count = 1;
        explicit_bzero(&keys->keys[1], sizeof(keys->keys[1]));
        err = seal_keys_write(path, keys);
    }
    return err;
}

ferry_err sealing_open(struct store *store, struct store_conn *conn, const char *key_path, bool new_key,
                       struct seal_keys *ret_keys, char reterr_problem[SEALING_PROBLEM_SIZE])
{
    struct seal_keys keys = {.count = 0};
    struct pass pass = {.ops = store->ops, .conn = conn, .keys = &keys};
    uint8_t id[SEAL_ID_BYTES];
    size_t len = 0;
    ferry_err err = store->ops->value_get(conn, KEY_ID, id, sizeof(id), &len);

    reterr_problem[0] = '\0';
    pass.plain = err == FERRY_E_NOT_FOUND;
    if (err == FERRY_OK || pass.plain)
        err = open_file(key_path, pass.plain ? NULL : id, &keys, reterr_problem);
    if (err == FERRY_OK && new_key && keys.count == 1) {
        seal_keys_push(&keys);
        err = seal_keys_write(key_path, &keys);
    }
    if (err == FERRY_OK && (pass.plain || keys.count > 1))
        err = settle(&pass, key_path, &keys);
    if (err == FERRY_E_STATE && reterr_problem[0] == '\0')
        (void)snprintf(reterr_problem, SEALING_PROBLEM_SIZE,
                       "another ferryd has just begun this database with a key of its own: put a copy of its secrets.key in place of %s",
                       key_path);
    if (err == FERRY_OK)
        *ret_keys = keys;
    seal_keys_done(&keys);
    return err;
}

/* --- one value -------------------------------------------------------------------------------------------- */

ferry_err sealing_get(const struct store_ops *ops, struct store_conn *conn, const struct seal_keys *keys,
                      const char *name, uint8_t out[DEVICE_SECRET_MAX], size_t *ret_len)
{
    char context[SEAL_CONTEXT_SIZE];
    struct sealed sealed;
    ferry_err err = get_value(ops, conn, name, &sealed);

    if (err != FERRY_OK)
        return err;
    if (sealed.len == 0)
        return FERRY_E_NOT_FOUND;
    err = seal_open(keys, value_context(name, context), &sealed, out, ret_len);
    return err == FERRY_E_NOT_FOUND ? FERRY_E_CORRUPT : err;
}

ferry_err sealing_put(const struct store_ops *ops, struct store_conn *conn, const struct seal_keys *keys,
                      const char *name, const uint8_t *bytes, size_t len)
{
    char context[SEAL_CONTEXT_SIZE];
    struct sealed sealed = {.len = 0};
    ferry_err err = len > 0 ? seal_close(keys, value_context(name, context), bytes, len, &sealed) : FERRY_OK;

    return err == FERRY_OK ? put_value(ops, conn, name, &sealed) : err;
}
