#include "object_tus.h"

#include "object_address.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char patch_type[] = "application/offset+octet-stream";

bool object_tus_version_known(const char *tus_resumable)
{
    return tus_resumable != NULL && strcmp(tus_resumable, TUS_VERSION) == 0;
}

static bool read_whole_number(const char *text, uint64_t *ret_number)
{
    uint64_t number;
    const char *end = text != NULL ? object_number_parse(text, &number) : NULL;
    if (end == NULL || *end != '\0')
        return false;
    *ret_number = number;
    return true;
}

/* Parameters after a semicolon do not change what the type is. */
static bool is_patch_type(const char *content_type)
{
    size_t len = sizeof patch_type - 1;
    if (content_type == NULL || strncasecmp(content_type, patch_type, len) != 0)
        return false;
    const char *rest = content_type + len + strspn(content_type + len, " \t");
    return *rest == '\0' || *rest == ';';
}

object_tus_verdict object_tus_patch_parse(const char *content_type, const char *upload_offset,
                                          const char *content_length, struct object_tus_patch *ret_patch)
{
    struct object_tus_patch patch;
    if (!is_patch_type(content_type))
        return TUS_TYPE;
    if (content_length == NULL)
        return TUS_NO_LENGTH;
    if (!read_whole_number(upload_offset, &patch.offset) || !read_whole_number(content_length, &patch.length))
        return TUS_MALFORMED;
    *ret_patch = patch;
    return TUS_GOOD;
}

object_tus_verdict object_tus_patch_fits(const struct object_tus_patch *patch, uint64_t at, uint64_t size)
{
    if (patch->offset != at)
        return TUS_CONFLICT;
    if (at > size || patch->length > size - at)
        return TUS_TOO_LONG;
    return TUS_GOOD;
}
