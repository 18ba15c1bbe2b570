/** @file http_text.h  @brief The heads of HTTP as text: what the device wrote is read, and what it reads is written. */
#ifndef SIM_HTTP_TEXT_H
#define SIM_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_HEAD_MAX = 1400 };

struct http_request_text {
    char text[HTTP_HEAD_MAX]; /* taken to pieces: lines end with NUL */
    const char *method, *target;
    const char *content_length, *content_md5, *content_type, *upload_offset, *tus_resumable, *range, *if_range;
};

/** text is filled in; the rest is made of it. False when it is no head. */
bool http_request_read(struct http_request_text *r, size_t len);

/** Writes a status line, and what follows it as printf does; ends with the empty line. */
void http_head_write(char out[HTTP_HEAD_MAX], unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
