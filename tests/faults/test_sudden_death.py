"""kill -9 of ferryd, of its broker and of both, at random moments under a mixed load.

Nothing that was answered may be lost, and nothing unfinished may be seen. FERRY_SEED repeats a run's
choices (not its timing); FERRY_LONG kills 200 times instead of 20.
"""
import os
import pathlib
import random
import time

import pytest
from ferry import wait_for

from ledger import Ledger
from load import Load

LONG = bool(os.environ.get("FERRY_LONG"))
SANITIZED = bool(os.environ.get("FERRY_SANITIZED"))
KILLS = 200 if LONG else 20
DEVICES = 24
ANSWERS_BETWEEN = 100  # after each death the load must go on by itself this far
RECOVER_S = 60 if SANITIZED else 20


def kill_ferryd(platform):
    platform.kill9()
    left = marks(platform)
    platform.start()
    assert not left & marks(platform), "temporary files of the dead ferryd are still there"


def kill_broker(platform):
    platform.kill9_broker()


def kill_both(platform):
    if random.random() < 0.5:
        platform.kill9_broker()
    else:
        platform.pause()
        platform.kill9_broker()
    kill_ferryd(platform)


def marks(platform):
    """What identifies each temporary file, so that a new one of the same name is another."""
    found = set()
    for name in platform.temporary_files():
        try:
            status = pathlib.Path(platform.data, name).stat()
            found.add((name, status.st_ino, status.st_mtime_ns))
        except OSError:
            continue
    return found


def objects_in(platform):
    """The names of all objects on the disk."""
    return {path.name for path in (platform.data / "objects").rglob("*")
            if path.is_file() and path.parent.name not in ("tmp", "ready", "partial") and path.name != "journal"}


def objects_known(platform):
    """The names of all objects that the platform says it has."""
    products = [row["name"] for row in platform.api.list("/products")]
    resources = [row["id"] for product in products for row in platform.api.list("/resources", product=product)]
    return {row["id"] for row in platform.api.uploads() if row["state"] in ("stored", "done")} | set(resources)


def wait_for_work(load, what):
    """The load goes on by itself: nobody but ferryd restarts a broker."""
    enough = load.ledger.answers + ANSWERS_BETWEEN

    def worked():
        load.check()
        return load.ledger.answers >= enough

    wait_for(worked, RECOVER_S, what)


@pytest.mark.timeout(1800 if LONG else 300)
def test_nothing_that_was_answered_is_lost_by_kill_9_at_any_moment(make_platform):
    seed = int(os.environ.get("FERRY_SEED", time.time_ns() % 1_000_000_000))
    print(f"FERRY_SEED={seed}")
    random.seed(seed)
    platform = make_platform()
    platform.pin_ports()
    ledger = Ledger()
    load = Load(platform, ledger, DEVICES, seed)
    try:
        load.start()
        for number in range(KILLS):
            wait_for_work(load, f"work after death {number} (seed {seed})")
            time.sleep(random.uniform(0, 0.3))
            random.choice((kill_ferryd, kill_broker, kill_both))(platform)
        load.stop(RECOVER_S)
    finally:
        load.abandon()

    print(f"answered: {ledger.counts()}")
    assert all(ledger.counts()[kind] for kind in ("stored", "reported", "offsets", "delivered", "cancelled"))
    platform.kill9()
    platform.start()
    assert not ledger.compare(platform.api)
    assert objects_in(platform) == objects_known(platform)


def test_a_late_duplicate_of_an_old_request_does_not_stand_in_the_way_of_done(platform, make_device):
    """A broker delivers again what a dead ferryd had not acknowledged, also a request that was answered and finished."""
    device = make_device()
    old, new = b"old content", b"new content"
    device.upload("log", old)
    answer = device.request_upload("log", new)
    assert device.put(answer, new).status == 200
    device.request_upload("log", old)
    assert device.upload_verdict("log")["result_code"] == 0
    states = {row["md5"]: row["state"] for row in platform.api.uploads(device.product) if row["size"] == len(new)}
    assert states[answer["md5sum"]] == "done"
