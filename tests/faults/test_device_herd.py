"""Many devices that lose their broker at one moment: how hard they knock, and that all come back.

The same on simulated time, with a thousand: device/src/herd_test.c.
"""
import contextlib
import os
import signal
import time

import pytest
from device_command import DONE, Command
from fake_platform import FakePlatform
from fault_proxy import MqttProxy, Refuse, always
from ferry import PATIENCE, SANITIZED, wait_for

LONG = bool(os.environ.get("FERRY_LONG"))
DEVICES = 200 if LONG else 20 if SANITIZED else 50
OUTAGE_S = 15 if LONG else 4
WINDOW_S = 0.1


def most_in_a_window(times):
    """The most connections within any tenth of a second."""
    times = sorted(times)
    return max((sum(start <= moment < start + WINDOW_S for moment in times) for start in times), default=0)


@pytest.fixture
def herd(tmp_path):
    """The platform, the proxy before its broker, and agents that have asked it."""
    with FakePlatform() as platform, contextlib.closing(MqttProxy(platform.mqtt_port)) as proxy, \
            contextlib.ExitStack() as stack:
        devices = []
        for number in range(DEVICES):
            folder = tmp_path / str(number)
            folder.mkdir()
            device = Command(folder, broker=f"mqtt://127.0.0.1:{proxy.port}", device=f"d{number}")
            stack.callback(device.close)
            device.start("agent", "--dir", device.inbox)
            devices.append(device)
        wait_for(lambda: len(platform.messages) >= DEVICES, 30 * PATIENCE, "a question of each")
        yield platform, proxy, devices


def test_a_herd_that_lost_its_broker_does_not_trample_it(herd):
    platform, proxy, devices = herd
    assert proxy.connections == DEVICES
    proxy.plan = always(Refuse())
    proxy.times.clear()
    start = time.monotonic()
    proxy.drop_all()
    time.sleep(OUTAGE_S)
    knocks = [moment - start for moment in proxy.times]
    # Half a second to a second after the loss, then pauses that double, each drawn between its half and its whole.
    assert most_in_a_window(knocks) <= DEVICES * 0.45 + 5
    assert most_in_a_window([moment for moment in knocks if moment > 2.5]) <= DEVICES * 0.2 + 5
    assert 2 * DEVICES <= len(knocks) <= 5 * DEVICES
    platform.messages.clear()
    proxy.plan = always()
    wait_for(lambda: len(platform.messages) >= DEVICES, 2 * OUTAGE_S * PATIENCE, "all of them again")
    for device in devices:
        device.started[0].send_signal(signal.SIGTERM)
    assert {device.end(device.started[0]).returncode for device in devices} == {DONE}
