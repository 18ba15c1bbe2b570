/**
 * @file s3_xml.h
 * @brief Reads the answers of the store: elements with a text, one after the other.
 */
#ifndef OBJECTS_S3_XML_H
#define OBJECTS_S3_XML_H

#include "base/error.h"

#include <stddef.h>

enum { S3_XML_TEXT_MAX = 1100 }; /**< bytes of a text: keys have 1024; what is longer is cut */

/** @brief An element has ended. text: between its tags; empty when there were elements in it. */
typedef void s3_xml_element(void *arg, const char *name, const char *text);

/** @brief Calls element for each. @retval FERRY_E_FORMAT no XML, or not whole | FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err s3_xml_read(const char *bytes, size_t len, s3_xml_element *element, void *arg);

/** @brief Appends the text as an element holds it. */
struct ferry_buf;
FERRY_MUST_CHECK ferry_err s3_xml_write(struct ferry_buf *out, const char *text);

#endif
