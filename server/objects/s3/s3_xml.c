#include "s3_xml.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <expat.h>
#include <string.h>

FERRY_DEFINE_CLEANUP(XML_Parser, XML_ParserFree)

struct reading {
    s3_xml_element *element;
    void *arg;
    char text[S3_XML_TEXT_MAX + 1];
    size_t len;
};

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *r = user;
    (void)name;
    (void)attributes;
    r->len = 0;
}

static void XMLCALL on_text(void *user, const XML_Char *text, int len)
{
    struct reading *r = user;
    size_t part = (size_t)len < S3_XML_TEXT_MAX - r->len ? (size_t)len : S3_XML_TEXT_MAX - r->len;
    memcpy(r->text + r->len, text, part);
    r->len += part;
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    struct reading *r = user;
    r->text[r->len] = '\0';
    r->element(r->arg, name, r->text);
    r->len = 0;
}

ferry_err s3_xml_read(const char *bytes, size_t len, s3_xml_element *element, void *arg)
{
    struct reading r = {.element = element, .arg = arg};
    ferry_cleanup(XML_ParserFree) XML_Parser parser = XML_ParserCreate(NULL);
    if (parser == NULL)
        return FERRY_E_NOMEM;
    XML_SetUserData(parser, &r);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    return XML_Parse(parser, bytes, (int)len, 1) == XML_STATUS_OK ? FERRY_OK : FERRY_E_FORMAT;
}

ferry_err s3_xml_write(struct ferry_buf *out, const char *text)
{
    ferry_err err = FERRY_OK;
    for (; err == FERRY_OK && *text != '\0'; text++) {
        if (strchr("&<>\"'", *text) != NULL)
            err = ferry_buf_printf(out, "&#%d;", *text);
        else
            err = ferry_buf_append(out, text, 1);
    }
    return err;
}
