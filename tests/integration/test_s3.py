"""Files in a bucket of an S3-compatible store: a real ferryd, devices, and a RADOS Gateway."""
import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import time
from urllib.parse import urlsplit

import pytest
import requests

import postgres
import rgw
from device_command import DONE, Command
from fault_proxy import Cut, HttpProxy
from ferry import PATIENCE, THREADS_WATCHED, ApiError, Platform, VendorDevice, program, run, vendor_get, vendor_put, wait_for
from ports import free_port
from secret_watch import WATCH
from shim import Faults, build_shim

pytestmark = pytest.mark.xdist_group("s3")
NO_OBJECT, BUSY = 9, 7
MIB = 1 << 20


def md5_of(data):
    return hashlib.md5(data).hexdigest()


@pytest.fixture(scope="module")
def bucket(gateway):
    """A platform on it, for all tests of this file."""
    platform = Platform("--objects", gateway.address("f"), env=gateway.keys())
    try:
        platform.start()
        yield platform
        platform.stop()
    finally:
        platform.close()


@pytest.fixture
def device(bucket):
    with VendorDevice(bucket, bucket.new_device()) as device:
        yield device


def put(gateway, answer, data, **options):
    return vendor_put(answer["url"], data, answer["md5sum"], dial=gateway.port, **options)


def upload_of(platform, device):
    (row,) = platform.api.uploads(device.product, device.device)
    return row


# --- devices ------------------------------------------------------------------------------------------------


def test_the_bytes_of_devices_go_to_the_store_and_never_through_ferryd(gateway, bucket, device):
    data = os.urandom(200_000)
    answer = device.request_upload("log", data)
    assert answer["url"].startswith(f"http://127.0.0.1/{gateway.bucket}/f/"), "where devices reach the store"
    assert len(answer["url"]) <= 860
    stored = put(gateway, answer, data)
    assert (stored.status, stored.problems) == (200, [])
    assert upload_of(bucket, device)["state"] == "created", "nobody has told the platform yet"
    assert device.upload_verdict("log")["result_code"] == 0
    row = upload_of(bucket, device)
    assert row["state"] == "done" and bucket.api.upload_bytes(row["id"]) == data
    assert bucket.api.metric("ferry_transfer_bytes_total") == 0


def test_done_without_an_object_is_not_believed(gateway, bucket, device):
    answer = device.request_upload("log", b"content")
    assert device.upload_verdict("log")["result_code"] == NO_OBJECT
    assert put(gateway, answer, b"content").status == 200
    assert device.upload_verdict("log")["result_code"] == 0


def test_wrong_bytes_and_half_of_them_store_nothing(gateway, bucket, device):
    answer = device.request_upload("log", b"content")
    assert put(gateway, answer, b"CONTENT").status == 400
    assert vendor_put(answer["url"], b"CONTENT", md5_of(b"CONTENT"), dial=gateway.port).status == 403, "another MD5 than was signed"
    assert put(gateway, answer, b"content", stop_after=3) is None
    assert put(gateway, answer, b"content and more").status == 403
    assert device.upload_verdict("log")["result_code"] == NO_OBJECT
    assert f"f/{upload_of(bucket, device)['id']}" not in gateway.objects()
    assert put(gateway, answer, b"content").status == 200
    assert device.upload_verdict("log")["result_code"] == 0


def test_an_upload_that_broke_off_begins_again_and_is_whole(gateway, bucket, device):
    data = os.urandom(3 * MIB)
    answer = device.request_upload("log", data)
    assert put(gateway, answer, data, stop_after=MIB) is None
    again = device.request_upload("log", data)  # as the vendor's does ten seconds after each failure
    assert put(gateway, again, data, stop_after=2 * MIB) is None
    assert device.upload_verdict("log")["result_code"] == NO_OBJECT
    assert put(gateway, answer, data).status == 200, "the URL is good as long as it says"
    assert put(gateway, again, data, stop_after=MIB) is None, "and a late one that breaks off spoils nothing"
    assert device.upload_verdict("log")["result_code"] == 0
    row = upload_of(bucket, device)
    assert row["state"] == "done" and bucket.api.upload_bytes(row["id"]) == data


def test_an_upload_that_the_device_gave_up_comes_with_the_next_one(gateway, bucket, device):
    data = os.urandom(MIB)
    assert put(gateway, device.request_upload("log", data), data, stop_after=1000) is None
    device.report_upload("log", "fail", code=-1)
    device.wait("report_upload_progress_rsp")
    assert put(gateway, device.request_upload("log", data), data).status == 200
    assert device.upload_verdict("log")["result_code"] == 0
    (done,) = [row for row in bucket.api.uploads(device.product, device.device) if row["state"] == "done"]
    assert bucket.api.upload_bytes(done["id"]) == data


def test_our_own_device_begins_again_what_broke_off(gateway, make_platform, tmp_path):
    proxy = HttpProxy(gateway.port)
    proxy.plan = lambda number: () if proxy.hits else (Cut("up", 2 * MIB, reset=True),)
    platform = make_platform("--objects", gateway.address(public_endpoint=f"http://127.0.0.1:{proxy.port}"), env=gateway.keys())
    command = Command.of(tmp_path, platform, platform.new_device())
    file = tmp_path / "a.bin"
    file.write_bytes(os.urandom(5 * MIB))
    try:
        done = command.run("upload", file)
    finally:
        proxy.close()
    assert done.returncode == DONE and proxy.hits, proxy.requests
    assert [method for method, _, _ in proxy.requests if method != "HEAD"] == ["PUT", "PUT"]
    row = upload_of(platform, command)
    assert row["state"] == "done" and platform.api.upload_bytes(row["id"]) == file.read_bytes()
    command.close()


def test_files_come_from_the_store_and_go_on_where_they_were_cut(gateway, bucket, device):
    data = os.urandom(9 * MIB + 5)  # ferryd sends it in parts
    bucket.api.resource_add(device.product, "pack", data)
    deployment = bucket.api.deploy(device.product, "pack", [device.device])
    offer = device.wait("download")
    begun = vendor_get(offer["url"], offer["size"], dial=gateway.port, stop_after=4 * MIB)
    assert (begun.status, begun.problems) == (206, [])
    rest = vendor_get(offer["url"], offer["size"], len(begun.body), dial=gateway.port)
    assert begun.body + rest.body == data and rest.problems == []
    end = vendor_get(offer["url"], offer["size"], offer["size"], dial=gateway.port)
    assert (end.status, end.headers["Content-Length"]) in ((206, "0"), (416, "0")) or end.status == 416
    device.report_download("pack", "done")
    assert device.wait("report_download_progress_rsp")["result_code"] == 0
    bucket.api.wait_download(deployment["id"], device.device, "done")


def test_a_url_is_good_for_its_method_and_its_object_only(gateway, bucket, device):
    answer = device.request_upload("log", b"content")
    assert vendor_get(answer["url"], 7, dial=gateway.port).status == 403
    other = answer["url"].replace("/f/", "/f/partial/")
    assert put(gateway, answer | {"url": other}, b"content").status == 403


@pytest.mark.parametrize("size", [1000, 5 * MIB])
def test_our_own_device_uploads_straight_to_the_store(gateway, make_platform, tmp_path, size):
    platform = make_platform("--objects", gateway.address(public_endpoint=gateway.endpoint), env=gateway.keys())
    command = Command.of(tmp_path, platform, platform.new_device())
    file = tmp_path / "a.bin"
    file.write_bytes(os.urandom(size))
    done = command.run("upload", file)
    assert (done.returncode, done.stderr) == (DONE, "")
    row = upload_of(platform, command)
    assert row["state"] == "done" and platform.api.upload_bytes(row["id"]) == file.read_bytes()
    assert platform.api.metric("ferry_transfer_bytes_total") == 0
    platform.api.resource_add(command.product, "pack", file.read_bytes())
    platform.api.deploy(command.product, "pack", [command.device])
    done = command.run("download", "--dir", command.inbox)
    assert done.returncode == DONE and (command.inbox / "pack").read_bytes() == file.read_bytes()
    command.close()


def upload_and_read_back(gateway, platform, port):
    with VendorDevice(platform, platform.new_device()) as device:
        answer = device.request_upload("log", b"content")
        head = {"Content-MD5": base64.b64encode(hashlib.md5(b"content").digest()).decode()}
        with requests.Session() as session:
            session.trust_env = False
            url = answer["url"].replace(f"{gateway.bucket}.localhost", "127.0.0.1")
            host = urlsplit(answer["url"]).netloc
            assert session.put(url, data=b"content", headers={**head, "Host": host}, verify=str(gateway.ca)).status_code == 200
        assert urlsplit(answer["url"]).port == port
        assert device.upload_verdict("log")["result_code"] == 0
        assert platform.api.upload_bytes(upload_of(platform, device)["id"]) == b"content"


def test_the_bucket_may_be_in_the_host(gateway, make_platform):
    endpoint = f"http://localhost:{gateway.port}"
    platform = make_platform("--objects", gateway.address(endpoint=endpoint, public_endpoint=endpoint, style="host"), env=gateway.keys())
    upload_and_read_back(gateway, platform, gateway.port)


@pytest.mark.skipif(THREADS_WATCHED, reason="a handshake takes longer than the seconds that ferryd gives the store")
def test_a_store_with_tls_is_trusted_by_its_certificate_only(gateway, make_platform):
    endpoint = f"https://localhost:{gateway.tls_port}"
    trusted = gateway.address(endpoint=endpoint, public_endpoint=endpoint, ca=gateway.ca)
    upload_and_read_back(gateway, make_platform("--objects", trusted, env=gateway.keys()), gateway.tls_port)
    assert "certificate" in refused(make_platform, gateway.address(endpoint=endpoint), gateway.keys())


# --- operators ----------------------------------------------------------------------------------------------


def test_a_resource_sent_in_parts_lies_in_the_store_and_survives_a_restart(gateway, make_platform):
    platform = make_platform("--objects", gateway.address(), env=gateway.keys())
    data = os.urandom(11 * MIB)
    product = platform.new_product()
    tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    upload = platform.api.call("POST", "/resource-uploads", json={"product": product, "name": "r", "size": len(data), "md5": md5_of(data)})["id"]
    for start, end in ((0, 3 * MIB), (3 * MIB, 10 * MIB), (10 * MIB, len(data))):
        assert platform.api.call("GET", f"/resource-uploads/{upload}")["offset"] == start
        answer = platform.api.call("PATCH", f"/resource-uploads/{upload}", ok=False, data=data[start:end],
                                   headers={**tus, "Upload-Offset": str(start)})
        assert answer.status_code in (200, 204), answer.text
        platform.restart()
    (resource,) = platform.api.list("/resources", product=product)
    assert resource["md5"] == md5_of(data)
    assert platform.api.call("GET", f"/resources/{resource['id']}/content", ok=False).content == data
    assert not [name for name in gateway.objects() if "partial/" + upload in name]


def test_what_is_removed_is_removed_from_the_store(gateway, bucket, device):
    answer = device.request_upload("log", b"content")
    put(gateway, answer, b"content")
    device.upload_verdict("log")
    row = upload_of(bucket, device)
    assert f"f/{row['id']}" in gateway.objects()
    bucket.api.call("DELETE", f"/uploads/{row['id']}")
    wait_for(lambda: f"f/{row['id']}" not in gateway.objects(), 20, "the object's end")


def test_an_object_that_somebody_changed_in_the_store_is_named_and_moved_away(gateway, bucket):
    product = bucket.new_product()
    changed = bucket.api.resource_add(product, "changed", b"right")["id"]
    cut = bucket.api.resource_add(product, "cut", b"whole")["id"]
    bucket.api.resource_add(product, "good", b"good")
    assert [gateway.curl("PUT", f"{gateway.bucket}/f/{key}", "-d", data) for key, data in ((changed, "wrong"), (cut, "part"))] == ["200"] * 2
    done = run(program("ferryctl"), "--data", bucket.data, "object", "verify", "--product", product)
    assert done.returncode == 1 and "3 files and 4 bytes verified: 2 wrong" in done.stdout
    assert "still given out" not in done.stdout
    rows = bucket.api.call("GET", "/objects/verify")["findings"]
    assert {(row["id"], row["fault"], row["stays"]) for row in rows} == {(changed, "altered", False), (cut, "torn", False)}
    told = [row["object"] for row in bucket.api.list("/audit") if row["action"] == "object.damaged"]
    assert sorted(told) == sorted([f"resource/{changed}", f"resource/{cut}"])
    there = gateway.objects()
    for key in (changed, cut):
        assert f"f/damaged/{key}" in there and f"f/{key}" not in there
        assert bucket.api.call("GET", f"/resources/{key}/content", ok=False).status_code == 410
    again = run(program("ferryctl"), "--data", bucket.data, "object", "verify", "--product", product)
    assert again.returncode == 1 and again.stdout.count("set_aside") == 2
    for key in (changed, cut):
        bucket.api.call("DELETE", f"/resources/{key}")
    wait_for(lambda: not any(changed in name or cut in name for name in gateway.objects()), 20, "the end of what was set aside")


# --- a store that says of an object what it is not ------------------------------------------------------------


class Liar(HttpProxy):
    """Between ferryd and the store. lie: (pattern, replacement) for the heads of answers to HEAD; GET with a range has 206."""
    lie = None
    copies_nothing = False # as stores do that heed x-amz-copy-source-if-match: a RADOS Gateway does not

    def alter(self, direction, piece):
        if not self.lie or direction == "up" or not piece.startswith(b"HTTP/1.1 200"):
            return piece
        if self.copies_nothing and "x-amz-copy-source-if-match" in self.requests[-1][2]:
            return piece.replace(b"200 OK", b"412 Precondition Failed", 1)
        told, count = re.subn(*self.lie, piece, flags=re.I)
        self.hits += [self.lie] * count
        return told


WRONG_ETAG, WRONG_SIZE = (rb'(etag: *)"[0-9a-f]{32}"', rb'\1"%s"' % (b"0123456789abcdef" * 2)), (rb"(content-length: *)\d+", rb"\g<1>4")


@pytest.fixture
def lied_to(gateway, make_platform):
    """The proxy, and a platform that hears the store through it."""
    with contextlib.closing(Liar(gateway.port)) as liar:
        address = gateway.address(endpoint=f"http://127.0.0.1:{liar.port}", public_endpoint=gateway.endpoint)
        yield liar, make_platform("--objects", address, env=gateway.keys())


def verify(platform, product):
    return run(program("ferryctl"), "--data", platform.data, "object", "verify", "--product", product)


@pytest.mark.parametrize("lie", [WRONG_ETAG, WRONG_SIZE], ids=["ETag", "size"])
def test_the_bytes_decide_when_the_store_says_wrong_of_them(lied_to, lie):
    liar, platform = lied_to
    product = platform.new_product()
    good = platform.api.resource_add(product, "good", b"good bytes")["id"]
    liar.lie = lie
    done = verify(platform, product)
    assert liar.hits and done.returncode == 0 and "1 files and 10 bytes verified: 0 wrong" in done.stdout, done.stdout
    assert platform.api.call("GET", "/objects/verify")["findings"] == []
    assert platform.api.call("GET", f"/resources/{good}/content", ok=False).content == b"good bytes"


def test_what_the_store_will_not_move_by_its_own_word_is_said_to_stay(gateway, lied_to):
    """It copies what has the ETag that it said, and there is no such object: that must not be taken for one that has gone."""
    liar, platform = lied_to
    product = platform.new_product()
    changed = platform.api.resource_add(product, "changed", b"right")["id"]
    key = next(name for name in gateway.objects() if name.endswith(changed))
    assert gateway.curl("PUT", f"{gateway.bucket}/{key}", "-d", "wrong") == "200"
    liar.lie, liar.copies_nothing = WRONG_ETAG, True
    done = verify(platform, product)
    assert done.returncode == 1 and "still given out" in done.stdout, done.stdout
    (finding,) = platform.api.call("GET", "/objects/verify")["findings"]
    assert (finding["id"], finding["fault"], finding["stays"]) == (changed, "altered", True) and key in gateway.objects()
    liar.lie = None
    assert verify(platform, product).returncode == 1
    assert key not in gateway.objects() and platform.api.call("GET", f"/resources/{changed}/content", ok=False).status_code == 410


@pytest.mark.parametrize("lie", [WRONG_ETAG, WRONG_SIZE], ids=["ETag", "size"])
def test_an_upload_of_which_the_store_says_wrong_is_not_done_until_it_says_right(gateway, lied_to, lie):
    liar, platform = lied_to
    with VendorDevice(platform, platform.new_device()) as device:
        answer = device.request_upload("log", b"content")
        assert put(gateway, answer, b"content").status == 200
        liar.lie = lie
        assert device.upload_verdict("log")["result_code"] == NO_OBJECT
        row = upload_of(platform, device)
        assert row["state"] == "created" and f"object {row['id']} is not what its upload task says" in platform.log()
        liar.lie = None
        assert device.upload_verdict("log")["result_code"] == 0, "nothing was thrown away meanwhile"
        assert platform.api.upload_bytes(row["id"]) == b"content"


# --- a store that fails ---------------------------------------------------------------------------------------


def test_a_store_that_hangs_stops_nobody_and_comes_back(gateway, make_platform):
    platform = make_platform("--objects", gateway.address(), env=gateway.keys())
    product = platform.new_product()
    with VendorDevice(platform, platform.new_device(product)) as device, VendorDevice(platform, platform.new_device(product)) as other:
        platform.api.resource_add(product, "pack", os.urandom(MIB))
        answer = device.request_upload("log", b"content")
        assert put(gateway, answer, b"content").status == 200
        gateway.stop_answering()
        try:
            device.report_upload("log", "done")
            asked = time.monotonic()
            assert other.request_upload("x", b"y")["url"], "what needs no store is answered as ever"
            assert time.monotonic() - asked < 2 * PATIENCE
            verdict = device.wait("report_upload_progress_rsp", 5)
            assert verdict["result_code"] == BUSY, "within the device's patience"
            platform.api.deploy(product, "pack", [other.device])
            assert other.wait("download")["url"]
            content = platform.api.list("/resources", product=product)[0]["id"]
            with pytest.raises(requests.RequestException):
                requests.get(f"{platform.api_url}/api/v1/resources/{content}/content", timeout=1,
                             headers={"Authorization": f"Bearer {platform.token}"}).raise_for_status()
        finally:
            gateway.go_on()
        wait_for(lambda: device.upload_verdict("log")["result_code"] == 0, 20, "that the device, which says it again, is believed")


def ready(platform):
    return requests.get(f"{platform.api_url}/readyz", timeout=20).status_code


def test_a_store_that_died_is_found_again(gateway, make_platform):
    platform = make_platform("--objects", gateway.address(), env=gateway.keys())
    with VendorDevice(platform, platform.new_device()) as device:
        answer = device.request_upload("log", b"content")
        assert put(gateway, answer, b"content").status == 200
        gateway.kill()
        try:
            assert device.upload_verdict("log")["result_code"] == BUSY, "at once, and each time"
            wait_for(lambda: ready(platform) == 503, 20, "that a balancer sends nobody here")
        finally:
            gateway.start_again()
        wait_for(lambda: device.upload_verdict("log")["result_code"] == 0, 20, "that the device is believed")
        wait_for(lambda: ready(platform) == 200, 20, "readiness")


def test_what_came_while_ferryd_was_dead_is_there(gateway, make_platform):
    platform = make_platform("--objects", gateway.address(), env=gateway.keys())
    platform.pin_ports()
    with VendorDevice(platform, platform.new_device()) as device:
        answer = device.request_upload("log", b"content")
        platform.kill9()
        assert put(gateway, answer, b"content").status == 200
        platform.start()
    with VendorDevice(platform, device.credential) as again:
        assert again.upload_verdict("log")["result_code"] == 0
        assert upload_of(platform, again)["state"] == "done"


def test_a_full_store_is_told_to_the_operator(gateway, make_platform):
    full = {"AWS_ACCESS_KEY_ID": "FERRYTESTFULLKEY0001", "AWS_SECRET_ACCESS_KEY": "ferrytestfullsecret0000000000000000001"}
    gateway.user("full", *full.values())
    assert gateway.curl("PUT", "full", "-d", "", user=":".join(full.values())) == "200"
    gateway.admin("quota", "set", "--quota-scope=user", "--uid=full", "--max-size=1M")
    gateway.admin("quota", "enable", "--quota-scope=user", "--uid=full")
    platform = make_platform("--objects", gateway.address(bucket="full"), env=full)
    product = platform.new_product()
    with pytest.raises(ApiError) as refused:
        platform.api.resource_add(product, "pack", os.urandom(2 * MIB))
    assert refused.value.status == 507


# --- URLs that devices could not hold -------------------------------------------------------------------------


def test_a_url_that_devices_could_not_hold_is_one_of_ours(gateway, make_platform):
    prefix = "=" * 200  # three characters each in a URL
    platform = make_platform("--objects", gateway.address(prefix), env=gateway.keys())
    with VendorDevice(platform, platform.new_device()) as device:
        for name in ("one", "two"):
            transfer = device.upload(name, b"content of " + name.encode())
            assert transfer.answer["url"].startswith(platform.objects_url)
            assert transfer.verdict["result_code"] == 0
        platform.api.resource_add(device.product, "pack", b"p" * 100_000)
        platform.api.deploy(device.product, "pack", [device.device])
        _, data, verdict = device.download()
        assert data == b"p" * 100_000 and verdict["result_code"] == 0
    assert platform.log().count("go through ferryd") == 1, "said once"


def held_while(process, look):
    """To look takes seconds on a busy machine: what is looked for is not to end meanwhile."""
    process.send_signal(signal.SIGSTOP)
    try:
        return look()
    finally:
        process.send_signal(signal.SIGCONT)


def test_with_urls_of_our_own_an_upload_is_resumed_after_a_restart(gateway, make_platform, tmp_path):
    platform = make_platform("--objects", gateway.address(urls="own"), env=gateway.keys())
    platform.pin_ports()
    command = Command.of(tmp_path, platform, platform.new_device())
    file = tmp_path / "a.bin"
    file.write_bytes(os.urandom(20 * MIB))
    process = command.start("upload", file, "--limit-rate", "4M")
    (first,) = wait_for(lambda: platform.api.uploads(command.product), 20, "the task")
    time.sleep(2) # until about half of it is there
    wait_for(lambda: held_while(process, lambda: any(name.endswith("/partial/" + first["id"]) for name in gateway.objects())), 60,
             "the first part in the store")
    platform.restart()
    assert process.wait(120) == DONE, command.text(process, "stderr")
    row = upload_of(platform, command)
    assert row["state"] == "done" and platform.api.upload_bytes(row["id"]) == file.read_bytes()
    assert any(name.endswith("/" + row["id"]) for name in gateway.objects())
    sent = platform.api.metric("ferry_transfer_bytes_total")
    assert 0 < sent < 20 * MIB, "it went on where it was"
    command.close()


# --- several machines -----------------------------------------------------------------------------------------


@pytest.fixture
def database():
    """A PostgreSQL that is there until the platforms on it have ended."""
    if postgres.missing():
        pytest.skip(postgres.missing())
    with postgres.Cluster() as cluster:
        cluster.create("ferry")
        yield cluster.uri("ferry")


def test_another_machine_goes_on_where_one_was_killed(gateway, database, make_platform):
    """Two on one PostgreSQL and one bucket, each with a broker of its own."""
    options = ["--store", database, "--objects", gateway.address()]
    one = make_platform(*options, env=gateway.keys())
    two = make_platform(*options, env=gateway.keys(), start=False)
    two.data.mkdir(mode=0o700)
    for name in ("secrets.key", "admin.token"): # what all of them have
        shutil.copy2(one.data / name, two.data / name)
    two.start()
    credential, data = one.new_device(), os.urandom(12 * MIB)
    tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    upload = one.api.call("POST", "/resource-uploads", json={"product": credential.product, "name": "r", "size": len(data), "md5": md5_of(data)})["id"]
    half = one.api.call("PATCH", f"/resource-uploads/{upload}", ok=False, data=data[:7 * MIB], headers={**tus, "Upload-Offset": "0"})
    assert half.status_code == 204, half.text
    with VendorDevice(one, credential) as device:
        answer = device.request_upload("log", b"content")
        assert put(gateway, answer, b"content").status == 200
    one.kill9()
    with VendorDevice(two, credential) as device:
        assert device.upload_verdict("log")["result_code"] == 0
        assert two.api.upload_bytes(upload_of(two, device)["id"]) == b"content"
        assert two.api.call("GET", f"/resource-uploads/{upload}")["offset"] == 7 * MIB
        rest = two.api.call("PATCH", f"/resource-uploads/{upload}", ok=False, data=data[7 * MIB:],
                            headers={**tus, "Upload-Offset": str(7 * MIB)})
        assert rest.status_code in (200, 204), rest.text
        two.api.deploy(device.product, "r", [device.device])
        offer = device.wait("download")
        assert vendor_get(offer["url"], offer["size"], dial=gateway.port).body == data
        device.report_download("r", "done")
        assert device.wait("report_download_progress_rsp")["result_code"] == 0
    one.start() # and is there again, for its end


# --- what is wrong is said at the start -----------------------------------------------------------------------


def refused(make_platform, objects, env, *args):
    """The one line that tells why it does not start."""
    platform = make_platform("--objects", objects, *args, start=False, env=env)
    assert platform.start(expect_exit=True) == 1
    lines = [line for line in platform.log().splitlines() if "error" in line.lower()]
    assert len(lines) == 1, platform.log()
    return lines[0]


def closed_port():
    return free_port()


@pytest.mark.parametrize("objects, env, wanted", [
    (lambda g: g.address(bucket="nobucket"), rgw.Gateway.keys, "there is no such bucket"),
    (rgw.Gateway.address, lambda g: g.keys(AWS_ACCESS_KEY_ID="NOBODYKNOWSTHISONE01"), "does not know the access key"),
    (rgw.Gateway.address, lambda g: g.keys(AWS_SECRET_ACCESS_KEY="not the secret of this access key"), "AWS_SECRET_ACCESS_KEY"),
    (lambda g: f"s3://b?endpoint=http://127.0.0.1:{closed_port()}", rgw.Gateway.keys, "cannot reach the store at http://127.0.0.1:"),
    (lambda g: "s3://b?endpoint=http://no-such-host.invalid", rgw.Gateway.keys, "cannot reach the store at http://no-such-host.invalid"),
    (rgw.Gateway.address, lambda g: {}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
], ids=["no bucket", "access key", "secret key", "nobody there", "no such host", "no credentials"])
def test_what_is_wrong_is_said_in_one_line(gateway, make_platform, objects, env, wanted):
    assert wanted in refused(make_platform, objects(gateway), env(gateway))


def test_a_wrong_clock_is_said(gateway, make_platform, tmp_path):
    faults = Faults(tmp_path, build_shim(tmp_path))
    faults.move_clock(-3600)
    line = refused(make_platform, gateway.address(), gateway.keys() | faults.environment())
    assert "the clock of this machine is 3" in line and "s behind that of the store" in line


def test_a_store_that_hangs_is_said(gateway, make_platform):
    gateway.stop_answering()
    try:
        assert "cannot reach the store" in refused(make_platform, gateway.address(), gateway.keys())
    finally:
        gateway.go_on()


def test_a_missing_right_to_write_is_said(gateway, make_platform):
    reader = {"AWS_ACCESS_KEY_ID": "FERRYTESTREADERKEY01", "AWS_SECRET_ACCESS_KEY": "ferrytestreadersecret00000000000000001"}
    gateway.user("reader", *reader.values())
    gateway.make_bucket("readonly")
    everybody = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/reader"]},
                                                        "Action": ["s3:ListBucket", "s3:GetObject"],
                                                        "Resource": ["arn:aws:s3:::readonly", "arn:aws:s3:::readonly/*"]}]}
    assert gateway.curl("PUT", "readonly?policy=", "-d", json.dumps(everybody)) in ("200", "204")
    assert "no right to write into the bucket" in refused(make_platform, gateway.address(bucket="readonly"), reader)


def test_a_bucket_of_another_region_is_said(gateway, make_platform):
    gateway.make_bucket("elsewhere")
    gateway.move_bucket("elsewhere")
    assert "another region of the store: write the endpoint of that one" in refused(make_platform, gateway.address(bucket="elsewhere"), gateway.keys())


def test_the_files_of_another_installation_are_left_alone(gateway, make_platform):
    objects = gateway.address()
    one = make_platform("--objects", objects, env=gateway.keys())
    one.restart()
    assert "another installation" in refused(make_platform, objects, gateway.keys()), "another database would sweep them away"
    make_platform("--objects", gateway.address(), env=gateway.keys())


def test_credentials_may_be_in_a_file_that_nobody_else_reads(gateway, make_platform, tmp_path):
    file = tmp_path / "credentials"
    file.write_text(f"[default]\naws_access_key_id = {gateway.access_key}\naws_secret_access_key = {gateway.secret_key}\n")
    file.chmod(0o644)
    assert "give it mode 0600" in refused(make_platform, gateway.address(), {}, "--objects-credentials", file)
    file.chmod(0o600)
    platform = make_platform("--objects", gateway.address(), "--objects-credentials", file)
    assert gateway.secret_key.encode() not in open(f"/proc/{platform.broker_pid}/environ", "rb").read()
    settings = json.dumps(platform.api.call("GET", "/settings"))
    assert gateway.bucket in settings and gateway.secret_key not in settings


def test_the_broker_does_not_inherit_credentials(gateway, bucket):
    assert gateway.secret_key.encode() not in open(f"/proc/{bucket.broker_pid}/environ", "rb").read()
