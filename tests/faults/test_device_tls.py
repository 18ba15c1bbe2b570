"""A device whose platform's TLS is wrong for a while: it says what is wrong, and does its work when that is over."""
import contextlib
import socket
import threading

import pytest
from device_command import DONE, NETWORK, Command
from ferry import PATIENCE
from outage import take
from tls_injections import Certificates, wait_shown

WORDS = {"expired": "certificate has expired", "another name": "mismatch"}
BACK_S = 120  # a refused certificate is looked at again without haste
FILE = b"firmware" * 1000


@pytest.fixture
def make_world(make_platform, tmp_path):
    """make_world(bad): a platform with that certificate, and a device that trusts its authority."""
    made = []

    def make(bad=None):
        folder = tmp_path / (bad or "good")
        folder.mkdir()
        platform = make_platform(tls=True, start=False)
        certificates = Certificates(folder, platform.data)
        platform.start()
        device = Command.of(folder, platform, platform.new_device(), platform.addresses["mqtt"])
        made.append(device)
        device.options += ["--ca-file", platform.ca]
        platform.api.resource_add(device.product, "fw", FILE)
        platform.api.deploy(device.product, "fw", devices=[device.device])
        if bad:
            certificates.give_bad(bad)
            platform.reload()
            wait_shown(platform, certificates, PATIENCE)
        return platform, certificates, device

    yield make
    for device in made:
        device.close()


def test_agents_say_why_they_do_not_trust_the_platform_and_work_when_they_can(make_world):
    """All at once: each waits up to a minute."""
    worlds = {bad: make_world(bad) for bad in WORDS}
    agents = {bad: device.start("agent", "--dir", str(device.inbox), "--json") for bad, (_, _, device) in worlds.items()}
    for bad, (platform, certificates, device) in worlds.items():
        said = device.wait_event(agents[bad], "disconnected", timeout_s=30)
        assert WORDS[bad] in said["message"].lower(), said
        certificates.give_good()
        platform.reload()
        wait_shown(platform, certificates, PATIENCE)
    for bad, (_, _, device) in worlds.items():
        device.wait_event(agents[bad], "done", timeout_s=BACK_S)
        assert (device.inbox / "fw").read_bytes() == FILE
        device.stop(agents[bad])


@pytest.mark.parametrize("bad", WORDS)
def test_a_single_transfer_ends_at_once_with_the_reason_and_works_the_next_time(make_world, tmp_path, bad):
    platform, certificates, device = make_world(bad)
    (tmp_path / "log").write_bytes(b"content")
    done = device.upload(tmp_path / "log")
    assert done.returncode == NETWORK and WORDS[bad] in done.stderr.lower()
    certificates.give_good()
    platform.reload()
    wait_shown(platform, certificates, PATIENCE)
    assert device.upload(tmp_path / "log").returncode == DONE
    assert [row["state"] for row in platform.api.uploads(device.product)] == ["done"]


class Bad:
    """Whoever has the broker's port while it is away. how: a function of each connection."""

    def __init__(self, port, how):
        self.met, self._how, self._open = threading.Event(), how, []
        self._listener = take(port)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                self._open.append(connection)
                with contextlib.suppress(OSError):
                    self._how(connection)
                self.met.set()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self._open):
            each.close()


def hang_up(connection):
    connection.recv(1)
    connection.close()


def say_nonsense(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
    connection.close()


WAYS = {"never answers": lambda connection: None, "hangs up in the handshake": hang_up, "is no TLS": say_nonsense}


@pytest.mark.parametrize("way", WAYS)
def test_a_handshake_that_comes_to_nothing_is_tried_again_until_there_is_a_broker(make_world, tmp_path, way):
    platform, _, device = make_world()
    platform.pin_ports()
    port = platform.mqtt_port
    platform.stop()
    bad = Bad(port, WAYS[way])
    (tmp_path / "log").write_bytes(b"content")
    process = device.start("upload", str(tmp_path / "log"), "--give-up", str(120 * PATIENCE), "--json")
    try:
        assert bad.met.wait(30 * PATIENCE)
        said = device.wait_event(process, "disconnected", timeout_s=60)
        assert said["message"]
    finally:
        bad.close()
    platform.start()
    assert device.end(process, 120).returncode == DONE
