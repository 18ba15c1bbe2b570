#include "plugin_path.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the folder of ferryd: in the build folder, and in an installation that was moved as a whole. */
static const char *const beside[] = {"../../broker/ferry_auth.so", FERRY_PLUGIN_FROM_BINDIR};

static char *folder_of_this_program(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash;

    if (len <= 0)
        return NULL;
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL)
        return NULL;
    *slash = '\0';
    return ferry_strdup(path);
}

char *plugin_path_find(const char *configured)
{
    ferry_autofree char *folder = NULL;

    if (configured != NULL)
        return ferry_strdup(configured);
    folder = folder_of_this_program();
    for (size_t i = 0; folder != NULL && i < sizeof(beside) / sizeof(beside[0]); i++) {
        ferry_autofree char *path = ferry_asprintf("%s/%s", folder, beside[i]);
        char *real = path != NULL ? realpath(path, NULL) : NULL; /* null: not there */

        if (real != NULL)
            return real;
    }
    return ferry_strdup(FERRY_PLUGIN_INSTALLED);
}
