#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAST_WORDS = 6000 };

/* What the process said on its standard error: of a run that went well nobody needs it. */
static void print_words(int words)
{
    char text[LAST_WORDS];
    off_t len = lseek(words, 0, SEEK_END);
    ssize_t got = pread(words, text, sizeof text, len > LAST_WORDS ? len - LAST_WORDS : 0);
    if (got > 0)
        (void)fwrite(text, 1, (size_t)got, stderr);
}

static void judge(int status, struct sim_result *shared)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    shared->failed = true;
    if (WIFSIGNALED(status))
        (void)snprintf(shared->failure, sizeof shared->failure, "the process died of signal %d", WTERMSIG(status));
    else if (shared->failure[0] == '\0')
        (void)snprintf(shared->failure, sizeof shared->failure, "the process ended with status %d",
                       WEXITSTATUS(status));
}

void guard_run(const struct sim_plan *plan, struct sim_result *ret)
{
    int status = 0;
    struct sim_result *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int words = memfd_create("words", 0);
    if (shared == MAP_FAILED || words < 0)
        abort();
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(words, STDERR_FILENO);
        sim_run(plan, NULL, shared);
        exit(0); /* not _exit: a sanitizer looks for leaks */
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child < 0)
        abort();
    judge(status, shared);
    if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
        print_words(words);
    (void)close(words);
    *ret = *shared;
    (void)munmap(shared, sizeof *shared);
}
