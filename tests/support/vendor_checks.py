"""What a vendor device cannot bear in a message from the platform (PROTOCOL 3.1), as a check on every downlink."""
import json
import re
from urllib.parse import urlsplit

PACKET_MAX = 2048
URL_MAX = 860
HOST_MAX = 63
MD5_LOWER = re.compile(r"[0-9a-f]{32}\Z")

TASK_KEYS = {"type", "size", "name", "md5sum", "url"}
REPORT_KEYS = {"type", "result_code", "result_msg"}
REFUSAL_KEYS = {"result_code", "result_msg"}
EXTENSION_KEYS = {"request_id", "sha256", "expires"}

KEYS_BY_TYPE = {
    "create_upload_task_rsp": TASK_KEYS,
    "get_download_task_rsp": TASK_KEYS,
    "download": TASK_KEYS,
    "report_upload_progress_rsp": REPORT_KEYS,
    "report_download_progress_rsp": REPORT_KEYS,
    "upload_result": {"type", "report"},
}


def packet_bytes(topic, payload, qos):
    """Length of the whole PUBLISH packet."""
    remaining = 2 + len(topic.encode()) + (2 if qos else 0) + len(payload)
    length_bytes = 1 + (remaining > 127) + (remaining > 16383) + (remaining > 2097151)
    return 1 + length_bytes + remaining


def downlink_problems(topic, payload, qos, retain, wanted_topic):
    """A list of sentences; empty when a vendor device can live with the message."""
    problems = []
    if topic != wanted_topic:
        problems.append(f"topic {topic} is not the device's own")
    if qos != 0:
        problems.append(f"sent at QoS {qos}")
    if retain:
        problems.append("the message is retained")
    size = packet_bytes(topic, payload, qos)
    if size > PACKET_MAX:
        problems.append(f"the packet has {size} bytes")
    if not payload.startswith(b"{"):
        problems.append("the payload does not start with {")
    if b"\\" in payload:
        problems.append("there is an escape in the payload")
    if b"\0" in payload:
        problems.append("there is a NUL in the payload")
    return problems + _json_problems(payload)


def _json_problems(payload):
    try:
        message = json.loads(payload.decode("utf-8"))
    except ValueError as error:
        return [f"the payload is not JSON in UTF-8: {error}"]
    if not isinstance(message, dict):
        return ["the payload is no JSON object"]
    kind = message.get("type")
    if kind not in KEYS_BY_TYPE:
        return [f"unknown type {kind}"]
    problems = [f"key {key} is missing" for key in sorted(KEYS_BY_TYPE[kind] - message.keys())]
    problems += [f"{key} was not asked for" for key in sorted(EXTENSION_KEYS & message.keys())]
    if KEYS_BY_TYPE[kind] is TASK_KEYS:
        problems += _task_problems(message)
    elif kind == "upload_result":
        problems += _result_problems(message)
    elif not isinstance(message.get("result_code"), int):
        problems.append("result_code is no number: the device crashes")
    return problems


def _task_problems(message):
    problems = []
    size = message.get("size")
    if not isinstance(size, int) or size <= 0:
        problems.append(f"size is {size}: the device divides by it and crashes")
    url = message.get("url", "")
    refused = message["type"] == "create_upload_task_rsp" and url == ""
    if refused:
        problems += [f"refusal without {key}" for key in sorted(REFUSAL_KEYS - message.keys())]
        if message.get("result_code", 0) == 0:
            problems.append("refusal with result_code 0")
        return problems
    if not MD5_LOWER.match(str(message.get("md5sum"))):
        problems.append(f"md5sum {message.get('md5sum')} is not lower-case hex")
    if not message.get("name"):
        problems.append("an empty name counts as missing")
    return problems + _url_problems(url)


def _url_problems(url):
    parts = urlsplit(url)
    problems = []
    if parts.scheme not in ("http", "https") or not parts.hostname:
        problems.append(f"url {url!r} is no address")
    elif len(parts.hostname) > HOST_MAX:
        problems.append("the host of the url is longer than 63 characters")
    if len(url) > URL_MAX:
        problems.append(f"the url has {len(url)} characters")
    if re.search(r'[^!#-\[\]-~]', url):
        problems.append("the url has characters that JSON escapes or that are not ASCII")
    return problems


def _result_problems(message):
    progress = message.get("report", {}).get("progress", {})
    problems = []
    if not isinstance(progress.get("result_code"), int):
        problems.append("upload_result without report.progress.result_code")
    problems += [f"brackets inside the nested text {value!r}" for value in progress.values()
                 if isinstance(value, str) and re.search(r"[{}\[\]]", value)]
    return problems


class StaleBuffer:
    """The device's receive buffer: a message overwrites only as many bytes as it has (PROTOCOL 3.1, stale bytes)."""

    def __init__(self):
        self._bytes = bytearray(PACKET_MAX)

    def receive(self, payload):
        payload = payload[:PACKET_MAX]
        self._bytes[:len(payload)] = payload

    def text(self, key):
        """The text that the device's parser finds for a key, perhaps in an older message; None when empty or nowhere."""
        found = re.search(b'"%s"\\s*:\\s*"([^"]*)"' % key.encode(), self._bytes)
        return found.group(1).decode("utf-8", "replace") or None if found else None

    def number(self, key):
        found = re.search(b'"%s"\\s*:\\s*(-?\\d+)' % key.encode(), self._bytes)
        return int(found.group(1)) if found else None
