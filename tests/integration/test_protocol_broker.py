"""PROTOCOL 3.3: the default broker. No delay, no lost queue, nobody on another's topics."""
import hashlib
import os
import signal
import socket
import statistics
import time

import paho.mqtt.client as mqtt
import pytest

from ferry import PATIENCE, VendorDevice, wait_for

ROUND_TRIPS = 100
ROUND_TRIP_MEDIAN_MAX_S = 0.010    # nothing is written
DURABLE_TRIP_MEDIAN_MAX_S = 0.035  # with a commit to disk; one missing TCP_NODELAY costs more than 40 ms
BUSY = 7
QUEUE_MAX_OF_MOSQUITTO = 1000
DENIED = 0x80


def md5_of(data):
    return hashlib.md5(data).hexdigest()


def count_answers(device, kind, wanted, timeout_s):
    """Takes answers until `wanted` are there."""
    end = time.monotonic() + timeout_s
    for got in range(wanted):
        try:
            device.wait(kind, max(0.01, end - time.monotonic()))
        except AssertionError as error:
            raise AssertionError(f"{got} of {wanted} {kind} within {timeout_s} s") from error


def test_a_round_trip_has_no_avoidable_delay(device):
    """`set_tcp_nodelay true` in its configuration **and** TCP_NODELAY in every client of ours: without both, a round
    trip takes 88 ms instead of 0.17 ms."""
    device.upload("a", b"abc")  # a report on a finished upload is answered without a change
    times_s = []
    for _ in range(ROUND_TRIPS):
        started = time.monotonic()
        device.report_upload("a", "uploading", 1)
        device.wait("report_upload_progress_rsp")
        times_s.append(time.monotonic() - started)
    median_s = statistics.median(times_s)
    assert median_s < ROUND_TRIP_MEDIAN_MAX_S * PATIENCE, f"median {median_s * 1000:.1f} ms"


def test_a_round_trip_of_a_request_has_no_avoidable_delay(device):
    """Without both, a round trip takes 88 ms: also for QoS 1 requests, whose PUBACK goes the other way."""
    times_s = []
    for _ in range(ROUND_TRIPS):
        started = time.monotonic()
        device.create_upload_task("a", 3, md5_of(b"abc"))
        device.wait("create_upload_task_rsp")
        times_s.append(time.monotonic() - started)
    median_s = statistics.median(times_s)
    assert median_s < DURABLE_TRIP_MEDIAN_MAX_S * PATIENCE, f"median {median_s * 1000:.1f} ms"


def test_the_configuration_says_nodelay_and_raises_the_queue(platform):
    """`set_tcp_nodelay true` in its configuration. `max_queued_messages` (1000) drops requests that were already
    acknowledged ... Raise it, bounded by memory."""
    settings = dict(line.split(None, 1) for line in (platform.data / "broker" / "mosquitto.conf").read_text().splitlines()
                    if line.strip() and not line.startswith("#") and " " in line.strip())
    assert settings["set_tcp_nodelay"] == "true"
    queued = int(settings["max_queued_messages"])
    assert queued == 0 or queued > 50 * QUEUE_MAX_OF_MOSQUITTO
    assert int(settings["max_queued_bytes"]) > 0 or int(settings["memory_limit"]) > 0


@pytest.mark.parametrize("dead", [False, True], ids=["stopped", "dead"])
def test_no_acknowledged_request_is_lost_while_ferryd_is(own_platform, dead):
    """`max_queued_messages` (1000) drops requests that were already acknowledged: at 2000 devices 979 hung."""
    product = own_platform.new_product()
    devices = [VendorDevice(own_platform, own_platform.new_device(product)).connect() for _ in range(5)]
    request = b'{"type": "create_upload_task","size": 3,"name": "f","md5sum": "%s"}' % md5_of(b"abc").encode()
    each = 3 * QUEUE_MAX_OF_MOSQUITTO // len(devices)
    if dead:
        own_platform.kill9()
    else:
        own_platform.pause()
    try:
        for device in devices:
            infos = [device.publish_without_wait(request) for _ in range(each)]
            infos[-1].wait_for_publish(30)
            wait_for(lambda: all(info.is_published() for info in infos), 10, "PUBACK")
    finally:
        if dead:
            own_platform.start()
        else:
            own_platform.resume()
    for device in devices:
        count_answers(device, "create_upload_task_rsp", each, 60 * PATIENCE)
        device.close()
    tasks = own_platform.api.uploads(product)
    assert len(tasks) == len(devices), "idempotent: one task for each device"


def test_a_full_inbox_answers_busy_and_never_drops(make_platform):
    """A full inbox answers "busy" (... over MQTT a `result_code`), it never grows and never drops silently (DESIGN 2)."""
    platform = make_platform("--inbox-max", "2", "--batch-max", "1")
    devices = [VendorDevice(platform, platform.new_device()).connect() for _ in range(2)]
    request = b'{"type": "create_upload_task","size": 3,"name": "f","md5sum": "%s"}' % md5_of(b"abc").encode()
    platform.pause()
    for device in devices:
        infos = [device.publish_without_wait(request) for _ in range(200)]
        infos[-1].wait_for_publish(10)
    platform.resume()
    codes = []
    for device in devices:
        for _ in range(200):
            answer = device.wait("create_upload_task_rsp", 30 * PATIENCE)
            codes.append(answer.get("result_code", 0))
            assert (answer["url"] == "") == (codes[-1] == BUSY)
    assert set(codes) == {0, BUSY}, "some were answered, some were told to come again"
    assert platform.api.metric("ferry_messages_busy_total") == codes.count(BUSY)
    for device in devices:
        device.close()


def test_a_device_with_mqtt_5_is_served_alike(platform, product):
    """MQTT 3.1.1 and 5 (PROTOCOL 1)."""
    with VendorDevice(platform, platform.new_device(product), protocol=mqtt.MQTTv5) as device:
        assert device.upload("a", b"abc").verdict["result_code"] == 0
        platform.api.resource_add(product, "r", b"abc")
        platform.api.deploy(product, "r", [device.device])
        assert device.download(device.wait("download"))[1] == b"abc"


def test_the_up_topic_works_without_a_shared_subscription(device):
    """`$resource/up/service/+/+` works for ordinary clients. `$share/g/$resource/...` is granted and delivers nothing."""
    assert device.request_upload("a", b"abc")["url"]


FORBIDDEN_FILTERS = [
    "#", "$resource/#", "$resource/down/service/+/+", "$resource/down/service/{product}/+",
    "$resource/down/service/+/{device}", "$resource/down/service/{product}/#", "$resource/down/service/{other}",
    "$resource/up/service/{product}/{device}", "$resource/up/service/+/+",
    "$share/g/$resource/down/service/{product}/{device}", "$share/g/$resource/up/service/+/+", "$SYS/#",
    "$SYS/broker/version", "anything",
]


def test_a_device_reads_only_its_own_down_topic(platform, make_device):
    """A device publishes only to its own `up` topic and subscribes only to its own `down` topic. No wildcards,
    nothing else (DESIGN 6)."""
    curious, other = make_device(strict=False), make_device()
    granted = {}
    for pattern in FORBIDDEN_FILTERS:
        topic = pattern.format(product=curious.product, device=curious.device, other=f"{other.product}/{other.device}")
        granted[topic] = curious.subscribe(topic, 1)
    assert {topic for topic, codes in granted.items() if codes[0] != DENIED} == set()
    other.request_upload("private", b"abc")
    assert curious.request_upload("mine", b"abc")["name"] == "mine"
    assert curious.forget() == []


def test_a_device_speaks_only_on_its_own_up_topic(platform, make_device):
    """A PUBLISH refused by ACL is dropped but acknowledged."""
    liar, victim = make_device(), make_device()
    request = b'{"type": "create_upload_task","size": 3,"name": "forged","md5sum": "%s"}' % md5_of(b"abc").encode()
    for topic in (victim.up, victim.down, liar.down, "$resource/up/service/%s/x" % liar.product, liar.up + "/more",
                  "anything", "$SYS/broker/x"):
        liar.publish(request, topic=topic)  # acknowledged
    assert liar.request_upload("honest", b"abc")["name"] == "honest"
    assert victim.request_upload("honest", b"abc")["name"] == "honest"
    assert victim.forget() == [] and liar.forget() == []
    names = {task["name"] for task in platform.api.uploads(liar.product)}
    assert names == {"honest"}


def test_a_retained_message_of_a_device_is_not_kept(platform, make_device):
    """Never retained (PROTOCOL 1)."""
    device = make_device()
    request = b'{"type": "create_upload_task","size": 3,"name": "kept","md5sum": "%s"}' % md5_of(b"abc").encode()
    device.publish_without_wait(request, retain=True).wait_for_publish(5)
    again = make_device()
    again.request_upload("x", b"abc")
    platform_devices = {task["name"] for task in platform.api.uploads(device.product)}
    assert platform_devices <= {"kept", "x"}


def test_connected_devices_stay_through_a_reload(own_platform):
    """SIGHUP calls the plugin's RELOAD with no options, then BASIC_AUTH for every client."""
    devices = [VendorDevice(own_platform, own_platform.new_device()).connect() for _ in range(3)]
    os.kill(own_platform.broker_pid, signal.SIGHUP)
    for device in devices:
        assert device.request_upload("a", b"abc")["url"]
    assert all(device.connected for device in devices)
    for device in devices:
        device.close()


def test_a_removed_device_is_refused(platform, make_device):
    """Who may connect is what the store says, at once."""
    device = make_device()
    platform.api.device_remove(device.product, device.device)
    device.disconnect()
    with pytest.raises(ConnectionRefusedError):
        device.connect()


def test_a_disabled_device_is_refused_until_it_is_enabled(platform, make_device):
    """Who may connect is what the store says, at once."""
    device = make_device()
    platform.api.device_disable(device.product, device.device)
    device.disconnect() # the platform has ended it already: test_identity.py
    with pytest.raises(ConnectionRefusedError):
        device.connect()
    platform.api.device_disable(device.product, device.device, False)
    device.connect()
    assert device.request_upload("a", b"abc")["url"]


def test_nobody_enters_without_a_credential(platform):
    """Who may connect (DESIGN 1): the broker's plugin, no anonymous client."""
    with socket.create_connection(("127.0.0.1", platform.mqtt_port), 5) as sock:
        sock.settimeout(5)
        sock.sendall(b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03anm")
        assert sock.recv(4) in (b"\x20\x02\x00\x04", b"\x20\x02\x00\x05", b"")
