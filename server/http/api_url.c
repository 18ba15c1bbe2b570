#include "api_url.h"

#include "base/encode.h"
#include "proto/text.h"

#include <string.h>

/* Decodes in place from *in up to one of the stops or the end; *in is left at the stop. */
static ferry_err decode_piece(char **in, const char *stops, bool plus_is_space, char **out, const char **ret_text)
{
    char *start = *out;
    char *end = start;
    char *p = *in;

    while (*p != '\0' && strchr(stops, *p) == NULL) {
        uint8_t byte = (uint8_t)*p;
        if (byte == '%') {
            if (p[1] == '\0' || ferry_hex_decode(p + 1, 2, &byte, 1) != FERRY_OK || byte == 0)
                return FERRY_E_FORMAT;
            p += 2;
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        p++;
        *end++ = (char)byte;
    }
    if (!ferry_utf8_valid((ferry_text){.ptr = start, .len = (size_t)(end - start)}))
        return FERRY_E_FORMAT;
    *in = p;
    *out = end;
    *ret_text = start;
    return FERRY_OK;
}

/* Ends the text before *out. The stop itself was read already, so its place may be written over. */
static char terminate(char **in, char **out)
{
    char stop = **in;

    **out = '\0';
    (*out)++;
    if (stop != '\0')
        (*in)++;
    return stop;
}

static ferry_err parse_path(char **in, char **out, struct api_url *url, char *ret_stop)
{
    char stop = '/';

    while (stop == '/') {
        if (url->part_count == API_URL_PARTS_MAX)
            return FERRY_E_LIMIT;
        ferry_err err = decode_piece(in, "/?", false, out, &url->parts[url->part_count]);
        if (err != FERRY_OK)
            return err;
        url->part_count++;
        stop = terminate(in, out);
    }
    *ret_stop = stop;
    return FERRY_OK;
}

static ferry_err parse_params(char **in, char **out, struct api_url *url)
{
    char stop = '&';

    while (stop == '&') {
        if (url->param_count == API_URL_PARAMS_MAX)
            return FERRY_E_LIMIT;
        struct api_url_param *param = &url->params[url->param_count];
        ferry_err err = decode_piece(in, "=&", true, out, &param->name);
        if (err != FERRY_OK)
            return err;
        stop = terminate(in, out);
        param->value = "";
        if (stop == '=') {
            err = decode_piece(in, "&", true, out, &param->value);
            if (err != FERRY_OK)
                return err;
            stop = terminate(in, out);
        }
        if (param->name[0] != '\0' || param->value[0] != '\0')
            url->param_count++;
    }
    return FERRY_OK;
}

ferry_err api_url_parse(const char *target, struct api_url *url)
{
    size_t len = strlen(target);

    if (len > API_TARGET_MAX)
        return FERRY_E_LIMIT;
    if (target[0] != '/')
        return FERRY_E_FORMAT;
    url->part_count = 0;
    url->param_count = 0;
    /* The text is decoded in place: what is written never passes what is read. */
    memcpy(url->text, target + 1, len);
    char *in = url->text, *out = url->text;
    char stop;
    ferry_err err = parse_path(&in, &out, url, &stop);
    if (err == FERRY_OK && stop == '?')
        err = parse_params(&in, &out, url);
    return err;
}
