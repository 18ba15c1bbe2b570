#include "base/error.h"

#include <errno.h>
#include <stddef.h>

static const struct {
    ferry_err err;
    const char *name;
    const char *text;
} errors[] = {
#define X(name, number, text) {name, #name, text},
    FERRY_ERR_LIST(X)
#undef X
};

static const struct {
    int errnum;
    ferry_err err;
} from_errno[] = {
    {ENOSPC, FERRY_E_FULL},      {EDQUOT, FERRY_E_FULL},  {EACCES, FERRY_E_DENIED},
    {EPERM, FERRY_E_DENIED},     {ENOENT, FERRY_E_NOT_FOUND}, {EROFS, FERRY_E_READONLY},
    {ENOMEM, FERRY_E_NOMEM},     {EEXIST, FERRY_E_EXISTS}, {ETIMEDOUT, FERRY_E_TIMEOUT},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *ferry_err_name(ferry_err err)
{
    for (size_t i = 0; i < COUNT(errors); i++)
        if (errors[i].err == err)
            return errors[i].name;
    return "FERRY_E_UNKNOWN";
}

const char *ferry_err_text(ferry_err err)
{
    for (size_t i = 0; i < COUNT(errors); i++)
        if (errors[i].err == err)
            return errors[i].text;
    return "unknown error";
}

ferry_err ferry_err_from_errno(int errnum)
{
    for (size_t i = 0; i < COUNT(from_errno); i++)
        if (from_errno[i].errnum == errnum)
            return from_errno[i].err;
    return FERRY_E_IO;
}
