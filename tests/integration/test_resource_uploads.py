"""Resources that are sent in parts: the line, the sender or the platform may break at any byte."""
import hashlib
import json
import random
import socket
import sqlite3
import subprocess
import threading

import pytest
import requests

from environment import INHERITED
from fault_proxy import BlackHole, Cut, HttpProxy, Rate, always
from ferry import ApiError, OperatorApi, program, unique_name, wait_for

FILE = random.Random(5).randbytes(3 << 20)
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


def digests(data):
    return {"md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest()}


def begin(api, product, data=FILE, name="r", **more):
    return api.call("POST", "/resource-uploads",
                    json={"product": product, "name": name, "size": len(data), **digests(data), **more})


def send(api, upload, offset, data, **headers):
    return api.call("PATCH", f"/resource-uploads/{upload}", ok=False, data=data,
                    headers={**TUS, "Upload-Offset": str(offset), **headers})


def get(api, upload):
    return api.call("GET", f"/resource-uploads/{upload}")


def code(answer):
    return answer.status_code, answer.json()["code"]


def partials(platform):
    return [path.name for path in (platform.data / "objects" / "partial").iterdir()]


def used(api, product):
    usage = api.call("GET", f"/quota/{product}")["used"]
    return usage["files"], usage["bytes"]


def check_resource(api, product, upload, data=FILE):
    assert [r["id"] for r in api.list("/resources", product=product)] == [upload]
    resource = api.call("GET", f"/resources/{upload}")
    assert {key: resource[key] for key in ("md5", "sha256")} == digests(data)
    assert api.call("GET", f"/resources/{upload}/content", ok=False).content == data
    row = get(api, upload)
    assert (row["state"], row["resource"], row["offset"]) == ("done", upload, len(data))
    assert used(api, product) == (1, len(data))


def test_a_file_comes_in_parts(platform, product):
    api = platform.api
    upload = begin(api, product, description="words")
    assert (upload["state"], upload["offset"], upload["resource"]) == ("uploading", 0, None)
    assert used(api, product) == (1, len(FILE))
    first_part = send(api, upload["id"], 0, FILE[:1000])
    assert (first_part.status_code, first_part.headers["Upload-Offset"]) == (204, "1000")
    head = api.call("HEAD", f"/resource-uploads/{upload['id']}", ok=False)
    assert (head.status_code, head.headers["Upload-Offset"], head.headers["Upload-Length"]) == (200, "1000", str(len(FILE)))
    assert head.headers["Cache-Control"] == "no-store" and head.headers["Upload-Expires"].endswith(" GMT")
    assert [row["offset"] for row in api.list("/resource-uploads", product=product)] == [1000]
    assert api.list("/resources", product=product) == []
    last = send(api, upload["id"], 1000, FILE[1000:])
    assert (last.status_code, last.headers["Location"]) == (204, f"/api/v1/resources/{upload['id']}")
    check_resource(api, product, upload["id"])
    assert api.call("GET", f"/resources/{upload['id']}")["description"] == "words"
    again = send(api, upload["id"], len(FILE), b"")
    assert (again.status_code, again.headers["Location"]) == (204, last.headers["Location"])
    assert code(send(api, upload["id"], 0, b"x")) == (409, "offset_conflict")
    assert code(send(api, upload["id"], len(FILE), b"x")) == (413, "too_large")
    assert begin(api, product, description="other words")["id"] == upload["id"], "who lost the answer finds out"
    api.call("DELETE", f"/resource-uploads/{upload['id']}")
    assert len(api.list("/resources", product=product)) == 1
    assert begin(api, product)["id"] != upload["id"], "once it is forgotten the same file is a new version"
    actions = [row["action"] for row in api.list("/audit", product=product)]
    assert {"resource_upload.add", "resource.add", "resource_upload.remove"} <= set(actions)


@pytest.mark.parametrize("headers, offset, expected", [
    ({"Tus-Resumable": "0.2.0"}, 0, (412, "tus_version")),
    ({"Tus-Resumable": None}, 0, (412, "tus_version")),
    ({"Content-Type": "application/octet-stream"}, 0, (415, "unsupported_media_type")),
    ({"If-Match": "*"}, 0, (400, "invalid_header")),
    ({}, "", (400, "invalid_header")),
    ({}, -1, (400, "invalid_header")),
    ({}, 1, (409, "offset_conflict")),
    ({}, 2**63, (409, "offset_conflict")),
])
def test_what_is_no_part_is_refused(platform, product, headers, offset, expected):
    upload = begin(platform.api, product)["id"]
    answer = send(platform.api, upload, offset, b"bytes", **headers)
    assert code(answer) == expected
    assert get(platform.api, upload)["offset"] == 0
    assert code(send(platform.api, upload, 0, FILE + b"x")) == (413, "too_large")


@pytest.mark.parametrize("body, field", [
    ({"size": 0}, "size"), ({"md5": "x"}, "md5"), ({"sha256": "0" * 63}, "sha256"), ({"sha256": "g" * 64}, "sha256"),
    ({"name": ""}, "name"),
])
def test_what_cannot_become_a_resource_is_refused_before_a_byte(platform, product, body, field):
    with pytest.raises(ApiError) as refused:
        begin(platform.api, product, **body)
    assert (refused.value.status, refused.value.problem["field"]) == (400, field)
    with pytest.raises(ApiError) as refused:
        begin(platform.api, "nobody")
    assert refused.value.status == 404
    with pytest.raises(ApiError) as refused:
        begin(platform.api, product, size=2**62)
    assert refused.value.code == "too_large"


def test_the_line_is_cut_at_random_bytes(platform, product):
    upload = begin(platform.api, product)["id"]
    chance = random.Random(11)
    proxy = HttpProxy(platform.api_port)
    api = OperatorApi(f"http://127.0.0.1:{proxy.port}", platform.token)
    try:
        for _ in range(8):
            offset = get(platform.api, upload)["offset"]
            proxy.plan = always(Cut("up", chance.randrange(1, 1 << 19), reset=chance.random() < 0.5))
            with pytest.raises(OSError):
                send(api, upload, offset, FILE[offset:])
            proxy.drop_all()
            wait_for(lambda: code_of_probe(platform.api, upload) == 204, 30, "the broken connection to be noticed")
        proxy.plan = always()
        offset = get(platform.api, upload)["offset"]
        assert 0 < offset < len(FILE)
        assert send(api, upload, offset, FILE[offset:]).status_code == 204
    finally:
        api.close()
        proxy.close()
    check_resource(platform.api, product, upload)


def code_of_probe(api, upload):
    """An empty part where it stands: 204 when no other connection has it.

    What the cut line still brings may be read behind the probe. It is the newer one then, and the probe's connection is cut.
    """
    try:
        return send(api, upload, get(api, upload)["offset"], b"").status_code
    except requests.ConnectionError:
        return None


def stuck_sender(platform, upload, offset, data):
    """A connection that has sent a part of what it announced, and is silent."""
    line = socket.create_connection(("127.0.0.1", platform.api_port))
    head = (f"PATCH /api/v1/resource-uploads/{upload} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {platform.token}\r\n"
            f"Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n"
            f"Content-Length: {len(FILE) - offset}\r\n\r\n")
    line.sendall(head.encode() + data)
    return line


def test_ferryd_dies_in_the_middle(own_platform, product_of_own):
    upload = begin(own_platform.api, product_of_own)["id"]
    part = FILE[:1 << 20]
    with stuck_sender(own_platform, upload, 0, part):
        wait_for(lambda: get(own_platform.api, upload)["offset"] >= len(part) - 65536, 20, "bytes to arrive")
        own_platform.kill9()
    own_platform.start()
    offset = get(own_platform.api, upload)["offset"]
    assert len(part) - 65536 <= offset <= len(part)
    assert send(own_platform.api, upload, offset, FILE[offset:]).status_code == 204
    check_resource(own_platform.api, product_of_own, upload)
    own_platform.kill9()
    own_platform.start()
    check_resource(own_platform.api, product_of_own, upload)


@pytest.mark.parametrize("where", ["partial", "object"])
def test_ferryd_dies_before_it_could_tell(own_platform, product_of_own, where):
    """All bytes are there: as the partial object, or as an object that nobody was told of."""
    upload = begin(own_platform.api, product_of_own)["id"]
    assert send(own_platform.api, upload, 0, FILE[:5]).status_code == 204
    own_platform.kill9()
    objects = own_platform.data / "objects"
    partial = objects / "partial" / upload
    partial.write_bytes(FILE)
    if where == "object":
        folder = objects / upload[-2:]
        folder.mkdir(exist_ok=True)
        partial.rename(folder / upload)
    own_platform.start()
    assert get(own_platform.api, upload)["state"] == "done"
    check_resource(own_platform.api, product_of_own, upload)


@pytest.fixture
def product_of_own(own_platform):
    return own_platform.new_product()


def test_wrong_bytes_are_removed(platform, product):
    api = platform.api
    upload = begin(api, product)["id"]
    assert send(api, upload, 0, FILE[:1000]).status_code == 204
    wrong = send(api, upload, 1000, b"x" * (len(FILE) - 1000))
    assert code(wrong) == (400, "bad_digest")
    assert get(api, upload)["offset"] == 0 and upload not in partials(platform)
    assert api.list("/resources", product=product) == []
    assert send(api, upload, 0, FILE).status_code == 204
    check_resource(api, product, upload)


def test_only_one_sends_at_a_time(platform, product):
    upload = begin(platform.api, product)["id"]
    with stuck_sender(platform, upload, 0, FILE[:1 << 20]) as line:
        wait_for(lambda: get(platform.api, upload)["offset"] > 0, 20, "bytes to arrive")
        offset = get(platform.api, upload)["offset"]
        answer = send(platform.api, upload, offset, FILE[offset:])
        while answer.status_code == 409:  # more came meanwhile
            offset = int(answer.headers["Upload-Offset"])
            answer = send(platform.api, upload, offset, FILE[offset:])
        assert code(answer) == (423, "upload_locked") and answer.headers["Retry-After"] == "1"
        line.settimeout(20)
        assert line.recv(1) == b"", "the older one is cut"
    wait_for(lambda: code_of_probe(platform.api, upload) == 204, 20, "the place to be free")
    offset = get(platform.api, upload)["offset"]
    assert send(platform.api, upload, offset, FILE[offset:]).status_code == 204
    check_resource(platform.api, product, upload)


def test_one_of_many_at_once_goes_on(platform, product):
    upload = begin(platform.api, product)["id"]
    answers = []

    def send_all():
        try:
            answers.append(send(OperatorApi(platform.api_url, platform.token), upload, 0, FILE).status_code)
        except OSError:
            answers.append(423)  # cut: another one came

    threads = [threading.Thread(target=send_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {204, 409, 423, 413}
    wait_for(lambda: finish(platform.api, upload), 30, "it to be whole")
    check_resource(platform.api, product, upload)


def finish(api, upload):
    offset = get(api, upload)["offset"]
    return offset == len(FILE) or send(api, upload, offset, FILE[offset:]).status_code == 204


def test_giving_up_leaves_nothing(platform, product):
    api = platform.api
    upload = begin(api, product)["id"]
    assert send(api, upload, 0, FILE[:1000]).status_code == 204
    with pytest.raises(ApiError) as refused:
        api.call("DELETE", f"/products/{product}")
    assert refused.value.status == 409
    with stuck_sender(platform, upload, 1000, FILE[1000:1 << 20]):
        wait_for(lambda: get(api, upload)["offset"] > 1000, 20, "bytes to arrive")
        api.call("DELETE", f"/resource-uploads/{upload}")
        wait_for(lambda: upload not in partials(platform), 20, "the bytes to be removed")
    assert api.call("GET", f"/resource-uploads/{upload}", ok=False).status_code == 404
    assert code(send(api, upload, 0, b"x")) == (404, "not_found")
    assert used(api, product) == (0, 0)
    api.call("DELETE", f"/products/{product}")


def test_what_nobody_goes_on_with_expires(make_platform):
    platform = make_platform("--resource-upload-life", "60")
    api, product = platform.api, platform.new_product()
    upload = begin(api, product)["id"]
    assert send(api, upload, 0, FILE[:1000]).status_code == 204
    platform.stop()
    age(platform, seen=0)
    platform.start()
    row = wait_for(lambda: (lambda r: r if r["expires_at"] > "2026" else None)(get(platform.api, upload)), 20, "a new time")
    assert row["offset"] == 1000, "bytes came: it lives on"
    platform.stop()
    age(platform, seen=1000)
    platform.start()
    wait_for(lambda: platform.api.call("GET", f"/resource-uploads/{upload}", ok=False).status_code == 404, 20, "its end")
    wait_for(lambda: upload not in partials(platform), 20, "its bytes to go")
    assert used(platform.api, product) == (0, 0)


def age(platform, seen):
    with sqlite3.connect(platform.data / "ferry.db") as database:
        database.execute("UPDATE resource_upload SET expires_ms = 1, seen_bytes = ?", (seen,))
    database.close()


def test_the_quota_holds(platform, product):
    api = platform.api
    limits = {"product_bytes": len(FILE) + 10, "product_files": 0, "device_bytes": 0, "device_files": 0}
    api.call("PUT", f"/quota/{product}", json=limits)
    upload = begin(api, product)["id"]
    with pytest.raises(ApiError) as refused:
        begin(api, product, b"12345678901", name="other")
    assert (refused.value.status, refused.value.code) == (507, "quota_exceeded")
    api.call("PUT", f"/quota/{product}", json={**limits, "product_bytes": 1})
    assert send(api, upload, 0, FILE).status_code == 204, "its room was set aside when it began"
    check_resource(api, product, upload)


def test_others_cannot_touch_it(platform, product):
    upload = begin(platform.api, product)["id"]
    for role, products, expected in (("viewer", None, 403), ("operator", [platform.new_product()], 404)):
        body = {"name": unique_name("t"), "role": role, **({"products": products} if products else {})}
        other = OperatorApi(platform.api_url, platform.api.call("POST", "/tokens", json=body)["token"])
        assert send(other, upload, 0, b"x").status_code == expected
        assert other.call("DELETE", f"/resource-uploads/{upload}", ok=False).status_code == expected
        other.close()
    assert get(platform.api, upload)["offset"] == 0


def peak_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def test_memory_does_not_grow_with_the_file(own_platform, product_of_own):
    size = 200 << 20
    block = random.Random(3).randbytes(1 << 20)
    sha256 = hashlib.sha256()
    for _ in range(size >> 20):
        sha256.update(block)
    api = own_platform.api
    upload = api.call("POST", "/resource-uploads", json={"product": product_of_own, "name": "r", "size": size,
                                                         "sha256": sha256.hexdigest()})["id"]
    before = peak_kb(own_platform.pid)
    half = [block] * (size >> 21)
    for part in range(2):
        assert send_long(api, upload, part * (size // 2), half).status_code == 204
    assert get(api, upload)["state"] == "done"
    assert peak_kb(own_platform.pid) - before < 20 << 10


class Blocks:
    """A body of known length that is never whole in memory."""

    def __init__(self, blocks):
        self._blocks = iter(blocks)
        self.len = sum(map(len, blocks))

    def read(self, _size=-1):
        return next(self._blocks, b"")


def send_long(api, upload, offset, blocks):
    return send(api, upload, offset, Blocks(blocks))


# --- ferryctl -----------------------------------------------------------------------------------------------


@pytest.fixture
def large_file(tmp_path):
    path = tmp_path / "firmware.bin"
    path.write_bytes(random.Random(7).randbytes(12 << 20))
    return path


def ferryctl(platform, *words, api=None):
    environment = {**INHERITED, "FERRY_TOKEN_FILE": str(platform.data / "admin.token")}
    where = ["--api", api] if api else ["--data", str(platform.data)]
    return subprocess.Popen([str(program("ferryctl")), *where, "--json", *map(str, words)], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(command):
    out, err = command.communicate(timeout=120)
    assert command.returncode == 0, err
    return json.loads(out)


def test_ferryctl_goes_on_over_a_line_that_breaks(platform, product, large_file):
    proxy = HttpProxy(platform.api_port)
    # A reset takes along what ferryd has not read yet, perhaps all of it; an end does not.
    cuts = [Cut("up", 1 << 20), Cut("up", 3 << 20, reset=True), Cut("up", 5000, reset=True)]
    proxy.plan = lambda number: cuts[number:number + 1]
    try:
        resource = ended(ferryctl(platform, "resource", "add", product, large_file, "--description", "words",
                                  api=f"http://127.0.0.1:{proxy.port}"))
    finally:
        proxy.close()
    assert proxy.hits == cuts
    assert (resource["name"], resource["description"], resource["size"]) == ("firmware.bin", "words", 12 << 20)
    check_bytes(platform.api, product, resource["id"], large_file.read_bytes())
    assert platform.api.list("/resource-uploads", product=product) == [], "nothing is left of it"
    sent = [int(headers["content-length"]) for method, _, headers in proxy.requests if method == "PATCH"]
    assert len(sent) == 1 + len(cuts) and sent == sorted(sent, reverse=True) and sent[1] < 12 << 20


def check_bytes(api, product, resource, data):
    assert [row["id"] for row in api.list("/resources", product=product)] == [resource]
    assert api.call("GET", f"/resources/{resource}/content", ok=False).content == data


def test_ferryctl_goes_on_after_its_own_death(platform, product, large_file):
    proxy = HttpProxy(platform.api_port)
    proxy.plan = always(BlackHole("up", 5 << 20))
    try:
        command = ferryctl(platform, "resource", "add", product, large_file, api=f"http://127.0.0.1:{proxy.port}")
        (row,) = wait_for(lambda: [row for row in platform.api.list("/resource-uploads", product=product)
                                   if row["offset"] > 1 << 20], 60, "bytes to arrive")
        command.kill()
        command.communicate()
    finally:
        proxy.close()
    resource = ended(ferryctl(platform, "resource", "add", product, large_file))
    assert resource["id"] == row["id"]
    check_bytes(platform.api, product, resource["id"], large_file.read_bytes())


def test_ferryctl_goes_on_after_the_death_of_ferryd(own_platform, product_of_own, large_file):
    own_platform.pin_ports()
    proxy = HttpProxy(own_platform.api_port)
    proxy.plan = always(Rate("up", 4 << 20))
    try:
        command = ferryctl(own_platform, "resource", "add", product_of_own, large_file, api=f"http://127.0.0.1:{proxy.port}")
        wait_for(lambda: any(row["offset"] > 1 << 20 for row in own_platform.api.list("/resource-uploads")), 60, "bytes to come")
        own_platform.kill9()
        own_platform.start()
        resource = ended(command)
    finally:
        proxy.close()
    check_bytes(own_platform.api, product_of_own, resource["id"], large_file.read_bytes())


def test_ferryctl_shows_and_gives_up(platform, product, large_file):
    upload = begin(platform.api, product, name="big")["id"]
    assert ended(ferryctl(platform, "resource", "uploads", product))["id"] == upload
    ended(ferryctl(platform, "resource", "abandon", upload))
    assert platform.api.list("/resource-uploads", product=product) == []
    with_key = ("resource", "add", product, large_file, "--idempotency-key", unique_name("k"))
    assert ended(ferryctl(platform, *with_key))["id"] == ended(ferryctl(platform, *with_key))["id"]
