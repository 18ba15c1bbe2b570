"""Devices that ask through a Mosquitto of their own, and who answers them: ferryd, or what only echoes. A store can be filled.

    world = World(build, folder, devices, seconds)
    world.measure("ferryd", "create", active)    # what signal_load says, and microseconds of the processor for each request
"""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

from filled_store import filled_store
from raw_mqtt import RawClient
from measure import cpu_s, free_port, installed, register_devices, wait_port

BROKER_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_queued_messages 100000
log_type error
"""
ASKED_AGAIN_MS = 900_000  # push-retry-max: a device that says nothing is told of its file so often at last


@contextlib.contextmanager
def connected(port, product, first, count):
    """Devices that are there and say nothing."""
    with contextlib.ExitStack() as stack:
        for number in range(first, first + count):
            client = stack.enter_context(contextlib.closing(RawClient(port, f"idle{number}", keepalive_s=0)))
            client.subscribe(f"$resource/down/service/{product}/d{number}")
        yield


class World:
    """A broker, the responder, ferryd, and devices d0, d1, ... of one product."""

    def __init__(self, build, folder, devices, seconds):
        from ferry import Platform

        self._build, self._seconds, self.port = build, seconds, free_port()
        conf = pathlib.Path(folder, "mosquitto.conf")
        conf.write_text(BROKER_CONF.format(port=self.port) + ("user root\n" if os.geteuid() == 0 else ""))
        self._broker = subprocess.Popen([installed("mosquitto"), "-c", conf], stderr=subprocess.DEVNULL)
        wait_port(self.port, "the broker")
        self._echo = subprocess.Popen([build / "bench/echo_responder", str(self.port), "echobench"])
        self.platform = Platform("--broker", f"mqtt://127.0.0.1:{self.port}", "--device-requests-per-minute", "0")
        self.platform.start()
        self.product = self.platform.new_product()
        register_devices(self.platform.api, self.product, [f"d{number}" for number in range(devices)])

    def close(self):
        self.platform.close()
        for process in (self._echo, self._broker):
            process.terminate()
            process.wait()

    def measure(self, who, ask, active):
        """A round of a load of so many devices, with the processor time that each request took."""
        service, pid = ("echobench", self._echo.pid) if who == "echo" else ("service", self.platform.pid)
        before = [cpu_s(pid), cpu_s(self._broker.pid)]
        done = subprocess.run([self._build / "bench/signal_load", "--ask", ask, str(self.port), service,
                               self.product, str(active), str(self._seconds)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"bench: {done.stderr}")
        result = json.loads(done.stdout)
        used = [cpu_s(pid) - before[0], cpu_s(self._broker.pid) - before[1]]
        return result | {"cpu_us": used[0] * 1e6 / result["rounds"], "broker_us": used[1] * 1e6 / result["rounds"]}


def deliver(world, active):
    """A file for the first devices."""
    from ferry import wait_for

    api = world.platform.api
    firmware = api.resource_add(world.product, "firmware.bin", b"firmware")
    deployment = api.deploy(world.product, firmware["name"], [f"d{number}" for number in range(active)])
    wait_for(lambda: len(api.deployment_tasks(deployment["id"])) == active, 30, "the tasks")


def _fill(path, table, product, count, change):
    """As many more rows like one of that product, each with an id and a device of its own."""
    with filled_store(path) as database:
        database.execute("PRAGMA synchronous = OFF")
        cursor = database.execute(f"SELECT * FROM {table} WHERE product = ? LIMIT 1", (product,))
        names = [one[0] for one in cursor.description]
        model = dict(zip(names, cursor.fetchone()))
        at = int.from_bytes(model["id"][:6], "big")
        rows = (tuple({**model, "id": (at + 1).to_bytes(6, "big") + number.to_bytes(10, "big"), "device": f"other{number}",
                       **change(number)}.values()) for number in range(count))
        database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", rows)


def fill_downloads(path, product, count, first_ms=0):
    """Open tasks of a deployment, one for each of as many devices, none of which has been there for a day: they are asked again every 15 minutes,
    for the first time after first_ms."""
    now_ms = int(time.time() * 1000)

    def silent(number):
        wake_ms = now_ms + first_ms + ASKED_AGAIN_MS * number // count
        return {"pushes": 100, "wake_ms": wake_ms, "due_ms": wake_ms}

    _fill(path, "download", product, count, silent)


def wait_caught_up(world, count):
    """What fell due while the store was filled has been told: now it is what falls due in each second."""
    def pushes():
        before = world.platform.api.metric("ferry_downloads_offered_total")
        time.sleep(1)
        return world.platform.api.metric("ferry_downloads_offered_total") - before

    for _ in range(120):
        if pushes() < 1.5 * count * 1000 / ASKED_AGAIN_MS + 1:
            return
    sys.exit("bench: ferryd does not get through with what falls due")


def fill_devices(path, product, count):
    """Those of whom the other tasks are."""
    with filled_store(path) as database:
        database.execute("PRAGMA synchronous = OFF")
        cursor = database.execute("SELECT * FROM device WHERE product = ? LIMIT 1", (product,))
        model = dict(zip([one[0] for one in cursor.description], cursor.fetchone()))
        rows = (tuple({**model, "name": f"other{number}", "online_ms": 0}.values()) for number in range(count))
        database.executemany(f"INSERT INTO device VALUES ({', '.join('?' * len(model))})", rows)


def fill_stored_uploads(path, product, count):
    """Of as many devices; every second one has ended."""
    now_ms = int(time.time() * 1000)
    done = {"state": 4, "percent": 100, "stored_ms": now_ms, "ended_ms": now_ms, "expires_ms": 0}
    _fill(path, "upload", product, count, lambda number: done if number % 2 else {})


def fill_uploads(path, product, count):
    """Open ones of as many devices."""
    _fill(path, "upload", product, count, lambda number: {})
