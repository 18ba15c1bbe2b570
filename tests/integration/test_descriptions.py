"""What operators say about the files that they give: kept, changed, shown; by the API and by ferryctl."""
import pytest

from described_api import Client
from test_ferryctl import Ctl, REFUSED, USAGE

WORDS = "Release 2.1\nFixes the \"café\" bug: see {notes}"
LONGEST = "é" * 500


@pytest.fixture
def product(platform):
    return platform.new_product()


def add(api, product, **query):
    answer = api("POST", "/resources", params={"product": product, "name": "fw", **query}, data=b"bytes")
    assert answer.status_code == 201, answer.text
    return answer.json()


def change(api, resource, words):
    answer = api("PATCH", f"/resources/{resource['id']}", json={"description": words})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_description_is_given_with_the_file_and_changed_later(api, product):
    assert add(api, product)["description"] == ""
    resource = add(api, product, description=WORDS)
    assert resource["description"] == WORDS
    assert api.get(f"/resources/{resource['id']}") == resource
    rows = api.get("/resources", product=product)["items"]
    assert [row["description"] for row in rows] == [WORDS, ""], "each version has its own"
    assert change(api, resource, LONGEST) == {**resource, "description": LONGEST}
    assert api("GET", f"/resources/{resource['id']}/content").content == b"bytes"
    assert change(api, resource, "")["description"] == ""


def test_the_longest_name_has_room_for_the_longest_description(api, product):
    resource = add(api, product, name="é" * 127, description=LONGEST)
    assert resource["description"] == LONGEST


def test_a_deployed_resource_may_be_described(api, product):
    resource = add(api, product)
    api.post("/devices", {"product": product, "name": "d"})
    api.post("/deployments", {"product": product, "resource": "fw", "devices": ["d"]})
    assert change(api, resource, WORDS)["description"] == WORDS


@pytest.mark.parametrize("words", ["a\tb", "a\r\nb", "\x7f", "\x85", LONGEST + "x", 7, None, ["a"]])
def test_what_is_no_description_is_refused(api, product, words):
    resource = add(api, product, description="before")
    api.refused(400, "invalid_field", "PATCH", f"/resources/{resource['id']}", json={"description": words})
    assert api.get(f"/resources/{resource['id']}")["description"] == "before"
    if isinstance(words, str):
        api.refused(400, "invalid_parameter", "POST", "/resources", data=b"bytes",
                    params={"product": product, "name": "fw", "description": words})


def test_a_change_must_say_something_of_something(api, product):
    resource = add(api, product)
    api.refused(400, "missing_field", "PATCH", f"/resources/{resource['id']}", json={})
    api.refused(400, "unknown_field", "PATCH", f"/resources/{resource['id']}", json={"description": "a", "name": "b"})
    api.refused(404, "not_found", "PATCH", "/resources/01arz3ndektsv4rrffq69g5fav", json={"description": "a"})


def test_the_audit_log_has_the_words_of_before_and_after(api, product):
    resource = add(api, product, name="\\" * 255, description="before")
    change(api, resource, '"' * 1000)
    record = api.get("/audit", object=f"resource/{resource['id']}", limit=1)["items"][0]
    assert record["action"] == "resource.change"
    assert record["before"]["description"] == "before"
    assert record["after"]["description"] == '"' * 500 and record["after"]["description_bytes"] == 1000


def test_a_description_outlives_a_sudden_end(own_platform):
    product = own_platform.new_product()
    api = Client(own_platform, own_platform.token)
    resource = change(api, add(api, product), WORDS)
    own_platform.kill9()
    own_platform.start()
    assert own_platform.api.call("GET", f"/resources/{resource['id']}")["description"] == WORDS


def test_ferryctl_describes(platform, product, tmp_path):
    ctl = Ctl(platform)
    (tmp_path / "fw").write_bytes(b"bytes")
    resource = ctl.row("resource", "add", product, tmp_path / "fw", "--description", WORDS)
    assert resource["description"] == WORDS
    shown = ctl("resource", "show", product, "fw").out
    assert 'Release 2.1 Fixes the "café" bug' in shown
    listed = ctl("resource", "list", product).out
    assert "DESCRIPTION" in listed and "Release 2.1" in listed and "café" not in listed, "the first line only"
    assert ctl.row("resource", "describe", product, "fw", "--description", LONGEST)["description"] == LONGEST
    assert LONGEST in ctl("resource", "show", resource["id"]).out
    assert "é" * 40 in ctl("resource", "list", product).out and "é" * 41 not in ctl("resource", "list", product).out
    assert ctl.row("resource", "describe", resource["id"], "--description", "")["description"] == ""
    ctl("resource", "describe", resource["id"], status=USAGE)
    ctl("resource", "describe", resource["id"], "--description", b"\xff".decode("latin-1") * 501, status=REFUSED)
    ctl("resource", "describe", product, "nothing", "--description", "a", status=REFUSED)
