"""The history of a task: what its device reported, by the API and by ferryctl."""
import pytest

from ferry import VendorDevice
from described_api import Client
from test_ferryctl import Ctl, REFUSED


def reported(rows):
    """Oldest first: (state, percent, result_code)."""
    return [(row["state"], row["percent"], row["result_code"]) for row in reversed(rows)]


def test_an_upload_has_the_reports_of_its_device(api, platform):
    credential = platform.new_device()
    with VendorDevice(platform, credential) as device:
        device.upload("log", b"some bytes")
    (task,) = api.get("/uploads", product=credential.product, device=credential.device)["items"]
    rows = api.get(f"/uploads/{task['id']}/reports")["items"]
    assert [state for state, _, _ in reported(rows)] == ["running", "running", "done"]
    assert [row["number"] for row in rows] == [3, 2, 1], "the newest first"
    assert rows[-1]["time"] <= rows[0]["time"]
    page = api.get(f"/uploads/{task['id']}/reports", limit=2, sort="number")
    assert [row["number"] for row in page["items"]] == [1, 2]
    page = api.get(f"/uploads/{task['id']}/reports", limit=2, sort="number", cursor=page["next"])
    assert [row["number"] for row in page["items"]] == [3] and page["next"] is None
    assert api("DELETE", f"/uploads/{task['id']}").status_code == 204
    api.refused(404, "not_found", "GET", f"/uploads/{task['id']}/reports")


def test_a_download_task_has_the_reports_of_its_device_and_keeps_them_over_a_sudden_end(own_platform):
    api = Client(own_platform, own_platform.token)
    credential = own_platform.new_device()
    own_platform.api.resource_add(credential.product, "fw", b"firmware")
    deployment = own_platform.api.deploy(credential.product, "fw", [credential.device])
    task = own_platform.api.download_task(deployment["id"], credential.device)
    path = f"/deployments/{deployment['id']}/tasks/{task['id']}/reports"
    assert api.get(path) == {"items": [], "next": None}
    with VendorDevice(own_platform, credential) as device:
        device.request_download()
        for percent in (0, 50):
            device.report_download("fw", "downloading", percent)
            device.wait("report_download_progress_rsp")
        device.report_download("fw", "fail", 50, code=-4, text="md5sum not matched")
        device.wait("report_download_progress_rsp")
    rows = api.get(path)["items"]
    assert reported(rows) == [("running", 0, 0), ("running", 50, 0), ("failed", 50, -4)]
    assert rows[0]["result_msg"] == "md5sum not matched"
    own_platform.kill9()
    own_platform.start()
    assert own_platform.api.call("GET", path)["items"] == rows
    ctl = Ctl(own_platform)
    assert ctl.rows("deployment", "reports", deployment["id"], credential.device) == rows
    assert "md5sum not matched" in ctl("deployment", "reports", deployment["id"], credential.device).out
    ctl("deployment", "reports", deployment["id"], "stranger", status=REFUSED)


def test_a_task_is_looked_for_in_its_own_deployment_only(api, platform):
    product = platform.new_product()
    platform.api.device_add(product, "d")
    platform.api.resource_add(product, "fw", b"firmware")
    one, two = (platform.api.deploy(product, "fw", ["d"])["id"] for _ in range(2))
    task = platform.api.download_task(one, "d")["id"]
    assert api.get(f"/deployments/{one}/tasks/{task}/reports")["items"] == []
    api.refused(404, "not_found", "GET", f"/deployments/{two}/tasks/{task}/reports")
    api.refused(400, "invalid_parameter", "GET", f"/deployments/{one}/tasks/{task}/reports", params={"cursor": "x"})


def test_ferryctl_shows_the_reports_of_an_upload(platform):
    ctl = Ctl(platform)
    credential = platform.new_device()
    with VendorDevice(platform, credential) as device:
        device.upload("log", b"some bytes")
    (task,) = platform.api.uploads(credential.product, credential.device)
    assert [row["number"] for row in ctl.rows("upload", "reports", task["id"])] == [3, 2, 1]
    assert [row["number"] for row in ctl.rows("upload", "reports", task["id"], "-n", "1")] == [3]
    out = ctl("upload", "reports", task["id"]).out
    assert "STATE" in out and "done" in out
    ctl("upload", "reports", "01arz3ndektsv4rrffq69g5fav", status=REFUSED)
