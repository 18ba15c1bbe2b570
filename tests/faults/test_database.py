"""The database is locked by somebody else, read-only or unwritable: a clear answer, and no restart to recover."""
import contextlib
import errno
import sqlite3

import pytest
import requests
from ferry import VendorDevice, wait_for

BUSY, INTERNAL = 7, 14


@contextlib.contextmanager
def locked(platform):
    """Somebody else holds the database's write lock."""
    other = sqlite3.connect(platform.data / "ferry.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def refused_everywhere(platform, device):
    """Both sides are told that nothing can be kept; reading works. Gives the product that was refused."""
    answer = device.request_upload("log", b"content", timeout_s=15)
    assert answer["url"] == "" and answer["result_code"] in (BUSY, INTERNAL) and answer["result_msg"]
    made = platform.api.call("POST", "/products", json={"name": "refused"}, ok=False)
    assert made.status_code in (500, 503, 507) and made.json()["code"]
    assert platform.api.list("/products"), "reading goes on"
    assert requests.get(f"{platform.api_url}/readyz", timeout=10).status_code == 503


def works_everywhere(platform, device):
    wait_for(lambda: device.request_upload("log", b"content", timeout_s=15)["url"], 15, "an answer with a URL")
    assert device.upload("log", b"content").verdict["result_code"] == 0
    assert "refused" not in [row["name"] for row in platform.api.list("/products")]
    platform.api.product_add("accepted")
    wait_for(lambda: requests.get(f"{platform.api_url}/readyz", timeout=10).status_code == 200, 5, "readiness")


def test_while_the_database_is_locked_everybody_is_told_and_afterwards_work_goes_on(make_platform):
    platform = make_platform()
    with VendorDevice(platform, platform.new_device()) as device:
        pid = platform.pid
        with locked(platform):
            refused_everywhere(platform, device)
            assert "busy" in platform.log()
        works_everywhere(platform, device)
        assert platform.pid == pid


def test_a_short_lock_is_waited_for(make_platform):
    platform = make_platform()
    with VendorDevice(platform, platform.new_device()) as device:
        with locked(platform):
            device.create_upload_task("log", 7, "9a0364b9e99bb480dd25e1f0284c8555")
        assert device.wait("create_upload_task_rsp")["url"]


@pytest.mark.parametrize("failure", (errno.EROFS, errno.EIO, errno.ENOSPC), ids=errno.errorcode.get)
def test_while_the_database_cannot_be_written_everybody_is_told_and_afterwards_work_goes_on(make_platform, faults,
                                                                                         failure):
    platform = make_platform(env=faults.environment())
    with VendorDevice(platform, platform.new_device()) as device:
        pid = platform.pid
        faults.fail_writes("ferry.db", failure)
        refused_everywhere(platform, device)
        faults.heal_writes()
        works_everywhere(platform, device)
        assert platform.pid == pid
    platform.kill9()
    platform.start()
    assert "accepted" in [row["name"] for row in platform.api.list("/products")]


def test_a_read_only_database_is_named_at_the_start(make_platform, obedient_build):
    platform = make_platform()
    platform.stop()
    database = platform.data / "ferry.db"
    database.chmod(0o444)
    strict = make_platform(start=False, data=platform.data, build=obedient_build)
    assert strict.start(expect_exit=True) == 1
    assert any("ferry.db" in line and "error" in line for line in strict.log().splitlines()), strict.log()
    database.chmod(0o600)
    strict.start()
    assert strict.api.list("/products") == []
    strict.stop()
