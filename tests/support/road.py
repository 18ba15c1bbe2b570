"""A network of which every packet passes through this process: so it can be slow, lose, double and overtake without netem, which many
kernels lack. It needs a network namespace of its own.

    with Road(random) as road:          # who listens on all addresses is reached at FAR
        road.faults = Faults(delay_s=(0.02, 0.06), lost=0.05)
        ...
        road.faults = GOOD

What is sent to FAR comes to a tun device. Its source and destination are exchanged and it is given back: so it arrives at HERE, from FAR, and
the answers come back the same way. Check sums stay right, because a sum does not care for the order.
"""
import contextlib
import dataclasses
import fcntl
import heapq
import itertools
import os
import select
import struct
import subprocess
import threading
import time

HERE, FAR = "10.77.0.1", "10.77.0.2"
DEVICE, NAME = "/dev/net/tun", "ferry0"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
PACKET_MAX = 65536
IDLE_S = 0.5
IP_V4 = 4


@dataclasses.dataclass(frozen=True)
class Faults:
    """delay_s: from, to; with some width packets overtake one another. lost, doubled, late: parts of them; late: by late_s more."""
    delay_s: tuple = (0, 0)
    lost: float = 0
    doubled: float = 0
    late: float = 0
    late_s: float = 0.02


GOOD = Faults()


def missing():
    """Why there is no road here; empty when there can be one."""
    return "" if os.access(DEVICE, os.R_OK | os.W_OK) else f"no {DEVICE}"


class Road:
    def __init__(self, random):
        self.faults, self.counts = GOOD, {"passed": 0, "lost": 0, "doubled": 0, "late": 0}
        self._random, self._numbers, self._due = random, itertools.count(), []
        self._over = False
        self._tun = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            fcntl.ioctl(self._tun, TUNSETIFF, struct.pack("16sH22x", NAME.encode(), IFF_TUN | IFF_NO_PI))
            for words in (("address", "add", f"{HERE}/24", "dev", NAME), ("link", "set", NAME, "up", "txqueuelen", "1000")):
                subprocess.run(["ip", *words], check=True, capture_output=True)
        except BaseException:
            os.close(self._tun)
            raise
        self._thread = threading.Thread(target=self._run, daemon=True, name="road")
        self._thread.start()

    def _run(self):
        while not self._over:
            pause = self._due[0][0] - time.monotonic() if self._due else IDLE_S
            ready, _, _ = select.select([self._tun], [], [], min(max(pause, 0), IDLE_S))
            if ready:
                self._take()
            self._deliver()

    def _take(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = os.read(self._tun, PACKET_MAX)
                if packet[0] >> 4 == IP_V4:
                    self._send_off(packet[:12] + packet[16:20] + packet[12:16] + packet[20:])

    def _send_off(self, packet):
        faults, now = self.faults, time.monotonic()
        if self._comes(faults.lost, "lost"):
            return
        for _ in range(2 if self._comes(faults.doubled, "doubled") else 1):
            due = now + self._random.uniform(*faults.delay_s) + (faults.late_s if self._comes(faults.late, "late") else 0)
            heapq.heappush(self._due, (due, next(self._numbers), packet))

    def _comes(self, part, what):
        comes = part > 0 and self._random.random() < part
        self.counts[what] += comes
        return comes

    def _deliver(self):
        while self._due and self._due[0][0] <= time.monotonic():
            with contextlib.suppress(OSError): # full: it is lost, as on any road
                os.write(self._tun, heapq.heappop(self._due)[2])
            self.counts["passed"] += 1

    def close(self):
        self._over = True
        self._thread.join()
        os.close(self._tun)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
