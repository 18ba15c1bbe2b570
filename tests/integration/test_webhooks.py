"""Webhooks: what a receiver is told, and what becomes of one that is slow, wrong, down and back."""
import datetime
import email.utils
import hashlib
import hmac
import pathlib
import re
import subprocess
import time

import pytest

from certificates import make_pair
from ferry import SOURCE_DIR, VendorDevice, unique_name, wait_for
from openapi import OpenApi
from secret_watch import WATCH
from described_api import Client
from test_ferryctl import Ctl, REFUSED, USAGE
from webhook_receiver import Receiver

DESCRIPTION = OpenApi()
QUICK = ("--webhook-retry-first", "1s", "--webhook-retry-max", "1s", "--webhook-timeout", "2s")


@pytest.fixture
def make_receiver():
    made = []

    def make(**options):
        made.append(Receiver(**options))
        return made[-1]

    yield make
    for receiver in made:
        receiver.released.set()
        receiver.stop()


@pytest.fixture
def receiver(make_receiver):
    return make_receiver()


@pytest.fixture
def quick(make_platform):
    """A platform with short pauses."""
    return make_platform(*QUICK)


def add_hook(platform, receiver, **more):
    """The id of a new webhook; .secret is known to those who look for secrets in logs."""
    hook = Client(platform, platform.token).post("/webhooks", {"url": receiver.url, **more})
    WATCH.know(hook["secret"], "a webhook's secret")
    return hook


def get_hook(platform, hook):
    return Client(platform, platform.token).get(f"/webhooks/{hook['id']}")


def wait_state(platform, hook, state):
    return wait_for(lambda: (now := get_hook(platform, hook))["state"] == state and now, 20, f"a webhook that is {state}")


def wait_failing(platform, hook, failures=1):
    return wait_for(lambda: (now := get_hook(platform, hook))["failures"] >= failures and now, 20, "a failure")


def make_events(platform, product, count):
    """So many events of devices, by name."""
    names = [unique_name("d") for _ in range(count)]
    for name in names:
        platform.api.device_add(product, name)
    return names


def remove(platform, hook):
    platform.api.call("DELETE", f"/webhooks/{hook['id']}")


# --- when nobody is to be told ---


def wake_ups(platform, thread):
    """How often the thread of that name has gone to sleep."""
    for task in pathlib.Path(f"/proc/{platform.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == thread:
            return int(re.search(r"^voluntary_ctxt_switches:\t(\d+)", (task / "status").read_text(), re.M)[1])
    raise LookupError(thread)


def test_commits_wake_nobody_who_has_nothing_to_tell(make_platform, receiver):
    """The threads of webhooks and of event streams look at their clock once a second."""
    platform, commits = make_platform(), 100
    credential = platform.new_device()

    def woken(thread, device):
        before, began = wake_ups(platform, thread), time.monotonic()
        for number in range(commits):
            device.request_upload("log", b"%d" % number)
        return wake_ups(platform, thread) - before - (time.monotonic() - began)

    with VendorDevice(platform, credential) as device:
        assert woken("webhooks", device) < commits / 4
        assert woken("streams", device) < commits / 4
        hook = add_hook(platform, receiver, product=credential.product)
        assert woken("webhooks", device) > commits / 4
        remove(platform, hook)
        wait_for(lambda: woken("webhooks", device) < commits / 4, what="that it sleeps again")


# --- what it is told -----------------------------------------------------------------------------------------------


def test_it_tells_of_every_change_of_a_task_also_of_failures(platform, receiver):
    credential = platform.new_device()
    hook = add_hook(platform, receiver, product=credential.product)
    platform.api.resource_add(credential.product, "fw", b"firmware")
    deployment = platform.api.deploy(credential.product, "fw", [credential.device])["id"]
    with VendorDevice(platform, credential) as device:
        device.request_download()
        device.report_download("fw", "downloading", 50)
        device.report_download("fw", "fail", 50, code=-4, text="md5sum not matched")
        device.upload("log", b"some bytes")
    wait_for(lambda: ("upload", "stored", "done") in receiver.changes(), what="the end of the upload")
    changes = receiver.changes()
    for change in [("resource", None, "available"), ("deployment", None, "active"), ("download", None, "queued"),
                   ("download", "queued", "offered"), ("download", "offered", "downloading"),
                   ("download", "downloading", "failed"), ("deployment", "active", "finished"),
                   ("upload", None, "created"), ("upload", "created", "uploading"), ("upload", "uploading", "stored")]:
        assert change in changes, change
    failed, = (e for e in receiver.events() if e["state"] == "failed")
    assert (failed["deployment"], failed["device"], failed["result_code"], failed["result_msg"]) == (
        deployment, credential.device, -4, "md5sum not matched")
    receiver.assert_in_order()
    for event in receiver.events():
        DESCRIPTION.validate({"$ref": "#/components/schemas/Event"}, event, "event")
    wait_for(lambda: int(get_hook(platform, hook)["last_event"]) >= int(receiver.events()[-1]["id"]), what="the place")
    now = get_hook(platform, hook)
    assert (now["failures"], now["last_status"], now["last_error"]) == (0, 200, None) and now["last_success_at"]
    remove(platform, hook)


def documented(language):
    """The example of docs/webhooks.md in that language."""
    text = (SOURCE_DIR / "docs" / "webhooks.md").read_text(encoding="utf-8")
    return re.search(rf"```{language} verify\n(.*?)```", text, re.S)[1]


def test_the_signature_can_be_verified_as_documented(platform, receiver, tmp_path):
    product = platform.new_product()
    hook = add_hook(platform, receiver, product=product)
    make_events(platform, product, 1)
    receiver.wait(1)
    got = receiver.requests[0]
    assert got.path == "/hook?key=1"
    assert got.headers["Content-Type"] == "application/json" and got.headers["User-Agent"].startswith("Ferry/")
    assert got.headers["Ferry-Event"] == got.event["type"] == "device.changed"
    assert got.headers["Ferry-Event-Id"] == got.event["id"]
    assert abs(int(got.headers["Ferry-Timestamp"]) - time.time()) < 300
    names = {}
    exec(documented("python"), names)  # pylint: disable=exec-used
    assert names["is_genuine"](hook["secret"], got.headers, got.body)
    assert not names["is_genuine"](hook["secret"], got.headers, got.body + b" ")
    assert not names["is_genuine"]("another secret!!", got.headers, got.body)
    old = dict(got.headers.items()) | {"Ferry-Timestamp": "1767322800"}
    old["Ferry-Signature"] = "v1=" + hmac.new(hook["secret"].encode(), b"1767322800." + got.body, hashlib.sha256).hexdigest()
    assert not names["is_genuine"](hook["secret"], old, got.body)
    (tmp_path / "body").write_bytes(got.body)
    done = subprocess.run(["sh", "-c", documented("sh")], cwd=tmp_path, capture_output=True, text=True, check=True,
                          env={"PATH": "/usr/bin:/bin", "TIMESTAMP": got.headers["Ferry-Timestamp"], "SECRET": hook["secret"]})
    assert done.stdout.strip() == got.headers["Ferry-Signature"]
    remove(platform, hook)


def test_the_filter_leaves_out_what_was_not_asked_for(platform, make_receiver):
    mine, other = platform.new_product(), platform.new_product()
    by_type, by_device, all_of_it = make_receiver(), make_receiver(), make_receiver()
    hooks = [add_hook(platform, by_type, types=["resource.changed", "deployment.changed"], product=mine),
             add_hook(platform, by_device, product=mine, device="d2"), add_hook(platform, all_of_it, product=mine)]
    for product in (mine, other):
        for name in ("d1", "d2"):
            platform.api.device_add(product, name)
        platform.api.resource_add(product, "r", b"bytes")
    all_of_it.wait(3)
    by_type.wait(1)
    assert [e["type"] for e in all_of_it.events()] == ["device.changed", "device.changed", "resource.changed"]
    assert {e["product"] for r in (by_type, by_device, all_of_it) for e in r.events()} == {mine}
    assert [e["type"] for e in by_type.events()] == ["resource.changed"]
    assert [e["device"] for e in by_device.events()] == ["d2"]
    changed = Client(platform, platform.token)("PATCH", f"/webhooks/{hooks[1]['id']}", json={"device": None, "types": ["resource.changed"]})
    assert (changed.json()["device"], changed.json()["types"], changed.json()["product"]) == (None, ["resource.changed"], mine)
    platform.api.resource_add(mine, "r2", b"bytes")
    wait_for(lambda: [e["type"] for e in by_device.events()][1:] == ["resource.changed"], what="an event by the new filter")
    for hook in hooks:
        remove(platform, hook)


def test_a_new_webhook_does_not_write_down_at_once_what_is_not_for_it(platform, receiver):
    """That may wait: it changes what an operator sees, and whoever just made the webhook is about to look at it."""
    hook = add_hook(platform, receiver, product="nobody")
    make_events(platform, platform.new_product(), 3)
    time.sleep(1)
    assert get_hook(platform, hook)["last_event"] == hook["last_event"]
    remove(platform, hook)


def test_over_https_the_certificate_must_be_good(make_platform, make_receiver, tmp_path):
    good, bad = (make_pair(tmp_path, name) for name in ("good", "bad"))
    platform = make_platform(*QUICK, "--webhook-ca", str(good[0]))
    trusted, stranger = make_receiver(certificate=good), make_receiver(certificate=bad)
    product = platform.new_product()
    add_hook(platform, trusted, product=product)
    refused = add_hook(platform, stranger, product=product)
    make_events(platform, product, 1)
    trusted.wait(1)
    assert "certificate" in wait_failing(platform, refused)["last_error"].lower()
    assert stranger.requests == []


# --- receivers that are slow, wrong, down and back -------------------------------------------------------------------


def close_at_once(handler, _received):
    handler.connection.close()


def garbage(handler, _received):
    handler.wfile.write(b"\x00\xffno HTTP at all\r\n\r\n")


def redirect(handler, _received):
    handler.send_response(307)
    handler.send_header("Location", handler.path + "&again")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def break_off(handler, _received):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"not a thousand")


@pytest.mark.parametrize("wrong, status, words", [
    (500, 500, "answered 500"), (404, 404, "answered 404"), (redirect, 307, "answered 307"), (close_at_once, None, ""),
    (garbage, None, ""), (break_off, 200, ""), ("hang", None, "timed out"),
], ids=["500", "404", "redirect", "closes", "garbage", "breaks-off", "hangs"])
def test_what_is_not_taken_is_sent_again_until_it_is(quick, make_receiver, wrong, status, words):
    platform, receiver, other = quick, make_receiver(), make_receiver()
    receiver.answer = receiver.hang if wrong == "hang" else wrong
    product = platform.new_product()
    hook = add_hook(platform, receiver, product=product)
    add_hook(platform, other, product=product)
    names = make_events(platform, product, 3)
    other.wait(3)  # and this one waited for nobody
    now = wait_failing(platform, hook)
    assert now["last_status"] == status and words.lower() in now["last_error"].lower()
    assert now["state"] == "active" and now["failing_since"] and now["next_attempt_at"]
    receiver.wait_requests(2)
    assert {r.id for r in receiver.requests} == {receiver.requests[0].id}, "only the first was tried"
    receiver.answer = 200
    receiver.released.set()
    receiver.wait(3)
    assert [e["device"] for e in receiver.events()] == names
    receiver.assert_in_order()
    wait_for(lambda: get_hook(platform, hook)["failures"] == 0, what="its recovery")
    assert get_hook(platform, hook)["failing_since"] is None
    assert not [r for r in receiver.requests if "again" in r.path], "the redirect was followed"
    log = platform.log()
    assert log.count("was not delivered and is tried again") == 1 and "works again" in log
    assert platform.api.metric("ferry_webhook_deliveries_total") >= 6 and platform.api.metric("ferry_webhook_failures_total") >= 1


def test_an_endless_answer_counts_by_its_status(quick, receiver):
    def endless(handler, _received):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 4096)
        except OSError:
            pass

    product = quick.new_product()
    receiver.answer = endless
    hook = add_hook(quick, receiver, product=product)
    make_events(quick, product, 2)
    receiver.wait_requests(2)
    wait_for(lambda: get_hook(quick, hook)["last_event"] == str(receiver.requests[1].id), what="the place behind both")
    assert [r.id for r in receiver.requests] == sorted({r.id for r in receiver.requests})


def test_nothing_is_lost_while_it_is_down_and_the_order_is_kept_over_restarts(quick, receiver):
    platform, product = quick, quick.new_product()
    hook = add_hook(platform, receiver, product=product)
    names = make_events(platform, product, 3)
    receiver.wait(3)
    receiver.stop()
    names += make_events(platform, product, 3)
    wait_failing(platform, hook)
    platform.restart()
    names += make_events(platform, product, 3)
    wait_failing(platform, hook)
    platform.kill9()
    platform.start()
    names += make_events(platform, product, 3)
    receiver.start()
    receiver.wait(12)
    assert [e["device"] for e in receiver.events()] == names
    receiver.assert_in_order()


def test_a_sudden_end_in_the_middle_loses_nothing(quick, receiver):
    platform, product = quick, quick.new_product()
    add_hook(platform, receiver, product=product)
    names = []
    for _ in range(3):
        names += make_events(platform, product, 20)
        receiver.wait(len(names) - 15)
        platform.kill9()
        platform.start()
    receiver.wait(len(names))
    assert [e["device"] for e in receiver.events()] == names
    receiver.assert_in_order()


def test_a_backlog_is_delivered_without_a_pause_after_each_event(quick, receiver):
    """One request follows the other: nothing else happens that would wake the thread."""
    count, product = 300, quick.new_product()
    hook = add_hook(quick, receiver, product=product)
    change = Client(quick, quick.token)
    change("PATCH", f"/webhooks/{hook['id']}", json={"disabled": True})
    lines = "".join(f"d{number},MDEyMzQ1Njc4OWFiY2RlZg==\n" for number in range(count))
    answer = quick.api.call("POST", "/devices/import", params={"product": product}, data="name,secret\n" + lines,
                            headers={"Content-Type": "text/csv"})
    assert answer["added"] == count
    change("PATCH", f"/webhooks/{hook['id']}", json={"disabled": False})
    receiver.wait(count, 30)  # with a pause it was a quarter of a second for each
    assert [e["device"] for e in receiver.events()] == [f"d{number}" for number in range(count)]


def test_what_was_delivered_is_not_delivered_again_after_a_clean_end(quick, receiver):
    product = quick.new_product()
    hook = add_hook(quick, receiver, product=product)
    make_events(quick, product, 5)
    receiver.wait(5)
    wait_for(lambda: get_hook(quick, hook)["last_event"] == receiver.events()[-1]["id"], what="the place behind all")
    quick.restart()
    make_events(quick, product, 1)
    receiver.wait(6)
    assert len(receiver.taken) == 6


def test_a_log_that_was_cut_is_told(make_platform, receiver):
    platform = make_platform(*QUICK, "--events-max", "3")
    product = platform.new_product()
    hook = add_hook(platform, receiver, product=product)
    platform.api.call("PATCH", f"/webhooks/{hook['id']}", json={"disabled": True})
    make_events(platform, product, 12)
    platform.restart()  # the log is cut once a minute, and at the start
    wait_for(lambda: platform.api.call("GET", "/events", ok=False, params={"after": "0", "follow": "false"}).text
             .startswith("id: 9\nevent: log.cut"), what="the cut")
    platform.api.call("PATCH", f"/webhooks/{hook['id']}", json={"disabled": False})
    receiver.wait(4)
    cut, *rest = receiver.events()
    DESCRIPTION.validate({"$ref": "#/components/schemas/LogCut"}, cut, "cut")
    assert receiver.requests[0].headers["Ferry-Event"] == "log.cut"
    assert [int(e["id"]) for e in rest] == [int(cut["id"]) + n for n in (1, 2, 3)]


# --- parked ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(make_platform):
    return make_platform(*QUICK, "--webhook-failures-max", "2")


def test_after_its_failures_it_is_parked_and_goes_on_when_resumed(impatient, receiver):
    platform, product = impatient, impatient.new_product()
    receiver.answer = 503
    hook = add_hook(platform, receiver, product=product)
    names = make_events(platform, product, 2)
    now = wait_state(platform, hook, "parked")
    assert (now["failures"], now["last_status"], now["next_attempt_at"]) == (2, 503, None) and now["failing_since"]
    assert platform.log().count("is parked after 2 attempts that failed: the receiver answered 503") == 1
    assert platform.api.metric("ferry_store_webhooks_parked") == 1 and platform.api.metric("ferry_store_webhooks") == 1
    platform.kill9()
    platform.start()
    names += make_events(platform, product, 1)
    assert get_hook(platform, hook)["state"] == "parked" and len(receiver.requests) == 2
    receiver.answer = 200
    resumed = platform.api.call("POST", f"/webhooks/{hook['id']}/resume", json={})
    assert (resumed["state"], resumed["failures"]) == ("active", 0)
    receiver.wait(3)
    assert [e["device"] for e in receiver.events()] == names
    assert platform.api.metric("ferry_store_webhooks_parked") == 0


def test_resumed_with_skip_it_goes_on_from_now(impatient, receiver):
    platform, product = impatient, impatient.new_product()
    receiver.answer = 503
    hook = add_hook(platform, receiver, product=product)
    make_events(platform, product, 2)
    wait_state(platform, hook, "parked")
    receiver.answer = 200
    platform.api.call("POST", f"/webhooks/{hook['id']}/resume", json={"skip": True})
    names = make_events(platform, product, 1)
    receiver.wait(1)
    assert [e["device"] for e in receiver.events()] == names


def test_it_is_parked_by_its_time(make_platform, receiver):
    platform = make_platform(*QUICK, "--webhook-park-after", "1s")
    product = platform.new_product()
    receiver.answer = 500
    hook = add_hook(platform, receiver, product=product)
    make_events(platform, product, 1)
    assert wait_state(platform, hook, "parked")["failures"] >= 2


def test_gone_parks_at_once(quick, receiver):
    product = quick.new_product()
    receiver.answer = 410
    hook = add_hook(quick, receiver, product=product)
    make_events(quick, product, 1)
    assert wait_state(quick, hook, "parked")["failures"] == 1
    assert len(receiver.requests) == 1


# --- changes while it is under way -------------------------------------------------------------------------------------


def test_a_webhook_that_is_removed_while_it_delivers_is_told_no_more(quick, make_receiver):
    slow, other, product = make_receiver(), make_receiver(), quick.new_product()
    slow.answer = slow.hang
    hook = add_hook(quick, slow, product=product)
    add_hook(quick, other, product=product)
    make_events(quick, product, 1)
    slow.wait_requests(1)
    remove(quick, hook)
    make_events(quick, product, 1)
    other.wait(2)
    slow.answer = 200
    slow.released.set()
    quick.restart()
    make_events(quick, product, 1)
    other.wait(3)
    assert len(slow.requests) == 1 and slow.taken == []
    assert Client(quick, quick.token).refused(404, "not_found", "GET", f"/webhooks/{hook['id']}")


def test_disabled_it_waits_at_its_place(platform, receiver):
    product = platform.new_product()
    hook = add_hook(platform, receiver, product=product)
    api = Client(platform, platform.token)
    assert api("PATCH", f"/webhooks/{hook['id']}", json={"disabled": True}).json()["state"] == "disabled"
    api.refused(409, "conflict", "POST", f"/webhooks/{hook['id']}/resume", json={})
    names = make_events(platform, product, 2)
    assert api("PATCH", f"/webhooks/{hook['id']}", json={"disabled": False}).json()["state"] == "active"
    receiver.wait(2)
    assert [e["device"] for e in receiver.events()] == names
    remove(platform, hook)


def test_a_new_url_and_a_new_secret_count_from_the_next_attempt(quick, make_receiver):
    wrong, right, product = make_receiver(), make_receiver(), quick.new_product()
    wrong.answer = 500
    hook = add_hook(quick, wrong, product=product)
    make_events(quick, product, 1)
    wait_failing(quick, hook)
    api = Client(quick, quick.token)
    api("PATCH", f"/webhooks/{hook['id']}", json={"url": right.url})
    right.wait(1)
    changed = api("POST", f"/webhooks/{hook['id']}/secret", json={}).json()
    WATCH.know(changed["secret"], "a webhook's secret")
    assert changed["secret"] != hook["secret"]
    make_events(quick, product, 1)
    right.wait(2)
    for secret, got in ((hook["secret"], right.requests[0]), (changed["secret"], right.requests[1])):
        text = got.headers["Ferry-Timestamp"].encode() + b"." + got.body
        assert got.headers["Ferry-Signature"] == "v1=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def rotate(platform, hook, **order):
    changed = Client(platform, platform.token)("POST", f"/webhooks/{hook['id']}/secret", json=order).json()
    WATCH.know(changed["secret"], "a webhook's secret")
    return changed


def taken_by(secret):
    """The answer of a receiver that knows this secret, and checks as documented."""
    names = {}
    exec(documented("python"), names)  # pylint: disable=exec-used
    return lambda _handler, got: 200 if names["is_genuine"](secret, got.headers, got.body) else 401


def test_after_a_rotation_the_receiver_has_time_to_learn_the_new_secret(quick, receiver):
    product = quick.new_product()
    hook = add_hook(quick, receiver, product=product)
    assert hook["old_secret_until"] is None
    receiver.answer = taken_by(hook["secret"])
    before = time.time()
    changed = rotate(quick, hook, overlap_s=3600)
    until = datetime.datetime.fromisoformat(changed["old_secret_until"].replace("Z", "+00:00")).timestamp()
    assert before + 3599 <= until <= time.time() + 3601
    names = make_events(quick, product, 1)
    receiver.wait(1)
    quick.kill9()
    quick.start()
    names += make_events(quick, product, 1)
    receiver.wait(2)
    assert get_hook(quick, hook)["old_secret_until"] == changed["old_secret_until"]
    receiver.answer = taken_by(changed["secret"])
    names += make_events(quick, product, 1)
    receiver.wait(3)
    assert [e["device"] for e in receiver.events()] == names and len(receiver.requests) == len(receiver.taken)
    assert {r.headers["Ferry-Signature"].count("v1=") for r in receiver.requests} == {2}
    ended = rotate(quick, hook)
    assert ended["old_secret_until"] is None
    make_events(quick, product, 1)
    assert wait_failing(quick, hook)["last_status"] == 401  # both are of the past
    receiver.answer = taken_by(ended["secret"])
    receiver.wait(4)
    assert receiver.requests[-1].headers["Ferry-Signature"].count("v1=") == 1


def test_the_old_secret_of_a_webhook_ends_also_while_the_platform_is_down(quick, receiver):
    from test_identity import rows
    product = quick.new_product()
    hook = add_hook(quick, receiver, product=product)
    changed = rotate(quick, hook, overlap_s=2)
    quick.kill9()
    (kept, until_ms), = rows(quick, "SELECT length(old_secret), old_until_ms FROM webhook")
    assert kept > 0
    wait_for(lambda: time.time() * 1000 > until_ms, what="the end of its time")
    quick.start()
    make_events(quick, product, 1)
    receiver.wait(1)
    wait_for(lambda: rows(quick, "SELECT length(old_secret), old_until_ms FROM webhook") == [(0, 0)], what="the end of the old secret")
    assert get_hook(quick, hook)["old_secret_until"] is None
    got = receiver.requests[0]
    text = got.headers["Ferry-Timestamp"].encode() + b"." + got.body
    assert got.headers["Ferry-Signature"] == "v1=" + hmac.new(changed["secret"].encode(), text, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("overlap", [-1, 7776001, "1h", None])
def test_an_overlap_that_is_none_is_refused(platform, receiver, overlap):
    hook = add_hook(platform, receiver, product="nobody")
    api = Client(platform, platform.token)
    problem = api.refused(400, "invalid_field", "POST", f"/webhooks/{hook['id']}/secret", json={"overlap_s": overlap})
    assert problem["field"] == "overlap_s"
    remove(platform, hook)


def test_the_secret_is_shown_once_and_lies_nowhere_in_the_open(own_platform, receiver):
    product = own_platform.new_product()
    given = "a-secret-of-our-own-choice"
    hook = add_hook(own_platform, receiver, product=product, secret=given)
    made = add_hook(own_platform, receiver, product=product)
    assert hook["secret"] == given and re.fullmatch(r"ferry_hook_[0-9a-f]{48}", made["secret"])
    make_events(own_platform, product, 1)
    receiver.wait(1)
    api = Client(own_platform, own_platform.token)
    seen = str(api.get("/webhooks")) + str(api.get(f"/webhooks/{hook['id']}")) + str(api.get("/audit")) + own_platform.log()
    assert given not in seen and made["secret"] not in seen and "secret'" not in str(api.get("/webhooks"))
    own_platform.stop()
    for path in pathlib.Path(own_platform.data).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert given.encode() not in content and made["secret"].encode() not in content, path
    own_platform.start()
    make_events(own_platform, product, 1)
    wait_for(lambda: len({r.headers["Ferry-Signature"] for r in receiver.requests}) >= 4, what="four requests, each signed anew")


def test_a_new_key_of_the_secrets_reaches_them(own_platform, receiver):
    from test_identity import ferryd
    product = own_platform.new_product()
    hook = add_hook(own_platform, receiver, product=product)
    new = rotate(own_platform, hook, overlap_s=3600)
    own_platform.stop()
    done = ferryd("--data", own_platform.data, "--rotate-secrets-key")
    assert done.returncode == 0, done.stderr
    own_platform.start()
    make_events(own_platform, product, 1)
    receiver.wait(1)
    for secret in (new["secret"], hook["secret"]):
        assert taken_by(secret)(None, receiver.requests[0]) == 200


# --- bounds ------------------------------------------------------------------------------------------------------------


def test_dead_receivers_delay_neither_others_nor_the_platform(make_platform, make_receiver):
    platform = make_platform("--webhook-timeout", "30s")
    slow, good, product = make_receiver(), make_receiver(), platform.new_product()
    slow.answer = slow.hang
    for _ in range(30):
        add_hook(platform, slow, product=product)
    add_hook(platform, good, product=product)
    names = make_events(platform, product, 30)
    good.wait(30)
    assert [e["device"] for e in good.events()] == names
    assert len(slow.requests) <= 30, "one request of each at a time"
    began = time.monotonic()
    platform.restart()  # breaks them off
    assert time.monotonic() - began < 25, "the end waited for a receiver"


def test_only_so_many_may_be_made(make_platform, receiver):
    platform = make_platform("--webhooks-max", "1")
    api = Client(platform, platform.token)
    hook = add_hook(platform, receiver)
    assert "webhooks-max" in api.refused(409, "conflict", "POST", "/webhooks", json={"url": receiver.url})["detail"]
    remove(platform, hook)
    add_hook(platform, receiver)


def test_receivers_of_a_private_network_can_be_forbidden(make_platform, receiver):
    platform = make_platform(*QUICK, "--webhook-public-only")
    product = platform.new_product()
    hook = add_hook(platform, receiver, product=product)
    make_events(platform, product, 1)
    assert "may reach" in wait_failing(platform, hook)["last_error"]
    assert receiver.requests == []


def test_link_local_addresses_are_never_reached(quick):
    product = quick.new_product()
    api = Client(quick, quick.token)
    hook = api.post("/webhooks", {"url": "http://169.254.169.254/latest/meta-data", "product": product})
    make_events(quick, product, 1)
    assert "may reach" in wait_failing(quick, hook)["last_error"]


@pytest.mark.parametrize("url", ["ftp://a/", "http://user:password@a/", "http://a/#part", "javascript:alert(1)", "http://a b/"])
def test_urls_that_are_none_are_refused(api, url):
    assert api.refused(400, "invalid_field", "POST", "/webhooks", json={"url": url})["field"] == "url"


def test_the_audit_log_tells_who_changed_what(platform, receiver):
    hook = add_hook(platform, receiver, product="nobody", types=["upload.changed"])
    api = Client(platform, platform.token)
    api("PATCH", f"/webhooks/{hook['id']}", json={"disabled": True})
    remove(platform, hook)
    records = [r for r in api.get("/audit", object=f"webhook/{hook['id']}", sort="seq")["items"]]
    assert [r["action"] for r in records] == ["webhook.add", "webhook.change", "webhook.remove"]
    assert records[0]["after"]["types"] == ["upload.changed"] and records[0]["after"]["url"].endswith("/hook")
    assert (records[1]["before"]["state"], records[1]["after"]["state"]) == ("active", "disabled")


# --- ferryctl ------------------------------------------------------------------------------------------------------------


def test_ferryctl_makes_shows_changes_resumes_and_removes_them(impatient, receiver, tmp_path):
    platform, product = impatient, impatient.new_product()
    ctl = Ctl(platform)
    secret = tmp_path / "secret"
    secret.write_text("a-secret-of-our-own-choice\n")
    receiver.answer = 500
    made, = ctl.rows("webhook", "add", receiver.url, "--type", "device.changed", "--type", "upload.changed", "--product", product,
                     "--secret-file", secret)
    assert (made["secret"], made["types"], made["product"]) == (
        "a-secret-of-our-own-choice", ["upload.changed", "device.changed"], product)
    make_events(platform, product, 2)
    wait_state(platform, made, "parked")
    out = ctl("webhook", "list").out
    assert receiver.url in out and "parked" in out and "answered 500" in out and "a-secret" not in out
    out = ctl("webhook", "show", made["id"]).out
    assert re.search(r"^State: +parked$", out, re.M) and re.search(r"^ +why: +the receiver answered 500$", out, re.M)
    assert re.search(r"^ +parked: +1$", ctl("status").out, re.M)
    receiver.answer = 200
    assert ctl.rows("webhook", "resume", made["id"])[0]["state"] == "active"
    receiver.wait(2)
    changed, = ctl.rows("webhook", "change", made["id"], "--everything", "--device", "d", "--disable")
    assert (changed["types"], changed["product"], changed["device"], changed["state"]) == ([], None, "d", "disabled")
    changed, = ctl.rows("webhook", "change", made["id"], "--enable", "--url", receiver.url + "&more=1", "--new-secret")
    WATCH.know(changed["secret"], "a webhook's secret")
    assert changed["state"] == "active" and changed["url"].endswith("more=1") and changed["secret"].startswith("ferry_hook_")
    assert changed["old_secret_until"] is None and "Old secret" not in ctl("webhook", "show", made["id"]).out
    said = ctl("webhook", "change", made["id"], "--new-secret", "--overlap", "1h")
    assert "not shown again" in said.err and "ferry_hook_" in said.out and "Old secret until (UTC):" in said.out
    assert "Old secret until (UTC):" in ctl("webhook", "show", made["id"]).out
    ctl("webhook", "change", made["id"], "--enable", "--overlap", "1h", status=USAGE)
    assert ctl.rows("webhook", "resume", made["id"], "--skip")[0]["failures"] == 0
    ctl("webhook", "rm", made["id"])
    assert ctl.rows("webhook", "list") == []
    ctl("webhook", "show", made["id"], status=REFUSED)
    ctl("webhook", "change", made["id"], status=USAGE)
    ctl("webhook", "change", made["id"], "--enable", "--disable", status=USAGE)
    ctl("webhook", "add", "http://a/", "--product", "p", "--product", "q", status=USAGE)
    ctl("webhook", "add", "ftp://a/", status=REFUSED)


@pytest.mark.parametrize("after, wait_s", [("600", 600), ("date", 1200), ("999999", 3600), ("soon", 5)])
def test_a_receiver_that_is_busy_says_when_to_come_back(platform, make_receiver, after, wait_s):
    receiver, product = make_receiver(), platform.new_product()
    receiver.answer = 429
    date = email.utils.format_datetime(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1200), usegmt=True)
    receiver.headers["Retry-After"] = date if after == "date" else after
    hook = add_hook(platform, receiver, product=product)
    platform.new_device(product)
    now = wait_failing(platform, hook)
    failed, again = (datetime.datetime.fromisoformat(now[at].replace("Z", "+00:00")) for at in ("failing_since", "next_attempt_at"))
    assert wait_s / 2 - 1 <= (again - failed).total_seconds() <= wait_s
    if after in ("600", "999999"):
        assert (again - failed).total_seconds() == wait_s
    remove(platform, hook)
