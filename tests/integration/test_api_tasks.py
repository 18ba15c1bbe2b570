"""Deployments and uploads over the operator API."""
import json
import os

import pytest

from described_api import NO_ID, add_resource, padded, walk
from ferry import wait_for


# --- deployments ------------------------------------------------------------------------------------------------------


@pytest.fixture
def fleet(api, product):
    """A product with three devices and one resource."""
    for n in range(3):
        api.post("/devices", {"product": product, "name": f"d{n}"})
    add_resource(api, product, "fw", b"firmware")
    return product


def states(api, deployment):
    return {task["device"]: task["state"] for task in walk(api, f"/deployments/{deployment}/tasks")[0]}


def test_deployment_life(api, fleet):
    order = {"product": fleet, "resource": "fw", "devices": ["d0", "d2"], "rate_per_min": 60, "timeout_s": 60}
    answer = api("POST", "/deployments", json=order)
    assert answer.status_code == 201
    deployment = answer.json()
    assert answer.headers["Location"] == f"/api/v1/deployments/{deployment['id']}"
    assert deployment["rate_per_min"] == 60 and deployment["timeout_s"] == 60 and not deployment["all"]
    assert deployment["counts"]["total"] == 2
    path = f"/deployments/{deployment['id']}"
    assert set(states(api, deployment["id"])) == {"d0", "d2"}
    (task,) = api.get(f"{path}/tasks", device="d2")["items"]
    assert api.get(f"{path}/tasks/{task['id']}")["device"] == "d2"
    assert api.get(f"{path}/tasks", state="done")["items"] == []

    cancelled = api("POST", f"{path}/tasks/{task['id']}/cancel")
    assert cancelled.status_code == 200 and cancelled.json()["state"] == "cancelled"
    api.refused(409, "conflict", "POST", f"{path}/tasks/{task['id']}/cancel")
    again = api("POST", f"{path}/tasks/{task['id']}/retry")
    assert again.status_code == 200 and again.json()["state"] in ("queued", "offered")
    api.refused(409, "conflict", "POST", f"{path}/tasks/{task['id']}/retry")

    ended = api("POST", f"{path}/cancel")
    assert ended.status_code == 200 and ended.json()["state"] == "cancelled"
    assert ended.json()["counts"]["cancelled"] == 2
    api.refused(409, "conflict", "POST", f"{path}/cancel")
    assert api("POST", f"{path}/retry").json() == {"retried": 0}, "what was cancelled stays"
    api.refused(400, "invalid_field", "POST", f"{path}/retry", params={"state": "cancelled"})
    for code in ("", "-", "1x", "2147483648", "99999999999"):
        api.refused(400, "invalid_parameter", "POST", f"{path}/retry", params={"result_code": code})
    api.refused(400, "invalid_parameter", "POST", f"{path}/retry", params={"result_msg": "m" * 128})
    assert states(api, deployment["id"]) == {"d0": "cancelled", "d2": "cancelled"}


def test_a_deployment_to_all_reaches_every_device(api, fleet):
    deployment = api.post("/deployments", {"product": fleet, "resource": "fw", "all": True})
    assert deployment["all"]

    def done():
        return not api.get(f"/deployments/{deployment['id']}")["expanding"]
    wait_for(done, what="a task for every device")
    assert set(states(api, deployment["id"])) == {"d0", "d1", "d2"}


def test_counts_are_in_a_list_when_asked_for(api, fleet):
    api.post("/deployments", {"product": fleet, "resource": "fw", "devices": ["d0"]})
    (bare,) = api.get("/deployments", product=fleet)["items"]
    (counted,) = api.get("/deployments", product=fleet, counts="true")["items"]
    assert "counts" not in bare and counted["counts"]["total"] == 1
    assert api.get("/deployments", product=fleet, state="active")["items"] == [bare]
    assert api.get("/deployments", product=fleet, state="finished")["items"] == []


@pytest.mark.parametrize("change, status, code", [
    ({"resource": "nothing"}, 404, "not_found"), ({"product": "nobody"}, 404, "not_found"),
    ({"devices": ["d0", "stranger"]}, 404, "not_found"), ({"devices": None}, 400, "invalid_field"),
    ({"all": True}, 400, "invalid_field"), ({"all": False, "devices": ...}, 400, "invalid_field"),
    ({"devices": ...}, 400, "invalid_field"),
])
def test_orders_that_cannot_be_are_refused_whole(api, fleet, change, status, code):
    order = {"product": fleet, "resource": "fw", "devices": ["d0"], **change}
    order = {key: value for key, value in order.items() if value is not ...}
    problem = api.refused(status, code, "POST", "/deployments", json=order)
    assert len(problem["detail"]) > 10
    assert api.get("/deployments", product=fleet)["items"] == []


def test_a_stranger_among_the_devices_is_named(api, fleet):
    problem = api.refused(404, "not_found", "POST", "/deployments",
                          json={"product": fleet, "resource": "fw", "devices": ["d0", "stranger"]})
    assert "stranger" in problem["detail"]


def test_a_device_that_is_named_twice_has_one_task(api, fleet):
    deployment = api.post("/deployments", {"product": fleet, "resource": "fw", "devices": ["d1", "d1", "d1"]})
    assert set(states(api, deployment["id"])) == {"d1"} and deployment["counts"]["total"] == 1


def test_what_vendor_devices_cannot_fetch_needs_force(api, fleet):
    add_resource(api, fleet, "x" * 64)
    order = {"product": fleet, "resource": "x" * 64, "devices": ["d0"]}
    problem = api.refused(400, "invalid_field", "POST", "/deployments", json=order)
    assert "force" in problem["detail"]
    assert api.post("/deployments", {**order, "force": True})["resource"] == "x" * 64


def test_a_resource_in_use_cannot_vanish(api, fleet):
    api.post("/deployments", {"product": fleet, "resource": "fw", "devices": ["d0"]})
    (resource,) = walk(api, "/resources", product=fleet)[0]
    api.refused(409, "conflict", "DELETE", f"/resources/{resource['id']}")
    assert api.get(f"/resources/{resource['id']}") == resource


@pytest.mark.parametrize("suffix", ["", "/tasks", f"/tasks/{NO_ID}", "/cancel", "/retry", f"/tasks/{NO_ID}/cancel"])
@pytest.mark.parametrize("name", [NO_ID, "x", NO_ID.upper(), NO_ID + "0", "8" + NO_ID[1:]])
def test_a_deployment_that_is_none_is_not_found(api, suffix, name):
    method = "POST" if suffix.endswith(("cancel", "retry")) else "GET"
    api.refused(404, "not_found", method, f"/deployments/{name}{suffix}")


def test_a_task_is_found_in_its_own_deployment_only(api, fleet):
    order = {"product": fleet, "resource": "fw", "devices": ["d0"]}
    one, other = api.post("/deployments", order), api.post("/deployments", order)
    (task,) = api.get(f"/deployments/{one['id']}/tasks")["items"]
    for method, suffix in (("GET", ""), ("POST", "/cancel"), ("POST", "/retry")):
        api.refused(404, "not_found", method, f"/deployments/{other['id']}/tasks/{task['id']}{suffix}")
    assert api.get(f"/deployments/{one['id']}/tasks/{task['id']}")["state"] != "cancelled"


def test_an_order_of_twenty_thousand_names_is_taken(api, product):
    """More than a megabyte of names; only the last is registered, so that the answer comes after all were looked at."""
    names = [f"device-with-a-name-of-middling-length-{n:06}" for n in range(20_000)]
    add_resource(api, product)
    body = json.dumps({"product": product, "resource": "r", "devices": names}).encode()
    assert len(body) > 900_000
    api.refused(404, "not_found", "POST", "/deployments", data=body, headers={"Content-Type": "application/json"})
    too_long = padded({"product": product, "resource": "r", "all": True}, (8 << 20) + 1)
    api.refused(413, "too_large", "POST", "/deployments", data=too_long, headers={"Content-Type": "application/json"})


# --- uploads ----------------------------------------------------------------------------------------------------------


def test_upload_life(api, device):
    data = os.urandom(5000)
    answer = device.request_upload("log é.txt", data)
    (task,) = api.get("/uploads", product=device.product, device=device.device)["items"]
    assert task["state"] == "created" and task["size"] == len(data) and task["stored_at"] is None
    assert task["expires_at"] is not None
    api.refused(404, "no_content", "GET", f"/uploads/{task['id']}/content")
    assert device.put(answer, data).status == 200
    stored = api.get(f"/uploads/{task['id']}")
    assert stored["state"] == "stored" and stored["stored_at"] is not None
    content = api("GET", f"/uploads/{task['id']}/content", headers={"Range": "bytes=10-19"})
    assert (content.status_code, content.content) == (206, data[10:20])
    assert api("GET", f"/uploads/{task['id']}/content").content == data
    assert api("DELETE", f"/uploads/{task['id']}").status_code == 204
    for method, suffix in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        api.refused(404, "not_found", method, f"/uploads/{task['id']}{suffix}")


def test_uploads_are_filtered(api, make_device):
    one, two = make_device(), make_device()
    one.upload("log-1", b"a")
    one.upload("log-2", b"b")
    two.upload("log-1", b"c")
    two.request_upload("other", b"d")
    product = one.product

    def names(**query):
        return sorted((row["device"], row["name"]) for row in api.get("/uploads", product=product, **query)["items"])
    assert len(names()) == 4
    assert names(device=one.device) == [(one.device, "log-1"), (one.device, "log-2")]
    assert names(state="created") == [(two.device, "other")]
    assert names(name_prefix="log-1") == sorted([(one.device, "log-1"), (two.device, "log-1")])
    assert names(device=two.device, name_prefix="l", state="created") == []
