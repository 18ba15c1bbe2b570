#include "ferryctl_secret.h"

#include "base/buf.h"
#include "base/system.h"
#include "ferryctl_memory.h"

#include <string.h>

enum { SECRET_FILE_MAX = 4096 };

enum ctl_exit ctl_add_secret(const char *file, json_t *body)
{
    ferry_autobuf text = FERRY_BUF_INIT(SECRET_FILE_MAX);
    ferry_err err = ferry_file_read(strcmp(file, "-") == 0 ? "/dev/stdin" : file, &text);

    if (err != FERRY_OK)
        return ctl_fail(CTL_FAILED, "cannot read the secret from %s: %s", file, ferry_err_text(err));
    size_t len = text.len;
    while (len > 0 && strchr(" \t\r\n", text.data[len - 1]) != NULL)
        len--;
    json_t *secret = len > 0 ? json_stringn(text.data, len) : NULL;
    if (secret == NULL)
        return ctl_fail(CTL_FAILED, "%s holds no secret", file);
    if (json_object_set_new(body, "secret", secret) != 0)
        (void)ctl_check(NULL);
    return CTL_DONE;
}
