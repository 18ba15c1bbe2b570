"""Lists that are sorted by a value: with values that many rows have, rows that have none yet, and names of any bytes."""
from urllib.parse import urlencode

import pytest

from ferry import unique_name
from filled_store import filled_store
from operators import token_caller
from described_api import add_resource, walk
from test_ferryctl import Ctl

NAMES = ["a", "a b", "a+b&c=d", "a/b", "50%", "%2f", "\u00e9t\u00e9", "\u4e2d\u6587", "\U0001f600", "'\"<>\\", "x" * 255, "a", "a"]


def change(platform, sql, *rows):
    with filled_store(platform.data / "ferry.db") as database:
        database.executemany(sql, rows)


def check(api, path, by, want, key="id", **query):
    """want: the keys of all rows, the least first."""
    for sort, keys in ((by, want), (f"-{by}", want[::-1])):
        for limit in (1, 2, len(want), 250):
            rows, _ = walk(api, path, limit=limit, sort=sort, **query)
            assert [row[key] for row in rows] == keys, (path, sort, limit)


def in_order(rows, by, key="id"):
    return [row[key] for row in sorted(rows, key=lambda row: (row[by] or "", row[key]))]


def test_resources_by_name_and_by_size(api, platform):
    product, other = platform.new_product(), platform.new_product()
    rows = [add_resource(api, product, name, b"x" * (1 + n % 3)) for n, name in enumerate(NAMES)]
    add_resource(api, other, "a")
    check(api, "/resources", "name", [row["id"] for row in sorted(rows, key=lambda row: (row["name"].encode(), row["id"]))], product=product)
    check(api, "/resources", "size", [row["id"] for row in sorted(rows, key=lambda row: (row["size"], row["id"]))], product=product)
    named = [row for row in rows if row["name"].startswith("a")]
    ordered = [row["id"] for row in sorted(named, key=lambda row: (row["name"].encode(), row["id"]))]
    check(api, "/resources", "name", ordered, product=product, name_prefix="a")
    check(api, "/resources", "name", sorted(row["id"] for row in rows if row["name"] == "a"), product=product, name="a")
    assert walk(api, "/resources", sort="size", product=product, name_prefix="none")[0] == []


def test_devices_by_when_they_were_seen(api, platform):
    product = platform.new_product()
    names = [platform.new_device(product, f"d{n}").device for n in range(7)]
    change(platform, "UPDATE device SET seen_ms = ? WHERE product = ? AND name = ?",
           *((1700000000000 + 1000 * (n % 2), product, name) for n, name in enumerate(names[:5])))
    platform.api.call("PATCH", f"/devices/{product}/d1", json={"tags": ["lab"]})
    platform.api.call("PATCH", f"/devices/{product}/d6", json={"tags": ["lab"]})
    check(api, "/devices", "last_seen_at", ["d5", "d6", "d0", "d2", "d4", "d1", "d3"], key="name", product=product)
    check(api, "/devices", "last_seen_at", ["d6", "d1"], key="name", product=product, tag="lab")
    rows = api.get("/devices", product=product, sort="-last_seen_at")["items"]
    assert rows[0]["last_seen_at"] == "2023-11-14T22:13:21.000Z" and rows[-1]["last_seen_at"] is None


def test_deployments_by_their_resource(api, platform):
    product = platform.new_product()
    platform.new_device(product, "d")
    for name in ("b c", "a", "\u00e9"):
        add_resource(api, product, name)
    rows = [platform.api.deploy(product, name, ["d"]) for name in ("b c", "a", "\u00e9", "a", "b c", "a")]
    ordered = [row["id"] for row in sorted(rows, key=lambda row: (row["resource"].encode(), row["id"]))]
    check(api, "/deployments", "resource", ordered, product=product)
    api.post(f"/deployments/{rows[0]['id']}/cancel", status=200)
    check(api, "/deployments", "resource", [i for i in ordered if i != rows[0]["id"]], product=product, state="active")


def test_tasks_of_a_deployment_by_their_end(api, platform):
    product = platform.new_product()
    devices = [platform.new_device(product, f"d{n}").device for n in range(8)]
    add_resource(api, product, "fw")
    one, other = (platform.api.deploy(product, "fw", devices)["id"] for _ in range(2))
    path = f"/deployments/{one}/tasks"
    tasks = api.get(path, sort="created_at")["items"]
    assert len(tasks) == 8 and len(api.get(f"/deployments/{other}/tasks", sort="ended_at")["items"]) == 8
    for n in (5, 2, 7):
        api.post(f"{path}/{tasks[n]['id']}/cancel", status=200)
    tasks = api.get(path)["items"]
    assert sum(task["ended_at"] is not None for task in tasks) == 3
    check(api, path, "ended_at", in_order(tasks, "ended_at"))
    check(api, path, "ended_at", in_order([task for task in tasks if task["ended_at"]], "ended_at"), state="cancelled")
    check(api, path, "ended_at", [task["id"] for task in tasks if task["device"] == "d5"], device="d5")
    api.post(f"/deployments/{one}/cancel", status=200)
    assert api.get(path, sort="-ended_at", limit=1)["items"][0]["ended_at"] is not None
    rows = Ctl(platform).rows("deployment", "show", one, "--sort", "ended_at")
    assert [row["device"] for row in rows if "device" in row][-8:] == [
        task["device"] for task in api.get(path, sort="ended_at")["items"]]


def test_uploads_by_their_end(api, platform):
    product = platform.new_product()
    ids = [f"01kend{n:020}" for n in range(9)]
    states = (5, 1, 4, 6, 1, 5, 4, 1, 5)
    bits = [sum("0123456789abcdefghjkmnpqrstvwxyz".index(c) << 5 * (25 - at) for at, c in enumerate(i)).to_bytes(17, "big")[1:] for i in ids]
    change(platform, "INSERT INTO upload VALUES (?, ?, ?, 'log', 1, ?, ?, 0, 0, '', 1, 1, 0, ?, 0)",
           *((bits[n], product, f"d{n % 2}", "0" * 32, state, 0 if state < 4 else 1700000000000 + n % 3) for n, state in enumerate(states)))
    rows = api.get("/uploads", product=product)["items"]
    assert sorted(row["id"] for row in rows) == ids
    check(api, "/uploads", "ended_at", in_order(rows, "ended_at"), product=product)
    for query, fits in [({"state": "failed"}, lambda row: row["state"] == "failed"), ({"state": "created"}, lambda row: row["state"] == "created"),
                        ({"device": "d1"}, lambda row: row["device"] == "d1"), ({"state": "done"}, lambda row: row["state"] == "done")]:
        check(api, "/uploads", "ended_at", in_order(filter(fits, rows), "ended_at"), product=product, **query)
    listed = Ctl(platform).rows("upload", "list", product, "--sort", "-ended_at")
    assert [row["id"] for row in listed] == in_order(rows, "ended_at")[::-1]


@pytest.mark.parametrize("path, by", [("/resources", "name"), ("/resources", "-size"), ("/deployments", "resource"), ("/uploads", "ended_at")])
def test_a_value_is_sorted_by_within_one_product(api, platform, path, by):
    problem = api.refused(400, "missing_parameter", "GET", path, params={"sort": by})
    assert '"product"' in problem["detail"]
    mine, theirs = platform.new_product(unique_name("q")), platform.new_product(unique_name("q"))
    for product in (mine, theirs):
        platform.new_device(product, "d")
        add_resource(api, product, "fw")
        platform.api.deploy(product, "fw", ["d"])
    caller = token_caller(platform, "viewer", [mine])
    if path != "/uploads":
        assert {row["product"] for row in caller.get(path, sort=by)["items"]} == {mine}, "there is one product only"
    assert caller.get(path, sort=by, product=theirs) == {"items": [], "next": None}
    assert caller.get(path, product=theirs) == caller.get(path, product="nobody") == {"items": [], "next": None}


def test_a_cursor_is_of_one_value(api, platform):
    product = platform.new_product()
    for n in range(3):
        add_resource(api, product, f"r{n}", b"x" * (1 + n))
    cursor = api.get("/resources", product=product, sort="name", limit=1)["next"]
    assert len(api.get("/resources", product=product, sort="name", cursor=cursor)["items"]) == 2
    for sort in ("size", "-name", "created_at"):
        api.refused(400, "invalid_parameter", "GET", f"/resources?{urlencode({'product': product, 'sort': sort, 'cursor': cursor})}")
    api.refused(400, "invalid_parameter", "GET", "/downloads", params={"product": product, "device": "d", "sort": "ended_at"})
