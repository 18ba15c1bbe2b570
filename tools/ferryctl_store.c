/* ferryctl store copy: done by the ferryd of this machine, which alone knows the database. */
#include "ferryctl_commands.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TO_VARIABLE "FERRY_STORE_TO"

enum { ARGS_MAX = 8 };

/* From the folder of ferryctl: installed, and in the build folder. */
static const char *const beside[] = {"ferryd", "../server/daemon/ferryd"};

static void run_beside(char *const *argv)
{
    char here[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", here, sizeof here - 1);

    if (len <= 0)
        return;
    here[len] = '\0';
    char *slash = strrchr(here, '/');
    if (slash == NULL)
        return;
    *slash = '\0';
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
        ferry_autofree char *path = ferry_asprintf("%s/%s", here, beside[i]);
        if (path != NULL)
            (void)execv(path, argv); /* comes back only when there is none */
    }
}

enum ctl_exit ctl_store_copy(struct ctl *ctl)
{
    const struct ctl_options *o = ctl->options;
    char ferryd[] = "ferryd", store[] = "store", copy[] = "copy";
    const struct {
        const char *name, *value;
    } options[] = {{"data", o->data}, {"config", o->config}, {"from", o->from}};
    char *argv[ARGS_MAX] = {ferryd, store, copy};
    size_t argc = 3;

    if (o->json)
        return ctl_fail(CTL_USAGE, "\"store copy\" has no option --json");
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i].value != NULL && (argv[argc++] = ferry_asprintf("--%s=%s", options[i].name, options[i].value)) == NULL)
            return ctl_fail(CTL_FAILED, "out of memory");
    /* the process list shows arguments to everybody */
    if (o->to != NULL && setenv(TO_VARIABLE, o->to, 1) != 0)
        return ctl_fail(CTL_FAILED, "out of memory");
    run_beside(argv);
    (void)execvp(ferryd, argv);
    enum ctl_exit status = ctl_fail(CTL_FAILED, "there is no ferryd on this machine, which does this: neither beside ferryctl nor in PATH: %s", strerror(errno));
    while (argc > 3)
        free(argv[--argc]);
    return status;
}
