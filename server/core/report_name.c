#include "report_name.h"

#include "proto/limits.h"

#include <stddef.h>
#include <string.h>

enum {
    DEMO_CUT = 31,                            /* bytes that the vendor's demo keeps of a name */
    LONG_HEAD = FERRY_NAME_VENDOR_MAX + 1, /* bytes of a longer name that a vendor's buffer holds */
};

report_name_fit report_name_fits(ferry_text said, const char *name, const char *md5)
{
    size_t len = strlen(name);
    if (ferry_text_equal(said, (ferry_text){.ptr = name, .len = len}))
        return NAME_EXACT;
    if (len >= LONG_HEAD && said.len == LONG_HEAD + FERRY_MD5_HEX && memcmp(said.ptr, name, LONG_HEAD) == 0 &&
        memcmp(said.ptr + LONG_HEAD, md5, FERRY_MD5_HEX) == 0)
        return NAME_LONG;
    if (len > DEMO_CUT && said.len == DEMO_CUT && memcmp(said.ptr, name, DEMO_CUT) == 0)
        return NAME_CUT;
    return NAME_OTHER;
}

bool report_says_md5(ferry_text said)
{
    return said.len == FERRY_MD5_HEX;
}

bool report_md5_fits(ferry_text said, const char *md5)
{
    return !report_says_md5(said) || ferry_text_equal(said, ferry_text_of(md5));
}

void report_best_add(struct report_best *best, report_name_fit fit, const void *task)
{
    if (fit > best->fit)
        *best = (struct report_best){.fit = fit, .task = task};
    else if (fit == best->fit && fit == NAME_CUT)
        best->task = NULL;
}
