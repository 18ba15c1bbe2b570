"""Who devices are, and that they are nobody any more at once: sealed secrets, new secrets, disabled devices."""
import base64
import contextlib
import hashlib
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import threading
import time

import pytest

from broker_client import ACCEPTED, DOWN, REFUSED, vendor_client
from environment import without_settings
from ferry import PATIENCE, VendorDevice, program, wait_for

SECOND = 1.0


def rows(platform, query):
    db = sqlite3.connect(platform.data / "ferry.db", timeout=5)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def ferryd(*words):
    clean = without_settings()
    return subprocess.run([program("ferryd"), *map(str, words)], capture_output=True, text=True, timeout=30, env=clean)


def files_with(folder, data):
    """Files below the folder that contain the bytes."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and data in path.read_bytes()]


def forms(secret):
    """What a secret could be found as: its bytes, and its base64."""
    return base64.b64decode(secret), secret.encode()


# --- sealed at rest ----------------------------------------------------------------------------------------------


def test_no_file_of_the_platform_contains_a_secret(own_platform):
    device = own_platform.new_device()
    rotated = own_platform.api.device_rotate(device.product, device.device, overlap_s=3600)["secret"]
    opened = own_platform.api.product_open(device.product)["secret"]
    with vendor_client(own_platform, device) as client:
        assert client.code == ACCEPTED
    key = own_platform.data / "secrets.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for secret in (device.secret, rotated, opened):
        for form in forms(secret):
            assert files_with(own_platform.data, form) == []
            assert form.decode("latin-1") not in own_platform.log()
    own_platform.stop()
    for secret in (device.secret, rotated, opened):
        for form in forms(secret):
            assert files_with(own_platform.data, form) == []
    own_platform.start()


def make_it_old(platform, secrets):
    """The database as a version without sealing has left it; secrets: of (product, device)."""
    db = sqlite3.connect(platform.data / "ferry.db", timeout=5)
    with db:
        for (product, device), secret in secrets.items():
            db.execute("UPDATE device SET secret = ? WHERE product = ? AND name = ?",
                       (base64.b64decode(secret), product, device))
        db.execute("UPDATE value SET bytes = ? WHERE key = 'url_key'", (b"k" * 32,))
        db.execute("DELETE FROM value WHERE key = 'secrets_key_id'")
        kept = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
                if name.startswith(("total_", "count_", "cause_", "step_", "upload_comes", "upload_moves", "upload_goes", "download_ends_"))]
        for trigger in ("device_tags_go", "upload_reports_go", "download_reports_go", *kept):
            db.execute(f"DROP TRIGGER {trigger}")
        for trigger in ("begins", "counts", "ends", "goes"):  # what they did makes no difference: no upload is there
            db.execute(f"CREATE TRIGGER usage_upload_{trigger} AFTER DELETE ON upload BEGIN SELECT 1; END")
        for table in ("device_tag", "event", "report", "kept_answer", "webhook", "resource_upload", "total",
                      "deployment_count", "deployment_cause", "deployment_step", "ended", "device_count"):
            db.execute(f"DROP TABLE {table}")
        for index in ("device_old_secret", "device_by_online", "deployment_sweeping", "deployment_expanding", "upload_lost",
                      "upload_lost_by_product", "resource_by_size", "device_by_seen", "deployment_by_name", "upload_by_ended",
                      "download_by_ended"):
            db.execute(f"DROP INDEX {index}")
        for table, columns in {"device": ("old_secret", "old_until_ms", "secret_no", "unheard", "online_ms",
                                          "seen_ms"), "product": ("secret",),
                               "deployment": ("retries", "start_ms", "end_ms", "paused_ms", "shift_ms", "sweeping", "sweep_cursor",
                                              "target_tag", "sweep_ms", "retry_state", "retry_has_code", "retry_code", "retry_has_msg", "retry_msg",
                                              "pace_ms", "paced", "name"),
                               "download": ("retries",), "resource": ("description",)}.items():
            for column in columns:
                db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("CREATE INDEX deployment_expanding ON deployment (id) WHERE state = 1 AND expand_done = 0")
        db.execute("CREATE INDEX upload_ended ON upload (ended_ms, id, state, size) WHERE ended_ms > 0")
        db.execute("PRAGMA user_version = 3")
    db.close()
    (platform.data / "secrets.key").unlink()


def test_a_database_of_before_is_sealed_at_the_first_start(own_platform):
    product = own_platform.new_product()
    devices = [own_platform.new_device(product) for _ in range(100)]
    own_platform.stop()
    make_it_old(own_platform, {(d.product, d.device): d.secret for d in devices})
    assert files_with(own_platform.data, base64.b64decode(devices[0].secret)) != []
    own_platform.start()
    assert "sealed 101 secrets" in own_platform.log()
    for device in (devices[0], devices[99]):
        assert files_with(own_platform.data, base64.b64decode(device.secret)) == []
        with VendorDevice(own_platform, device) as client:
            assert client.request_upload("a", b"abc")["url"]
    assert files_with(own_platform.data, b"k" * 32) == []


def test_the_key_is_changed_while_the_broker_runs_on(own_platform):
    """ferryd is down, its broker is not: the plugin notices the new key by itself."""
    device = own_platform.new_device()
    with vendor_client(own_platform, device) as client:
        assert client.code == ACCEPTED
    before = (own_platform.data / "secrets.key").read_text()
    sealed = rows(own_platform, "SELECT secret FROM device")
    refused = ferryd("--data", own_platform.data, "--rotate-secrets-key")
    assert refused.returncode == 1 and "another ferryd" in refused.stderr
    own_platform.kill9()
    done = ferryd("--data", own_platform.data, "--rotate-secrets-key")
    assert done.returncode == 0, done.stderr
    after = (own_platform.data / "secrets.key").read_text()
    assert before != after and len(after.splitlines()) == 1 and before.strip() not in after
    assert sealed != rows(own_platform, "SELECT secret FROM device")
    assert before.split()[1] not in done.stderr and after.split()[1] not in done.stderr
    with vendor_client(own_platform, device) as client:
        assert client.code == ACCEPTED
    own_platform.start()
    with VendorDevice(own_platform, device) as client:
        assert client.request_upload("a", b"abc")["url"]


def test_without_its_key_the_platform_does_not_start_and_says_what_to_do(own_platform):
    own_platform.new_device()
    own_platform.stop()
    key = own_platform.data / "secrets.key"
    text = key.read_text()
    key.unlink()
    assert own_platform.start(expect_exit=True) == 1
    assert "put back the one that belongs to it" in own_platform.log()
    key.write_text(text)
    key.chmod(0o644)
    assert own_platform.start(expect_exit=True) == 1
    assert "chmod 600" in own_platform.log()
    key.chmod(0o600)
    own_platform.start()


def test_a_reload_of_the_broker_reads_the_key_and_the_database_again(own_platform):
    device = own_platform.new_device()
    with VendorDevice(own_platform, device) as client:
        os.kill(own_platform.broker_pid, signal.SIGHUP)
        assert client.request_upload("a", b"abc")["url"]
    with vendor_client(own_platform, device) as client:
        assert client.code == ACCEPTED


# --- a new secret --------------------------------------------------------------------------------------------------


def with_secret(device, secret):
    return type(device)(device.product, device.device, secret)


def code(platform, device):
    with vendor_client(platform, device) as client:
        return client.code


def test_the_old_secret_ends_at_once_and_its_connection_too(platform, product):
    device = platform.new_device(product)
    with vendor_client(platform, device) as client:
        began = time.monotonic()
        fresh = with_secret(device, platform.api.device_rotate(device.product, device.device)["secret"])
        wait_for(lambda: client.gone, SECOND * PATIENCE, "the end of the connection")
        assert time.monotonic() - began < SECOND * PATIENCE
    assert code(platform, device) == REFUSED
    assert code(platform, fresh) == ACCEPTED


def test_in_the_overlap_both_secrets_are_good_and_then_the_new_one_alone(platform, product):
    device = platform.new_device(product)
    topic = f"{DOWN}/{device.product}/{device.device}"
    with vendor_client(platform, device, client_suffix=".early") as early:
        answer = platform.api.device_rotate(device.product, device.device, overlap_s=2)
        assert answer["old_secret_until"] is not None
        fresh = with_secret(device, answer["secret"])
        assert code(platform, device) == code(platform, fresh) == ACCEPTED
        with vendor_client(platform, device, client_suffix=".late") as late, \
                vendor_client(platform, fresh, client_suffix=".new") as new:
            assert early.subscribe(topic) in (0, 1) and late.subscribe(topic) in (0, 1)
            wait_for(lambda: code(platform, device) == REFUSED, 4 * PATIENCE, "the end of the old secret")
            wait_for(lambda: early.gone and late.gone, SECOND * PATIENCE, "the end of the connections that it had proved")
            assert not new.gone
    assert code(platform, fresh) == ACCEPTED
    assert rows(platform, f"SELECT length(old_secret), old_until_ms FROM device WHERE name = '{device.device}'") == [(0, 0)]


def test_the_old_secret_ends_also_while_the_platform_is_down_and_its_connection_when_it_is_back(own_platform):
    device = own_platform.new_device()
    with vendor_client(own_platform, device, client_suffix=".old") as client:
        fresh = with_secret(device, own_platform.api.device_rotate(device.product, device.device, overlap_s=2)["secret"])
        own_platform.kill9()
        wait_for(lambda: code(own_platform, device) == REFUSED, 4 * PATIENCE, "the end of the old secret")
        assert not client.gone and code(own_platform, fresh) == ACCEPTED
        own_platform.start()
        wait_for(lambda: client.gone, SECOND * PATIENCE, "the end of the connection")


def test_a_second_rotation_ends_the_first_secret(platform, product):
    device = platform.new_device(product)
    with vendor_client(platform, device) as first:
        second = with_secret(device, platform.api.device_rotate(device.product, device.device, 3600)["secret"])
        with vendor_client(platform, second, client_suffix=".2") as client:
            third = with_secret(device, platform.api.device_rotate(device.product, device.device, 3600)["secret"])
            wait_for(lambda: first.gone, SECOND * PATIENCE, "the end of the first connection")
            assert not client.gone
    assert [code(platform, each) for each in (device, second, third)] == [REFUSED, ACCEPTED, ACCEPTED]


def test_a_device_may_bring_its_next_secret(platform, product):
    device = platform.new_device(product)
    given = base64.b64encode(b"the secret of its own").decode()
    assert platform.api.device_rotate(device.product, device.device, secret=given)["secret"] == given
    assert code(platform, with_secret(device, given)) == ACCEPTED


@pytest.mark.parametrize("body", [{"overlap_s": -1}, {"overlap_s": 7776001}, {"overlap_s": "1h"}, {"secret": ""},
                                  {"secret": "?"}, {"nonsense": 1}, []])
def test_a_senseless_order_for_a_secret_changes_nothing(platform, product, body):
    device = platform.new_device(product)
    answer = platform.api.call("POST", f"/devices/{device.product}/{device.device}/secret", json=body, ok=False)
    assert answer.status_code in (400, 422) and "detail" in answer.json()
    assert code(platform, device) == ACCEPTED


# --- a device that is nobody any more ------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["disable", "remove"])
def test_a_device_is_disconnected_within_a_second(platform, product, end):
    device, other = platform.new_device(product), platform.new_device(product)
    with vendor_client(platform, device) as first, vendor_client(platform, other) as untouched, \
            vendor_client(platform, device, client_suffix=".shell") as second:
        assert first.code == second.code == untouched.code == ACCEPTED
        began = time.monotonic()
        getattr(platform.api, f"device_{end}")(device.product, device.device)
        wait_for(lambda: first.gone and second.gone, SECOND * PATIENCE, "the end of both connections")
        assert time.monotonic() - began < SECOND * PATIENCE
        assert not untouched.gone
    assert code(platform, device) == REFUSED


def test_enabled_again_it_comes_in_again(platform, product):
    device = platform.new_device(product)
    platform.api.device_disable(device.product, device.device)
    assert code(platform, device) == REFUSED
    platform.api.device_disable(device.product, device.device, False)
    assert code(platform, device) == ACCEPTED


def test_a_device_that_was_removed_and_added_again_is_another_one(own_platform):
    device = own_platform.new_device()
    with vendor_client(own_platform, device) as client:
        own_platform.api.device_remove(device.product, device.device)
        own_platform.api.device_add(device.product, device.device, secret=device.secret)
        wait_for(lambda: client.gone, SECOND * PATIENCE, "the end of the connection")


def test_what_the_broker_could_not_be_told_it_learns_when_ferryd_is_back(own_platform):
    """The order was committed, and ferryd died before the broker heard of it."""
    device, other = own_platform.new_device(), own_platform.new_device()
    with vendor_client(own_platform, device) as client, vendor_client(own_platform, other) as untouched:
        own_platform.kill9()
        db = sqlite3.connect(own_platform.data / "ferry.db", timeout=5)
        with db:
            db.execute("UPDATE device SET disabled = 1 WHERE name = ?", (device.device,))
        db.close()
        own_platform.start()
        wait_for(lambda: client.gone, SECOND * PATIENCE, "the end of the connection")
        assert not untouched.gone


def object_status(platform, url, method="GET", body=None):
    head = f"{method} {url.partition(platform.objects_url)[2]} HTTP/1.1\r\nHost: x\r\n"
    if body is not None:
        head += f"Content-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", platform.objects_port), 5) as sock:
        sock.sendall(head.encode() + b"\r\n" + (body or b""))
        return int(sock.recv(100).split()[1])


def test_the_urls_of_a_disabled_device_die_at_once(platform, product):
    device = platform.new_device(product)
    platform.api.resource_add(product, "fw", b"firmware")
    with VendorDevice(platform, device) as client:
        upload = client.request_upload("log", b"abc")["url"]
        platform.api.deploy(product, "fw", [device.device])
        download = client.wait("download")["url"]
        assert object_status(platform, download) == 200
        platform.api.device_disable(device.product, device.device)
        assert object_status(platform, download) == 404
        assert object_status(platform, upload, "PUT", b"abc") == 404
        platform.api.device_disable(device.product, device.device, False)
        assert object_status(platform, download) == 200
        assert object_status(platform, upload, "PUT", b"abc") == 200


SLOW_BYTES = 64 << 20 # more than any buffer on the way


@pytest.fixture(scope="module")
def large_file():
    return os.urandom(1 << 20) * (SLOW_BYTES >> 20)


class SlowGet:
    """A download that takes its time; .ended when the platform has cut it."""

    def __init__(self, platform, url):
        self.sock = socket.create_connection(("127.0.0.1", platform.objects_port), 5)
        self.sock.settimeout(10)
        self.sock.sendall(f"GET {url.partition(platform.objects_url)[2]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.taken = len(self.sock.recv(1000))
        self.ended = None
        self._go_on = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while data := self.sock.recv(1 << 14):
                self.taken += len(data)
                time.sleep(0.002)
        except OSError:
            pass
        self.ended = time.monotonic()


class SlowPut:
    """An upload that takes its time, and reads its answer when it has sent all."""

    def __init__(self, platform, url, size):
        self.sock = socket.create_connection(("127.0.0.1", platform.objects_port), 5)
        self.sock.sendall(f"PUT {url.partition(platform.objects_url)[2]} HTTP/1.1\r\nHost: x\r\n"
                          f"Content-Length: {size}\r\n\r\n".encode())
        self.left = size

    def send(self, count):
        self.sock.sendall(b"x" * count)
        self.left -= count

    def status(self):
        """Sends the rest and gives the answer's status."""
        self.send(self.left)
        self.sock.settimeout(10)
        return int(self.sock.recv(100).split()[1])


def download_url(platform, product, device, client, data):
    platform.api.resource_add(product, "large", data)
    deployment = platform.api.deploy(product, "large", [device.device], force=True)
    return client.wait("download")["url"], deployment["id"]


@pytest.mark.parametrize("end", ["disable", "remove", "cancel"])
def test_a_download_under_way_is_cut_within_a_second(platform, product, large_file, end):
    device = platform.new_device(product)
    with VendorDevice(platform, device) as client:
        url, deployment = download_url(platform, product, device, client, large_file)
        running = SlowGet(platform, url)
        assert running.taken > 0
        time.sleep(0.3)
        assert running.ended is None
        began = time.monotonic()
        if end == "cancel":
            platform.api.deployment_cancel(deployment)
        else:
            getattr(platform.api, f"device_{end}")(device.product, device.device)
        wait_for(lambda: running.ended, 10 * PATIENCE, "the end of the download")
        # what the kernel had in its buffers already may still be read
        assert running.taken < SLOW_BYTES and running.ended - began < 3 * PATIENCE


PUT_BYTES = 4 << 20


def partial_bytes(platform):
    """What the platform holds of unfinished uploads."""
    folder = platform.data / "objects"
    total = 0
    for part in ("tmp", "partial"):
        for path in (folder / part).rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # gone between the two looks
                total += path.stat().st_size if path.is_file() else 0
    return total


@pytest.mark.parametrize("end", ["disable", "remove", "upload_remove"])
def test_an_upload_under_way_is_thrown_away_at_once_and_refused(own_platform, end):
    """Not cut: a vendor's device takes a connection without an answer for a success."""
    device = own_platform.new_device()
    with VendorDevice(own_platform, device) as client:
        client.create_upload_task("large", PUT_BYTES, "0" * 32)
        running = SlowPut(own_platform, client.wait("create_upload_task_rsp")["url"], PUT_BYTES)
        running.send(1 << 20)
        wait_for(lambda: partial_bytes(own_platform) > 0, 5 * PATIENCE, "the first bytes")
        (task,) = own_platform.api.uploads(device.product, device.device)
        if end == "upload_remove":
            own_platform.api.upload_remove(task["id"])
        else:
            getattr(own_platform.api, f"device_{end}")(device.product, device.device)
        running.send(1 << 16)
        wait_for(lambda: partial_bytes(own_platform) == 0, SECOND * PATIENCE, "the end of what had arrived")
        assert running.status() == 404


def test_an_upload_that_is_refused_does_not_end_its_neighbours(platform, product):
    device, other = platform.new_device(product), platform.new_device(product)
    content = b"x" * PUT_BYTES
    with VendorDevice(platform, device) as client, VendorDevice(platform, other) as neighbour:
        slow = []
        for each in (client, neighbour):
            each.create_upload_task("large", PUT_BYTES, hashlib.md5(content).hexdigest())
            slow.append(SlowPut(platform, each.wait("create_upload_task_rsp")["url"], PUT_BYTES))
            slow[-1].send(1 << 20)
        platform.api.device_disable(device.product, device.device)
        assert [each.status() for each in slow] == [404, 200]
