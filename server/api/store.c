#include "api/store.h"

ferry_err store_begin_alone(const struct store_ops *ops, struct store_conn *conn)
{
    struct store_scope everything = {.everything = true};
    ferry_err err = ops->begin(conn);
    if (err != FERRY_OK || ops->claim == NULL)
        return err;
    err = ops->claim(conn, &everything);
    if (err != FERRY_OK)
        ops->rollback(conn);
    return err;
}
