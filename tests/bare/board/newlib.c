/* What newlib wants from an operating system: memory, and a place to print. There are no files. */
#include "board.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char end[], board_ram_end[];

static char *heap = end;

void *_sbrk(ptrdiff_t bytes);
int _write(int file, const void *bytes, size_t len);
int _read(int file, void *bytes, size_t cap);
off_t _lseek(int file, off_t offset, int whence);
int _close(int file);
int _isatty(int file);
int _fstat(int file, struct stat *ret_status);
int _kill(pid_t process, int signal);
pid_t _getpid(void);
_Noreturn void _exit(int status);

void *_sbrk(ptrdiff_t bytes)
{
    char *old = heap;

    if (bytes > board_ram_end - heap) {
        errno = ENOMEM;
        return (void *)-1;
    }
    heap += bytes;
    return old;
}

size_t board_heap_used(void)
{
    return (size_t)(heap - end);
}

int _write(int file, const void *bytes, size_t len)
{
    char text[65]; /* with a NUL behind it */

    (void)file;
    for (size_t at = 0, n; at < len; at += n) {
        n = len - at < sizeof text - 1 ? len - at : sizeof text - 1;
        memcpy(text, (const char *)bytes + at, n);
        text[n] = '\0';
        board_print(text);
    }
    return (int)len;
}

int _read(int file, void *bytes, size_t cap)
{
    (void)file;
    (void)bytes;
    (void)cap;
    return 0;
}

off_t _lseek(int file, off_t offset, int whence)
{
    (void)file;
    (void)offset;
    (void)whence;
    return 0;
}

int _close(int file)
{
    (void)file;
    return 0;
}

int _isatty(int file)
{
    (void)file;
    return 1;
}

int _fstat(int file, struct stat *ret_status)
{
    (void)file;
    ret_status->st_mode = S_IFCHR;
    return 0;
}

pid_t _getpid(void)
{
    return 1;
}

int _kill(pid_t process, int signal)
{
    (void)process;
    _exit(128 + signal);
}

void _exit(int status)
{
    board_exit(status);
}
