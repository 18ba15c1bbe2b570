#include "ferry_say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 }; /* longer ones are cut, so that one write(2) stays one line */

bool ferry_is_journal(int fd, const char *journal_stream)
{
    unsigned long long device, inode;
    struct stat st;

    return journal_stream != NULL && sscanf(journal_stream, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

/* What was printed, at most what there is room for. */
static size_t printed(int n, size_t room)
{
    return n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

void ferry_say(ferry_say_level level, const char *format, ...)
{
    char line[LINE_SIZE];
    size_t room = sizeof line - 1; /* for the end of the line */
    bool journal = ferry_is_journal(STDERR_FILENO, getenv("JOURNAL_STREAM"));
    size_t len =
        printed(journal ? snprintf(line, room, "<%d>ferry: ", (int)level) : snprintf(line, room, "ferry: "), room);
    va_list args;

    va_start(args, format);
    len += printed(vsnprintf(line + len, room - len, format, args), room - len);
    va_end(args);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = ' ';
    line[len++] = '\n';
    (void)!write(STDERR_FILENO, line, len); /* if it failed, there is nowhere left to say it */
}
