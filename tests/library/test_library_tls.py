"""mqtts and https against a real Mosquitto and a real TLS server: who is trusted, who is not, and what is said then.

There is no switch that turns a check off; each way in which a certificate can be wrong must end the transfer.
"""
import os
import socket
import subprocess
import threading
import time

import pytest
from certificates import Authority, Tls, self_signed
from fake_platform import Cut, FakePlatform
from ferry import PATIENCE, wait_for
from library import ASK, E_ARG, E_NETWORK, E_TLS, IDLE, OK
from shim import build_shim, preload

MIB = 1 << 20
HERE = ["DNS:localhost", "IP:127.0.0.1"]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), "theirs")


@pytest.fixture(scope="module")
def good(ours):
    return ours.sign("good", "broker", HERE)


@pytest.fixture(scope="module")
def bad(ours, theirs, tmp_path_factory):
    """A server's certificate for each way of being wrong."""
    folder = tmp_path_factory.mktemp("bad")
    return {
        "another name": ours.sign("elsewhere", "localhost", ["DNS:elsewhere.example", "IP:192.0.2.1"]),
        "expired": ours.expired("expired", "broker", HERE),
        "not yet valid": ours.sign("early", "broker", HERE, start="20900101000000Z"),
        "signed by itself": self_signed(folder, "self", HERE),
        "of an unknown authority": theirs.sign("theirs", "broker", HERE),
    }


WORDS = {  # what OpenSSL calls it, on both ways
    "another name": ("mismatch", "no alternative certificate subject name"),
    "expired": ("expired", "expired"),
    "not yet valid": ("not yet valid", "not yet valid"),
    "signed by itself": ("self-signed", "self-signed"),
    "of an unknown authority": ("local issuer", "local issuer"),
}


def both_ways(library, fake, make_file):
    file = make_file(2 * MIB)
    fake.offer("b.bin", file.read_bytes())
    assert library.call("upload", file) == OK
    assert library.call("download", library.inbox) == OK
    up, down = library.outcome("up"), library.outcome("down")
    assert (up["err"], down["err"]) == (OK, OK), (up, down)
    assert fake.uploaded("a.bin") == file.read_bytes()
    assert (library.inbox / "b.bin").read_bytes() == file.read_bytes()


# --- who is trusted ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_with_its_authority_the_platform_is_trusted_by_name_and_by_address(ours, good, make_library, make_file, host):
    with FakePlatform(tls=Tls(good, ours, host=host)) as fake:
        both_ways(make_library(fake.broker, ca_file=ours.file), fake, make_file)


def test_a_client_certificate_is_shown_to_broker_and_object_store(ours, good, make_library, make_file):
    device = ours.sign("device", "p1/d1")
    with FakePlatform(tls=Tls(good, ours, device_authority=ours)) as fake:
        both_ways(make_library(fake.broker, ca_file=ours.file, cert_file=device.cert, key_file=device.key), fake,
                  make_file)


@pytest.fixture
def system_trusts(tmp_path, ours):
    """Runs a program in a world whose system trusts our authority and nobody else."""
    trusted = tmp_path / "system-certificates"
    trusted.mkdir()
    pem = ours.file.read_bytes()
    (trusted / "ca-certificates.crt").write_bytes(pem)
    (trusted / "ours.pem").write_bytes(pem)
    subprocess.run(["openssl", "rehash", trusted], check=True, capture_output=True)
    command = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/ssl/certs && exec "$@"', trusted]
    if subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    return command


def test_without_an_authority_of_ones_own_the_systems_are_trusted(system_trusts, ours, good, make_library, make_file):
    with FakePlatform(tls=Tls(good, ours)) as fake:
        library = make_library(fake.broker, start=False)
        library.run_under(system_trusts)
        both_ways(library, fake, make_file)


@pytest.mark.parametrize("who", ["broker", "objects"])
def test_with_an_authority_of_ones_own_the_systems_are_not_trusted(system_trusts, ours, theirs, good, make_library,
                                                                   make_file, who):
    other = theirs.sign("good", "broker", HERE)
    tls = Tls(other, ours, objects=good) if who == "objects" else Tls(good, ours, objects=other)
    with FakePlatform(tls=tls) as fake:  # the one in question is known to the system only
        library = make_library(fake.broker, start=False, ca_file=theirs.file)
        library.run_under(system_trusts)
        assert library.call("upload", make_file(10)) == OK
        assert library.outcome("up")["err"] == E_TLS
        assert fake.requests == []


# --- who is not -------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", WORDS)
def test_a_broker_whose_certificate_is_wrong_is_told_nothing(ours, bad, make_library, make_file, what):
    with FakePlatform(tls=Tls(bad[what], ours)) as fake:
        library = make_library(fake.broker, ca_file=ours.file)
        assert library.call("upload", make_file(10)) == OK
        outcome = library.outcome("up")
        assert outcome["err"] == E_TLS
        assert WORDS[what][0] in outcome["message"].lower()
        assert fake.messages == []


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("what", WORDS)
def test_an_object_store_whose_certificate_is_wrong_gets_and_gives_no_byte(ours, good, bad, make_library, make_file, what,
                                                                           direction):
    with FakePlatform(tls=Tls(good, ours, objects=bad[what])) as fake:
        library = make_library(fake.broker, ca_file=ours.file)
        fake.offer("b.bin", b"x" * 10)
        assert (library.call("upload", make_file(10)) if direction == "up" else
                library.call("download", library.inbox)) == OK
        outcome = library.outcome(direction)
        assert outcome["err"] == E_TLS
        assert WORDS[what][1] in outcome["message"].lower()
        assert fake.requests == []
        assert [state for _, state, _ in fake.results] == ["fail"]  # and the platform hears of it
        assert list(library.inbox.iterdir()) == []


def test_a_name_counts_for_names_and_an_address_for_addresses(ours, make_library, make_file):
    only_name = ours.sign("only-name", "127.0.0.1", ["DNS:localhost"])
    with FakePlatform(tls=Tls(only_name, ours, host="127.0.0.1")) as fake:
        library = make_library(fake.broker, ca_file=ours.file)
        assert library.call("upload", make_file(10)) == OK
        outcome = library.outcome("up")
        assert outcome["err"] == E_TLS and "mismatch" in outcome["message"]


@pytest.mark.parametrize("shown", ["none", "of another authority"])
def test_a_broker_that_wants_a_certificate_refuses_whoever_has_no_good_one(ours, theirs, good, make_library, make_file,
                                                                          shown):
    device = theirs.sign("device", "p1/d1")
    options = {} if shown == "none" else {"cert_file": device.cert, "key_file": device.key}
    with FakePlatform(tls=Tls(good, ours, device_authority=ours)) as fake:
        library = make_library(fake.broker, ca_file=ours.file, **options)
        assert library.call("upload", make_file(10)) == OK
        outcome = library.outcome("up")
        assert outcome["err"] == E_TLS
        assert "alert" in outcome["message"]  # the broker's word on it
        assert fake.messages == []


def test_why_a_broker_refuses_is_heard_also_by_a_device_that_speaks_too_late(ours, theirs, good, make_library, make_file,
                                                                             tmp_path):
    device = theirs.sign("device", "p1/d1")
    late = preload(build_shim(tmp_path, "late_shim"))
    with FakePlatform(tls=Tls(good, ours, device_authority=ours)) as fake:
        library = make_library(fake.broker, start=False, ca_file=ours.file, cert_file=device.cert, key_file=device.key)
        library.run_under(["env", *(f"{name}={value}" for name, value in late.items())])
        assert library.call("upload", make_file(10)) == OK
        outcome = library.outcome("up")
        assert outcome["err"] == E_TLS
        assert "alert" in outcome["message"]


def test_a_broker_that_speaks_no_tls_is_not_spoken_to_without(make_library, make_file):
    with FakePlatform() as fake:
        library = make_library(f"mqtts://127.0.0.1:{fake.mqtt_port}", give_up_ms=1500)
        assert library.call("upload", make_file(10)) == OK
        assert library.outcome("up")["err"] == E_NETWORK  # to a plain broker it is noise: it hangs up
        assert fake.messages == []


def test_a_listening_device_tries_a_wrong_broker_again_without_haste(ours, bad, make_library):
    with FakePlatform(tls=Tls(bad["expired"], ours)) as fake:
        library = make_library(fake.broker, ca_file=ours.file)
        assert library.call("listen", library.inbox) == OK
        time.sleep(1)
        before = library.stats()
        time.sleep(2)
        after = library.stats()
        assert after["turns"] - before["turns"] <= 2
        assert after["cpu_us"] - before["cpu_us"] < 20_000 * PATIENCE


# --- files that cannot be used ----------------------------------------------------------------------


@pytest.mark.parametrize("case, word", [
    ("missing", "No such file"), ("garbage", "no certificate"), ("folder", "no certificate"), ("no key", "needs its key"),
    ("other key", "does not belong"), ("passphrase", "passphrase"), ("key without certificate", "its certificate"),
    ("missing key", "No such file"), ("garbage key", "no private key")])
def test_certificates_that_cannot_be_used_are_named_at_once(ours, theirs, make_library, tmp_path, case, word):
    device, other = ours.sign("one", "p1/d1"), theirs.sign("two", "p1/d1")
    garbage, locked, folder = tmp_path / "garbage.pem", tmp_path / "locked.key", tmp_path / "folder"
    garbage.write_text("-----BEGIN NOTHING-----\n")
    folder.mkdir()
    subprocess.run(["openssl", "pkey", "-in", device.key, "-aes256", "-passout", "pass:x", "-out", locked], check=True,
                   capture_output=True)
    nowhere = tmp_path / "nowhere.pem"
    options, culprit = {
        "missing": ({"ca_file": nowhere}, nowhere),
        "garbage": ({"ca_file": garbage}, garbage),
        "folder": ({"ca_file": folder}, folder),
        "no key": ({"cert_file": device.cert}, None),
        "key without certificate": ({"key_file": device.key}, None),
        "other key": ({"cert_file": device.cert, "key_file": other.key}, other.key),
        "passphrase": ({"cert_file": device.cert, "key_file": locked}, locked),
        "missing key": ({"cert_file": device.cert, "key_file": nowhere}, nowhere),
        "garbage key": ({"cert_file": device.cert, "key_file": garbage}, garbage),
    }[case]
    library = make_library("mqtts://localhost:1", start=False, **options)
    opened = library.start()
    assert opened["err"] == E_ARG
    assert word in opened["message"]
    assert culprit is None or str(culprit) in opened["message"]


# --- a connection that ends -------------------------------------------------------------------------


def test_a_broker_that_dies_under_tls_is_a_lost_connection_and_no_fault_of_its_certificate(ours, good, make_library,
                                                                                          make_file):
    with FakePlatform(tls=Tls(good, ours)) as fake:
        library = make_library(fake.broker, ca_file=ours.file)
        assert library.call("listen", library.inbox) == OK
        wait_for(lambda: library.status("down")["phase"] == IDLE, what="the connection")
        fake.kill_broker()
        wait_for(lambda: not library.status("down")["linked"], what="the loss of it")
        fake.start_broker()
        both = make_file(1000)
        assert library.call("upload", both) == OK
        assert library.outcome("up", 30)["err"] == OK


def test_a_broker_that_hangs_up_during_the_handshake_is_no_fault_of_its_certificate(make_library, make_file):
    with socket.create_server(("127.0.0.1", 0)) as server:
        def hang_up():
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                connection.recv(1)
                connection.recv(65536)
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        library = make_library(f"mqtts://127.0.0.1:{server.getsockname()[1]}", give_up_ms=1500)
        assert library.call("upload", make_file(10)) == OK
        outcome = library.outcome("up")
        assert (outcome["err"], outcome["kept"]) == (E_NETWORK, True)
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_broker_that_is_gone_when_tls_says_goodbye_does_not_kill_the_program(ours, good, make_library, make_file):
    with FakePlatform(tls=Tls(good, ours)) as fake:
        library = make_library(fake.broker, ca_file=ours.file)
        assert library.call("listen", library.inbox) == OK
        wait_for(lambda: library.status("down")["phase"] == IDLE, what="the connection")
        fake.freeze_broker()
        assert library.call("upload", make_file(1000)) == OK  # its question is never read: the kernel resets
        wait_for(lambda: library.status("up")["phase"] == ASK, what="the question")
        time.sleep(0.2)
        fake.kill_broker()
        wait_for(lambda: not library.status("down")["linked"], what="the loss of it")
        fake.start_broker()
        assert library.outcome("up", 30)["err"] == OK


def test_an_object_store_that_is_gone_while_tls_is_written_does_not_kill_the_program(ours, good, make_library, make_file):
    with FakePlatform(tls=Tls(good, ours)) as fake:
        library = make_library(fake.broker, ca_file=ours.file)
        file = make_file(8 * MIB)
        fake.faults.extend([None, Cut(100_000), None, Cut(100_000)])
        assert library.call("upload", file) == OK
        assert library.outcome("up", 30)["err"] == OK
        assert fake.uploaded("a.bin") == file.read_bytes()
