"""ferryd as a program: settings, data folder, signals, ready file, another broker instead of its own."""
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import time

import pytest
import requests

from environment import without_settings
from ferry import PATIENCE, SOURCE_DIR, VendorDevice, process_exists, program, wait_for

READY_MAX_S = 1.0
USAGE = 2


def ferryd(*args, env=None, **options):
    """Runs ferryd to its end."""
    clean = without_settings()
    return subprocess.run([program("ferryd"), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30 * PATIENCE, env={**clean, **(env or {})}, **options)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# --- the command line --------------------------------------------------------------------------------------------


def test_help_names_every_setting_with_its_default():
    done = ferryd("--help")
    assert done.returncode == 0 and done.stderr == ""
    for words in ("--config=FILE", "--data=DIR", "--listen=ADDR", "--mqtt-port=N", "[1883]", "--objects-port=N",
                  "--api-port=N", "--public-url=URL", "--broker=URL", "--store=URL", "--objects=URL",
                  "--object-size-max=N", "--url-life=TIME", "--retention-days=N", "--new-admin-token", "--rotate-secrets-key"):
        assert words in done.stdout


def test_the_version_is_that_of_the_project():
    done = ferryd("--version")
    assert done.returncode == 0 and done.stdout.startswith("ferryd 0.")


@pytest.mark.parametrize("args", [["--no-such-flag"], ["surplus"], ["--mqtt-port"], ["--mqtt-port", "70000"],
                                  ["--url-life", "1s"], ["--listen", "somewhere"], ["--broker", "kafka://x"],
                                  ["--store", "mysql://x"], ["--objects", "ftp://x"], ["--config", "/nowhere"]])
def test_wrong_usage_ends_with_2_and_one_clear_line(tmp_path, args):
    done = ferryd("--data", tmp_path / "data", *args)
    assert done.returncode == USAGE and done.stdout == ""
    assert args[0].lstrip("-").split("=")[0] in done.stderr or args[-1] in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_wrong_variable_and_a_wrong_line_are_named(tmp_path):
    done = ferryd("--data", tmp_path, env={"FERRY_BATCH_MAX": "none"})
    assert done.returncode == USAGE and "FERRY_BATCH_MAX" in done.stderr
    ini = tmp_path / "ferry.ini"
    ini.write_text("mqtt-port = 1\n\nno-such-setting = 1\n")
    done = ferryd("--data", tmp_path, "--config", ini)
    assert done.returncode == USAGE and f"{ini}:3" in done.stderr and "no-such-setting" in done.stderr


def test_flag_over_environment_over_file(make_platform, tmp_path):
    ini = tmp_path / "ferry.ini"
    ini.write_text("[ferryd]\npublic-url = http://file\nobject-size-max = 10\nlog-level = error\n")
    platform = make_platform("--config", ini, "--public-url", "http://flag",
                             env={"FERRY_PUBLIC_URL": "http://environment", "FERRY_LOG_LEVEL": "info"})
    wait_for(lambda: "ready:" in platform.log(), 5, "the environment wins over the file")
    with VendorDevice(platform, platform.new_device()) as device:
        assert device.request_upload("a", b"abc")["url"].startswith("http://flag/")
        device.create_upload_task("big", 11, hashlib.md5(b"x").hexdigest())
        assert device.wait("create_upload_task_rsp")["result_code"] == 4, "the file's limit holds"


# --- ready -------------------------------------------------------------------------------------------------------


def test_ready_within_a_second(make_platform):
    """The best of three: other tests run beside this one."""
    times_s = []
    for _ in range(3):
        platform = make_platform(start=False)
        started = time.monotonic()
        platform.start()
        times_s.append(time.monotonic() - started)
    assert min(times_s) < READY_MAX_S * PATIENCE, times_s


def test_the_ready_file_and_the_token_are_private_and_true(own_platform):
    ready = own_platform.data / "run" / "ferryd.json"
    token = own_platform.data / "admin.token"
    assert mode(own_platform.data) == 0o700 and mode(ready) == 0o600 and mode(token) == 0o600
    at = json.loads(ready.read_text())
    assert at["pid"] == own_platform.pid and set(at) == {"pid", "mqtt", "objects", "api", "version"}
    for plane in ("mqtt", "objects", "api"):
        host, _, port = at[plane].partition("://")[2].rpartition(":")
        with socket.create_connection((host, int(port)), 5):
            pass
    assert requests.get(f"{at['api']}/readyz", timeout=5).status_code == 200


def test_systemd_is_told_ready_and_stopping(make_platform, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        platform = make_platform(env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert systemd.recv(100) == b"READY=1"
        platform.stop()
        assert systemd.recv(100) == b"STOPPING=1", "the broker says nothing in our name"


def test_a_data_folder_with_spaces_and_umlauts(make_platform, tmp_path):
    platform = make_platform(data=tmp_path / "a data folder \u00fc")
    with VendorDevice(platform, platform.new_device()) as device:
        assert device.upload("a", b"abc").verdict["result_code"] == 0


def test_store_and_objects_at_other_places(make_platform, tmp_path):
    (tmp_path / "db").mkdir()
    platform = make_platform("--store", f"sqlite:{tmp_path}/db/x.db", "--objects", f"file:{tmp_path}/files")
    with VendorDevice(platform, platform.new_device()) as device:
        assert device.upload("a", b"abc").verdict["result_code"] == 0
    assert (tmp_path / "db" / "x.db").exists() and any((tmp_path / "files").rglob("*"))
    assert not (platform.data / "ferry.db").exists() and not (platform.data / "objects").exists()


def test_ipv6(make_platform):
    with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    platform = make_platform("--listen", "::1", "--api-listen", "::1")
    assert platform.objects_url.startswith("http://[::1]:")
    with VendorDevice(platform, platform.new_device(), host="::1") as device:
        assert device.request_upload("a", b"abc")["url"].startswith("http://[::1]:")


def test_listening_on_the_network_is_warned_of_and_the_api_stays_on_loopback(make_platform):
    platform = make_platform("--listen", "0.0.0.0", "--allow-plain", "mqtt,objects")
    warnings = [line for line in platform.log().splitlines() if " warn " in line]
    for listener in ("mqtt", "objects"):
        assert any(f"{listener} on 0.0.0.0 has no TLS" in line for line in warnings), warnings
    assert not any("api" in line for line in warnings)
    assert "//127.0.0.1:" in platform.api_url
    assert any("--public-url" in line for line in warnings)


@pytest.mark.parametrize("args, listener", [(["--listen", "0.0.0.0"], "objects"),
                                            (["--listen", "0.0.0.0", "--allow-plain", "objects"], "mqtt"),
                                            (["--api-listen", "0.0.0.0", "--allow-plain", "mqtt,objects"], "api")])
def test_the_network_without_tls_is_refused_unless_it_is_allowed(make_platform, args, listener):
    platform = make_platform(*args, start=False)
    assert platform.start(expect_exit=True) == 1
    (line,) = [line for line in platform.log().splitlines() if " error " in line]
    assert f"--allow-plain {listener}" in line and "ferryd tls init" in line


# --- the operator's token ----------------------------------------------------------------------------------------


def test_a_lost_token_is_said_and_can_be_made_anew(own_platform):
    token_file = own_platform.data / "admin.token"
    old = own_platform.token
    own_platform.stop()
    token_file.unlink()
    own_platform.start()
    assert "--new-admin-token" in own_platform.log() and not token_file.exists()
    done = ferryd("--data", own_platform.data, "--new-admin-token")
    assert done.returncode == 1 and str(own_platform.pid) in done.stderr, "not while ferryd runs"
    own_platform.stop()
    done = ferryd("--data", own_platform.data, "--new-admin-token")
    assert done.returncode == 0 and mode(token_file) == 0o600
    own_platform.start()
    assert own_platform.token != old
    own_platform.api.list("/products")
    answer = requests.get(f"{own_platform.api_url}/api/v1/products", timeout=5, headers={"Authorization": f"Bearer {old}"})
    assert answer.status_code == 401
    assert old not in own_platform.log() and own_platform.token not in own_platform.log()


# --- one at a time -----------------------------------------------------------------------------------------------


def test_the_other_ferryd_is_named_by_its_process(own_platform):
    done = ferryd("--data", own_platform.data, "--mqtt-port", 0, "--objects-port", 0, "--api-port", 0)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"process {own_platform.pid}" in line and str(own_platform.data) in line


def test_a_leftover_broker_does_not_hold_the_lock(own_platform):
    broker = own_platform.broker_pid
    own_platform.kill9()
    assert process_exists(broker)
    own_platform.start()


# --- the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_ferryd_and_its_broker(make_platform, end):
    platform = make_platform()
    broker = platform.broker_pid
    os.kill(platform.pid, end)
    assert platform._process.wait(10 * PATIENCE) == 0
    platform._process = None
    assert not process_exists(broker)
    platform.assert_nothing_left()
    assert not (platform.data / "broker" / "mosquitto.pid").exists()


def test_one_order_may_come_twice(own_platform):
    """A terminal or `timeout` sends to ferryd and to its process group: that is no second order."""
    broker = own_platform.broker_pid
    for _ in range(2):
        os.kill(own_platform.pid, signal.SIGTERM)
    assert own_platform._process.wait(10 * PATIENCE) == 0
    own_platform._process = None
    assert not process_exists(broker)
    own_platform.start()


def test_a_second_signal_ends_ferryd_at_once(own_platform):
    with contextlib.closing(sqlite3.connect(own_platform.data / "ferry.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the clean end has to wait for it
        os.kill(own_platform.pid, signal.SIGTERM)
        time.sleep(0.8)
        os.kill(own_platform.pid, signal.SIGTERM)
        assert own_platform._process.wait(1 * PATIENCE) == 1
    own_platform._process = None
    own_platform.start()


def test_what_the_broker_acknowledged_is_not_lost_by_a_clean_end(own_platform):
    """Answered, or done at the next start: requests wait in the broker's saved session."""
    product = own_platform.new_product()
    devices = [VendorDevice(own_platform, own_platform.new_device(product)).connect() for _ in range(3)]
    own_platform.pin_ports()
    infos = []
    for number in range(15):
        for device in devices:
            payload = b'{"type": "create_upload_task","size": 3,"name": "f%d","md5sum": "%s"}' % (
                number, hashlib.md5(b"abc").hexdigest().encode())
            infos.append(device._client.publish(device.up, payload, 1))
        if number == 8:
            os.kill(own_platform.pid, signal.SIGTERM)
    assert own_platform._process.wait(10 * PATIENCE) == 0
    own_platform._process = None
    for device in devices:
        device.disconnect()
    acknowledged = sum(info.is_published() for info in infos)
    assert acknowledged > 0
    own_platform.start()
    wait_for(lambda: len(own_platform.api.uploads(product)) >= acknowledged, 10 * PATIENCE,
             f"the {acknowledged} requests that were acknowledged")


def test_a_clean_end_and_start_keep_everything(own_platform):
    credential = own_platform.new_device()
    with VendorDevice(own_platform, credential) as device:
        assert device.upload("a", b"abc").verdict["result_code"] == 0
    token = own_platform.token
    own_platform.restart()
    assert own_platform.token == token
    (task,) = own_platform.api.uploads(credential.product)
    assert own_platform.api.upload_bytes(task["id"]) == b"abc"
    with VendorDevice(own_platform, credential) as device:
        assert device.request_upload("b", b"abc")["url"]


# --- another broker ----------------------------------------------------------------------------------------------


@pytest.fixture
def foreign_broker(tmp_path):
    """A Mosquitto that ferryd has nothing to do with; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    conf = tmp_path / "foreign.conf"
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "platform", "p@ss:word"], check=True)
    os.chmod(tmp_path, 0o755)
    passwords.chmod(0o644)
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nuser root\n"
                    f"password_file {passwords}\nlog_type none\n")
    with subprocess.Popen(["/usr/sbin/mosquitto", "-c", conf], stderr=subprocess.DEVNULL) as broker:
        try:
            yield port, broker
        finally:
            broker.kill()


class At:
    """What a VendorDevice needs to know of a platform."""

    def __init__(self, mqtt_port):
        self.mqtt_port = mqtt_port


def test_a_foreign_broker_serves_instead_of_our_own(make_platform, foreign_broker):
    port, _ = foreign_broker
    platform = make_platform(start=False, env={"FERRY_BROKER": f"mqtt://platform:p%40ss%3Aword@127.0.0.1:{port}"})
    start_without_own_broker(platform)
    assert platform.addresses["mqtt"] == f"mqtt://127.0.0.1:{port}", "without the credential"
    assert not (platform.data / "broker" / "mosquitto.conf").exists()
    credential = platform.new_device()
    anybody = VendorDevice(At(port), credential)
    anybody._client.username_pw_set(None, None)
    with anybody as device:
        assert device.upload("a", b"abc").verdict["result_code"] == 0
    assert "p@ss" not in platform.log()


def test_a_foreign_broker_that_is_away_is_waited_for(make_platform):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    platform = make_platform("--broker", f"mqtt://u:secret-word@127.0.0.1:{port}", start=False)
    start_without_own_broker(platform)
    with open(f"/proc/{platform.pid}/cmdline", "rb") as cmdline:
        assert b"secret-word" not in cmdline.read(), "the process list is for everybody"
    wait_for(lambda: str(port) in platform.log(), 5, "a line about the broker")
    assert "secret-word" not in platform.log()
    assert platform.api.list("/products") == [], "operators can work"
    assert requests.get(f"{platform.api_url}/readyz", timeout=5).status_code == 503
    assert platform.log().count("no connection to the broker") < 4, "an outage is not told again and again"


def start_without_own_broker(platform):
    """The harness looks for the managed broker's process once ferryd is ready."""
    with contextlib.suppress(FileNotFoundError):
        platform.start()


@pytest.fixture
def certificates(tmp_path):
    """A CA and a certificate of 127.0.0.1."""
    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 1, "-subj",
            "/CN=test ca", "-keyout", tmp_path / "ca.key", "-out", tmp_path / "ca.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "req.pem")
    openssl("x509", "-req", "-in", tmp_path / "req.pem", "-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key",
            "-days", 1, "-copy_extensions", "copy", "-out", tmp_path / "cert.pem")
    return tmp_path


def test_a_foreign_broker_over_tls_must_show_the_right_certificate(make_platform, certificates):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    conf = certificates / "tls.conf"
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nlog_type none\n"
                    f"certfile {certificates}/cert.pem\nkeyfile {certificates}/key.pem\n")
    with subprocess.Popen(["/usr/sbin/mosquitto", "-c", conf], stderr=subprocess.DEVNULL) as broker:
        try:
            trusting = make_platform("--broker", f"mqtts://127.0.0.1:{port}", "--broker-ca", certificates / "ca.pem",
                                     start=False)
            start_without_own_broker(trusting)
            wait_for(lambda: "connected to the broker" in trusting.log(), 10 * PATIENCE, "the connection")
            doubtful = make_platform("--broker", f"mqtts://127.0.0.1:{port}", start=False)
            start_without_own_broker(doubtful)
            wait_for(lambda: "no connection to the broker" in doubtful.log(), 10 * PATIENCE, "the refusal")
            assert "connected to the broker" not in doubtful.log()
        finally:
            broker.kill()


# --- documentation -----------------------------------------------------------------------------------------------


def test_every_setting_is_documented():
    documented = (SOURCE_DIR / "docs" / "operation.md").read_text()
    flags = set(re.findall(r"^ +(?:-., )?--([a-z-]+)", ferryd("--help").stdout, re.MULTILINE))
    flags -= {"config", "help", "usage", "version", "new-admin-token", "new-url-key", "rotate-secrets-key"}
    assert len(flags) > 20
    missing = {flag for flag in flags if f"\n| `{flag}` | " not in documented}
    assert not missing, "write them into the table of docs/operation.md"


def test_the_log_may_be_one_object_a_line(make_platform):
    platform = make_platform("--log-format", "json")
    platform.restart()
    lines = [json.loads(line) for line in platform.log().splitlines()]
    assert len(lines) > 5 and all(set(line) == {"time", "level", "area", "message"} for line in lines)
    assert any(line["area"] == "ferryd" and line["message"].startswith("ready: ") for line in lines)
