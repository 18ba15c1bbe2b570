/* Run by valgrind: it reports every branch and every address that depends on bytes that are marked as secret. With
 * the argument "memcmp" the comparison is one that stops early, and valgrind must report it. */
#include "base/encode.h"

#include <stdio.h>
#include <string.h>

#include <valgrind/memcheck.h>

int main(int argc, char **argv)
{
    const char *given = "-x3QUz0zcWneLXwpSTCrJ3CrXCMiaoAJbJAqVgjt9hI";
    char secret[64];
    size_t len = strlen(given);
    bool early = argc > 1 && strcmp(argv[1], "memcmp") == 0;

    for (size_t wrong = 0; wrong <= len; wrong++) {
        memcpy(secret, given, len);
        if (wrong < len)
            secret[wrong] = '!';
        (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, len);
        bool equal = early ? memcmp(secret, given, len) == 0 : ferry_equal_constant_time(secret, given, len);
        (void)VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof equal);
        if (equal != (wrong == len)) {
            (void)fprintf(stderr, "wrong verdict at %zu\n", wrong);
            return 1;
        }
    }
    return 0;
}
