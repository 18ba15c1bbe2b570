"""The operator API as HTTP: who may what, which paths and methods there are, and many callers at once."""
import json
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from described_api import BROKER_PATHS, Client, DESCRIPTION, OPEN_PATHS, TIMEOUT_S, add_token, any_url, walk
from raw_http import RawConnection


# --- who may what -----------------------------------------------------------------------------------------------------


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


# --- paths and methods ------------------------------------------------------------------------------------------------


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


# --- many at once -----------------------------------------------------------------------------------------------------


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
