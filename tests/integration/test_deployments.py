"""Deployments in time: tried again by themselves, begun and ended when the order says, also over a sudden death."""
import base64
import datetime
import sqlite3
import subprocess
import time

import pytest

from ferry import PATIENCE, ApiError, VendorDevice, program, wait_for
from test_ferryctl import USAGE, Ctl

RETRIES = ("--deploy-retry-first", "1s", "--deploy-retry-max", "2s")


def test_the_tasks_of_a_device_are_listed_over_all_deployments(platform, product):
    credential, other = platform.new_device(product), platform.new_device(product)
    orders = []
    for name in ("a", "b", "c"):
        platform.api.resource_add(product, name, b"bytes")
        orders.append(platform.api.deploy(product, name, [credential.device, other.device])["id"])
    query = {"product": product, "device": credential.device}
    rows = platform.api.list("/downloads", **query, limit=2)
    assert [(row["deployment"], row["name"]) for row in rows] == [(orders[2], "c"), (orders[1], "b"), (orders[0], "a")]
    assert {row["device"] for row in rows} == {credential.device}
    platform.api.deployment_cancel(orders[0])
    assert [row["name"] for row in platform.api.list("/downloads", **query, state="cancelled")] == ["a"]
    assert platform.api.list("/downloads", product=product, device="nobody") == []


def utc(seconds_from_now):
    """Such a time as the API takes it."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)).isoformat(
        timespec="milliseconds").replace("+00:00", "Z")


def state_of(platform, deployment):
    return platform.api.deployment(deployment["id"])["state"]


def fail_once(device, name="fw"):
    device.report_download(name, "downloading", 10)
    device.wait("report_download_progress_rsp", 5)
    device.report_download(name, "fail", code=-4, text="md5sum not matched")
    device.wait("report_download_progress_rsp", 5)


def test_a_device_that_failed_is_tried_again_by_itself_also_over_a_sudden_death(make_platform):
    platform = make_platform(*RETRIES)
    credential = platform.new_device()
    platform.api.resource_add(credential.product, "fw", b"bytes")
    with VendorDevice(platform, credential) as device:
        order = platform.api.deploy(credential.product, "fw", [credential.device], retries=2)
        assert (order["retries"], order["end_at"]) == (2, None)
        device.wait("download", 5)
        fail_once(device)
        task = platform.api.download_task(order["id"], credential.device)
        assert (task["state"], task["retries"], task["result_code"]) == ("queued", 1, -4)
        assert task["result_msg"] == "md5sum not matched" and task["release_at"] > task["updated_at"]
        platform.kill9()
        platform.start()
        began = time.monotonic()
        device.wait("download", 5 * PATIENCE)
        assert time.monotonic() - began < 3 * PATIENCE
        fail_once(device)
        offer = device.wait("download", 5 * PATIENCE)
        data, _ = device.fetch(offer)
        assert data == b"bytes" and device.download_verdict("fw")["result_code"] == 0
    task = platform.api.download_task(order["id"], credential.device)
    assert (task["state"], task["retries"], task["result_code"]) == ("done", 2, 0)
    assert state_of(platform, order) == "finished"


def test_after_its_retries_a_device_has_failed_and_an_operator_may_go_on(make_platform):
    platform = make_platform(*RETRIES)
    credential = platform.new_device()
    platform.api.resource_add(credential.product, "fw", b"bytes")
    with VendorDevice(platform, credential) as device:
        order = platform.api.deploy(credential.product, "fw", [credential.device], retries=1)
        for _ in range(2):
            device.wait("download", 5 * PATIENCE)
            fail_once(device)
        assert platform.api.wait_download(order["id"], credential.device, "failed")["retries"] == 1
        assert state_of(platform, order) == "finished"
        assert platform.api.deployment_retry(order["id"]) == {"retried": 1}
        device.wait("download", 5)
        assert platform.api.download_task(order["id"], credential.device)["retries"] == 0
        fail_once(device)
        assert platform.api.download_task(order["id"], credential.device)["state"] == "queued"


def test_what_failed_for_one_cause_is_tried_again_by_one_request(platform):
    causes = {"a": (-4, "disk full"), "b": (-4, "disk full"), "c": (-4, "too old"), "d": (-5, "disk full")}
    product = platform.new_product()
    credentials = [platform.new_device(product, name) for name in causes]
    platform.api.resource_add(product, "fw", b"bytes")
    order = platform.api.deploy(product, "fw", list(causes))
    for credential in credentials:
        code, text = causes[credential.device]
        with VendorDevice(platform, credential) as device:
            device.request_download()
            device.report_download("fw", "downloading", 0)
            device.wait("report_download_progress_rsp")
            device.report_download("fw", "fail", code=code, text=text)
            assert device.wait("report_download_progress_rsp")["result_code"] == 0

    def failed():
        return {task["device"] for task in platform.api.deployment_tasks(order["id"], state="failed")}

    def cause(count, code, text):
        return {"state": "failed", "result_code": code, "result_msg": text, "count": count}

    rare = [cause(1, -5, "disk full"), cause(1, -4, "too old")]
    assert failed() == set(causes)
    assert platform.api.deployment_causes(order["id"]) == {"items": [cause(2, -4, "disk full"), *rare], "others": 0}
    assert platform.api.deployment_retry(order["id"], state="timed_out") == {"retried": 0}
    assert platform.api.deployment_retry(order["id"], state="failed", result_code=-4, result_msg="disk full") == {"retried": 2}
    assert failed() == {"c", "d"}
    assert platform.api.deployment_causes(order["id"]) == {"items": rare, "others": 0}
    assert platform.api.deployment_retry(order["id"], result_code=-5) == {"retried": 1}
    assert platform.api.deployment_retry(order["id"], result_msg="disk full") == {"retried": 0}
    assert platform.api.deployment_retry(order["id"]) == {"retried": 1}
    assert failed() == set()
    assert platform.api.deployment_causes(order["id"]) == {"items": [], "others": 0}


def deployment_that_failed(platform, count, msg, **options):
    """A deployment to that many devices, d00000 and so on, all of which have failed, for the causes of an SQL expression."""
    product = platform.new_product()
    secret = base64.b64encode(bytes(32)).decode()
    lines = "name,secret\n" + "".join(f"d{n:05},{secret}\n" for n in range(count))
    answer = platform.api.call("POST", "/devices/import", params={"product": product}, data=lines,
                               headers={"Content-Type": "text/csv"})
    assert answer["added"] == count
    platform.api.resource_add(product, "fw", b"bytes")
    order = platform.api.deploy(product, "fw", **options)
    wait_for(lambda: not platform.api.deployment(order["id"])["expanding"], 60 * PATIENCE, "the tasks are made")
    platform.stop()
    database = sqlite3.connect(platform.data / "ferry.db")
    with database:
        database.execute("UPDATE deployment SET state = 2")
        database.execute("UPDATE download SET state = 5, due_ms = NULL, ended_ms = updated_ms, result_code = -4, result_msg = " + msg)
    database.close()
    platform.start()
    return order


def test_of_many_causes_the_most_frequent_are_told_and_the_others_counted(own_platform):
    order = deployment_that_failed(own_platform, 250, "iif(device < 'd00050', 'disk full', 'odd ' || device)")
    causes = own_platform.api.deployment_causes(order["id"])
    assert causes["items"][0] == {"state": "failed", "result_code": -4, "result_msg": "disk full", "count": 50}
    assert [cause["result_msg"] for cause in causes["items"][1:]] == [f"odd d{n:05}" for n in range(50, 149)]
    assert causes["others"] == 101
    ctl = Ctl(own_platform)
    lines = ctl("deployment", "causes", order["id"]).out.splitlines()
    assert lines[1].split() == ["50", "failed", "-4", "disk", "full"] and lines[-1] == "and 101 for rarer causes"
    assert ctl.row("deployment", "causes", order["id"]) == causes


def test_how_a_deployment_went_over_time_is_kept(own_platform):
    platform = own_platform
    product = platform.new_product()
    credentials = [platform.new_device(product, name) for name in ("a", "b", "c")]
    platform.api.resource_add(product, "fw", b"bytes")
    order = platform.api.deploy(product, "fw", ["a", "b", "c"])["id"]

    def last(limit=250):
        points = platform.api.list(f"/deployments/{order}/progress", limit=limit)
        assert len(points) <= min(limit, 60) and points == sorted(points, key=lambda point: point["time"])
        return [(point["done"], point["failed"], point["open"]) for point in points[-1:]]

    assert last() == []
    with VendorDevice(platform, credentials[0]) as device:
        device.request_download()
        device.report_download("fw", "done", 100)
        device.wait("report_download_progress_rsp")
    assert last() == [(1, 0, 2)]
    with VendorDevice(platform, credentials[1]) as device:
        device.request_download()
        fail_once(device)
    assert last() == last(limit=1) == [(1, 1, 1)]
    platform.api.deployment_retry(order)
    wait_for(lambda: last() == [(1, 0, 2)], what="the task that is tried again")
    platform.api.call("POST", f"/deployments/{order}/cancel")
    wait_for(lambda: last() == [(1, 2, 0)], what="the tasks that are cancelled")
    platform.kill9()
    platform.start()
    assert last() == last(limit=1) == [(1, 2, 0)]
    shown = Ctl(platform)("deployment", "progress", order, "--limit", "1").out
    assert shown.splitlines()[0].split()[-3:] == ["DONE", "FAILED", "OPEN"]
    assert shown.splitlines()[-1].split()[-3:] == ["1", "2", "0"]


def released(platform, order):
    return sorted(datetime.datetime.fromisoformat(task["release_at"].replace("Z", "+00:00"))
                  for task in platform.api.deployment_tasks(order["id"]))


def test_a_large_retry_goes_on_after_a_sudden_death_at_its_rate(own_platform):
    order = deployment_that_failed(own_platform, 4000, "'disk full'", rate_per_min=6000)
    assert own_platform.api.deployment_retry(order["id"], state="failed", result_msg="disk full") == {"retried": 4000}
    own_platform.kill9()
    own_platform.start()
    wait_for(lambda: own_platform.api.deployment(order["id"])["counts"]["failed"] == 0, 60 * PATIENCE, "all are tried again")
    assert own_platform.api.deployment(order["id"])["state"] == "active"
    assert own_platform.api.deployment_causes(order["id"]) == {"items": [], "others": 0}
    times = released(own_platform, order)
    assert [time - times[0] for time in times] == [datetime.timedelta(milliseconds=10 * n) for n in range(4000)]


def test_a_retry_is_one_thing_at_a_time_and_a_cancel_stops_it(own_platform):
    order = deployment_that_failed(own_platform, 4000, "'disk full'")
    assert own_platform.api.deployment_retry(order["id"]) == {"retried": 4000}

    def retried():
        """Null when it is refused."""
        try:
            return own_platform.api.deployment_retry(order["id"])["retried"]
        except ApiError as error:
            assert (error.status, error.code) == (409, "conflict") and "try again soon" in error.problem["detail"]
            return None

    assert retried() in (None, 0), "the first one is under way, or was done by then"
    own_platform.api.deployment_cancel(order["id"])

    def ended():
        counts = own_platform.api.deployment(order["id"])["counts"]
        return counts["cancelled"] + counts["failed"] == counts["total"]

    wait_for(ended, 60 * PATIENCE, "nothing waits any more")
    deployment, answers = own_platform.api.deployment(order["id"]), []
    assert deployment["state"] == "cancelled" and deployment["counts"]["failed"] < 4000

    def may_be_retried():
        answers.append(retried())
        return answers[-1] is not None

    wait_for(may_be_retried, 60 * PATIENCE, "the end of the cancelling")
    assert answers[-1] == deployment["counts"]["failed"]


def test_nothing_is_offered_before_the_beginning_and_it_comes_after_a_sudden_death(own_platform):
    credential = own_platform.new_device()
    own_platform.api.resource_add(credential.product, "fw", b"bytes")
    with VendorDevice(own_platform, credential) as device:
        began = time.monotonic()
        order = own_platform.api.deploy(credential.product, "fw", [credential.device], start_at=utc(3))
        device.get_download_task()
        own_platform.kill9()
        own_platform.start()
        device.get_download_task()
        task = own_platform.api.download_task(order["id"], credential.device)
        assert task["state"] == "queued" or task["updated_at"] >= order["start_at"], "a slow machine comes up after the beginning"
        device.wait("download", 6 * PATIENCE)
        assert time.monotonic() - began > 2.9
        assert own_platform.api.download_task(order["id"], credential.device)["updated_at"] >= order["start_at"]
        assert device.download_verdict("fw")["result_code"] == 0


def test_at_its_end_a_deployment_gives_up_whoever_has_not_finished(own_platform):
    busy = own_platform.new_device()
    away = own_platform.new_device(busy.product)
    own_platform.api.resource_add(busy.product, "fw", b"bytes")
    with VendorDevice(own_platform, busy) as device:
        order = own_platform.api.deploy(busy.product, "fw", retries=9, end_at=utc(3))
        device.wait("download", 5)
        device.report_download("fw", "downloading", 10)
        own_platform.kill9()
        own_platform.start()
        wait_for(lambda: state_of(own_platform, order) == "finished", 6 * PATIENCE, "the end")
        for credential in (busy, away):
            task = own_platform.api.download_task(order["id"], credential.device)
            assert task["state"] == "timed_out" and task["deadline_at"] == order["end_at"]
    with pytest.raises(ApiError) as refused:
        own_platform.api.deployment_retry(order["id"])
    assert refused.value.status == 409 and "is over" in refused.value.problem["detail"]


def test_a_paused_deployment_goes_on_when_it_is_told_to_also_over_a_sudden_death(own_platform):
    ctl = Ctl(own_platform)
    running = own_platform.new_device()
    waiting = own_platform.new_device(running.product)
    own_platform.api.resource_add(running.product, "fw", b"bytes")
    with VendorDevice(own_platform, running) as first, VendorDevice(own_platform, waiting) as second:
        order = own_platform.api.deploy(running.product, "fw", [running.device, waiting.device], rate_per_min=20)
        first.wait("download", 5)
        assert ctl.row("deployment", "pause", order["id"])["state"] == "paused"
        own_platform.kill9()
        own_platform.start()
        assert first.download_verdict("fw")["result_code"] == 0
        time.sleep(3.5)  # the second one's turn would have come
        second.get_download_task()
        assert state_of(own_platform, order) == "paused"
        with pytest.raises(ApiError) as refused:
            own_platform.api.deployment_pause(order["id"])
        assert refused.value.status == 409
        assert own_platform.api.download_task(order["id"], waiting.device)["state"] == "queued"
        watch = subprocess.Popen([str(program("ferryctl")), "--data", str(own_platform.data), "deployment", "watch", order["id"]],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(1)
        assert watch.poll() is None, "a pause is no end"
        assert ctl.row("deployment", "resume", order["id"])["state"] == "active"
        second.wait("download", 8 * PATIENCE)
        assert second.download_verdict("fw")["result_code"] == 0
    assert state_of(own_platform, order) == "finished"
    assert watch.wait(10 * PATIENCE) == 0 and watch.communicate()[0]
    actions = [record["action"] for record in own_platform.api.list("/audit")]
    assert "deployment.pause" in actions and "deployment.resume" in actions


def test_an_older_version_is_delivered_when_the_order_names_it(platform, product):
    ctl, credential = Ctl(platform), platform.new_device(product)
    old, new = (platform.api.resource_add(product, "fw", body)["id"] for body in (b"version 1", b"version 2"))
    other = platform.api.resource_add(product, "other", b"other")["id"]
    with VendorDevice(platform, credential) as device:
        for chosen, body in ((old, b"version 1"), (new, b"version 2"), (None, b"version 2")):
            words = ["--resource-id", chosen] if chosen else []
            row = ctl.row("deploy", product, "fw", "--device", credential.device, *words)
            assert row["resource_id"] == (chosen or new)
            assert device.fetch(device.wait("download", 5))[0] == body
            device.report_download("fw", "downloading", 50)  # `done` alone may be an echo of the one before
            device.wait("report_download_progress_rsp", 5)
            assert device.download_verdict("fw")["result_code"] == 0
    for wrong in (other, "01arz3ndektsv4rrffq69g5fav"):
        with pytest.raises(ApiError) as refused:
            platform.api.deploy(product, "fw", [credential.device], resource_id=wrong)
        assert refused.value.status == 404 and "no such version" in refused.value.problem["detail"]


@pytest.mark.parametrize("order, field", [
    ({"retries": 101}, "retries"), ({"retries": -1}, "retries"), ({"start_at": "tomorrow"}, "start_at"),
    ({"end_at": 5}, "end_at"), ({"end_at": "2020-01-01T00:00:00Z"}, None),
    ({"start_at": "2031-01-02T00:00:00Z", "end_at": "2031-01-01T00:00:00Z"}, None)])
def test_an_order_that_cannot_be_kept_is_refused(platform, product, order, field):
    device = platform.new_device(product)
    platform.api.resource_add(product, "fw", b"bytes")
    with pytest.raises(ApiError) as refused:
        platform.api.deploy(product, "fw", [device.device], **order)
    assert refused.value.status == 400
    assert field is None or refused.value.problem["field"] == field


def test_ferryctl_gives_such_orders_and_shows_them(platform, product):
    ctl, device = Ctl(platform), platform.new_device(product)
    platform.api.resource_add(product, "fw", b"bytes")
    row = ctl.row("deploy", product, "fw", "--device", device.device, "--retries", "3", "--start", "1h", "--end", "2h")
    assert row["retries"] == 3
    times = [datetime.datetime.fromisoformat(row[key].replace("Z", "+00:00")) for key in ("start_at", "end_at")]
    assert times[1] - times[0] == datetime.timedelta(hours=1)
    shown = ctl("deployment", "show", row["id"])
    assert "Begins (UTC)" in shown.out and "Retries" in shown.out
    for wrong in (["--retries", "many"], ["--retries", "101"], ["--start", "soon"], ["--end", "0s"]):
        assert wrong[0] in ctl("deploy", product, "fw", "--device", device.device, *wrong, status=USAGE).err
