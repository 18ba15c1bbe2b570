#include "core/quota_rules.h"

#include <stddef.h>

static bool passes(uint64_t limit, uint64_t used, uint64_t more)
{
    return limit != 0 && (more > limit || used > limit - more);
}

quota_verdict quota_judge(const struct quota_limits *limits, const struct quota_account *account, uint64_t size,
                          bool of_device)
{
    if (of_device && passes(limits->device_files, account->device.files, 1))
        return QUOTA_DEVICE_FILES;
    if (of_device && passes(limits->device_bytes, account->device.bytes, size))
        return QUOTA_DEVICE_BYTES;
    if (passes(limits->product_files, account->product.files, 1))
        return QUOTA_PRODUCT_FILES;
    return passes(limits->product_bytes, account->product.bytes, size) ? QUOTA_PRODUCT_BYTES : QUOTA_FITS;
}

static void take(struct usage *usage, uint64_t size)
{
    usage->files -= usage->files > 0;
    if (usage->bytes != UINT64_MAX) /* more than can be counted */
        usage->bytes = usage->bytes > size ? usage->bytes - size : 0;
}

void quota_take_back(struct quota_account *account, uint64_t size)
{
    take(&account->product, size);
    take(&account->device, size);
}

bool quota_is_limited(const struct quota_limits *limits)
{
    return (limits->product_bytes | limits->product_files | limits->device_bytes | limits->device_files) != 0;
}

const char *quota_verdict_text(quota_verdict verdict)
{
    static const char *const texts[] = {
        [QUOTA_FITS] = "nothing",
        [QUOTA_PRODUCT_BYTES] = "the bytes of the product",
        [QUOTA_PRODUCT_FILES] = "the number of files of the product",
        [QUOTA_DEVICE_BYTES] = "the bytes of the device",
        [QUOTA_DEVICE_FILES] = "the number of files of the device",
    };
    return texts[verdict];
}
