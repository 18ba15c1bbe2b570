#include "api_form.h"

#include <stdbool.h>
#include <string.h>

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One name or value; false: it cannot be one. */
static bool decode(const char *text, size_t len, char out[API_FORM_TEXT_MAX + 1])
{
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i] == '+' ? ' ' : text[i];

        if (c == '%') {
            int high = i + 2 < len ? digit_of(text[i + 1]) : -1, low = high >= 0 ? digit_of(text[i + 2]) : -1;

            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || used == API_FORM_TEXT_MAX)
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

static bool add_field(json_t *object, const char *text, size_t len)
{
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals != NULL ? (size_t)(equals - text) : len;
    char name[API_FORM_TEXT_MAX + 1], value[API_FORM_TEXT_MAX + 1];

    if (len == 0)
        return true;
    if (!decode(text, name_len, name) || !decode(text + name_len + (equals != NULL), len - name_len - (equals != NULL), value))
        return false;
    if (json_object_get(object, name) != NULL)
        return true;
    return json_object_set_new(object, name, json_string(value)) == 0; /* refuses what is no UTF-8 */
}

json_t *api_form_read(const char *text, size_t len)
{
    json_t *object = json_object();
    const char *end = text + len;
    bool good = object != NULL && len > 0;

    for (size_t count = 0; good && text < end; count++) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        const char *next = stop != NULL ? stop : end;

        good = count < API_FORM_FIELDS_MAX && add_field(object, text, (size_t)(next - text));
        text = next + 1;
    }
    if (good)
        return object;
    json_decref(object);
    return NULL;
}
