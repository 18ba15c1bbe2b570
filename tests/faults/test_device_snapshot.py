"""What a device remembers is damaged, shortened, exchanged or cannot be kept: then it begins again, and nothing worse.

device/src/snapshot_test.c turns every bit and forges fields; here the command meets such files.
"""
import contextlib
import os
import signal

import pytest
from device_command import DONE, FAILED, Command
from fake_platform import Cut, FakePlatform, Stall
from ferry import SANITIZED, wait_for

MIB = 1 << 20
SIZE = MIB + 50_000
LONG = bool(os.environ.get("FERRY_LONG"))


class Interrupted:
    """A download that was interrupted at its first mebibyte, as often as wanted."""

    def __init__(self, folder, platform, product="p1", name="d1"):
        self.platform = platform
        self.device = Command(folder, broker=platform.broker, product=product, device=name)
        self.snapshot = self.device.state / "download.state"
        self.body = os.urandom(SIZE)
        self.interrupt("b.bin", self.body, MIB)
        self.good = self.snapshot.read_bytes()
        self._kept = folder / "kept"  # the partial file itself: a copy would be another one
        os.link(self.device.part, self._kept)

    def interrupt(self, name, body, after):
        """A download of this file breaks off after so many bytes, and the device ends."""
        self.platform.offers.clear()
        self.platform.offer(name, body)
        self.platform.faults.append(Stall(after, 1))
        self.platform.requests.clear()
        before = self.device.part.stat().st_size if self.device.part.exists() and self.snapshot.exists() else 0
        process = self.device.start("download", "--dir", self.device.inbox)
        wait_for(lambda: self.platform.requests and self.device.part.exists() and
                 self.device.part.stat().st_size == before + after, what="the bytes")
        process.send_signal(signal.SIGTERM)
        assert self.device.end(process).returncode == FAILED

    def put_back(self):
        """As it was after the interruption."""
        for path in self.device.inbox.iterdir():
            path.unlink()
        os.link(self._kept, self.device.part)
        with open(self._kept, "r+b") as part:
            part.write(self.body[:MIB])
            part.truncate(MIB)
        (self.device.state / "received").unlink(missing_ok=True)
        self.platform.offers.clear()
        self.platform.offer("b.bin", self.body)
        self.platform.results.clear()

    def run(self, snapshot):
        """The next run, with these bytes as the snapshot. Gives the byte from which the file was fetched."""
        self.put_back()
        self.snapshot.write_bytes(snapshot)
        return self.finish()

    def finish(self):
        self.platform.requests.clear()
        done = self.device.download()
        assert done.returncode == DONE, done
        assert [path.name for path in self.device.inbox.iterdir()] == ["b.bin"]
        assert (self.device.inbox / "b.bin").read_bytes() == self.body
        assert self.device.leftovers() == []
        assert self.platform.results == [("b.bin", "done", 0)]
        ((method, _, headers),) = self.platform.requests
        assert method == "GET"
        return int(headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    with FakePlatform() as platform:
        yield Interrupted(tmp_path_factory.mktemp("interrupted"), platform)


def sample(numbers):
    return numbers if LONG else sorted({*numbers[:4], *numbers[::60 if SANITIZED else 17], *numbers[-2:]})


def test_an_undamaged_snapshot_goes_on(interrupted):
    assert interrupted.run(interrupted.good) == MIB


def test_a_snapshot_damaged_at_any_byte_costs_a_new_beginning(interrupted):
    for at in sample(range(len(interrupted.good))):
        damaged = bytearray(interrupted.good)
        damaged[at] ^= 1 << at % 8
        assert interrupted.run(bytes(damaged)) == 0, f"byte {at}"


def test_a_snapshot_of_any_other_length_costs_a_new_beginning(interrupted):
    good = interrupted.good
    for length in sample(range(len(good))):
        assert interrupted.run(good[:length]) == 0, f"{length} bytes"
    for more in (1, 16, 600, 5000, MIB):
        assert interrupted.run(good + good[:1] * more) == 0, f"{more} bytes more"


@pytest.mark.parametrize("product, name", [("p1", "d2"), ("p2", "d1")])
def test_a_snapshot_of_another_device_costs_a_new_beginning(interrupted, tmp_path, product, name):
    other = Interrupted(tmp_path, interrupted.platform, product, name)
    assert interrupted.run(other.good) == 0


@pytest.mark.parametrize("way", ["removed", "exchanged", "shorter", "a link"])
def test_a_partial_file_that_is_not_the_one_of_the_snapshot_is_not_used(interrupted, way):
    interrupted.put_back()
    interrupted.snapshot.write_bytes(interrupted.good)
    part = interrupted.device.part
    if way == "shorter":
        os.truncate(part, MIB - 1)
    else:
        part.unlink()
    if way == "exchanged":
        part.write_bytes(os.urandom(SIZE))
    victim = interrupted.device.folder / "victim"
    victim.write_bytes(b"mine")
    if way == "a link":
        part.symlink_to(victim)
    assert interrupted.finish() == 0
    assert victim.read_bytes() == b"mine"


def test_an_old_snapshot_that_is_put_back_goes_on_from_there(interrupted):
    interrupted.put_back()
    interrupted.snapshot.write_bytes(interrupted.good)
    interrupted.interrupt("b.bin", interrupted.body, 20_000)  # newer progress, of the same partial file
    assert interrupted.device.part.stat().st_size == MIB + 20_000
    interrupted.snapshot.write_bytes(interrupted.good)
    assert interrupted.finish() == MIB


def test_a_snapshot_of_an_earlier_file_never_meets_the_bytes_of_a_later_one(interrupted):
    """A backup of the state folder was put back: its MD5 is of bytes that are no longer there."""
    interrupted.put_back()
    interrupted.snapshot.write_bytes(interrupted.good)
    interrupted.snapshot.unlink()
    interrupted.interrupt("c.bin", os.urandom(SIZE), MIB)
    interrupted.platform.offers.clear()
    interrupted.platform.offer("b.bin", interrupted.body)
    interrupted.platform.results.clear()
    interrupted.snapshot.write_bytes(interrupted.good)
    assert interrupted.finish() == 0


def test_a_folder_in_place_of_the_snapshot_is_left_alone(interrupted):
    interrupted.put_back()
    interrupted.snapshot.unlink(missing_ok=True)
    interrupted.snapshot.mkdir()
    try:
        done = interrupted.device.download()
        assert (done.returncode, interrupted.platform.results) == (DONE, [("b.bin", "done", 0)])
        assert (interrupted.device.inbox / "b.bin").read_bytes() == interrupted.body
        assert interrupted.device.leftovers() == ["download.state"]
    finally:
        interrupted.snapshot.rmdir()


def test_a_snapshot_that_may_not_be_read_costs_a_new_beginning(interrupted):
    interrupted.put_back()
    interrupted.snapshot.write_bytes(interrupted.good)
    interrupted.snapshot.chmod(0)
    interrupted.device.wrapper = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []  # root reads all
    try:
        assert interrupted.finish() == 0
    finally:
        interrupted.device.wrapper = []


# --- uploads --------------------------------------------------------------------------------------------


class InterruptedUpload:
    def __init__(self, folder, platform):
        self.platform = platform
        self.device = Command(folder, broker=platform.broker, device="d2")
        self.snapshot = self.device.state / "upload.state"
        self.file = folder / "a.bin"
        self.body = os.urandom(SIZE)
        self.file.write_bytes(self.body)
        platform.faults.extend([None, Stall(MIB, 4)])
        process = self.device.start("upload", self.file)
        wait_for(lambda: len(platform.requests) == 2, what="the upload's beginning")
        wait_for(lambda: platform.taken >= MIB, what="the bytes before the stall")
        process.kill()
        self.device.end(process)
        self.good = self.snapshot.read_bytes()
        wait_for(lambda: any(len(entry["part"]) == MIB for entry in platform.objects.values()), what="the part")

    def run(self, snapshot):
        for entry in self.platform.objects.values():
            entry["part"], entry["body"] = bytearray(self.body[:MIB]), None
        self.platform.results.clear()
        self.snapshot.write_bytes(snapshot)
        done = self.device.upload(self.file)
        assert done.returncode == DONE, done
        assert self.platform.uploaded("a.bin") == self.body
        assert self.platform.results == [("a.bin", "done", 0)]
        assert self.device.leftovers() == []


@pytest.fixture(scope="module")
def upload(tmp_path_factory):
    with FakePlatform() as platform:
        yield InterruptedUpload(tmp_path_factory.mktemp("upload"), platform)


def test_a_damaged_snapshot_of_an_upload_costs_a_second_reading_of_the_file(upload):
    upload.run(upload.good)
    for at in sample(range(len(upload.good))):
        damaged = bytearray(upload.good)
        damaged[at] ^= 1 << at % 8
        upload.run(bytes(damaged))
        upload.run(upload.good[:at])


def test_the_snapshots_of_the_two_directions_are_not_mistaken_for_each_other(upload, interrupted):
    """One without its folder would report the other's transfer as failed."""
    other = interrupted.good
    upload.run(other)
    assert interrupted.run(upload.good) == 0
    assert upload.platform.messages[-1]["type"] == "report_upload_progress"


# --- no room for it -----------------------------------------------------------------------------------------


@pytest.fixture
def full(tmp_path, small_disk):
    """A device whose state folder is on a disk that is full."""
    disk = small_disk(tmp_path / "state", 1)
    with FakePlatform() as platform:
        device = Command(tmp_path, broker=platform.broker)
        device.state.mkdir(parents=True)
        with open(disk / "ballast", "wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(bytes(4096)):
                pass
        yield device, platform, disk / "ballast"
        device.close()


def test_an_upload_needs_no_room_for_its_snapshot(full):
    device, platform, _ = full
    file = device.folder / "a.bin"
    file.write_bytes(os.urandom(SIZE))
    platform.faults.extend([None, Cut(MIB)])
    assert device.upload(file).returncode == DONE
    assert platform.uploaded("a.bin") == file.read_bytes()
    assert platform.results == [("a.bin", "done", 0)]
    assert device.leftovers() == []


def test_a_download_that_cannot_be_remembered_fails_whole_and_goes_well_with_room(full):
    """Its file would not be known as ours, and block its own name."""
    device, platform, ballast = full
    body = os.urandom(SIZE)
    platform.offer("b.bin", body)
    platform.faults.append(Cut(MIB))
    assert device.download().returncode == FAILED
    assert [(name, state) for name, state, _ in platform.results] == [("b.bin", "fail")]
    assert list(device.inbox.iterdir()) == [] and device.leftovers() == []
    ballast.unlink()
    platform.offers.clear()
    platform.offer("b.bin", body)
    assert device.download().returncode == DONE
    assert (device.inbox / "b.bin").read_bytes() == body
    assert device.leftovers() == []
