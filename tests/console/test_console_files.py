"""The console's files as any client gets them: headers, caches, what is not there."""
import re

import pytest
import requests

from browser import console_is_built
from ferry import build_dir

BUNDLE_MAX = 60 * 1024  # bytes of all scripts and styles, compressed

pytestmark = pytest.mark.skipif(not console_is_built(), reason="this build is without the console (FERRY_CONSOLE=OFF)")


def fetch(platform, path, **headers):
    return requests.get(platform.api_url + path, headers=headers, timeout=30, allow_redirects=False)


@pytest.fixture
def page(platform):
    return fetch(platform, "/")


def asset_paths(page):
    return re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)


def test_the_page_has_a_strict_policy_and_nothing_inline(page):
    assert page.status_code == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' data:" and policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cross-Origin-Opener-Policy"] == page.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not re.search(r"<style|\son\w+=|\sstyle=|<script(?![^>]*\ssrc=)", page.text)
    assert not re.search(r"https?://|//[a-z]", page.text)


def test_a_changed_page_is_seen_at_once_and_files_are_kept(platform, page):
    assert page.headers["Cache-Control"] == "no-cache"
    paths = asset_paths(page)
    assert len(paths) == 3
    for path in ["/", *paths]:
        first = fetch(platform, path)
        again = fetch(platform, path, **{"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b""), path
        assert again.headers["ETag"] == first.headers["ETag"]
        other = fetch(platform, path, **{"If-None-Match": '"another"'})
        assert other.status_code == 200 and other.content == first.content
    for path in paths:
        assert re.search(r"-[0-9a-f]{8}\.(js|css|svg)$", path)
        assert fetch(platform, path).headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_what_is_sent_is_what_was_built(platform, page):
    dist = build_dir() / "server/http/console/dist"
    assert page.content == (dist / "index.html").read_bytes()
    for path in asset_paths(page):
        assert fetch(platform, path).content == (dist / path[1:]).read_bytes()
    head = requests.head(platform.api_url + "/", timeout=30)
    assert head.status_code == 200 and head.content == b"" and int(head.headers["Content-Length"]) == len(page.content)


@pytest.mark.parametrize("path", ["/assets/nothing.js", "/assets/", "/assets/..%2findex.html", "/index.html", "/assets"])
def test_what_is_not_there_is_a_problem_object(platform, path):
    answer = fetch(platform, path)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_route")


def test_the_bundle_stays_small(platform, page):
    import gzip
    sizes = {path: len(gzip.compress(fetch(platform, path).content)) for path in asset_paths(page)}
    assert sum(sizes.values()) < BUNDLE_MAX, sizes


def test_devices_do_not_get_it(platform):
    assert requests.get(platform.objects_url + "/", timeout=30).status_code == 404
