"""Quotas from end to end: settings, a product's own limits, what devices and operators are told."""
import contextlib
import json
import socket
import subprocess

import pytest

from ferry import ApiError, VendorDevice, program

QUOTA = 6


def ferryctl(platform, *words):
    return subprocess.run([str(program("ferryctl")), "--data", str(platform.data), *map(str, words)],
                          capture_output=True, text=True, timeout=30, check=False)


def used(platform, product, device=""):
    quota = platform.api.call("GET", f"/quota/{product}{'/' if device else ''}{device}")["used"]
    return quota["files"], quota["bytes"]


def limits(*amounts):
    return dict(zip(("product_bytes", "product_files", "device_bytes", "device_files"), amounts))


def set_limits(platform, product, *amounts):
    return platform.api.call("PUT", f"/quota/{product}", json=limits(*amounts))


@pytest.fixture
def vendor(platform, product):
    with VendorDevice(platform, platform.new_device(product)) as device:
        yield device


def test_a_device_over_its_quota_is_told_so_and_may_go_on_when_there_is_room(platform, vendor):
    set_limits(platform, vendor.product, 0, 0, 10, 2)
    assert vendor.upload("a", b"12345").verdict["result_code"] == 0
    refused = vendor.request_upload("b", b"123456")
    assert (refused["result_code"], refused["url"]) == (QUOTA, "")
    assert vendor.upload("b", b"12345").verdict["result_code"] == 0
    assert vendor.request_upload("c", b"1")["result_code"] == QUOTA
    assert used(platform, vendor.product, vendor.device) == (2, 10)
    platform.api.upload_remove(platform.api.uploads(vendor.product)[0]["id"])
    assert vendor.upload("c", b"1").verdict["result_code"] == 0


def test_what_was_granted_is_reserved_and_given_back(platform, vendor):
    set_limits(platform, vendor.product, 0, 0, 10, 0)
    assert vendor.request_upload("a", b"123456")["url"]
    assert vendor.request_upload("a", b"123456")["url"], "the same again is the same task"
    assert vendor.request_upload("b", b"12345")["result_code"] == QUOTA
    assert vendor.request_upload("a", b"1234567890")["url"], "other content takes the place of the old"
    assert used(platform, vendor.product, vendor.device) == (1, 10)
    vendor.report_upload("a", "fail", code=-1)
    vendor.wait("report_upload_progress_rsp")
    assert used(platform, vendor.product, vendor.device) == (0, 0)


def test_a_late_upload_must_fit_in_anew_and_leaves_nothing_if_it_does_not(platform, vendor):
    set_limits(platform, vendor.product, 0, 0, 10, 0)
    late = vendor.request_upload("late", b"123456")
    vendor.report_upload("late", "fail", code=-1)
    vendor.wait("report_upload_progress_rsp")
    assert vendor.upload("next", b"12345").verdict["result_code"] == 0
    answer = vendor.put(late, b"123456")
    assert answer.status == 507 and b"QuotaExceeded" in answer.body
    task = next(row for row in platform.api.uploads(vendor.product) if row["name"] == "late")
    assert not list(platform.data.glob(f"objects/*/{task['id']}"))
    assert used(platform, vendor.product, vendor.device) == (1, 5)


def test_a_product_counts_resources_and_all_devices(platform, product, make_device):
    one, other = make_device(), make_device()
    set_limits(platform, product, 100, 3, 0, 0)
    platform.api.resource_add(product, "r", b"x" * 50)
    assert one.upload("a", b"y" * 20).verdict["result_code"] == 0
    assert other.request_upload("b", b"y" * 31)["result_code"] == QUOTA
    assert other.upload("b", b"y" * 30).verdict["result_code"] == 0
    with pytest.raises(ApiError) as refused:
        platform.api.resource_add(product, "r", b"x")
    assert (refused.value.status, refused.value.code) == (507, "quota_exceeded")
    assert "number of files of the product" in refused.value.problem["detail"]
    assert used(platform, product) == (3, 100) and not platform.temporary_files()
    assert len(list(platform.data.glob("objects/*/0*"))) >= 3


def test_a_resource_that_cannot_fit_is_refused_before_its_bytes(platform, product):
    set_limits(platform, product, 100, 0, 0, 0)
    token = (platform.data / "admin.token").read_text().strip()
    with contextlib.closing(socket.create_connection(("127.0.0.1", platform.api_port), 10)) as client:
        client.sendall(f"POST /api/v1/resources?product={product}&name=big HTTP/1.1\r\nHost: h\r\n"
                       f"Content-Length: 1000000000\r\nAuthorization: Bearer {token}\r\n\r\nx".encode())
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 507") and b"quota_exceeded" in answer
    assert not platform.temporary_files() and used(platform, product) == (0, 0)


def test_settings_hold_for_products_without_limits_of_their_own(make_platform):
    platform = make_platform("--quota-device-files", 1, "--quota-product-bytes", "1k")
    product = platform.new_product()
    with VendorDevice(platform, platform.new_device(product)) as device:
        quota = platform.api.call("GET", f"/quota/{product}")
        assert quota == {"product": product, "own": False, "limits": limits(1024, 0, 0, 1), "used": {"bytes": 0, "files": 0}}
        assert device.upload("a", b"1").verdict["result_code"] == 0
        assert device.request_upload("b", b"1")["result_code"] == QUOTA
        assert set_limits(platform, product, 0, 0, 0, 2)["own"] is True
        assert device.upload("b", b"1").verdict["result_code"] == 0
        platform.restart()
        assert platform.api.call("GET", f"/quota/{product}")["limits"] == limits(0, 0, 0, 2)
        assert used(platform, product) == (2, 2), "counters are kept, not counted anew"
        assert platform.api.call("DELETE", f"/quota/{product}")["own"] is False
        assert platform.api.call("DELETE", f"/quota/{product}", ok=False).status_code == 404


def test_ferryctl_shows_and_sets_quotas(platform, product, vendor):
    done = ferryctl(platform, "quota", "set", product, "1M", 10, "1k", 1)
    assert done.returncode == 0, done.stderr
    assert platform.api.call("GET", f"/quota/{product}")["limits"] == limits(1 << 20, 10, 1024, 1)
    assert vendor.upload("a", b"x" * 1000).verdict["result_code"] == 0
    shown = json.loads(ferryctl(platform, "--json", "quota", "show", f"{product}/{vendor.device}").stdout)
    assert shown["used"] == {"bytes": 1000, "files": 1} and shown["own"] is True
    assert product in ferryctl(platform, "quota", "list").stdout
    assert f"Quota of {product}" not in ferryctl(platform, "status").stdout
    assert ferryctl(platform, "quota", "set", product, "1000", 1, 0, 0).returncode == 0
    status = ferryctl(platform, "status").stdout
    assert f"Quota of {product}: 100 % of its files" in status and f"Quota of {product}: 100 % of its bytes" in status
    assert ferryctl(platform, "quota", "reset", product).returncode == 0
    assert ferryctl(platform, "quota", "set", product, "ten", 1, 1, 1).returncode == 2
    assert ferryctl(platform, "quota", "set", product, "9E", 1, 1, 1).returncode == 2
    assert ferryctl(platform, "quota", "set", "nobody", 1, 1, 1, 1).returncode == 3
    assert ferryctl(platform, "quota", "show", "nobody").returncode == 3
