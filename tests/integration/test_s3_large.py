"""A file that one PUT to a bucket could not take (5 GiB), by both directions, through a real ferryd and a RADOS Gateway on disk. Long mode only."""
import hashlib
import os
import shutil
import tempfile

import pytest

import rgw
from device_command import DONE, Command
from ferry import run, program, wait_for
from secret_watch import WATCH

pytestmark = [pytest.mark.xdist_group("s3"), pytest.mark.slow, pytest.mark.timeout(3600)]
GIB, MIB = 1 << 30, 1 << 20
PUT_MAX = 5 * GIB
SIZE = PUT_MAX + 3 * MIB + 1
FREE = 20 * GIB
MEMORY_MORE = 64 * MIB  # a part on its way, and what libcurl holds


@pytest.fixture(scope="module")
def disk():
    if rgw.missing():
        pytest.skip(rgw.missing())
    gateway = rgw.Gateway(store="bluestore")
    try:
        if shutil.disk_usage(gateway.folder).free < FREE:
            pytest.skip(f"{FREE >> 30} GiB of disk are needed")
        WATCH.know(gateway.secret_key, "the secret key of the store")
        yield gateway
    finally:
        gateway.close()


@pytest.fixture(scope="module")
def large_file():
    """Mostly holes; name, and what it must be."""
    with tempfile.TemporaryDirectory(prefix="ferry-large-") as folder:
        path = os.path.join(folder, "image.bin")
        with open(path, "wb") as file:
            file.truncate(SIZE)
            for at in (0, 4 * GIB - 7, PUT_MAX - 3, SIZE - 17):
                file.seek(at)
                file.write(os.urandom(17))
        yield path, digest(path)


def digest(path):
    md5 = hashlib.md5()
    with open(path, "rb") as file:
        while block := file.read(MIB):
            md5.update(block)
    return md5.hexdigest()


def memory_peak(platform):
    with open(f"/proc/{platform.pid}/status") as status:
        (line,) = [line for line in status if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def digest_of_content(platform, path):
    md5 = hashlib.md5()
    with platform.api.call("GET", path, ok=False, stream=True) as answer:
        for block in answer.iter_content(MIB):
            md5.update(block)
    return md5.hexdigest()


def test_a_device_sends_more_than_one_put_takes(disk, make_platform, tmp_path, large_file):
    path, md5 = large_file
    platform = make_platform("--objects", disk.address("up", public_endpoint=disk.endpoint), "--object-size-max", "6G", env=disk.keys())
    platform.pin_ports()
    command = Command.of(tmp_path, platform, platform.new_device())
    before = memory_peak(platform)
    process = command.start("upload", path)
    (task,) = wait_for(lambda: platform.api.uploads(command.product), 120, "the task")
    wait_for(lambda: f"up/partial/{task['id']}" in disk.objects(), 120, "the first part in the store")
    command.stop(process)
    done = command.run("upload", path, timeout_s=1800)
    assert done.returncode == DONE, done.stderr
    assert memory_peak(platform) - before < MEMORY_MORE
    (row,) = platform.api.uploads(command.product, command.device)
    assert (row["id"], row["state"], row["size"]) == (task["id"], "done", SIZE)
    assert "-" in disk.objects()[f"up/{row['id']}"], "in parts"
    assert digest_of_content(platform, f"/uploads/{row['id']}/content") == md5
    assert memory_peak(platform) - before < MEMORY_MORE
    platform.api.call("DELETE", f"/uploads/{row['id']}")
    command.close()


def test_an_operator_sends_it_and_a_device_fetches_it_from_the_store(disk, make_platform, tmp_path, large_file):
    path, md5 = large_file
    platform = make_platform("--objects", disk.address("down", public_endpoint=disk.endpoint), "--object-size-max", "6G", env=disk.keys())
    command = Command.of(tmp_path, platform, platform.new_device())
    before = memory_peak(platform)
    added = run(program("ferryctl"), "--data", platform.data, "resource", "add", command.product, path, timeout=1800)
    assert added.returncode == 0, added.stderr
    assert memory_peak(platform) - before < MEMORY_MORE
    platform.api.deploy(command.product, "image.bin", [command.device], force=True)
    sent = platform.api.metric("ferry_transfer_bytes_total")
    done = command.run("download", "--dir", command.inbox, timeout_s=1800)
    assert done.returncode == DONE, done.stderr
    assert platform.api.metric("ferry_transfer_bytes_total") == sent, "from the store"
    assert digest(command.inbox / "image.bin") == md5
    command.close()
