"""Files of a device that cannot be written, cannot be read, or change while they travel."""
import contextlib
import errno
import os

import pytest
from device_command import DONE, FAILED, Command
from fake_platform import FakePlatform
from ferry import wait_for

MIB = 1 << 20


@pytest.fixture
def fake():
    with FakePlatform() as platform:
        yield platform


@pytest.fixture
def device(tmp_path, fake):
    with contextlib.closing(Command(tmp_path, broker=fake.broker)) as device:
        yield device


def start_download(device, fake, faults, size=8 * MIB):
    """A download that is under way, and its bytes."""
    body = os.urandom(size)
    fake.offer("b.bin", body)
    fake.slow_s = 0.02
    process = device.start("download", "--dir", device.inbox, env=faults.environment())
    wait_for(lambda: device.part.exists() and device.part.stat().st_size > MIB, what="the first megabyte")
    return process, body


@pytest.mark.parametrize("code, word", [(errno.EIO, "cannot be written"), (errno.ENOSPC, "space"),
                                        (errno.EDQUOT, "space")], ids=lambda value: str(value))
def test_a_disk_that_fails_half_way_ends_the_download_and_leaves_nothing(device, fake, faults, code, word):
    process, _ = start_download(device, fake, faults)
    faults.fail_writes(".part", code)
    done = device.end(process)
    assert done.returncode == FAILED
    assert word in done.stderr
    assert fake.results == [("b.bin", "fail", -1)]
    assert list(device.inbox.iterdir()) == [] and device.leftovers() == []


def test_a_state_folder_that_cannot_be_written_costs_the_memory_and_nothing_else(device, fake, faults):
    process, body = start_download(device, fake, faults)
    faults.fail_writes("download.state", errno.EIO)
    assert device.end(process).returncode == DONE
    assert (device.inbox / "b.bin").read_bytes() == body
    assert fake.results == [("b.bin", "done", 0)]
    assert device.leftovers() == []


def test_a_file_that_shrinks_while_it_is_sent_is_reported_as_missing(device, fake):
    file = device.folder / "a.bin"
    file.write_bytes(os.urandom(8 * MIB))
    process = device.start("upload", file, "--limit-rate", "4M")
    wait_for(lambda: len(fake.requests) == 2, what="the beginning")
    os.truncate(file, 100)
    done = device.end(process)
    assert done.returncode == FAILED
    assert "cannot be read or changed" in done.stderr
    assert fake.results == [("a.bin", "fail", -2)]
    assert fake.uploaded("a.bin") is None
    assert device.leftovers() == []


def test_a_file_that_changes_while_it_is_sent_arrives_as_it_is_in_the_end(device, fake):
    """The object store finds that it is not what was announced; it is read and announced again."""
    file = device.folder / "a.bin"
    file.write_bytes(os.urandom(2 * MIB))
    process = device.start("upload", file, "--limit-rate", "2M")
    wait_for(lambda: len(fake.requests) == 2, what="the beginning")
    with open(file, "r+b") as source:
        source.seek(2 * MIB - 100)
        source.write(b"x" * 100)
    assert device.end(process).returncode == DONE
    assert fake.uploaded("a.bin") == file.read_bytes()
    assert fake.results == [("a.bin", "done", 0)]
    assert device.leftovers() == []


def test_a_file_that_is_replaced_while_it_is_sent_arrives_as_it_was(device, fake):
    """Whoever writes a new file beside it and renames it, disturbs nobody."""
    file, newer = device.folder / "a.bin", device.folder / "newer"
    body = os.urandom(2 * MIB)
    file.write_bytes(body)
    process = device.start("upload", file, "--limit-rate", "4M")
    wait_for(lambda: len(fake.requests) == 2, what="the beginning")
    newer.write_bytes(b"newer")
    newer.rename(file)
    assert device.end(process).returncode == DONE
    assert fake.uploaded("a.bin") == body
