"""A world that never gets better: a device tries neither too little nor for ever, and says why it stopped.

Each case is one way in which everything fails always, with `--give-up`. Asserted are the exit status, the time, how
often the other side was asked, what the platform was told, and whether the transfer is remembered. They run several
at a time; each test waits for its own.
"""
import collections
import contextlib
import dataclasses
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from device_command import FAILED, NETWORK, REFUSED, Command
from fake_platform import Corrupt, Cut, FakePlatform, Status
from fault_proxy import BlackHole, Cut as LinkCut, MqttProxy, Refuse, always
from ferry import PATIENCE

MIB = 1 << 20
GIVE_UP_S, LAST_ATTEMPT_S = 4, 8  # an attempt, beside many others
RESTARTS_S = 14  # a beginning from zero has its own count: three, with growing pauses, some 7 s
AT_ONCE = 32

pytestmark = pytest.mark.xdist_group("device_gives_up")


class Always(collections.deque):
    """A queue that never gets empty: the last one stays."""

    def popleft(self):
        return super().popleft() if len(self) > 1 else self[0]


class Turns(collections.deque):
    """A queue that begins again."""

    def popleft(self):
        self.rotate(-1)
        return self[-1]


@dataclasses.dataclass(frozen=True)
class Case:
    set: dict                    # what the fake platform does
    status: int                  # exit status of ferry
    word: str                    # of its message
    asked: tuple                 # fewest and most requests to the store
    told: tuple = ()             # results that the platform heard
    kept: bool = False           # the transfer is remembered
    questions: tuple = (1, 8)    # fewest and most questions for a URL
    links: tuple = (1, 1)        # fewest and most connections to the broker
    link: object = always()      # plan of these connections
    size: int = 1000
    seconds: float = GIVE_UP_S + LAST_ATTEMPT_S


def http(*faults, **more):
    return {"faults": Always(faults), **more}


LATER = {"status": NETWORK, "kept": True}
FAIL_UP, FAIL_DOWN = (("a.bin", "fail", -1),), (("b.bin", "fail", -1),)
NO_URL_UP, NO_URL_DOWN = (("a.bin", "fail", -3),), (("b.bin", "fail", -3),)

BOTH = {f"always {code}": dict(set=http(Status(code)), word=str(code), asked=(3, 7), **LATER)
        for code in (408, 423, 425, 429, 500, 502, 503, 504, 505, 507)}
BOTH |= {"Retry-After of a day": dict(set=http(Status(503, {"Retry-After": "86400"})), word="503", asked=(1, 3), **LATER),
         "Retry-After beyond all numbers": dict(set=http(Status(503, {"Retry-After": "4294968"})), word="503",
                                                asked=(1, 3), **LATER),
         "Retry-After of a second": dict(set=http(Status(503, {"Retry-After": "1"})), word="503", asked=(2, 5), **LATER)}

UP = {name: Case(**case) for name, case in BOTH.items()}
UP |= {f"always {code}": Case(set=http(Status(code)), status=REFUSED, word=str(code), asked=(3, 8), told=NO_URL_UP)
       for code in (302, 401, 403, 404, 410, 412)}
UP |= {f"always {code}": Case(set=http(Status(code)), status=status, word=str(code), asked=(1, 1), told=FAIL_UP)
       for code, status in ((205, NETWORK), (411, NETWORK), (413, REFUSED), (418, NETWORK), (501, NETWORK))}
UP |= {"always 409": Case(set=http(Status(409)), word="409", asked=(3, 7), **LATER),
       "always 400": Case(set=http(Status(400)), status=FAILED, word="MD5", asked=(4, 4), told=(("a.bin", "fail", -4),),
                          seconds=RESTARTS_S),
       "large, damaged each time": Case(set={"faults": Turns([None, Status(400)])}, status=FAILED, word="MD5", asked=(8, 8), size=MIB,
                                        told=(("a.bin", "fail", -4),), seconds=RESTARTS_S),
       "large, no tus, always 500": Case(set=http(Status(403), Status(500)), word="500", asked=(3, 7), size=MIB, **LATER),
       "always cut": Case(set=http(Cut(0)), word="broke off", asked=(3, 7), **LATER),
       "large, always cut": Case(set=http(Cut(0)), word="broke off", asked=(6, 14), size=MIB, **LATER)}
UP |= {f"always result_code {code}": Case(set={"refuse_with": Always([code])}, status=REFUSED, word=f"result_code {code}",
                                          asked=(0, 0), questions=(3, 8), kept=code != 8 and code != 11)
       for code in (7, 8, 11, 12, 14)}
UP |= {f"refused with {code}": Case(set={"refuse_with": Always([code])}, status=REFUSED, word=f"result_code {code}",
                                    asked=(0, 0), questions=(1, 1)) for code in (1, 2, 3, 4, 5, 6, 10, 13, 15, 99, -1)}
UP |= {"done is never true": Case(set={"verdicts": Always([9])}, status=REFUSED, word="result_code 9", asked=(4, 4),
                                  told=(("a.bin", "done", 0), ("a.bin", "fail", -1)), seconds=RESTARTS_S),
       "platform silent": Case(set={"silent": 10**6}, status=NETWORK, word="platform", asked=(0, 0), questions=(1, 3),
                               kept=True)}

DOWN = {name: Case(**case) for name, case in BOTH.items()}
DOWN |= {f"always {code}": Case(set=http(Status(code)), status=REFUSED, word=str(code), asked=(3, 8), told=NO_URL_DOWN)
         for code in (302, 401, 403, 404, 410)}
DOWN |= {f"always {code}": Case(set=http(Status(code)), status=NETWORK, word=str(code), asked=(1, 1), told=FAIL_DOWN)
         for code in (201, 204, 400, 405, 418, 501)}
DOWN |= {f"always {code}": Case(set=http(Status(code)), status=FAILED, word="MD5", asked=(4, 4),
                                told=(("b.bin", "fail", -4),)) for code in (412, 416)}
DOWN |= {"always damaged": Case(set=http(Corrupt(3)), status=FAILED, word="MD5", asked=(4, 4),
                                told=(("b.bin", "fail", -4),)),
         "always cut": Case(set=http(Cut(0)), word="broke off", asked=(3, 7), **LATER),
         "platform silent": Case(set={"silent": 10**6}, status=NETWORK, word="platform", asked=(0, 0), questions=(1, 3))}

DOWN |= {f"always result_code {code}": Case(set={"refuse_with": Always([code])}, status=REFUSED,
                                            word=f"result_code {code}", asked=(0, 0), questions=(3, 8))
         for code in (7, 11, 14)}
DOWN |= {f"refused with {code}": Case(set={"refuse_with": Always([code])}, status=REFUSED, word=f"result_code {code}",
                                      asked=(0, 0)) for code in (1, 6, 9, 10, 12, 13, 15, 99, -1)}
for cases in (UP, DOWN):
    cases["store gone"] = Case(set={"http_port": 1}, word="cannot be made", asked=(0, 0), **LATER)

LINKS = {"refused": (always(Refuse()), (2, 7)), "cut before CONNACK": (always(LinkCut("down", 0)), (2, 7)),
         "cut after CONNACK": (always(LinkCut("down", 4)), (2, 7)), "cut after SUBACK": (always(LinkCut("down", 9)), (2, 7)),
         "cut after the question": (always(LinkCut("up", 200)), (2, 7)), "silent": (always(BlackHole("down")), (1, 1))}
for name, (plan, links) in LINKS.items():
    word = "nothing moves" if name == "silent" else "no connection"
    UP["link " + name] = Case(set={}, status=NETWORK, word=word, asked=(0, 0), questions=(0, 7), link=plan,
                              links=links, kept=True)
    DOWN["link " + name] = dataclasses.replace(UP["link " + name], kept=False)

CASES = {("upload", name): case for name, case in UP.items()}
CASES |= {("download", name): case for name, case in DOWN.items()}


def run_case(folder, task, case):
    folder.mkdir()
    with FakePlatform() as platform, contextlib.closing(MqttProxy(platform.mqtt_port)) as proxy:
        proxy.plan = case.link
        for name, value in case.set.items():
            setattr(platform, name, value)
        device = Command(folder, broker=f"mqtt://127.0.0.1:{proxy.port}")
        with contextlib.closing(device):
            check(case, device, platform, proxy, run_command(task, case, device, platform))


def run_command(task, case, device, platform):
    """The command, and how many seconds it took."""
    file = device.folder / "a.bin"
    file.write_bytes(os.urandom(case.size))
    if task == "download":
        platform.offer("b.bin", os.urandom(case.size))
    start = time.monotonic()
    patience = ["--give-up", f"{GIVE_UP_S}s"]
    done = device.upload(file, *patience) if task == "upload" else device.download(*patience)
    return done, time.monotonic() - start


def check(case, device, platform, proxy, outcome):
    done, seconds = outcome
    assert done.returncode == case.status, done
    assert case.word in done.stderr, done.stderr
    assert seconds < case.seconds * PATIENCE, f"it took {seconds} s"
    requests = [method for method, _, _ in platform.requests]
    assert case.asked[0] <= len(requests) <= case.asked[1], requests
    questions = [message for message in platform.messages if message["type"] in ("create_upload_task", "get_download_task")]
    assert case.questions[0] <= len(questions) <= case.questions[1], questions
    assert case.links[0] <= proxy.connections <= case.links[1], proxy.times
    assert tuple(dict.fromkeys(platform.results)) == case.told
    assert bool([name for name in device.leftovers() if name.endswith(".state")]) == case.kept
    assert case.kept or device.leftovers() == []


@pytest.fixture(scope="module")
def running(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gives-up")
    asked = [item.callspec.params["key"] for item in request.session.items
             if item.module is request.module and hasattr(item, "callspec")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {key: pool.submit(run_case, folder / str(number), key[0], CASES[key]) for number, key in enumerate(asked)}


@pytest.mark.parametrize("key", CASES, ids=" ".join)
def test_a_device_stops_in_time_and_says_why(running, key):
    running[key].result()
