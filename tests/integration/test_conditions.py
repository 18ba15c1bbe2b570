"""Entity tags: a change with If-Match is made only to what the caller has seen."""
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from ferry import unique_name
from openapi import OpenApi
from operators import PASSWORD

DESCRIPTION = OpenApi()
TIMEOUT_S = 30
LIMITS = {"product_bytes": 1, "product_files": 2, "device_bytes": 3, "device_files": 4}


class Client:
    """Requests whose answers are held to the description."""

    def __init__(self, platform):
        self.platform = platform
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {platform.token}"

    def __call__(self, method, path, match=None, none_match=None, **options):
        headers = {name: value for name, value in (("If-Match", match), ("If-None-Match", none_match)) if value is not None}
        answer = self.session.request(method, f"{self.platform.api_url}/api/v1{path}", headers=headers,
                                      timeout=TIMEOUT_S, **options)
        DESCRIPTION.check(method, f"/api/v1{path}", answer)
        return answer

    def tag(self, path):
        answer = self("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.headers["ETag"]


@pytest.fixture
def api(platform):
    return Client(platform)


# --- everything that can be changed: how one is made, and a change that makes it look different ---------------------


def add_device(api, product):
    api.platform.api.device_add(product, "d")
    return f"/devices/{product}/d"


def add_resource(api, product):
    return f"/resources/{api.platform.api.resource_add(product, unique_name('r'), b'bytes')['id']}"


def add_resource_upload(api, product):
    body = {"product": product, "name": unique_name("r"), "size": 5}
    return f"/resource-uploads/{api('POST', '/resource-uploads', json=body).json()['id']}"


def add_deployment(api, product):
    """It has not begun: nothing moves on its own."""
    add_device(api, product)
    api.platform.api.resource_add(product, "r", b"bytes")
    return f"/deployments/{api.platform.api.deploy(product, 'r', ['d'], start_at='2099-01-01T00:00:00Z')['id']}"


def add_paused(api, product):
    path = add_deployment(api, product)
    api("POST", f"{path}/pause")
    return path


def add_task(api, product):
    path = add_deployment(api, product)
    return f"{path}/tasks/{api('GET', f'{path}/tasks').json()['items'][0]['id']}"


def add_ended_task(api, product):
    path = add_task(api, product)
    api("POST", f"{path}/cancel")
    return path


def add_token(api, product):
    name = unique_name("t")
    api("POST", "/tokens", json={"name": name, "role": "viewer", "products": [product]})
    return f"/tokens/{name}"


def add_user(api, product):
    name = unique_name("u")
    api("POST", "/users", json={"name": name, "role": "viewer", "products": [product], "password": PASSWORD})
    return f"/users/{name}"


def product_path(_api, product):
    return f"/products/{product}"


def add_quota(api, product):
    path = f"/quota/{product}"
    api("PUT", path, json=LIMITS)
    return path


def add_webhook(api, _product):
    for old in api("GET", "/webhooks", params={"limit": 250}).json()["items"]:  # there may be only so many
        api("DELETE", f"/webhooks/{old['id']}")
    return f"/webhooks/{api('POST', '/webhooks', json={'url': 'http://127.0.0.1:9/', 'product': 'nobody'}).json()['id']}"


# method, what follows the thing's path, body, how the thing is made
CHANGES = {
    "removeProduct": ("DELETE", "", None, product_path),
    "newProductSecret": ("POST", "/secret", None, product_path),
    "removeProductSecret": ("DELETE", "/secret", None, product_path),
    "changeDevice": ("PATCH", "", {"tags": ["new"]}, add_device),
    "removeDevice": ("DELETE", "", None, add_device),
    "rotateDeviceSecret": ("POST", "/secret", {}, add_device),
    "changeResource": ("PATCH", "", {"description": "new"}, add_resource),
    "removeResource": ("DELETE", "", None, add_resource),
    "removeResourceUpload": ("DELETE", "", None, add_resource_upload),
    "cancelDeployment": ("POST", "/cancel", None, add_deployment),
    "pauseDeployment": ("POST", "/pause", None, add_deployment),
    "resumeDeployment": ("POST", "/resume", None, add_paused),
    "retryDeployment": ("POST", "/retry", None, add_deployment),
    "cancelTask": ("POST", "/cancel", None, add_task),
    "retryTask": ("POST", "/retry", None, add_ended_task),
    "revokeToken": ("DELETE", "", None, add_token),
    "changeUser": ("PATCH", "", {"role": "admin"}, add_user),
    "removeUser": ("DELETE", "", None, add_user),
    "setQuota": ("PUT", "", LIMITS, product_path),
    "resetQuota": ("DELETE", "", None, add_quota),
    "changeWebhook": ("PATCH", "", {"types": ["upload.changed"]}, add_webhook),
    "removeWebhook": ("DELETE", "", None, add_webhook),
    "rotateWebhookSecret": ("POST", "/secret", {}, add_webhook),
    "resumeWebhook": ("POST", "/resume", {}, add_webhook),
}


def thing_of(name, api, product):
    path = CHANGES[name][3](api, product)
    return path.replace("/products/", "/quota/") if name == "setQuota" else path


def test_every_change_of_the_description_is_tried_here():
    described = {DESCRIPTION.tree["paths"][path][method.lower()]["operationId"]
                 for method, path in DESCRIPTION.operations()
                 if any(p["name"] == "If-Match" for p in DESCRIPTION.parameters(method, path))}
    assert described == set(CHANGES) | {"removeUpload"}


def test_every_change_of_the_description_takes_a_condition():
    """POST makes something new, or does something to what the path names."""
    for method, path in DESCRIPTION.operations():
        makes = method == "POST" and "{" not in path
        if method == "GET" or makes or path in ("/api/v1/session", "/api/v1/objects/verify"):
            continue
        if any(p["name"] == "Upload-Offset" for p in DESCRIPTION.parameters(method, path)):
            continue  # that is its condition
        assert any(p["name"] == "If-Match" for p in DESCRIPTION.parameters(method, path)), (method, path)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_made_to_what_was_seen_only(api, product, name):
    method, suffix, body, _ = CHANGES[name]
    path = thing_of(name, api, product)
    before, tag = api("GET", path).json(), api.tag(path)
    refused = api(method, path + suffix, match='"00000000000000000000000000000000"', json=body)
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert api("GET", path).json() == before
    refused = api(method, path + suffix, match=f"W/{tag}", json=body)
    assert refused.status_code == 412, "a change needs the strong tag"
    done = api(method, path + suffix, match=f'"other", {tag}', json=body)
    assert done.status_code in (200, 204), done.text


@pytest.mark.parametrize("name", CHANGES)
def test_a_star_is_whatever_is_there(api, product, name):
    method, suffix, body, _ = CHANGES[name]
    path = thing_of(name, api, product)
    assert api(method, path + suffix, match="*", json=body).status_code in (200, 204)


@pytest.mark.parametrize("name", ["changeDevice", "rotateDeviceSecret", "changeResource", "pauseDeployment", "cancelTask",
                                  "changeUser", "setQuota", "newProductSecret", "changeWebhook", "rotateWebhookSecret"])
def test_a_change_changes_the_tag(api, product, name):
    method, suffix, body, _ = CHANGES[name]
    path = thing_of(name, api, product)
    tag = api.tag(path)
    done = api(method, path + suffix, match=tag, json=body)
    assert done.status_code == 200
    now = api.tag(path)
    assert now != tag
    assert done.headers.get("ETag", now) == now, "the answer to a change has the new tag"
    assert api(method, path + suffix, match=tag, json=body).status_code == 412


def test_an_upload_is_removed_only_as_it_was_seen(api, device):
    device.upload("log", b"bytes")
    (task,) = api("GET", "/uploads", params={"product": device.product}).json()["items"]
    path = f"/uploads/{task['id']}"
    assert api("DELETE", path, match='"0"').status_code == 412
    assert api("DELETE", path, match=api.tag(path)).status_code == 204


def test_what_devices_do_does_not_stand_in_an_operators_way(api, product):
    """The counts of a deployment move on their own: the tag says so, and a change is made all the same."""
    api.platform.api.device_add(product, "d1")
    api.platform.api.device_add(product, "d2")
    api.platform.api.resource_add(product, "r", b"bytes")
    path = f"/deployments/{api.platform.api.deploy(product, 'r', ['d1', 'd2'], start_at='2099-01-01T00:00:00Z')['id']}"
    tag = api.tag(path)
    task = api("GET", f"{path}/tasks").json()["items"][0]["id"]
    assert api("POST", f"{path}/tasks/{task}/cancel").status_code == 200
    assert api("GET", path, none_match=tag).status_code == 200, "it does not look the same"
    assert api("POST", f"{path}/pause", match=tag).status_code == 200


def test_of_many_changes_with_one_tag_one_is_made(platform, api, product):
    path = add_device(api, product)
    tag = api.tag(path)

    def change(n):
        return Client(platform)("PATCH", path, match=tag, json={"tags": [f"t{n}"]}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(change, range(24))) == [200] + [412] * 23


@pytest.mark.parametrize("make", [product_path, add_device, add_resource, add_deployment, add_task, add_token, add_user,
                                  add_quota, add_webhook])
def test_what_is_known_already_is_not_sent_again(api, product, make):
    path = make(api, product)
    tag = api.tag(path)
    assert api.tag(path) == tag
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = api("GET", path, none_match=known)
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    for other in ('"x"', tag[:-2] + '0"' if not tag.endswith('0"') else '"y"', "nonsense"):
        assert api("GET", path, none_match=other).status_code == 200
    assert api("GET", path, match=tag).status_code == 200
    assert api("GET", path, match='"x"').status_code == 412


def test_bytes_that_are_known_already_are_not_sent_again(api, product):
    path = f"{add_resource(api, product)}/content"
    tag = api.tag(path)
    assert api("GET", path, none_match=tag).status_code == 304
    assert api("GET", path, none_match='"x"').content == b"bytes"


def test_a_tag_outlives_a_restart(own_platform):
    api = Client(own_platform)
    path = add_device(api, own_platform.new_product())
    tag = api.tag(path)
    own_platform.restart()
    assert Client(own_platform)("PATCH", path, match=tag, json={"disabled": True}).status_code == 200


@pytest.mark.parametrize("match", ["", "abc", '"abc', "W/abc", '"a" "b"'])
def test_a_condition_that_is_none_is_refused(api, product, match):
    path = add_device(api, product)
    answer = api("PATCH", path, match=match, json={"disabled": True})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "invalid_header", "If-Match")
    assert not api("GET", path).json()["disabled"]


def test_what_is_new_has_no_condition(api, product):
    answer = api("POST", "/devices", match="*", json={"product": product, "name": "d"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_header")
    assert api("GET", f"/devices/{product}/d").status_code == 404


def test_what_is_not_there_is_said_to_be_missing(api, product):
    assert api("PATCH", f"/devices/{product}/nobody", match="*", json={"disabled": True}).status_code == 404
