"""The example programs of device/examples that need a platform, against a real one."""
import os
import signal
import subprocess
import time

import pytest
from ferry import PATIENCE, SANITIZER_MARKS, build_dir, wait_for
from library import sleeps

MIB = 1 << 20


@pytest.fixture
def start_example(platform, product, tmp_path):
    """start_example("own_loop"): the running example, its folder and its device."""
    started = []

    def start(name):
        credential = platform.new_device(product)
        folder = tmp_path / "folder"
        folder.mkdir()
        secret = tmp_path / "secret"
        secret.write_text(credential.secret + "\n")
        process = subprocess.Popen(
            [build_dir() / f"device/examples/example_{name}", f"mqtt://127.0.0.1:{platform.mqtt_port}",
             credential.product, credential.device, secret, folder],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append(process)
        return process, folder, credential

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def end(process, want=0):
    out, err = process.communicate(timeout=30 * PATIENCE)
    assert not any(mark in err for mark in SANITIZER_MARKS), err
    assert process.returncode == want, err
    return out.splitlines()


def deploy(platform, credential, name, body):
    platform.api.resource_add(credential.product, name, body)
    return platform.api.deploy(credential.product, name, [credential.device])["id"]


def test_a_loop_of_its_own_sends_what_it_is_told_and_takes_what_is_deployed(start_example, platform, tmp_path):
    process, folder, credential = start_example("own_loop")
    files = [tmp_path / name for name in ("one.bin", "two.bin")]
    body = os.urandom(3 * MIB)
    deployment = deploy(platform, credential, "firmware.bin", body)
    for file in files:
        file.write_bytes(os.urandom(3 * MIB))
        process.stdin.write(f"{file}\n")
    process.stdin.write(f"{tmp_path / 'three.bin'}\n")
    process.stdin.flush()
    platform.api.wait_download(deployment, credential.device, "done")
    wait_for(lambda: [row["state"] for row in platform.api.uploads(credential.product)] == ["done"] * 2, what="both")
    process.stdin.close()
    process.stdin = None
    lines = end(process)
    assert sorted(lines) == sorted([f"received {folder}/firmware.bin", "sent one.bin", "sent two.bin",
                                    f"{tmp_path / 'three.bin'}: No such file or directory"])
    assert (folder / "firmware.bin").read_bytes() == body
    for row, file in zip(sorted(platform.api.uploads(credential.product), key=lambda row: row["name"]), files):
        assert platform.api.upload_bytes(row["id"]) == file.read_bytes()


def test_a_loop_of_its_own_sleeps_while_nothing_happens(start_example, platform):
    process, folder, credential = start_example("own_loop")
    deployment = deploy(platform, credential, "firmware.bin", b"x" * 1000)
    platform.api.wait_download(deployment, credential.device, "done")
    time.sleep(1)
    before = sleeps(process.pid)
    time.sleep(3)
    assert sleeps(process.pid) - before <= 1  # its own timer, once in ten seconds
    process.stdin.close()
    process.stdin = None
    assert end(process) == [f"received {folder}/firmware.bin"]


def test_the_smallest_agent_takes_one_file_after_the_other(start_example, platform):
    process, folder, credential = start_example("smallest_agent")
    for name in ("one", "two"):
        deployment = deploy(platform, credential, name, name.encode() * 1000)
        platform.api.wait_download(deployment, credential.device, "done")
        assert (folder / name).read_bytes() == name.encode() * 1000
    process.send_signal(signal.SIGTERM)
    end(process, -signal.SIGTERM)
