#include "download_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void download_offer(struct machine *m, const char *type, const char *name, uint64_t size, const char *md5, const char *url)
{
    char text[1024];

    (void)snprintf(text, sizeof text, "{'type':'%s','size':%llu,'name':'%s','md5sum':'%s','url':'%s'}", type,
                   (unsigned long long)size, name, md5, url);
    machine_say(m, text);
}

void download_offer_again(struct machine *m, const char *url)
{
    machine_expect(m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m->payload, "get_download_task"));
    download_offer(m, "get_download_task_rsp", "f", FILE_SIZE, file_md5(), url);
}

void download_opened(struct machine *m, uint64_t usable)
{
    ferry_event event = {.kind = FERRY_EV_OPENED, .lane = FERRY_LANE_DOWN, .offset = usable};

    assert_int_equal(ferry_device_event(&m->device, m->now, &event), FERRY_DEVICE_OK);
}

void download_reopened(struct machine *m, uint64_t offset)
{
    assert_int_equal(machine_expect(m, FERRY_ACT_OPEN)->offset, offset);
    download_opened(m, offset);
}

void download_receive(struct machine *m, size_t len)
{
    machine_expect(m, FERRY_ACT_HTTP);
    assert_int_equal(machine_status(m, FERRY_LANE_DOWN, 200), FERRY_DEVICE_OK);
    assert_int_equal(machine_body(m, 0, len), FERRY_DEVICE_OK);
}

void download_lose_at(struct machine *m, size_t len)
{
    download_receive(m, len);
    assert_int_equal(machine_fault(m, FERRY_EV_HTTP_END, FERRY_LANE_DOWN, FERRY_FAULT_LOST), FERRY_DEVICE_OK);
    machine_sleep(m);
}

void download_commit_and_confirm(struct machine *m)
{
    assert_int_equal(machine_event(m, FERRY_EV_HTTP_END, FERRY_LANE_DOWN), FERRY_DEVICE_OK);
    assert_string_equal(machine_expect(m, FERRY_ACT_COMMIT)->name, "f");
    assert_int_equal(machine_event(m, FERRY_EV_COMMITTED, FERRY_LANE_DOWN), FERRY_DEVICE_OK);
    machine_confirm(m, FERRY_LANE_DOWN, "done", 0);
    machine_finish(m, FERRY_LANE_DOWN, FERRY_DEVICE_OK, false);
}
