"""Names that cannot be looked up for a while: those of a webhook's receiver, of the broker and of the object plane. Who does not need the
name notices nothing; who does says so, and goes on when the name is right again."""
import os
import time

import pytest
from cluster_bus import SharedMosquitto
from device_command import DONE, Command
from ferry import PATIENCE, THREADS_WATCHED, VendorDevice, program, wait_for
from name_server import BROKEN, SILENT, UNKNOWN, NameServer, missing
from secret_watch import WATCH
from webhook_receiver import Receiver

pytestmark = [pytest.mark.skipif(bool(missing()), reason=missing()),
              pytest.mark.skipif(THREADS_WATCHED, reason="the shell between would be watched as well")]
HERE, NOBODY = "127.0.0.1", "127.0.0.123" # nobody listens there
FAULTS = {"unknown": UNKNOWN, "broken": BROKEN, "silent": SILENT, "wrong": NOBODY}
QUICK = ("--webhook-retry-first", "1s", "--webhook-retry-max", "1s", "--webhook-timeout", "2s")
BACK_S, QUICK_S = 30 * PATIENCE, 2 * PATIENCE
SILENT_HOOKS = 12


@pytest.fixture
def names():
    with NameServer() as server:
        yield server


@pytest.fixture
def asking(names, tmp_path):
    """A build folder whose ferryd asks that server."""
    return names.build(tmp_path / "asking", program("ferryd"))


@pytest.fixture
def make_receiver():
    made = []

    def make():
        made.append(Receiver())
        return made[-1]

    yield make
    for receiver in made:
        receiver.stop()


def add_hook(platform, receiver, host, path="hook"):
    hook = platform.api.call("POST", "/webhooks", json={"url": f"http://{host}:{receiver.port}/{path}"})
    WATCH.know(hook["secret"], "a webhook's secret")
    return hook["id"]


def wait_failing(platform, hook):
    """Its last error."""
    def failing():
        now = platform.api.call("GET", f"/webhooks/{hook}")
        return now["failures"] >= 1 and now["last_error"]

    return wait_for(failing, BACK_S, "a failure of the webhook")


def threads(platform):
    return len(os.listdir(f"/proc/{platform.pid}/task"))


def slowest_answer(device, times):
    """Seconds."""
    slowest = 0
    for number in range(times):
        began = time.monotonic()
        assert device.request_upload(f"log{number}", b"%d" % number)["url"]
        slowest = max(slowest, time.monotonic() - began)
    return slowest


@pytest.mark.parametrize("fault", FAULTS)
def test_a_receiver_whose_name_is_away_is_told_later_and_everybody_else_at_once(make_platform, names, asking, make_receiver, fault):
    platform = make_platform(*QUICK, build=asking)
    bad, good = make_receiver(), make_receiver()
    names.known.update({"bad.ferry.test": FAULTS[fault], "good.ferry.test": HERE})
    hook = add_hook(platform, bad, "bad.ferry.test")
    add_hook(platform, good, "good.ferry.test")
    with VendorDevice(platform, platform.new_device()) as device:
        error = wait_failing(platform, hook)
        assert ("resolv" if fault != "wrong" else "connect") in error.lower(), error
        began = time.monotonic()
        platform.api.device_add(device.product, "told")
        wait_for(lambda: any(event.get("device") == "told" for event in good.events()), QUICK_S, "the event at the other receiver")
        assert time.monotonic() - began < QUICK_S and slowest_answer(device, 5) < QUICK_S
        assert not bad.requests and "bad.ferry.test" in names.asked
        names.known["bad.ferry.test"] = HERE
        wait_for(lambda: any(event.get("device") == "told" for event in bad.events()), BACK_S, "the event when the name is right again")
    bad.assert_in_order()


def test_many_receivers_whose_names_are_not_answered_delay_nobody(make_platform, names, asking, make_receiver):
    platform = make_platform(*QUICK, build=asking)
    receiver = make_receiver()
    names.known["good.ferry.test"] = HERE
    for number in range(SILENT_HOOKS):
        names.known[f"bad{number}.ferry.test"] = SILENT
        add_hook(platform, receiver, f"bad{number}.ferry.test")
    product = platform.new_product()
    platform.api.device_add(product, "first")
    wait_for(lambda: len({name for name in names.asked if name.startswith("bad")}) == SILENT_HOOKS, BACK_S, "all questions")
    most = threads(platform)
    good = add_hook(platform, receiver, "good.ferry.test", "good")
    for number in range(10):
        began = time.monotonic()
        platform.api.device_add(product, f"told{number}")
        wait_for(lambda: any(event.get("device") == f"told{number}" for event in receiver.events()), QUICK_S, "the event")
        assert time.monotonic() - began < QUICK_S
        time.sleep(0.3)
        most = max(most, threads(platform))
    assert most < 20 + SILENT_HOOKS * 6, "no attempt leaves more behind than one question that is still open"
    assert platform.api.call("GET", f"/webhooks/{good}")["failures"] == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_device_comes_in_when_its_brokers_name_is_right_again(make_platform, names, tmp_path, fault):
    platform = make_platform()
    names.known["broker.ferry.test"] = FAULTS[fault]
    device = Command.of(tmp_path, platform, platform.new_device(), f"mqtt://broker.ferry.test:{platform.mqtt_port}")
    device.wrapper = names.asked_by(tmp_path)
    (tmp_path / "file").write_bytes(b"content" * 1000)
    process = device.start("upload", str(tmp_path / "file"), "--json")
    said = device.wait_event(process, "disconnected", timeout_s=40)
    assert said["message"] and "broker.ferry.test" in names.asked
    names.known["broker.ferry.test"] = HERE
    assert device.end(process).returncode == DONE
    (row,) = platform.api.uploads(device.product)
    assert row["state"] == "done"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_goes_on_when_the_object_planes_name_is_right_again(make_platform, names, tmp_path, fault):
    platform = make_platform(start=False)
    platform.args += ["--public-url", f"http://files.ferry.test:{platform.choose_port('objects')}"]
    platform.start()
    names.known["files.ferry.test"] = FAULTS[fault]
    device = Command.of(tmp_path, platform, platform.new_device())
    device.wrapper = names.asked_by(tmp_path)
    platform.api.resource_add(device.product, "fw", b"firmware" * 1000)
    platform.api.deploy(device.product, "fw", devices=[device.device])
    process = device.start("agent", "--dir", str(device.inbox), "--json")
    said = device.wait_event(process, "retrying", timeout_s=40)
    assert said["message"]
    names.known["files.ferry.test"] = HERE
    device.wait_event(process, "done", timeout_s=90)
    assert (device.inbox / "fw").read_bytes() == b"firmware" * 1000
    device.stop(process)


@pytest.mark.parametrize("fault", FAULTS)
def test_ferryd_answers_operators_while_its_brokers_name_is_away_and_devices_when_it_is_back(make_platform, names, asking, fault):
    maker = make_platform()
    credential = maker.new_device()
    maker.stop()
    broker = SharedMosquitto(maker, share=False)
    try:
        names.known["broker.ferry.test"] = FAULTS[fault]
        platform = make_platform("--broker", broker.url.replace("@127.0.0.1:", "@broker.ferry.test:"), data=maker.data, build=asking)
        platform.devices_port = broker.mqtt_port
        wait_for(lambda: "broker.ferry.test" in names.asked, BACK_S, "the question")
        began = time.monotonic()
        platform.api.device_add(credential.product, "beside")
        assert time.monotonic() - began < QUICK_S
        names.known["broker.ferry.test"] = HERE
        wait_for(lambda: "connected to the broker" in platform.log(), BACK_S, "the broker")
        with VendorDevice(platform, credential) as device:
            assert device.upload("log", b"content").verdict["result_code"] == 0
        platform.stop()
    finally:
        broker.close()
