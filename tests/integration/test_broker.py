"""The managed broker and its plugin: who comes in, what happens when a process dies. Real ferryd, real Mosquitto."""
import contextlib
import hashlib
import hmac
import os
import random
import signal
import socket
import subprocess
import time

import paho.mqtt.client as mqtt
import pytest

from broker_client import ACCEPTED, DOWN, IDENTIFIER_REJECTED, NEVER, REFUSED, UP, Client, connack, vendor_client
from ferry import (PATIENCE, DeviceCredential, VendorDevice, process_exists, unique_name, vendor_password,
                   vendor_username, wait_for)

def broker_log(platform):
    return (platform.data / "broker" / "mosquitto.log").read_text(errors="replace")


def in_the_past():
    return str(int(time.time()) - 60)


# --- credentials -------------------------------------------------------------------------------------------------


def test_the_example_of_the_protocol(own_platform):
    """PROTOCOL 3.1, to the letter."""
    own_platform.api.product_add("PRODTEST01")
    own_platform.api.device_add("PRODTEST01", "base1", secret="MDEyMzQ1Njc4OWFiY2RlZg==")
    user = "PRODTEST01base1;21010406;2GkPl;92233720368547758"
    hmac1 = "68e0a67c41d8a476951369100e5c664c614b84c1"
    hmac256 = hmac.new(b"0123456789abcdef", user.encode(), hashlib.sha256).hexdigest()
    assert connack(own_platform, "PRODTEST01base1", user, f"{hmac1};hmacsha1") == ACCEPTED
    assert connack(own_platform, "PRODTEST01base1", user, f"{hmac256};hmacsha256") == ACCEPTED
    assert connack(own_platform, "PRODTEST01base1", user, f"{hmac1};hmacsha256") == REFUSED


@pytest.mark.parametrize("method", ["sha1", "sha256"])
@pytest.mark.parametrize("application, expiry", [
    ("21010406", NEVER), ("12345", NEVER), ("any text", "never"), ("", ""), ("21010406", "4102444800"),
])
def test_credentials_that_are_accepted(platform, product, method, application, expiry):
    device = platform.new_device(product)
    user = vendor_username(device.product, device.device, application=application, expiry=expiry)
    password = vendor_password(device.secret, user, method)
    assert connack(platform, device.product + device.device, user, password) == ACCEPTED


def wrong_credentials(device, other):
    """(why, client id, user, password)"""
    own_id = device.product + device.device
    user = vendor_username(device.product, device.device)
    password = vendor_password(device.secret, user)
    expired = vendor_username(device.product, device.device, expiry=in_the_past())
    unknown = vendor_username(device.product, device.device + "x")
    yield "no user", own_id, None, None
    yield "no password", own_id, user, None
    yield "empty password", own_id, user, ""
    yield "the secret itself as password", own_id, user, device.secret
    yield "plain secret without TLS", own_id, f"{device.product}/{device.device}", device.secret
    yield "another device's secret", own_id, user, vendor_password(other.secret, user)
    yield "a password of another user name", own_id, user + "0", password
    yield "expired", own_id, expired, vendor_password(device.secret, expired)
    yield "unknown device", own_id + "x", unknown, vendor_password(device.secret, unknown)
    yield "three fields", own_id, ";".join(user.split(";")[:3]), password
    yield "five fields", own_id, user + ";x", vendor_password(device.secret, user + ";x")
    yield "no method", own_id, user, password.split(";")[0]
    yield "unknown method", own_id, user, password.split(";")[0] + ";hmacmd5"
    yield "another device's client id", other.product + other.device, user, password
    yield "the platform's client id", "ferryd@1", user, password
    yield "some client id", "my-device", user, password
    yield "the platform without its password", "ferryd@1", "ferryd", "guess"
    yield "the platform with an empty password", "ferryd@1", "ferryd", ""


def test_credentials_that_are_refused(platform, product):
    device, other = platform.new_device(product), platform.new_device(product)
    answers = {why: connack(platform, client_id, user, password)
               for why, client_id, user, password in wrong_credentials(device, other)}
    assert answers == dict.fromkeys(answers, REFUSED)
    text = broker_log(platform) + platform.log()
    assert device.secret not in text and other.secret not in text


def test_a_further_connection_of_the_same_device_has_its_own_client_id(platform, product):
    device = platform.new_device(product)
    user = vendor_username(device.product, device.device)
    password = vendor_password(device.secret, user)
    with vendor_client(platform, device) as first:
        with Client(platform, f"{device.product}{device.device}.shell", user, password) as second:
            assert second.code == ACCEPTED and not first.gone
        assert connack(platform, f"{device.product}/{device.device}", user, password) == ACCEPTED
        assert not first.gone


def test_two_devices_whose_names_join_to_one_text(own_platform):
    """The vendor's user names have no separator: the secret tells who it is, and the topics follow."""
    for product in ("pump", "pum"):
        own_platform.api.product_add(product)
    long = own_platform.new_device("pump", "seven")
    short = own_platform.new_device("pum", "pseven")
    for device, other in ((long, short), (short, long)):
        with vendor_client(own_platform, device) as client:
            assert client.code == ACCEPTED
            assert client.subscribe(f"{DOWN}/{device.product}/{device.device}") in (0, 1)
            assert client.subscribe(f"{DOWN}/{other.product}/{other.device}") == 0x80


def test_mqtt_5_devices_come_in_and_are_told_why_not(platform, product):
    device = platform.new_device(product)
    with vendor_client(platform, device, protocol=mqtt.MQTTv5) as client:
        assert client.code == ACCEPTED
        assert client.subscribe(f"{DOWN}/{device.product}/{device.device}") in (0, 1)
        assert client.subscribe("#") == 0x87, "not authorised"
    assert connack(platform, device.product + device.device, "x", "y", protocol=mqtt.MQTTv5) == 0x87


def test_the_secret_as_password_where_it_is_allowed(make_platform):
    platform = make_platform("--allow-plain-secret")
    device = platform.new_device()
    user = f"{device.product}/{device.device}"
    assert connack(platform, user, user, device.secret) == ACCEPTED
    assert connack(platform, user, user, device.secret[:-4] + "AAA=") == REFUSED
    with Client(platform, user, user, device.secret) as client:
        assert client.subscribe(f"{DOWN}/{user}") in (0, 1)
        assert client.subscribe(f"{DOWN}/{user}x") == 0x80


# --- the platform's own account ----------------------------------------------------------------------------------


@pytest.fixture
def service(own_platform):
    """A second client with the platform's account, under a password of ours."""
    digest = hashlib.sha256(b"password of this test").hexdigest()
    (own_platform.data / "broker" / "service.hash").write_text(digest + "\n")
    with Client(own_platform, "ferryd@test", "ferryd", "password of this test") as client:
        assert client.code == ACCEPTED
        yield client


def test_the_platforms_account_hears_requests_and_sends_answers_and_nothing_else(own_platform, service):
    with vendor_client(own_platform, own_platform.new_device()) as device:
        assert device.code == ACCEPTED
        for topic in ("#", "$SYS/#", f"{UP}/#", f"{UP}/+", f"{DOWN}/+/+", "anything", f"$share/g/{UP}/+/+"):
            assert service.subscribe(topic) == 0x80, topic
        assert service.subscribe(f"{UP}/+/+") in (0, 1)


def test_the_platforms_account_cannot_send_requests(own_platform, service):
    device = own_platform.new_device()
    request = b'{"type":"create_upload_task","size":3,"name":"forged","md5sum":"%s"}' % hashlib.md5(b"abc").hexdigest().encode()
    service.publish(f"{UP}/{device.product}/{device.device}", request)
    with VendorDevice(own_platform, device, strict=False) as client:
        client.request_upload("honest", b"abc")
        service.publish(f"{DOWN}/{device.product}/{device.device}", b'{"type":"retained"}', retain=True)
        service.publish(f"{DOWN}/{device.product}/{device.device}", b'{"type":"not retained"}')
        client.wait("not retained", 5)
        assert client.forget() == []
    with VendorDevice(own_platform, device, strict=False) as client:
        client.request_upload("honest", b"abc")
        assert client.forget() == [], "nothing was kept for a later subscriber"
    assert {task["name"] for task in own_platform.api.uploads(device.product)} == {"honest"}


def test_who_knows_the_old_password_of_the_platform_does_not_come_in(own_platform, service):
    (own_platform.data / "broker" / "service.hash").write_text(hashlib.sha256(b"another").hexdigest() + "\n")
    assert connack(own_platform, "ferryd@other", "ferryd", "password of this test") == REFUSED
    assert connack(own_platform, "ferryd@other", "ferryd", "another") == ACCEPTED


# --- strange clients -----------------------------------------------------------------------------------------------


def test_no_strange_text_brings_the_broker_down(own_platform):
    chance = random.Random(1)
    pid = own_platform.broker_pid
    device = own_platform.new_device()
    alphabet = list(";/+#$@. \t\x7f\u00e9\u8cc7ab1") + ["ferryd", device.product + device.device, "$resource", "hmacsha1"]

    def text():
        return "".join(chance.choices(alphabet, k=chance.choice((1, 3, 10, 300, 5000))))[:60000]

    for _ in range(40):
        connack(own_platform, text(), text(), text())
    for _ in range(40):  # the broker closes on some texts
        with vendor_client(own_platform, device) as client, contextlib.suppress(ValueError, RuntimeError):
            client.publish(text().replace("+", "").replace("#", "") or "x", text(), qos=0)
    for _ in range(20):
        with vendor_client(own_platform, device) as client, contextlib.suppress(AssertionError, ValueError):
            client.subscribe(text(), patience_s=0.2)
    assert own_platform.broker_pid == pid
    with VendorDevice(own_platform, device) as client:
        assert client.request_upload("a", b"abc")["url"]
    assert len(broker_log(own_platform)) < 200_000, "refusals do not fill the disk"


def raw_connect(client_id, username, password):
    """A CONNECT packet, of bytes."""
    def field(data):
        return len(data).to_bytes(2, "big") + data

    body = field(b"MQTT") + b"\x04\xc2\x00\x3c" + field(client_id) + field(username) + field(password)
    length, head = len(body), b""
    while True:
        length, byte = divmod(length, 128)
        head += bytes([byte | (0x80 if length else 0)])
        if not length:
            return b"\x10" + head + body


def raw_connack(platform, client_id, username, password):
    with socket.create_connection(("127.0.0.1", platform.mqtt_port), 5) as sock:
        sock.settimeout(5)
        sock.sendall(raw_connect(client_id.encode(), username.encode(), password))
        answer = sock.recv(4)
        assert answer[:3] == b"\x20\x02\x00"
        return answer[3]


def test_a_password_with_a_zero_byte_is_no_way_in(platform, product):
    device = platform.new_device(product)
    client_id, user = device.product + device.device, vendor_username(device.product, device.device)
    right = vendor_password(device.secret, user).encode()
    assert raw_connack(platform, client_id, user, right) == ACCEPTED
    for password in (b"\0", b"\0" + right, right[:-9] + b"\0" + right[-9:], b"\xff\xfe", b"x" * 60000):
        assert raw_connack(platform, client_id, user, password) == REFUSED, password[:40]


def test_an_empty_client_id_is_refused(platform, product):
    """The broker would make one up, which is nobody's."""
    device = platform.new_device(product)
    user = vendor_username(device.product, device.device)
    password = vendor_password(device.secret, user).encode()
    assert raw_connack(platform, "", user, password) == IDENTIFIER_REJECTED


# --- reload ------------------------------------------------------------------------------------------------------


def test_a_reload_keeps_every_client_even_with_a_credential_that_has_expired_meanwhile(own_platform):
    device, removed = own_platform.new_device(), own_platform.new_device()
    user = vendor_username(device.product, device.device, expiry=str(int(time.time()) + 2))
    password = vendor_password(device.secret, user)
    with VendorDevice(own_platform, device, username=user, password=password) as client, \
            vendor_client(own_platform, removed) as other:
        time.sleep(3)
        own_platform.api.device_remove(removed.product, removed.device)
        os.kill(own_platform.broker_pid, signal.SIGHUP)
        wait_for(lambda: other.gone, 5, "the end of the device that was removed")
        assert client.request_upload("a", b"abc")["url"]
        os.kill(own_platform.broker_pid, signal.SIGHUP)
        assert client.request_upload("b", b"abc")["url"]
    assert connack(own_platform, device.product + device.device, user, password) == REFUSED
    assert own_platform.log().count("connected to the broker") == 1, "ferryd's own connection stayed"


def reload_broker(platform):
    """Until it has: it complains of one of its settings each time."""
    complaints = broker_log(platform).count("is now deprecated")
    os.kill(platform.broker_pid, signal.SIGHUP)
    wait_for(lambda: broker_log(platform).count("is now deprecated") > complaints, 10 * PATIENCE, "the reload")


def test_a_reload_leaves_kept_sessions_alone_whose_client_is_away(own_platform):
    """Who is not there is neither judged nor taken for connected."""
    api, device, other = own_platform.api, own_platform.new_device(), own_platform.new_device()
    with vendor_client(own_platform, device, clean=False) as client:
        assert client.subscribe(f"{DOWN}/{device.product}/{device.device}") in (0, 1)
    own_platform.kill9()
    reload_broker(own_platform) # its own session is a kept one, too
    own_platform.start()
    api.device_disable(device.product, device.device)
    reload_broker(own_platform)
    with VendorDevice(own_platform, other) as there:
        assert there.request_upload("a", b"abc")["url"]
        wait_for(lambda: api.call("GET", "/status")["devices_connected"] == 1, 20 * PATIENCE, "nobody else to be connected")
    assert "refused" not in broker_log(own_platform)
    with vendor_client(own_platform, device, clean=False) as client:
        assert client.code == REFUSED, "it is judged when it comes back"


# --- ferryd dies -------------------------------------------------------------------------------------------------


def test_devices_come_in_while_ferryd_is_down(own_platform):
    device, stranger = own_platform.new_device(), DeviceCredential("nobody", "here", "QUJD")
    own_platform.kill9()
    assert vendor_client(own_platform, device).code == ACCEPTED
    assert vendor_client(own_platform, stranger).code == REFUSED
    own_platform.start()


def test_a_leftover_broker_is_taken_over_with_its_connections(own_platform):
    with VendorDevice(own_platform, own_platform.new_device()) as device:
        pid = own_platform.broker_pid
        own_platform.kill9()
        device.create_upload_task("while it was away", 3, hashlib.md5(b"abc").hexdigest())
        own_platform.start()
        assert own_platform.broker_pid == pid
        assert device.wait("create_upload_task_rsp", 10 * PATIENCE)["name"] == "while it was away"
        assert device.request_upload("after", b"abc")["url"]
    assert "took over mosquitto" in own_platform.log()
    own_platform.kill9_broker()  # no child of this ferryd, and watched all the same
    wait_for(lambda: not process_exists(pid) and accepts(own_platform.mqtt_port), 10 * PATIENCE, "the next broker")
    with VendorDevice(own_platform, own_platform.new_device()) as device:
        assert device.request_upload("again", b"abc")["url"]


PATIENT_S = "3"
KEEP_ALIVE_S = 7 # of ferryd's own connection


def is_replaced(platform, pid, device):
    assert f"process {pid}, has not let us in for {PATIENT_S} s" in platform.log()
    assert platform.broker_pid != pid and not process_exists(pid)
    with VendorDevice(platform, device) as vendor:
        assert vendor.request_upload("a", b"abc")["url"]


def test_a_leftover_broker_that_stands_still_is_replaced(own_platform):
    """It listens, and answers nobody: a new ferryd waits a while for it, and no longer."""
    device, pid = own_platform.new_device(), own_platform.broker_pid
    own_platform.kill9()
    os.kill(pid, signal.SIGSTOP)
    own_platform.args += ["--broker-patience", PATIENT_S]
    own_platform.start(wait=False)
    own_platform.wait_ready(60)
    is_replaced(own_platform, pid, device)


def fill_queue(stack, port):
    """Connections to one that accepts none, until the system answers no more of them."""
    while True:
        client = stack.enter_context(contextlib.closing(socket.socket()))
        client.settimeout(0.5)
        try:
            client.connect(("127.0.0.1", port))
        except TimeoutError:
            return


def test_a_leftover_broker_that_has_more_connections_than_it_can_queue_is_replaced(own_platform):
    """Devices come again and again to one that stands still: soon nobody gets an answer to a SYN."""
    pid = own_platform.broker_pid
    own_platform.kill9()
    os.kill(pid, signal.SIGSTOP)
    with contextlib.ExitStack() as stack:
        fill_queue(stack, own_platform.mqtt_port)
        own_platform.start(wait=False)
        own_platform.wait_ready(40)
    assert f"ending mosquitto, process {pid}, that an earlier ferryd left" in own_platform.log()
    assert own_platform.broker_pid != pid and not process_exists(pid)


def test_a_broker_that_comes_to_stand_still_is_replaced(make_platform):
    """An unanswered ping tells it, then ferryd's patience is over."""
    platform = make_platform("--broker-patience", PATIENT_S)
    device, pid, connected = platform.new_device(), platform.broker_pid, "bus: connected to the broker"
    before = len(platform.log())
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: "trying again" in platform.log()[before:], 2 * KEEP_ALIVE_S + 5, "the loss of the link")
    wait_for(lambda: platform.log().count(connected) == 2, 30 * PATIENCE, "a link to the next broker")
    is_replaced(platform, pid, device)


def test_a_broker_that_is_slow_stays(make_platform):
    """It runs for a tenth of the time, for longer than one may stand still."""
    platform = make_platform("--broker-patience", PATIENT_S)
    device, pid = platform.new_device(), platform.broker_pid
    before = len(platform.log()) # it may not have listened at once
    end = time.monotonic() + 2 * KEEP_ALIVE_S + int(PATIENT_S) + 1
    while time.monotonic() < end:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.9)
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.1)
    assert platform.broker_pid == pid and "trying again" not in platform.log()[before:]
    with VendorDevice(platform, device) as vendor:
        assert vendor.request_upload("a", b"abc")["url"]


def test_a_leftover_broker_with_other_settings_is_replaced(own_platform):
    pid = own_platform.broker_pid
    own_platform.kill9()
    own_platform.args += ["--broker-queue-bytes", "32M"]
    own_platform.start()
    assert own_platform.broker_pid != pid and not process_exists(pid)
    with VendorDevice(own_platform, own_platform.new_device()) as device:
        assert device.request_upload("a", b"abc")["url"]


def test_a_leftover_broker_on_any_free_port_keeps_its_port(own_platform):
    port, pid = own_platform.mqtt_port, own_platform.broker_pid
    own_platform.kill9()
    own_platform.use_any_ports()
    own_platform.start()
    assert (own_platform.mqtt_port, own_platform.broker_pid) == (port, pid)


def test_a_leftover_broker_is_found_without_its_pid_file(own_platform):
    pid = own_platform.broker_pid
    pid_file = own_platform.data / "broker" / "mosquitto.pid"
    own_platform.kill9()
    text = pid_file.read_text()
    pid_file.unlink()
    own_platform.start(wait=False)
    wait_for(lambda: "took over mosquitto" in own_platform.log(), 10 * PATIENCE, "the take-over")
    pid_file.write_text(text)
    own_platform.wait_ready()
    assert own_platform.broker_pid == pid


def test_a_stranger_with_the_number_of_the_pid_file_lives_on(own_platform):
    own_platform.kill9_broker()
    own_platform.kill9()
    broker = own_platform.broker_pid
    if process_exists(broker):  # ferryd was quicker and had started it again
        os.kill(broker, signal.SIGKILL)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            (own_platform.data / "broker" / "mosquitto.pid").write_text(str(stranger.pid))
            own_platform.start()
            assert stranger.poll() is None
            assert own_platform.broker_pid != stranger.pid
        finally:
            stranger.kill()


def test_a_request_is_not_lost_when_the_broker_is_back_before_ferryd(own_platform):
    """ferryd's session is on the disk: what comes before ferryd waits for it, instead of being acknowledged and dropped."""
    device = own_platform.new_device()
    with VendorDevice(own_platform, device) as client:
        client.request_upload("before", b"abc")
    wait_for(lambda: (own_platform.data / "broker" / "mosquitto.db").exists(), 5, "the saved session")
    own_platform.kill9()
    conf = own_platform.data / "broker" / "mosquitto.conf"
    os.kill(own_platform.broker_pid, signal.SIGKILL)
    wait_for(lambda: not process_exists(own_platform.broker_pid), 5, "the broker's end")
    command = ["/usr/sbin/mosquitto", "-c", str(conf)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=own_platform._environment()) as broker:
        wait_for(lambda: accepts(own_platform.mqtt_port), 10 * PATIENCE, "the broker")
        with VendorDevice(own_platform, device) as client:
            client.create_upload_task("between", 3, hashlib.md5(b"abc").hexdigest())
            own_platform.start()
            assert client.wait("create_upload_task_rsp", 10 * PATIENCE)["name"] == "between"
        assert own_platform.broker_pid == broker.pid
        own_platform.stop()
        broker.wait(10)
    own_platform.start()


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


# --- the broker dies ---------------------------------------------------------------------------------------------


def test_a_dead_broker_is_started_again_at_once(own_platform):
    device = own_platform.new_device()
    for _ in range(3):
        pid = own_platform.broker_pid
        own_platform.kill9_broker()
        wait_for(lambda: not process_exists(pid) and accepts(own_platform.mqtt_port), 10 * PATIENCE, "the next broker")
        with VendorDevice(own_platform, device) as client:
            client.create_upload_task("a", 3, hashlib.md5(b"abc").hexdigest())
            assert client.wait("create_upload_task_rsp", 10 * PATIENCE)["url"]
    assert "mosquitto has ended by signal 9" in own_platform.log()


# --- it cannot start ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag, value, words", [
    ("--mosquitto", "ferry-has-no-such-broker", ("not installed", "apt-get install mosquitto")),
    ("--mosquitto", "/usr/sbin/ferry-has-no-such-broker", ("not installed", "apt-get install mosquitto")),
    ("--broker-plugin", "/nowhere/ferry_auth.so", ("/nowhere/ferry_auth.so", "missing")),
    ("--mosquitto", "/bin/false", ("ended at its start", "status 1")),
])
def test_a_broker_that_cannot_start_is_said_in_one_line(make_platform, flag, value, words):
    platform = make_platform(flag, value, start=False)
    assert platform.start(expect_exit=True) == 1
    lines = [line for line in platform.log().splitlines() if " error " in line]
    assert len(lines) == 1 and all(word in lines[0] for word in words), platform.log()
    platform.assert_nothing_left()
    platform.args.clear()
    platform.start()


def test_a_broken_plugin_is_said_with_the_brokers_last_words(make_platform, tmp_path):
    broken = tmp_path / "ferry_auth.so"
    broken.write_bytes(b"no library")
    platform = make_platform("--broker-plugin", broken, start=False)
    assert platform.start(expect_exit=True) == 1
    assert "mosquitto ended at its start" in platform.log()
    platform.assert_nothing_left()
    platform.args.clear()
    platform.start()


def test_a_product_name_may_be_the_platforms_own_word(own_platform):
    """Only '@' marks the platform's client ids: products and devices called ferryd work."""
    own_platform.api.product_add("ferry")
    device = own_platform.new_device("ferry", "d")
    with VendorDevice(own_platform, device) as client:
        assert client.request_upload(unique_name("f"), b"abc")["url"]
    assert own_platform.log().count("connected to the broker") == 1
