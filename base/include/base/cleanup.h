/**
 * @file cleanup.h
 * @brief Scope-bound clean-up for hosted code (GCC and Clang).
 *
 *     FERRY_DEFINE_CLEANUP(sqlite3_stmt *, sqlite3_finalize)      // once, where the type is wrapped
 *     ferry_cleanup(sqlite3_finalize) sqlite3_stmt *stmt = NULL;  // finalised at the end of the scope
 *     ferry_autofree char *text = NULL;                           // freed
 *     ferry_autoclose int fd = -1;                                // closed
 *     return FERRY_TAKE(text);                                    // hand ownership on
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define ferry_cleanup(func) __attribute__((cleanup(func##_p)))

/** Defines func_p(), which calls func() on a pointer that is not null. */
#define FERRY_DEFINE_CLEANUP(type, func)                                                          \
    static inline __attribute__((unused)) void func##_p(type *p)                                  \
    {                                                                                             \
        if (*p != NULL)                                                                           \
            (void)func(*p);                                                                       \
    }

static inline void ferry_free_p(void *p)
{
    free(*(void **)p);
}
#define ferry_autofree __attribute__((cleanup(ferry_free_p)))

static inline void ferry_close_p(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#define ferry_autoclose __attribute__((cleanup(ferry_close_p)))

/** Yields the pointer and clears the variable: the scope no longer owns it. */
#define FERRY_TAKE(ptr)                                                                           \
    __extension__({                                                                               \
        __typeof__(ptr) *ferry__pp = &(ptr);                                                      \
        __typeof__(ptr) ferry__p = *ferry__pp;                                                    \
        *ferry__pp = NULL;                                                                        \
        ferry__p;                                                                                 \
    })

/** Yields the descriptor and sets the variable to -1. */
#define FERRY_TAKE_FD(fd)                                                                         \
    __extension__({                                                                               \
        int *ferry__pfd = &(fd);                                                                  \
        int ferry__fd = *ferry__pfd;                                                              \
        *ferry__pfd = -1;                                                                         \
        ferry__fd;                                                                                \
    })

#endif
