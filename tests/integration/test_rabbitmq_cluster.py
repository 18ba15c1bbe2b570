"""Workers on a RabbitMQ cluster of three nodes, through its own queues. As in test_cluster_bus.py they are plain bus consumers."""
import contextlib
import os
import signal
import subprocess
import time

import pytest

import rabbitmq
from amqp_proxy import AmqpProxy
from broker_client import DOWN, UP, Client
from cluster_bus import ANSWERED_S, MD5, Asker, Worker
from environment import INHERITED
from ferry import PATIENCE, build_dir, sanitizer_environment, unique_name, wait_for

USER, PASSWORD = "ferryd", "of.this.test"
LIMITED = "limited" # may log in, and nothing else
OUTSIDE = "outside" # may not even do that
WORKERS, DEVICES = 4, 12
RECOVERED_S = 15    # a new leader of the queue, and the bus on another node

pytestmark = [pytest.mark.xdist_group("rabbitmq"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cluster():
    reason = rabbitmq.missing()
    if reason:
        print(f"SKIPPED: {reason}")
        pytest.skip(reason)
    users = [{"name": LIMITED, "permissions": {"user": LIMITED, "vhost": "/", "configure": "", "write": "", "read": ""}},
             {"name": OUTSIDE, "permissions": None}]
    with contextlib.closing(rabbitmq.RabbitCluster(USER, PASSWORD, users)) as cluster:
        yield cluster


@pytest.fixture
def world(cluster):
    with contextlib.ExitStack() as stack:
        yield World(stack, cluster)


class World:
    def __init__(self, stack, cluster):
        self._stack, self.cluster = stack, cluster
        self.workers, self.askers = [], []

    def work(self, count=WORKERS):
        """Each begins with another node."""
        hosts = [f"127.0.0.1:{node.amqp_port}" for node in self.cluster.nodes]
        for i in range(count):
            first = i % len(hosts)
            url = f"amqp://{USER}:{PASSWORD}@" + ",".join(hosts[first:] + hosts[:first])
            self.workers.append(self._stack.enter_context(contextlib.closing(Worker(url, "none", f"r{i}"))))
        return self.workers

    def ask(self, count=DEVICES, nodes=None):
        nodes = nodes or self.cluster.nodes
        for i in range(count):
            asker = Asker(nodes[i % len(nodes)].port, "P", unique_name("d"), username=USER, password=PASSWORD)
            self.askers.append(self._stack.enter_context(contextlib.closing(asker)))
        for asker in self.askers:
            asker.start()
        return self.askers

    def wait_asked(self, each):
        wanted = [len(asker.took) + each for asker in self.askers]
        try:
            wait_for(lambda: all(len(asker.took) >= count for asker, count in zip(self.askers, wanted)), 120 * PATIENCE,
                     f"{each} answers for each device")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.state()}") from None

    def state(self):
        """Who waits, and what the workers and the brokers say."""
        askers = [f"{a.device}: {len(a.took)} answers, has been waiting for {a.waits_s:.1f} s" for a in self.askers]
        workers = [f"worker {w.name}: {'up' if w.up else 'down'}, asked {len(w.asked)}\n{w.log()[-2000:]}" for w in self.workers]
        return "\n".join(askers + workers + [node.log()[-1000:] for node in self.cluster.nodes])

    def finish(self):
        for asker in self.askers:
            asker.finish()
        took = sorted(time for asker in self.askers for time in asker.took)
        print(f"{len(took)} requests, median {took[len(took) // 2] * 1000:.1f} ms, the slowest took {took[-1]:.2f} s")
        return took[-1]


def test_the_bus_keeps_its_contract(cluster):
    node = cluster.nodes[0]
    done = subprocess.run([build_dir() / "tests/conformance/bus_amqp_conformance"], capture_output=True, text=True, timeout=500,
                          env=INHERITED | sanitizer_environment()
                          | {"FERRY_TEST_AMQP": f"{node.amqp_port} {node.port} {USER} {PASSWORD}"})
    print(done.stdout[-3000:])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    assert "what_is_published_reaches_the_device_at_qos_0" in done.stdout + done.stderr


def test_requests_are_spread_evenly(world):
    world.work()
    world.ask()
    world.wait_asked(30)
    world.finish()
    shares = [len(worker.asked) for worker in world.workers]
    print("shares", shares)
    assert min(shares) > 0.6 * sum(shares) / WORKERS


@pytest.mark.parametrize("how", ["killed", "stalled"])
def test_every_request_is_answered_when_a_worker_is(world, how):
    world.work()
    world.ask()
    world.wait_asked(10)
    for worker in world.workers[1:3]: # one after the other
        worker.kill() if how == "killed" else worker.stall()
        world.wait_asked(10)
    assert world.finish() < ANSWERED_S * PATIENCE
    if how == "stalled":
        world.workers[1].go_on()
        wait_for(lambda: world.workers[1].lines[-2:] == ["down", "up"], 30 * PATIENCE, "the worker to be back")


def test_a_worker_that_ends_leaves_nothing_unanswered(world):
    world.work()
    world.ask()
    world.wait_asked(10)
    for worker in world.workers[:3]:
        worker.stop()
        world.wait_asked(5)
    assert world.finish() < ANSWERED_S * PATIENCE


def test_what_is_asked_while_nobody_works_waits_for_a_worker(world):
    askers = world.ask(3)
    wait_for(lambda: all(asker.waits_s > 0.5 for asker in askers), 20 * PATIENCE, "the devices to wait")
    world.work(1)
    world.wait_asked(3)
    world.finish()


@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "not confirmed"])
def test_a_request_is_settled_when_the_broker_has_confirmed_its_answer(cluster, confirmed):
    """Until then it is another worker's, should the connection break: a node that dies takes along what it has not passed on."""
    node = cluster.nodes[0]
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(contextlib.closing(AmqpProxy(node.amqp_port)))
        first = stack.enter_context(contextlib.closing(Worker(f"amqp://{USER}:{PASSWORD}@127.0.0.1:{proxy.port}", "none", "first")))
        asker = stack.enter_context(contextlib.closing(Asker(node.port, "P", unique_name("d"), username=USER, password=PASSWORD, most=1)))
        asker.start()
        wait_for(lambda: asker.took and proxy.held == 1, ANSWERED_S * PATIENCE, "the answer and its confirm")
        assert len(first.asked) == 1 and proxy.settled == 0
        if confirmed:
            proxy.release()
            wait_for(lambda: proxy.settled == 1, ANSWERED_S * PATIENCE, "the request to be settled")
        second = stack.enter_context(contextlib.closing(Worker(f"amqp://{USER}:{PASSWORD}@127.0.0.1:{node.amqp_port}", "none", "second")))
        proxy.cut()
        wait_for(lambda: first.lines[-1] == "down", ANSWERED_S * PATIENCE, "the end of the first worker's connection")
        if confirmed:
            time.sleep(1)
            assert second.asked == []
        else:
            wait_for(lambda: second.asked == first.asked, ANSWERED_S * PATIENCE, "the request, once more")
        asker.finish()


def test_a_request_that_a_killed_ferryd_had_is_answered_by_the_next(cluster, make_platform):
    """What it had not committed it had not acknowledged."""
    platform = make_platform("--broker", cluster.url)
    wait_for(lambda: "connected to the broker" in platform.log(), 20 * PATIENCE, "ferryd's link")
    device = platform.new_device()
    platform.devices_port = cluster.nodes[1].port
    with Client(platform, device.product + device.device, USER, PASSWORD) as client:
        assert client.code == 0
        client.subscribe(f"{DOWN}/{device.product}/{device.device}")
        os.kill(platform.pid, signal.SIGSTOP)
        client.publish(f"{UP}/{device.product}/{device.device}",
                       f'{{"type":"create_upload_task","size":1,"name":"late","md5sum":"{MD5}"}}')
        platform.kill9()
        assert not client.messages
        platform.start()
        wait_for(lambda: client.messages, 30 * PATIENCE, "the answer of the next one")
        assert b'"name":"late"' in client.messages[0][1] and b"/o/" in client.messages[0][1]


# --- what is found at the start ------------------------------------------------------------------------------------


@pytest.mark.parametrize("user, vhost, text", [
    (f"{USER}:wrong", "", "give another user or password in --broker"),
    (f"{USER}:{PASSWORD}", "/nowhere", "rabbitmqctl add_vhost"),
    (f"{OUTSIDE}:{PASSWORD}", "", "rabbitmqctl set_permissions"),
    (f"{LIMITED}:{PASSWORD}", "", "the user needs permission to configure"),
], ids=["password", "vhost", "no entry", "permissions"])
def test_what_is_wrong_is_said_in_one_line(cluster, user, vhost, text):
    url = f"amqp://{user}@127.0.0.1:{cluster.nodes[0].amqp_port}{vhost}"
    with contextlib.closing(Worker(url, "none", "wrong", wait=False)) as worker:
        wait_for(lambda: "trying again" in worker.log(), 20 * PATIENCE, "a line that says why")
        lines = worker.log().splitlines()
        assert text in lines[0] and PASSWORD not in lines[0] and not worker.up, lines


def test_its_mqtt_has_no_shared_subscriptions(cluster):
    url = f"mqtt://{USER}:{PASSWORD}@127.0.0.1:{cluster.nodes[0].port}"
    with contextlib.closing(Worker(url, "mqtt5", "wrong", wait=False)) as worker:
        wait_for(lambda: "trying again" in worker.log(), 20 * PATIENCE, "a line that says why")
        assert "does not speak MQTT 5" in worker.log() and "amqp://" in worker.log() and not worker.up, worker.log()


# --- a node is killed: last, because it takes its time to come back -------------------------------------------------


@pytest.mark.parametrize("number", [0, 1])
def test_a_killed_node_stops_nobody_for_long(world, number):
    """Devices of other nodes go on; those of the killed one would connect to another."""
    nodes = world.cluster.nodes
    others = nodes[:number] + nodes[number + 1:]
    world.work()
    world.ask(nodes=others)
    world.wait_asked(10)
    nodes[number].kill()
    try:
        world.wait_asked(10)
        for worker in world.workers:
            worker.wait_up(30)
        world.wait_asked(5)
        assert world.finish() < RECOVERED_S * PATIENCE
    finally:
        nodes[number].start()
