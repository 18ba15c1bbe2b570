"""The n-th allocation fails, for n = 1, 2, 3 ...: no crash, a clear word, the right exit code.

What the tools and ferryd must do then: their work, because what was missing was not needed; or end with a status of theirs and a
word on standard error. A signal is a crash, and so is a status that they do not have.
"""
import contextlib
import json
import re
import signal
import subprocess
import time

import requests

from environment import without_settings
from ferry import PATIENCE, program
from shim import build_shim

STATUSES = {"ferryctl": (0, 1, 2, 3, 4), "ferry": (0, 1, 2, 3, 4), "ferryd": (0, 1, 2)}
RUN_S = {"ferryctl": 30 * PATIENCE, "ferry": 8 * PATIENCE, "ferryd": 30 * PATIENCE}
TRYING = "trying again"  # a device that lacks something goes on when it may have it; nobody ends it but its operator
CRASH = re.compile(r"alloc_shim: crash in (\S+)")
READY_S = 20 * PATIENCE


class Outcome:
    """Of one run: status, what it said, how many allocations there were (None when it did not come to its end)."""

    def __init__(self, nth, status, said, count):
        self.nth, self.status, self.said, self.count = nth, status, said, count

    def library(self, name):
        """The library in which it has crashed; None."""
        crash = CRASH.search(self.said)
        module = crash[1].rpartition("/")[2] if crash and self.status is not None and self.status < 0 else name
        return module if module != name else None

    def fault(self, name):
        """What Ferry did wrong, in words; None when nothing. A crash inside of a library is not Ferry's."""
        if self.status is None:
            return None if name == "ferry" and TRYING in self.said else self._words(name, "it did not end")
        if self.status < 0:
            return None if self.library(name) else self._words(name, f"killed by {signal.Signals(-self.status).name}")
        if self.status not in STATUSES[name]:
            return self._words(name, f"status {self.status}")
        if self.status != 0 and not self.said.strip():
            return self._words(name, f"status {self.status} without a word")
        return None

    def _words(self, name, what):
        return f"{name}: allocation {self.nth}: {what}: {self.said[-300:]}"


def environment(shim, folder, nth):
    env = without_settings()
    return {**env, "LD_PRELOAD": str(shim), "FERRY_ALLOC_FAIL_AT": str(nth), "FERRY_ALLOC_COUNT": str(folder / "count")}


def count_of(folder):
    with contextlib.suppress(OSError, ValueError):
        return int((folder / "count").read_text())
    return None


def run_tool(shim, folder, nth, name, *arguments):
    """One run of a tool to its end."""
    (folder / "count").unlink(missing_ok=True)
    with open(folder / "said", "w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen([str(program(name)), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                   env=environment(shim, folder, nth))
        status = _status(process, RUN_S[name])
        said.seek(0)
        return Outcome(nth, status, said.read(), count_of(folder))


def _status(process, timeout_s):
    """None: it did not end by itself."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def run_ferryd(shim, folder, nth, ask):
    """ferryd from its start over one request to its end by SIGTERM. ask(data) may fail, it must not hang."""
    data, ready = folder / "data", folder / "data" / "run" / "ferryd.json"
    (folder / "count").unlink(missing_ok=True)
    ready.unlink(missing_ok=True)
    ports = [word for plane in ("mqtt", "objects", "api", "mqtts", "device-cert") for word in (f"--{plane}-port", "0")]
    with open(folder / "log", "w+", encoding="utf-8") as log:
        process = subprocess.Popen([str(program("ferryd")), "--data", str(data), *ports], stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, env=environment(shim, folder, nth))
        end = time.monotonic() + READY_S
        while process.poll() is None and not ready.exists() and time.monotonic() < end:
            time.sleep(0.01)
        if process.poll() is None and ready.exists():
            ask(data)
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        status = _status(process, RUN_S["ferryd"])
        log.seek(0)
        return Outcome(nth, status, log.read(), count_of(folder))


def numbers(total, draw, most):
    """At most so many of 1 .. total: all when they are few, else drawn, each part of the run with as many."""
    if total <= most:
        return range(1, total + 1)
    part = total / most
    return sorted({1 + int(part * number + draw.random() * part) for number in range(most)})


# --- the whole of it ------------------------------------------------------------------------------------


class Allocations:
    """Every program, each with at most so many numbers: run(most) gives the report's part."""

    def __init__(self, folder, platform, draw):
        self.folder, self.platform, self.draw = folder, platform, draw
        self.shim = build_shim(folder, "alloc_shim")
        self.device = platform.new_device()
        (folder / "secret").write_text(self.device.secret)
        (folder / "secret").chmod(0o600)
        (folder / "file").write_bytes(b"some bytes " * 500)
        self.uploads = 0

    def run(self, most, seconds):
        """most: numbers by program. Each has its part of the time."""
        runs = {"ferryctl": self._ferryctl, "ferry": self.upload, "ferryd": self._ferryd}
        return {name: self._one(name, runs[name], count, seconds / len(most)) for name, count in most.items()}

    def _one(self, name, run, most, seconds):
        whole, end = run(0), time.monotonic() + seconds
        assert whole.status == 0 and whole.count, f"{name}: {whole.status}: {whole.said}"
        result = {"allocations": whole.count, "failed": 0, "went_on": 0, "said_so": 0, "keeps_trying": 0, "crashed_in": {}, "faults": []}
        for nth in numbers(whole.count, self.draw, most):
            if time.monotonic() > end:
                break
            self._note(name, result, run(nth))
        return result

    @staticmethod
    def _note(name, result, outcome):
        library, fault = outcome.library(name), outcome.fault(name)
        result["failed"] += 1
        if fault:
            result["faults"].append(fault)
        elif library:
            result["crashed_in"][library] = result["crashed_in"].get(library, 0) + 1
        else:
            result["keeps_trying" if outcome.status is None else "said_so" if outcome.status else "went_on"] += 1

    def _ferryctl(self, nth):
        return run_tool(self.shim, self.folder, nth, "ferryctl", "--data", self.platform.data, "product", "list")

    def upload(self, nth):
        self.uploads += 1
        return run_tool(self.shim, self.folder, nth, "ferry", "upload", self.folder / "file", "--name", f"f{self.uploads}",
                        "--product", self.device.product, "--device", self.device.device, "--secret-file", self.folder / "secret",
                        "--broker", f"mqtt://127.0.0.1:{self.platform.mqtt_port}", "--state-dir", self.folder / "state")

    def _ferryd(self, nth):
        return run_ferryd(self.shim, self.folder, nth, ask_for_products)


def ask_for_products(data):
    """One request of an operator."""
    with contextlib.suppress(OSError, ValueError, requests.RequestException):
        address = json.loads((data / "run" / "ferryd.json").read_text())["api"]
        token = (data / "admin.token").read_text().strip()
        requests.get(f"{address}/api/v1/products", headers={"Authorization": f"Bearer {token}"}, timeout=5)
