"""Who the device is: the vendor's device_info.json in its forms, certificates in place of a secret, and their renewal."""
import json
import os
import shutil
import signal

import pytest
from certificates import Authority, Tls
from device_command import DONE, NETWORK, SECRET, USAGE, Command
from fake_platform import FakePlatform
from ferry import wait_for

HERE = ["DNS:localhost", "IP:127.0.0.1"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), "platform")


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    """Signs what devices show."""
    return Authority(tmp_path_factory.mktemp("certificates"), "devices")


@pytest.fixture(scope="module")
def server(authority):
    return authority.sign("server", "broker", HERE)


@pytest.fixture
def fake(authority, devices, server):
    """Wants a device's certificate, and no password."""
    with FakePlatform(tls=Tls(server, authority, device_authority=devices)) as platform:
        yield platform


@pytest.fixture
def device(tmp_path, fake, authority):
    device = Command(tmp_path, broker=fake.broker)
    device.options = ["--broker", fake.broker, "--ca-file", authority.file, "--state-dir", device.state_dir]
    yield device
    device.close()


def write_info(device, **more):
    path = device.folder / "device_info.json"
    path.write_text(json.dumps({"productId": device.product, "deviceName": device.device, **more}))
    path.chmod(0o600)
    return ["--device-info", path]


def make_file(device):
    path = device.folder / "a.bin"
    path.write_bytes(os.urandom(5000))
    return path


def certificate_for(device, devices, folder, name="device"):
    """Certificate and key as files of the folder, as the vendor's console hands them out."""
    made = devices.sign(f"{name}-{device.folder.name}", "p1/d1")
    folder.mkdir(exist_ok=True)
    shutil.copy(made.cert, folder / f"{name}.crt")
    shutil.copy(made.key, folder / f"{name}_private.key")
    return {"devCertFile": f"{name}.crt", "devPrivateKeyFile": f"{name}_private.key"}


def test_the_file_that_ferryctl_writes_works_on_a_real_platform(tmp_path, platform, product):
    credential = platform.new_device(product)
    device = Command.of(tmp_path, platform, credential)
    device.options = device.options[6:]  # broker and state folder only
    info = write_info(device, auth_mode="KEY", key_deviceinfo={"deviceSecret": credential.secret})
    done = device.run("upload", make_file(device), *info)
    assert (done.returncode, done.stderr) == (DONE, "")
    assert [row["state"] for row in platform.api.uploads(product, device.device)] == ["done"]


@pytest.mark.parametrize("where", ["certs", "."])
def test_certificates_of_the_vendors_file_are_used(device, fake, devices, where):
    names = certificate_for(device, devices, device.folder / where)
    info = write_info(device, auth_mode="CERT", key_deviceinfo={"deviceSecret": ""}, cert_deviceinfo=names)
    file = make_file(device)
    done = device.run("upload", file, *info)
    assert (done.returncode, done.stderr) == (DONE, "")
    assert fake.uploaded("a.bin") == file.read_bytes()
    fake.offer("b.bin", b"b" * 1000)
    assert device.run("download", "--dir", device.inbox, *info).returncode == DONE


def test_certificates_can_be_given_without_any_secret(device, fake, devices):
    names = certificate_for(device, devices, device.folder / "mine")
    done = device.run("upload", make_file(device), "--product", "p1", "--device", "d1", "--cert-file",
                      device.folder / "mine" / names["devCertFile"], "--key-file",
                      device.folder / "mine" / names["devPrivateKeyFile"])
    assert (done.returncode, done.stderr) == (DONE, "")


def test_without_its_certificate_the_device_does_not_get_in(device, fake):
    info = write_info(device, auth_mode="KEY", key_deviceinfo={"deviceSecret": SECRET})
    done = device.run("upload", make_file(device), "--give-up", "2", *info)
    assert done.returncode == NETWORK
    assert fake.messages == []


def test_certificates_without_tls_are_refused_before_anything_is_sent(device, devices):
    names = certificate_for(device, devices, device.folder)
    info = write_info(device, auth_mode="CERT", cert_deviceinfo=names)
    done = device.run("upload", make_file(device), *info, "--broker", "mqtt://localhost:1")
    assert done.returncode == USAGE
    assert "mqtts://" in done.stderr


@pytest.mark.parametrize("missing", ["devCertFile", "devPrivateKeyFile"])
def test_a_missing_certificate_is_named(device, devices, missing):
    names = certificate_for(device, devices, device.folder)
    (device.folder / names[missing]).unlink()
    info = write_info(device, auth_mode="CERT", cert_deviceinfo=names)
    done = device.run("upload", make_file(device), *info)
    assert done.returncode == USAGE
    assert names[missing] in done.stderr and "No such file" in done.stderr


def test_a_key_of_another_certificate_is_told_at_once(device, devices):
    names = certificate_for(device, devices, device.folder)
    other = certificate_for(device, devices, device.folder, "other")
    info = write_info(device, auth_mode="CERT",
                      cert_deviceinfo={**names, "devPrivateKeyFile": other["devPrivateKeyFile"]})
    done = device.run("upload", make_file(device), *info)
    assert done.returncode == USAGE
    assert "does not belong" in done.stderr


def test_a_renewed_certificate_is_taken_at_a_reload_and_a_broken_one_is_not(device, fake, devices):
    names = certificate_for(device, devices, device.folder / "certs")
    info = write_info(device, auth_mode="CERT", cert_deviceinfo=names)
    process = device.start("agent", "--dir", device.inbox, "--json", *info)
    device.wait_event(process, "connected")
    renewed = devices.sign(f"renewed-{device.folder.name}", "p1/d1")
    cert = device.folder / "certs" / names["devCertFile"]
    shutil.copy(renewed.cert, cert)
    process.send_signal(signal.SIGHUP)  # the key is still the old one
    assert "does not belong" in device.wait_event(process, "reload_failed")["message"]
    shutil.copy(renewed.key, device.folder / "certs" / names["devPrivateKeyFile"])
    process.send_signal(signal.SIGHUP)
    assert device.wait_event(process, "reloaded")["changed"] == ["the certificates"]
    device.wait_event(process, "connected", 2)
    fake.offer("a", b"a")
    fake.push("p1", "d1")
    wait_for(lambda: (device.inbox / "a").exists(), what="a file over the new connection")
    assert device.stop(process).returncode == DONE
