#include "ready.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READY_FILE_MAX = 4096 };

ferry_err ready_write(const char *path, const struct ready_addresses *at, const char *version)
{
    ferry_autobuf text = FERRY_BUF_INIT(READY_FILE_MAX);
    /* addresses are made of numbers and host names: nothing in them needs an escape */
    ferry_err err = ferry_buf_printf(
        &text, "{\"pid\": %d, \"mqtt\": \"%s\", \"objects\": \"%s\", \"api\": \"%s\", \"version\": \"%s\"}\n",
        (int)getpid(), at->mqtt, at->objects, at->api, version);

    return err == FERRY_OK ? ferry_file_replace(path, text.data, text.len, 0600) : err;
}

void ready_notify(const char *notify_socket, const char *word)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    ferry_autoclose int fd = -1;
    size_t len = notify_socket != NULL ? strlen(notify_socket) : 0;

    if (len == 0 || len >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, notify_socket, len);
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract socket */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || sendto(fd, word, strlen(word), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        return; /* nobody waits for it, then */
}
