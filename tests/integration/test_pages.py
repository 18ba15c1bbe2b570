"""Pages of long lists: a request looks at so many rows, whatever its filter is; short and empty pages are gone on with."""
import pytest

from many_uploads import MANY, RARE, ManyUploads
from test_api import Client, walk
from test_ferryctl import Ctl
from test_permissions import token_caller


@pytest.fixture
def world(own_platform):
    return ManyUploads(own_platform)


@pytest.fixture
def api(world):
    return Client(world.platform, world.platform.token)


def numbers(rows):
    return [int(row["name"].removeprefix("rare-")) for row in rows]


def test_what_few_rows_have_is_found_over_many_by_following_the_cursors(api, world):
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
