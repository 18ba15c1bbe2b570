"""Tags of devices: given, shown, filtered by, kept over a restart, deployed to; by the API and by ferryctl."""
import pytest

from ferry import unique_name, wait_for
from test_ferryctl import Ctl, REFUSED, USAGE

MOST = [f"{n:064}" for n in range(32)]


@pytest.fixture
def product(platform):
    return platform.new_product()


def names(rows):
    return [row["name"] for row in rows]


def tags_of(api, product, device):
    return api.get(f"/devices/{product}/{device}")["tags"]


def test_tags_are_given_with_the_device_and_changed_as_a_whole(api, product):
    added = api.post("/devices", {"product": product, "name": "d", "tags": ["lab", "fw-1.2", "lab", "EU"]})
    assert added["tags"] == ["EU", "fw-1.2", "lab"] == tags_of(api, product, "d")
    assert api.post("/devices", {"product": product, "name": "bare"})["tags"] == []
    changed = api("PATCH", f"/devices/{product}/d", json={"tags": ["b", "a"]}).json()
    assert changed["tags"] == ["a", "b"] and not changed["disabled"]
    changed = api("PATCH", f"/devices/{product}/d", json={"disabled": True}).json()
    assert changed["tags"] == ["a", "b"] and changed["disabled"], "what is not named stays"
    rotated = api("POST", f"/devices/{product}/d/secret", json={}).json()
    assert rotated["tags"] == ["a", "b"]
    changed = api("PATCH", f"/devices/{product}/d", json={"disabled": False, "tags": MOST}).json()
    assert changed["tags"] == MOST and not changed["disabled"]
    assert api("PATCH", f"/devices/{product}/d", json={"tags": []}).json()["tags"] == []


@pytest.mark.parametrize("tags", ["a", [""], ["a b"], [1], ["x" * 65], ["é"], [*MOST, "one-more"], None])
def test_what_is_no_tag_is_refused_and_changes_nothing(api, product, tags):
    api.post("/devices", {"product": product, "name": "d", "tags": ["a"]})
    api.refused(400, "invalid_field", "PATCH", f"/devices/{product}/d", json={"tags": tags, "disabled": True})
    api.refused(400, "invalid_field", "POST", "/devices", json={"product": product, "name": "e", "tags": tags})
    assert tags_of(api, product, "d") == ["a"]
    assert names(api.get("/devices", product=product)["items"]) == ["d"]


def test_an_empty_change_is_refused(api, product):
    api.post("/devices", {"product": product, "name": "d"})
    api.refused(400, "missing_field", "PATCH", f"/devices/{product}/d", json={})
    api.refused(404, "not_found", "PATCH", f"/devices/{product}/stranger", json={"tags": ["a"]})


def test_devices_are_filtered_by_tag_page_by_page(api, platform, product):
    other = platform.new_product()
    api.post("/devices", {"product": other, "name": "d0", "tags": ["even"]})
    for n in range(7):
        api.post("/devices", {"product": product, "name": f"d{n}", "tags": ["all", "even"] if n % 2 == 0 else ["all"]})
    rows, cursor = [], {}
    while True:
        page = api.get("/devices", product=product, tag="even", limit=2, **cursor)
        assert len(page["items"]) <= 2
        rows += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert names(rows) == ["d0", "d2", "d4", "d6"] and rows[0]["tags"] == ["all", "even"]
    assert names(api.get("/devices", product=product, tag="even", sort="-name")["items"]) == ["d6", "d4", "d2", "d0"]
    assert api.get("/devices", product=product, tag="eve")["items"] == []
    assert names(api.get("/devices", product=product, tag="all", name_prefix="d3")["items"]) == ["d3"]
    api.refused(400, "invalid_parameter", "GET", "/devices", params={"product": product, "tag": "a b"})


def test_a_device_that_comes_again_has_no_tags_of_before(api, product):
    api.post("/devices", {"product": product, "name": "d", "tags": ["a"]})
    assert api("DELETE", f"/devices/{product}/d").status_code == 204
    api.post("/devices", {"product": product, "name": "d"})
    assert tags_of(api, product, "d") == [] == api.get("/devices", product=product, tag="a")["items"]


def test_the_audit_log_says_who_changed_tags(api, product):
    api.post("/devices", {"product": product, "name": "d"})
    api("PATCH", f"/devices/{product}/d", json={"tags": ["lab"]})
    record = api.get("/audit", object=f"device/{product}/d", limit=1)["items"][0]
    assert record["action"] == "device.change"
    assert (record["before"]["tags"], record["after"]["tags"]) == ([], ["lab"])


def test_tags_outlive_a_sudden_end(own_platform):
    product = own_platform.new_product()
    own_platform.api.device_add(product, "d", tags=["a", "b"])
    own_platform.kill9()
    own_platform.start()
    assert own_platform.api.call("GET", f"/devices/{product}/d")["tags"] == ["a", "b"]
    (row,) = own_platform.api.list("/devices", product=product, tag="b")
    assert row["name"] == "d"


# --- deployments --------------------------------------------------------------------------------------------------


@pytest.fixture
def fleet(platform, product):
    for n in range(4):
        platform.api.device_add(product, f"d{n}", tags=["lab", f"n{n}"] if n % 2 else [f"n{n}"])
    platform.api.resource_add(product, "fw", b"firmware")
    return product


def targets(api, deployment):
    return {row["device"] for row in api.get(f"/deployments/{deployment['id']}/tasks")["items"]}


def made(api, deployment):
    wait_for(lambda: not api.get(f"/deployments/{deployment['id']}")["expanding"], what="a task for every device")


def test_a_deployment_to_a_tag(api, fleet):
    deployment = api.post("/deployments", {"product": fleet, "resource": "fw", "tag": "lab"})
    assert deployment["tag"] == "lab" and not deployment["all"]
    made(api, deployment)
    assert targets(api, deployment) == {"d1", "d3"}
    api("PATCH", f"/devices/{fleet}/d0", json={"tags": ["lab"]})
    api("PATCH", f"/devices/{fleet}/d1", json={"tags": []})
    assert targets(api, deployment) == {"d1", "d3"}, "later changes of tags change nothing"
    assert api.get(f"/deployments/{deployment['id']}")["tag"] == "lab"
    record = api.get("/audit", object=f"deployment/{deployment['id']}")["items"][0]
    assert record["after"]["tag"] == "lab" and "devices" not in record["after"]
    assert api.post("/deployments", {"product": fleet, "resource": "fw", "all": True})["tag"] is None


@pytest.mark.parametrize("change, status, code", [
    ({"tag": "nobody"}, 404, "not_found"), ({"tag": "a b"}, 400, "invalid_field"), ({"tag": ""}, 400, "invalid_field"),
    ({"tag": None}, 400, "invalid_field"), ({"tag": "lab", "all": True}, 400, "invalid_field"),
    ({"tag": "lab", "devices": ["d0"]}, 400, "invalid_field"), ({}, 400, "invalid_field"),
])
def test_targets_that_cannot_be_are_refused(api, fleet, change, status, code):
    api.refused(status, code, "POST", "/deployments", json={"product": fleet, "resource": "fw", **change})
    assert api.get("/deployments", product=fleet)["items"] == []


def test_a_tag_of_another_product_does_not_count(api, platform, fleet):
    other = platform.new_product()
    platform.api.device_add(other, "d0", tags=["elsewhere"])
    api.refused(404, "not_found", "POST", "/deployments", json={"product": fleet, "resource": "fw", "tag": "elsewhere"})


# --- ferryctl -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ctl(platform):
    return Ctl(platform)


def test_ferryctl_gives_tags_and_takes_them_away(ctl, product):
    device = f"{product}/d"
    assert ctl.row("device", "add", device, "--tag", "lab", "--tag", "eu")["tags"] == ["eu", "lab"]
    assert ctl.row("device", "tag", device, "--tag", "new", "--untag", "eu", "--untag", "never")["tags"] == ["lab", "new"]
    assert "lab new" in ctl("device", "tag", device, "--tag", "lab").out
    assert "lab new" in ctl("device", "show", device).out
    assert ctl.row("device", "tag", device, "--untag=lab", "--untag=new")["tags"] == []
    ctl("device", "tag", device, status=USAGE)
    ctl("device", "tag", device, "--tag", "", status=USAGE)
    ctl("device", "tag", "nodevice", "--tag", "a", status=USAGE)
    assert "1 to 64" in ctl("device", "tag", device, "--tag", "a b", status=REFUSED).err
    ctl("device", "tag", f"{product}/stranger", "--tag", "a", status=REFUSED)


def test_ferryctl_lists_by_tag(ctl, platform, product):
    tag = unique_name("t")
    other = platform.new_product()
    for owner, device, tags in [(product, "d1", [tag]), (product, "d2", []), (other, "d3", [tag, "more"])]:
        platform.api.device_add(owner, device, tags=tags)
    assert names(ctl.rows("device", "list", product, "--tag", tag)) == ["d1"]
    assert sorted(names(ctl.rows("device", "list", "--tag", tag))) == ["d1", "d3"]
    assert "TAGS" in ctl("device", "list", product).out
    ctl("device", "list", "--tag", tag, "--tag", "more", status=USAGE)


def test_ferryctl_deploys_to_a_tag(ctl, api, fleet):
    deployment = ctl.row("deploy", fleet, "fw", "--tag", "lab")
    made(api, deployment)
    assert targets(api, deployment) == {"d1", "d3"}
    assert "lab" in ctl("deployment", "show", deployment["id"]).out
    assert "no device" in ctl("deploy", fleet, "fw", "--tag", "nobody", status=REFUSED).err
    ctl("deploy", fleet, "fw", "--tag", "lab", "--all", status=USAGE)
    ctl("deploy", fleet, "fw", "--tag", "lab", "--tag", "n1", status=USAGE)
