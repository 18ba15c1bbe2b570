#include "store/sqlite.h"
#include "store_suite.h"

#include <stdio.h>

static ferry_err open_store(const char *folder, struct store **ret_store)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/ferry.db", folder);
    return store_sqlite_open(&(struct store_sqlite_config){.path = path, .busy_ms = 1000}, ret_store);
}

int main(void)
{
    return store_suite_run("store sqlite", open_store);
}
