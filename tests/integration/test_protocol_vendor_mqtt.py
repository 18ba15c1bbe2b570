"""PROTOCOL 3.1, bullet by bullet: what devices on the vendor's C SDK do over MQTT. Each docstring quotes its bullet.

VendorDevice checks every downlink in every test of this suite; here each rule gets a case that provokes it.
"""
import hashlib
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ferry import (PATIENCE, ApiError, DeviceCredential, VendorDevice, unique_name, vendor_password, vendor_put,
                   vendor_username, wait_for)
from vendor_checks import PACKET_MAX, packet_bytes
from vendor_device import DEMO_NAME_MAX, percent_of, progress_name

NO_OBJECT = 9
FAIL_TWICE_GAP_S = 0.2
BROKER_BACK_MAX_S = 10


def md5_of(data):
    return hashlib.md5(data).hexdigest()


def deliver(platform, device, name, data):
    """Adds a resource and deploys it to the device; gives the deployment."""
    platform.api.resource_add(device.product, name, data)
    return platform.api.deploy(device.product, name, [device.device])


# --- connecting -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("product_length, device_length", [(1, 1), (10, 48)])
def test_client_id_is_product_and_device_without_separator(platform, product_length, device_length):
    """Client id `{product}{device}` without separator (product <= 10, device <= 48 characters), clean session,
    keep-alive 120 s, no will."""
    product = platform.new_product(unique_name("p", product_length) if product_length > 1 else "Q")
    credential = platform.new_device(product, unique_name("d", device_length) if device_length > 1 else "7")
    with VendorDevice(platform, credential) as device:
        assert device.upload("hello", b"hello").verdict["result_code"] == 0


def test_two_devices_whose_joined_names_are_equal_are_told_apart(platform):
    """Client id `{product}{device}` without separator: "ab"+"c1" and "abc"+"1" have the same user name; the
    secret tells which one it is."""
    stem = unique_name("x", 7)
    one = platform.new_device(platform.new_product(stem), "c1")
    other = platform.new_device(platform.new_product(stem + "c"), "1")
    with VendorDevice(platform, one) as first:
        assert first.upload("one", b"1").verdict["result_code"] == 0
    with VendorDevice(platform, other) as second:
        assert second.upload("other", b"2").verdict["result_code"] == 0
    names = [[task["name"] for task in platform.api.uploads(each.product, each.device)] for each in (one, other)]
    assert names == [["one"], ["other"]]


@pytest.mark.parametrize("method", ["sha1", "sha256"])
@pytest.mark.parametrize("application, expiry", [
    ("21010406", "92233720368547758"), ("12010126", "92233720368547758"), ("", "92233720368547758"), ("21010406", "nonsense"),
    ("21010406", "4102444800"), ("21010406", "9" * 40),
])
def test_credential(platform, make_device, method, application, expiry):
    """Credential. User name `{product}{device};21010406;{5 random alphanumerics};{expiry}`; password = lower-case hex
    of HMAC-SHA1(...) + `;hmacsha1`. Accept `;hmacsha256` likewise, and any application id in the second field.
    Expiry is decimal Unix seconds or nonsense."""
    device = make_device(connect=False)
    username = vendor_username(device.product, device.device, application=application, expiry=expiry)
    password = vendor_password(device.credential.secret, username, method)
    with VendorDevice(platform, device.credential, username=username, password=password) as same:
        same.request_upload("hello", b"hello")


def test_credential_of_the_published_example(platform):
    """Example: secret `MDEyMzQ1Njc4OWFiY2RlZg==`, user `PRODTEST01base1;21010406;2GkPl;92233720368547758`, password
    `68e0a67c41d8a476951369100e5c664c614b84c1;hmacsha1`."""
    platform.api.product_add("PRODTEST01")
    platform.api.device_add("PRODTEST01", "base1", secret="MDEyMzQ1Njc4OWFiY2RlZg==")
    credential = DeviceCredential("PRODTEST01", "base1", "MDEyMzQ1Njc4OWFiY2RlZg==")
    with VendorDevice(platform, credential, username="PRODTEST01base1;21010406;2GkPl;92233720368547758",
                      password="68e0a67c41d8a476951369100e5c664c614b84c1;hmacsha1") as device:
        assert device.upload("hello", b"hello").verdict["result_code"] == 0


def wrong_credentials(credential):
    user = vendor_username(credential.product, credential.device)
    good = vendor_password(credential.secret, user)
    return {
        "wrong secret": (user, vendor_password("d3Jvbmc=", user)),
        "no method": (user, good.partition(";")[0]),
        "unknown method": (user, good.partition(";")[0] + ";hmacmd5"),
        "method of the other hash": (user, good.partition(";")[0] + ";hmacsha256"),
        "another random field than the signed one": (user.replace(";21010406;", ";21010406;z"), good),
        "signed for another device": (user, vendor_password(credential.secret, "x" + user)),
        "upper case": (user, good.upper()),
        "one digit short": (user, good[1:]),
        "empty": (user, ";hmacsha1"),
        "unknown device": ("nobody" + user, vendor_password(credential.secret, "nobody" + user)),
        "empty user name": (";;;", vendor_password(credential.secret, ";;;")),
    }


def test_a_refusal_ends_the_program_so_only_wrong_credentials_are_refused(platform, make_device):
    """CONNACK within 5 s; a refusal ends the program."""
    device = make_device(connect=False)
    for what, (username, password) in wrong_credentials(device.credential).items():
        impostor = VendorDevice(platform, device.credential, username=username, password=password)
        with pytest.raises(ConnectionRefusedError):
            impostor.connect()
            pytest.fail(f"accepted: {what}")
    device.connect()


def test_an_expired_credential_is_refused(platform, make_device):
    """Expiry is decimal Unix seconds or nonsense: a plain past date is neither never nor nonsense."""
    device = make_device(connect=False)
    username = vendor_username(device.product, device.device, expiry=str(int(time.time()) - 86400))
    password = vendor_password(device.credential.secret, username)
    with pytest.raises(ConnectionRefusedError):
        VendorDevice(platform, device.credential, username=username, password=password).connect()


def test_the_random_field_is_not_one_time(own_platform):
    """The random field cannot be one-time: Mosquitto asks the plugin again for every connected client on SIGHUP."""
    with VendorDevice(own_platform, own_platform.new_device()) as device:
        assert device.upload("before", b"1").verdict["result_code"] == 0
        os.kill(own_platform.broker_pid, signal.SIGHUP)
        device.disconnect()
        device.connect()
        for number in range(3):
            os.kill(own_platform.broker_pid, signal.SIGHUP)
            assert device.upload(f"after {number}", b"2").verdict["result_code"] == 0
        assert device.connected


def test_connack_and_suback_come_in_time_when_many_connect(platform, product):
    """SUBACK must come within 2 s, CONNACK within 5 s."""
    credentials = [platform.new_device(product) for _ in range(40)]

    def connect(credential):
        with VendorDevice(platform, credential) as device:  # asserts both times
            return device.request_upload("hello", b"hello")["url"]
    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(connect, credentials))


def test_connack_and_suback_come_in_time_while_ferryd_is_stopped(own_platform):
    """SUBACK must come within 2 s, CONNACK within 5 s; a refusal ends the program (so the plugin must not need ferryd)."""
    credential = own_platform.new_device()
    own_platform.pause()
    try:
        device = VendorDevice(own_platform, credential).connect()
        device.create_upload_task("hello", 5, md5_of(b"hello"))
    finally:
        own_platform.resume()
    assert device.wait("create_upload_task_rsp")["url"]
    device.close()


# --- what a device can bear -----------------------------------------------------------------------------------


def test_no_answer_vanishes_after_a_reconnect(device):
    """Send downlinks at QoS 0. The device drops any QoS 1 packet whose id is among the last ten it saw, even across
    reconnects, and a broker restarts ids at 1: answers vanish after a reconnect."""
    for number in range(4):
        assert device.request_upload(f"file {number}", b"x")["url"]  # each downlink is checked to be QoS 0
        if number % 2:
            device.drop()
        else:
            device.disconnect()
        device.connect()
        device.report_upload(f"file {number}", "uploading", 0)
        assert device.wait("report_upload_progress_rsp")["result_code"] == 0


def test_no_packet_is_longer_than_the_buffer(make_platform):
    """The whole MQTT packet to a device is at most 2048 bytes; a longer one is dropped silently."""
    platform = make_platform("--public-url", "http://" + "h" * 63)
    credential = platform.new_device(platform.new_product("p" * 64), "d" * 64)
    name = "資" * 85
    with VendorDevice(platform, credential) as device:
        longest = device.request_upload(name, b"x")
        assert longest["name"] == name
        platform.api.resource_add(device.product, name, b"12345")
        platform.api.deploy(device.product, name, [device.device], force=True)
        assert device.wait("download")["name"] == name
        assert packet_bytes(device.down, json.dumps(longest, ensure_ascii=False).encode(), 0) < PACKET_MAX
    with VendorDevice(platform, credential, strict=False) as device:
        for long in (b'"' * 255, b"\x01" * 255, b"q" * 2000):  # an escape makes six bytes of one
            escaped = json.dumps(long.decode())
            device.publish(f'{{"type":"create_upload_task","name":{escaped},"size":0,"md5sum":{escaped},'
                           f'"request_id":{escaped}}}')
            answer = device.wait("create_upload_task_rsp")
            payload = json.dumps(answer, ensure_ascii=True, separators=(",", ":")).encode()
            assert answer["url"] == "" and packet_bytes(device.down, payload, 0) <= PACKET_MAX


def test_every_answer_to_a_report_has_a_result_code(device):
    """A `report_..._rsp` without `result_code` crashes the device (SIGSEGV)."""
    device.request_upload("a", b"abc")
    for report in (b'"name":"a","progress":{"state":"uploading","percent":0}', b'"name":"a","progress":{"state":"done"}',
                   b'"name":"b","progress":{"state":"fail"}', b'"progress":{"state":"uploading"}', b'"name":"a"'):
        for kind in (b"report_upload_progress", b"report_download_progress"):
            device.publish(b'{"type":"%s",%s}' % (kind, report))
            assert isinstance(device.wait(kind.decode() + "_rsp")["result_code"], int)


def test_no_answer_has_size_0(device, platform):
    """A task answer with **`size` 0 crashes** it (SIGFPE)."""
    for size in ("0", "-1", '"0"', "0.5", "null"):
        device.publish('{"type":"create_upload_task","size":%s,"name":"a","md5sum":"%s"}' % (size, "0" * 32))
        assert device.wait("create_upload_task_rsp")["size"] > 0
    with pytest.raises(ApiError) as refused:
        platform.api.resource_add(device.product, "empty", b"")  # a resource of no bytes could not be offered
    assert refused.value.status == 400


def test_no_stale_byte_is_ever_needed(device):
    """Stale bytes: a key missing from a short message is looked up in what an earlier, longer message left in the
    buffer; a device really did `PUT` to an old URL that way. So every answer carries all keys of its kind."""
    assert device.request_upload("a long name that fills the buffer " + "n" * 200, b"x" * 1000)["url"]
    device.create_upload_task("s", 0, md5_of(b""))
    refused = device.wait("create_upload_task_rsp")
    assert refused["url"] == "" and "url" in refused
    assert device.buffer.text("url") is None, "the device must not find the old URL"
    assert device.buffer.number("result_code") == refused["result_code"]


@pytest.mark.parametrize("name", ["a/b/c", "température é", "資源 файл", "a&b=c<d>", "100%", "it's"])
def test_nothing_is_escaped(device, platform, name):
    """Its parser decodes **no escapes** (`\\/`, `\\u0026`, `\\u00e9`): write raw UTF-8, and URLs without characters that
    need any. The payload starts with `{`. MD5 lower case."""
    device.publish(('{"type":"create_upload_task","size":3,"name":"%s","md5sum":"%s"}'
                    % (name, md5_of(b"abc").upper())).encode())
    answer = device.wait("create_upload_task_rsp")
    assert (answer["name"], answer["md5sum"]) == (name, md5_of(b"abc"))
    deliver(platform, device, name, b"abc")
    assert device.wait("download")["name"] == name


def test_no_brackets_inside_strings_of_nested_objects(platform, device):
    """No `{ } [ ]` inside strings of nested objects."""
    device.request_upload("{x}[y]", b"abc")
    (task,) = platform.api.uploads(device.product, device.device)
    platform.api.upload_remove(task["id"])
    device.wait("upload_result")  # its check looks into the nested object


def test_an_empty_string_counts_as_a_missing_key(device, platform):
    """An empty string counts as a missing key: a report answer may have an empty result_msg, an offer no empty field."""
    deliver(platform, device, "r", b"abc")
    offer = device.wait("download")
    assert all(offer[key] for key in ("name", "md5sum", "url"))


# --- names in reports --------------------------------------------------------------------------------------------


def test_a_quote_in_a_name_gives_invalid_json(device, platform):
    """Its own JSON is printed, never escaped: a quote in a name gives invalid JSON."""
    device.create_upload_task('my "best" file', 3, md5_of(b"abc"))
    refused = device.wait("create_upload_task_rsp")
    assert refused["url"] == "" and refused["result_code"] != 0
    assert device.upload("fine", b"abc").verdict["result_code"] == 0


def test_resources_whose_names_need_escapes_are_offered_only_when_forced(device, platform):
    """Its parser decodes no escapes; its own JSON is printed, never escaped: a quote in a name gives invalid JSON."""
    platform.api.resource_add(device.product, 'a"b', b"abc")
    with pytest.raises(ApiError) as refused:
        platform.api.deploy(device.product, 'a"b', [device.device])
    assert refused.value.status == 400
    device.expect_silence(0.2)


def test_the_final_report_of_the_demo_cuts_the_name_at_31_bytes(device, platform):
    """The demo program cuts download names at 31 bytes in its final report, possibly inside a UTF-8 character."""
    name = "firmware-資源-2026-資源資源.bin"
    assert len(name.encode()) > DEMO_NAME_MAX
    with pytest.raises(UnicodeDecodeError):
        name.encode()[:DEMO_NAME_MAX].decode()
    deployment = deliver(platform, device, name, b"new firmware")
    _, data, verdict = device.download(device.wait("download"))
    assert data == b"new firmware" and verdict["result_code"] == 0
    assert platform.api.download_task(deployment["id"], device.device)["state"] == "done"


@pytest.mark.parametrize("length", [63, 64, 100, 255])
def test_long_names_are_followed_directly_by_the_md5(device, platform, length):
    """Names of 64 bytes and more are followed directly by the MD5 in progress reports."""
    name = "l" * length
    assert (progress_name(name, "5" * 32) == name.encode()) == (length < 64)
    assert device.upload(name, b"abc").verdict["result_code"] == 0
    platform.api.resource_add(device.product, name, b"abc")
    deployment = platform.api.deploy(device.product, name, [device.device], force=True)
    _, data, verdict = device.download(device.wait("download"))
    assert data == b"abc" and verdict["result_code"] == 0
    task = platform.api.download_task(deployment["id"], device.device)
    assert (task["state"], task["percent"]) == ("done", 100)


def test_a_long_name_with_its_md5_is_known_among_several(device, platform):
    """Names of 64 bytes and more are followed directly by the MD5 in progress reports: also while another upload, left
    by a reboot for instance, is still open."""
    stem = "l" * 64
    device.request_upload("left over", b"abc")
    device.request_upload(stem + "other", b"abcdef")
    assert device.upload(stem + "this", b"abcd").verdict["result_code"] == 0
    states = {task["name"]: task["state"] for task in platform.api.uploads(device.product, device.device)}
    assert states == {"left over": "created", stem + "other": "created", stem + "this": "done"}


def test_a_report_is_matched_by_its_exact_name_first(device, platform):
    """Match a report to its task by exact name first."""
    for name in ("a", "ab", "b"):
        device.request_upload(name, b"abc")
    device.report_upload("ab", "uploading", 55)
    assert device.wait("report_upload_progress_rsp")["result_code"] == 0
    percents = {task["name"]: task["percent"] for task in platform.api.uploads(device.product, device.device)}
    assert percents == {"a": 0, "ab": 55, "b": 0}


def test_a_report_with_an_unknown_name_goes_to_the_only_open_task(device, platform):
    """Else, if the device has exactly one open task in that direction, take that one."""
    device.request_upload("only", b"abc")
    device.report_upload("something else", "uploading", 55)
    assert device.wait("report_upload_progress_rsp")["result_code"] == 0
    device.request_upload("second", b"abc")
    device.report_upload("something else", "uploading", 66)
    assert device.wait("report_upload_progress_rsp")["result_code"] != 0, "two are open: it could be either"
    percents = {task["name"]: task["percent"] for task in platform.api.uploads(device.product, device.device)}
    assert percents == {"only": 55, "second": 0}


@pytest.mark.parametrize("name", [b"\xff\xfe", b"caf\xe9", b"\xe8\xb3", b"\xed\xa0\x80", b"x" * 70 + b"\xe8"])
def test_invalid_utf8_never_stops_the_platform(device, platform, name):
    """Invalid UTF-8 never stops the platform."""
    device.request_upload("only", b"abc")
    device.report_upload(name, "uploading", 55)
    assert device.wait("report_upload_progress_rsp")["result_code"] == 0
    device.report_upload("only", "fail", code=-1, text=name)
    assert device.wait("report_upload_progress_rsp")["result_code"] == 0
    (task,) = platform.api.uploads(device.product, device.device)
    assert (task["state"], task["result_code"]) == ("failed", -1)


# --- progress and verdict --------------------------------------------------------------------------------------


def test_percent_wraps(device, platform):
    """`percent` wraps above 42,949,672 bytes; 0 at the start, then at most one a second, then 100."""
    size = 100_000_000
    device.create_upload_task("big", size, "0" * 32)
    device.wait("create_upload_task_rsp")
    shown = [percent_of(sent, size) for sent in range(0, size + 1, 10_000_000)]
    assert shown[5:] != sorted(shown[5:]), "it wraps"
    for percent in shown + [100, 4294967295, -7]:
        device.report_upload("big", "uploading", percent)
        assert device.wait("report_upload_progress_rsp")["result_code"] == 0, "shown, never believed"
    (task,) = platform.api.uploads(device.product, device.device)
    assert task["state"] == "uploading"


def test_done_is_answered_at_once_with_0(device):
    """**`done` must be answered within 5 s with 0**, or the device sends the whole file again 10 s later, for ever."""
    for number in range(5):
        name, data = f"file {number}", os.urandom(2000)
        answer = device.request_upload(name, data)
        assert device.put(answer, data).status == 200
        started = time.monotonic()
        assert device.upload_verdict(name)["result_code"] == 0
        assert time.monotonic() - started < 1 * PATIENCE


def test_done_is_answered_in_time_for_a_large_file(device):
    """**`done` must be answered within 5 s with 0**: hashing is over when the last byte is there, whatever the size."""
    data = os.urandom(1 << 20) * 32
    answer = device.request_upload("large", data)
    assert device.put(answer, data).status == 200
    assert device.upload_verdict("large")["result_code"] == 0


def test_sending_the_whole_file_again_ends_well(device, platform):
    """... or the device sends the whole file again 10 s later, for ever: the second time must be good, too."""
    first = device.upload("again", b"same bytes")
    second = device.upload("again", b"same bytes")
    assert first.verdict["result_code"] == second.verdict["result_code"] == 0
    newest = platform.api.uploads(device.product, device.device)
    assert {task["state"] for task in newest} == {"done"}


def test_the_first_url_of_two_answers_stays_good(device):
    """There is no task id: duplicate answers are ignored, the first URL wins."""
    data = b"twice asked"
    for _ in range(2):
        device.create_upload_task("twice", len(data), md5_of(data))
    first, second = (device.wait("create_upload_task_rsp") for _ in range(2))
    assert {**first, "url": ""} == {**second, "url": ""}
    assert vendor_put(first["url"], data, first["md5sum"]).status == 200
    assert device.upload_verdict("twice")["result_code"] == 0


def test_the_answer_to_percent_100_is_good_enough_for_done(device):
    """A late answer to `percent 100` is taken for the answer to `done`."""
    data = b"all here"
    answer = device.request_upload("a", data)
    assert device.put(answer, data).status == 200
    device.report_upload("a", "uploading", 100)
    device.report_upload("a", "done")
    verdicts = [device.wait("report_upload_progress_rsp")["result_code"] for _ in range(2)]
    assert verdicts == [0, 0]
    device.report_upload("a", "uploading", 100)  # overtaken by done
    assert device.wait("report_upload_progress_rsp")["result_code"] == 0


def test_percent_100_of_a_download_after_its_done(device, platform):
    """A late answer to `percent 100` is taken for the answer to `done`."""
    deliver(platform, device, "r", b"abc")
    device.download(device.wait("download"))
    device.report_download("r", "downloading", 100)
    assert device.wait("report_download_progress_rsp")["result_code"] == 0
    device.report_download("r", "done")
    assert device.wait("report_download_progress_rsp")["result_code"] == 0


# --- silence -------------------------------------------------------------------------------------------------------


def test_a_push_that_is_ignored_is_repeated(make_platform):
    """Busy devices ignore a `download` push and say nothing."""
    platform = make_platform("--push-retry-first", "1", "--push-retry-max", "2")
    with VendorDevice(platform, platform.new_device()) as device:
        deployment = deliver(platform, device, "r", b"abc")
        pushed_at = []
        for _ in range(3):
            offer = device.wait("download", 5 * PATIENCE)
            pushed_at.append(time.monotonic())
        assert pushed_at[1] - pushed_at[0] > 0.7 and pushed_at[2] - pushed_at[0] > 2.7, "with back-off"
        device.download(offer)
        assert platform.api.download_task(deployment["id"], device.device)["state"] == "done"
        device.forget()
        device.expect_silence(1.5, "download")


def test_a_request_made_while_ferryd_is_dead_is_answered_later(own_platform):
    """A device waits for ever for an answer that does not come."""
    with VendorDevice(own_platform, own_platform.new_device()) as device:
        deliver(own_platform, device, "r", b"abc")
        device.wait("download")
        own_platform.kill9()
        device.create_upload_task("a", 3, md5_of(b"abc"))
        device.get_download_task()
        own_platform.start()
        assert device.wait("create_upload_task_rsp", 10)["url"]
        assert device.wait("get_download_task_rsp", 10)["url"]
        assert device.connected, "ferryd took over the broker that was left"


def test_a_request_made_while_ferryd_is_restarted_is_answered(own_platform):
    """A device waits for ever for an answer that does not come; reconnect back-off 1-2 s doubling."""
    device = VendorDevice(own_platform, own_platform.new_device()).connect()
    own_platform.restart()
    wait_for(lambda: device.connected, 10, "the reconnect")
    device.disconnect()
    device.connect()
    assert device.request_upload("a", b"abc", timeout_s=10)["url"]
    device.close()


def test_every_failure_is_followed_by_the_same_request(device, platform):
    """Every failure is followed 10 s later by the same request again; a 403/404 gives two `fail` reports 0.2 s apart."""
    data = b"abc" * 1000
    answer = device.request_upload("a", data)
    refused = {**answer, "url": answer["url"][:-1] + ("0" if answer["url"][-1] != "0" else "1")}
    assert vendor_put(refused["url"], data, refused["md5sum"]).status in (403, 404)
    for _ in range(2):
        device.report_upload("a", "fail", code=-3, text="sign invalid")
        time.sleep(FAIL_TWICE_GAP_S)
    assert [device.wait("report_upload_progress_rsp")["result_code"] for _ in range(2)] == [0, 0]
    assert device.upload("a", data).verdict["result_code"] == 0
    states = sorted(task["state"] for task in platform.api.uploads(device.product, device.device))
    assert states == ["done", "failed"]


def test_two_failures_of_a_download_and_the_same_request_again(device, platform):
    """Every failure is followed 10 s later by the same request again; a 403/404 gives two `fail` reports 0.2 s apart."""
    deployment = deliver(platform, device, "r", b"abc")
    device.wait("download")
    device.report_download("r", "fail", code=-3, text="sign invalid")
    device.report_download("r", "fail", code=-3, text="sign invalid")
    assert [device.wait("report_download_progress_rsp")["result_code"] for _ in range(2)] == [0, 0]
    assert platform.api.download_task(deployment["id"], device.device)["state"] == "failed"
    device.get_download_task()
    device.expect_silence(0.3)
    platform.api.deployment_retry(deployment["id"])
    _, data, verdict = device.download(device.wait("download"))
    assert data == b"abc" and verdict["result_code"] == 0


def test_the_broker_is_back_before_a_device_gives_up(own_platform):
    """Reconnect back-off 1-2 s doubling; after about a minute without a broker it gives up for ever."""
    device = VendorDevice(own_platform, own_platform.new_device()).connect()
    dead = own_platform.broker_pid
    port = own_platform.mqtt_port
    started = time.monotonic()
    own_platform.kill9_broker()

    def reconnect():
        try:
            device.disconnect()
            return device.connect()
        except (OSError, AssertionError):
            return None
    wait_for(reconnect, BROKER_BACK_MAX_S * PATIENCE, "the broker's return")
    assert own_platform.broker_pid != dead and own_platform.mqtt_port == port
    assert device.request_upload("a", b"abc", timeout_s=10)["url"]
    assert time.monotonic() - started < BROKER_BACK_MAX_S * PATIENCE
    device.close()
