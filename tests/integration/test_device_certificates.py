"""Devices that prove by a certificate who they are: the CA, revocation, and what a reload does to who is connected."""
import contextlib
import socket
import stat
import subprocess
import threading
import time

import paho.mqtt.client as mqtt
import pytest

from certificates import make_pair, openssl
from ferry import PATIENCE, program, run, wait_for


CONNECT = b"\x10\x0d\0\4MQTT\4\2\0\x3c\0\1x"
CONNACK = b"\x20\x02"


def device_handshake(platform, *args):
    """What openssl says until the broker has answered a CONNECT or has hung up."""
    conf = (platform.data / "broker/mosquitto.conf").read_text()
    port = [line.split()[1] for line in conf.splitlines() if line.startswith("listener ")][2]
    process = subprocess.Popen(["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}", "-CAfile", str(platform.ca),
                                *map(str, args)], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    limit = threading.Timer(20 * PATIENCE, process.kill)
    limit.start()
    said = b""
    with process:
        with contextlib.suppress(BrokenPipeError):  # it has been refused already
            process.stdin.write(CONNECT)
        while CONNACK not in said and (more := process.stdout.read(65536)):
            said += more
        limit.cancel()
        process.kill()
    return said


def test_the_listener_for_certificates_takes_only_those_of_the_device_ca(make_platform, tmp_path):
    platform = make_platform(tls=True, start=False)
    platform.tls_command("init")
    said = platform.tls_command("device", "prod/dev-1", "--out", tmp_path)
    assert "device-ca.pem" in said
    cert, key = tmp_path / "prod-dev-1.pem", tmp_path / "prod-dev-1.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "CN = prod/dev-1" in openssl("x509", "-in", cert, "-noout", "-subject")
    platform.start()
    stranger = make_pair(tmp_path, "stranger", subject="/CN=prod\\/dev-1")
    assert b"alert" not in device_handshake(platform, "-cert", cert, "-key", key)
    assert b"alert unknown ca" in device_handshake(platform, "-cert", stranger[0], "-key", stranger[1])
    assert b"alert" in device_handshake(platform)


def revoke(platform, folder, *certs, good_for=("-crldays", "30")):
    """Writes tls/device-crl.pem as the device CA: with openssl, as an operator would."""
    (folder / "index.txt").touch()
    if not (folder / "crlnumber").exists():
        (folder / "crlnumber").write_text("01\n")
    (folder / "crl.ini").write_text(f"[ca]\ndefault_ca=it\n[it]\ndatabase={folder}/index.txt\ncrlnumber={folder}/crlnumber\n"
                                    "default_md=sha256\ndefault_crl_days=30\n")
    tls = platform.data / "tls"
    ca = ["ca", "-config", folder / "crl.ini", "-cert", tls / "device-ca.pem", "-keyfile", tls / "device-ca.key"]
    for cert in certs:
        openssl(*ca, "-revoke", cert)
    openssl(*ca, "-gencrl", *good_for, "-out", tls / "device-crl.pem")


def test_a_revoked_certificate_is_refused_from_the_reload_on(make_platform, tmp_path):
    platform = make_platform(tls=True, start=False)
    platform.tls_command("init")
    for name in ("good", "bad"):
        platform.tls_command("device", f"p/{name}", "--out", tmp_path)
    good, bad = (["-cert", tmp_path / f"p-{name}.pem", "-key", tmp_path / f"p-{name}.key"] for name in ("good", "bad"))
    revoke(platform, tmp_path)
    platform.start()
    assert b"alert" not in device_handshake(platform, *bad)
    revoke(platform, tmp_path, tmp_path / "p-bad.pem")
    assert "good until" in platform.reload()
    wait_for(lambda: b"alert certificate revoked" in device_handshake(platform, *bad), 10, "the revocation to be known")
    assert b"alert" not in device_handshake(platform, *good)
    (platform.data / "tls/device-crl.pem").write_text("garbage")
    assert "no revocation list" in platform.reload()
    assert b"alert certificate revoked" in device_handshake(platform, *bad)


def test_a_list_that_goes_out_of_date_is_told_of_when_it_does(make_platform, tmp_path):
    platform = make_platform(tls=True, start=False)
    platform.tls_command("init")
    platform.tls_command("device", "p/good", "--out", tmp_path)
    revoke(platform, tmp_path, good_for=("-crlsec", "8"))
    platform.start()
    assert "was to be replaced by" not in platform.log()
    wait_for(lambda: "was to be replaced by" in platform.log(), 30, "the warning")
    assert platform.log().count("was to be replaced by") == 1


class CertClient:
    """A device that stays connected and shows nothing but its certificate."""

    def __init__(self, platform, folder, product, device):
        conf = (platform.data / "broker/mosquitto.conf").read_text()
        port = [line.split()[1] for line in conf.splitlines() if line.startswith("listener ")][2]
        self.connects, self.ends = [], []
        self.client = mqtt.Client(client_id=product + device)
        self.client.tls_set(str(platform.ca), str(folder / f"{product}-{device}.pem"), str(folder / f"{product}-{device}.key"))
        self.client.on_connect = lambda _client, _user, _flags, code: self.connects.append(code)
        self.client.on_disconnect = lambda *_: self.ends.append(time.monotonic())
        self.client.connect("127.0.0.1", int(port))
        self.client.loop_start()
        try:
            wait_for(lambda: self.connects, 10 * PATIENCE, "the connection")
        except AssertionError:
            self.close()  # or it would connect again and again, by the same name
            raise

    def close(self):
        self.client.loop_stop()
        with contextlib.suppress(OSError):  # the other side may have gone first
            self.client.disconnect()


@pytest.fixture
def certified(make_platform, tmp_path):
    """A platform, and a call that connects one of its two devices by certificate."""
    platform = make_platform(tls=True, start=False)
    platform.tls_command("init")
    for name in ("good", "bad"):
        platform.tls_command("device", f"p/{name}", "--out", tmp_path)
    platform.start()
    platform.api.product_add("p")
    clients = []

    def connect(name):
        clients.append(CertClient(platform, tmp_path, "p", name))
        return clients[-1]

    for name in ("good", "bad"):
        platform.new_device("p", name)
    yield platform, connect
    for client in clients:
        client.close()


def test_a_reload_leaves_devices_with_certificates_connected(certified):
    platform, connect = certified
    good = connect("good")
    assert "good until" in platform.reload()
    time.sleep(1)
    assert good.connects == [0] and good.ends == []


def test_a_device_whose_certificate_is_revoked_is_out_within_a_second_of_the_reload(certified):
    platform, connect = certified
    good, bad = connect("good"), connect("bad")
    assert "1 certificate is on the list" in platform.tls_command("revoke", "p/bad")
    asked = time.monotonic()
    platform.reload()
    wait_for(lambda: bad.ends, 10, "the end of the connection")
    assert bad.ends[0] - asked < 1 * PATIENCE
    wait_for(lambda: bad.connects[1:], 10, "the refusal of the next connection")
    assert bad.connects[-1] != 0 and good.connects == [0] and good.ends == []
    log = (platform.data / "broker/mosquitto.log").read_text()
    assert "the certificate is revoked" in log
    platform.restart()  # and from then on by TLS itself
    assert len(platform.tls_command("revoke", "p/bad").splitlines()) == 2  # again: nothing new


def test_another_ca_for_devices_is_taken_by_a_reload(certified, tmp_path):
    platform, connect = certified
    good = connect("good")
    other = tmp_path / "other"
    other.mkdir()
    for kind in ("pem", "key"):
        (platform.data / f"tls/device-ca.{kind}").rename(tmp_path / f"old-ca.{kind}")
    platform.tls_command("device", "p/good", "--out", other)
    assert "the broker starts anew" in platform.reload()
    wait_for(lambda: good.ends, 10 * PATIENCE, "the end of the old broker")
    good.close()

    def enters(folder):
        try:
            client = CertClient(platform, folder, "p", "good")
        except (OSError, AssertionError):
            return False
        client.close()
        return client.connects[0] == 0

    wait_for(lambda: enters(other), 20 * PATIENCE, "the device of the new CA")
    old = device_handshake(platform, "-cert", tmp_path / "p-good.pem", "-key", tmp_path / "p-good.key")
    assert b"alert unknown ca" in old


def test_the_first_ca_for_devices_is_taken_by_a_reload(make_platform, tmp_path):
    platform = make_platform(tls=True)
    platform.api.product_add("p")
    platform.api.device_add("p", "first")
    plain = platform.mqtt_port
    platform.tls_command("device", "p/first", "--out", tmp_path)
    assert "the first one: the broker starts anew" in platform.reload()

    def listens():
        conf = (platform.data / "broker/mosquitto.conf").read_text()
        return conf.count("\nlistener ") == 3 and platform.api.call("GET", "/status")["broker_connected"]
    wait_for(listens, 20, "the third listener")
    device = CertClient(platform, tmp_path, "p", "first")
    assert device.connects == [0]
    assert platform.mqtt_port == plain
    device.close()
    platform.restart()
    again = CertClient(platform, tmp_path, "p", "first")
    assert again.connects == [0]
    again.close()


def test_a_port_that_is_in_use_keeps_the_first_ca_out_and_nobody_is_disturbed(make_platform, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        platform = make_platform("--device-cert-port", str(taken.getsockname()[1]), tls=True)
        broker = platform.broker_pid
        platform.tls_command("device", "p/first", "--out", tmp_path)
        assert "--device-cert-port" in platform.reload()
        assert platform.broker_pid == broker and platform.api.call("GET", "/status")["broker_connected"]
    assert "the first one: the broker starts anew" in platform.reload()


@pytest.mark.parametrize("what, word", [
    ("p/nobody", "is the name right?"), ("tls/server.pem", "was not signed by the CA for devices"),
    ("tls/server.key", "no certificate in PEM form"), ("tls/device-ca.key", "no certificate in PEM form")])
def test_what_cannot_be_revoked_is_named(tmp_path, what, word):
    data = tmp_path / "data"
    for args in (["init"], ["device", "p/d", "--out", tmp_path]):
        assert run(program("ferryd"), "tls", *args, "--data", data).returncode == 0
    done = run(program("ferryd"), "tls", "revoke", data / what if "tls/" in what else what, "--data", data)
    assert done.returncode == 1 and word in done.stderr
    assert not (data / "tls/device-crl.pem").exists()


def test_a_revocation_keeps_what_was_on_the_list_and_openssl_believes_it(tmp_path):
    data, tls = tmp_path / "data", tmp_path / "data/tls"
    for name in ("one", "two", "three"):
        assert run(program("ferryd"), "tls", "device", f"p/{name}", "--out", tmp_path, "--data", data).returncode == 0
    revoked = {"one": ["p/one"], "two": [tmp_path / "p-two.pem"]}
    for words in revoked.values():
        done = run(program("ferryd"), "tls", "revoke", *words, "--data", data)
        assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((tls / "devices.txt").stat().st_mode) == 0o600
    for name in ("one", "two", "three"):
        done = run("openssl", "verify", "-crl_check", "-CAfile", tls / "device-ca.pem", "-CRLfile", tls / "device-crl.pem",
                   tmp_path / f"p-{name}.pem")
        assert ("certificate revoked" in done.stderr + done.stdout) == (name in revoked)
        assert (done.returncode != 0) == (name in revoked)


def test_a_list_of_another_place_is_the_one_that_is_written(make_platform, tmp_path):
    platform = make_platform(tls=True, start=False)
    platform.tls_command("init")
    platform.tls_command("device", "p/bad", "--out", tmp_path)
    elsewhere, settings = tmp_path / "lists.pem", tmp_path / "ferryd.ini"
    settings.write_text(f"device-crl = {elsewhere}\n")
    for named in (["--device-crl", elsewhere], ["--config", settings]):
        said = platform.tls_command("revoke", "p/bad", *named)
        assert f"1 certificate is on the list {elsewhere}" in said
        assert not (platform.data / "tls/device-crl.pem").exists()
    platform.args += ["--device-crl", str(elsewhere)]
    platform.start()
    bad = ["-cert", tmp_path / "p-bad.pem", "-key", tmp_path / "p-bad.key"]
    assert b"alert certificate revoked" in device_handshake(platform, *bad)


def test_the_longest_device_name_fits_into_a_certificate(tmp_path):
    name = "p" * 64 + "/" + "d" * 64
    done = run(program("ferryd"), "tls", "device", name, "--data", tmp_path / "data", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    pem = tmp_path / (name.replace("/", "-") + ".pem")
    openssl("verify", "-CAfile", tmp_path / "data/tls/device-ca.pem", "-purpose", "sslclient", pem)
    assert name in openssl("x509", "-in", pem, "-noout", "-subject")
