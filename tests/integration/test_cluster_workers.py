"""Several real ferryd on one PostgreSQL, which share the requests: on one Mosquitto that is run by hand, and on three nodes of RabbitMQ."""
import contextlib
import os
import pathlib
import shutil
import signal

import pytest

import postgres
import rabbitmq
from broker_client import Client
from cluster_bus import ANSWERED_S, Asker, SharedMosquitto
from ferry import PATIENCE, Platform, vendor_password, vendor_username, wait_for

WORKERS, DEVICES = 3, 6
REQUESTS = 60 # of a device, each for an upload of its own: it may have no more of them open
LIMITS = ("--uploads-open-max", "63", "--device-requests-per-minute", "0")

USER, PASSWORD = "ferryd", "of.this.test" # RabbitMQ's
MISSING = postgres.missing()
needs_mosquitto = pytest.mark.skipif(bool(MISSING), reason=MISSING)
NO_RABBIT = postgres.missing() or rabbitmq.missing()
pytestmark = pytest.mark.xdist_group("workers")


@pytest.fixture
def world(tmp_path):
    with contextlib.ExitStack() as stack:
        yield World(stack, tmp_path)


@pytest.fixture
def rabbit_world(tmp_path):
    with contextlib.ExitStack() as stack:
        yield World(stack, tmp_path, stack.enter_context(contextlib.closing(rabbitmq.RabbitCluster(USER, PASSWORD))))


class World:
    """The first ferryd makes the database and the key; the workers get copies of its key and token."""

    def __init__(self, stack, folder, rabbit=None):
        self._stack, self._folder = stack, pathlib.Path(folder)
        cluster = stack.enter_context(postgres.Cluster())
        cluster.create("ferry")
        self.uri = cluster.uri("ferry")
        self.first = Platform("--store", self.uri)
        stack.callback(self.first.close)
        self.first.start()
        self.product = self.first.new_product()
        self.devices = [self.first.new_device(self.product) for _ in range(DEVICES)]
        self.first.stop()
        self._rabbit = rabbit
        self.broker = rabbit or stack.enter_context(contextlib.closing(SharedMosquitto(self.first, store=self.uri)))
        self.workers, self.askers = [], []

    def work(self, *args):
        """args: more arguments of each worker."""
        for number in range(WORKERS):
            data = self._folder / f"worker{number}"
            data.mkdir(mode=0o700)
            for name in ("secrets.key", "admin.token"):
                shutil.copy2(self.first.data / name, data / name)
            worker = Platform("--store", self.uri, "--broker", self.broker.url, *LIMITS, *args, data=data)
            self._stack.callback(worker.close)
            worker.start()
            linked = "connected to the broker" if self._rabbit else "sharing the requests"
            wait_for(lambda: linked in worker.log(), 20 * PATIENCE, "the worker's link")
            self.workers.append(worker)
        return self.workers

    def ask(self):
        account = {"username": USER, "password": PASSWORD} if self._rabbit else {}
        for number, device in enumerate(self.devices):
            port = self._rabbit.nodes[number % len(self._rabbit.nodes)].port if self._rabbit else self.broker.mqtt_port
            asker = Asker(port, device.product, device.device, device.secret, pause_s=0.05, most=REQUESTS, **account)
            self.askers.append(self._stack.enter_context(contextlib.closing(asker)))
        for asker in self.askers:
            asker.start()

    def wait_asked(self, each):
        wanted = [min(len(asker.took) + each, REQUESTS) for asker in self.askers]
        wait_for(lambda: all(len(asker.took) >= count for asker, count in zip(self.askers, wanted)), 120 * PATIENCE,
                 f"{each} answers for each device")


def messages_of(worker):
    return worker.api.metric("ferry_messages_total")


@needs_mosquitto
@pytest.mark.timeout(300)
def test_workers_that_die_and_stand_still_leave_each_request_answered_and_done_once(world):
    answer_while_workers_fail(world)


@pytest.mark.skipif(bool(NO_RABBIT), reason=NO_RABBIT)
@pytest.mark.timeout(600)
def test_the_same_on_a_rabbitmq_cluster(rabbit_world):
    answer_while_workers_fail(rabbit_world)


def answer_while_workers_fail(world):
    workers = world.work()
    world.ask()
    world.wait_asked(10)
    shares = [messages_of(worker) for worker in workers]
    print("shares", shares)
    assert min(shares) > 0.6 * sum(shares) / WORKERS
    workers[0].kill9()
    world.wait_asked(10)
    os.kill(workers[1].pid, signal.SIGSTOP)
    try:
        world.wait_asked(10)
    finally:
        os.kill(workers[1].pid, signal.SIGCONT)
    world.wait_asked(10)
    for asker in world.askers:
        asker.finish()
    slowest = max(max(asker.took) for asker in world.askers)
    refused = [why for asker in world.askers for why in asker.refused]
    print(f"{sum(len(asker.took) for asker in world.askers)} requests, the slowest took {slowest:.2f} s; refused: {refused}")
    assert slowest < ANSWERED_S * PATIENCE
    for asker in world.askers:
        names = [task["name"] for task in workers[2].api.uploads(world.product, asker.device)]
        assert sorted(names, key=int) == [str(number) for number in range(1, len(asker.took) + 1)], "each once, and none lost"


def online(worker, device):
    return worker.api.call("GET", f"/devices/{device.product}/{device.device}")["online"]


@needs_mosquitto
@pytest.mark.timeout(300)
def test_one_worker_at_a_time_is_told_who_is_connected(world):
    workers, device = world.work(), world.devices[0]
    username = vendor_username(device.product, device.device)
    with Client(world.broker, device.product + device.device, username, vendor_password(device.secret, username)) as client:
        assert client.code == 0
        wait_for(lambda: all(online(w, device) for w in workers), 30 * PATIENCE, "every worker to know what one is told")
        wait_for(lambda: {w.api.call("GET", "/status")["devices_connected"] for w in workers} == {1}, 30 * PATIENCE, "the number too")
        told = [w for w in workers if w.api.metric("ferry_presence_known")]
        assert len(told) == 1
        others = [w for w in workers if w is not told[0]]
        told[0].kill9()
        wait_for(lambda: any(w.api.metric("ferry_presence_known") for w in others), 30 * PATIENCE, "another one to be told")
        wait_for(lambda: all(online(w, device) for w in others), 30 * PATIENCE, "the others to know it from there")
        others[0].api.device_disable(device.product, device.device)
        wait_for(lambda: client.gone, 20 * PATIENCE, "the plugin to end the connection, whoever says so")

        def events():
            return [e["type"] for e in others[1].api.call("GET", f"/devices/{device.product}/{device.device}/presence")["items"]]

        wait_for(lambda: events()[:1] == ["device.offline"], 30 * PATIENCE, "its going to be written down")
        assert events() == ["device.offline", "device.online"], "each once, whoever was told of it"
