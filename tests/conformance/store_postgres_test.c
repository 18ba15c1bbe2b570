#include "store/postgres.h"

#include "postgres_cluster.h"
#include "store_suite.h"

static struct postgres_cluster *cluster;

static ferry_err open_store(const char *folder, struct store **ret_store)
{
    char uri[POSTGRES_URI_SIZE];

    (void)folder;
    postgres_cluster_create(cluster, uri);
    return store_postgres_open(&(struct store_postgres_config){.uri = uri, .busy_ms = 1000}, ret_store);
}

int main(void)
{
    int failed;

    cluster = postgres_cluster_new();
    failed = store_suite_run("store postgres", open_store);
    postgres_cluster_free(cluster);
    return failed;
}
