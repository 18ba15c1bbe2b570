"""The operator API: every route, every error, and that docs/api/openapi.yaml says what happens."""
import base64
import datetime
import hashlib
import json
import os
import sqlite3
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

from ferry import unique_name, wait_for
from openapi import Mismatch, OpenApi
from operators import Caller, add_user
from raw_http import RawConnection

DESCRIPTION = OpenApi()
OPEN_PATHS = {"/healthz", "/readyz", "/api/v1/openapi.yaml"}
BROKER_PATHS = {"/mqtt/auth", "/mqtt/acl"} # off here; test_other_brokers.py
NO_ID = "01arz3ndektsv4rrffq69g5fav"
TIMEOUT_S = 30


class Client:
    """Requests whose answers are all held to the description."""

    def __init__(self, platform, token=None):
        self.url = platform.api_url
        self.session = requests.Session()
        self.session.trust_env = False
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method, path, **options):
        path = path if path.startswith(("/api/", "/metrics", "/healthz", "/readyz")) else f"/api/v1{path}"
        answer = self.session.request(method, self.url + path, timeout=TIMEOUT_S, allow_redirects=False, **options)
        if method != "HEAD":
            DESCRIPTION.check(method, urlsplit(path).path, answer)
        return answer

    def get(self, path, **query):
        answer = self("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path, body=None, status=201):
        answer = self("POST", path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def refused(self, status, code, method, path, **options):
        answer = self(method, path, **options)
        assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
        return answer.json()


@pytest.fixture
def api(platform):
    return Client(platform, platform.token)


def add_token(platform, role, expires_ms=0):
    """A token straight into the database: also of a role that the API would not give."""
    text = f"ferry_{uuid.uuid4().hex}"
    row = (unique_name("t"), role, hashlib.sha256(text.encode()).digest(), 1, expires_ms)
    with sqlite3.connect(platform.data / "ferry.db", timeout=10) as database:
        database.execute("INSERT INTO token (name, role, hash, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?)", row)
    database.close()
    return text


def md5_base64(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def sha256_base64(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def add_resource(api, product, name="r", data=b"resource", **headers):
    answer = api("POST", "/resources", params={"product": product, "name": name}, data=data, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def walk(api, path, **query):
    """Every row of a list, and the sizes of the pages."""
    rows, sizes = [], []
    while True:
        page = api.get(path, **query)
        rows += page["items"]
        sizes.append(len(page["items"]))
        if page["next"] is None:
            return rows, sizes
        query["cursor"] = page["next"]


# --- who may what ---------------------------------------------------------------------------------------------




# What makes the answer of a stream end; what keeps it open is tried in test_events.py.
ENDING = {"/api/v1/events": {"follow": "false"}}


def any_url(path):
    for name in ("product", "device", "token", "user"):
        path = path.replace("{%s}" % name, "nobody")
    for name in ("resource", "deployment", "task", "upload", "webhook"):
        path = path.replace("{%s}" % name, NO_ID)
    return path


@pytest.mark.parametrize("method, path", [o for o in DESCRIPTION.operations() if o[1] not in BROKER_PATHS])
def test_every_route_asks_for_a_token_but_the_open_ones(platform, method, path):
    stranger = Client(platform)
    answer = stranger(method, any_url(path))
    if path in OPEN_PATHS:
        assert answer.status_code == 200
        return
    if (method, path) == ("POST", "/api/v1/session"):
        assert answer.status_code == 400 # for want of a name and a password
        return
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", [
    "", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Bearer x", "Bearer " + "x" * 300, "Bearer ferry_" + "A" * 43,
    "Token x", "Bearer \xff\xfe",
])
def test_a_token_that_is_none_is_unauthorized(platform, header):
    client = Client(platform)
    problem = client.refused(401, "unauthorized", "GET", "/products", headers={"Authorization": header.encode("latin-1")})
    assert "detail" in problem


def test_the_scheme_is_case_insensitive(platform):
    assert Client(platform)("GET", "/products", headers={"Authorization": f"bearer {platform.token}"}).status_code == 200


def test_a_role_that_is_unknown_allows_nothing(own_platform):
    Client(own_platform, add_token(own_platform, "owner")).refused(403, "forbidden", "GET", "/products")


def test_an_expired_token_says_so(platform):
    now_ms = int(time.time() * 1000)
    Client(platform, add_token(platform, "admin", now_ms - 1000)).refused(401, "token_expired", "GET", "/products")
    assert Client(platform, add_token(platform, "admin", now_ms + 60_000))("GET", "/products").status_code == 200


def test_tokens_never_reach_the_log(platform, api):
    api.get("/status")
    Client(platform).refused(401, "unauthorized", "GET", "/products", headers={"Authorization": "Bearer secret-guess"})
    assert platform.token not in platform.log() and "secret-guess" not in platform.log()


# --- paths and methods ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/api/v1/", "/api/v2/products", "/api/v1/products/",
                                  "/api/v1/devices/p", "/api/v1/Products", "/healthz/", "/api/v1/devices//d"])
def test_other_paths_have_no_route(platform, api, path):
    answer = api.session.get(platform.api_url + path, timeout=TIMEOUT_S)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_route")


@pytest.mark.parametrize("path", sorted({path for _, path in DESCRIPTION.operations()}))
def test_other_methods_hear_which_ones_there_are(api, path):
    known = {method for method, described in DESCRIPTION.operations() if described == path}
    expected = known | ({"HEAD"} if "GET" in known else set())
    for method in ("PUT", "OPTIONS", "TRACE", "POST", "PATCH", "DELETE", "GET"):
        if method in known:
            continue
        answer = api.session.request(method, api.url + any_url(path), timeout=TIMEOUT_S)
        assert answer.status_code == 405, (method, path, answer.text)
        assert answer.json()["code"] == "method_not_allowed"
        assert set(answer.headers["Allow"].split(", ")) == expected


def test_head_is_get_without_the_body(api, product):
    get = api("GET", f"/products/{product}")
    head = api("HEAD", f"/products/{product}")
    assert head.status_code == 200 and head.content == b""
    assert head.headers["Content-Length"] == str(len(get.content))
    assert api("HEAD", "/products/nobody").status_code == 404


@pytest.mark.parametrize("target, status, code", [
    ("/api/v1/products/%zz", 400, "bad_request"), ("/api/v1/products/%00", 400, "bad_request"),
    ("/api/v1/products/%ff", 400, "bad_request"), ("/api/v1/products?limit=%", 400, "bad_request"),
    ("/api/v1/products/" + "a" * 5000, 414, "uri_too_long"), ("/api/v1/products/%2e%2e", 404, "not_found"),
    ("/api/v1/products/..", 404, "not_found"), ("/api/v1/../../etc/passwd", 404, "no_route"),
    ("/api/v1/uploads/../../ferry.db/content", 404, "no_route"), ("/api/v1/products/a%2Fb", 404, "not_found"),
])
def test_strange_targets_are_answered_clearly(platform, target, status, code):
    with RawConnection(platform.api_port) as connection:
        connection.send_head("GET", target, Authorization=f"Bearer {platform.token}")
        answer = connection.read_answer()
    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)


def test_a_target_of_many_parts_is_too_long(platform):
    with RawConnection(platform.api_port) as connection:
        connection.send_head("GET", "/" + "a/" * 50)
        assert connection.read_answer().status == 414


@pytest.mark.parametrize("garbage", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00\x01\x02\x03\r\n\r\n", b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/v1/products HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
    b"GET /" + b"y" * 40_000 + b" HTTP/1.1\r\n\r\n",
])
def test_what_is_no_http_harms_nobody(platform, api, garbage):
    with RawConnection(platform.api_port) as connection:
        connection.send(garbage)
        connection.read_to_end(5)
    assert api.get("/healthz") == {"status": "ok"}


def test_one_connection_serves_many_requests(platform):
    with RawConnection(platform.api_port) as connection:
        for _ in range(20):
            connection.send_head("GET", "/api/v1/products", Authorization=f"Bearer {platform.token}")
            assert connection.read_answer().status == 200


def test_an_answer_has_no_avoidable_delay(api, product):
    """No waiting of the kernel or of a worker: a read takes a few milliseconds, not forty."""
    durations = []
    for _ in range(40):
        start = time.monotonic()
        api("GET", f"/products/{product}")
        durations.append(time.monotonic() - start)
    assert sorted(durations)[len(durations) // 2] < 0.03, durations


# --- products -----------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("name", ["a", "A:b_c-9", "x" * 64, "007", "1e3", "NULL", "-", ":"])
def test_product_names_at_their_limits(api, name):
    api("DELETE", f"/products/{name}")
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


# --- devices ------------------------------------------------------------------------------------------------------


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


# --- lists --------------------------------------------------------------------------------------------------------


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


# --- bodies -------------------------------------------------------------------------------------------------------

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
    def make(method, path):
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


def padded(body, size):
    """The body with as many spaces as make it that long."""
    text = json.dumps(body).encode()
    return text + b" " * (size - len(text))


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


# --- resources ----------------------------------------------------------------------------------------------------


def object_files(platform):
    return {path for path in (platform.data / "objects").rglob("*") if path.is_file()}


def test_resource_life(api, product):
    data = os.urandom(100_000)
    answer = api("POST", "/resources", params={"product": product, "name": "a b/é.bin"}, data=data)
    assert answer.status_code == 201
    resource = answer.json()
    assert resource["name"] == "a b/é.bin" and resource["size"] == len(data) and resource["product"] == product
    assert resource["md5"] == hashlib.md5(data).hexdigest()
    assert resource["sha256"] == hashlib.sha256(data).hexdigest()
    assert answer.headers["Location"] == f"/api/v1/resources/{resource['id']}"
    assert api.get(f"/resources/{resource['id']}") == resource
    content = api("GET", f"/resources/{resource['id']}/content")
    assert content.content == data
    assert "filename*=UTF-8''a%20b%2F%C3%A9.bin" in content.headers["Content-Disposition"]
    assert content.headers["X-Content-Type-Options"] == "nosniff"
    assert api("DELETE", f"/resources/{resource['id']}").status_code == 204
    for method, suffix in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        api.refused(404, "not_found", method, f"/resources/{resource['id']}{suffix}")


def test_versions_of_a_name_are_kept(api, product):
    old = add_resource(api, product, "fw", b"one")
    other = add_resource(api, product, "fw.sig", b"sig")
    new = add_resource(api, product, "fw", b"two")
    assert walk(api, "/resources", product=product, name="fw")[0] == [new, old]
    assert walk(api, "/resources", product=product, name="fw", limit=1)[0] == [new, old]
    assert walk(api, "/resources", product=product, name_prefix="fw")[0] == [new, other, old]
    assert walk(api, "/resources", product=product, name_prefix="fw.")[0] == [other]
    assert walk(api, "/resources", product=product, name="f")[0] == []
    api.refused(400, "invalid_parameter", "GET", "/resources", params={"name": "a", "name_prefix": "a"})
    assert api("GET", f"/resources/{old['id']}/content").content == b"one"
    assert api("DELETE", f"/resources/{new['id']}").status_code == 204
    assert walk(api, "/resources", product=product, name="fw")[0] == [old]


@pytest.mark.parametrize("headers", [
    lambda data: {"Content-MD5": md5_base64(data)},
    lambda data: {"Content-Digest": f"sha-256=:{sha256_base64(data)}:"},
    lambda data: {"Digest": f"SHA-256={sha256_base64(data)}"},
    lambda data: {"Digest": f"md5=x, sha-256={sha256_base64(data)}", "Content-MD5": md5_base64(data)},
    lambda data: {"Digest": "sha-512=unknown-algorithms-are-passed-over"},
])
def test_announced_digests_that_are_right(api, product, headers):
    data = os.urandom(70_000)
    assert add_resource(api, product, "r", data, **headers(data))["size"] == len(data)


@pytest.mark.parametrize("headers, code", [
    ({"Content-MD5": md5_base64(b"other")}, "bad_digest"),
    ({"Content-Digest": f"sha-256=:{sha256_base64(b'other')}:"}, "bad_digest"),
    ({"Digest": f"sha-256={sha256_base64(b'other')}"}, "bad_digest"),
    ({"Content-MD5": "x"}, "invalid_header"), ({"Content-MD5": ""}, "invalid_header"),
    ({"Content-MD5": md5_base64(b"x") + "AAAA"}, "invalid_header"), ({"Digest": "sha-256=x"}, "invalid_header"),
    ({"Content-Digest": "sha-256=:x:"}, "invalid_header"),
])
def test_announced_digests_that_are_wrong(platform, api, product, headers, code):
    before = object_files(platform)
    answer = api("POST", "/resources", params={"product": product, "name": "r"}, data=b"data", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert walk(api, "/resources", product=product)[0] == []
    assert object_files(platform) <= before, "nothing is left behind"


def test_an_empty_resource_is_refused(api, product):
    for data in (b"", iter([])):
        answer = api("POST", "/resources", params={"product": product, "name": "r"}, data=data)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_length")


def test_a_resource_of_an_unknown_product_is_refused_before_its_bytes(platform):
    with RawConnection(platform.api_port) as connection:
        connection.send_head("POST", "/api/v1/resources?product=nobody&name=r", Authorization=f"Bearer {platform.token}",
                             Content_Length=1 << 30, Expect="100-continue")
        answer = connection.read_answer()
    assert answer.status == 404 and json.loads(answer.body)["code"] == "not_found"


def test_a_resource_above_the_limit_is_refused(platform, api, product):
    with RawConnection(platform.api_port) as connection:
        connection.send_head("POST", f"/api/v1/resources?product={product}&name=r",
                             Authorization=f"Bearer {platform.token}", Content_Length=1 << 50, Expect="100-continue")
        assert connection.read_answer().status == 413


def test_a_resource_of_unknown_length_is_counted(api, product):
    data = os.urandom(300_000)
    chunks = (data[at:at + 7777] for at in range(0, len(data), 7777))
    resource = add_resource(api, product, "chunked", chunks)
    assert resource["size"] == len(data) and resource["md5"] == hashlib.md5(data).hexdigest()


@pytest.mark.parametrize("sent", [0, 1, 65_536, 200_000])
def test_a_resource_that_breaks_off_leaves_nothing(platform, api, product, sent):
    before = object_files(platform)
    with RawConnection(platform.api_port) as connection:
        connection.send_head("POST", f"/api/v1/resources?product={product}&name=r",
                             Authorization=f"Bearer {platform.token}", Content_Length=1_000_000)
        connection.send(b"x" * sent)
        time.sleep(0.05)
    wait_for(lambda: object_files(platform) <= before, what="the removal of what was unfinished")
    assert walk(api, "/resources", product=product)[0] == []


@pytest.mark.parametrize("name", ["x", "x" * 255, "é" * 127, "..", "/etc/passwd", "a\\b", '"q"', "%41", "a?b#c&d=e", "🚢"])
def test_resource_names_come_back_as_they_were(api, product, name):
    resource = add_resource(api, product, name)
    assert resource["name"] == name
    assert api("GET", f"/resources/{resource['id']}/content").content == b"resource"


def memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_a_large_resource_is_never_whole_in_memory(platform, api, product):
    size, block = 192 << 20, os.urandom(1 << 20)
    digest = hashlib.md5()
    before = memory_kib(platform.pid)
    highest = 0

    def blocks():
        nonlocal highest
        for _ in range(size // len(block)):
            digest.update(block)
            highest = max(highest, memory_kib(platform.pid))
            yield block

    resource = add_resource(api, product, "large", blocks())
    assert resource["size"] == size and resource["md5"] == digest.hexdigest()
    assert highest - before < 48 << 10, f"{highest - before} KiB more for {size >> 10} KiB"
    check = hashlib.md5()
    with api.session.get(f"{api.url}/api/v1/resources/{resource['id']}/content", stream=True, timeout=60) as answer:
        for chunk in answer.iter_content(1 << 20):
            check.update(chunk)
    assert check.hexdigest() == resource["md5"]
    assert api("DELETE", f"/resources/{resource['id']}").status_code == 204


def test_a_slow_upload_does_not_keep_others_waiting(platform, api, product):
    slow = [RawConnection(platform.api_port) for _ in range(20)]
    try:
        for connection in slow:
            connection.send_head("POST", f"/api/v1/resources?product={product}&name=slow",
                                 Authorization=f"Bearer {platform.token}", Content_Length=1_000_000)
            connection.send(b"x" * 70_000)
        start = time.monotonic()
        for _ in range(10):
            api.get(f"/products/{product}")
        assert time.monotonic() - start < 2
    finally:
        for connection in slow:
            connection.close()


def test_too_many_uploads_at_once_are_told_to_come_again(platform, api, product):
    def begin():
        connection = RawConnection(platform.api_port)
        connection.send_head("POST", f"/api/v1/resources?product={product}&name=many",
                             Authorization=f"Bearer {platform.token}", Content_Length=1000, Expect="100-continue")
        return connection, connection.read_answer(keep_body=False).status

    opened = [begin() for _ in range(70)]
    try:
        statuses = [status for _, status in opened]
        assert statuses.count(100) >= 60 and statuses[-1] == 503
        assert set(statuses) == {100, 503}
    finally:
        for connection, _ in opened:
            connection.close()

    def free_again():
        answer = api("POST", "/resources", params={"product": product, "name": "r"}, data=b"x")
        return answer.status_code == 201
    wait_for(free_again, what="a place for an upload")


# --- content ------------------------------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def content(api, product):
    """get(**headers): the content of one resource of CONTENT."""
    resource = add_resource(api, product, "content", CONTENT)
    path = f"/resources/{resource['id']}/content"

    def get(method="GET", **headers):
        return api(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return get


@pytest.mark.parametrize("value, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=0-99", 0, 99), ("bytes=10000-", 10000, 10239), ("bytes=-1", 10239, 10239),
    ("bytes=-99999", 0, 10239), ("bytes=5-99999", 5, 10239), ("bytes=0-10240", 0, 10239),
])
def test_ranges_of_a_content(content, value, first, last):
    answer = content(Range=value)
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert answer.content == CONTENT[first:last + 1]


@pytest.mark.parametrize("value", ["bytes=", "bytes=x", "lines=1-2", "bytes=9-3", "bytes=0-1,5-6"])
def test_a_range_that_cannot_be_understood_gives_the_whole(content, value):
    answer = content(Range=value)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("value", ["bytes=10240-", "bytes=10240-10250", "bytes=-0", "bytes=99999999999999999999-"])
def test_a_range_past_the_end_is_refused(content, value):
    answer = content(Range=value)
    assert answer.status_code == 416 and answer.json()["code"] == "range_not_satisfiable"
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_a_content_has_a_head_and_an_etag(content):
    whole, head = content(), content("HEAD")
    assert whole.status_code == head.status_code == 200
    assert head.content == b"" and head.headers["Content-Length"] == str(len(CONTENT))
    assert whole.headers["ETag"] == head.headers["ETag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert content(Range="bytes=0-4", If_Range=whole.headers["ETag"]).status_code == 206
    stale = content(Range="bytes=0-4", If_Range='"other"')
    assert (stale.status_code, stale.content) == (200, CONTENT)


# --- deployments --------------------------------------------------------------------------------------------------


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


# --- uploads ------------------------------------------------------------------------------------------------------


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


# --- the platform -------------------------------------------------------------------------------------------------


def test_the_description_is_served(platform):
    answer = Client(platform)("GET", "/api/v1/openapi.yaml")
    assert answer.text == DESCRIPTION.text


def test_status_counts(api, product):
    before = api.get("/status")
    api.post("/devices", {"product": product, "name": "d"})
    add_resource(api, product, "r", b"12345")
    after = api.get("/status")
    assert after["healthy"] and after["broker_connected"]
    assert after["totals"]["devices"] >= before["totals"]["devices"] + 1
    assert after["totals"]["resource_bytes"] >= before["totals"]["resource_bytes"] + 5
    assert after["engine"]["commands_total"] >= before["engine"]["commands_total"] + 2
    assert after["uptime_s"] >= before["uptime_s"]


def test_settings_are_shown_without_what_is_secret(api, make_platform):
    mine = make_platform("--retention-days", "7", "--url-life", "2h")
    rows = {row["name"]: row for row in mine.api.call("GET", "/settings")["items"]}
    assert (rows["retention-days"]["value"], rows["retention-days"]["default"]) == (7, 90)
    assert (rows["url-life"]["type"], rows["url-life"]["value"]) == ("seconds", 7200)
    assert rows["mqtt-http"]["value"] is False and rows["public-url"]["default"] is None
    assert rows["data"]["value"] == str(mine.data) and rows["broker"]["value"] == "managed"
    assert len(rows) == len(api.get("/settings")["items"]) > 50


def test_metrics_are_in_the_text_format_of_prometheus(api):
    answer = api("GET", "/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert answer.text.endswith("\n")


def test_health_and_readiness(platform):
    stranger = Client(platform)
    assert stranger.get("/healthz") == {"status": "ok"}
    ready = stranger.get("/readyz")
    assert ready["ready"] and set(ready["checks"].values()) == {"ok"}


def test_readiness_says_that_the_broker_is_gone(own_platform):
    stranger = Client(own_platform)
    os.kill(own_platform.broker_pid, 19)  # SIGSTOP: connected, but it answers no ping; so it is ended as well
    os.kill(own_platform.broker_pid, 9)

    def gone():
        answer = stranger("GET", "/readyz")
        return answer.status_code == 503 and answer.json()["checks"]["broker"] != "ok"
    wait_for(gone, 10, "the loss of the broker")
    assert stranger("GET", "/healthz").status_code == 200, "the program itself is fine"
    wait_for(lambda: stranger("GET", "/readyz").status_code == 200, 20, "a new broker")


# --- many at once -------------------------------------------------------------------------------------------------


def test_changes_from_many_clients_are_all_kept(platform, product):
    def add(n):
        client = Client(platform, platform.token)
        return client("POST", "/devices", json={"product": product, "name": f"d{n:03}"}).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(add, range(100))) == {201}
    assert len(walk(Client(platform, platform.token), "/devices", product=product, limit=250)[0]) == 100


def test_of_many_that_want_the_same_name_one_gets_it(platform, product):
    def add(_):
        return Client(platform, platform.token)("POST", "/devices", json={"product": product, "name": "d"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(add, range(16))) == [201] + [409] * 15


def test_a_full_inbox_says_when_to_come_again(make_platform):
    """Somebody holds the database; the engine waits for it, two more commands wait for the engine, the rest is told."""
    platform = make_platform("--inbox-max", "2")
    product = platform.new_product()
    other = sqlite3.connect(platform.data / "ferry.db", isolation_level=None)

    def add(n):
        start = time.monotonic()
        answer = Client(platform, platform.token)("POST", "/devices", json={"product": product, "name": f"d{n}"})
        return answer, time.monotonic() - start

    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(add, n) for n in range(12)]
        time.sleep(0.7)
        other.execute("ROLLBACK")
        answers = [future.result() for future in asked]
    other.close()
    busy = [(answer, elapsed) for answer, elapsed in answers if answer.status_code == 503]
    assert busy and len(busy) < 12
    for answer, elapsed in busy:
        assert answer.json()["code"] == "busy" and answer.headers["Retry-After"] == "1"
        assert elapsed < 0.7, "at once, not when the database is free"
    assert {answer.status_code for answer, _ in answers} == {201, 503}
    kept = sum(answer.status_code == 201 for answer, _ in answers)
    assert len(walk(Client(platform, platform.token), "/devices", product=product)[0]) == kept


def test_silent_clients_do_not_keep_others_out(platform, api):
    silent = [RawConnection(platform.api_port) for _ in range(300)]
    try:
        for connection in silent[:150]:
            connection.send(b"GET /api/v1/products HTTP/1.1\r\nHost: a\r\n")
        start = time.monotonic()
        assert api.get("/healthz")
        assert time.monotonic() - start < 2
    finally:
        for connection in silent:
            connection.close()


def test_a_stop_lets_requests_end(own_platform):
    """What is under way when ferryd is told to end is answered, or refused, but never half."""
    product = own_platform.new_product()
    outcomes = []

    def keep_asking(n):
        client = Client(own_platform, own_platform.token)
        for m in range(10_000):
            try:
                outcomes.append((f"d{n}-{m}", client("POST", "/devices",
                                                     json={"product": product, "name": f"d{n}-{m}"}).status_code))
            except requests.RequestException:
                return

    threads = [threading.Thread(target=keep_asking, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    own_platform.restart()
    for thread in threads:
        thread.join()
    assert {status for _, status in outcomes} <= {201, 503}
    known = {row["name"] for row in walk(Client(own_platform, own_platform.token), "/devices", product=product,
                                         limit=250)[0]}
    assert {name for name, status in outcomes if status == 201} <= known
