#include "http_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Ends the line at p with a NUL; what follows it, or null. */
static char *next_line(char *p)
{
    char *end = strstr(p, "\r\n");
    if (end == NULL)
        return NULL;
    *end = '\0';
    return end + 2;
}

static void take_field(struct http_request_text *r, char *line)
{
    const struct {
        const char *name;
        const char **to;
    } fields[] = {
        {"Content-Length", &r->content_length},
        {"Content-MD5", &r->content_md5},
        {"Content-Type", &r->content_type},
        {"Upload-Offset", &r->upload_offset},
        {"Tus-Resumable", &r->tus_resumable},
        {"Range", &r->range},
        {"If-Range", &r->if_range},
    };
    char *value = strchr(line, ':');
    if (value == NULL)
        return;
    *value++ = '\0';
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcasecmp(line, fields[i].name) == 0)
            *fields[i].to = value + strspn(value, " ");
    }
}

bool http_request_read(struct http_request_text *r, size_t len)
{
    if (len >= sizeof r->text)
        return false;
    r->text[len] = '\0';
    char *line = r->text, *rest = next_line(line);
    char *target = rest != NULL ? strchr(line, ' ') : NULL;
    char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
    if (version == NULL)
        return false;
    *target = *version = '\0';
    r->method = line;
    r->target = target + 1;
    while ((line = rest) != NULL && *line != '\0' && *line != '\r') {
        rest = next_line(line);
        take_field(r, line);
    }
    return line != NULL;
}

void http_head_write(char out[HTTP_HEAD_MAX], unsigned status, const char *format, ...)
{
    va_list args;
    int len = snprintf(out, HTTP_HEAD_MAX, "HTTP/1.1 %u x\r\n", status);
    va_start(args, format);
    len += vsnprintf(out + len, HTTP_HEAD_MAX - (size_t)len, format, args);
    va_end(args);
    (void)snprintf(out + len, HTTP_HEAD_MAX - (size_t)len, "\r\n");
}
