"""The device library in a program of its own (tests/library/library_driver.c), and what may be measured from outside."""
import ctypes
import json
import os
import queue
import re
import socket
import subprocess
import threading

from environment import INHERITED
from ferry import PATIENCE, SANITIZER_MARKS, build_dir

SECRET = "MDEyMzQ1Njc4OWFiY2RlZg=="
PIDFD_GETFD = 438

# ferry/error.h
(OK, E_ARG, E_MEMORY, E_STATE, E_SNAPSHOT, E_UNWANTED, E_NETWORK, E_SILENT, E_REFUSED, E_CREDENTIAL, E_TLS, E_URL, E_HTTP,
 E_DIGEST, E_SOURCE, E_STORE, E_SPACE, E_NAME, E_CANCELLED, E_STOPPED, E_NO_TASK, E_UNCONFIRMED) = range(22)
# ferry_phase of ferry/device.h
IDLE, KEPT, HASH, ASK, OPEN, PROBE, MOVE, COMMIT, REPORT, PAUSE, END = range(11)


class Library:
    """One device in one program. What it says is JSON, an object a line: answers to calls, and outcomes."""

    def __init__(self, folder, broker, *, product="p1", device="d1", secret=SECRET, **options):
        self.folder, self.product, self.device = folder, product, device
        self.inbox = folder / "inbox"
        self.inbox.mkdir(exist_ok=True)
        self.state = folder / "state" / product / device
        self.part = self.inbox / f".ferry-{product}-{device}.part"
        settings = {"product": product, "device": device, "secret": secret, "broker": broker,
                    "state_dir": folder / "state", **options}
        self._command = [build_dir() / "tests" / "library" / "library_driver",
                         *(f"{name}={value}" for name, value in settings.items() if value is not None)]
        self._process = None

    def run_under(self, command):
        """As start(), by a command that executes its further arguments."""
        self._command = [*command, *self._command]
        opened = self.start()
        assert opened["err"] == OK, opened

    def start(self):
        env = {name: value for name, value in INHERITED.items() if not name.lower().endswith("_proxy")}
        self._process = subprocess.Popen(self._command, text=True, env=env, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._said = queue.Queue()
        self._kept = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self.wait(lambda said: said.get("call") == "open")

    def _read(self):
        for line in self._process.stdout:
            self._said.put(json.loads(line))

    @property
    def pid(self):
        return self._process.pid

    def say(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def wait(self, fits, timeout_s=15):
        """The first object that fits; the others wait for whoever asks for them."""
        for index, said in enumerate(self._kept):
            if fits(said):
                return self._kept.pop(index)
        while True:
            try:
                said = self._said.get(timeout=timeout_s * PATIENCE)
            except queue.Empty:
                raise AssertionError(f"the library did not say it; it said {self._kept}") from None
            if fits(said):
                return said
            self._kept.append(said)

    def call(self, name, *words, timeout_s=15):
        """A call and its error."""
        self.say(name, *words)
        return self.wait(lambda said: said.get("call") == name, timeout_s)["err"]

    def outcome(self, lane, timeout_s=15):
        return self.wait(lambda said: said.get("outcome") == lane, timeout_s)

    def no_outcome(self):
        """None so far."""
        self.stats()
        assert [said for said in self._kept if "outcome" in said] == []

    def status(self, lane):
        self.say("status", lane)
        return self.wait(lambda said: said.get("lane") == ("up", "down").index(lane))

    def stats(self):
        self.say("stats")
        return self.wait(lambda said: "turns" in said)

    def send_signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        self._process.kill()
        self._process.communicate()
        self._process = None

    def stop(self):
        """The end of its input is its end. Nothing is left of it, also for a sanitizer."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.stdin.close()
        err = process.stderr.read()
        status = process.wait(30 * PATIENCE)
        self._reader.join()
        process.stdout.close()
        process.stderr.close()
        assert not any(mark in err for mark in SANITIZER_MARKS), err
        assert status in (0, 1), f"status {status}: {err}"

    def close(self):
        """For fixtures: ends whatever runs."""
        if self._process is not None:
            self.kill()


def sleeps(pid):
    """How often the threads of a process have gone to sleep: each wake-up is one."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
            total += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read(), re.M)[1])
    return total


def peak_memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"^VmHWM:\s*(\d+)", status.read(), re.M)[1])


def tcp_sockets(pid):
    """The process's TCP sockets by descriptor, as sockets of ours that stand for the same connections."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    found = {}
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            try:
                if not os.readlink(f"/proc/{pid}/fd/{entry}").startswith("socket:"):
                    continue
            except OSError:
                continue
            fd = libc.syscall(PIDFD_GETFD, process, int(entry), 0)
            if fd < 0:
                continue
            copy = socket.socket(fileno=fd)
            if copy.family in (socket.AF_INET, socket.AF_INET6) and copy.type == socket.SOCK_STREAM:
                found[int(entry)] = copy
            else:
                copy.close()
    finally:
        os.close(process)
    return found
