/**
 * @file api_form.h
 * @brief The body of a form as an object of texts. Pure.
 */
#ifndef HTTP_API_FORM_H
#define HTTP_API_FORM_H

#include <jansson.h>
#include <stddef.h>

enum { API_FORM_FIELDS_MAX = 32, API_FORM_TEXT_MAX = 2048 };

/** @brief Of several fields of one name the first counts. Null: a bad escape, no UTF-8, a NUL, or beyond a limit above. */
json_t *api_form_read(const char *text, size_t len);

#endif
