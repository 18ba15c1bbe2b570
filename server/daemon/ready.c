#include "ready.h"

#include "base/buf.h"
#include "base/system.h"

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
