#include "s3_xml.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void append(void *arg, const char *name, const char *text)
{
    assert_int_equal(ferry_buf_printf(arg, "%s=%s;", name, text), FERRY_OK);
}

static void elements_come_with_their_texts(void **state)
{
    (void)state;
    static const char list[] = "<?xml version=\"1.0\"?><List xmlns=\"urn:x\"><Key>a&amp;b</Key><Owner><ID>1</ID></Owner><Empty/></List>";
    ferry_autobuf out = FERRY_BUF_INIT(1000);
    assert_int_equal(s3_xml_read(list, strlen(list), append, &out), FERRY_OK);
    assert_string_equal(out.data, "Key=a&b;ID=1;Owner=;Empty=;List=;");
}

static void what_is_no_xml_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "<html><body>no<br></body></html>", "<a><b></a>", "<a>", "502 Bad Gateway"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ferry_autobuf out = FERRY_BUF_INIT(1000);
        assert_int_equal(s3_xml_read(texts[i], strlen(texts[i]), append, &out), FERRY_E_FORMAT);
    }
}

static void take_length(void *arg, const char *name, const char *text)
{
    (void)name;
    *(size_t *)arg = strlen(text);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    char text[S3_XML_TEXT_MAX + 500];
    size_t len = 0;
    memset(text, 'x', sizeof text);
    memcpy(text, "<a>", 3);
    memcpy(text + sizeof text - 4, "</a>", 4);
    assert_int_equal(s3_xml_read(text, sizeof text, take_length, &len), FERRY_OK);
    assert_int_equal(len, S3_XML_TEXT_MAX);
}

static void written_text_is_read_as_it_was(void **state)
{
    (void)state;
    ferry_autobuf text = FERRY_BUF_INIT(1000), out = FERRY_BUF_INIT(1000);
    assert_int_equal(ferry_buf_append_str(&text, "<a>"), FERRY_OK);
    assert_int_equal(s3_xml_write(&text, "<\"&'>"), FERRY_OK);
    assert_int_equal(ferry_buf_append_str(&text, "</a>"), FERRY_OK);
    assert_int_equal(s3_xml_read(text.data, text.len, append, &out), FERRY_OK);
    assert_string_equal(out.data, "a=<\"&'>;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_with_their_texts),
        cmocka_unit_test(what_is_no_xml_is_refused),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(written_text_is_read_as_it_was),
    };
    return cmocka_run_group_tests_name("s3_xml", tests, NULL, NULL);
}
