"""PROTOCOL 3.2, bullet by bullet: what devices on the vendor's C SDK do over HTTP. Each docstring quotes its bullet.

Raw sockets send the vendor's own bytes. HttpAnswer.problems lists what its reader would have stumbled over.
"""
import base64
import hashlib
import os
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from ferry import PATIENCE, VendorDevice, vendor_get, vendor_put
from vendor_http import RESUME_STEP, put_head

NO_OBJECT = 9
CLOSED_WITHIN_S = 0.5  # the vendor would wait 2 s (PUT) or 1 s (GET) for the end of the connection
PACE_BYTES_PER_S = 50_000


def md5_of(data):
    return hashlib.md5(data).hexdigest()


def deliver(platform, device, name, data):
    platform.api.resource_add(device.product, name, data)
    deployment = platform.api.deploy(device.product, name, [device.device])
    return device.wait("download"), deployment


def altered(url):
    """The URL with its last character changed."""
    return url[:-1] + ("0" if url[-1] != "0" else "1")


def raw_request(url, head, body=b"", timeout_s=3):
    """Sends bytes and reads to the end of the connection (or the time); gives (bytes, closed)."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), 5) as sock:
        sock.settimeout(timeout_s)
        sock.sendall(head + body)
        received = b""
        try:
            while chunk := sock.recv(65536):
                received += chunk
        except (socket.timeout, ConnectionResetError):
            return received, False
        return received, True


def path_of(url):
    parts = urlsplit(url)
    return parts.path + "?" + parts.query


# --- the URL ---------------------------------------------------------------------------------------------------


def test_a_url_without_a_port(make_platform):
    """No port in the URL: it dials **80** (443 in a TLS build). Host <= 63 characters. **URL <= 860 characters**."""
    host = "files-" + "h" * 53 + ".lan"
    assert len(host) == 63
    platform = make_platform("--public-url", f"http://{host}")
    with VendorDevice(platform, platform.new_device()) as device:
        url = device.request_upload("a", b"abc")["url"]
        assert urlsplit(url).netloc == host, "neither a port nor anything else is added"
        assert len(url) <= 256
        # a proxy on port 80 hands the request on with the Host header as it came
        local = f"{platform.objects_url}{path_of(url)}"
        received, _ = raw_request(local, put_head(local, md5_of(b"abc"), 3).replace(b"127.0.0.1", host.encode()), b"abc")
        assert received.startswith(b"HTTP/1.1 200 ")
        assert device.upload_verdict("a")["result_code"] == 0


def test_a_public_url_that_no_vendor_device_can_dial_is_said_at_the_start(make_platform):
    """Host <= 63 characters."""
    platform = make_platform("--public-url", "http://" + "h" * 64 + ".lan", start=False)
    status = platform.start(expect_exit=True)
    assert status != 0 and "63" in platform.log()


def test_object_urls_are_short(device, platform):
    """One 1024-byte buffer holds the whole request head (DESIGN 5: at most 256 bytes)."""
    upload = device.request_upload("n" * 255, b"abc")
    platform.api.resource_add(device.product, "資" * 21, b"abc")
    platform.api.deploy(device.product, "資" * 21, [device.device])
    offer = device.wait("download")
    for url in (upload["url"], offer["url"]):
        assert len(url) <= 256 and re.fullmatch(r"[!-~]+", url)


# --- PUT -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4999, 5000, 5001, 65536, 1_000_003])
def test_put_has_just_these_headers(device, platform, size):
    """`PUT`: `Host`, `Content-MD5:<base64>` (no space after the colon), `Content-Type:
    application/x-www-form-urlencoded`, `Content-Length`; nothing else: no User-Agent, no Expect."""
    data = os.urandom(size)
    result = device.upload("a", data)
    assert (result.http.status, result.http.problems) == (200, [])
    assert result.verdict["result_code"] == 0
    (task,) = platform.api.uploads(device.product, device.device)
    assert platform.api.upload_bytes(task["id"]) == data


def test_a_body_that_looks_like_a_form_is_not_decoded(device, platform):
    """`Content-Type: application/x-www-form-urlencoded`: and yet the body is the file."""
    data = b"a=1&b=%20+&%zz=" * 400
    assert device.upload("form", data).verdict["result_code"] == 0
    (task,) = platform.api.uploads(device.product, device.device)
    assert platform.api.upload_bytes(task["id"]) == data


def test_size_and_md5_are_those_of_the_answer(device, platform):
    """Size and MD5 are those of the *answer*: a file that grew since is sent cut to the size, and its MD5 is wrong."""
    grown = b"first version, and then some"
    answer = device.request_upload("log", grown[:13])
    http = vendor_put(answer["url"], b"another text!", answer["md5sum"])
    assert http.status == 400 and b"<Code>BadDigest</Code>" in http.body
    assert device.upload_verdict("log")["result_code"] == NO_OBJECT
    assert vendor_put(answer["url"], grown[:answer["size"]], answer["md5sum"]).status == 200
    assert device.upload_verdict("log")["result_code"] == 0


@pytest.mark.parametrize("form", [b"Content-MD5:%s", b"Content-MD5: %s", b"content-md5:%s", b"CONTENT-MD5:  %s  "])
def test_content_md5_with_and_without_a_space(device, form):
    """`Content-MD5:<base64>` (no space after the colon)."""
    data = b"some bytes"
    url = device.request_upload("a", data)["url"]
    md5 = base64.b64encode(hashlib.md5(data).digest())
    head = (b"PUT %s HTTP/1.1\r\nHost: h\r\n" % path_of(url).encode() + form % md5 +
            b"\r\nContent-Length: %d\r\n\r\n" % len(data))
    received, _ = raw_request(url, head, data)
    assert received.startswith(b"HTTP/1.1 200 ")


# --- GET -----------------------------------------------------------------------------------------------------------


def test_the_range_ends_one_past_the_last_byte(device, platform):
    """`GET`: `Range: bytes=<offset>-<size>` always, the end one past the last byte (clamp it); `Accept-Encoding: gzip,
    deflate`, though it never decodes. Answer 206."""
    data = b"compressible " * 2000
    offer, _ = deliver(platform, device, "r", data)
    for offset in (0, 1, RESUME_STEP, 3 * RESUME_STEP, len(data) - 1):
        answer = vendor_get(offer["url"], len(data), offset)
        assert (answer.status, answer.body, answer.problems) == (206, data[offset:], [])
        assert answer.headers["Content-Range"] == f"bytes {offset}-{len(data) - 1}/{len(data)}"
        assert answer.headers["Content-Length"] == str(len(data) - offset)


def test_heads_of_all_answers_suit_its_reader(device, platform):
    """Header names exactly `Content-Length` with capitals and one space; response head under about 1000 bytes; never
    chunked; no redirects."""
    data = b"x" * 1000
    upload = device.request_upload("u", data)
    offer, _ = deliver(platform, device, "r", data)
    answers = {
        "PUT good": vendor_put(upload["url"], data, md5_of(data)),
        "PUT again": vendor_put(upload["url"], data, md5_of(data)),
        "PUT refused": vendor_put(altered(upload["url"]), data, md5_of(data)),
        "PUT to a download": vendor_put(offer["url"], data, md5_of(data)),
        "GET good": vendor_get(offer["url"], 1000),
        "GET refused": vendor_get(altered(offer["url"]), 1000),
        "GET of an upload": vendor_get(upload["url"], 1000),
        "GET past the end": vendor_get(offer["url"], 1000, 1000),
        "GET of nothing": vendor_get(platform.objects_url + "/o/" + "0" * 26 + "?e=1&s=x", 1000),
        "GET of another path": vendor_get(platform.objects_url + "/", 1000),
    }
    assert {name: answer.problems for name, answer in answers.items() if answer.problems} == {}
    assert {name: answer.status for name, answer in answers.items() if name.endswith("good")} == {
        "PUT good": 200, "GET good": 206}


# --- the end of a connection ------------------------------------------------------------------------------------------


def test_the_connection_closes_after_the_answer_to_a_put(device):
    """It reads the answer to a `PUT` until the connection closes or 2 s pass: **close after the answer** when the
    request has no `User-Agent` (saves 2 s per upload)."""
    data = b"x" * 10000
    answer = device.request_upload("a", data)
    for url in (altered(answer["url"]), answer["url"], answer["url"]):
        http = vendor_put(url, data, answer["md5sum"])
        assert http.closed and http.elapsed_s < CLOSED_WITHIN_S * PATIENCE, http


def test_the_connection_closes_after_a_small_download(device, platform):
    """**Close after the answer** when the request has no `User-Agent` (saves ... 1 s per small download)."""
    offer, _ = deliver(platform, device, "r", b"abc")
    for url in (offer["url"], altered(offer["url"])):
        answer = vendor_get(url, 3)
        assert answer.closed and answer.elapsed_s < CLOSED_WITHIN_S * PATIENCE, answer


def test_the_connection_of_a_client_with_user_agent_stays(device, platform):
    """Close after the answer when the request has no `User-Agent`: others keep their connection."""
    offer, _ = deliver(platform, device, "r", b"abc")
    parts = urlsplit(offer["url"])
    request = f"GET {path_of(offer['url'])} HTTP/1.1\r\nHost: h\r\nUser-Agent: test/1\r\n\r\n".encode()
    with socket.create_connection((parts.hostname, parts.port), 5) as sock:
        sock.settimeout(5)
        for _ in range(3):
            sock.sendall(request)
            received = b""
            while not received.endswith(b"\r\n\r\nabc"):
                chunk = sock.recv(4096)
                assert chunk, f"closed after {received!r}"
                received += chunk
            assert received.startswith(b"HTTP/1.1 200 ")


# --- what it takes for failure -------------------------------------------------------------------------------------------


def test_only_403_and_404_mean_failure_so_refusals_are_these(device, platform):
    """Only **403** and **404** mean failure to it."""
    data = b"x" * 300_000  # more than any buffer on the way: the device is still sending when it is refused
    answer = device.request_upload("a", data)
    (task,) = platform.api.uploads(device.product, device.device)
    unknown = answer["url"].replace(task["id"], "0" * 26)
    for url, status in ((altered(answer["url"]), 403), (answer["url"].replace("?e=", "?e=1"), 403), (unknown, None)):
        http = vendor_put(url, data, answer["md5sum"])
        assert http.status in ((status,) if status else (403, 404)), url
        assert re.search(rb"<Error><Code>\w+</Code><Message>[^<]+</Message>", http.body.replace(b"\n", b"")), http.body
    platform.api.upload_remove(task["id"])
    assert vendor_put(answer["url"], data, answer["md5sum"]).status == 404


def test_done_after_an_answer_that_is_no_failure_to_it(device, platform):
    """After 400, 409, 413, 500, 503, or no answer at all, it reports `done`. Only the stored bytes prove an upload."""
    good, bad = b"good bytes", b"evil bytes"
    answer = device.request_upload("a", good)
    assert vendor_put(answer["url"], bad, md5_of(good)).status == 400
    assert device.upload_verdict("a")["result_code"] == NO_OBJECT
    assert vendor_put(answer["url"], bad, md5_of(bad)).status == 400, "right for itself, but not what was announced"
    assert device.upload_verdict("a")["result_code"] == NO_OBJECT
    vendor_put(answer["url"], good, md5_of(good), stop_after=4)  # no answer at all
    assert device.upload_verdict("a")["result_code"] == NO_OBJECT
    (task,) = platform.api.uploads(device.product, device.device)
    assert task["state"] in ("created", "uploading")
    assert device.upload("a", good).verdict["result_code"] == 0, "10 s later it starts again"


@pytest.mark.parametrize("size", [5, 11, 5000])
def test_a_wrong_length_is_refused_and_leaves_nothing(device, platform, size):
    """Only the stored bytes prove an upload."""
    good = b"good bytes"
    answer = device.request_upload("a", good)
    http = vendor_put(answer["url"], b"x" * size, md5_of(good))
    assert http.status in (400, 413), http
    assert device.upload_verdict("a")["result_code"] == NO_OBJECT


def test_what_a_device_must_not_have_is_403_or_404_with_a_length(device, platform):
    """A `GET` answered 302, 416 or 500 with a short body hangs the device for ever: what it must not have, answer 403 or
    404 with a `Content-Length`."""
    offer, deployment = deliver(platform, device, "r", b"secret bytes")
    task = platform.api.download_task(deployment["id"], device.device)
    later = re.sub(r"e=(\d+)", lambda match: f"e={int(match.group(1)) + 1}", offer["url"])
    refused = [altered(offer["url"]), later, offer["url"].replace("&s=", "&x="), offer["url"].partition("?")[0],
               offer["url"] + "&more=1", offer["url"].replace(task["id"], "0" * 26),
               offer["url"].replace(task["id"], "../" * 8 + "x"), platform.objects_url + "/", platform.objects_url + "/o/"]
    for url in refused:
        answer = vendor_get(url, 12)
        assert answer.status in (403, 404) and not answer.problems and answer.complete, (url, answer)
        assert b"secret" not in answer.body
    platform.api.download_cancel(deployment["id"], task["id"])
    answer = vendor_get(offer["url"], 12)
    assert answer.status in (403, 404) and not answer.problems and answer.complete


def test_an_expired_url_is_403(make_platform):
    """What it must not have, answer 403 or 404 with a `Content-Length` (here: after the URL's life of 60 s)."""
    platform = make_platform("--url-life", "60")
    with VendorDevice(platform, platform.new_device()) as device:
        url = device.request_upload("a", b"abc")["url"]
        expiry = int(re.search(r"e=(\d+)", url).group(1))
        assert 55 <= expiry - time.time() <= 61


# --- pace ------------------------------------------------------------------------------------------------------------------


def test_an_upload_at_50_kilobytes_a_second(device, platform):
    """It sends 5000 bytes each 100 ms, about 50 kB/s: time-outs and URL lives must allow that."""
    data = os.urandom(60_000)
    answer = device.request_upload("slow", data)
    started = time.monotonic()
    assert device.put(answer, data, paced=True).status == 200
    assert time.monotonic() - started > 1
    assert device.upload_verdict("slow")["result_code"] == 0


def test_a_download_at_50_kilobytes_a_second(device, platform):
    """Body gaps over 1 s end a download. It sends (and reads) 5000 bytes each 100 ms, about 50 kB/s."""
    data = os.urandom(60_000)
    offer, _ = deliver(platform, device, "slow", data)
    answer = vendor_get(offer["url"], len(data), paced=True)
    assert answer.body == data and answer.gap_s < 1


def test_no_gap_in_a_body_while_others_load_the_platform(device, platform, make_device):
    """Body gaps over 1 s end a download (it resumes by `Range`, in multiples of 4999 bytes)."""
    data = os.urandom(1 << 20)
    offer, _ = deliver(platform, device, "r", data)
    other = make_device()

    def load(number):
        return other.upload(f"load {number}", os.urandom(200_000)).verdict["result_code"]
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(vendor_get, offer["url"], len(data), len(data) - 75_000, paced=True)
        assert [load(number) for number in range(5)] == [0] * 5
        answer = slow.result()
    assert answer.body == data[-75_000:] and answer.gap_s < 1


def test_resume_after_gaps_in_multiples_of_4999(device, platform):
    """It resumes by `Range`, in multiples of 4999 bytes."""
    data = os.urandom(100_000)
    offer, _ = deliver(platform, device, "r", data)
    received = b""
    for lost_at in (12_345, 4_998, 50_000, 100_000):
        answer = vendor_get(offer["url"], len(data), len(received), stop_after=lost_at)
        assert answer.status == 206
        received += answer.body
        if len(received) < len(data):
            received = received[:len(received) // RESUME_STEP * RESUME_STEP]
    assert received == data
    assert device.download(offer)[2]["result_code"] == 0


def test_the_server_keeps_reading(device):
    """A server that stops reading for long loses bytes silently: keep reading."""
    data = os.urandom(1 << 20) * 24
    answer = device.request_upload("big", data)
    parts = urlsplit(answer["url"])
    with socket.create_connection((parts.hostname, parts.port), 5) as sock:
        sock.sendall(put_head(answer["url"], answer["md5sum"], len(data)))
        longest = 0
        for start in range(0, len(data), 5000):
            before = time.monotonic()
            sock.sendall(data[start:start + 5000])
            longest = max(longest, time.monotonic() - before)
        sock.settimeout(5)
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert longest < 1 * PATIENCE, f"the server did not read for {longest:.1f} s"


def test_resume_of_a_complete_file(device, platform):
    """At resume of a complete file it asks `bytes=N-N` of N bytes: 206 or 416 with `Content-Length: 0`, both end well."""
    offer, _ = deliver(platform, device, "r", b"x" * 5000)
    answer = vendor_get(offer["url"], 5000, 5000)
    assert answer.status in (206, 416) and answer.headers["Content-Length"] == "0" and answer.body == b""
    assert answer.problems == []
    assert device.download_verdict("r")["result_code"] == 0
