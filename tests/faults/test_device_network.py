"""A device behind a network that delays, cuts, corrupts, repeats and closes: both sides end with the whole file.

Each case is one device with proxies of its own between it and the one platform. They run several at a time; each
test waits for its own. Asserted is what the device did (exit status, file, what it left, how often it asked) and what
the platform believes (state, size, MD5, bytes).
"""
import dataclasses
import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from device_command import DONE, Command
from fault_proxy import (BlackHole, Corrupt, Cut, Delay, DeviceNetwork, Drop, HalfClose, Rate, Refuse, Repeat, always,
                         first)

KIB, MIB = 1 << 10, 1 << 20
LARGE, SMALL = 1536 * KIB, 100 * KIB
MIDDLE = LARGE // 2
AT_ONCE = 16
LONG = bool(os.environ.get("FERRY_LONG"))
REQUESTS_MAX, CONNECTIONS_MAX = 16, 10

pytestmark = pytest.mark.xdist_group("device_network")


@dataclasses.dataclass(frozen=True)
class Case:
    http: object = always()
    mqtt: object = always()
    size: int = LARGE
    moved_max: float = 1.0     # bytes of the file that were moved, as a share of its size (and 64 KiB)
    timeout_s: int = 60
    certain: bool = True       # a fault comes about


def by_turns(*faults):
    """A plan: the n-th connection has the n-th fault, later ones are good."""
    return lambda number: faults[number:number + 1]


def broken_http(body, other):
    """Cases of one direction; body: where the bytes of the file go, other: the other way."""
    once = lambda *faults, **more: Case(http=first(1, *faults), **more)
    cases = {f"cut {body} after {after}": once(Cut(body, after)) for after in (0, 1, MIDDLE, LARGE - 1)}
    cases |= {f"corrupt {body} at {at}": once(Corrupt(body, at), moved_max=2) for at in (0, MIDDLE, LARGE - 1)}
    cases |= {f"refused {times} times": Case(http=first(times, Refuse())) for times in (1, 3)}
    return {**cases,
            f"delay {body}": once(Delay(body, 0.02)), f"delay {other}": once(Delay(other, 0.3)),
            f"rate {body}": once(Rate(body, 3 * MIB)),
            f"reset {body}": once(Cut(body, MIDDLE, reset=True), moved_max=1.5),  # what was not read yet is lost
            f"half-close {body}": once(HalfClose(body, MIDDLE)),
            "half-close before the answer": once(HalfClose("down", 0, of="all")),
            "answer cut": once(Cut("down", 9, of="all"), moved_max=2),
            "every connection cut later": Case(http=by_turns(*(Cut(body, at) for at in range(200 * KIB, MIB, 200 * KIB)))),
            "repeated": Case(http=always(Repeat("down")))}


HTTP_UP = {**broken_http("up", "down"),
           "cut after the last byte": Case(http=first(1, Cut("up", LARGE))),
           "second answer cut": Case(http=first(1, Cut("down", 1, of="answers"))),
           "small: corrupt": Case(http=first(1, Corrupt("up", 5)), size=SMALL, moved_max=2),
           "small: answer cut": Case(http=first(1, Cut("down", 0, of="answers")), size=SMALL, moved_max=2),
           "small: cut": Case(http=first(2, Cut("up", SMALL // 2)), size=SMALL, moved_max=2.1),
           "small: repeated": Case(http=always(Repeat("down")), size=SMALL)}

HTTP_DOWN = {**broken_http("down", "up"),
             "request cut": Case(http=first(1, Cut("up", 30, of="all"))),
             "half-close of the request": Case(http=first(1, HalfClose("up", 30, of="all")))}

MQTT = {f"cut {way} after {after}": Case(mqtt=first(1, Cut(way, after)))
        for way, places in (("up", (1, 150, 200, 300, 400)), ("down", (1, 4, 9, 60, 300))) for after in places}
MQTT |= {"reset": Case(mqtt=first(1, Cut("down", 100, reset=True))),
         "delay up": Case(mqtt=always(Delay("up", 0.2))), "delay down": Case(mqtt=always(Delay("down", 0.2))),
         "rate": Case(mqtt=always(Rate("up", 1000), Rate("down", 1000))),
         "repeat up": Case(mqtt=always(Repeat("up"))), "repeat down": Case(mqtt=always(Repeat("down"))),
         "repeat both": Case(mqtt=always(Repeat("up"), Repeat("down"))),
         "half-close up": Case(mqtt=first(1, HalfClose("up", 200))),
         "half-close down": Case(mqtt=first(1, HalfClose("down", 60))),
         "refused 3 times": Case(mqtt=first(3, Refuse())),
         "flapping": Case(mqtt=by_turns(Cut("up", 180), Cut("down", 9), Refuse(), Cut("down", 300), Cut("up", 400))),
         "task lost": Case(mqtt=first(1, Drop("down", b"_task_rsp"))),
         "confirmation lost": Case(mqtt=first(1, Drop("down", b'"report_')))}

SLOW = {"up": {"swallowed up": Case(http=first(1, BlackHole("up", MIDDLE)), moved_max=2, timeout_s=150),
               "swallowed down": Case(http=first(1, BlackHole("down")), moved_max=2, timeout_s=150)},
        "down": {"swallowed up": Case(http=first(1, BlackHole("up")), timeout_s=150),
                 "swallowed down": Case(http=first(1, BlackHole("down", MIDDLE)), timeout_s=150)}}
SLOW_MQTT = {"connect swallowed": Case(mqtt=first(1, BlackHole("up"))),
             "connack swallowed": Case(mqtt=first(2, BlackHole("down"))),
             "suback swallowed": Case(mqtt=first(1, BlackHole("down", 4)))}


def any_fault(chance):
    """A fault of any kind for one connection, or none."""
    way, place = chance.choice(("up", "down")), chance.randrange(LARGE)
    near = chance.randrange(600)
    return chance.choice((
        (), (Cut(way, place),), (Cut(way, near, of="all"),), (Cut(way, place, reset=True),), (HalfClose(way, place),),
        (HalfClose(way, near, of="all"),), (Refuse(),), (Delay(way, 0.01),), (Rate(way, 4 * MIB),), (Repeat("down"),),
        (Rate(way, 4 * MIB), Cut(way, place))))


def of_chance(seed):
    """The first connections of both kinds have any faults; one body is damaged."""
    chance = random.Random(seed)
    http = [any_fault(chance) for _ in range(5)] + [(Corrupt(chance.choice(("up", "down")), chance.randrange(LARGE)),)]
    mqtt = [any_fault(chance) for _ in range(4)]
    chance.shuffle(http)
    plan = lambda faults: lambda number: faults[number] if number < len(faults) else ()
    return Case(http=plan(http), mqtt=plan(mqtt), moved_max=4, timeout_s=120, certain=False)


SEEDS = {f"seed {seed}": of_chance(seed) for seed in range(60 if LONG else 4)}
CASES = {("upload", "http " + name): case for name, case in HTTP_UP.items()}
CASES |= {("download", "http " + name): case for name, case in HTTP_DOWN.items()}
CASES |= {(task, "mqtt " + name): case for task in ("upload", "download") for name, case in MQTT.items()}
CASES |= {(task, name): case for task in ("upload", "download") for name, case in SEEDS.items()}
if LONG:
    CASES |= {(task, "mqtt " + name): case for task in ("upload", "download") for name, case in SLOW_MQTT.items()}
    CASES |= {("upload", "http " + name): case for name, case in SLOW["up"].items()}
    CASES |= {("download", "http " + name): case for name, case in SLOW["down"].items()}


# --- one case ------------------------------------------------------------------------------------------------


class Place:
    """The platform and the folder of all cases."""

    def __init__(self, platform, folder):
        self.platform, self.folder = platform, folder
        self.product = platform.new_product()
        self.body = os.urandom(LARGE)  # one for all: a platform keeps the files of the day open
        platform.api.resource_add(self.product, "b.bin", self.body)

    def upload(self, device, size):
        """The command, then the checks."""
        file = device.folder / "a.bin"
        file.write_bytes(os.urandom(size))
        yield ["upload", file]
        (row,) = self.platform.api.uploads(device.product, device.device)
        assert (row["state"], row["size"]) == ("done", size)
        assert self.platform.api.upload_bytes(row["id"]) == file.read_bytes()
        assert list(device.inbox.iterdir()) == []

    def download(self, device, _size):
        order = self.platform.api.deploy(device.product, "b.bin", [device.device])["id"]
        yield ["download", "--wait", "--dir", device.inbox]
        assert {path.name: path.read_bytes() for path in device.inbox.iterdir()} == {"b.bin": self.body}
        assert self.platform.api.download_task(order, device.device)["state"] == "done"

    def run(self, name, task, case):
        folder = self.folder / name
        folder.mkdir()
        with DeviceNetwork(self.platform) as network:
            network.http.plan, network.mqtt.plan = case.http, case.mqtt
            device = Command.of(folder, self.platform, self.platform.new_device(self.product), network.broker)
            try:
                steps = getattr(self, task)(device, case.size)
                done = device.run(*next(steps), timeout_s=case.timeout_s)
                assert done.returncode == DONE, f"{done}\n{network}"
                assert next(steps, None) is None
                assert device.leftovers() == []
                self.check_network(network, case, "up" if task == "upload" else "down")
            finally:
                device.close()

    @staticmethod
    def check_network(network, case, way):
        assert network.http.hits or network.mqtt.hits or not case.certain, "the fault did not come about"
        moved = network.http.passed[way]
        assert moved <= case.size * case.moved_max + 64 * KIB, f"{moved} bytes were moved\n{network}"
        assert len(network.http.requests) <= REQUESTS_MAX and network.mqtt.connections <= CONNECTIONS_MAX, network


@pytest.fixture(scope="module")
def running(request, tmp_path_factory, platform):
    """All cases that were asked for, on their way."""
    place = Place(platform, tmp_path_factory.mktemp("network"))
    asked = [item.callspec.params["key"] for item in request.session.items
             if item.module is request.module and hasattr(item, "callspec")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {key: pool.submit(place.run, str(number), key[0], CASES[key]) for number, key in enumerate(asked)}


@pytest.mark.parametrize("key", CASES, ids=" ".join)
def test_a_fault_of_the_network_costs_time_and_nothing_else(running, key):
    running[key].result()
