"""PROTOCOL 2: the ten messages end to end, and what becomes of every malformed one.

Payloads are printed by hand, as devices do; the numbers of the refusals are those of proto/result.h.
"""
import hashlib
import json

import pytest

from ferry import unique_name, vendor_get, wait_for

BAD_JSON, BAD_NAME, BAD_SIZE, TOO_LARGE, BAD_MD5 = 1, 2, 3, 4, 5
NO_TASK, NO_OBJECT, CANCELLED, TOO_MANY_TASKS = 8, 9, 10, 12
UPLOADS_OPEN_MAX = 16
PAYLOAD_MAX = 16384
OBJECT_SIZE_MAX = 5 << 30
MD5 = "7cd96e091705fb4da41b3e11163cf663"


def md5_of(data):
    return hashlib.md5(data).hexdigest()


def create(**fields):
    """Message 1 with some fields replaced (None: left out), as compact JSON."""
    message = {"type": "create_upload_task", "size": 100, "name": "zxc", "md5sum": MD5, **fields}
    return json.dumps({key: value for key, value in message.items() if value is not None}).encode()


def answers_to(device, payload):
    """What the platform says to one payload: everything that comes before the answer to the request after it.

    Messages of one device are answered in their order, so this waits for no time-out.
    """
    device.publish(payload)
    device.publish(create(name="the request after it"))
    device.wait("create_upload_task_rsp", match=lambda message: message["name"] == "the request after it")
    return [downlink.message for downlink in device.forget()]


@pytest.fixture
def plain(make_device):
    """A device whose downlinks are not held to the vendor's parser: it sends what a vendor device cannot."""
    return make_device(strict=False)


# --- the ten ------------------------------------------------------------------------------------------


def test_upload_goes_through_messages_1_to_4(platform, device):
    data = b"what the device has to say\n" * 1000
    name = unique_name("up", 12)
    result = device.upload(name, data)
    assert result.answer == {"type": "create_upload_task_rsp", "size": len(data), "name": name,
                             "md5sum": md5_of(data), "url": result.answer["url"]}
    assert result.http.status == 200
    assert result.verdict["result_code"] == 0 and result.verdict["type"] == "report_upload_progress_rsp"
    (task,) = platform.api.uploads(device.product, device.device)
    assert (task["state"], task["name"], task["size"], task["md5"]) == ("done", name, len(data), md5_of(data))
    assert platform.api.upload_bytes(task["id"]) == data


def test_download_goes_through_messages_5_6_8_9(platform, device):
    data = b"what the platform has to say\n" * 1000
    platform.api.resource_add(device.product, "fw.bin", data)
    deployment = platform.api.deploy(device.product, "fw.bin", [device.device])
    device.wait("download")
    offer, got, verdict = device.download()
    assert offer == {"type": "get_download_task_rsp", "size": len(data), "name": "fw.bin", "md5sum": md5_of(data),
                     "url": offer["url"]}
    assert got == data
    assert verdict["result_code"] == 0 and verdict["type"] == "report_download_progress_rsp"
    task = platform.api.download_task(deployment["id"], device.device)
    assert (task["state"], task["percent"]) == ("done", 100)


def test_delivery_is_pushed_as_message_7(platform, device):
    data = b"pushed"
    platform.api.resource_add(device.product, "pushed.txt", data)
    platform.api.deploy(device.product, "pushed.txt", [device.device])
    offer = device.wait("download")
    assert offer == {"type": "download", "size": len(data), "name": "pushed.txt", "md5sum": md5_of(data),
                     "url": offer["url"]}
    _, got, verdict = device.download(offer)
    assert got == data and verdict["result_code"] == 0


def test_removing_a_running_upload_sends_message_10(platform, device):
    answer = device.request_upload("unwanted", b"x" * 1000)
    device.report_upload("unwanted", "uploading", 10)
    assert device.wait("report_upload_progress_rsp")["result_code"] == 0
    (task,) = platform.api.uploads(device.product, device.device)
    platform.api.upload_remove(task["id"])
    result = device.wait("upload_result")
    assert result["report"]["progress"]["result_code"] == CANCELLED
    assert set(result["report"]) == {"progress"}, "nested exactly so"
    assert device.put(answer, b"x" * 1000).status == 404
    device.report_upload("unwanted", "uploading", 20)
    assert device.wait("report_upload_progress_rsp")["result_code"] != 0


def test_no_file_means_no_answer_to_message_5(device):
    assert answers_to(device, b'{"type": "get_download_task"}') == []


def test_request_id_is_echoed_and_asks_for_an_answer_in_every_case(device, make_device):
    own = make_device(strict=False)
    (answer,) = answers_to(own, b'{"type":"get_download_task","request_id":"r-1"}')
    assert (answer["type"], answer["request_id"], answer["result_code"]) == ("get_download_task_rsp", "r-1", NO_TASK)
    assert answer["url"] == "" and answer["size"] > 0
    (answer,) = answers_to(own, create(request_id="é" * 32))
    assert answer["request_id"] == "é" * 32 and answer["url"]
    (answer,) = answers_to(own, create(size=0, request_id="r-2"))
    assert (answer["request_id"], answer["result_code"], answer["url"]) == ("r-2", BAD_SIZE, "")
    own.publish(b'{"type":"report_upload_progress","name":"zxc","request_id":"r-3","progress":{"state":"uploading"}}')
    assert own.wait("report_upload_progress_rsp")["request_id"] == "r-3"
    answer = device.request_upload("zxc", b"abc")
    assert "request_id" not in answer


def test_a_request_id_that_is_too_long_is_not_echoed(plain):
    (answer,) = answers_to(plain, create(request_id="r" * 65))
    assert "request_id" not in answer and answer["url"]


def test_a_failed_upload_is_noted_with_the_reason_of_the_device(platform, device):
    device.request_upload("gone.log", b"never sent")
    device.report_upload("gone.log", "fail", code=-2, text="file_not_exist")
    assert device.wait("report_upload_progress_rsp")["result_code"] == 0
    (task,) = platform.api.uploads(device.product, device.device)
    assert (task["state"], task["result_code"], task["result_msg"]) == ("failed", -2, "file_not_exist")


def test_a_failed_download_is_noted_with_the_reason_of_the_device(platform, device):
    platform.api.resource_add(device.product, "bad.bin", b"12345")
    deployment = platform.api.deploy(device.product, "bad.bin", [device.device])
    device.wait("download")
    device.report_download("bad.bin", "downloading", 0)
    assert device.wait("report_download_progress_rsp")["result_code"] == 0
    device.report_download("bad.bin", "fail", code=-4, text="md5sum not matched")
    assert device.wait("report_download_progress_rsp")["result_code"] == 0
    task = platform.api.download_task(deployment["id"], device.device)
    assert (task["state"], task["result_code"], task["result_msg"]) == ("failed", -4, "md5sum not matched")


@pytest.mark.parametrize("kind", ["report_upload_progress", "report_download_progress"])
def test_a_report_about_nothing_is_answered_with_no_task(device, kind):
    (answer,) = answers_to(device, b'{"type":"%s","name":"ghost","progress":{"percent":5,"state":"%s",'
                           b'"result_code":0,"result_msg":""}}' % (kind.encode(), kind.split("_")[1].encode() + b"ing"))
    assert (answer["type"], answer["result_code"]) == (kind + "_rsp", NO_TASK)


# --- what is read leniently --------------------------------------------------------------------------------

MANUAL_EXAMPLE = b"""{
  "type":"create_upload_task",
  "size":100,
  "name":"zxc",
  "md5sum":"%s",
}
""" % MD5.encode()

ACCEPTED = {
    "example of the manual with its trailing comma": MANUAL_EXAMPLE,
    "verbatim from a device": b'{"type": "create_upload_task","size": 100,"name": "zxc","md5sum": "%s"}' % MD5.encode(),
    "type last": b'{"md5sum":"%s","name":"zxc","size":100,"type":"create_upload_task"}' % MD5.encode(),
    "white space everywhere": b' \r\n\t{ "type" :\t"create_upload_task" ,\r\n "size" : 100 , "name"\n:\n"zxc" , "md5sum" : "%s" } \n'
                              % MD5.encode(),
    "unknown keys of every type": create(a=1, b=None, c=[1, {"name": "other"}], d={"size": 7, "url": "x"}, e=True),
    "an object under a known name elsewhere": create(report={"name": "other", "size": 7}),
    "size as a string": create(size="100"),
    "duplicate keys: the first counts":
        b'{"type":"create_upload_task","type":"get_download_task","size":100,"size":7,"name":"zxc","name":"other",'
        b'"md5sum":"%s","md5sum":"short"}' % MD5.encode(),
    "upper-case MD5": create(md5sum=MD5.upper()),
    "escapes in a name": create().replace(b'"zxc"', b'"\\u007a\\u0078c"'),
    "escapes in a key": create().replace(b'"name"', b'"n\\u0061me"'),
    "the NUL of a C string after the end": create() + b"\0",
    "commas before closing brackets everywhere":
        create()[:-1] + b',"x":[1,{"y":2,},],}',
    "a word as a boolean or null elsewhere": create(x=None, y=True, z=False),
    "nested 100 deep": create()[:-1] + b',"x":' + b"[" * 100 + b"]" * 100 + b"}",
    "exactly 16 KiB": create()[:-1] + b',"x":"' + b"y" * (PAYLOAD_MAX - len(create()) - 7) + b'"}',
}


@pytest.mark.parametrize("payload", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_is_accepted(device, payload):
    assert len(payload) <= PAYLOAD_MAX
    (answer,) = answers_to(device, payload)
    assert answer["type"] == "create_upload_task_rsp"
    assert (answer["size"], answer["name"], answer["md5sum"]) == (100, "zxc", MD5)
    assert answer["url"].startswith("http://") and "result_code" not in answer


def test_numbers_of_a_report_may_be_strings(platform, device):
    device.request_upload("zxc", b"abc")
    device.publish(b'{"type":"report_upload_progress","name":"zxc","progress":'
                   b'{"percent":"42","state":"uploading","result_code":"0","result_msg":""}}')
    assert device.wait("report_upload_progress_rsp")["result_code"] == 0
    (task,) = platform.api.uploads(device.product, device.device)
    assert (task["state"], task["percent"]) == ("uploading", 42)


def test_a_report_with_its_keys_in_any_order_and_a_trailing_comma(platform, device):
    device.request_upload("zxc", b"abc")
    device.publish(b'{"progress":{"result_msg":"","result_code":0,"state":"uploading","percent":7,},"name":"zxc",'
                   b'"type":"report_upload_progress",}')
    assert device.wait("report_upload_progress_rsp")["result_code"] == 0
    (task,) = platform.api.uploads(device.product, device.device)
    assert task["percent"] == 7


NAMES = {
    "one byte": "a",
    "255 bytes": "n" * 255,
    "255 bytes of three-byte characters": "資" * 85,
    "looks like a path": "../../etc/passwd",
    "looks like a number": "1e3",
    "braces": "{a}[b]",
    "NULL": "NULL",
    "blank": " ",
    "emoji": "💾.bin",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_comes_back_raw_and_is_kept(platform, device, name):
    result = device.upload(name, b"x" * 10)
    assert result.answer["name"] == name
    assert result.verdict["result_code"] == 0
    (task,) = platform.api.uploads(device.product, device.device)
    assert task["name"] == name


# --- what is refused ----------------------------------------------------------------------------------------

REFUSED = {
    "size 0": (create(size=0), BAD_SIZE),
    "no size": (create(size=None), BAD_SIZE),
    "negative size": (create(size=-1), BAD_SIZE),
    "fraction as size": (create(size=1.5), BAD_SIZE),
    "exponent as size": (create().replace(b"100", b"1e2"), BAD_SIZE),
    "word as size": (create(size="many"), BAD_SIZE),
    "empty text as size": (create(size=""), BAD_SIZE),
    "size true": (create(size=True), BAD_SIZE),
    "size as object": (create(size={"bytes": 100}), BAD_SIZE),
    "size as list": (create(size=[100]), BAD_SIZE),
    "size over 64 bits": (create(size=2 ** 64), BAD_SIZE),
    "largest 64-bit size": (create(size=2 ** 64 - 1), TOO_LARGE),
    "size one over the limit": (create(size=OBJECT_SIZE_MAX + 1), TOO_LARGE),
    "no name": (create(name=None), BAD_NAME),
    "empty name": (create(name=""), BAD_NAME),
    "name null": (b'{"type":"create_upload_task","size":100,"name":null,"md5sum":"%s"}' % MD5.encode(), BAD_NAME),
    "number as name": (create(name=7), BAD_NAME),
    "object as name": (create(name={"a": "b"}), BAD_NAME),
    "name of 256 bytes": (create(name="n" * 256), BAD_NAME),
    "name of 10,000 bytes": (create(name="n" * 10000), BAD_NAME),
    "control character in the name": (create(name="a\nb"), BAD_NAME),
    "raw control character in the name": (create().replace(b"zxc", b"z\nc"), BAD_NAME),
    "DEL in the name": (create(name="a\x7fb"), BAD_NAME),
    "first of two sizes is of no use": (b'{"type":"create_upload_task","size":"x","size":100,"name":"zxc","md5sum":"%s"}'
                                        % MD5.encode(), BAD_SIZE),
    "NUL in the name, escaped": (create(name="a\0b"), BAD_NAME),
    "C1 control character in the name": (create().replace(b"zxc", b"z\xc2\x85c"), BAD_NAME),
    "half a surrogate pair in the name": (create().replace(b"zxc", b"z\\ud83dc"), BAD_JSON),
    "invalid UTF-8 in the name": (create().replace(b"zxc", b"z\xff\xfec"), BAD_NAME),
    "cut UTF-8 character in the name": (create().replace(b"zxc", b"zx\xe8\xb3"), BAD_NAME),
    "overlong UTF-8 in the name": (create().replace(b"zxc", b"z\xc0\xafc"), BAD_NAME),
    "no MD5": (create(md5sum=None), BAD_MD5),
    "empty MD5": (create(md5sum=""), BAD_MD5),
    "short MD5": (create(md5sum=MD5[:31]), BAD_MD5),
    "long MD5": (create(md5sum=MD5 + "0"), BAD_MD5),
    "asterisks as MD5, as printed in the manual": (create(md5sum="*" * 12), BAD_MD5),
    "no hex digit in the MD5": (create(md5sum="g" * 32), BAD_MD5),
    "number as MD5": (create(md5sum=12345), BAD_MD5),
    "quote in the name, as the SDK prints it": (create().replace(b"zxc", b'z"c'), BAD_JSON),
    "cut off": (create()[:-10], BAD_JSON),
    "closing brace missing": (create()[:-1], BAD_JSON),
    "something after the end": (create() + b"x", BAD_JSON),
    "a second object": (create() + create(), BAD_JSON),
    "comma missing": (create().replace(b', "name"', b' "name"'), BAD_JSON),
    "two commas": (create().replace(b', "name"', b',, "name"'), BAD_JSON),
    "comma first in a list": (create()[:-1] + b',"x":[,1]}', BAD_JSON),
    "number with a leading zero": (create().replace(b"100", b"0100"), BAD_JSON),
    "number with a plus": (create().replace(b"100", b"+100"), BAD_JSON),
    "NaN": (create()[:-1] + b',"x":NaN}', BAD_JSON),
    "True with a capital": (create()[:-1] + b',"x":True}', BAD_JSON),
    "comment": (create()[:-1] + b'/* hi */}', BAD_JSON),
    "single quotes": (create()[:-1] + b",'x':1}", BAD_JSON),
    "key without quotes": (create()[:-1] + b",x:1}", BAD_JSON),
    "byte order mark inside": (create()[:-1] + b",\xef\xbb\xbf}", BAD_JSON),
    "colon missing": (create().replace(b'"name":', b'"name"'), BAD_JSON),
    "NUL in the name": (create().replace(b"zxc", b"z\0c"), BAD_JSON),
    "NUL between the fields": (create().replace(b', "name"', b',\0"name"'), BAD_JSON),
    "unknown escape": (create().replace(b"zxc", b"z\\xc"), BAD_JSON),
    "bracket closed by a brace": (create()[:-1] + b',"x":[1}}', BAD_JSON),
    "nested 300 deep": (create()[:-1] + b',"x":' + b"[" * 300 + b"]" * 300 + b"}", BAD_JSON),
    "nested 7000 deep": (create()[:-1] + b',"x":' + b"[" * 7000 + b"]" * 7000 + b"}", BAD_JSON),
    "more than 256 values": (create()[:-1] + b',"x":[' + b"1," * 300 + b"1]}", BAD_JSON),
}


@pytest.mark.parametrize("payload, code", REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(plain, payload, code):
    (answer,) = answers_to(plain, payload)
    assert answer["type"] == "create_upload_task_rsp"
    assert answer["result_code"] == code
    assert answer["url"] == "" and answer["result_msg"] and answer["size"] > 0
    assert {"name", "md5sum"} <= answer.keys(), "echoed, as far as it could be read"


def test_a_refusal_creates_no_task(platform, device):
    device.create_upload_task("zxc", 0, MD5)
    assert device.wait("create_upload_task_rsp")["result_code"] == BAD_SIZE
    assert platform.api.uploads(device.product, device.device) == []


def test_the_largest_size_is_accepted(device):
    device.create_upload_task("big", OBJECT_SIZE_MAX, MD5)
    answer = device.wait("create_upload_task_rsp")
    assert answer["size"] == OBJECT_SIZE_MAX and answer["url"]


def test_the_seventeenth_open_upload_is_refused_and_one_finished_makes_room(device):
    for number in range(UPLOADS_OPEN_MAX):
        assert device.request_upload(f"file {number}", b"x" * (number + 1))["url"]
    refused = device.request_upload("one too many", b"y")
    assert (refused["result_code"], refused["url"]) == (TOO_MANY_TASKS, "")
    assert device.upload("file 0", b"x").verdict["result_code"] == 0
    assert device.request_upload("one too many", b"y")["url"]


REPORTS_REFUSED = {
    "no progress": (b'{"type":"report_upload_progress","name":"zxc"}', BAD_JSON),
    "unknown state": (b'{"type":"report_upload_progress","name":"zxc","progress":{"state":"dreaming"}}', BAD_JSON),
    "no state": (b'{"type":"report_upload_progress","name":"zxc","progress":{"percent":1}}', BAD_JSON),
    "progress is a text": (b'{"type":"report_upload_progress","name":"zxc","progress":"uploading"}', BAD_JSON),
}


@pytest.mark.parametrize("payload, code", REPORTS_REFUSED.values(), ids=REPORTS_REFUSED.keys())
def test_a_report_without_a_state_is_refused(platform, device, payload, code):
    device.request_upload("zxc", b"abc")
    (answer,) = answers_to(device, payload)
    assert (answer["type"], answer["result_code"]) == ("report_upload_progress_rsp", code)
    state = [task["state"] for task in platform.api.uploads(device.product, device.device) if task["name"] == "zxc"]
    assert state == ["created"]


def test_a_report_that_breaks_off_after_its_state_is_taken_as_it_is(platform, device):
    device.request_upload("zxc", b"abc")
    (answer,) = answers_to(device, b'{"type":"report_upload_progress","name":"zxc","progress":{"percent":9,'
                                   b'"state":"uploading","result_code":0,"result_msg":"cut o')
    assert (answer["type"], answer["result_code"]) == ("report_upload_progress_rsp", 0)
    task = next(task for task in platform.api.uploads(device.product, device.device) if task["name"] == "zxc")
    assert (task["state"], task["percent"]) == ("uploading", 9)


def test_a_question_that_breaks_off_is_answered(platform, device):
    platform.api.resource_add(device.product, "r", b"abc")
    platform.api.deploy(device.product, "r", [device.device])
    device.wait("download")
    device.publish(b'{"type": "get_download_task",,')
    assert device.wait("get_download_task_rsp")["name"] == "r"


PERCENTS = {"99999999999999999999": 2 ** 31 - 1, "-99999999999999999999": -2 ** 31, "41.9": 41, '"43"': 43, "true": 0,
            "null": 0, '""': 0}


@pytest.mark.parametrize("sent, kept", PERCENTS.items(), ids=PERCENTS.keys())
def test_percent_may_be_anything(platform, device, sent, kept):
    device.request_upload("zxc", b"abc")
    device.publish('{"type":"report_upload_progress","name":"zxc","progress":{"state":"uploading","percent":%s}}' % sent)
    assert device.wait("report_upload_progress_rsp")["result_code"] == 0
    (task,) = platform.api.uploads(device.product, device.device)
    assert (task["state"], task["percent"]) == ("uploading", kept)


# --- what is counted and not answered ------------------------------------------------------------------------

IGNORED = {
    "nothing": b"",
    "blank": b"   ",
    "text": b"hello",
    "number": b"7",
    "null": b"null",
    "string": b'"create_upload_task"',
    "list": b"[" + create() + b"]",
    "empty object": b"{}",
    "no type": create(type=None),
    "unknown type": create(type="make_coffee"),
    "type in another case": create(type="Create_Upload_Task"),
    "type is a number": create(type=1),
    "type in a nested object": b'{"message":' + create() + b"}",
    "first type unknown, second known": b'{"type":"x",' + create()[1:],
    "first type of no use, second known": b'{"type":1,' + create()[1:],
    "comma after the opening brace": b"{," + create()[1:],
    "broken before the type": b'{"size":100,,"type":"create_upload_task"}',
    "NUL first": b"\0" + create(),
    "NUL before the type": b'{\0"type":"create_upload_task"}',
    "byte order mark": b"\xef\xbb\xbf" + create(),
    "invalid UTF-8 alone": b"\xff\xfe\xfd",
    "7000 brackets": b"[" * 7000,
    "7000 braces": b'{"a":' * 2000,
    "message 2 from a device": create(type="create_upload_task_rsp", url="http://127.0.0.1/"),
    "message 4 from a device": b'{"type":"report_upload_progress_rsp","result_code":0,"result_msg":""}',
    "message 7 from a device": create(type="download", url="http://127.0.0.1/"),
    "message 10 from a device": b'{"type":"upload_result","report":{"progress":{"result_code":0}}}',
    "over 16 KiB": create()[:-1] + b',"x":"' + b"y" * (PAYLOAD_MAX + 1 - len(create()) - 7) + b'"}',
    "100 KiB": create()[:-1] + b',"x":"' + b"y" * (100 << 10) + b'"}',
}


@pytest.mark.parametrize("payload", IGNORED.values(), ids=IGNORED.keys())
def test_is_not_answered(platform, device, payload):
    assert answers_to(device, payload) == []
    assert [task["name"] for task in platform.api.uploads(device.product, device.device)] == ["the request after it"]


def test_a_packet_beyond_all_measure_ends_the_connection(make_device, platform):
    """The broker does not even read it; nobody else notices."""
    device, other = make_device(), make_device()
    device.publish_without_wait(create()[:-1] + b',"x":"' + b"y" * (1 << 20) + b'"}')
    wait_for(lambda: not device.connected, what="the end of the connection")
    assert other.request_upload("a", b"abc")["url"]


def test_what_is_ignored_is_counted(platform, device):
    before = platform.api.metric("ferry_messages_ignored_total")
    answers_to(device, b"hello")
    assert platform.api.metric("ferry_messages_ignored_total") == before + 1


def test_a_name_with_quote_and_backslash_survives_when_escaped(platform, plain):
    name = 'a"b\\c'
    plain.publish(create(name=name))
    answer = plain.wait("create_upload_task_rsp")
    assert answer["name"] == name and answer["url"]
    (task,) = platform.api.uploads(plain.product, plain.device)
    assert task["name"] == name


def test_a_download_url_does_not_fit_an_upload(device, platform):
    """An object URL is good for its own task and method only."""
    platform.api.resource_add(device.product, "r.bin", b"12345")
    platform.api.deploy(device.product, "r.bin", [device.device])
    offer = device.wait("download")
    assert device.put({**offer}, b"12345").status in (403, 404)
    upload = device.request_upload("u.bin", b"12345")
    assert vendor_get(upload["url"], 5).status in (403, 404)
