/* Shared by the validators and the writer; private to proto. */
#ifndef PROTO_UTF8_H
#define PROTO_UTF8_H

#include <stddef.h>

/* Bytes of the well-formed UTF-8 character (RFC 3629) at p, of which len are there; 0: not one. */
size_t ferry__utf8_bytes(const char *p, size_t len);

#endif
