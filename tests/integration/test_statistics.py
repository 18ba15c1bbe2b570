"""How many transfers ended, how, and their bytes: by the hour and the day, for whom it is, and for how long."""
import sqlite3
import time

import pytest

from ferry import PATIENCE, VendorDevice, wait_for
from operators import token_caller
from test_ferryctl import Ctl, REFUSED

WAIT_S = 20 * PATIENCE
HOUR_S = 3600


def sums(answer):
    """(done, failed, cancelled, bytes) of uploads and of downloads, over all items."""
    return tuple(tuple(sum(item[way][key] for item in answer["items"]) for key in ("done", "failed", "cancelled", "bytes"))
                 for way in ("uploads", "downloads"))


def delivered(platform, product, state, code=0):
    """A deployment of 5 bytes to a new device, which reports that state."""
    credential = platform.new_device(product)
    platform.api.resource_add(product, "fw", b"bytes")
    with VendorDevice(platform, credential) as device:
        deployment = platform.api.deploy(product, "fw", [credential.device])
        device.wait("download")
        device.report_download("fw", state, 100, code=code)
        device.wait("report_download_progress_rsp")
    return deployment["id"], credential


def uploaded(platform, product):
    credential = platform.new_device(product)
    with VendorDevice(platform, credential) as device:
        device.upload("log", b"some bytes")
    return credential


def test_transfers_are_counted_when_they_end(api, platform, product):
    assert sums(api.get("/statistics", product=product)) == ((0, 0, 0, 0), (0, 0, 0, 0))
    uploaded(platform, product)
    delivered(platform, product, "done")
    deployment, credential = delivered(platform, product, "fail", -4)
    assert sums(api.get("/statistics", product=product)) == ((1, 0, 0, 10), (1, 1, 0, 5))
    platform.api.deployment_retry(deployment)
    platform.api.download_cancel(deployment, platform.api.download_task(deployment, credential.device)["id"])
    for step in ("hour", "day"):
        answer = api.get("/statistics", product=product, step=step)
        assert sums(answer) == ((1, 0, 0, 10), (1, 1, 1, 5)), "what is tried again counts each time that it ends"
        assert answer["step"] == step and len(answer["items"]) == {"hour": 24, "day": 30}[step]
        assert answer["since"] == answer["items"][0]["since"] < answer["items"][-1]["since"] < answer["until"]


def test_numbers_outlive_their_task_and_a_sudden_end(own_platform):
    product = own_platform.new_product()
    credential = uploaded(own_platform, product)
    (task,) = own_platform.api.uploads(product, credential.device)
    before = own_platform.api.call("GET", "/statistics", params={"product": product})
    own_platform.api.call("DELETE", f"/uploads/{task['id']}")
    own_platform.kill9()
    own_platform.start()
    assert sums(before) == sums(own_platform.api.call("GET", "/statistics", params={"product": product})) != ((0,) * 4,) * 2


def test_who_has_some_products_gets_the_sum_of_these(own_platform):
    mine, also_mine, theirs = (own_platform.new_product() for _ in range(3))
    for product in (mine, also_mine, theirs):
        uploaded(own_platform, product)
    caller = token_caller(own_platform, "viewer", [mine, also_mine])
    assert sums(caller.get("/statistics"))[0] == (2, 0, 0, 20)
    assert sums(caller.get("/statistics", product=mine))[0] == (1, 0, 0, 10)
    assert sums(caller.get("/statistics", product=theirs))[0] == (0, 0, 0, 0)
    assert sums(own_platform.api.call("GET", "/statistics"))[0] == (3, 0, 0, 30)
    assert sums(own_platform.api.call("GET", "/statistics", params={"product": "nobody"}))[0] == (0, 0, 0, 0)


@pytest.mark.parametrize("query, says", [
    ({"since": "2001-01-01"}, "more than 744 hours: ask for a shorter time, or with step=day"),
    ({"since": "2001-01-01", "step": "day"}, "more than 744 days: ask for a shorter time."),
    ({"since": "2001-01-02", "until": "2001-01-02"}, "must be before"),
    ({"since": "2999-01-01"}, "before now"),
])
def test_too_long_times_and_none_are_refused_with_what_helps(api, query, says):
    problem = api.refused(400, "invalid_parameter", "GET", "/statistics", params=query)
    assert problem["field"] == "since" and says in problem["detail"]


def test_many_products_and_a_long_time_are_refused_together(api, platform):
    names = [f"statistics-{n}" for n in range(30)]
    caller = token_caller(platform, "viewer", names)
    answer = caller("GET", "/statistics", params={"step": "day", "since": "2001-01-01", "until": "2002-01-01"})
    assert answer.status_code == 400 and "30 products together" in answer.json()["detail"]
    assert caller("GET", "/statistics", params={"step": "day"}).status_code == 200
    assert caller("GET", "/statistics", params={
        "step": "day", "since": "2001-01-01", "until": "2002-01-01", "product": names[0]}).status_code == 200


def make_older(platform, hours):
    """What ended did so many hours earlier."""
    platform.stop()
    db = sqlite3.connect(platform.data / "ferry.db", timeout=5)
    with db:
        db.execute("UPDATE ended SET hour = hour - ?", (hours,))
    db.close()


def test_old_numbers_go_and_newer_ones_stay(make_platform):
    platform = make_platform("--statistics-days", "10")
    product = platform.new_product()
    uploaded(platform, product)

    def numbers(step="day", **query):
        return sums(platform.api.call("GET", "/statistics", params={"product": product, "step": step, **query}))[0][0]

    make_older(platform, 9 * 24)
    platform.start()
    uploaded(platform, product)
    assert numbers() == 2 and numbers("hour") == 1
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - (9 * 24 + 2) * HOUR_S))
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - (9 * 24 - 2) * HOUR_S))
    assert numbers("hour", since=since, until=until) == 1
    make_older(platform, 2 * 24)
    platform.start()
    wait_for(lambda: numbers() == 1, WAIT_S, "the older one to go")


def test_ferryctl_shows_a_row_for_each_hour_or_day(platform, product):
    uploaded(platform, product)
    ctl = Ctl(platform)
    rows = ctl.rows("statistics", product)
    assert len(rows) == 24 and sum(row["uploads"]["done"] for row in rows) == 1
    assert len(ctl.rows("statistics", "--step", "day")) == 30
    assert len(ctl.rows("statistics", "--since", "2001-01-01", "--until", "2001-01-03")) == 48
    table = ctl("statistics", product, "--step", "day").out.splitlines()
    assert table[0].split()[:3] == ["FROM", "(UTC)", "DOWNLOADS"] and len(table) == 31
    assert "ask for a shorter time" in ctl("statistics", "--since", "2001-01-01", status=REFUSED).err
    assert "hour or day" in ctl("statistics", "--step", "minute", status=REFUSED).err
