"""Requests that no honest client sends, to both listeners of a real ferryd: smuggling, floods, bombs, tricks with paths.

What the object plane does within its limits (slow bodies, crowds, shares) is tested in C: object_plane_limits_test.c.
"""
import json
import re
import socket
import time

import pytest

from ferry import PATIENCE, VendorDevice, wait_for
from raw_http import RawConnection

HOST = "Host: h\r\n"
AGENT = "User-Agent: hostile/1\r\n"
SMUGGLED = f"GET /smuggled HTTP/1.1\r\n{HOST}\r\n".encode()
BODY = b'{"name":"smuggled"}'
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
HEAD_MAX_S = 10       # both listeners: time for a head
MEMORY_MORE_KIB = 64 << 10

STATUS = re.compile(rb"^HTTP/1\.1 (\d+) ", re.MULTILINE)


class Listener:
    """One of the two, with a request that would change something."""

    def __init__(self, name, platform, device):
        self.name, self.platform, self.device = name, platform, device
        if name == "objects":
            url = device.request_upload("smuggled", BODY)["url"]
            self.port, self.start, self.extra = platform.objects_port, "PUT /" + url.split("/", 3)[3], AGENT
        else:
            self.port, self.start = platform.api_port, "POST /api/v1/products"
            self.extra = f"Authorization: Bearer {platform.token}\r\n"

    def request(self, headers, body=BODY, version="HTTP/1.1"):
        return f"{self.start} {version}\r\n{HOST}{self.extra}{headers}\r\n".encode("latin-1") + body

    def exchange(self, data, wait_s=5):
        """All answers to these bytes; the connection is half closed after them."""
        with RawConnection(self.port) as connection:
            try:
                connection.send(data)
                connection._socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass # it was closed in the middle
            return connection.read_to_end(wait_s * PATIENCE)

    def changed(self):
        """Did the request have its effect?"""
        if self.name == "objects":
            task = next(row for row in self.platform.api.uploads(self.device.product) if row["name"] == "smuggled")
            return task["state"] != "created"
        return "smuggled" in {row["name"] for row in self.platform.api.list("/products")}

    def assert_alive(self):
        path = "/o/x" if self.name == "objects" else "/healthz"
        with RawConnection(self.port) as connection:
            connection.send_head("GET", path, User_Agent="honest/1")
            assert connection.read_answer().status == (403 if self.name == "objects" else 200)


@pytest.fixture(params=["objects", "api"])
def listener(request, platform, make_device):
    listener = Listener(request.param, platform, make_device())
    yield listener
    listener.assert_alive()
    platform.api.call("DELETE", "/products/smuggled", ok=False)


def statuses(answer):
    return [int(status) for status in STATUS.findall(answer)]


def is_ours(listener, answer):
    """In the form of this listener, not in libmicrohttpd's."""
    return b"<Error><Code>" in answer if listener.name == "objects" else b"application/problem+json" in answer


# --- one request must not be two ------------------------------------------------------------------------------------

N = len(BODY)
AMBIGUOUS = {
    "two lengths": (f"Content-Length: {N}\r\nContent-Length: {N + len(SMUGGLED)}\r\n", BODY),
    "two lengths, the first 0": (f"Content-Length: 0\r\nContent-Length: {N}\r\n", BODY),
    "twice the same length": (f"Content-Length: {N}\r\nContent-Length: {N}\r\n", BODY),
    "length and chunked": (f"Content-Length: {N}\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
    "chunked and length": (f"Transfer-Encoding: chunked\r\nContent-Length: {len(CHUNKED)}\r\n", CHUNKED),
    "chunked and length 0": ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", CHUNKED),
    "unknown coding": ("Transfer-Encoding: xchunked\r\n", CHUNKED),
    "unknown coding and length": (f"Transfer-Encoding: xchunked\r\nContent-Length: {N}\r\n", BODY),
    "identity, chunked": ("Transfer-Encoding: identity, chunked\r\n", CHUNKED),
    "chunked twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
    "chunked, then identity": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", CHUNKED),
    "coding with a vertical tab": (f"Transfer-Encoding: \x0bchunked\r\nContent-Length: {N}\r\n", CHUNKED),
    "space before the colon of a length": (f"Content-Length : {N}\r\n", BODY),
    "space before the colon of a coding": (f"Content-Length: {N}\r\nTransfer-Encoding : chunked\r\n", CHUNKED),
    "folded coding": (f"X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: {N}\r\n", BODY),
    "bare CR in a value": (f"X: a\rContent-Length: 0\r\nContent-Length: {N}\r\n", BODY),
    "two hosts": (f"Host: other\r\nContent-Length: {N}\r\n", BODY),
    "first header begins with a space": (f" X: y\r\nContent-Length: {N}\r\n", BODY),
}


@pytest.mark.parametrize("form", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_is_refused_and_its_connection_closed(listener, form):
    headers, body = AMBIGUOUS[form]
    answer = listener.exchange(listener.request(headers, body) + SMUGGLED)
    assert statuses(answer) == [400], answer
    assert b"\r\nConnection: close\r\n" in answer and is_ours(listener, answer)
    assert not listener.changed()


def test_http_1_0_knows_no_chunks(listener):
    answer = listener.exchange(listener.request("Transfer-Encoding: chunked\r\n", CHUNKED, "HTTP/1.0") + SMUGGLED)
    assert len(statuses(answer)) == 1 and b" 400 " in answer.split(b"\r\n")[0]
    assert not listener.changed()


BROKEN = {
    "length with a plus": (f"Content-Length: +{N}\r\n", BODY), "negative length": ("Content-Length: -1\r\n", BODY),
    "hexadecimal length": (f"Content-Length: 0x{N:x}\r\n", BODY), "list of lengths": (f"Content-Length: {N}, {N}\r\n", BODY),
    "length past 64 bits": ("Content-Length: 99999999999999999999999\r\n", BODY),
    "chunk that is no number": ("Transfer-Encoding: chunked\r\n", b"zz\r\nhello\r\n0\r\n\r\n"),
    "chunk past 64 bits": ("Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    "negative chunk": ("Transfer-Encoding: chunked\r\n", b"-5\r\nhello\r\n0\r\n\r\n"),
    "line without a colon": (f"nonsense\r\nContent-Length: {N}\r\n", BODY),
    "header without a name": (f": x\r\nContent-Length: {N}\r\n", BODY),
}


@pytest.mark.parametrize("form", BROKEN)
def test_what_is_broken_is_refused_and_what_follows_is_no_request(listener, form):
    headers, body = BROKEN[form]
    answer = listener.exchange(listener.request(headers, body) + SMUGGLED)
    # libmicrohttpd 0.9.75 may say its own refusal twice before it closes, or close with bytes unread, which takes the
    # answer away from us; nobody may be served
    assert all(400 <= status < 500 for status in statuses(answer)), answer
    assert b"no_route" not in answer and answer.count(b"NoSuchKey") == 0
    assert not listener.changed()


@pytest.mark.parametrize("data", [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes.fromhex("16030100a5010000a10303") + bytes(100), b"\x80\x2e\x01\x00\x02" * 9,
    b"\r\n" * 20_000, bytes(range(256)) * 40, b"GET", b"GET / HTTP/1.1\r\nHost: h",
], ids=["h2", "tls", "ssl2", "empty lines", "all bytes", "three letters", "half a head"])
def test_what_is_no_http_is_no_request(listener, data):
    answer = listener.exchange(data, wait_s=3)
    assert all(status >= 400 for status in statuses(answer))


# --- floods ---------------------------------------------------------------------------------------------------------

HUGE = {
    "3000 headers": "".join(f"X{n}: y\r\n" for n in range(3000)),
    "600 empty headers": "X: \r\n" * 600,
    "a header of 100 kB": "X: " + "y" * 100_000 + "\r\n",
    "a name of 100 kB": "X" * 100_000 + ": y\r\n",
    "a header of 20 MB": "X: " + "y" * 20_000_000 + "\r\n",
    "a folded header of 1 MB": "X: y\r\n" + " y\r\n" * 250_000,
}


@pytest.mark.parametrize("form", HUGE)
def test_a_head_has_a_limit(listener, form):
    before = resident_kib(listener.platform.pid)
    answer = listener.exchange(listener.request(HUGE[form] + f"Content-Length: {N}\r\n"))
    assert statuses(answer) in ([431], [400], []), answer[:300] # none: it was closed while more was being sent
    assert not listener.changed()
    assert resident_kib(listener.platform.pid) < before + MEMORY_MORE_KIB


def test_a_target_has_a_limit(listener):
    answer = listener.exchange(f"GET /o/{'x' * 100_000} HTTP/1.1\r\n{HOST}\r\n".encode())
    assert statuses(answer) in ([414], [])


def test_pipelined_requests_are_answered_one_after_the_other(listener):
    paths, codes = (("/o/x", "/y"), (403, 404)) if listener.name == "objects" else (("/healthz", "/readyz"), (200, 200))
    requests = [f"GET {paths[n % 3 == 0]} HTTP/1.1\r\n{HOST}{AGENT}\r\n".encode() for n in range(300)]
    with RawConnection(listener.port) as connection:
        connection.send(b"".join(requests))
        answers = [connection.read_answer() for _ in requests]
    assert [answer.status for answer in answers] == [codes[n % 3 == 0] for n in range(300)]
    kinds = [answer.body for answer in answers]
    assert kinds[0] != kinds[1] and kinds == [kinds[n % 3 != 0] for n in range(300)]


def test_a_flood_of_pipelined_requests_whose_answers_nobody_reads_costs_no_memory(listener):
    before = resident_kib(listener.platform.pid)
    connections = [socket.create_connection(("127.0.0.1", listener.port), 5) for _ in range(20)]
    try:
        for connection in connections:
            connection.settimeout(0.2)
            try:
                connection.sendall(f"GET /o/x HTTP/1.1\r\n{HOST}{AGENT}\r\n".encode() * 40_000)
            except OSError:
                pass # full: it is not read on
        listener.assert_alive()
        assert resident_kib(listener.platform.pid) < before + MEMORY_MORE_KIB
    finally:
        for connection in connections:
            connection.close()


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"^VmRSS:\s+(\d+)", status.read(), re.MULTILINE).group(1))


@pytest.mark.timeout(90)
def test_a_head_that_drips_is_cut_on_both_listeners(platform):
    """A byte each half second keeps a connection "alive" for most servers. Here a head has its time."""
    ports = [platform.objects_port, platform.api_port] * 10
    dripping = {socket.create_connection(("127.0.0.1", port), 5): 0 for port in ports}
    text = b"GET /o/x HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 1000
    started = time.monotonic()
    try:
        while dripping and time.monotonic() < started + HEAD_MAX_S + 5 * PATIENCE:
            for connection, at in list(dripping.items()):
                try:
                    connection.send(text[at:at + 1])
                    connection.setblocking(False)
                    if connection.recv(1000) == b"":
                        raise ConnectionResetError
                except BlockingIOError:
                    dripping[connection] = at + 1
                except OSError:
                    assert time.monotonic() > started + HEAD_MAX_S - 2, "an honest slow client has its time"
                    connection.close()
                    del dripping[connection]
            time.sleep(0.5)
        assert not dripping, f"{len(dripping)} heads still drip after {time.monotonic() - started:.0f} s"
    finally:
        for connection in dripping:
            connection.close()


def test_connections_and_requests_of_one_address_have_limits_on_the_api(make_platform):
    platform = make_platform("--api-per-address-max", 5, "--api-requests-per-minute", 30)
    held = [RawConnection(platform.api_port) for _ in range(5)]
    try:
        for connection in held:
            connection.send_head("GET", "/healthz")
            assert connection.read_answer().status == 200
        with RawConnection(platform.api_port) as one_more:
            one_more.send_head("GET", "/healthz")
            answer = one_more.read_answer()
        assert answer.status == 503 and answer.closed and answer.headers["retry-after"] == "1"
        assert json.loads(answer.body)["code"] == "busy"
        answers = []
        for _ in range(26):
            held[0].send_head("GET", "/healthz")
            answers.append(held[0].read_answer())
    finally:
        for connection in held:
            connection.close()
    assert [answer.status for answer in answers] == [200] * 25 + [429]
    assert json.loads(answers[-1].body)["code"] == "too_many_requests" and answers[-1].headers["retry-after"] == "1"


def test_a_device_that_floods_hears_busy_each_time_and_others_are_served(make_platform):
    platform = make_platform("--device-requests-per-minute", 20)
    product = platform.new_product()
    with VendorDevice(platform, platform.new_device(product)) as loud, \
            VendorDevice(platform, platform.new_device(product)) as quiet:
        for n in range(60):
            loud.publish_without_wait(json.dumps({"type": "create_upload_task", "size": 5, "name": f"n{n % 3}",
                                                  "md5sum": "5d41402abc4b2a76b9719d911017c592"}))
        codes = [loud.wait("create_upload_task_rsp", 10).get("result_code", 0) for _ in range(60)]
        assert codes.count(7) == 40 and codes.count(0) == 20, "each is answered"
        assert quiet.upload("log", b"hello").verdict["result_code"] == 0
    assert platform.api.metric("ferry_messages_limited_total") == 40


# --- bombs ------------------------------------------------------------------------------------------------------------

BOMBS = {
    "200,000 deep": b'{"name":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "200,000 objects deep": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "open arrays": b"[" * 900_000,
    "100,000 keys": b"{" + b",".join(b'"k%d":0' % n for n in range(70_000)) + b"}",
    "one key many times": b"{" + b",".join([b'"name":"x"'] * 80_000) + b"}",
    "a number of 900,000 digits": b'{"name":' + b"9" * 900_000 + b"}",
    "an exponent": b'{"name":1e999999999}',
    "a name of 900,000 characters": b'{"name":"' + b"x" * 900_000 + b'"}',
    "escapes": b'{"name":"' + b"\\u0041" * 150_000 + b'"}',
    "half surrogates": b'{"name":"\\ud800\\ud800"}',
    "NUL": b'{"name":"a\\u0000b"}',
    "white space": b" " * 900_000 + b'{"name":1}',
}


@pytest.mark.parametrize("form", BOMBS)
def test_a_json_bomb_is_refused_fast_by_the_api(platform, form):
    before, started = resident_kib(platform.pid), time.monotonic()
    answer = platform.api.call("POST", "/products", ok=False, data=BOMBS[form],
                               headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413), answer.text
    assert answer.json()["code"] in ("invalid_json", "invalid_field", "unknown_field", "too_large")
    assert len(answer.content) < 1000
    assert time.monotonic() - started < 2 * PATIENCE
    assert resident_kib(platform.pid) < before + MEMORY_MORE_KIB


@pytest.mark.parametrize("form", BOMBS)
def test_a_json_bomb_over_mqtt_harms_nobody(platform, make_device, form):
    """Above 16 KiB a message is not read; below, the number of its values is bounded."""
    bomber, device = make_device(strict=False), make_device()
    for payload in (BOMBS[form], BOMBS[form][:16_000],
                    b'{"type":"create_upload_task","size":1,"md5sum":"x","name":' + BOMBS[form][8:15_000]):
        bomber.publish(payload, qos=0) # the broker cuts off who sends more than it takes
    started = time.monotonic()
    assert device.upload("log", b"hello").verdict["result_code"] == 0
    assert time.monotonic() - started < 3 * PATIENCE


# --- names and paths --------------------------------------------------------------------------------------------------

CONTROL = ["a\r\nSet-Cookie: x", "a\nb", "a\rb", "a\x00b", "a\x1bb", "a\x7fb", "\r\n\r\n<html>"]


@pytest.mark.parametrize("name", CONTROL, ids=repr)
def test_a_name_with_a_control_character_is_refused_everywhere(platform, make_device, name):
    device = make_device(strict=False)
    device.publish(json.dumps({"type": "create_upload_task", "name": name, "size": 5,
                               "md5sum": "5d41402abc4b2a76b9719d911017c592"}))
    assert device.wait("create_upload_task_rsp")["result_code"] == 2
    quoted = "".join(f"%{byte:02x}" for byte in name.encode())
    for method, path, body in (("POST", f"/resources?product={device.product}&name={quoted}", b"x"),
                               ("GET", f"/products/{quoted}", None), ("GET", f"/uploads?product={quoted}", None),
                               ("POST", "/products", json.dumps({"name": name}).encode()),
                               ("POST", "/devices", json.dumps({"product": device.product, "name": name}).encode())):
        answer = platform.api.call(method, path, ok=False, data=body,
                                   headers={"Content-Type": "application/json" if path[1:9] != "resource" else "text/plain"})
        assert answer.status_code in (400, 404), (path, answer.text)
        assert "Set-Cookie" not in answer.headers
    assert not any(line.startswith(("Set-Cookie", "<html>", "b")) for line in platform.log().splitlines())


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "..", ".", "a/../../b", "C:\\windows", "a\\..\\b",
                                  "%2e%2e%2f", "....//", "file:///etc/passwd", "~root", "$(reboot)", "`reboot`", "-rf", "nul"])
def test_a_name_never_becomes_a_path(platform, make_device, name):
    """The object's file is named by the platform's own id, and the name comes back as it was."""
    device = make_device(strict=False) # names with a backslash cannot be told to a vendor device as they are
    before = {path.name for path in platform.data.iterdir()}
    device.publish(json.dumps({"type": "create_upload_task", "name": name, "size": 5,
                               "md5sum": "5d41402abc4b2a76b9719d911017c592"}))
    assert device.put(device.wait("create_upload_task_rsp"), b"hello").status == 200
    (task,) = platform.api.uploads(device.product)
    assert task["name"] == name and platform.api.upload_bytes(task["id"]) == b"hello"
    resource = platform.api.resource_add(device.product, name, b"world")
    assert resource["name"] == name
    assert {path.name for path in platform.data.iterdir()} == before
    for key in (task["id"], resource["id"]):
        assert (platform.data / "objects" / key[-2:] / key).is_file()


PATHS = ["/o/../o/x", "/o/%2e%2e/ferry.db", "//o/x", "/o//x", "/o/./x", "/o/x/..", "/O/x", "/o", "/o/", "/o/..%2f..%2fetc",
         "/o/\\..\\..", "/%6f/x", "/../../../../etc/passwd", "/o/%00", "/o/%c0%ae%c0%ae/", "/o/x%0d%0aSet-Cookie:x", "*",
         "http://127.0.0.1/o/x", "/api/v1/products", "/ferry.db", "/admin.token", "/.git/config"]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_anywhere(listener, path):
    answer = listener.exchange(f"GET {path} HTTP/1.1\r\n{HOST}{AGENT}\r\n".encode())
    (status,) = statuses(answer)
    assert status in (400, 401, 403, 404), answer
    assert b"Set-Cookie" not in answer.partition(b"\r\n\r\n")[0] and b"SQLite" not in answer and b"root:" not in answer


def test_the_lines_of_the_log_are_ferryds_own(own_platform):
    """Whatever strangers write is quoted and cut before it reaches the log."""
    platform = own_platform
    with VendorDevice(platform, platform.new_device(), strict=False) as device:
        device.publish(b'{"type":"\n2026-01-01 ERROR forged: all is lost\n"}')
        device.publish(b"\n\nERROR forged\x1b[2J" * 100)
        assert device.upload("x", b"hello").verdict["result_code"] == 0
    for port in (platform.objects_port, platform.api_port):
        with RawConnection(port) as connection:
            connection.send(b"GET /\x1b[31mforged HTTP/1.1\r\nHost: h\r\n\r\n")
            connection.read_to_end(3)
    wait_for(lambda: platform.api.uploads(device.product), 5)
    assert "\x1b" not in platform.log() and not re.search(r"^(.{0,24})?ERROR forged", platform.log(), re.MULTILINE)
