#include "store/mem.h"
#include "store_suite.h"

static ferry_err open_store(const char *folder, struct store **ret_store)
{
    (void)folder;
    return store_mem_open(ret_store);
}

int main(void)
{
    return store_suite_run("store mem", open_store);
}
