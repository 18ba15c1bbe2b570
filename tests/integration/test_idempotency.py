"""Idempotency-Key: what makes something is done once, however often it is asked for, and answered the same."""
import base64
import hashlib
import sqlite3
import subprocess
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from ferry import program, unique_name, wait_for
from openapi import OpenApi
from operators import PASSWORD, add_token

DESCRIPTION = OpenApi()
TIMEOUT_S = 30


class Client:
    """Requests whose answers are held to the description."""

    def __init__(self, platform, token=None):
        self.platform = platform
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token or platform.token}"

    def __call__(self, method, path, key=None, headers=None, **options):
        headers = {**(headers or {}), **({"Idempotency-Key": key} if key is not None else {})}
        answer = self.session.request(method, f"{self.platform.api_url}/api/v1{path}", headers=headers,
                                      timeout=TIMEOUT_S, **options)
        DESCRIPTION.check(method, f"/api/v1{path.partition('?')[0]}", answer)
        return answer


@pytest.fixture
def api(platform):
    return Client(platform)


def new_key():
    return str(uuid.uuid4())


def count(platform, sql):
    database = sqlite3.connect(f"file:{platform.data}/ferry.db?mode=ro", uri=True, timeout=10)
    try:
        return database.execute(sql).fetchone()[0]
    finally:
        database.close()


def product_order(_api, _product):
    return "/products", {"json": {"name": unique_name("p")}}


def device_order(_api, product):
    return "/devices", {"json": {"product": product, "name": "new", "tags": ["a"]}}


def rotation_order(api, product):
    api.platform.api.device_add(product, "d")
    return f"/devices/{product}/d/secret", {"json": {"overlap_s": 60}}


def product_secret_order(_api, product):
    return f"/products/{product}/secret", {}


def resource_order(_api, product):
    data = b"a file"
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return f"/resources?product={product}&name=r", {"data": data, "headers": {"Content-Digest": f"sha-256=:{digest}:"}}


def resource_upload_order(_api, product):
    return "/resource-uploads", {"json": {"product": product, "name": "r", "size": 5}}


def deployment_order(api, product):
    api.platform.api.device_add(product, "d")
    api.platform.api.resource_add(product, "r", b"bytes")
    return "/deployments", {"json": {"product": product, "resource": "r", "devices": ["d"]}}


def token_order(_api, product):
    return "/tokens", {"json": {"name": unique_name("t"), "role": "viewer", "products": [product]}}


def user_order(_api, product):
    return "/users", {"json": {"name": unique_name("u"), "role": "viewer", "products": [product], "password": PASSWORD}}


def webhook_order(api, _product):
    for old in api("GET", "/webhooks?limit=250").json()["items"]:  # there may be only so many
        api("DELETE", f"/webhooks/{old['id']}")
    return "/webhooks", {"json": {"url": "http://127.0.0.1:9/", "product": "nobody"}}


def webhook_secret_order(api, product):
    path, options = webhook_order(api, product)
    return f"{path}/{api('POST', path, **options).json()['id']}/secret", {"json": {}}


ORDERS = {
    "addProduct": product_order, "addDevice": device_order, "rotateDeviceSecret": rotation_order,
    "newProductSecret": product_secret_order, "addResource": resource_order, "addResourceUpload": resource_upload_order, "addDeployment": deployment_order,
    "addToken": token_order, "addUser": user_order, "addWebhook": webhook_order, "rotateWebhookSecret": webhook_secret_order,
}
# They make nothing, or make the same again.
OTHERS = {"importDevices", "logIn", "judgeConnect", "judgeTopic", "beginVerification"}


def test_every_route_that_makes_something_takes_a_key():
    for method, path in DESCRIPTION.operations():
        name = DESCRIPTION.tree["paths"][path][method.lower()]["operationId"]
        makes = method == "POST" and path.rpartition("/")[2] not in ("cancel", "pause", "resume", "retry") and name not in OTHERS
        assert any(p["name"] == "Idempotency-Key" for p in DESCRIPTION.parameters(method, path)) == makes, name
        assert not makes or name in ORDERS


@pytest.mark.parametrize("name", ORDERS)
def test_the_same_request_is_done_once_and_answered_the_same(api, product, name):
    path, options = ORDERS[name](api, product)
    key = new_key()
    first = api("POST", path, key, **options)
    assert first.status_code in (200, 201), first.text
    records = count(api.platform, "SELECT seq FROM audit_head")
    for _ in range(2):
        again = api("POST", path, key, **options)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers.get("Location") == first.headers.get("Location")
        assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert count(api.platform, "SELECT seq FROM audit_head") == records, "nothing was done the second time"


@pytest.mark.parametrize("name", ORDERS)
def test_it_is_given_again_after_a_sudden_end(own_platform, name):
    api = Client(own_platform)
    path, options = ORDERS[name](api, own_platform.new_product())
    key = new_key()
    first = api("POST", path, key, **options)
    assert first.status_code in (200, 201), first.text
    own_platform.kill9()
    own_platform.start()
    again = Client(own_platform)("POST", path, key, **options)
    assert (again.status_code, again.content) == (first.status_code, first.content)


def test_another_request_with_the_key_is_refused(api, product):
    key = new_key()
    body = {"product": product, "name": "d1", "tags": ["a", "b"]}
    assert api("POST", "/devices", key, json=body).status_code == 201
    for path, other in (("/devices", {**body, "name": "d2"}), ("/devices", {**body, "tags": ["b", "a"]}),
                        ("/products", {"name": unique_name("p")})):
        refused = api("POST", path, key, json=other)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert api("GET", f"/devices/{product}/d2").status_code == 404
    same = api("POST", "/devices", key, data=f'{{ "tags": ["a", "b"], "name":"d1", "product": "{product}"}}',
               headers={"Content-Type": "application/json"})
    assert same.status_code == 201, "order and blanks of the body do not matter"


def test_another_file_with_the_key_is_refused(api, product):
    key = new_key()
    path, options = resource_order(api, product)
    assert api("POST", path, key, **options).status_code == 201
    for other in (f"/resources?product={product}&name=other", path + "&description=new"):
        assert api("POST", other, key, **options).status_code == 422
    assert api("POST", path, key, data=b"another file").status_code == 422
    assert len(api("GET", f"/resources?product={product}").json()["items"]) == 1


def test_what_was_refused_may_come_again(api):
    key, name = new_key(), unique_name("p")
    body = {"product": name, "name": "d"}
    assert api("POST", "/devices", key, json=body).status_code == 404
    api.platform.api.call("POST", "/products", json={"name": name})
    assert api("POST", "/devices", key, json=body).status_code == 201


def test_keys_are_each_callers_own(platform, api, product):
    key = new_key()
    body = {"product": product, "name": "d"}
    assert api("POST", "/devices", key, json=body).status_code == 201
    other = Client(platform, add_token(platform, "admin")[1])
    assert other("POST", "/devices", key, json=body).status_code == 409, "not the answer to somebody else"


def test_a_token_of_the_same_name_is_somebody_else(platform, product):
    """Who lost a right does not get an answer of before."""
    name, text = add_token(platform, "operator", [product])
    key = new_key()
    order = {"product": product, "name": "d"}
    assert "secret" in Client(platform, text)("POST", "/devices", key, json=order).json()
    platform.api.call("DELETE", f"/tokens/{name}")
    other = platform.api.call("POST", "/tokens", json={"name": name, "role": "operator", "products": [platform.new_product()]})
    refused = Client(platform, other["token"])("POST", "/devices", key, json=order)
    assert refused.status_code == 404 and "secret" not in refused.json()


@pytest.mark.parametrize("key", ["", "with blank", "x" * 256, "caf\u00e9"])
def test_a_key_that_is_none_is_refused(api, product, key):
    answer = api("POST", "/devices", key.encode("utf-8"), json={"product": product, "name": "d"})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "invalid_header", "Idempotency-Key")
    assert api("POST", "/devices", new_key() + "x" * 219, json={"product": product, "name": "d"}).status_code == 201


def test_of_many_at_once_one_is_done(platform, product):
    key = new_key()

    def add(_):
        return Client(platform)("POST", "/devices", key, json={"product": product, "name": "d"})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(add, range(24)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "idempotency_key_busy" and answer.headers["Retry-After"] == "1"
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert count(platform, f"SELECT count(*) FROM event WHERE product = '{product}' AND state_before = ''") == 1


def test_while_the_first_is_under_way_others_hear_so(own_platform):
    product = own_platform.new_product()
    key = new_key()
    other = sqlite3.connect(own_platform.data / "ferry.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE") # the engine waits for it

    def ask(_):
        answer = Client(own_platform)("POST", "/devices", key, json={"product": product, "name": "d"})
        if answer.status_code == 409:
            heard.set()
        return answer

    heard = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, n) for n in range(4)]
        try:
            assert heard.wait(10), "nobody heard that the key is in use"
        finally:
            other.execute("ROLLBACK")
            other.close()
        codes = [future.result().json().get("code") for future in asked]
    assert "idempotency_key_busy" in codes
    wait_for(lambda: ask(0).status_code == 201, what="the answer of the first")


def test_ferryctl_shows_the_same_again(platform, product):
    def ferryctl(*words):
        return subprocess.run([program("ferryctl"), "--data", platform.data, *words], capture_output=True, text=True, timeout=TIMEOUT_S,
                              check=False)

    words = ("device", "add", f"{product}/d", "--idempotency-key", new_key())
    first, again = ferryctl(*words), ferryctl(*words)
    assert first.returncode == 0 and "Secret:" in first.stdout
    assert (again.returncode, again.stdout) == (0, first.stdout)
    other = ferryctl("device", "add", f"{product}/other", *words[3:])
    assert (other.returncode, "idempotency_key_reused" in other.stderr) == (3, True)
    assert ferryctl(*words[:3]).returncode == 3, "without the key it is another command"


def test_secrets_are_in_the_database_sealed_only(own_platform):
    api = Client(own_platform)
    product = own_platform.new_product()
    secrets = []
    for name in ("addDevice", "addToken", "newProductSecret"):
        path, options = ORDERS[name](api, product)
        body = api("POST", path, new_key(), **options).json()
        secrets.append(body.get("secret") or body["token"])
    user = user_order(api, product)
    api("POST", user[0], new_key(), **user[1])
    own_platform.stop()
    for file in own_platform.data.glob("ferry.db*"):
        content = file.read_bytes()
        for secret in secrets + [PASSWORD]:
            assert secret.encode() not in content and secret.removeprefix("ferry_").encode() not in content


def test_old_answers_go(make_platform):
    platform = make_platform("--answers-kept", "60", "--answers-max", "3")
    api = Client(platform)
    keys = [new_key() for _ in range(8)]
    for key in keys:
        assert api("POST", "/products", key, json={"name": unique_name("p")}).status_code == 201
    wait_for(lambda: count(platform, "SELECT count(*) FROM kept_answer") <= 8, what="the answers")
    platform.stop()
    database = sqlite3.connect(platform.data / "ferry.db")
    with database:
        database.execute("UPDATE kept_answer SET made_ms = made_ms - 61000 WHERE id = (SELECT max(id) FROM kept_answer)")
    database.close()
    platform.start()
    wait_for(lambda: count(platform, "SELECT count(*) FROM kept_answer") <= 3, what="no more than three answers")
    name = unique_name("p")
    assert Client(platform)("POST", "/products", keys[-1], json={"name": name}).status_code == 201, "its time is over"
