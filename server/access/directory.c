#include "access/directory.h"

static ferry_err ensure_open(struct directory *d)
{
    ferry_err err;

    if (d->conn != NULL)
        return FERRY_OK;
    directory_close(d);
    err = d->open(d->arg, &d->store);
    if (err == FERRY_OK)
        err = d->store->ops->connect(d->store, STORE_READER, &d->conn);
    if (err != FERRY_OK)
        directory_close(d);
    /* for the one who asks, a database that is not there yet is no answer about the device */
    return err == FERRY_E_NOT_FOUND ? FERRY_E_IO : err;
}

void directory_close(struct directory *d)
{
    if (d->store == NULL || d->open == NULL)
        return;
    d->store->ops->disconnect(d->conn);
    d->store->ops->close(d->store);
    d->conn = NULL;
    d->store = NULL;
}

ferry_err directory_get(struct directory *d, const struct device_key *key, struct device *ret_device)
{
    ferry_err err = ensure_open(d);

    if (err != FERRY_OK)
        return err;
    err = d->store->ops->device_get(d->conn, key, ret_device);
    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        directory_close(d);
    return err;
}

ferry_err directory_find_joined(struct directory *d, const char *text, struct device *out, size_t cap,
                                size_t *ret_count)
{
    ferry_err err = ensure_open(d);

    if (err != FERRY_OK)
        return err;
    err = d->store->ops->device_find_joined(d->conn, text, out, cap, ret_count);
    if (err != FERRY_OK)
        directory_close(d);
    return err;
}
