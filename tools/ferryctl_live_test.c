#include "ferryctl_live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define BAR_0 "[....................]"
#define BAR_50 "[##########..........]"
#define BAR_100 "[####################]"

static void the_picture_has_a_bar_for_all_and_one_for_each(void **state)
{
    static const struct {
        const char *counts, *tasks;
        size_t width;
        const char *picture;
    } rows[] = {
        {"{\"total\":0}", "[]", 79, BAR_0 "   0 %  words"},
        {"{\"total\":2,\"done\":2}", "[]", 79, BAR_100 " 100 %  words"},
        {"{\"total\":4,\"done\":1,\"failed\":1,\"queued\":1,\"downloading\":1}",
         "[{\"device\":\"d-1\",\"state\":\"downloading\",\"percent\":50}]", 79,
         BAR_50 "  50 %  words\n" BAR_50 "  50 %  d-1                       downloading"},
        {"{\"total\":1,\"offered\":1}",
         "[{\"device\":\"0123456789012345678901234567\",\"state\":\"offered\",\"percent\":900}]", 79,
         BAR_0 "   0 %  words\n" BAR_100 " 100 %  012345678901234567890123  offered"},
        {"{\"total\":1,\"offered\":1}", "[{\"device\":\"d\",\"state\":\"offered\",\"percent\":0}]", 40,
         BAR_0 "   0 %  words\n" BAR_0 "   0 %  d         "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *deployment = json_pack("{s:o}", "counts", json_loads(rows[i].counts, 0, NULL));
        json_t *tasks = json_loads(rows[i].tasks, 0, NULL);
        struct ferry_buf picture = FERRY_BUF_INIT(4096);

        assert_int_equal(ctl_live_text(deployment, "words", tasks, rows[i].width, &picture), FERRY_OK);
        assert_string_equal(picture.data, rows[i].picture);
        ferry_buf_done(&picture);
        json_decref(tasks);
        json_decref(deployment);
    }
}

static void a_task_without_device_or_state_is_no_task(void **state)
{
    json_t *deployment = json_object(), *tasks = json_pack("[{s:s}]", "device", "d");
    struct ferry_buf picture = FERRY_BUF_INIT(4096);

    (void)state;
    assert_int_equal(ctl_live_text(deployment, "words", tasks, 79, &picture), FERRY_E_FORMAT);
    ferry_buf_done(&picture);
    json_decref(tasks);
    json_decref(deployment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_picture_has_a_bar_for_all_and_one_for_each),
        cmocka_unit_test(a_task_without_device_or_state_is_no_task),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
