"""Who may what: every role × every route × whose product, generated from docs/api/openapi.yaml.

A route without a rule in the description, or without a request in this file, fails. What the description says is held
to the program's own table by server/http/api_route_test.c, and to the real server here.
"""
import base64
import itertools
import json

import pytest

from ferry import unique_name
from openapi import OpenApi
from operators import Caller, PASSWORD, add_token, add_user, token_caller

DESCRIPTION = OpenApi()
ROLES = ["viewer", "operator", "admin"]
SCOPES = ["own", "other", "all"]
# what other brokers ask is off here, and judges for itself who asks: test_other_brokers.py
OPERATIONS = [(method, path) for method, path in DESCRIPTION.operations() if not path.startswith("/mqtt/")]


class World:
    """Two products with one of everything in each."""

    def __init__(self, platform):
        self.platform = platform
        self.api = platform.api
        self.mine, self.theirs = platform.new_product(), platform.new_product()
        for product in (self.mine, self.theirs):
            self.api.device_add(product, "d")
            self.api.resource_add(product, "r", b"bytes")
        self.callers = {
            (role, scope): token_caller(platform, role, {"own": [self.mine], "other": [self.theirs]}.get(scope))
            for role, scope in itertools.product(ROLES, SCOPES)}

    # Each makes a fresh thing of self.mine and gives what stands for it in a path.
    def device(self):
        return self.api.device_add(self.mine, unique_name("d"))["name"]

    def resource(self):
        return self.api.resource_add(self.mine, unique_name("r"), b"bytes")["id"]

    def resource_upload(self):
        body = {"product": self.mine, "name": unique_name("r"), "size": 5}
        return self.api.call("POST", "/resource-uploads", json=body)["id"]

    def deployment(self):
        return self.api.deploy(self.mine, "r", ["d"])["id"]

    def paused_deployment(self):
        deployment = self.deployment()
        self.api.deployment_pause(deployment)
        return deployment

    def failed_task(self):
        deployment = self.deployment()
        task = self.api.download_task(deployment, "d")["id"]
        self.api.download_cancel(deployment, task)
        return deployment, task

    def open_task(self):
        deployment = self.deployment()
        return deployment, self.api.download_task(deployment, "d")["id"]

    def upload(self):
        from ferry import VendorDevice
        credential = self.platform.new_device(self.mine)
        with VendorDevice(self.platform, credential) as device:
            device.upload("log", b"some bytes")
        (task,) = self.api.uploads(self.mine, credential.device)
        return task["id"]

    def with_quota(self):
        limits = dict.fromkeys(("product_bytes", "product_files", "device_bytes", "device_files"), 0)
        self.api.call("PUT", f"/quota/{self.mine}", json=limits)
        return self.mine

    def webhook(self):
        for old in self.api.list("/webhooks"):  # there may be only so many
            self.api.call("DELETE", f"/webhooks/{old['id']}")
        return self.api.call("POST", "/webhooks", json={"url": "http://127.0.0.1:9/", "product": "nobody"})["id"]

    def token(self):
        return add_token(self.platform, "viewer", [self.mine])[0]

    def user(self):
        return add_user(self.platform, "viewer", [self.mine])


@pytest.fixture(scope="module")
def world(platform):
    return World(platform)


def json_body(**body):
    return {"json": body}


# How each route is asked about self.mine: (path, options of the request).
REQUESTS = {
    ("GET", "/api/v1/products"): lambda w: ("/products", {"params": {"limit": 250}}),
    ("POST", "/api/v1/products"): lambda w: ("/products", json_body(name=w.mine)),
    ("GET", "/api/v1/products/{product}"): lambda w: (f"/products/{w.mine}", {}),
    ("DELETE", "/api/v1/products/{product}"): lambda w: (f"/products/{w.mine}", {}),
    ("POST", "/api/v1/products/{product}/secret"): lambda w: (f"/products/{w.mine}/secret", {}),
    ("DELETE", "/api/v1/products/{product}/secret"): lambda w: (f"/products/{w.mine}/secret", {}),
    ("GET", "/api/v1/devices"): lambda w: ("/devices", {"params": {"product": w.mine}}),
    ("POST", "/api/v1/devices"): lambda w: ("/devices", json_body(product=w.mine, name=unique_name("d"))),
    ("GET", "/api/v1/devices/{product}/{device}"): lambda w: (f"/devices/{w.mine}/d", {}),
    ("GET", "/api/v1/devices/{product}/{device}/presence"): lambda w: (f"/devices/{w.mine}/d/presence", {}),
    ("PATCH", "/api/v1/devices/{product}/{device}"): lambda w: (f"/devices/{w.mine}/d", json_body(disabled=False)),
    ("DELETE", "/api/v1/devices/{product}/{device}"): lambda w: (f"/devices/{w.mine}/{w.device()}", {}),
    ("POST", "/api/v1/devices/import"): lambda w: (
        "/devices/import", {"params": {"product": w.mine}, "data": f"name,secret\n{unique_name('d')},YQ==\n",
                            "headers": {"Content-Type": "text/csv"}}),
    ("POST", "/api/v1/devices/{product}/{device}/secret"): lambda w: (f"/devices/{w.mine}/{w.device()}/secret", json_body()),
    ("GET", "/api/v1/resources"): lambda w: ("/resources", {}),
    ("POST", "/api/v1/resources"): lambda w: (
        "/resources", {"params": {"product": w.mine, "name": unique_name("r")}, "data": b"bytes"}),
    ("GET", "/api/v1/resources/{resource}"): lambda w: (f"/resources/{w.resource()}", {}),
    ("PATCH", "/api/v1/resources/{resource}"): lambda w: (f"/resources/{w.resource()}", json_body(description="words")),
    ("DELETE", "/api/v1/resources/{resource}"): lambda w: (f"/resources/{w.resource()}", {}),
    ("GET", "/api/v1/resource-uploads"): lambda w: ("/resource-uploads", {}),
    ("POST", "/api/v1/resource-uploads"): lambda w: (
        "/resource-uploads", json_body(product=w.mine, name=unique_name("r"), size=5)),
    ("GET", "/api/v1/resource-uploads/{upload}"): lambda w: (f"/resource-uploads/{w.resource_upload()}", {}),
    ("GET", "/api/v1/resource-uploads/{upload}/direct"): lambda w: (f"/resource-uploads/{w.resource_upload()}/direct", {}),
    ("PATCH", "/api/v1/resource-uploads/{upload}"): lambda w: (
        f"/resource-uploads/{w.resource_upload()}",
        {"data": b"bytes", "headers": {"Tus-Resumable": "1.0.0", "Upload-Offset": "0",
                                       "Content-Type": "application/offset+octet-stream"}}),
    ("DELETE", "/api/v1/resource-uploads/{upload}"): lambda w: (f"/resource-uploads/{w.resource_upload()}", {}),
    ("GET", "/api/v1/resources/{resource}/content"): lambda w: (f"/resources/{w.resource()}/content", {}),
    ("GET", "/api/v1/deployments"): lambda w: ("/deployments", {}),
    ("POST", "/api/v1/deployments"): lambda w: (
        "/deployments", json_body(product=w.mine, resource="r", devices=["d"])),
    ("GET", "/api/v1/deployments/{deployment}"): lambda w: (f"/deployments/{w.deployment()}", {}),
    ("GET", "/api/v1/deployments/{deployment}/causes"): lambda w: (f"/deployments/{w.deployment()}/causes", {}),
    ("POST", "/api/v1/deployments/{deployment}/cancel"): lambda w: (f"/deployments/{w.deployment()}/cancel", {}),
    ("POST", "/api/v1/deployments/{deployment}/pause"): lambda w: (f"/deployments/{w.deployment()}/pause", {}),
    ("POST", "/api/v1/deployments/{deployment}/resume"): lambda w: (f"/deployments/{w.paused_deployment()}/resume", {}),
    ("POST", "/api/v1/deployments/{deployment}/retry"): lambda w: (f"/deployments/{w.deployment()}/retry", {}),
    ("GET", "/api/v1/deployments/{deployment}/tasks"): lambda w: (f"/deployments/{w.deployment()}/tasks", {}),
    ("GET", "/api/v1/deployments/{deployment}/tasks/{task}"): lambda w: (
        "/deployments/{}/tasks/{}".format(*w.open_task()), {}),
    ("GET", "/api/v1/deployments/{deployment}/progress"): lambda w: (f"/deployments/{w.deployment()}/progress", {}),
    ("GET", "/api/v1/deployments/{deployment}/tasks/{task}/reports"): lambda w: (
        "/deployments/{}/tasks/{}/reports".format(*w.open_task()), {}),
    ("POST", "/api/v1/deployments/{deployment}/tasks/{task}/cancel"): lambda w: (
        "/deployments/{}/tasks/{}/cancel".format(*w.open_task()), {}),
    ("POST", "/api/v1/deployments/{deployment}/tasks/{task}/retry"): lambda w: (
        "/deployments/{}/tasks/{}/retry".format(*w.failed_task()), {}),
    ("GET", "/api/v1/downloads"): lambda w: ("/downloads", {"params": {"product": w.mine, "device": "d"}}),
    ("GET", "/api/v1/uploads"): lambda w: ("/uploads", {}),
    ("GET", "/api/v1/uploads/{upload}"): lambda w: (f"/uploads/{w.upload()}", {}),
    ("DELETE", "/api/v1/uploads/{upload}"): lambda w: (f"/uploads/{w.upload()}", {}),
    ("GET", "/api/v1/uploads/{upload}/reports"): lambda w: (f"/uploads/{w.upload()}/reports", {}),
    ("GET", "/api/v1/uploads/{upload}/content"): lambda w: (f"/uploads/{w.upload()}/content", {}),
    ("POST", "/api/v1/session"): lambda w: ("/session", json_body(user=w.user(), password=PASSWORD)),
    ("GET", "/api/v1/session"): lambda w: ("/session", {}),
    ("DELETE", "/api/v1/session"): lambda w: ("/session", {}),
    ("GET", "/api/v1/tokens"): lambda w: ("/tokens", {}),
    ("POST", "/api/v1/tokens"): lambda w: ("/tokens", json_body(name=unique_name("t"), role="viewer", products=[w.mine])),
    ("GET", "/api/v1/tokens/{token}"): lambda w: (f"/tokens/{w.token()}", {}),
    ("DELETE", "/api/v1/tokens/{token}"): lambda w: (f"/tokens/{w.token()}", {}),
    ("GET", "/api/v1/users"): lambda w: ("/users", {}),
    ("POST", "/api/v1/users"): lambda w: (
        "/users", json_body(name=unique_name("u"), role="viewer", products=[w.mine], password=PASSWORD)),
    ("GET", "/api/v1/users/{user}"): lambda w: (f"/users/{w.user()}", {}),
    ("PATCH", "/api/v1/users/{user}"): lambda w: (f"/users/{w.user()}", json_body(role="operator")),
    ("DELETE", "/api/v1/users/{user}"): lambda w: (f"/users/{w.user()}", {}),
    ("GET", "/api/v1/events"): lambda w: ("/events", {"params": {"follow": "false", "after": "0"}}),
    ("GET", "/api/v1/audit"): lambda w: ("/audit", {}),
    ("GET", "/api/v1/audit/head"): lambda w: ("/audit/head", {}),
    ("GET", "/api/v1/webhooks"): lambda w: ("/webhooks", {}),
    ("POST", "/api/v1/webhooks"): lambda w: ("/webhooks", json_body(url="http://127.0.0.1:9/", product="nobody")),
    ("GET", "/api/v1/webhooks/{webhook}"): lambda w: (f"/webhooks/{w.webhook()}", {}),
    ("PATCH", "/api/v1/webhooks/{webhook}"): lambda w: (f"/webhooks/{w.webhook()}", json_body(disabled=True)),
    ("DELETE", "/api/v1/webhooks/{webhook}"): lambda w: (f"/webhooks/{w.webhook()}", {}),
    ("POST", "/api/v1/webhooks/{webhook}/secret"): lambda w: (f"/webhooks/{w.webhook()}/secret", json_body()),
    ("POST", "/api/v1/webhooks/{webhook}/resume"): lambda w: (f"/webhooks/{w.webhook()}/resume", json_body()),
    ("GET", "/api/v1/quota"): lambda w: ("/quota", {}),
    ("GET", "/api/v1/quota/{product}"): lambda w: (f"/quota/{w.mine}", {}),
    ("PUT", "/api/v1/quota/{product}"): lambda w: (f"/quota/{w.mine}", json_body(
        product_bytes=0, product_files=0, device_bytes=0, device_files=0)),
    ("DELETE", "/api/v1/quota/{product}"): lambda w: (f"/quota/{w.with_quota()}", {}),
    ("GET", "/api/v1/quota/{product}/{device}"): lambda w: (f"/quota/{w.mine}/d", {}),
    ("GET", "/api/v1/objects/verify"): lambda w: ("/objects/verify", {}),
    ("POST", "/api/v1/objects/verify"): lambda w: ("/objects/verify", json_body(product=w.mine)),
    ("DELETE", "/api/v1/objects/verify"): lambda w: ("/objects/verify", {}),
    ("GET", "/api/v1/statistics"): lambda w: ("/statistics", {}),
    ("GET", "/api/v1/status"): lambda w: ("/status", {}),
    ("GET", "/api/v1/settings"): lambda w: ("/settings", {}),
    ("GET", "/api/v1/openapi.yaml"): lambda w: ("/api/v1/openapi.yaml", {}),
    ("GET", "/metrics"): lambda w: ("/metrics", {}),
    ("GET", "/healthz"): lambda w: ("/healthz", {}),
    ("GET", "/readyz"): lambda w: ("/readyz", {}),
}

# Allowed, and refused for a reason that is not who asks: the product is in use or there; a token has no session.
CONFLICTS = {("DELETE", "/api/v1/products/{product}"), ("POST", "/api/v1/products"), ("DELETE", "/api/v1/session")}


def rule(method, path):
    operation = DESCRIPTION.tree["paths"][path][method.lower()]
    return operation["x-ferry-role"], operation["x-ferry-scope"]


def test_every_route_has_a_rule_and_a_request():
    for method, path in OPERATIONS:
        role, scope = rule(method, path)
        assert role in ("open", *ROLES) and scope in ("none", "product", "list", "grant", "platform"), (method, path)
        assert (method, path) in REQUESTS, f"{method} {path} is not in the matrix"
    assert set(REQUESTS) == set(OPERATIONS)


def expected(method, path, role, scope):
    least, kind = rule(method, path)
    if least != "open" and ROLES.index(role) < ROLES.index(least):
        return "forbidden"
    if kind == "platform" and scope != "all" or kind == "grant" and scope == "other":
        return "forbidden"
    if kind == "product" and scope == "other":
        return "not_found"
    return "allowed"


def verdict(method, path, answer):
    if answer.status_code == 403:
        assert answer.json()["code"] == "forbidden"
        return "forbidden"
    if answer.status_code == 404:
        assert answer.json()["code"] == "not_found"
        return "not_found"
    if (method, path) in CONFLICTS:
        assert answer.status_code == 409, answer.text
    else:
        assert 200 <= answer.status_code < 300, answer.text
    return "allowed"


@pytest.mark.parametrize("method, path", OPERATIONS, ids=lambda value: value)
def test_matrix(world, method, path):
    for role, scope in itertools.product(ROLES, SCOPES):
        url, options = REQUESTS[method, path](world)
        answer = world.callers[role, scope](method, url, **options)
        DESCRIPTION.check(method, url if url.startswith(("/api", "/metrics", "/healthz", "/readyz")) else f"/api/v1{url}", answer)
        assert verdict(method, path, answer) == expected(method, path, role, scope), (role, scope, answer.text)


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if rule(method, path)[1] == "list"
                                  and path not in ("/api/v1/events", "/api/v1/statistics")]) # see test_events, test_statistics
def test_lists_leave_out_what_belongs_to_others(world, path):
    world.deployment(), world.upload(), world.resource_upload(), world.token(), world.user()
    admin = world.callers["admin", "own"]
    seen = json.dumps(admin.get(path, limit=250))
    assert world.mine in seen and world.theirs not in seen
    other = json.dumps(world.callers["admin", "other"].get(path, limit=250))
    assert world.mine not in other
    assert world.mine in json.dumps(world.callers["admin", "all"].every_page(path))


def test_hidden_and_missing_things_are_answered_alike(world):
    other = world.callers["operator", "other"]
    for method, hidden, missing in [
            ("GET", f"/products/{world.mine}", "/products/nobody"), ("DELETE", f"/products/{world.mine}", "/products/nobody"),
            ("GET", f"/devices/{world.mine}/d", "/devices/nobody/d"), ("GET", f"/devices?product={world.mine}", "/devices?product=nobody"),
            ("GET", f"/resources/{world.resource()}", "/resources/01arz3ndektsv4rrffq69g5fav"),
            ("DELETE", f"/resources/{world.resource()}", "/resources/01arz3ndektsv4rrffq69g5fav"),
            ("POST", f"/deployments/{world.deployment()}/cancel", "/deployments/01arz3ndektsv4rrffq69g5fav/cancel"),
            ("GET", f"/resources?product={world.mine}", "/resources?product=nobody"),
            ("GET", f"/uploads?product={world.mine}", "/uploads?product=nobody")]:
        assert other(method, hidden).content == other(method, missing).content, (method, hidden)


def test_pages_of_a_limited_list_are_full_and_their_cursors_are_no_hints(platform):
    names = sorted(platform.new_product(unique_name("q")) for _ in range(6))
    mine = names[::2]
    caller = token_caller(platform, "viewer", mine)
    first = caller.get("/products", limit=2)
    assert [row["name"] for row in first["items"]] == mine[:2]
    named = base64.urlsafe_b64decode(first["next"] + "==")
    assert mine[1].encode() in named and not any(name.encode() in named for name in names[1::2])
    second = caller.get("/products", limit=2, cursor=first["next"])
    assert [row["name"] for row in second["items"]] == mine[2:] and second["next"] is None


def test_a_product_admin_cannot_reach_beyond(world):
    admin = world.callers["admin", "own"]
    for body in ({"products": None}, {"products": [world.theirs]}, {"products": [world.mine, world.theirs]}):
        new = {"name": unique_name("t"), "role": "viewer", **{k: v for k, v in body.items() if v}}
        assert admin("POST", "/tokens", json=new).status_code == 403
        assert admin("POST", "/users", json={**new, "password": PASSWORD}).status_code == 403
    user = world.user()
    assert admin("PATCH", f"/users/{user}", json={"all_products": True}).status_code == 403
    assert admin("PATCH", f"/users/{user}", json={"products": [world.theirs]}).status_code == 403
    everybody = add_token(world.platform, "viewer")[0]
    both = add_token(world.platform, "viewer", [world.mine, world.theirs])[0]
    for name in (everybody, both, "admin"):
        assert admin("DELETE", f"/tokens/{name}").status_code == 404
    assert Caller(world.platform, world.platform.token)("GET", "/products").status_code == 200
