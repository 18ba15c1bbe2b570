"""The wall clock is set: back an hour, forward an hour. Only ferryd sees it (fault_shim.c)."""
from ferry import VendorDevice, vendor_put, wait_for

HOUR = 3600


def created(api):
    return [row["created_at"] for row in sorted(api.uploads(), key=lambda row: row["id"])]


def test_a_clock_set_back_an_hour_changes_nothing_for_anybody(make_platform, faults):
    platform = make_platform("--push-retry-first", 1, env=faults.environment())
    with VendorDevice(platform, platform.new_device()) as device:
        before = device.request_upload("before", b"content")
        device.upload("first", b"1")
        faults.move_clock(-HOUR)

        put = vendor_put(before["url"], b"content", before["md5sum"])
        assert put.status == 200, "an old URL is as good as before"
        assert device.upload_verdict("before")["result_code"] == 0
        assert device.upload("after", b"2").verdict["result_code"] == 0
        times = created(platform.api)
        assert len(times) == 3 and times == sorted(times), "time went back in the records"

        # timers go on: an offer without a sign of life is repeated
        platform.api.resource_add(device.product, "pack", b"p" * 1000)
        platform.api.deploy(device.product, "pack", [device.device])
        device.wait("download")
        device.wait("download", timeout_s=10)
        _, data, verdict = device.download()
        assert data == b"p" * 1000 and verdict["result_code"] == 0


def test_a_start_with_the_clock_an_hour_behind_goes_on_where_time_had_got_to(make_platform, faults):
    platform = make_platform(env=faults.environment())
    platform.pin_ports()
    with VendorDevice(platform, platform.new_device()) as device:
        answer = device.request_upload("before", b"content")
    platform.stop()
    faults.move_clock(-HOUR)
    platform.start()
    assert vendor_put(answer["url"], b"content", answer["md5sum"]).status == 200
    with VendorDevice(platform, device.credential) as again:
        assert again.upload("after", b"2").verdict["result_code"] == 0
    times = created(platform.api)
    assert len(times) == 2 and times == sorted(times)


def test_a_clock_set_forward_ends_old_urls_and_a_new_one_is_had_for_the_asking(make_platform, faults):
    platform = make_platform("--url-life", "600s", env=faults.environment())
    with VendorDevice(platform, platform.new_device()) as device:
        old = device.request_upload("log", b"content")
        faults.move_clock(HOUR)
        assert wait_for(lambda: device.put(old, b"content").status == 403, 5, "the URL's end")
        assert device.upload("log", b"content").verdict["result_code"] == 0
        # back again: the platform's time goes on from the later one, and nobody has to wait
        faults.move_clock(0)
        assert device.upload("log", b"new content").verdict["result_code"] == 0
