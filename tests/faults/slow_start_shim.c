/* Loaded into a program: who starts a thread goes on a second later than the thread. A busy machine does that by itself, seldom. */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    int failed;

    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    failed = real(thread, attributes, run, arg);
    (void)sleep(1);
    return failed;
}
