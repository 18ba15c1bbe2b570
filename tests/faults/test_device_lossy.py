"""A device whose packets get lost: in a network namespace of its own, behind a filter that drops by chance.

(`tc netem` would do, where the kernel has it; the packet filter's random numbers are in more kernels.)
"""
import contextlib
import os
import subprocess

import pytest
from device_command import DONE, Command
from ferry import Platform

pytestmark = pytest.mark.xdist_group("network_changes")  # the browsers of tests/console would notice

LONG = bool(os.environ.get("FERRY_LONG"))
SIZE = 4_000_000 if LONG else 400_000

RULES = """table inet loss {{
  chain in {{ type filter hook input priority 0; meta l4proto tcp numgen random mod 1000 < {permille} counter drop; }}
  chain out {{ type filter hook output priority 0; meta l4proto tcp numgen random mod 1000 < {permille} counter drop; }}
}}
"""


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


class Namespace:
    """A network with one other end, the host's address."""

    def __init__(self, number):
        self.name, outer, inner = f"ferry{number}", f"fo{number}", f"fi{number}"
        self.host, device = f"10.213.{number % 250}.1", f"10.213.{number % 250}.2"
        self.inside = ["ip", "netns", "exec", self.name]
        ip("netns", "add", self.name)
        ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", self.name)
        ip("addr", "add", f"{self.host}/30", "dev", outer)
        ip("-n", self.name, "addr", "add", f"{device}/30", "dev", inner)
        for end in ((outer,), (inner, "-n", self.name)):  # packets of the size that they have on a cable
            ip(*end[1:], "link", "set", end[0], "gso_max_segs", "1", "up")

    def lose(self, permille):
        """So many of a thousand packets in each direction; what was lost before is forgotten."""
        subprocess.run([*self.inside, "nft", "-f", "-"], input="flush ruleset\n" + RULES.format(permille=permille),
                       check=True, capture_output=True, text=True)

    def lost(self):
        listed = subprocess.run([*self.inside, "nft", "list", "ruleset"], check=True, capture_output=True, text=True)
        words = listed.stdout.split()
        return sum(int(count) for word, count in zip(words, words[1:]) if word == "packets")

    def remove(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("netns", "del", self.name)  # and its end of the cable, with which the other one goes


@pytest.fixture(scope="module")
def lossy():
    """The namespace, and a platform at its other end."""
    if os.geteuid() != 0:
        pytest.skip("only root may make a network namespace")
    try:
        namespace = Namespace(os.getpid() % 10000)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine lets nobody make a network namespace: {error}")
    try:
        namespace.lose(0)
    except (OSError, subprocess.CalledProcessError) as error:
        namespace.remove()
        pytest.skip(f"the packet filter cannot drop by chance here: {getattr(error, 'stderr', error)}")
    try:
        with Platform("--listen", namespace.host, "--allow-plain", "mqtt,objects") as platform:
            yield namespace, platform
    finally:
        namespace.remove()


@pytest.mark.parametrize("permille", [20, 100] if not LONG else [10, 50, 100])
def test_lost_packets_cost_time_and_nothing_else(lossy, tmp_path, permille):
    namespace, platform = lossy
    device = Command.of(tmp_path, platform, platform.new_device(), f"mqtt://{namespace.host}:{platform.mqtt_port}")
    device.wrapper = namespace.inside
    file = device.folder / "a.bin"
    file.write_bytes(os.urandom(SIZE))
    platform.api.resource_add(device.product, "b.bin", file.read_bytes())
    order = platform.api.deploy(device.product, "b.bin", [device.device])["id"]
    namespace.lose(permille)
    with contextlib.closing(device):
        assert device.upload(file, timeout_s=300).returncode == DONE
        assert device.download("--wait", timeout_s=300).returncode == DONE
    assert namespace.lost() > 0
    (row,) = platform.api.uploads(device.product, device.device)
    assert row["state"] == "done" and platform.api.upload_bytes(row["id"]) == file.read_bytes()
    assert (device.inbox / "b.bin").read_bytes() == file.read_bytes()
    assert platform.api.download_task(order, device.device)["state"] == "done"
    assert device.leftovers() == []
