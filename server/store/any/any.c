#include "store/any.h"

#include "store/postgres.h"
#include "store/sqlite.h"

#include <stdio.h>
#include <string.h>

_Static_assert((int)STORE_ANY_TEXT_SIZE == (int)STORE_POSTGRES_PROBLEM_SIZE, "one buffer for both");

bool store_any_is_server(const char *address)
{
    return store_postgres_is_address(address);
}

ferry_err store_any_check_server(const char *address, char reterr_problem[STORE_ANY_TEXT_SIZE])
{
    return store_postgres_check_address(address, reterr_problem);
}

ferry_err store_any_open(const struct store_any_config *cfg, struct store **ret_store)
{
    const struct store_sqlite_config file = {.path = cfg->address, .busy_ms = cfg->busy_ms};
    const struct store_postgres_config server = {
        .uri = cfg->address, .name = cfg->name, .busy_ms = cfg->busy_ms, .patience_ms = cfg->patience_ms,
        .batch_max = cfg->batch_max};

    return store_any_is_server(cfg->address) ? store_postgres_open(&server, ret_store) : store_sqlite_open(&file, ret_store);
}

void store_any_show(const char *address, char out[STORE_ANY_TEXT_SIZE])
{
    if (!store_any_is_server(address))
        (void)snprintf(out, STORE_ANY_TEXT_SIZE, "%s", address);
    else if (!store_postgres_show_address(address, out))
        (void)snprintf(out, STORE_ANY_TEXT_SIZE, "postgresql://...");
}

void store_any_explain(struct store *s, ferry_err err, char out[STORE_ANY_TEXT_SIZE])
{
    out[0] = '\0';
    if (s != NULL && strcmp(s->ops->name, "postgres") == 0)
        store_postgres_problem(s, out);
    if (out[0] == '\0')
        (void)snprintf(out, STORE_ANY_TEXT_SIZE, "%s", ferry_err_text(err));
}
