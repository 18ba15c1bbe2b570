"""Many devices from a list: CSV and JSON lines, what is wrong with them, and an end in the middle."""
import base64
import csv
import io
import json
import os
import stat
import subprocess
import threading

import pytest

from ferry import SANITIZED, THREADS_WATCHED, program, wait_for
from openapi import OpenApi
from operators import Caller
from raw_http import RawConnection
from vendor_device import DeviceCredential, VendorDevice

DESCRIPTION = OpenApi()
CSV, JSON = "text/csv", "application/x-ndjson"
SECRET = base64.b64encode(b"0123456789abcdef").decode()


def bring(platform, product, text, kind=CSV):
    answer = Caller(platform, platform.token)("POST", "/devices/import", params={"product": product}, data=text,
                                              headers={"Content-Type": kind} if kind else {})
    DESCRIPTION.check("POST", "/api/v1/devices/import", answer)
    return answer


def counts(answer):
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["lines"], body["added"], body["existing"], body["failed"]


def devices(platform, product):
    return {row["name"]: row for row in platform.api.list("/devices", product=product)}


def csv_of(count, first=0):
    lines = [f"dev-{n:06},{base64.b64encode(os.urandom(32)).decode()}" for n in range(first, first + count)]
    return "name,secret\n" + "\n".join(lines) + "\n"


def ferryctl(platform, *words):
    return subprocess.run([program("ferryctl"), "--data", platform.data, *map(str, words)], capture_output=True, text=True,
                          timeout=120, check=False)


def test_devices_of_a_csv_are_added_with_secret_and_tags(platform, product):
    text = f"\ufefftags,secret,name\r\nlab paris,{SECRET},d1\r\n\"\",\"{SECRET}\",\"d2\"\r\n\r\n,{SECRET},d3".encode()
    assert counts(bring(platform, product, text)) == (5, 3, 0, 0)
    there = devices(platform, product)
    assert {name: row["tags"] for name, row in there.items()} == {"d1": ["lab", "paris"], "d2": [], "d3": []}
    assert bring(platform, product, text).json()["existing"] == 3, "again is fine"


def test_devices_of_json_lines_are_added(platform, product):
    text = f'{{"name": "d1", "secret": "{SECRET}", "tags": ["a"]}}\n\n{{"secret": "{SECRET}", "name": "d2"}}'
    assert counts(bring(platform, product, text, JSON)) == (3, 2, 0, 0)
    assert devices(platform, product)["d1"]["tags"] == ["a"]


def test_a_device_of_a_list_comes_in(own_platform):
    product = own_platform.new_product()
    assert counts(bring(own_platform, product, f"name,secret\nd,{SECRET}\n"))[1] == 1
    device = DeviceCredential(product, "d", SECRET)
    with VendorDevice(own_platform, device) as client:
        assert client.request_upload("a", b"abc")["url"]


def test_each_device_leaves_a_record_and_an_event(platform, product):
    bring(platform, product, csv_of(3))
    records = platform.api.list("/audit", product=product, action="device.add")
    assert {record["object"] for record in records} == {f"device/{product}/dev-{n:06}" for n in range(3)}
    assert {record["actor"] for record in records} == {"token/admin"}


@pytest.mark.parametrize("kind, line, field", [
    (CSV, "bad name," + SECRET, "name"), (CSV, "x" * 65 + "," + SECRET, "name"), (CSV, "," + SECRET, "name"),
    (CSV, "d,", "secret"), (CSV, "d,!!!!", "secret"), (CSV, "d", ""), (CSV, f"d,{SECRET},more", ""), (CSV, f'"d,{SECRET}', ""),
    (CSV, f'"d"x,{SECRET}', ""), (CSV, "d," + "x" * 9000, ""), (CSV, b"\xff," + SECRET.encode(), ""), (CSV, b"d\0," + SECRET.encode(), ""),
    (JSON, '{"name": "d"}', "secret"), (JSON, "[]", ""), (JSON, "{", ""), (JSON, '{"name": "d", "name": "e"}', ""),
    (JSON, json.dumps({"name": "d", "secret": SECRET, "more": 1}), "more"),
    (JSON, json.dumps({"name": "d", "secret": SECRET, "tags": ["a b"]}), "tags"),
])
def test_a_wrong_line_is_said_and_passed_over(platform, product, kind, line, field):
    good = f"good,{SECRET}" if kind == CSV else json.dumps({"name": "good", "secret": SECRET})
    line = line if isinstance(line, bytes) else line.encode()
    head = b"name,secret\n" if kind == CSV else b"\n"
    answer = bring(platform, product, head + line + b"\n" + good.encode(), kind)
    assert counts(answer) == (3, 1, 0, 1)
    (error,) = answer.json()["errors"]
    assert (error["line"], error["field"]) == (2, field) and error["detail"]
    assert list(devices(platform, product)) == ["good"]


@pytest.mark.parametrize("header", ["", "secret", "name,secret,name", "name,secrets", "name,secret,tags,more", "d1,c2VjcmV0", '"name'])
def test_without_its_columns_nothing_is_taken(platform, product, header):
    answer = bring(platform, product, f"{header}\nd,{SECRET}\n")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_field") and not devices(platform, product)


def test_of_many_wrong_lines_the_first_hundred_are_said(platform, product):
    answer = bring(platform, product, "name,secret\n" + "no name\n" * 250)
    assert counts(answer) == (251, 0, 0, 250)
    assert [error["line"] for error in answer.json()["errors"]] == list(range(2, 102))


def test_what_is_no_list_is_refused(platform, product):
    for kind in (None, "application/json", "text/csvx", "application/octet-stream"):
        answer = bring(platform, product, "name,secret\n", kind)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert bring(platform, "nobody", "name,secret\n").status_code == 404
    assert counts(bring(platform, product, b"", JSON)) == (0, 0, 0, 0)


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_it_does_not_matter_how_the_bytes_come(platform, product, size):
    text = csv_of(250).encode()
    with RawConnection(platform.api_port) as connection:
        connection.send_head("POST", f"/api/v1/devices/import?product={product}", Authorization=f"Bearer {platform.token}",
                             **{"Content-Type": CSV, "Content-Length": str(len(text))})
        for at in range(0, len(text), size if size > 1 else 97):
            connection.send(text[at:at + (size if size > 1 else 97)])
        assert json.loads(connection.read_answer().body)["added"] == 250


def test_a_list_that_was_broken_off_is_sent_again(own_platform):
    """kill -9 in the middle: what was taken is there, and the whole list may come again."""
    product = own_platform.new_product()
    text = csv_of(5000).encode()
    with RawConnection(own_platform.api_port) as connection:
        connection.send_head("POST", f"/api/v1/devices/import?product={product}", Authorization=f"Bearer {own_platform.token}",
                             **{"Content-Type": CSV, "Content-Length": str(len(text))})
        connection.send(text[:len(text) // 2])
        wait_for(lambda: own_platform.api.call("GET", "/status")["totals"]["devices"] >= 1000, what="the first devices")
        own_platform.kill9()
    own_platform.start()
    lines, added, existing, failed = counts(bring(own_platform, product, text))
    assert (lines, added + existing, failed) == (5001, 5000, 0) and existing >= 1000


def test_devices_are_answered_while_a_long_list_comes(own_platform):
    product = own_platform.new_product()
    count = 1000 if THREADS_WATCHED else 5000 if SANITIZED else 30_000
    with VendorDevice(own_platform, own_platform.new_device(product)) as client:
        done = []
        thread = threading.Thread(target=lambda: done.append(bring(own_platform, product, csv_of(count))))
        thread.start()
        asked = 0
        while thread.is_alive():
            assert client.request_upload(f"log-{asked % 10}", b"abc")["url"]
            asked += 1
        thread.join()
    assert counts(done[0])[1] == count
    assert asked > 10


def test_ferryctl_makes_the_secrets_first(platform, product, tmp_path):
    source, out = tmp_path / "list.csv", tmp_path / "out.csv"
    source.write_text("name,tags\nd1,a b\nd2,\n", encoding="utf-8")
    done = ferryctl(platform, "--json", "device", "import", product, source, "-o", out)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == 2
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    assert [row["name"] for row in rows] == ["d1", "d2"]
    assert len({row["secret"] for row in rows}) == 2 and len(base64.b64decode(rows[0]["secret"])) == 32
    assert devices(platform, product)["d1"]["tags"] == ["a", "b"]
    again = ferryctl(platform, "device", "import", product, source, "-o", out)
    assert again.returncode == 1 and "is there already" in again.stderr, "it may hold the only copy"
    again = ferryctl(platform, "--json", "device", "import", product, out)
    assert (again.returncode, json.loads(again.stdout)["existing"]) == (0, 2)


def test_ferryctl_makes_the_secrets_of_json_lines(platform, product, tmp_path):
    source, out = tmp_path / "list.jsonl", tmp_path / "out.jsonl"
    source.write_text(f'{{"name": "d1"}}\n{{"name": "d2", "secret": "{SECRET}"}}\nnonsense\n', encoding="utf-8")
    done = ferryctl(platform, "device", "import", product, source, "-o", out)
    assert done.returncode == 3 and "line 3:" in done.stderr and "1 lines are wrong" in done.stderr, done.stderr
    lines = out.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[1])["secret"] == SECRET and lines[2] == "nonsense"
    assert set(devices(platform, product)) == {"d1", "d2"}


def test_ferryctl_says_what_is_wrong(platform, product, tmp_path):
    missing = ferryctl(platform, "device", "import", product, tmp_path / "missing.csv")
    assert missing.returncode == 1 and "cannot open" in missing.stderr
    source = tmp_path / "list.csv"
    source.write_text("name\nd1\n", encoding="utf-8")
    bare = ferryctl(platform, "device", "import", product, source)
    assert bare.returncode == 3 and "line 2: secret:" in bare.stderr
