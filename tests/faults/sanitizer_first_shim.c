/* Makes a sanitizer, which is preloaded into a program that was built without it, begin before any other library does.
 *
 * It begins with the first malloc(). That one was libgpg-error's, in a constructor, within bindtextdomain(): with the lock of
 * libc's translations held. The sanitizer's beginning asks for a translation itself (dlerror), takes the lock and gives back a
 * lock that was not its own; the lock then counts -1 readers, and the next bindtextdomain(), libpq's, waits for ever. */
#include <stdlib.h>

__attribute__((constructor)) static void begin(void)
{
    void *volatile memory = malloc(1);

    free(memory);
}
