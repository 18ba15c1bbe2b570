"""Pages of long lists: a request looks at so many rows, whatever its filter is; short and empty pages are gone on with."""
import pytest

from many_uploads import MANY, RARE, ManyUploads
from described_api import Client, walk
from test_ferryctl import Ctl
from test_permissions import token_caller


@pytest.fixture
def world(own_platform):
    return ManyUploads(own_platform)


def client(platform):
    return Client(platform, platform.token)


def numbers(rows):
    return [int(row["name"].removeprefix("rare-")) for row in rows]


def test_what_few_rows_have_is_found_over_many_by_following_the_cursors(world):
    api = client(world.platform)
    wanted = [number + first for number in range(0, MANY, RARE) for first in (5, 6)]
    for query, want in [
            ({"name_prefix": "rare"}, wanted), ({"name_prefix": "rare", "state": "failed"}, wanted[1::2]),
            ({"name_prefix": "rare", "state": "done"}, wanted[::2]), ({"product": world.other, "name_prefix": "rare"}, wanted[1::2]),
            ({"product": world.mine, "name_prefix": "rare"}, wanted[::2]),
            ({"product": world.other, "device": "d-busy", "name_prefix": "rare"}, wanted[1::2]),
            ({"product": world.other, "device": "d-busy", "state": "failed"}, wanted[1::2]),
            ({"product": world.other, "device": "d-busy", "state": "cancelled"}, []), ({"name_prefix": "none"}, [])]:
        for sort in ("created_at", "-created_at"):
            rows, sizes = walk(api, "/uploads", limit=250, sort=sort, **query)
            assert numbers(rows) == (want if sort == "created_at" else want[::-1]), (query, sort)
            assert len(sizes) < 12
    rows, sizes = walk(api, "/uploads", limit=250, name_prefix="rare")
    assert sizes[0] < 250 and len(sizes) >= 3, "one page does not look at all of them"
    rows, sizes = walk(api, "/uploads", limit=250, name_prefix="none")
    assert set(sizes) == {0} and len(sizes) >= 3
    rows, sizes = walk(api, "/uploads", limit=250, state="failed")
    assert sizes == [3], "an index knows them"
    rows, sizes = walk(api, "/uploads", limit=1, name_prefix="rare")
    assert numbers(rows) == wanted[::-1] and set(sizes) <= {0, 1}


def test_rows_that_the_caller_does_not_see_are_looked_at_too(world):
    caller = token_caller(world.platform, "viewer", [world.mine, "another"])
    rows, sizes = walk(caller, "/uploads", limit=250)
    assert numbers(rows) == [number + 5 for number in range(0, MANY, RARE)][::-1]
    assert len(sizes) >= 3 and {row["product"] for row in rows} == {world.mine}


def test_ferryctl_goes_on_behind_empty_pages(world):
    ctl = Ctl(world.platform)
    assert len(ctl.rows("upload", "list", "--prefix", "rare")) == 6
    assert len(ctl.rows("upload", "list", "--prefix", "rare", "--limit", "4")) == 4
    table = ctl("upload", "list", world.mine, "--prefix", "rare")
    assert table.out.count("rare-") == 3 and table.out.count("NAME") == 1, "one head"
    assert ctl.rows("upload", "list", "--prefix", "none") == []


def test_a_cursor_goes_on_in_its_own_list_only(platform):
    api = client(platform)
    product = platform.new_product()
    for n in range(3):
        platform.new_device(product, f"d{n}")
        platform.api.resource_add(product, f"f {n}", b"bytes")
    one, two = (platform.api.deploy(product, "f 0", ["d0", "d1", "d2"])["id"] for _ in range(2))
    for path, query, others in [
            ("/devices", {"product": product}, [("/devices", {"sort": "-name"}), ("/devices", {"name_prefix": "d"}), ("/products", None)]),
            ("/resources", {"product": product}, [("/resources", {"sort": "created_at"}), ("/resources", {"product": None}),
                                                  ("/uploads", {})]),
            ("/resources", {"product": product, "name_prefix": "f"}, [("/resources", {"name_prefix": "f "}), ("/resources", {"name_prefix": None})]),
            (f"/deployments/{one}/tasks", {}, [(f"/deployments/{two}/tasks", {}), (f"/deployments/{one}/tasks", {"state": "queued"})])]:
        cursor = api.get(path, limit=1, **query)["next"]
        rest = api.get(path, limit=2, cursor=cursor, **query)
        assert len(rest["items"]) == 2 and rest["next"] is None
        for other, change in others:
            mixed = {**query, **change} if change is not None else {}
            wrong = {"cursor": cursor, **{key: value for key, value in mixed.items() if value is not None}}
            problem = api.refused(400, "invalid_parameter", "GET", other, params=wrong)
            assert problem["field"] == "cursor" and "begin without a cursor" in problem["detail"], problem
    for text in (one, "d0", "1", "x", "%00"):
        for path in ("/products", "/uploads", "/audit"):
            problem = api.refused(400, "invalid_parameter", "GET", path, params={"cursor": text})
            assert "begin without a cursor" in problem["detail"], problem
