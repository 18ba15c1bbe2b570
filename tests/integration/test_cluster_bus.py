"""Several workers share what devices ask. The workers are plain bus consumers that answer with what was asked; what they may assume, and
so what is tested, is that a request comes at least once, to any of them, in any order."""
import collections
import contextlib

import pytest

from broker_client import Client
from cluster_bus import ANSWERED_S, PASSWORD, Asker, SharedMosquitto, Worker
from ferry import PATIENCE, Platform, vendor_password, vendor_username, wait_for
from mqtt5_broker import Mqtt5Broker
from shim import build_shim, preload

WORKERS, DEVICES = 4, 12


@pytest.fixture(scope="module")
def registered():
    """A platform in whose database the devices are."""
    with Platform() as platform:
        yield platform


@pytest.fixture
def world(registered):
    with contextlib.ExitStack() as stack:
        yield World(stack, registered)


class World:
    def __init__(self, stack, registered):
        self._stack, self._registered = stack, registered
        self.broker = stack.enter_context(contextlib.closing(SharedMosquitto(registered)))
        self.workers, self.askers = [], []

    def work(self, count=WORKERS, sharing="plugin", environment=None):
        for _ in range(count):
            worker = Worker(self.broker.url, sharing, f"w{len(self.workers)}", environment=environment)
            self.workers.append(self._stack.enter_context(contextlib.closing(worker)))
        return self.workers

    def device(self):
        device = self._registered.new_device()
        asker = Asker(self.broker.mqtt_port, device.product, device.device, device.secret)
        self.askers.append(self._stack.enter_context(contextlib.closing(asker)))
        return asker

    def ask(self, count=DEVICES):
        for _ in range(count):
            self.device()
        for asker in self.askers:
            asker.start()
        return self.askers

    def wait_asked(self, each):
        """Until each device has had so many more answers."""
        wanted = [len(asker.took) + each for asker in self.askers]
        wait_for(lambda: all(len(asker.took) >= count for asker, count in zip(self.askers, wanted)), 60 * PATIENCE,
                 f"{each} answers for each device")

    def finish(self):
        for asker in self.askers:
            asker.finish()
        slowest = max(max(asker.took) for asker in self.askers)
        print(f"{sum(len(asker.took) for asker in self.askers)} requests, the slowest took {slowest:.2f} s")
        return slowest


def test_requests_are_spread_evenly(world):
    world.work()
    world.ask()
    world.wait_asked(50)
    world.finish()
    shares = [len(worker.asked) for worker in world.workers]
    print("shares", shares)
    assert min(shares) > 0.8 * sum(shares) / WORKERS
    assert {topic.rsplit("/", 2)[0] for worker in world.workers for topic, _ in worker.asked} == {"$resource/up/service"}
    asked = collections.Counter(request for worker in world.workers for request in worker.asked)
    assert set(asked.values()) == {1}, "while all is well nothing comes twice"


@pytest.mark.parametrize("how", ["killed", "stalled"])
def test_every_request_is_answered_when_a_worker_is(world, how):
    world.work()
    world.ask()
    world.wait_asked(20)
    for worker in world.workers[1:3]: # one after the other
        worker.kill() if how == "killed" else worker.stall()
        world.wait_asked(20)
        assert max(asker.waits_s for asker in world.askers) < ANSWERED_S * PATIENCE
    assert world.finish() < ANSWERED_S * PATIENCE
    if how == "stalled":
        before = [len(worker.asked) for worker in world.workers]
        world.workers[1].go_on()
        wait_for(lambda: world.workers[1].lines[-2:] == ["down", "up"], 20 * PATIENCE, "the worker to be back")
        assert len(world.workers[1].asked) >= before[1]


def test_a_worker_that_ends_leaves_nothing_unanswered(world):
    world.work()
    world.ask()
    world.wait_asked(20)
    for worker in world.workers[:3]:
        worker.stop()
        world.wait_asked(10)
    assert world.finish() < ANSWERED_S * PATIENCE
    asked = collections.Counter(request for worker in world.workers for request in worker.asked)
    print("more than once:", sum(count > 1 for count in asked.values()), "of", len(asked))


def test_what_is_asked_while_nobody_works_waits_for_a_worker(world):
    askers = world.ask(3)
    wait_for(lambda: all(asker.waits_s > 0.2 for asker in askers), 20 * PATIENCE, "the devices to wait")
    world.work(1)
    world.wait_asked(5)
    world.finish()


def test_a_worker_answers_before_its_start_has_returned(world, tmp_path):
    askers = world.ask(3)
    wait_for(lambda: all(asker.waits_s > 0.2 for asker in askers), 20 * PATIENCE, "the devices to wait")
    world.work(1, environment=preload(build_shim(tmp_path, "slow_start_shim")))
    world.wait_asked(5)
    world.finish()
    assert "not" not in world.workers[0].lines, "what could not be answered"


def test_a_question_without_an_answer_is_repeated_only_when_its_worker_is_gone(world):
    first, second = world.work(2)
    asker = world.device()
    for _ in range(4):
        asker.ask('{"type": "get_download_task"}')
    wait_for(lambda: len(first.asked) + len(second.asked) == 4, 20 * PATIENCE, "the questions")
    assert len(first.asked) == len(second.asked) == 2
    first.kill()
    wait_for(lambda: len(second.asked) == 4, 20 * PATIENCE, "those of the dead worker")
    asker.close()


# --- what is found at the start ------------------------------------------------------------------------------------


def expect_line(url, sharing, text):
    with contextlib.closing(Worker(url, sharing, "lonely", wait=False)) as worker:
        wait_for(lambda: "trying again" in worker.log(), 20 * PATIENCE, "a line that says why")
        first = worker.log().splitlines()[0]
        assert text in first and PASSWORD not in first, first
        assert not worker.up


@pytest.mark.parametrize("sharing", ["plugin", "mqtt5", "auto"])
def test_a_mosquitto_without_the_plugin_is_found_out(registered, sharing):
    with contextlib.closing(SharedMosquitto(registered, plugin=False)) as broker:
        expect_line(broker.url, sharing, "ferry_auth.so with plugin_opt_share true")


@pytest.mark.parametrize("sharing", ["plugin", "auto"])
def test_a_plugin_that_does_not_share_is_found_out(registered, sharing):
    with contextlib.closing(SharedMosquitto(registered, share=False)) as broker:
        expect_line(broker.url, sharing, "its plugin needs plugin_opt_share true")


def test_who_is_alone_is_refused_where_workers_share(world):
    expect_line(world.broker.url, "none", "refuses the subscription to $resource/up/service/+/+")


@pytest.mark.parametrize("sharing", ["none", "plugin", "auto"])
def test_refused_credentials_are_said(world, sharing):
    expect_line(world.broker.url.replace("password", "passwort"), sharing, "ot authori")


def test_auto_finds_the_plugin(world):
    world.work(2, "auto")
    world.ask(4)
    world.wait_asked(10)
    world.finish()
    assert all(worker.asked for worker in world.workers)


def credential(device):
    username = vendor_username(device.product, device.device)
    return username, vendor_password(device.secret, username)


# --- the shared subscriptions of MQTT 5 ----------------------------------------------------------------------------


@pytest.mark.parametrize("sharing", ["mqtt5", "auto"])
def test_workers_share_by_mqtt_5(sharing):
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(contextlib.closing(Mqtt5Broker()))
        workers = [stack.enter_context(contextlib.closing(Worker(broker.url, sharing, f"m{i}"))) for i in range(3)]
        askers = [stack.enter_context(contextlib.closing(Asker(broker.mqtt_port, "P", f"d{i}", username="any", password="any", most=30)))
                  for i in range(4)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.finish()
        shares = [len(worker.asked) for worker in workers]
        assert sum(shares) == 120 and min(shares) > 20, shares
        assert all(topic.startswith("$resource/up/service/P/") for worker in workers for topic, _ in worker.asked)
        workers[0].stop()
        shared = "$share/ferry/$resource/up/service/+/+"

        def only_two_workers_are_left(): # by name: one that stood still may have connected again
            return len({who for who, _ in broker.connected}) == 2 and all(shared in client.filters for _, client in broker.connected)

        wait_for(only_two_workers_are_left, 20 * PATIENCE, "the broker to hear that the others have gone")
        assert not [name for _, client in broker.connected for name in client.filters if name.startswith("$resource")]


@pytest.mark.parametrize("options, text", [
    ({"shares": 0}, "it has no shared subscriptions"),
    ({"speaks_v5": False}, "it does not speak MQTT 5"),
    ({"refused": ["$share/ferry/"]}, "refuses the subscription to $share/ferry/$resource/up/service/+/+"),
    ({"refused": ["$share/ferryd@"]}, "the user must be allowed to use $resource/probe/+"),
    ({"silent": ["$"]}, "nothing comes by a shared subscription"),
], ids=["switched off", "MQTT 3.1.1", "refused", "no probe", "grants and delivers nothing"])
def test_a_broker_without_what_workers_need_is_found_out(options, text):
    with contextlib.closing(Mqtt5Broker(**options)) as broker:
        expect_line(broker.url, "mqtt5", text)


# --- ferryd itself --------------------------------------------------------------------------------------------------


def test_ferryd_works_over_a_mosquitto_run_by_hand(make_platform):
    """One worker: several need a store that they share."""
    platform = make_platform()
    device = platform.new_device()
    with contextlib.closing(SharedMosquitto(platform)) as broker:
        platform.stop()
        platform.args += ["--broker", broker.url, "--broker-sharing", "plugin"]
        platform.start()
        wait_for(lambda: "sharing the requests" in platform.log(), 20 * PATIENCE, "ferryd's link")
        with Client(broker, device.product + device.device, *credential(device)) as client:
            assert client.code == 0
            assert client.subscribe(f"$resource/down/service/{device.product}/{device.device}") == 1
            client.publish(f"$resource/up/service/{device.product}/{device.device}",
                           '{"type":"create_upload_task","size":1,"name":"a","md5sum":"7cd96e091705fb4da41b3e11163cf663"}')
            wait_for(lambda: client.messages, 10 * PATIENCE, "the answer")
            wait_for(lambda: platform.api.call("GET", f"/devices/{device.product}/{device.device}")["online"] is True, 20 * PATIENCE,
                     "the plugin to tell who is connected")
            platform.api.device_disable(device.product, device.device)
            wait_for(lambda: client.gone, 10 * PATIENCE, "the plugin to end the connection")
