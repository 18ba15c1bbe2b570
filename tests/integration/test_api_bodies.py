"""The bodies that the operator API takes: every field, every limit."""
import json

import pytest

from described_api import BROKER_PATHS, Client, DESCRIPTION, ENDING, add_resource, any_url, padded
from ferry import unique_name
from openapi import Mismatch
from operators import Caller, add_user
from raw_http import RawConnection

JSON_ROUTES = {
    ("POST", "/api/v1/products"): {"name": "fresh"},
    ("POST", "/api/v1/devices"): {"product": "PRODUCT", "name": "fresh"},
    ("PATCH", "/api/v1/devices/{product}/{device}"): {"disabled": False},
    ("POST", "/api/v1/devices/{product}/{device}/secret"): {"overlap_s": 60},
    ("PATCH", "/api/v1/resources/{resource}"): {"description": "words"},
    ("POST", "/api/v1/resource-uploads"): {"product": "PRODUCT", "name": "fresh", "size": 5},
    ("POST", "/api/v1/session"): {"user": "nobody", "password": "wrong password"},
    ("POST", "/api/v1/tokens"): {"name": "fresh", "role": "viewer"},
    ("POST", "/api/v1/users"): {"name": "fresh", "role": "viewer", "password": "correct horse"},
    ("PATCH", "/api/v1/users/{user}"): {"role": "viewer"},
    ("POST", "/api/v1/deployments"): {"product": "PRODUCT", "resource": "r", "devices": ["d"]},
    ("POST", "/api/v1/webhooks"): {"url": "http://127.0.0.1:9/nobody", "product": "nobody"},
    ("PATCH", "/api/v1/webhooks/{webhook}"): {"disabled": True},
    ("POST", "/api/v1/webhooks/{webhook}/secret"): {"secret": "correct horse battery".replace(" ", "-"), "overlap_s": 60},
    ("POST", "/api/v1/webhooks/{webhook}/resume"): {"skip": True},
    ("POST", "/api/v1/objects/verify"): {"product": "PRODUCT", "rate_bytes": 0},
    ("PUT", "/api/v1/quota/{product}"): {"product_bytes": 0, "product_files": 0, "device_bytes": 0, "device_files": 0},
}
VALUES = [None, True, False, 0, 1, 59, 60, 604800, 604801, 1000000, 1000001, -1, 1.5, 2**31, 2**40, "", "x", "a b", "é",
          "x" * 64, "x" * 65, "x" * 255, "x" * 256, "a\nb", "\u0000", [], {}, ["d"], [1], [None], ["a b"], [["d"]], {"a": 1}]


def body_schema(method, path):
    operation = DESCRIPTION.tree["paths"][path][method.lower()]
    content = operation["requestBody"]["content"]["application/json"]
    return DESCRIPTION._resolve(content["schema"])  # pylint: disable=protected-access


def test_every_json_route_is_known_here():
    described = {(method, path) for method, path in DESCRIPTION.operations() if path not in BROKER_PATHS
                 and "application/json" in DESCRIPTION.tree["paths"][path][method.lower()]
                 .get("requestBody", {}).get("content", {})}
    assert described == set(JSON_ROUTES)


@pytest.fixture
def body_route(api, product, platform):
    """url, a good body: for one of JSON_ROUTES."""
    asked = set()

    def make(method, path):
        asked.add(path)
        api("POST", "/devices", json={"product": product, "name": "d"})
        good = {key: product if value == "PRODUCT" else value for key, value in JSON_ROUTES[method, path].items()}
        if "{resource}" in path:
            path = path.replace("{resource}", add_resource(api, product)["id"])
        if "{webhook}" in path:
            path = path.replace("{webhook}", api("POST", "/webhooks", json={"url": "http://127.0.0.1:9/nobody",
                                                                            "product": "nobody"}).json()["id"])
        return path.replace("{product}", product).replace("{device}", "d"), good
    yield make
    for webhook in api("GET", "/webhooks", params={"limit": 250}).json()["items"]:  # there may be only so many
        api("DELETE", f"/webhooks/{webhook['id']}")
    if "/api/v1/session" in asked:
        Caller(platform).log_in(add_user(platform))  # so that wrong passwords of this address make nobody else wait


@pytest.mark.parametrize("method, path", JSON_ROUTES)
def test_every_field_is_taken_or_refused_as_described(api, body_route, method, path):
    url, good = body_route(method, path)
    schema = body_schema(method, path)
    for field, field_schema in schema["properties"].items():
        refused = 0
        for value in VALUES:
            body = {**good, field: value}
            if field == "all" and value is True:
                body.pop("devices", None)
            answer = api(method, url, json=body)
            problem = answer.json() if answer.status_code >= 400 else {}
            try:
                DESCRIPTION.validate(field_schema, value, field)
                allowed = True
            except Mismatch:
                allowed = False
            if allowed:
                assert problem.get("field") != field, (value, answer.text)
            elif isinstance(value, str) and "\0" in value:
                assert problem["code"] == "invalid_json", (value, answer.text)
            else:
                assert (answer.status_code, problem["code"], problem["field"]) == (400, "invalid_field", field), (
                    value, answer.text)
                refused += 1
        assert refused > 5, field


@pytest.mark.parametrize("method, path", JSON_ROUTES)
def test_missing_and_unknown_fields_are_named(api, body_route, method, path):
    url, good = body_route(method, path)
    for field in body_schema(method, path).get("required", []):
        problem = api.refused(400, "missing_field", method, url, json={k: v for k, v in good.items() if k != field})
        assert problem["field"] == field
    for name in ("nonsense", "Name", "", "näme", "x" * 5000):
        problem = api.refused(400, "unknown_field", method, url, json={**good, name: 1})
        assert name.startswith(problem.get("field", "")) and len(problem["detail"]) < 300


@pytest.mark.parametrize("method, path", JSON_ROUTES)
@pytest.mark.parametrize("body", [
    b"", b" ", b"null", b"1", b'"x"', b"[]", b'[{"name":"x"}]', b"{", b'{"name":}', b'{"name":"x"} x', b"{'name':'x'}",
    b'{"name":"x",}', b'{"name":"x","name":"y"}', b'{"name":"\xff"}', b'{"name":"\xed\xa0\x80"}', b'{"name":"\\ud800"}',
    b'{"name":"a\\u0000b"}', b'\xef\xbb\xbf{"name":"x"}', b'{"name":"x\x00"}', b"\x00", b'{"a":1e999}', b"name=x",
    b"[" * 1000, b'{"a":' * 500 + b"1" + b"}" * 500,
])
def test_a_body_that_is_not_one_json_object_is_refused(api, body_route, method, path, body):
    url, _ = body_route(method, path)
    answer = api(method, url, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413)
    assert answer.json()["code"] in ("invalid_json", "unknown_field", "too_large"), answer.text
    if not body.startswith((b"[" * 9, b'{"a":')):
        assert answer.json()["code"] == "invalid_json"


@pytest.mark.parametrize("kind, taken", [
    ("application/json", True), ("application/json; charset=utf-8", True), ("Application/JSON", True), (None, True),
    ("application/x-www-form-urlencoded", False), ("text/plain", False), ("application/jsonx", False), ("", False),
])
def test_a_json_body_says_so(api, kind, taken):
    body = json.dumps({"name": unique_name("p")}).encode()
    headers = {} if kind is None else {"Content-Type": kind}
    answer = api("POST", "/products", data=body, headers=headers)
    if taken:
        assert answer.status_code == 201, answer.text
    else:
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_the_limit_of_a_body_is_exact(api):
    headers = {"Content-Type": "application/json"}
    body = {"name": unique_name("p")}
    assert api("POST", "/products", data=padded(body, 1 << 20), headers=headers).status_code == 201
    api.refused(413, "too_large", "POST", "/products", data=padded(body, (1 << 20) + 1), headers=headers)
    chunks = (b" " * 65536 for _ in range(17))
    api.refused(413, "too_large", "POST", "/products", data=chunks, headers=headers)
    assert api("POST", "/products", data=(b for b in [b'{"name":"', unique_name("p").encode(), b'"}']),
               headers=headers).status_code == 201, "chunked is fine"


def test_a_refusal_of_a_huge_body_is_heard(platform):
    """Before the bytes by a client that waits for 100 Continue; by others after at most eight MiB."""
    with RawConnection(platform.api_port) as connection:
        connection.send_head("POST", "/api/v1/products", Authorization=f"Bearer {platform.token}",
                             Content_Length=1 << 40, Expect="100-continue")
        answer = connection.read_answer()
    assert answer.status == 413 and answer.closed
    stranger = Client(platform)
    stranger.refused(401, "unauthorized", "POST", "/products", data=b" " * (7 << 20))


def test_a_body_of_too_many_values_is_refused(api):
    body = b'{"name":[' + b"0," * 2000 + b"0]}"
    api.refused(413, "too_large", "POST", "/products", data=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("method, path", [
    (method, path) for method, path in DESCRIPTION.operations()
    if "requestBody" not in DESCRIPTION.tree["paths"][path][method.lower()]])
def test_a_route_without_a_body_takes_none(api, method, path):
    assert api(method, any_url(path), params=ENDING.get(path), data=b"").status_code in (200, 204, 404, 400, 409)
    answer = api(method, any_url(path), data=b"{}")
    assert answer.status_code == 400
    assert answer.json()["code"] == "missing_parameter" if path == "/api/v1/devices" else "bad_request"


def test_a_client_that_goes_away_in_its_body_harms_nobody(platform, api):
    name = unique_name("p")
    for head_only in (True, False):
        with RawConnection(platform.api_port) as connection:
            connection.send_head("POST", "/api/v1/products", Authorization=f"Bearer {platform.token}",
                                 Content_Type="application/json", Content_Length=1000)
            if not head_only:
                connection.send(json.dumps({"name": name}).encode())
    api.refused(404, "not_found", "GET", f"/products/{name}")
