"""What the platform may not have: a folder without rights, a port that somebody else has."""
import contextlib
import socket
import subprocess

import pytest
from ferry import VendorDevice, program, wait_for

from outage import broker_dead, connected

NO_OBJECT = 9


@contextlib.contextmanager
def somebody_on(port=0):
    """Another program listens on the port."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield other.getsockname()[1]


def error_lines(platform, *words):
    return [line for line in platform.log().splitlines() if " error " in line and all(word in line for word in words)]


def test_a_data_folder_without_rights_is_named_and_works_with_them(make_platform, obedient_build):
    platform = make_platform(start=False, build=obedient_build)
    platform.data.mkdir(mode=0o500)
    assert platform.start(expect_exit=True) == 1
    assert len(error_lines(platform, str(platform.data))) == 1, platform.log()
    platform.data.chmod(0o700)
    platform.start()
    assert platform.api.list("/products") == []


def test_an_object_folder_that_loses_its_rights_refuses_uploads_until_it_has_them_again(make_platform,
                                                                                       obedient_build):
    platform = make_platform(build=obedient_build)
    folder = platform.data / "objects" / "tmp"
    with VendorDevice(platform, platform.new_device()) as device:
        pid = platform.pid
        folder.chmod(0)
        try:
            refused = device.upload("log", b"content")
            assert refused.http.status == 503
            assert refused.verdict["result_code"] == NO_OBJECT
            assert platform.api.uploads(device.product)[0]["state"] not in ("stored", "done")
            assert "permission denied" in platform.log()
        finally:
            folder.chmod(0o700)
        assert device.upload("log", b"content").verdict["result_code"] == 0
        assert platform.pid == pid


@pytest.mark.parametrize("plane", ("mqtt", "objects", "api"))
def test_a_port_in_use_is_named_with_the_setting_to_change(make_platform, plane):
    with somebody_on() as port:
        platform = make_platform(f"--{plane}-port", port, start=False)
        assert platform.start(expect_exit=True) == 1
        assert len(error_lines(platform, str(port), "in use", f"{plane}-port")) == 1, platform.log()
        platform.assert_nothing_left()
    platform.start()
    assert platform.api.list("/products") == []


def test_a_second_ferryd_on_the_same_data_folder_is_told_so_and_the_first_one_goes_on(make_platform):
    platform = make_platform()
    ready = (platform.data / "run" / "ferryd.json").read_bytes()
    second = subprocess.run([program("ferryd"), "--data", platform.data, "--mqtt-port", "0", "--objects-port", "0",
                             "--api-port", "0"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert str(platform.data) in second.stderr and " error " in second.stderr
    assert (platform.data / "run" / "ferryd.json").read_bytes() == ready
    with VendorDevice(platform, platform.new_device()) as device:
        assert device.upload("log", b"content").verdict["result_code"] == 0


def test_a_broker_port_that_is_taken_while_the_broker_is_down_is_named_and_used_when_it_is_free(make_platform):
    platform = make_platform()
    port, pid, before = platform.mqtt_port, platform.pid, len(platform.log())
    with broker_dead(platform):
        wait_for(lambda: f"port {port}" in platform.log()[before:], 10, "a line about the port")
        assert platform.api.list("/products") == []
    credential = platform.new_device()
    with wait_for(lambda: connected(platform, credential), 10, "a connection") as device:
        assert device.upload("log", b"content").verdict["result_code"] == 0
    assert platform.pid == pid
