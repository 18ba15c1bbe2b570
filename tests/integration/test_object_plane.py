"""The object plane of a real ferryd, with the clients of real people: curl, requests, tus; also with sudden ends.

What one request meets in every detail is tested in C (object_plane_test.c), the vendor's devices in
test_protocol_vendor_http.py.
"""
import hashlib
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from ferry import PATIENCE, VendorDevice, wait_for

MIB = 1 << 20
TUS = {"Tus-Resumable": "1.0.0"}
CURL_TIMEOUT_S = 30 * PATIENCE
curl_missing = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")


def md5_of(data):
    return hashlib.md5(data).hexdigest()


def curl(*arguments, timeout_s=CURL_TIMEOUT_S, fails=False):
    done = subprocess.run(["curl", "--silent", "--show-error", "--noproxy", "*", *map(str, arguments)],
                          capture_output=True, timeout=timeout_s, check=False)
    assert fails or done.returncode == 0, done.stderr.decode()
    return done.stdout


def http(method, url, **options):
    """One request on a connection of its own, with a User-Agent, without the proxies of this machine."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=20 * PATIENCE, allow_redirects=False, **options)


def deliver(platform, device, name, data):
    platform.api.resource_add(device.product, name, data)
    deployment = platform.api.deploy(device.product, name, [device.device])
    return device.wait("download"), deployment


def task_of(platform, device, name):
    return next(row for row in platform.api.uploads(device.product, device.device) if row["name"] == name)


# --- clients of real people -------------------------------------------------------------------------------------------


@curl_missing
@pytest.mark.parametrize("size", [1, 100_000, 5 * MIB + 1])
def test_curl_uploads(device, platform, tmp_path, size):
    """Over a mebibyte curl asks with Expect: 100-continue."""
    data = os.urandom(size)
    file = tmp_path / "file"
    file.write_bytes(data)
    url = device.request_upload("file", data)["url"]
    head = curl("--upload-file", file, "--dump-header", "-", url).decode()
    assert "HTTP/1.1 200 OK\r\n" in head and f'ETag: "{md5_of(data)}"\r\n' in head
    assert device.upload_verdict("file")["result_code"] == 0
    assert platform.api.upload_bytes(task_of(platform, device, "file")["id"]) == data


@curl_missing
def test_curl_is_refused_before_it_sends_a_large_body(device, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(64 * MIB))
    url = device.request_upload("file", b"something else")["url"]
    started = time.monotonic()
    answer = curl("--upload-file", file, "--write-out", "%{http_code} %{size_upload}", url).decode()
    assert "<Code>EntityTooLarge</Code>" in answer and answer.endswith("413 0")
    assert time.monotonic() - started < 2 * PATIENCE


@curl_missing
def test_curl_resumes_a_download_and_gets_it_uncompressed(device, platform, tmp_path):
    data = b"compressible " * 300_000
    offer, _ = deliver(platform, device, "pack", data)
    file = tmp_path / "pack"
    curl("--max-filesize", len(data), "--range", "0-999999", "--output", file, offer["url"])
    assert file.stat().st_size == 1_000_000
    curl("--continue-at", "-", "--compressed", "--output", file, offer["url"])
    assert file.read_bytes() == data
    assert device.download(offer)[2]["result_code"] == 0


def test_many_small_uploads_at_a_time_are_all_stored(platform, make_device):
    """They share the disk's journal and the engine's transactions."""
    devices = [make_device() for _ in range(4)]
    files = [(devices[number % 4], f"small {number}", os.urandom(2000)) for number in range(60)]
    urls = [owner.request_upload(name, data)["url"] for owner, name, data in files]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: http("PUT", urls[number], data=files[number][2]), range(60)))
    assert [answer.status_code for answer in answers] == [200] * 60
    for owner, name, data in files:
        assert platform.api.upload_bytes(task_of(platform, owner, name)["id"]) == data


# --- tus, over sudden and orderly ends ---------------------------------------------------------------------------------


def tus_offset(url):
    answer = http("HEAD", url, headers=TUS)
    assert answer.status_code == 200 and answer.headers["Tus-Resumable"] == "1.0.0"
    return int(answer.headers["Upload-Offset"])


def tus_patch(url, offset, data):
    return http("PATCH", url, data=data, headers={
        **TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"})


def test_a_resumable_upload_goes_on_after_restarts_of_ferryd(own_platform):
    platform = own_platform
    data = os.urandom(3 * MIB)
    with VendorDevice(platform, platform.new_device()) as device:
        url = device.request_upload("log", data)["url"]
        assert tus_offset(url) == 0
        assert tus_patch(url, 0, data[:MIB]).headers["Upload-Offset"] == str(MIB)
        platform.restart()
        assert tus_offset(url) == MIB
        assert tus_patch(url, MIB, data[MIB:2 * MIB]).status_code == 204
        platform.kill9()
        platform.start()
        assert tus_offset(url) == 2 * MIB
        last = tus_patch(url, 2 * MIB, data[2 * MIB:])
        assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(data)))
        task = platform.api.uploads(device.product)[0]
        assert task["state"] == "stored"
        assert platform.api.upload_bytes(task["id"]) == data


@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_what_came_of_a_resumable_upload_before_the_end_is_kept(own_platform, end):
    platform = own_platform
    data = os.urandom(2 * MIB)
    with VendorDevice(platform, platform.new_device()) as device:
        url = device.request_upload("log", data)["url"]
        broken = subprocess.Popen(
            ["curl", "--silent", "--noproxy", "*", "--limit-rate", "500k", "--request", "PATCH", "--data-binary", "@-",
             "--header", "Tus-Resumable: 1.0.0", "--header", "Upload-Offset: 0",
             "--header", "Content-Type: application/offset+octet-stream", url], stdin=subprocess.PIPE)
        broken.stdin.write(data)
        broken.stdin.close()
        try:
            wait_for(lambda: tus_offset(url) > 100_000, 10, "the first bytes")
            platform.pin_ports()
            if end == "stop":
                platform.stop(check=False)
            else:
                platform.kill9()
            platform.start()
        finally:
            broken.kill()
            broken.wait()
        offset = tus_offset(url)
        assert 100_000 < offset < len(data)
        assert tus_patch(url, offset, data[offset:]).status_code == 204
        assert platform.api.upload_bytes(platform.api.uploads(device.product)[0]["id"]) == data


def test_a_put_that_dies_with_ferryd_leaves_nothing(own_platform):
    platform = own_platform
    data = os.urandom(2 * MIB)
    with VendorDevice(platform, platform.new_device()) as device:
        url = device.request_upload("log", data)["url"]
        broken = subprocess.Popen(["curl", "--silent", "--noproxy", "*", "--limit-rate", "300k", "--upload-file", "-",
                                   "--header", f"Content-Length: {len(data)}", "--header", "Transfer-Encoding:", url],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            broken.stdin.write(data)
            broken.stdin.close()
            wait_for(platform.temporary_files, 10, "the temporary file")
            platform.kill9()
            assert platform.temporary_files()
            platform.start()
        finally:
            broken.kill()
            broken.wait()
        assert not platform.temporary_files()
        (task,) = platform.api.uploads(device.product)
        assert task["state"] in ("created", "uploading")
        assert platform.api.call("GET", f"/uploads/{task['id']}/content", ok=False).status_code == 404
        assert http("PUT", url, data=data).status_code == 200


# --- orders of the operator ---------------------------------------------------------------------------------------------


def test_a_cancelled_download_is_revoked_at_once_also_for_a_client_that_keeps_its_connection(device, platform):
    offer, deployment = deliver(platform, device, "pack", b"x" * 100_000)
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(offer["url"], timeout=10).status_code == 200
        task = platform.api.download_task(deployment["id"], device.device)
        platform.api.download_cancel(deployment["id"], task["id"])
        refused = session.get(offer["url"], timeout=10)
    assert refused.status_code == 404 and "<Code>NoSuchKey</Code>" in refused.text


def test_an_upload_that_is_removed_while_its_bytes_arrive_leaves_nothing(device, platform):
    data = os.urandom(2 * MIB)
    url = device.request_upload("log", data)["url"]
    task = task_of(platform, device, "log")
    sender = subprocess.Popen(["curl", "--silent", "--noproxy", "*", "--limit-rate", "1M", "--request", "PUT",
                               "--data-binary", "@-", "--write-out", "%{http_code}", url],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    sender.stdin.write(data)
    sender.stdin.close()
    wait_for(platform.temporary_files, 10, "the temporary file")
    platform.api.upload_remove(task["id"])
    assert sender.stdout.read().endswith(b"404")
    sender.wait()
    sender.stdout.close()
    assert not list(platform.data.glob(f"objects/*/{task['id']}"))
    assert not platform.temporary_files()


# --- more than 4 GiB (the cheap half of it is in object_plane_large_test.c) ---------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(1800)
@curl_missing
def test_more_than_4_gib_both_ways(own_platform, tmp_path):
    platform = own_platform
    size = (4 << 30) + 5
    file = tmp_path / "large"
    with open(file, "wb") as out:
        out.truncate(size)
        out.seek(size - 5)
        out.write(b"hello")
    digest = hashlib.md5()
    with open(file, "rb") as content:
        while block := content.read(16 * MIB):
            digest.update(block)
    with VendorDevice(platform, platform.new_device()) as device:
        device.create_upload_task("large", size, digest.hexdigest())
        answer = device.wait("create_upload_task_rsp")
        curl("--fail", "--upload-file", file, answer["url"], timeout_s=900)
        assert device.upload_verdict("large", timeout_s=30)["result_code"] == 0
        with open(file, "rb") as content:
            platform.api.call("POST", "/resources", params={"product": device.product, "name": "large"}, data=content,
                              headers={"Content-Type": "application/octet-stream"})
        platform.api.deploy(device.product, "large", [device.device], force=True)
        offer = device.wait("download", timeout_s=20)
        assert (offer["size"], offer["md5sum"]) == (size, digest.hexdigest())
        assert curl("--range", f"{size - 10}-{size}", offer["url"]) == bytes(5) + b"hello"
        md5 = subprocess.run(["bash", "-c", f"curl -s --noproxy '*' '{offer['url']}' | md5sum"], capture_output=True,
                             timeout=900, check=True)
        assert md5.stdout.split()[0].decode() == digest.hexdigest()
