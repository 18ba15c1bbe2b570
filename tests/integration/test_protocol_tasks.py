"""DESIGN 4: what becomes of upload and download tasks, seen from a device and from the operator."""
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ferry import PATIENCE, ApiError, VendorDevice, vendor_get, vendor_put, wait_for_none

NO_OBJECT, CANCELLED = 9, 10
SILENCE_S = 0.3


def md5_of(data):
    return hashlib.md5(data).hexdigest()


def uploads(platform, device, **query):
    return platform.api.uploads(device.product, device.device, **query)


def deploy(platform, device, name, data):
    platform.api.resource_add(device.product, name, data)
    return platform.api.deploy(device.product, name, [device.device])


def state_of(platform, deployment, device):
    return platform.api.download_task(deployment["id"], device.device)["state"]


def running(device, offer, percent=0):
    """Reports downloading; gives the result code."""
    device.report_download(offer["name"], "downloading", percent)
    return device.wait("report_download_progress_rsp")["result_code"]


# --- uploads ------------------------------------------------------------------------------------------------


def test_an_upload_goes_from_created_over_uploading_and_stored_to_done(platform, device):
    data = os.urandom(1000)
    answer = device.request_upload("a", data)
    (task,) = uploads(platform, device)
    assert task["state"] == "created"
    device.report_upload("a", "uploading", 0)
    device.wait("report_upload_progress_rsp")
    assert platform.api.upload(task["id"])["state"] == "uploading"
    assert device.put(answer, data).status == 200
    assert platform.api.upload(task["id"])["state"] == "stored", "before the 200, as the engine commits first"
    assert device.upload_verdict("a")["result_code"] == 0
    assert platform.api.upload(task["id"])["state"] == "done"


def test_create_upload_task_is_idempotent_while_the_task_is_open(platform, device):
    """`create_upload_task` is idempotent by (device, name, size, md5) while a task is open: same task, fresh URL."""
    data = b"the same"
    first = device.request_upload("a", data)
    time.sleep(1.1)  # the expiry in a URL is in seconds
    second = device.request_upload("a", data)
    assert second["url"] != first["url"], "fresh"
    assert len(uploads(platform, device)) == 1
    assert device.put(second, data).status == 200
    assert vendor_put(first["url"], data, first["md5sum"]).status == 200, "the same bytes again"
    assert len(uploads(platform, device)) == 1


def test_other_devices_with_the_same_file_have_tasks_of_their_own(platform, device, make_device):
    other = make_device()
    data = b"the same"
    assert device.request_upload("a", data)["url"] != other.request_upload("a", data)["url"]
    assert device.put(device.request_upload("a", data), data).status == 200
    assert other.upload_verdict("a")["result_code"] == NO_OBJECT


@pytest.mark.parametrize("new", [b"other content", b"the old content!"[::-1]], ids=["other size", "same size"])
def test_a_request_with_other_content_replaces_the_open_one(platform, device, new):
    """A new request with the same name and other content replaces the open one."""
    old = b"the old content!"
    first = device.request_upload("a", old)
    second = device.request_upload("a", new)
    assert second["url"]
    states = {task["md5"]: task["state"] for task in uploads(platform, device)}
    assert states == {md5_of(old): "cancelled", md5_of(new): "created"}
    assert vendor_put(first["url"], old, first["md5sum"]).status == 404
    assert vendor_put(second["url"], new, second["md5sum"]).status == 200
    assert device.upload_verdict("a")["result_code"] == 0


def test_slots_do_not_leak(platform, device):
    """It can never block the device ("slots" do not leak)."""
    for number in range(40):  # far over the 16 that may be open
        answer = device.request_upload("a", b"x" * (number + 1))
        assert answer["url"], f"request {number}: {answer}"
    open_tasks = [task for task in uploads(platform, device) if task["state"] in ("created", "uploading")]
    assert len(open_tasks) == 1
    for number in range(40):
        device.request_upload(f"f{number}", b"abc")
        device.report_upload(f"f{number}", "fail", code=-1)
        device.wait("report_upload_progress_rsp")
    assert device.request_upload("last", b"abc")["url"]


def test_done_is_accepted_only_when_the_object_is_there(platform, device):
    """A device that says `done` with no object gets a non-zero `result_code`."""
    data = b"abc"
    answer = device.request_upload("a", data)
    assert device.upload_verdict("a")["result_code"] == NO_OBJECT
    (task,) = uploads(platform, device)
    assert task["state"] in ("created", "uploading")
    assert device.put(answer, data).status == 200
    assert device.upload_verdict("a")["result_code"] == 0


def test_a_device_that_dies_after_the_last_byte_loses_nothing(platform, device):
    """A device that dies after the last byte loses nothing: the task is `stored` without it."""
    data = os.urandom(5000)
    answer = device.request_upload("a", data)
    assert device.put(answer, data).status == 200
    device.drop()
    (task,) = uploads(platform, device)
    assert task["state"] == "stored"
    assert platform.api.upload_bytes(task["id"]) == data


def test_a_device_that_dies_before_the_last_byte_leaves_nothing(platform, device):
    data = os.urandom(5000)
    answer = device.request_upload("a", data)
    device.put(answer, data, stop_after=4999)
    (task,) = uploads(platform, device)
    assert task["state"] in ("created", "uploading")
    with pytest.raises(ApiError) as refused:
        platform.api.upload_bytes(task["id"])
    assert refused.value.status in (404, 409)
    assert wait_for_none(platform.temporary_files, 5) == []


def test_the_same_bytes_twice_are_200_twice(device):
    """Same bytes again: `200` again."""
    data = os.urandom(5000)
    answer = device.request_upload("a", data)
    for _ in range(3):
        assert device.put(answer, data).status == 200
    assert device.upload_verdict("a")["result_code"] == 0
    assert device.put(answer, data).status == 200, "also after done"


def test_two_puts_of_the_same_bytes_at_once(platform, device):
    """A device that lost its network is back before the platform has noticed: the old request and the new one meet."""
    data = os.urandom(400_000)
    answer = device.request_upload("a", data)
    with ThreadPoolExecutor(4) as pool:
        statuses = [http.status for http in pool.map(lambda _: device.put(answer, data), range(4))]
    assert statuses == [200] * 4
    assert device.upload_verdict("a")["result_code"] == 0
    (task,) = uploads(platform, device)
    assert platform.api.upload_bytes(task["id"]) == data


def test_a_device_uploads_several_files_at_once(platform, device):
    contents = {f"file {number}": os.urandom(50_000 + number) for number in range(8)}
    answers = {name: device.request_upload(name, data) for name, data in contents.items()}
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda name: device.put(answers[name], contents[name]).status, contents))
    assert statuses == [200] * 8
    assert [device.upload_verdict(name)["result_code"] for name in contents] == [0] * 8
    kept = {task["name"]: platform.api.upload_bytes(task["id"]) for task in uploads(platform, device)}
    assert kept == contents


def test_other_bytes_never_replace_what_was_verified(platform, device):
    data = b"verified"
    answer = device.request_upload("a", data)
    assert device.put(answer, data).status == 200
    assert vendor_put(answer["url"], b"tampered", answer["md5sum"]).status == 400
    (task,) = uploads(platform, device)
    assert platform.api.upload_bytes(task["id"]) == data


def test_every_upload_is_a_version_of_its_own(platform, device):
    """Every upload is kept as its own version; the newest finished one answers by name."""
    contents = [b"version 1", b"version 2", b"version 3!"]
    for data in contents:
        assert device.upload("log", data).verdict["result_code"] == 0
    device.request_upload("log", b"unfinished")
    tasks = uploads(platform, device)
    assert sorted(task["state"] for task in tasks) == ["created", "done", "done", "done"]
    kept = {platform.api.upload_bytes(task["id"]) for task in tasks if task["state"] == "done"}
    assert kept == set(contents)
    newest = max((task for task in tasks if task["state"] == "done"), key=lambda task: task["id"])
    assert platform.api.upload_bytes(newest["id"]) == contents[-1]


def test_a_removed_upload_is_gone_for_the_operator_and_for_the_device(platform, device):
    device.upload("a", b"abc")
    (task,) = uploads(platform, device)
    platform.api.upload_remove(task["id"])
    assert uploads(platform, device) == []
    with pytest.raises(ApiError) as refused:
        platform.api.upload_bytes(task["id"])
    assert refused.value.status == 404
    assert device.upload("a", b"abc").verdict["result_code"] == 0, "it may come again"


@pytest.mark.parametrize("how", ["removed by the operator", "replaced by the device"])
def test_an_upload_that_ends_while_its_bytes_arrive_is_refused(platform, device, how):
    """Unknown or cancelled task `404`; nothing is left behind (DESIGN 5)."""
    data = os.urandom(80_000)  # 64 KiB and more are shown as uploading while they arrive
    answer = device.request_upload("a", data)
    (task,) = uploads(platform, device)
    with ThreadPoolExecutor(1) as pool:
        put = pool.submit(device.put, answer, data, paced=True)
        platform.api.wait_upload(task["id"], "uploading")
        if how == "removed by the operator":
            platform.api.upload_remove(task["id"])
            assert device.wait("upload_result")["report"]["progress"]["result_code"] == CANCELLED
        else:
            assert device.request_upload("a", b"something else")["url"]
        assert put.result().status == 404
    assert [each["state"] for each in uploads(platform, device) if each["md5"] == md5_of(data)] in ([], ["cancelled"])
    assert wait_for_none(platform.temporary_files, 5) == []
    assert vendor_put(answer["url"], data, answer["md5sum"]).status == 404


def test_a_finished_upload_survives_a_restart(own_platform):
    with VendorDevice(own_platform, own_platform.new_device()) as device:
        data = os.urandom(100_000)
        device.upload("a", data)
        answer = device.request_upload("b", b"later")
        device.disconnect()
        own_platform.restart()
        device.connect()
        assert vendor_put(answer["url"], b"later", answer["md5sum"]).status == 200, "the URL is still good"
        assert device.upload_verdict("b")["result_code"] == 0
        contents = {own_platform.api.upload_bytes(task["id"]) for task in uploads(own_platform, device)}
        assert contents == {data, b"later"}


# --- downloads ---------------------------------------------------------------------------------------------------


def test_one_download_at_a_time_and_the_next_at_once(platform, device):
    """One at a time per device. Pushed only to a device that has none running; when one ends, the next is offered at
    once."""
    deployments = [deploy(platform, device, f"r{number}", b"x" * (number + 1)) for number in range(3)]
    offer = device.wait("download")
    assert offer["name"] == "r0"
    device.expect_silence(SILENCE_S, "download")
    assert running(device, offer) == 0
    states = [state_of(platform, deployment, device) for deployment in deployments]
    assert states == ["downloading", "queued", "queued"]
    for number in range(3):
        assert offer["name"] == f"r{number}"
        started = time.monotonic()
        assert device.download(offer)[2]["result_code"] == 0
        if number < 2:
            offer = device.wait("download", 2 * PATIENCE)
            assert time.monotonic() - started < 2 * PATIENCE
    assert [state_of(platform, deployment, device) for deployment in deployments] == ["done"] * 3
    device.expect_silence(SILENCE_S, "download")


def test_the_next_is_offered_after_a_failure_too(platform, device):
    first, second = (deploy(platform, device, name, b"abc") for name in ("r1", "r2"))
    offer = device.wait("download")
    device.report_download("r1", "fail", code=-4)
    assert device.wait("report_download_progress_rsp")["result_code"] == 0
    assert device.wait("download")["name"] == "r2"
    assert [state_of(platform, each, device) for each in (first, second)] == ["failed", "offered"]
    assert offer["name"] == "r1"


def test_get_download_task_gives_the_oldest_open_one_with_a_fresh_url(platform, device):
    """`get_download_task` is answered with the oldest open one, and with a fresh URL each time."""
    deploy(platform, device, "r1", b"one")
    deploy(platform, device, "r2", b"two")
    device.wait("download")
    first = device.request_download()
    time.sleep(1.1)
    second = device.request_download()
    assert first["name"] == second["name"] == "r1"
    assert first["url"] != second["url"]
    for offer in (first, second):
        assert vendor_get(offer["url"], 3).body == b"one"


def test_a_device_that_was_away_asks_and_gets_its_file(platform, make_device):
    device = make_device(connect=False)
    deploy(platform, device, "r", b"abc")
    device.connect()
    _, data, verdict = device.download()
    assert data == b"abc" and verdict["result_code"] == 0


def test_a_download_is_for_its_device_alone(platform, device, make_device):
    other = make_device()
    deploy(platform, device, "r", b"abc")
    device.wait("download")
    other.get_download_task()
    other.expect_silence(SILENCE_S)


def test_done_ends_a_download_without_any_report_before(platform, device):
    """What the device says last counts, however little was heard of it before."""
    deployment = deploy(platform, device, "r", b"abc")
    device.wait("download")
    assert device.download_verdict("r")["result_code"] == 0
    assert state_of(platform, deployment, device) == "done"


@pytest.mark.parametrize("name", ["fw", "firmware-with-a-name-longer-than-31-bytes"])
def test_a_repeated_done_does_not_finish_the_next_version(platform, device, name):
    """What nobody fetched is not done: a repeated report, as QoS 1 allows, must not end the next task of that name."""
    old = deploy(platform, device, name, b"version 1")
    new = deploy(platform, device, name, b"version two")
    assert device.download(device.wait("download"))[1] == b"version 1"
    offer = device.wait("download")
    assert device.download_verdict(name)["result_code"] == 0
    assert [state_of(platform, each, device) for each in (old, new)] == ["done", "offered"]
    assert device.download(offer)[1] == b"version two"
    assert [state_of(platform, each, device) for each in (old, new)] == ["done", "done"]


def test_cancelling_a_download_revokes_its_url_and_stops_the_device(platform, device):
    """Cancelling revokes the URL at once, and the next progress report is answered with a non-zero `result_code`, which
    makes the vendor's devices abort."""
    deployment = deploy(platform, device, "r", b"x" * 10000)
    offer = device.wait("download")
    assert running(device, offer) == 0
    assert vendor_get(offer["url"], 10000).status == 206
    platform.api.deployment_cancel(deployment["id"])
    assert vendor_get(offer["url"], 10000).status in (403, 404)
    assert running(device, offer, 50) == CANCELLED
    assert state_of(platform, deployment, device) == "cancelled"
    device.get_download_task()
    device.expect_silence(SILENCE_S)


def test_cancelling_one_task_leaves_the_others(platform, device, make_device):
    other = make_device()
    platform.api.resource_add(device.product, "r", b"abc")
    deployment = platform.api.deploy(device.product, "r", [device.device, other.device])
    device.wait("download"), other.wait("download")
    task = platform.api.download_task(deployment["id"], device.device)
    platform.api.download_cancel(deployment["id"], task["id"])
    assert device.download_verdict("r")["result_code"] != 0
    assert other.download_verdict("r")["result_code"] == 0
    assert [state_of(platform, deployment, each) for each in (device, other)] == ["cancelled", "done"]


def test_the_next_is_offered_when_the_running_one_is_cancelled(platform, device):
    first = deploy(platform, device, "r1", b"abc")
    deploy(platform, device, "r2", b"abc")
    assert running(device, device.wait("download")) == 0
    platform.api.deployment_cancel(first["id"])
    assert device.wait("download")["name"] == "r2"


def test_an_offer_of_a_finished_download_may_be_fetched_again(platform, device):
    """Vendor devices fetch again: a device that lost the answer to `done` starts over."""
    deploy(platform, device, "r", b"abc")
    offer, _, _ = device.download(device.wait("download"))
    assert vendor_get(offer["url"], 3).body == b"abc"


def test_a_push_is_repeated_with_back_off_and_ends_with_the_first_sign_of_life(make_platform):
    """A push that brought no sign of life is repeated with back-off."""
    platform = make_platform("--push-retry-first", "1", "--push-retry-max", "60")
    with VendorDevice(platform, platform.new_device()) as device:
        deployment = deploy(platform, device, "r", b"abc")
        times = []
        for _ in range(3):
            offer = device.wait("download", 6 * PATIENCE)
            times.append(time.monotonic())
        assert 0.7 < times[1] - times[0] < 2 * PATIENCE, "a second after the first"
        assert 2.7 < times[2] - times[0] < 5 * PATIENCE, "and two seconds after that"
        assert running(device, offer) == 0
        device.forget()
        device.expect_silence(4.5, "download")
        assert state_of(platform, deployment, device) == "downloading"


def test_open_downloads_survive_a_sudden_death(own_platform):
    with VendorDevice(own_platform, own_platform.new_device()) as device:
        deployment = deploy(own_platform, device, "r", b"abc")
        offer = device.wait("download")
        assert running(device, offer) == 0
        own_platform.kill9()
        own_platform.start()
        assert state_of(own_platform, deployment, device) == "downloading"
        assert vendor_get(offer["url"], 3).body == b"abc", "the URL is still good"
        device.report_download("r", "done")
        assert device.wait("report_download_progress_rsp", 10)["result_code"] == 0


def test_a_new_version_of_a_resource_is_what_new_deployments_deliver(platform, device):
    old = deploy(platform, device, "r", b"old version")
    offer = device.wait("download")
    new = deploy(platform, device, "r", b"new version!")
    assert device.download(offer)[1] == b"old version", "the running one stays what it was"
    offer = device.wait("download")
    assert device.download(offer)[1] == b"new version!"
    assert [state_of(platform, each, device) for each in (old, new)] == ["done", "done"]


def test_retention_keeps_the_versions_it_should(make_platform):
    """Retention is a setting."""
    platform = make_platform("--retention-days", "90")
    with VendorDevice(platform, platform.new_device()) as device:
        device.upload("log", b"kept")
        device.disconnect()
        platform.restart()
        (task,) = uploads(platform, device)
        assert platform.api.upload_bytes(task["id"]) == b"kept"
        device.connect()


# --- what takes its time (long mode) -----------------------------------------------------------------------------


@pytest.mark.slow
def test_an_expired_url_is_refused_and_asking_again_helps(make_platform):
    """Upload task ends: `expired`. `403` for an expired URL."""
    platform = make_platform("--url-life", "60")
    with VendorDevice(platform, platform.new_device()) as device:
        upload = device.request_upload("a", b"abc")
        deploy(platform, device, "r", b"abc")
        offer = device.wait("download")
        time.sleep(62)
        assert device.put(upload, b"abc").status == 403
        assert vendor_get(offer["url"], 3).status == 403
        (task,) = uploads(platform, device)
        assert task["state"] == "expired"
        assert device.upload_verdict("a")["result_code"] == NO_OBJECT
        assert device.upload("a", b"abc").verdict["result_code"] == 0
        assert device.download()[1] == b"abc", "get_download_task brings a fresh URL"


@pytest.mark.slow
def test_transfers_at_the_vendors_pace_outlive_their_urls(make_platform):
    """It sends 5000 bytes each 100 ms, about 50 kB/s: time-outs and URL lives must allow that (5 MiB is 2 minutes)."""
    platform = make_platform("--url-life", "60")
    with VendorDevice(platform, platform.new_device()) as device:
        data = os.urandom(5 << 20)
        deploy(platform, device, "r", data)
        offer = device.wait("download")
        upload = device.request_upload("a", data)
        with ThreadPoolExecutor(1) as pool:
            fetched = pool.submit(vendor_get, offer["url"], len(data), paced=True)
            assert device.put(upload, data, paced=True).status == 200
            assert fetched.result().body == data
        assert device.upload_verdict("a")["result_code"] == 0
        assert device.download_verdict("r")["result_code"] == 0


@pytest.mark.slow
def test_a_device_that_says_nothing_times_out_and_may_still_finish(make_platform):
    """Download task ends: `timed_out`; the device's word that it has the file is better than our belief."""
    platform = make_platform()
    with VendorDevice(platform, platform.new_device()) as device:
        platform.api.resource_add(device.product, "r", b"abc")
        deployment = platform.api.deploy(device.product, "r", [device.device], timeout_s=60)
        device.wait("download")
        platform.api.wait_download(deployment["id"], device.device, "timed_out", 75)
        assert device.download_verdict("r")["result_code"] == 0
        assert state_of(platform, deployment, device) == "done"
