"""The stream of events: what it tells and to whom, where it goes on, and how it ends."""
import json
import sqlite3
import subprocess
import socket
import threading
import time

import pytest
import requests

from ferry import SANITIZED, program, unique_name, wait_for
from openapi import OpenApi
from operators import Caller, add_token, add_user, token_caller

DESCRIPTION = OpenApi()


class Stream:
    """A reader of server-sent events in a thread of its own."""

    def __init__(self, platform, token, last=None, cookies=None, **query):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.events, self.last, self.comments, self.told, self.ended = [], None, 0, [], False
        self.answer = requests.get(f"{platform.api_url}/api/v1/events", headers=headers, params=query, stream=True,
                                   cookies=cookies, timeout=30)
        assert self.answer.status_code == 200, self.answer.text
        assert self.answer.headers["Content-Type"] == "text/event-stream"
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        wait_for(lambda: self.ended or self.last is not None, what="the first sign of life")

    def close(self):
        """At once: without the shutdown it waits for the thread to read a sign of life."""
        self.answer.raw._connection.sock.shutdown(socket.SHUT_RDWR)
        self.answer.close()

    def _read(self):
        fields = {}
        try:
            for line in self.answer.iter_lines(chunk_size=1):
                if line.startswith(b":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.decode().partition(": ")
                    fields[name] = value
                else:
                    self._dispatch(fields)
                    fields = {}
        except (requests.RequestException, AttributeError):
            pass
        self.ended = True

    def _dispatch(self, fields):
        if "data" in fields and "id" not in fields:  # the log does not have it
            data = json.loads(fields["data"])
            DESCRIPTION.validate({"$ref": "#/components/schemas/SomethingChanged"}, data, "event")
            assert fields["event"] == data["type"]
            self.told.append(data["type"])
            return
        if "data" in fields:
            data = json.loads(fields["data"])
            assert (fields["event"], fields["id"]) == (data["type"], data["id"])
            if data["type"] != "log.cut":
                DESCRIPTION.validate({"$ref": "#/components/schemas/Event"}, data, "event")
            self.events.append(data)
        self.last = int(fields["id"])

    def changes(self):
        return [(e["type"].partition(".")[0], e["before"], e["state"]) for e in self.events]

    def wait(self, count):
        wait_for(lambda: len(self.events) >= count, what=f"{count} events")

    def wait_end(self):
        self.thread.join(20)
        assert self.ended


def all_of(platform, **query):
    stream = Stream(platform, platform.token, after=query.pop("after", 0), follow="false", **query)
    stream.wait_end()
    return stream


def test_it_tells_what_happens_from_now_on(platform):
    product = platform.new_product()
    stream = Stream(platform, platform.token, product=product)
    api = platform.api
    api.device_add(product, "d")
    resource = api.resource_add(product, "r", b"bytes")
    deployment = api.deploy(product, "r", ["d"])["id"]
    stream.wait(4)
    api.deployment_pause(deployment)
    api.call("POST", f"/deployments/{deployment}/cancel")
    stream.wait(7)
    assert stream.changes()[:4] == [("device", None, "enabled"), ("resource", None, "available"),
                                    ("deployment", None, "active"), ("download", None, "queued")]
    assert ("deployment", "active", "paused") in stream.changes()
    assert ("deployment", "paused", "cancelled") in stream.changes()
    assert stream.changes()[-1][2] == "cancelled"
    assert stream.events[2]["deployment"] == deployment and stream.events[2]["resource"] == resource["id"]
    ids = [int(e["id"]) for e in stream.events]
    assert ids == sorted(set(ids))


def test_it_goes_on_behind_the_last_event_seen(platform):
    product = platform.new_product()
    for name in ("a", "b", "c"):
        platform.api.device_add(product, name)
    seen = all_of(platform, product=product)
    assert [e["device"] for e in seen.events] == ["a", "b", "c"]
    rest = Stream(platform, platform.token, last=seen.events[0]["id"], product=product)
    rest.wait(2)
    platform.api.device_add(product, "d")
    rest.wait(3)
    assert [e["device"] for e in rest.events] == ["b", "c", "d"]
    again = all_of(platform, product=product, after=seen.events[1]["id"])
    assert [e["device"] for e in again.events] == ["c", "d"]


def test_it_survives_a_restart(own_platform):
    product = own_platform.new_product()
    own_platform.api.device_add(product, "a")
    seen = all_of(own_platform)
    own_platform.kill9()
    own_platform.start()
    own_platform.api.device_add(product, "b")
    rest = all_of(own_platform, after=seen.last)
    assert [e["device"] for e in rest.events] == ["b"] and rest.events[0]["id"] == str(seen.last + 1)


def test_filters(platform):
    product = platform.new_product()
    for name in ("a", "b"):
        platform.api.device_add(product, name)
    platform.api.resource_add(product, "r", b"x")
    assert [e["device"] for e in all_of(platform, product=product, device="b").events] == ["b"]
    assert all_of(platform, product=product, type="resource.changed").changes() == [("resource", None, "available")]
    both = all_of(platform, product=product, type="resource.changed,device.changed").changes()
    assert {kind for kind, _, _ in both} == {"resource", "device"}
    assert all_of(platform, product="nobody").events == []


@pytest.mark.parametrize("query, headers, code", [
    ({"after": "x"}, {}, "invalid_parameter"), ({"after": "-1"}, {}, "invalid_parameter"),
    ({"type": "log"}, {}, "invalid_parameter"), ({"type": "device.changed,"}, {}, "invalid_parameter"),
    ({"type": ",device.changed"}, {}, "invalid_parameter"), ({"type": "device.changed,log"}, {}, "invalid_parameter"), ({"follow": "no"}, {}, "invalid_parameter"),
    ({"limit": "3"}, {}, "unknown_parameter"), ({}, {"Last-Event-ID": "1; x"}, "invalid_header"),
    ({}, {"Last-Event-ID": "9" * 19}, "invalid_header")])
def test_wrong_questions(platform, query, headers, code):
    answer = token_caller(platform, "viewer")("GET", "/events", params=query, headers=headers)
    DESCRIPTION.check("GET", "/api/v1/events", answer)
    assert answer.status_code == 400 and answer.json()["code"] == code


def test_a_viewer_of_a_product_sees_only_that(platform):
    mine, theirs = platform.new_product(), platform.new_product()
    token = add_token(platform, "viewer", [mine])[1]
    stream = Stream(platform, token)
    asks = Stream(platform, token, product=theirs)
    platform.api.device_add(theirs, "secret")
    platform.api.device_add(mine, "d")
    stream.wait(1)
    assert [e["product"] for e in stream.events] == [mine] and asks.events == []
    old = Stream(platform, token, after=0, follow="false")
    old.wait_end()
    assert {e["product"] for e in old.events} == {mine}


def test_it_ends_with_the_token(platform):
    name, text = add_token(platform, "viewer")
    other = Stream(platform, add_token(platform, "viewer")[1])
    stream = Stream(platform, text)
    platform.api.call("DELETE", f"/tokens/{name}")
    stream.wait_end()
    assert not other.ended


def test_it_ends_when_the_token_expires(platform):
    name, text = add_token(platform, "viewer", expires_in_s=3600)
    stream = Stream(platform, text)
    db = sqlite3.connect(platform.data / "ferry.db", timeout=5)
    with db: # the time goes by
        db.execute("UPDATE token SET expires_ms = 1 WHERE name = ?", (name,))
    db.close()
    stream.wait_end() # at the latest at the next sign of life


def test_it_ends_with_the_session(platform):
    user, browser = add_user(platform, "viewer"), Caller(platform)
    browser.log_in(user)
    stream = Stream(platform, None, cookies=browser.session.cookies)
    browser("DELETE", "/session")
    stream.wait_end()


def test_it_says_that_it_lives(platform):
    product = unique_name("none")
    stream = Stream(platform, platform.token, product=product)
    first = stream.last
    platform.new_device(platform.new_product())
    wait_for(lambda: stream.comments >= 2, timeout_s=20, what="a heartbeat")
    assert stream.events == [] and stream.last > first


def test_open_streams_end_when_the_platform_stops(own_platform):
    streams = [Stream(own_platform, own_platform.token) for _ in range(20)]
    began = time.monotonic()
    own_platform.stop()
    assert time.monotonic() - began < 10
    for stream in streams:
        stream.wait_end()


def test_a_log_that_was_cut_is_told(make_platform):
    platform = make_platform("--events-max", "5", start=True)
    product = platform.new_product()
    for number in range(12):
        platform.api.device_add(product, f"d{number}")
    platform.stop(), platform.start() # retention begins with a start
    wait_for(lambda: all_of(platform).events[0]["type"] == "log.cut", what="the cut")
    stream = all_of(platform, after=1)
    assert [e["type"] for e in stream.events[:2]] == ["log.cut", "device.changed"]
    assert int(stream.events[1]["id"]) == int(stream.events[0]["id"]) + 1
    assert len(stream.events) == 6
    beyond = all_of(platform, after=10 ** 9) # the database was restored from a copy
    assert beyond.events[0]["type"] == "log.cut" and len(beyond.events) == 6


def ferryctl(platform, *words):
    return [program("ferryctl"), "--data", str(platform.data), *words]


def test_ferryctl_shows_the_log_and_follows_it(own_platform, tmp_path):
    token = tmp_path / "token"
    token.write_text(own_platform.token, encoding="ascii")
    product = own_platform.new_product()
    own_platform.api.device_add(product, "a")
    shown = subprocess.run(ferryctl(own_platform, "events", product), check=True, capture_output=True, text=True).stdout
    assert shown.splitlines()[0].split()[:3] == ["ID", "TIME", "(UTC)"]
    assert all(word in shown.splitlines()[1] for word in ("device.changed", product, "a", "enabled"))
    lines = []
    with subprocess.Popen([program("ferryctl"), "--api", own_platform.api_url, "--token-file", str(token), "--json", "events",
                           f"{product}/b", "--follow", "--type", "device.changed", "--after", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as follow:
        reader = threading.Thread(target=lambda: lines.extend(map(json.loads, follow.stdout)), daemon=True)
        reader.start()
        try:
            own_platform.api.device_add(product, "b")
            line_count(lines, 1)
            own_platform.restart()
            own_platform.api.device_remove(product, "b")
            line_count(lines, 2)
        finally:
            follow.terminate()
            reader.join(10)
    assert [e["state"] for e in lines] == ["enabled", "deleted"]


def line_count(lines, count):
    wait_for(lambda: len(lines) >= count, timeout_s=15, what=f"{count} lines")


@pytest.mark.parametrize("words, status", [(["--type", "none"], 3), (["--after", "x"], 3), (["p/"], 2)])
def test_ferryctl_says_what_is_wrong(platform, words, status):
    done = subprocess.run(ferryctl(platform, "events", *words), capture_output=True, text=True, check=False)
    assert done.returncode == status and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is not the platform's")
def test_a_client_that_reads_nothing_holds_little(own_platform):
    product = own_platform.new_product()
    for number in range(400):
        own_platform.api.device_add(product, f"d{number:04}")
    before = resident(own_platform)
    idle = [requests.get(f"{own_platform.api_url}/api/v1/events?after=0", stream=True, timeout=30,
                         headers={"Authorization": f"Bearer {own_platform.token}"}) for _ in range(100)]
    live = Stream(own_platform, own_platform.token, product=product, after=0)
    live.wait(400)
    assert resident(own_platform) - before < 16 << 20
    for answer in idle:
        answer.close()


def test_one_caller_cannot_take_all_streams(make_platform):
    platform = make_platform("--api-streams-per-caller", "3")
    mine = [Stream(platform, platform.token) for _ in range(3)]
    refused = Caller(platform, platform.token)("GET", "/events")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests") and "Retry-After" in refused.headers
    other = Stream(platform, add_token(platform, "viewer")[1])
    mine[0].close()
    wait_for(lambda: Caller(platform, platform.token)("GET", "/events?follow=false").status_code == 200, what="a place that was left")
    for stream in (*mine[1:], other):
        stream.close()


def resident(platform):
    with open(f"/proc/{platform.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024


ALL_TOLD = {"webhook.changed", "user.changed", "token.changed", "audit.appended"}


def change_what_is_in_no_log(platform):
    hook = platform.api.call("POST", "/webhooks", json={"url": "http://127.0.0.1:9/", "types": ["device.changed"]})["id"]
    platform.api.call("DELETE", f"/webhooks/{hook}")
    platform.api.call("DELETE", f"/users/{add_user(platform)}")
    platform.api.call("DELETE", f"/tokens/{add_token(platform, 'viewer')[0]}")


@pytest.mark.parametrize("role, of_product, heard", [
    ("admin", False, ALL_TOLD),
    ("admin", True, ALL_TOLD - {"webhook.changed"}),
    ("operator", False, set()),
    ("viewer", False, set()),
])
def test_that_something_changed_is_told_to_those_who_may_read_it(own_platform, role, of_product, heard):
    product = own_platform.new_product()
    stream = Stream(own_platform, add_token(own_platform, role, [product] if of_product else None)[1])
    witness = Stream(own_platform, own_platform.token)
    filtered = Stream(own_platform, own_platform.token, type="device.changed")
    change_what_is_in_no_log(own_platform)
    wait_for(lambda: ALL_TOLD <= set(witness.told), what="the admin to hear all of it")
    own_platform.api.device_add(product, "d")  # behind it in every stream, though not in the topics' own time
    for one in (stream, filtered):
        one.wait(1)
    wait_for(lambda: heard <= set(stream.told), what="what the caller may hear")
    assert set(stream.told) - {"presence.changed"} == heard
    assert filtered.told == []


def test_no_webhook_is_told_what_is_in_no_log(platform):
    caller = Caller(platform, platform.token)
    for kind in sorted(ALL_TOLD | {"presence.changed"}):
        answer = caller("POST", "/webhooks", json={"url": "http://127.0.0.1:9/", "types": [kind]})
        assert answer.status_code == 400, answer.text
