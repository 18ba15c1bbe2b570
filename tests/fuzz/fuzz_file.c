#define _GNU_SOURCE /* memfd_create */
#include "fuzz_file.h"

#include <sys/mman.h>
#include <unistd.h>

int fuzz_file(const void *bytes, size_t size, char ret_path[FUZZ_PATH_SIZE])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    FUZZ_CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    (void)snprintf(ret_path, FUZZ_PATH_SIZE, "/proc/self/fd/%d", fd);
    return fd;
}
