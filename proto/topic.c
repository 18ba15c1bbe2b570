#include "proto/topic.h"

#include <string.h>

static const char *const prefixes[] = {
    [FERRY_TOPIC_UP] = FERRY_TOPIC_UP_PREFIX,
    [FERRY_TOPIC_DOWN] = FERRY_TOPIC_DOWN_PREFIX,
};

bool ferry_topic_parse(ferry_text topic, ferry_topic_direction *ret_direction, ferry_text *ret_product,
                       ferry_text *ret_device)
{
    for (int i = FERRY_TOPIC_UP; i <= FERRY_TOPIC_DOWN; i++) {
        size_t head = strlen(prefixes[i]);
        ferry_text product, device;
        const char *slash;

        if (topic.ptr == NULL || topic.len <= head || memcmp(topic.ptr, prefixes[i], head) != 0)
            continue;
        product.ptr = topic.ptr + head;
        slash = memchr(product.ptr, '/', topic.len - head);
        if (slash == NULL)
            return false;
        product.len = (size_t)(slash - product.ptr);
        device.ptr = slash + 1;
        device.len = topic.len - head - product.len - 1;
        if (!ferry_ident_valid(product) || !ferry_ident_valid(device))
            return false;
        *ret_direction = (ferry_topic_direction)i;
        *ret_product = product;
        *ret_device = device;
        return true;
    }
    return false;
}

bool ferry_topic_write(ferry_topic_direction direction, ferry_text product, ferry_text device,
                       char out[FERRY_TOPIC_SIZE])
{
    size_t head = strlen(prefixes[direction]);

    out[0] = '\0';
    if (!ferry_ident_valid(product) || !ferry_ident_valid(device))
        return false;
    memcpy(out, prefixes[direction], head);
    memcpy(out + head, product.ptr, product.len);
    head += product.len;
    out[head++] = '/';
    memcpy(out + head, device.ptr, device.len);
    out[head + device.len] = '\0';
    return true;
}
