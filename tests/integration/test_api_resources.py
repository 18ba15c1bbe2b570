"""Resources over the operator API: files that are sent and fetched."""
import hashlib
import json
import os
import time

import pytest

from described_api import add_resource, md5_base64, sha256_base64, walk
from ferry import wait_for
from raw_http import RawConnection


# --- resources --------------------------------------------------------------------------------------------------------


def object_files(platform):
    return {path for path in (platform.data / "objects").rglob("*") if path.is_file()}


def test_resource_life(api, product):
    data = os.urandom(100_000)
    answer = api("POST", "/resources", params={"product": product, "name": "a b/é.bin"}, data=data)
    assert answer.status_code == 201
    resource = answer.json()
    assert resource["name"] == "a b/é.bin" and resource["size"] == len(data) and resource["product"] == product
    assert resource["md5"] == hashlib.md5(data).hexdigest()
    assert resource["sha256"] == hashlib.sha256(data).hexdigest()
    assert answer.headers["Location"] == f"/api/v1/resources/{resource['id']}"
    assert api.get(f"/resources/{resource['id']}") == resource
    content = api("GET", f"/resources/{resource['id']}/content")
    assert content.content == data
    assert "filename*=UTF-8''a%20b%2F%C3%A9.bin" in content.headers["Content-Disposition"]
    assert content.headers["X-Content-Type-Options"] == "nosniff"
    assert api("DELETE", f"/resources/{resource['id']}").status_code == 204
    for method, suffix in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        api.refused(404, "not_found", method, f"/resources/{resource['id']}{suffix}")


def test_versions_of_a_name_are_kept(api, product):
    old = add_resource(api, product, "fw", b"one")
    other = add_resource(api, product, "fw.sig", b"sig")
    new = add_resource(api, product, "fw", b"two")
    assert walk(api, "/resources", product=product, name="fw")[0] == [new, old]
    assert walk(api, "/resources", product=product, name="fw", limit=1)[0] == [new, old]
    assert walk(api, "/resources", product=product, name_prefix="fw")[0] == [new, other, old]
    assert walk(api, "/resources", product=product, name_prefix="fw.")[0] == [other]
    assert walk(api, "/resources", product=product, name="f")[0] == []
    api.refused(400, "invalid_parameter", "GET", "/resources", params={"name": "a", "name_prefix": "a"})
    assert api("GET", f"/resources/{old['id']}/content").content == b"one"
    assert api("DELETE", f"/resources/{new['id']}").status_code == 204
    assert walk(api, "/resources", product=product, name="fw")[0] == [old]


@pytest.mark.parametrize("headers", [
    lambda data: {"Content-MD5": md5_base64(data)},
    lambda data: {"Content-Digest": f"sha-256=:{sha256_base64(data)}:"},
    lambda data: {"Digest": f"SHA-256={sha256_base64(data)}"},
    lambda data: {"Digest": f"md5=x, sha-256={sha256_base64(data)}", "Content-MD5": md5_base64(data)},
    lambda data: {"Digest": "sha-512=unknown-algorithms-are-passed-over"},
])
def test_announced_digests_that_are_right(api, product, headers):
    data = os.urandom(70_000)
    assert add_resource(api, product, "r", data, **headers(data))["size"] == len(data)


@pytest.mark.parametrize("headers, code", [
    ({"Content-MD5": md5_base64(b"other")}, "bad_digest"),
    ({"Content-Digest": f"sha-256=:{sha256_base64(b'other')}:"}, "bad_digest"),
    ({"Digest": f"sha-256={sha256_base64(b'other')}"}, "bad_digest"),
    ({"Content-MD5": "x"}, "invalid_header"), ({"Content-MD5": ""}, "invalid_header"),
    ({"Content-MD5": md5_base64(b"x") + "AAAA"}, "invalid_header"), ({"Digest": "sha-256=x"}, "invalid_header"),
    ({"Content-Digest": "sha-256=:x:"}, "invalid_header"),
])
def test_announced_digests_that_are_wrong(platform, api, product, headers, code):
    before = object_files(platform)
    answer = api("POST", "/resources", params={"product": product, "name": "r"}, data=b"data", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert walk(api, "/resources", product=product)[0] == []
    assert object_files(platform) <= before, "nothing is left behind"


def test_an_empty_resource_is_refused(api, product):
    for data in (b"", iter([])):
        answer = api("POST", "/resources", params={"product": product, "name": "r"}, data=data)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_length")


def test_a_resource_of_an_unknown_product_is_refused_before_its_bytes(platform):
    with RawConnection(platform.api_port) as connection:
        connection.send_head("POST", "/api/v1/resources?product=nobody&name=r", Authorization=f"Bearer {platform.token}",
                             Content_Length=1 << 30, Expect="100-continue")
        answer = connection.read_answer()
    assert answer.status == 404 and json.loads(answer.body)["code"] == "not_found"


def test_a_resource_above_the_limit_is_refused(platform, api, product):
    with RawConnection(platform.api_port) as connection:
        connection.send_head("POST", f"/api/v1/resources?product={product}&name=r",
                             Authorization=f"Bearer {platform.token}", Content_Length=1 << 50, Expect="100-continue")
        assert connection.read_answer().status == 413


def test_a_resource_of_unknown_length_is_counted(api, product):
    data = os.urandom(300_000)
    chunks = (data[at:at + 7777] for at in range(0, len(data), 7777))
    resource = add_resource(api, product, "chunked", chunks)
    assert resource["size"] == len(data) and resource["md5"] == hashlib.md5(data).hexdigest()


@pytest.mark.parametrize("sent", [0, 1, 65_536, 200_000])
def test_a_resource_that_breaks_off_leaves_nothing(platform, api, product, sent):
    before = object_files(platform)
    with RawConnection(platform.api_port) as connection:
        connection.send_head("POST", f"/api/v1/resources?product={product}&name=r",
                             Authorization=f"Bearer {platform.token}", Content_Length=1_000_000)
        connection.send(b"x" * sent)
        time.sleep(0.05)
    wait_for(lambda: object_files(platform) <= before, what="the removal of what was unfinished")
    assert walk(api, "/resources", product=product)[0] == []


@pytest.mark.parametrize("name", ["x", "x" * 255, "é" * 127, "..", "/etc/passwd", "a\\b", '"q"', "%41", "a?b#c&d=e", "🚢"])
def test_resource_names_come_back_as_they_were(api, product, name):
    resource = add_resource(api, product, name)
    assert resource["name"] == name
    assert api("GET", f"/resources/{resource['id']}/content").content == b"resource"


def memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_a_large_resource_is_never_whole_in_memory(platform, api, product):
    size, block = 192 << 20, os.urandom(1 << 20)
    digest = hashlib.md5()
    before = memory_kib(platform.pid)
    highest = 0

    def blocks():
        nonlocal highest
        for _ in range(size // len(block)):
            digest.update(block)
            highest = max(highest, memory_kib(platform.pid))
            yield block

    resource = add_resource(api, product, "large", blocks())
    assert resource["size"] == size and resource["md5"] == digest.hexdigest()
    assert highest - before < 48 << 10, f"{highest - before} KiB more for {size >> 10} KiB"
    check = hashlib.md5()
    with api.session.get(f"{api.url}/api/v1/resources/{resource['id']}/content", stream=True, timeout=60) as answer:
        for chunk in answer.iter_content(1 << 20):
            check.update(chunk)
    assert check.hexdigest() == resource["md5"]
    assert api("DELETE", f"/resources/{resource['id']}").status_code == 204


def test_a_slow_upload_does_not_keep_others_waiting(platform, api, product):
    slow = [RawConnection(platform.api_port) for _ in range(20)]
    try:
        for connection in slow:
            connection.send_head("POST", f"/api/v1/resources?product={product}&name=slow",
                                 Authorization=f"Bearer {platform.token}", Content_Length=1_000_000)
            connection.send(b"x" * 70_000)
        start = time.monotonic()
        for _ in range(10):
            api.get(f"/products/{product}")
        assert time.monotonic() - start < 2
    finally:
        for connection in slow:
            connection.close()


def test_too_many_uploads_at_once_are_told_to_come_again(platform, api, product):
    def begin():
        connection = RawConnection(platform.api_port)
        connection.send_head("POST", f"/api/v1/resources?product={product}&name=many",
                             Authorization=f"Bearer {platform.token}", Content_Length=1000, Expect="100-continue")
        return connection, connection.read_answer(keep_body=False).status

    opened = [begin() for _ in range(70)]
    try:
        statuses = [status for _, status in opened]
        assert statuses.count(100) >= 60 and statuses[-1] == 503
        assert set(statuses) == {100, 503}
    finally:
        for connection, _ in opened:
            connection.close()

    def free_again():
        answer = api("POST", "/resources", params={"product": product, "name": "r"}, data=b"x")
        return answer.status_code == 201
    wait_for(free_again, what="a place for an upload")


# --- content ----------------------------------------------------------------------------------------------------------


CONTENT = bytes(range(256)) * 40


@pytest.fixture
def content(api, product):
    """get(**headers): the content of one resource of CONTENT."""
    resource = add_resource(api, product, "content", CONTENT)
    path = f"/resources/{resource['id']}/content"

    def get(method="GET", **headers):
        return api(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return get


@pytest.mark.parametrize("value, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=0-99", 0, 99), ("bytes=10000-", 10000, 10239), ("bytes=-1", 10239, 10239),
    ("bytes=-99999", 0, 10239), ("bytes=5-99999", 5, 10239), ("bytes=0-10240", 0, 10239),
])
def test_ranges_of_a_content(content, value, first, last):
    answer = content(Range=value)
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert answer.content == CONTENT[first:last + 1]


@pytest.mark.parametrize("value", ["bytes=", "bytes=x", "lines=1-2", "bytes=9-3", "bytes=0-1,5-6"])
def test_a_range_that_cannot_be_understood_gives_the_whole(content, value):
    answer = content(Range=value)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("value", ["bytes=10240-", "bytes=10240-10250", "bytes=-0", "bytes=99999999999999999999-"])
def test_a_range_past_the_end_is_refused(content, value):
    answer = content(Range=value)
    assert answer.status_code == 416 and answer.json()["code"] == "range_not_satisfiable"
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_a_content_has_a_head_and_an_etag(content):
    whole, head = content(), content("HEAD")
    assert whole.status_code == head.status_code == 200
    assert head.content == b"" and head.headers["Content-Length"] == str(len(CONTENT))
    assert whole.headers["ETag"] == head.headers["ETag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert content(Range="bytes=0-4", If_Range=whole.headers["ETag"]).status_code == 206
    stale = content(Range="bytes=0-4", If_Range='"other"')
    assert (stale.status_code, stale.content) == (200, CONTENT)
