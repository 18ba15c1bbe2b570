"""How often, and how many times at once, devices and addresses may connect to the managed broker.

Who is over a limit is cut off without a CONNACK: on a refusal a vendor's device ends its program.
"""
import contextlib
import time

import pytest

from ferry import PATIENCE, VendorDevice, wait_for
from raw_mqtt import RawClient
from vendor_device import vendor_password, vendor_username

REFUSED = 135  # CONNACK of MQTT 5: not authorized


def connect(platform, credential, *, secret=None):
    """A connection of the device, or the attempt at one."""
    username = vendor_username(credential.product, credential.device)
    password = vendor_password(secret or credential.secret, username)
    return RawClient(platform.mqtt_port, credential.product + credential.device, username, password)


def answer_to(platform, credential, **more):
    """The code of the CONNACK; None: cut off without one."""
    with contextlib.closing(connect(platform, credential, **more)) as client:
        return client.code


def broker_log(platform):
    return (platform.data / "broker/mosquitto.log").read_text()


def kill_broker(platform):
    """Gives nothing back before there is another one that the platform is connected to."""
    started = platform.log().count("started mosquitto")
    platform.kill9_broker()
    wait_for(lambda: platform.log().count("started mosquitto") > started, 20, "another broker")
    wait_for(lambda: platform.api.call("GET", "/status")["broker_connected"], 20, "the platform's own link")


def test_a_device_connects_so_often_in_a_minute_and_others_do_not_feel_it(make_platform):
    platform = make_platform("--device-connects-per-minute", "4")
    often, other = platform.new_device(), platform.new_device()
    assert [answer_to(platform, often) for _ in range(4)] == [0] * 4
    assert answer_to(platform, often) is None
    assert answer_to(platform, other) == 0
    assert "the device connects too often (device-connects-per-minute)" in broker_log(platform)
    wait_for(lambda: answer_to(platform, often) == 0, 25, "a share that fills again")


def test_who_does_not_have_the_secret_cannot_use_up_a_devices_share(make_platform):
    platform = make_platform("--device-connects-per-minute", "2")
    device = platform.new_device()
    for _ in range(10):
        assert answer_to(platform, device, secret="bm8gc2VjcmV0IG9mIGl0cw==") == REFUSED
    assert [answer_to(platform, device) for _ in range(2)] == [0, 0]


def test_an_address_has_so_many_connections_and_the_platform_is_not_counted(make_platform):
    platform = make_platform("--mqtt-per-address-max", "2")
    devices = [platform.new_device() for _ in range(3)]
    first = connect(platform, devices[0])
    with contextlib.closing(connect(platform, devices[1])) as second:
        assert (first.code, second.code) == (0, 0)
        assert answer_to(platform, devices[2]) is None
        kill_broker(platform)  # the platform comes back from the same address
    first.close()
    assert [wait_for(lambda: answer_to(platform, device) == 0, 10, "room again") for device in devices] == [True] * 3
    held = [connect(platform, device) for device in devices[:2]]  # what was counted was given back
    assert [client.code for client in held] == [0, 0] and answer_to(platform, devices[2]) is None
    for client in held:
        client.close()


def test_a_connection_that_takes_its_own_place_is_counted_once(make_platform):
    platform = make_platform("--mqtt-per-address-max", "2")
    one, two = platform.new_device(), platform.new_device()
    clients = []
    for _ in range(6):
        wait_for(lambda: clients.append(connect(platform, one)) or clients[-1].code == 0, 10, "the newest connection")
    assert wait_for(lambda: answer_to(platform, two) == 0, 10, "room for another")
    for client in clients:
        client.close()


def test_an_address_tries_so_often_whoever_it_says_it_is(make_platform):
    platform = make_platform("--mqtt-connects-per-minute", "6")
    device = platform.new_device()
    codes = [answer_to(platform, device, secret="bm8gc2VjcmV0IG9mIGl0cw==") for _ in range(8)]
    assert codes == [REFUSED] * 6 + [None] * 2
    assert answer_to(platform, device) is None
    kill_broker(platform)
    assert answer_to(platform, device) == 0  # a new broker counts anew


def test_a_reload_counts_nobody_again(make_platform):
    platform = make_platform("--device-connects-per-minute", "2", "--mqtt-per-address-max", "1", "--tls", "mqtt",
                             tls=True)
    device = platform.new_device()
    with contextlib.closing(VendorDevice(platform, device, ca=platform.ca)) as client:
        client.connect()
        for _ in range(4):
            platform.reload()
        time.sleep(0.5 * PATIENCE)
        assert client.upload("a", b"abc").verdict["result_code"] == 0


@pytest.mark.parametrize("flag", ["--device-connects-per-minute", "--mqtt-connects-per-minute", "--mqtt-per-address-max"])
def test_zero_is_no_limit(make_platform, flag):
    platform = make_platform("--device-connects-per-minute", "0", flag, "0")
    device = platform.new_device()
    assert [answer_to(platform, device) for _ in range(130)] == [0] * 130
