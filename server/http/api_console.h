/**
 * @file api_console.h
 * @brief The files of the web console, which are part of the program, and the headers that they are sent with.
 */
#ifndef HTTP_API_CONSOLE_H
#define HTTP_API_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/** @brief One file; console/embed.mjs writes the table of them. */
struct api_console_file {
    const char *name; /**< "" is the page itself; others are under /assets/ and have a hash in their name */
    const char *type;
    const char *etag; /**< with its quotes */
    const unsigned char *bytes;
    size_t len;
};

/** @brief What was built in. A program without the console has none: null and 0. */
extern const struct api_console_file *const api_console_files;
extern const size_t api_console_files_count;

/** @brief The page's policy for the browser: scripts, styles and requests of this origin only. */
extern const char api_console_policy[];

/** @brief The file of that name; null when there is none. Pure. */
const struct api_console_file *api_console_find(const struct api_console_file *files, size_t count, const char *name);

/** @brief Is the ETag one of those of an If-None-Match value (null: none was sent)? Pure. */
bool api_console_is_known(const char *if_none_match, const char *etag);

#endif
