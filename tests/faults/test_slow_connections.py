"""A thousand connections that send one byte a second, while devices upload and download as ever."""
import os
import socket
import threading
import time

import pytest
from ferry import VendorDevice, wait_for

SLOW = 1000
PER_ADDRESS = 20 # the slow ones come from many addresses, so that no limit per address hides them
BESIDE_S = 30 if os.environ.get("FERRY_LONG") else 6
NORMAL_MAX_S = 10 if os.environ.get("FERRY_SANITIZED") else 3


class SlowCrowd:
    """Connections that send a byte each second: some within the head, some within a body."""

    def __init__(self, address, upload_url, size):
        self.sockets = []
        path = upload_url.partition("//")[2].partition("/")[2]
        head = b"GET /o/00000000000000000000000000?e=1&s=" + b"x" * 4000
        body = (f"PUT /{path} HTTP/1.1\r\nHost: x\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                f"Content-Length: {size}\r\n\r\n").encode()
        self._texts = []
        for number in range(SLOW):
            source = f"127.0.{1 + number // PER_ADDRESS // 200}.{1 + number // PER_ADDRESS % 200}"
            self.sockets.append(socket.create_connection(address, 10, source_address=(source, 0)))
            inside_body = number % 2 == 1
            if inside_body:
                self.sockets[-1].sendall(body)
            self._texts.append(b"z" * size if inside_body else head)
            self.sockets[-1].setblocking(False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drip, daemon=True)
        self._thread.start()

    def _drip(self):
        at = 0
        while not self._stop.wait(1):
            for sock, text in zip(self.sockets, self._texts):
                try:
                    sock.send(text[at:at + 1])
                except OSError:
                    pass # the platform has had enough of it
            at += 1

    def close(self):
        self._stop.set()
        self._thread.join()
        for sock in self.sockets:
            sock.close()


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.timeout(120)
def test_devices_work_as_ever_beside_a_thousand_connections_of_one_byte_a_second(make_platform):
    platform = make_platform("--device-transfers-max", "0") # the crowd has good URLs of one device
    size = 100_000
    with VendorDevice(platform, platform.new_device()) as device:
        platform.api.resource_add(device.product, "pack", b"p" * size)
        before = descriptors(platform.pid)
        slow_url = device.request_upload("slow", b"z" * size)["url"]
        crowd = SlowCrowd(("127.0.0.1", platform.objects_port), slow_url, size)
        try:
            slowest, rounds = work_beside(platform, device, size)
        finally:
            crowd.close()
        assert rounds >= 3 and slowest < NORMAL_MAX_S
        wait_for(lambda: descriptors(platform.pid) <= before + 10, 20, "the end of all slow connections")
        slow = next(row for row in platform.api.uploads(device.product) if row["name"] == "slow")
        assert slow["state"] not in ("stored", "done")
        assert not platform.temporary_files()


def work_beside(platform, device, size):
    """Uploads and downloads for a while. Gives the longest time of one of them, and how many there were."""
    slowest, rounds, end = 0, 0, time.monotonic() + BESIDE_S
    while time.monotonic() < end:
        started = time.monotonic()
        assert device.upload("log", b"%d" % rounds * 10_000).verdict["result_code"] == 0
        uploaded = time.monotonic()
        deployment = platform.api.deploy(device.product, "pack", [device.device])["id"]
        device.wait("download")
        _, data, verdict = device.download()
        assert len(data) == size and verdict["result_code"] == 0
        platform.api.wait_download(deployment, device.device, "done")
        slowest = max(slowest, uploaded - started, time.monotonic() - uploaded)
        rounds += 1
    return slowest, rounds
