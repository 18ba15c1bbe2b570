"""The operator API's products and devices, and how its lists are paged."""
import base64
import datetime
import time

import pytest

from described_api import DESCRIPTION, ENDING, NO_ID, Client, add_resource, any_url, walk
from ferry import unique_name


# --- products ---------------------------------------------------------------------------------------------------------


def test_product_life(api):
    name = unique_name("p")
    answer = api("POST", "/products", json={"name": name})
    assert answer.status_code == 201 and answer.headers["Location"] == f"/api/v1/products/{name}"
    assert answer.json()["name"] == name
    assert api.get(f"/products/{name}") == {**answer.json(), "counts": {"devices": 0, "online": 0}}
    api.refused(409, "exists", "POST", "/products", json={"name": name})
    assert api("DELETE", f"/products/{name}").status_code == 204
    api.refused(404, "not_found", "DELETE", f"/products/{name}")
    api.refused(404, "not_found", "GET", f"/products/{name}")


def test_product_names_at_their_limits(own_platform):
    """On a platform of its own: elsewhere others make products of such names, and put something into them."""
    api = Client(own_platform, own_platform.token)
    for name in ("a", "A:b_c-9", "x" * 64, "007", "1e3", "NULL", "-", ":"):
        assert api.post("/products", {"name": name})["name"] == name
        assert name in {row["name"] for row in walk(api, "/products", limit=250)[0]}
        assert api("DELETE", f"/products/{name}").status_code == 204


def test_a_product_that_is_in_use_stays(api, product):
    api.post("/devices", {"product": product, "name": "d"})
    problem = api.refused(409, "conflict", "DELETE", f"/products/{product}")
    assert product in problem["detail"]
    assert api("DELETE", f"/devices/{product}/d").status_code == 204
    assert api("DELETE", f"/products/{product}").status_code == 204


@pytest.mark.parametrize("path", ["/products/{}", "/devices/{}/d", "/devices/d/{}"])
@pytest.mark.parametrize("name", ["x" * 65, "x" * 1000, "a%20b", "%C3%A9", "a%0Ab"])
def test_a_name_that_cannot_be_is_not_found(api, path, name):
    api.refused(404, "not_found", "GET", path.format(name))
    api.refused(404, "not_found", "DELETE", path.format(name))


# --- devices ----------------------------------------------------------------------------------------------------------


def test_device_life(api, product):
    answer = api("POST", "/devices", json={"product": product, "name": "d:1"})
    assert answer.status_code == 201
    device = answer.json()
    assert len(base64.b64decode(device.pop("secret"))) == 32
    assert not device["disabled"]
    assert api.get(f"/devices/{product}/d:1") == device, "the secret is shown once only"
    assert api.get(answer.headers["Location"].removeprefix("/api/v1")) == device
    assert walk(api, "/devices", product=product)[0] == [device]
    api.refused(409, "exists", "POST", "/devices", json={"product": product, "name": "d:1"})

    changed = api("PATCH", f"/devices/{product}/d:1", json={"disabled": True})
    assert changed.status_code == 200 and changed.json() == {**device, "disabled": True}
    assert api("PATCH", f"/devices/{product}/d:1", json={"disabled": True}).status_code == 200, "again is fine"
    assert api.get(f"/devices/{product}/d:1")["disabled"]
    assert not api("PATCH", f"/devices/{product}/d:1", json={"disabled": False}).json()["disabled"]

    assert api("DELETE", f"/devices/{product}/d:1").status_code == 204
    api.refused(404, "not_found", "DELETE", f"/devices/{product}/d:1")
    api.refused(404, "not_found", "GET", f"/devices/{product}/d:1")
    api.refused(404, "not_found", "PATCH", f"/devices/{product}/d:1", json={"disabled": True})


def test_a_device_needs_its_product(api):
    problem = api.refused(404, "not_found", "POST", "/devices", json={"product": "nobody", "name": "d"})
    assert "nobody" in problem["detail"] or "product" in problem["detail"]
    api.refused(404, "not_found", "GET", "/devices", params={"product": "nobody"})


@pytest.mark.parametrize("secret", [b"x", b"0123456789abcdef", bytes(64)])
def test_a_device_can_bring_its_secret(api, product, secret):
    text = base64.b64encode(secret).decode()
    assert api.post("/devices", {"product": product, "name": "d", "secret": text})["secret"] == text


def test_every_secret_is_another(api, product):
    secrets = {api.post("/devices", {"product": product, "name": f"d{n}"})["secret"] for n in range(20)}
    assert len(secrets) == 20


def test_secrets_never_reach_the_log(platform, api, product):
    secret = api.post("/devices", {"product": product, "name": "d"})["secret"]
    assert secret not in platform.log()


# --- lists ------------------------------------------------------------------------------------------------------------


def check_pages(api, path, key, expected, others=(), **query):
    """expected: keys in the order of the list without parameters; others: by what else it can be sorted."""
    rows, sizes = walk(api, path, **query)
    assert [row[key] for row in rows] == expected and len(sizes) == 1
    for limit in (1, 3, len(expected), len(expected) + 1):
        rows, sizes = walk(api, path, limit=limit, **query)
        assert [row[key] for row in rows] == expected
        assert sizes[:-1] == [limit] * (len(sizes) - 1) and 0 < sizes[-1] <= limit, "no page is empty or short"
    by = {"id": "created_at"}.get(key, key)
    for sort, descending in ((by, False), (f"-{by}", True)):
        rows, _ = walk(api, path, limit=4, sort=sort, **query)
        assert [row[key] for row in rows] == sorted(expected, reverse=descending)
    *all_but_one, last = [sign + name for name in (by, *others) for sign in ("", "-")]
    for wrong in ("", "-", f"--{by}", f"{by},{by}", "nothing", f"{by} ", "asc"):
        answer = api("GET", path, params={"sort": wrong, **query})
        assert answer.status_code == 400 and answer.json()["code"] == "invalid_parameter"
        assert f'"sort" must be {", ".join(all_but_one)} or {last}.' in answer.json()["detail"]


def test_devices_are_paged_by_name(api, product):
    names = [f"d{n:02}" for n in range(7)]
    for name in reversed(names):
        api.post("/devices", {"product": product, "name": name})
    check_pages(api, "/devices", "name", names, ["last_seen_at"], product=product)
    assert [row["name"] for row in walk(api, "/devices", product=product, name_prefix="d0", limit=2)[0]] == names
    assert walk(api, "/devices", product=product, name_prefix="x")[0] == []


def test_resources_are_paged_newest_first(api, product):
    ids = [add_resource(api, product, f"r{n % 3}")["id"] for n in range(7)][::-1]
    check_pages(api, "/resources", "id", ids, ["name", "size"], product=product)


def test_deployments_and_their_tasks_are_paged_newest_first(api, product):
    for n in range(6):
        api.post("/devices", {"product": product, "name": f"d{n}"})
    add_resource(api, product)
    order = {"product": product, "resource": "r", "devices": [f"d{n}" for n in range(6)]}
    ids = [api.post("/deployments", order)["id"] for _ in range(5)][::-1]
    check_pages(api, "/deployments", "id", ids, ["resource"], product=product)
    tasks = sorted((task["id"] for task in api.get(f"/deployments/{ids[0]}/tasks")["items"]), reverse=True)
    assert len(tasks) == 6
    check_pages(api, f"/deployments/{ids[0]}/tasks", "id", tasks, ["ended_at"])


def test_uploads_are_paged_newest_first(api, device):
    for n in range(6):
        device.request_upload(f"f{n}", b"x" * (n + 1))
    ids = sorted((row["id"] for row in api.get("/uploads", product=device.product)["items"]), reverse=True)
    assert len(ids) == 6
    check_pages(api, "/uploads", "id", ids, ["ended_at"], product=device.product)


def test_lists_can_be_bounded_in_time(api, device):
    def utc(ms):
        return datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    product = device.product
    early = [add_resource(api, product, "r0")["id"]]
    device.request_upload("f0", b"x")
    now = time.time()
    time.sleep(2.1 - now % 1)  # two seconds later by the clock's own seconds: there is one between them
    between = utc(int(time.time() * 1000))
    late = [add_resource(api, product, "r1")["id"]]
    device.request_upload("f1", b"xx")
    order = {"product": product, "resource": "r1", "devices": [device.device]}
    deployment = api.post("/deployments", order)["id"]
    assert [row["id"] for row in api.get("/resources", product=product, since=between)["items"]] == late
    assert [row["id"] for row in api.get("/resources", product=product, until=between)["items"]] == early
    assert [row["name"] for row in api.get("/uploads", product=product, since=between)["items"]] == ["f1"]
    assert [row["name"] for row in api.get("/uploads", product=product, until=between, sort="created_at")["items"]] == ["f0"]
    assert [row["id"] for row in api.get("/deployments", product=product, since=between)["items"]] == [deployment]
    assert api.get("/deployments", product=product, until=between)["items"] == []
    assert len(api.get(f"/deployments/{deployment}/tasks", since=between)["items"]) == 1
    assert api.get(f"/deployments/{deployment}/tasks", until=between)["items"] == []
    assert api.get("/uploads", product=product, since="2020-01-01", until="2020-01-02")["items"] == []


def test_products_are_paged_by_name(api):
    names = sorted(unique_name("q") for _ in range(5))
    for name in names:
        api.post("/products", {"name": name})
    rows = [row["name"] for row in walk(api, "/products", limit=2)[0]]
    assert rows == sorted(rows) and set(names) <= set(rows) and len(rows) == len(set(rows))


def test_a_row_that_goes_does_not_upset_the_pages(api, product):
    for n in range(6):
        api.post("/devices", {"product": product, "name": f"d{n}"})
    page = api.get("/devices", product=product, limit=3)
    assert api("DELETE", f"/devices/{product}/d2").status_code == 204
    rest = walk(api, "/devices", product=product, limit=3, cursor=page["next"])[0]
    assert [row["name"] for row in rest] == ["d3", "d4", "d5"]


def query_values(parameter):
    """Values that the parameter's schema allows, and values that it does not."""
    schema = DESCRIPTION._resolve(parameter["schema"])  # pylint: disable=protected-access
    candidates = ["", "0", "1", "250", "251", "-1", "1.5", "01", "x", "a b", "é", "true", "false", "asc", "desc", "ASC",
                  "x" * 64, "x" * 65, "x" * 256, "a\nb", "\u0085", NO_ID, "null", "[]", "2026-01-02", time.strftime("%Y-%m-%d"),
                  "device.changed", "device.changed,upload.changed", *schema.get("enum", [])]
    return schema, candidates


@pytest.mark.parametrize("path", [path for method, path in DESCRIPTION.operations() if method == "GET"])
def test_every_parameter_is_taken_or_refused_as_described(api, product, path):
    described = {p["name"]: p for p in DESCRIPTION.parameters("GET", path) if p["in"] == "query"}
    base = {p["name"]: product for p in described.values() if p.get("required")} | ENDING.get(path, {})
    url = any_url(path)
    missing_thing = "{" in path
    problem = api.refused(400, "unknown_parameter", "GET", url, params={**base, "nonsense": "1"})
    assert problem["field"] == "nonsense"
    for name, parameter in described.items():
        schema, candidates = query_values(parameter)
        refused = 0
        for value in candidates:
            if (name, value) == ("follow", "true"):
                continue
            wanted = {**base, name: value}
            if name in ("device", "sort"):
                wanted.setdefault("product", product) if "product" in described else None
            answer = api("GET", url, params=wanted)
            if answer.status_code in (200, 404):
                typed = int(value) if schema.get("type") == "integer" else value
                if schema.get("type") == "boolean":
                    assert value in ("true", "false")
                else:
                    DESCRIPTION.validate(schema, typed, name)
            else:
                assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter"), answer.text
                assert answer.json()["field"] == name
                refused += 1
        if name == "cursor":
            assert refused == len(candidates), "only what another page gave is one"
        else:
            assert 0 < refused < len(candidates), name
        twice = api("GET", url, params=[(k, v) for k, v in base.items() if k != name] + [(name, "a"), (name, "a")])
        assert twice.status_code == 400
    assert api("GET", url, params=base).status_code == (404 if missing_thing else 200)


def test_required_parameters_are_named(api):
    assert api.refused(400, "missing_parameter", "GET", "/devices")["field"] == "product"
    assert api.refused(400, "missing_parameter", "POST", "/resources", data=b"x")["field"] == "product"
    assert api.refused(400, "missing_parameter", "POST", "/resources", params={"product": "p"}, data=b"x")["field"] == "name"
    api.refused(400, "missing_parameter", "GET", "/uploads", params={"device": "d"})
