"""TLS on all three listeners, with real clients: curl, openssl, mosquitto's and paho's, ferry, ferryctl."""
import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import time

import pytest

from certificates import make_pair, openssl
from ferry import (PATIENCE, SANITIZED, SOURCE_DIR, THREADS_WATCHED, Platform, VendorDevice, build_dir, process_exists, program, run,
                   sanitizer_preload, unique_name, wait_for)
from operators import Caller, add_user

PLANES = ("mqtt", "objects", "api")
MIB = 1 << 20


def handshake(platform, plane, *args):
    """What openssl s_client says about one connection."""
    port = getattr(platform, f"{plane}_port")
    done = run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", platform.ca, *args)
    return done.stdout + done.stderr


def accepted(said):
    return "Cipher is (NONE)" not in said and "Cipher is " in said


def served(platform, plane):
    """The serial number of the certificate that a new connection is given."""
    with socket.create_connection(("127.0.0.1", getattr(platform, f"{plane}_port")), 10) as plain:
        context = ssl.create_default_context(cafile=str(platform.ca))
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            return connection.getpeercert()["serialNumber"]


def serial_on_disk(platform):
    return openssl("x509", "-in", platform.data / "tls/server.pem", "-noout", "-serial").strip().partition("=")[2]


def expire(platform, folder):
    """Gives the server's key a certificate that was good in January 2020."""
    (folder / "index.txt").touch()
    (folder / "ca.ini").write_text(f"[ca]\ndefault_ca=it\n[it]\ndatabase={folder}/index.txt\nrand_serial=yes\npolicy=any\n"
                                   f"new_certs_dir={folder}\ndefault_md=sha256\n[any]\ncommonName=supplied\n")
    key = platform.data / "tls/server.key"
    openssl("req", "-new", "-key", key, "-subj", "/CN=old", "-out", folder / "csr")
    openssl("ca", "-config", folder / "ca.ini", "-selfsign", "-keyfile", key, "-in", folder / "csr", "-batch", "-notext", "-startdate",
            "20200101000000Z", "-enddate", "20200201000000Z", "-out", platform.data / "tls/server.pem")


@pytest.fixture(scope="module")
def tls_platform():
    platform = Platform(tls=True)
    try:
        platform.start()
        yield platform
        platform.stop()
    finally:
        platform.close()


# --- the protocol ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("version, good", [("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_tls_1_2_and_1_3_and_nothing_older(tls_platform, plane, version, good):
    old = [] if good else ["-cipher", "DEFAULT@SECLEVEL=0"]  # else the client itself refuses
    assert accepted(handshake(tls_platform, plane, version, *old)) == good


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256", "AES256-SHA",
                                    "DHE-RSA-AES256-GCM-SHA384", "NULL-SHA256", "aNULL"])
def test_weak_ciphers_are_refused(tls_platform, plane, cipher):
    assert not accepted(handshake(tls_platform, plane, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0"))


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
                                    "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-CCM"])
def test_strong_ciphers_are_accepted(tls_platform, plane, cipher):
    assert accepted(handshake(tls_platform, plane, "-tls1_2", "-cipher", cipher))


@pytest.mark.parametrize("plane", PLANES)
def test_chain_and_host_name_are_right(tls_platform, plane):
    for name in ("-verify_ip", "127.0.0.1"), ("-verify_hostname", "localhost"), ("-verify_hostname", socket.gethostname()):
        assert "Verify return code: 0 (ok)" in handshake(tls_platform, plane, *name)
    assert "Verify return code: 0" not in handshake(tls_platform, plane, "-verify_hostname", "elsewhere.example")


def test_only_1_3_when_it_is_said(make_platform):
    platform = make_platform("--tls-min", "1.3", tls=True)
    for plane in PLANES:
        assert accepted(handshake(platform, plane, "-tls1_3")) and not accepted(handshake(platform, plane, "-tls1_2"))


def test_plain_words_to_a_tls_listener_do_no_harm(tls_platform):
    for plane in PLANES:
        with socket.create_connection(("127.0.0.1", getattr(tls_platform, f"{plane}_port")), 5) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            client.settimeout(15)
            with contextlib.suppress(ConnectionResetError):
                while client.recv(100):
                    pass
    assert tls_platform.api.list("/products") is not None


# --- the whole way -----------------------------------------------------------------------------------------------


def test_a_device_and_an_operator_end_to_end(tls_platform, tmp_path):
    """ferry and ferryctl, both ways; ferryctl finds the CA by itself."""
    platform = tls_platform
    product, info = unique_name("p"), tmp_path / "info.json"
    operator = ["--data", platform.data]

    def ctl(*args):
        done = run(program("ferryctl"), *operator, *args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    ctl("product", "add", product)
    ctl("device", "add", f"{product}/d", "--device-info", info)
    device = ["--device-info", info, "--broker", platform.addresses["mqtt"], "--ca-file", platform.ca, "--state-dir",
              tmp_path / "state"]
    data = os.urandom(3 * MIB + 17)
    (tmp_path / "up.bin").write_bytes(data)
    assert platform.addresses["mqtt"].startswith("mqtts://")
    done = run(program("ferry"), "upload", tmp_path / "up.bin", *device)
    assert done.returncode == 0, done.stderr
    (task,) = platform.api.uploads(product)
    ctl("upload", "get", task["id"], "-o", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == data
    ctl("resource", "add", product, tmp_path / "up.bin", "--name", "fw")
    ctl("deploy", product, "fw", "--all")
    (tmp_path / "in").mkdir()
    done = run(program("ferry"), "download", "--wait", "--dir", tmp_path / "in", *device)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "in" / "fw").read_bytes() == data
    status = json.loads(ctl("--json", "status"))
    assert status["certificate_expires"] is not None


def test_object_urls_are_https_and_curl_gets_ranges(tls_platform, tmp_path):
    platform = tls_platform
    credential = platform.new_device()
    data = os.urandom(MIB)
    with VendorDevice(platform, credential, ca=platform.ca) as device:
        url = device.request_upload("a", data)["url"]
        assert url.startswith("https://127.0.0.1:")
        (tmp_path / "a").write_bytes(data)
        done = run("curl", "-sS", "--cacert", platform.ca, "-T", tmp_path / "a", "-w", "%{http_code}", url)
        assert done.stdout == "200", done.stderr
        platform.api.resource_add(credential.product, "r", data)
        platform.api.deploy(credential.product, "r", devices=[credential.device])
        url = device.wait("download")["url"]
    get = ["curl", "-sS", "--cacert", platform.ca, "-o", tmp_path / "part", url]
    assert run(*get).returncode == 0 and (tmp_path / "part").read_bytes() == data
    assert run(*get, "-r", "70000-70099").returncode == 0 and (tmp_path / "part").read_bytes() == data[70000:70100]
    assert run(*get, "-r", "0-").returncode == 0 and (tmp_path / "part").read_bytes() == data


def test_the_cookie_of_a_session_goes_over_tls_alone(tls_platform):
    browser = Caller(tls_platform)
    browser.session.verify = str(tls_platform.ca)
    answer = browser.log_in(add_user(tls_platform, "operator"))
    assert answer.status_code == 200 and "; Secure" in answer.headers["Set-Cookie"]
    own = {"Origin": tls_platform.api_url, "Sec-Fetch-Site": "same-origin"}
    assert browser("POST", "/products", json={"name": unique_name("p")}, headers=own).status_code == 201


def test_many_fetch_the_same_object_at_once(tls_platform):
    platform = tls_platform
    product = platform.new_product()
    data = os.urandom(4 * MIB)
    devices = [platform.new_device(product) for _ in range(12)]
    platform.api.resource_add(product, "r", data)
    platform.api.deploy(product, "r", devices=[device.device for device in devices])
    urls = []
    for credential in devices:
        with VendorDevice(platform, credential, ca=platform.ca) as device:
            device.get_download_task()
            urls.append(device.wait("get_download_task_rsp")["url"])
    running = [subprocess.Popen(["curl", "-sS", "--cacert", platform.ca, url], stdout=subprocess.PIPE) for url in urls]
    for process in running:
        assert hashlib.md5(process.communicate(timeout=60)[0]).digest() == hashlib.md5(data).digest()


def test_a_refusal_in_the_middle_of_a_body_is_heard(make_platform):
    """The one answer that does not go through libmicrohttpd."""
    platform = make_platform(tls=True)
    with socket.create_connection(("127.0.0.1", platform.objects_port), 10) as plain:
        context = ssl.create_default_context(cafile=str(platform.ca))
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as client:
            client.settimeout(30)
            client.sendall(b"PUT /o/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
            answer, block = b"", bytes(65536)
            client.setblocking(False)
            end = time.monotonic() + 60
            while b"\r\n\r\n" not in answer and time.monotonic() < end:
                with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    client.send(block)
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    answer += client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 4") and b"Connection: close" in answer


def mosquitto_pub(platform, credential, password, *args):
    name = f"{credential.product}/{credential.device}"
    return run("mosquitto_pub", "-h", "127.0.0.1", "-p", platform.mqtt_port, "-i", name, "-u", name, "-P", password, "-q", "1",
               "-t", f"$resource/up/service/{name}", "-m", '{"type": "get_download_task"}', *args)


def test_mosquittos_client_comes_in_with_the_secret_as_its_password(tls_platform, tmp_path):
    """The secret may be the password where TLS hides it."""
    credential = tls_platform.new_device()
    trusting = ["--cafile", tls_platform.ca]
    done = mosquitto_pub(tls_platform, credential, credential.secret, *trusting)
    assert done.returncode == 0, done.stderr
    assert mosquitto_pub(tls_platform, credential, "d3Jvbmc=", *trusting).returncode != 0
    other, _ = make_pair(tmp_path, "other")
    assert mosquitto_pub(tls_platform, credential, credential.secret, "--cafile", other).returncode != 0


def test_the_plain_listener_stays_on_loopback(make_platform):
    platform = make_platform("--listen", "0.0.0.0", tls=True)
    conf = (platform.data / "broker/mosquitto.conf").read_text()
    listeners = [line.split() for line in conf.splitlines() if line.startswith("listener ")]
    assert [words[2] for words in listeners] == ["127.0.0.1", "0.0.0.0"]
    assert not [line for line in platform.log().splitlines() if "read along" in line]


def test_who_connects_and_says_nothing_is_cut(tls_platform):
    """No handshake is waited for longer than for the head of a request: ten seconds."""
    with socket.create_connection(("127.0.0.1", tls_platform.objects_port), 10) as client:
        client.settimeout(20 * PATIENCE)
        assert client.recv(100) == b""


# --- who is not trusted ------------------------------------------------------------------------------------------


def test_a_wrong_ca_is_refused_with_a_clear_message(tls_platform, tmp_path):
    other, _ = make_pair(tmp_path, "other")
    done = run(program("ferryctl"), "--api", tls_platform.api_url, "--token-file", tls_platform.data / "admin.token",
               "--ca-file", other, "status")
    assert done.returncode == 4 and "not trusted" in done.stderr and "--ca-file" in done.stderr
    done = run(program("ferryctl"), "--api", tls_platform.api_url, "--token-file", tls_platform.data / "admin.token", "status")
    assert done.returncode == 4 and "--ca-file" in done.stderr, "not by the system's CAs either"
    done = run(program("ferryctl"), "--data", tls_platform.data, "--ca-file", tmp_path / "none.pem", "status")
    assert done.returncode == 1 and "none.pem" in done.stderr
    credential = tls_platform.new_device()
    (tmp_path / "secret").write_text(credential.secret)
    (tmp_path / "file").write_text("x")
    done = run(program("ferry"), "upload", tmp_path / "file", "--product", credential.product, "--device", credential.device,
               "--secret-file", tmp_path / "secret", "--broker", tls_platform.addresses["mqtt"], "--ca-file", other,
               "--state-dir", tmp_path / "state", timeout=90)
    assert done.returncode == 4 and "certificate" in done.stderr, done.stderr


def test_another_host_name_is_refused(tls_platform):
    url = tls_platform.api_url.replace("127.0.0.1", "127.0.0.2")
    done = run("curl", "-sS", "--cacert", tls_platform.ca, "--connect-to", f"::127.0.0.1:{tls_platform.api_port}",
               f"{url}/healthz")
    assert done.returncode == 60
    done = run(program("ferryctl"), "--api", "https://elsewhere.example:1", "--token-file",
               tls_platform.data / "admin.token", "--ca-file", tls_platform.ca, "status")
    assert done.returncode == 4


def test_plain_http_to_a_tls_listener_is_explained(tls_platform):
    done = run(program("ferryctl"), "--api", tls_platform.api_url.replace("https:", "http:"), "--token-file",
               tls_platform.data / "admin.token", "status")
    assert done.returncode == 4 and "https://" in done.stderr


# --- reload ------------------------------------------------------------------------------------------------------


def test_new_certificates_while_an_upload_goes_on(make_platform):
    platform = make_platform(tls=True)
    credential = platform.new_device()
    data = os.urandom(4 * MIB)
    with VendorDevice(platform, credential, ca=platform.ca) as device:
        url = device.request_upload("a", data)["url"]
        with socket.create_connection(("127.0.0.1", platform.objects_port), 10) as plain:
            context = ssl.create_default_context(cafile=str(platform.ca))
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as upload:
                path = url.partition("//")[2].partition("/")[2]
                upload.sendall(f"PUT /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode())
                upload.sendall(data[:MIB])
                before = {plane: served(platform, plane) for plane in PLANES}
                broker = platform.broker_pid
                platform.tls_command("init", "--renew")
                assert "good until" in platform.reload()
                wanted = serial_on_disk(platform)
                assert wanted not in before.values()
                for plane in PLANES:
                    wait_for(lambda: served(platform, plane) == wanted, 10, f"the new certificate on {plane}")
                upload.sendall(data[MIB:])
                assert upload.recv(100).startswith(b"HTTP/1.1 200")
        assert process_exists(broker) and platform.broker_pid == broker
        assert device.request_upload("b", b"abc")["url"], "the device's connection has lived on"


def damage(platform, how, tmp_path):
    cert, key = platform.data / "tls/server.pem", platform.data / "tls/server.key"
    other_cert, other_key = make_pair(tmp_path, "other")
    if how == "no certificate":
        cert.unlink()
    elif how == "no PEM":
        cert.write_text("garbage")
    elif how == "half a chain":
        cert.write_text(cert.read_text() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    elif how == "another key":
        shutil.copy(other_key, key)
    elif how == "no key":
        key.write_text(other_cert.read_text())
    elif how == "a pass phrase":
        openssl("pkey", "-in", other_key, "-aes256", "-passout", "pass:x", "-out", key)
        key.chmod(0o600)
    elif how == "a key for everybody":
        key.chmod(0o644)


DAMAGES = {"no certificate": "server.pem", "no PEM": "no certificate in PEM", "half a chain": "damaged",
           "another key": "does not belong", "no key": "no private key", "a pass phrase": "pass phrase",
           "a key for everybody": "chmod 600"}


@pytest.mark.parametrize("how, words", DAMAGES.items())
def test_a_broken_certificate_is_said_in_one_line_and_the_old_one_stays(make_platform, tmp_path, how, words):
    platform = make_platform(tls=True)
    before = {plane: served(platform, plane) for plane in PLANES}
    damage(platform, how, tmp_path)
    (line,) = platform.reload().splitlines()
    assert " error " in line and words in line and "old certificate stays" in line
    platform.kill9_broker()  # what starts again must not trip over it either
    wait_for(lambda: platform.log().count("started mosquitto") == 2, 20 * PATIENCE, "the broker to be started again")
    assert {plane: served(platform, plane) for plane in PLANES} == before


@pytest.mark.parametrize("how, words", list({**DAMAGES, "no certificate": "there is no certificate"}.items()))
def test_no_start_with_a_broken_certificate(make_platform, tmp_path, how, words):
    platform = make_platform(tls=True, start=False)
    platform.tls_command("init")
    damage(platform, how, tmp_path)
    assert platform.start(expect_exit=True) == 1
    (line,) = [line for line in platform.log().splitlines() if " error " in line]
    assert words in line


def test_tls_without_a_certificate_says_how_to_get_one(make_platform):
    platform = make_platform("--tls", "api", start=False)
    assert platform.start(expect_exit=True) == 1
    assert "ferryd tls init" in platform.log()


def test_a_certificate_of_ones_own_with_an_rsa_key(make_platform, tmp_path):
    cert, key = make_pair(tmp_path, "rsa", key_args=("-newkey", "rsa:2048"))
    platform = make_platform("--tls-cert", cert, "--tls-key", key, "--tls-ca", cert)
    for plane in PLANES:
        said = run("openssl", "s_client", "-connect", f"127.0.0.1:{getattr(platform, plane + '_port')}", "-CAfile", cert)
        assert "Verify return code: 0 (ok)" in said.stdout
    assert run(program("ferryctl"), "--data", platform.data, "status").returncode == 0


def test_an_expired_certificate_and_one_about_to_expire_are_warned_of(make_platform, tmp_path):
    platform = make_platform(tls=True, start=False)
    platform.tls_command("init", "--days", "29")
    platform.start()
    assert "in 28 days" in platform.log() or "in 29 days" in platform.log()
    expire(platform, tmp_path)
    assert "expired on" in platform.reload()
    assert platform.broker_pid


def test_a_public_url_that_the_certificate_is_not_for_is_warned_of(make_platform):
    platform = make_platform("--public-url", "https://files.example", tls=True)
    assert "is not for files.example" in platform.log()
    platform.tls_command("init", "--renew", "--name", "files.example")
    assert "is not for" not in platform.reload()


def test_sighup_without_tls_is_harmless(own_platform):
    assert "nothing to read again" in own_platform.reload()
    assert own_platform.api.list("/products") == []


def test_the_other_listeners_stay_plain_when_only_some_speak_tls(make_platform):
    platform = make_platform("--tls", "api", tls=True)
    assert platform.addresses["mqtt"].startswith("mqtt:") and platform.objects_url.startswith("http:")
    assert platform.api_url.startswith("https:")
    with VendorDevice(platform, platform.new_device()) as device:
        assert device.upload("a", b"abc").verdict["result_code"] == 0


def test_a_broker_that_a_dead_ferryd_left_is_taken_over_and_gets_the_new_certificate(make_platform):
    platform = make_platform(tls=True)
    broker = platform.broker_pid
    platform.kill9()
    platform.tls_command("init", "--renew")
    plain = [line.split()[1] for line in (platform.data / "broker/mosquitto.conf").read_text().splitlines()
             if line.startswith("listener ")][0]
    platform.args += ["--mqtt-port", plain]
    platform.start()
    assert platform.broker_pid == broker
    wait_for(lambda: served(platform, "mqtt") == serial_on_disk(platform), 10, "the new certificate")


# --- ferryd tls --------------------------------------------------------------------------------------------------


def test_tls_init_makes_private_keys_and_does_not_overwrite(tmp_path):
    data = tmp_path / "data"
    command = [program("ferryd"), "tls", "init", "--data", data, "--name", "files.example", "--name", "10.1.2.3"]
    done = run(*command)
    assert done.returncode == 0 and "ca.pem" in done.stdout and "copy" in done.stdout
    assert stat.S_IMODE((data / "tls").stat().st_mode) == 0o700
    for key in ("ca.key", "server.key"):
        assert stat.S_IMODE((data / "tls" / key).stat().st_mode) == 0o600
    openssl("verify", "-CAfile", data / "tls/ca.pem", "-purpose", "sslserver", "-x509_strict", "-verify_hostname", "files.example",
            data / "tls/server.pem")
    openssl("verify", "-CAfile", data / "tls/ca.pem", "-verify_ip", "10.1.2.3", data / "tls/server.pem")
    before = {path.name: path.read_bytes() for path in (data / "tls").iterdir()}
    done = run(*command)
    assert done.returncode == 1 and "--renew" in done.stderr and len(done.stderr.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in (data / "tls").iterdir()} == before


def test_renewing_keeps_the_ca_and_the_names(tmp_path):
    data = tmp_path / "data"
    assert run(program("ferryd"), "tls", "init", "--data", data, "--name", "one.example").returncode == 0
    ca, old = (data / "tls/ca.pem").read_bytes(), (data / "tls/server.pem").read_bytes()
    assert run(program("ferryd"), "tls", "init", "--renew", "--data", data, "--name", "two.example").returncode == 0
    assert (data / "tls/ca.pem").read_bytes() == ca and (data / "tls/server.pem").read_bytes() != old
    (data / "tls/server.pem").rename(tmp_path / "lost.pem")
    names = ["--name", "one.example", "--name", "two.example"]
    assert run(program("ferryd"), "tls", "init", "--renew", "--data", data, *names).returncode == 0
    for name in ("one.example", "two.example", "localhost"):
        openssl("verify", "-CAfile", data / "tls/ca.pem", "-verify_hostname", name, data / "tls/server.pem")


def test_renewing_without_the_ca_says_what_is_missing(tmp_path):
    done = run(program("ferryd"), "tls", "init", "--renew", "--data", tmp_path)
    assert done.returncode == 1 and "ca.pem" in done.stderr


@pytest.mark.parametrize("args", [[], ["nothing"], ["init", "--name", "http://x"], ["init", "--name", "a b"],
                                  ["init", "--days", "0"], ["init", "surplus"], ["device"], ["device", "nodevice"],
                                  ["device", "a/b/c"], ["device", "a/../b"], ["device", "a/"]])
def test_wrong_usage_of_tls(tmp_path, args):
    done = run(program("ferryd"), "tls", *args, *(["--data", tmp_path / "data"] if args else []), cwd=tmp_path)
    assert done.returncode == 2 and done.stderr
    assert not (tmp_path / "data").exists()


# --- the demo ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(THREADS_WATCHED, reason="the shell of the demo would be watched as well")
def test_the_demo_runs_over_tls():
    env = {"LD_PRELOAD": sanitizer_preload(), "ASAN_OPTIONS": "detect_leaks=0"} if SANITIZED else {}  # the shell leaks
    done = run(SOURCE_DIR / "scripts/demo", "--tls", build_dir(), timeout=120, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mqtts://" in done.stdout and "https://" in done.stdout and "http://" not in done.stdout
    assert "It works" in done.stdout
