"""The checks that VendorDevice runs on every downlink find what they are there for."""
import json

import pytest

from vendor_checks import StaleBuffer, downlink_problems

TOPIC = "$resource/down/service/p/d"
OFFER = {"type": "download", "size": 3, "name": "a", "md5sum": "0" * 32, "url": "http://127.0.0.1/o/x"}

# what is wrong, and a word of the only complaint
UNBEARABLE = {
    "size 0": ({**OFFER, "size": 0}, "size is 0"),
    "upper-case MD5": ({**OFFER, "md5sum": "A" * 32}, "lower-case"),
    "empty name": ({**OFFER, "name": ""}, "empty name"),
    "long URL": ({**OFFER, "url": "http://127.0.0.1/" + "x" * 860}, "characters"),
    "long host": ({**OFFER, "url": "http://" + "h" * 64 + "/"}, "63"),
    "URL that is not ASCII": ({**OFFER, "url": "http://h/é"}, "escape"),
    "no URL at all": ({**OFFER, "url": ""}, "no address"),
    "escape": ({**OFFER, "name": "a\\b"}, "escape"),
    "no result_msg": ({"type": "report_upload_progress_rsp", "result_code": 0}, "result_msg is missing"),
    "refusal with code 0": ({**OFFER, "type": "create_upload_task_rsp", "url": "", "result_code": 0, "result_msg": "x"},
                            "refusal with result_code 0"),
    "extension not asked for": ({**OFFER, "sha256": "0" * 64}, "not asked for"),
    "brackets in a nested text": ({"type": "upload_result", "report": {"progress": {"result_code": 1, "m": "[x]"}}},
                                  "brackets"),
    "unknown type": ({"type": "reboot"}, "unknown type"),
    "packet over 2048 bytes": ({**OFFER, "name": "n" * 2000}, "bytes"),
}


def problems_of(message, qos=0, retain=False, topic=TOPIC):
    return downlink_problems(topic, json.dumps(message, ensure_ascii=False).encode(), qos, retain, TOPIC)


@pytest.mark.parametrize("message, word", UNBEARABLE.values(), ids=UNBEARABLE.keys())
def test_what_a_vendor_device_cannot_bear_is_noticed(message, word):
    (problem,) = problems_of(message)
    assert word in problem


@pytest.mark.parametrize("key", sorted(OFFER.keys() - {"type"}))
def test_a_missing_key_is_noticed(key):
    problems = problems_of({name: value for name, value in OFFER.items() if name != key})
    assert f"key {key} is missing" in problems


def test_a_report_answer_without_a_code_is_noticed():
    assert any("crashes" in problem for problem in problems_of({"type": "report_upload_progress_rsp", "result_msg": ""}))


def test_the_way_a_message_is_sent_is_checked():
    assert problems_of(OFFER) == []
    assert problems_of(OFFER, qos=1) == ["sent at QoS 1"]
    assert problems_of(OFFER, retain=True) == ["the message is retained"]
    assert len(problems_of(OFFER, topic="$resource/down/service/p/other")) == 1


def test_payloads_that_are_no_object_are_noticed():
    for payload in (b"", b" {}", b"[1]", b"\xff", b"{}\0"):
        assert downlink_problems(TOPIC, payload, 0, False, TOPIC), payload


def test_the_stale_buffer_finds_old_bytes_behind_a_short_message():
    buffer = StaleBuffer()
    buffer.receive(json.dumps({**OFFER, "name": "n" * 50}).encode())
    buffer.receive(b'{"type":"x","result_code":9}')
    assert buffer.text("url") == OFFER["url"], "that is what a missing key does"
    buffer.receive(b'{"type":"x","url":"","result_code":9}')
    assert (buffer.text("url"), buffer.number("result_code")) == (None, 9)
