"""Callers of the operator API whose answers are all held to docs/api/openapi.yaml."""
import base64
import hashlib
import json
import sqlite3
import uuid
from urllib.parse import urlsplit

import requests

from ferry import unique_name
from openapi import OpenApi

DESCRIPTION = OpenApi()
OPEN_PATHS = {"/healthz", "/readyz", "/api/v1/openapi.yaml"}
BROKER_PATHS = {"/mqtt/auth", "/mqtt/acl"} # off here; test_other_brokers.py
NO_ID = "01arz3ndektsv4rrffq69g5fav"
TIMEOUT_S = 30
# What makes the answer of a stream end; what keeps it open is tried in test_events.py.
ENDING = {"/api/v1/events": {"follow": "false"}}


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


def any_url(path):
    for name in ("product", "device", "token", "user"):
        path = path.replace("{%s}" % name, "nobody")
    for name in ("resource", "deployment", "task", "upload", "webhook"):
        path = path.replace("{%s}" % name, NO_ID)
    return path


def padded(body, size):
    """The body with as many spaces as make it that long."""
    text = json.dumps(body).encode()
    return text + b" " * (size - len(text))
