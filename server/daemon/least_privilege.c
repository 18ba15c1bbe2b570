#include "least_privilege.h"

#include "base/log.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The limit alone is not enough: a dump that the kernel hands to a program knows no limit. So no part of the memory is
 * chosen for it either (core(5)). Both are inherited. Not PR_SET_DUMPABLE: it would lock the operator's tools out. */
static bool no_core_dump(void)
{
    static const char nothing[] = "0";
    const struct rlimit none = {0, 0};
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    bool filtered = fd >= 0 && write(fd, nothing, sizeof(nothing) - 1) == (ssize_t)(sizeof(nothing) - 1);

    if (fd >= 0)
        (void)close(fd);
    return setrlimit(RLIMIT_CORE, &none) == 0 && filtered;
}

void least_privilege(void)
{
    (void)umask(077);
    if (!no_core_dump())
        ferry_log(FERRY_LOG_WARN, "ferryd", "core dumps cannot be ruled out: secrets in memory may reach one: %m");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        ferry_log(FERRY_LOG_DEBUG, "ferryd", "programs that ferryd starts may gain rights: %m");
}
