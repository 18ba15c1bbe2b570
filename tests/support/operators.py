"""Tokens and users for tests: made over the API by the admin, used as anybody would."""
import json

import requests

from ferry import unique_name

TIMEOUT_S = 30
PASSWORD = "correct horse battery"


class Caller:
    """Somebody who asks: by a token, or with the cookies of a browser."""

    def __init__(self, platform, token=None):
        self.url = platform.api_url
        self.session = requests.Session()
        self.session.trust_env = False
        self.csrf = None
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method, path, *, csrf=True, **options):
        headers = dict(options.pop("headers", None) or {})
        if csrf and self.csrf:
            headers.setdefault("X-CSRF-Token", self.csrf)
        path = path if path.startswith(("/api/", "/metrics", "/healthz", "/readyz")) else f"/api/v1{path}"
        return self.session.request(method, self.url + path, timeout=TIMEOUT_S, allow_redirects=False, headers=headers,
                                    **options)

    def get(self, path, **query):
        answer = self("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def every_page(self, path):
        page = self.get(path, limit=250)
        items = page["items"]
        while page["next"]:
            page = self.get(path, limit=250, cursor=page["next"])
            items += page["items"]
        return items

    def log_in(self, user, password=PASSWORD, **options):
        """The answer; afterwards the caller is the user if it was let in."""
        answer = self("POST", "/session", json={"user": user, "password": password}, csrf=False, **options)
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf_token"]
        return answer


def add_token(platform, role, products=None, **more):
    """Name and text of a new token."""
    body = {"name": unique_name("t"), "role": role, **more}
    if products:
        body["products"] = products
    made = platform.api.call("POST", "/tokens", json=body)
    return made["name"], made["token"]


def token_caller(platform, role, products=None, **more):
    return Caller(platform, add_token(platform, role, products, **more)[1])


def add_user(platform, role="admin", products=None, password=PASSWORD):
    body = {"name": unique_name("u"), "role": role, "password": password}
    if products:
        body["products"] = products
    return platform.api.call("POST", "/users", json=body)["name"]


def compact(value):
    """JSON as the audit log has it; nothing for null."""
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
