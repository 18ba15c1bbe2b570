"""The device is killed, or loses its power, at every step that it makes durable; the next run ends the work.

What a step is: step_shim.c. A case is one step: the device runs until there and is killed; with a power cut whatever
it did not sync is taken back as well; then the same command runs to its end. The files, the exit status, what is left
on the disk and what the platform believes are checked, and that what was safe is not moved twice.
"""
import contextlib
import itertools
import os
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from device_command import DONE, FAILED, REFUSED, Command
from fake_platform import Cut as FakeCut, FakePlatform, Status
from fault_proxy import Cut, DeviceNetwork, first
from ferry import SANITIZED, ApiError

from shim import build_shim
from steps import Steps

KIB, MIB = 1 << 10, 1 << 20
QUICK, SMALL, LARGE, CUT_AT = 4 * KIB, 300 * KIB, 1536 * KIB, MIB + 7
AT_ONCE = 12
FEW = 4  # steps that a run may lack or have more than another one: how the network cuts the bytes is chance
LONG = bool(os.environ.get("FERRY_LONG"))

pytestmark = pytest.mark.xdist_group("device_killed")  # each test keeps both processors busy by itself


# --- what the device does, and what must come of it ----------------------------------------------------


class World:
    """One device and what it sees of the world, for one case."""

    statuses = (DONE,)
    has_state = True  # its folder is there already

    def __init__(self, folder, library, store):
        folder.mkdir()
        self.store, self.platform = store, store.platform
        self.connect(folder)
        (self.device.state if self.has_state else folder / "state").mkdir(parents=True)
        self.steps = Steps(folder / "steps", library, [self.device.inbox, folder / "state"])
        self.expected = {"foreign": b"nobody touches this"}
        (self.device.inbox / "foreign").write_bytes(self.expected["foreign"])
        self.prepare()

    def connect(self, folder):
        self.network = DeviceNetwork(self.platform)
        self.device = Command.of(folder, self.platform, self.platform.new_device(self.store.product), self.network.broker)

    def close(self):
        self.device.close()
        self.network.close()

    def run(self, kill=None):
        return self.device.run(*self.command(), env=self.steps.environment(kill))

    def finish(self):
        """The run that ends the work."""
        return self.run()

    def check(self, done, before=()):
        """done: the last run; before: the log of the run that was killed."""
        assert done.returncode in self.statuses, done
        assert self.device.leftovers() == []
        got = {path.name: path.read_bytes() for path in self.device.inbox.iterdir()}
        assert sorted(got) == sorted(self.expected)
        assert [name for name in got if got[name] != self.expected[name]] == []
        assert {path.name for path in self.device.state.iterdir()} <= {"lock", "received"}
        self.check_platform(before)
        self.check_moved(before)

    def check_moved(self, before):
        """What was safe is not moved again."""


class Upload(World):
    size = SMALL
    has_state = False

    def prepare(self):
        self.file = self.device.folder / "a.bin"
        self.body = os.urandom(self.size)
        self.file.write_bytes(self.body)

    def command(self):
        return ["upload", self.file]

    def check_platform(self, before):
        assert self.file.read_bytes() == self.body
        rows = self.platform.api.uploads(self.device.product, self.device.device)
        assert len(rows) == 1 or (len(rows) == 2 and self.may_be_there_twice(before))
        for row in rows:
            assert (row["name"], row["state"], row["size"]) == ("a.bin", "done", self.size)
            assert self.platform.api.upload_bytes(row["id"]) == self.body

    def may_be_there_twice(self, before):
        """Killed when everything was over, the next run sends the file once more, as it was told."""
        return any(step.what == "unlink" for step in before)


class QuickUpload(Upload):
    """So small that nothing is remembered before it is sent: killed until then, it is sent once more."""
    size = QUICK

    def may_be_there_twice(self, before):
        return sum(int(step.other) for step in before if step.what == "send") >= self.size


class BrokenUpload(Upload):
    """Resumable, and its connection breaks off late."""
    size = LARGE
    has_state = True

    def prepare(self):
        super().prepare()
        self.network.http.plan = first(1, Cut("up", CUT_AT))

    def check_moved(self, before):
        over = any(step.what == "unlink" for step in before)
        if not over and sum(int(step.other) for step in before if step.what == "send") > CUT_AT + 64 * KIB:
            assert self.steps.bytes("send") < LARGE - CUT_AT + 64 * KIB


class FakeUpload(Upload):
    """To a platform that does as it is told."""

    def connect(self, folder):
        self.platform = FakePlatform(tus=False).__enter__()
        self.device = Command(folder, broker=self.platform.broker)

    def close(self):
        self.device.close()
        self.platform.__exit__()

    def check_platform(self, _before):
        assert self.file.read_bytes() == self.body
        assert self.platform.uploaded("a.bin") == self.body
        assert self.platform.results[-1] == ("a.bin", "done", 0)


class WholeUpload(FakeUpload):
    """The store does not speak tus, and the connection breaks off."""
    size = LARGE

    def prepare(self):
        super().prepare()
        self.platform.faults.extend([None, FakeCut(CUT_AT)])

    def check_platform(self, before):
        super().check_platform(before)
        assert {state for _, state, _ in self.platform.results} == {"done"}


class RefusedUpload(FakeUpload):
    """The store refuses the file once: `fail` is reported. The next run finds a better day."""

    def prepare(self):
        super().prepare()
        self.platform.faults.append(Status(413))

    def finish(self):
        done = self.run()
        return self.run() if done.returncode == REFUSED else done  # it was killed before

    def check_platform(self, before):
        super().check_platform(before)
        saves = sum(step.what == "dirsync" and step.path == str(self.device.state) for step in before)
        if saves >= 2:  # the first is the task, the second its failure
            assert ("a.bin", "fail", -1) in self.platform.results


class Download(World):
    size = SMALL

    def prepare(self):
        self.deployment = self.deliver("b.bin")

    def deliver(self, name):
        """The same bytes for every device: a platform keeps the files of the day open."""
        self.expected[name] = self.store.resource(name, self.size)
        return self.platform.api.deploy(self.store.product, name, [self.device.device])["id"]

    def command(self):
        return ["download", "--dir", self.device.inbox]

    def check_platform(self, _before):
        assert self.platform.api.download_task(self.deployment, self.device.device)["state"] == "done"


class QuickDownload(Download):
    """So small that nothing is remembered before it has its name: killed until then, it is fetched once more."""
    size = QUICK


class BrokenDownload(Download):
    """Its connection breaks off late: from then on a snapshot speaks of bytes."""
    size = LARGE

    def prepare(self):
        super().prepare()
        self.network.http.plan = first(1, Cut("down", CUT_AT))

    def check_moved(self, before):
        heard = itertools.accumulate(int(step.other) if step.what == "recv" else 0 for step in before)
        over = any(step.what == "unlink" for step in before)
        if not over and any(step.what == "dirsync" and step.path == str(self.device.state) and bytes > CUT_AT
                            for step, bytes in zip(before, heard)):
            assert self.steps.bytes("recv") < LARGE - CUT_AT + 64 * KIB


class ReplacingDownload(Download):
    """A newer file of the same name and size takes the place of the older one; the name is never without a file."""

    def prepare(self):
        self.older = os.urandom(self.size)
        self.receive_from_elsewhere("b.bin", self.older)
        super().prepare()

    def receive_from_elsewhere(self, name, body):
        with FakePlatform() as fake:
            fake.offer(name, body)
            assert self.device.download("--broker", fake.broker).returncode == DONE

    def run(self, kill=None):
        done = super().run(kill)
        assert (self.device.inbox / "b.bin").read_bytes() in (self.older, self.expected["b.bin"])
        return done


class RefusedDownload(Download):
    """Something foreign has the name: `fail` is reported, until the platform knows."""

    statuses = (FAILED, DONE)  # the report again, or: nothing to fetch

    def prepare(self):
        super().prepare()
        self.expected["b.bin"] = b"foreign"
        (self.device.inbox / "b.bin").write_bytes(b"foreign")

    def check_platform(self, _before):
        assert self.platform.api.download_task(self.deployment, self.device.device)["state"] == "failed"


class CancelledDownload(BrokenDownload):
    """After the kill the operator takes the order back and gives another one: files are never mixed."""

    def finish(self):
        try:
            self.platform.api.deployment_cancel(self.deployment)
            self.deployment = self.deliver("c.bin")
        except ApiError:
            pass  # it has ended already
        done = self.run()
        if not (self.device.inbox / "c.bin").exists() and "c.bin" in self.expected:
            done = self.run()  # it heard of the cancelled one first
        if not (self.device.inbox / "b.bin").exists():
            del self.expected["b.bin"]  # else it had its name when the order was taken back
        return done

    def check_moved(self, before):
        pass


SCENARIOS = (Upload, QuickUpload, BrokenUpload, WholeUpload, RefusedUpload, Download, QuickDownload, BrokenDownload,
             ReplacingDownload, RefusedDownload, CancelledDownload)


# --- the cases ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def step_library(tmp_path_factory):
    return build_shim(tmp_path_factory.mktemp("shim"), "step_shim")


class Cases:
    """Runs the cases of one scenario, several at a time, as devices of one product."""

    def __init__(self, scenario, folder, library, platform):
        self.scenario, self.folder, self.library, self.platform = scenario, folder, library, platform
        self.product = platform.new_product()
        self.killed = 0
        self._resources, self._lock = {}, threading.Lock()

    def resource(self, name, size):
        with self._lock:
            if name not in self._resources:
                self._resources[name] = os.urandom(size)
                self.platform.api.resource_add(self.product, name, self._resources[name])
            return self._resources[name]

    def world(self, name):
        return self.scenario(self.folder / name.replace(" ", "-"), self.library, self)

    def steps(self):
        """How many steps a run has that nobody disturbs."""
        world = self.world("clean")
        try:
            world.run()
            return world.steps.count()
        finally:
            world.close()

    def case(self, order, cut):
        """None, or what went wrong. cut: takes back what was not synced."""
        world = self.world(f"{order} {cut}")
        log = ""
        try:
            first_run = world.run(order)
            before = world.steps.read()
            log = "\n".join(str(step).replace(str(self.folder), "") for step in before[-12:])
            self.killed += first_run.returncode == -signal.SIGKILL
            if cut == "strict":
                world.steps.power_cut()
            elif cut:
                world.steps.power_cut(random.Random(cut))
            world.check(world.finish(), before)
            return None
        except AssertionError as error:
            return f"killed {order}, power cut: {cut}: {error}\nthe last steps before:\n{log}"
        finally:
            world.close()

    def run(self, orders_and_cuts):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [wrong for wrong in pool.map(lambda case: self.case(*case), orders_and_cuts) if wrong]


def cases_of(count):
    """Short: each step, by turns before it with a power cut and after it without one. Long: all, and cuts of chance."""
    steps = range(1, count + FEW + 1, 3 if SANITIZED else 1)  # sanitizers look for other faults: some steps will do
    if not LONG:
        return [(f"before {n}", "strict") if n % 2 else (f"after {n}", None) for n in steps]
    cuts = (None, "strict", "seed 1", "seed 2", "seed 3")
    return [(f"{when} {n}", cut) for n in steps for when in ("before", "after") for cut in cuts]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_device_that_dies_at_any_step_ends_its_work_the_next_time(scenario, tmp_path, platform, step_library):
    cases = Cases(scenario, tmp_path, step_library, platform)
    count = cases.steps()
    todo = cases_of(count)
    wrong = cases.run(todo)
    assert not wrong, f"{len(wrong)} of {len(todo)} cases:\n" + "\n\n".join(wrong[:5])
    assert count > 10
    assert cases.killed >= len(todo) * (count - FEW) / (count + FEW)  # nearly every one came to its step


# --- a small download: what it waits for, and what comes of a file that was taken away ------------------------


@pytest.fixture
def small(tmp_path, platform, step_library):
    return Cases(QuickDownload, tmp_path, step_library, platform)


def test_a_small_download_is_on_the_disk_before_it_has_its_name_and_has_it_before_it_is_told(small):
    with contextlib.closing(small.world("clean")) as world:
        assert world.run().returncode == DONE
        state, part = str(world.device.state), str(world.device.part)
        log = world.steps.read()
        changes = [(step.what, step.path) for step in log if step.what in ("sync", "dirsync", "rename", "unlink")]
        assert changes == [("sync", part), ("sync", f"{state}/received"), ("sync", f"{state}/download.state"), ("dirsync", state),
                           ("rename", part), ("dirsync", str(world.device.inbox)), ("unlink", f"{state}/download.state")]
        begun = next(at for at, step in enumerate(log) if step.what == "sync")
        safe = max(at for at, step in enumerate(log) if step.what == "dirsync")
        assert "send" not in {step.what for step in log[begun:safe]}
        assert "send" in {step.what for step in log[safe:]}


def test_a_small_file_that_was_taken_away_before_its_result_was_told_is_fetched_again(small):
    with contextlib.closing(small.world("clean")) as world:
        world.run()
        named = next(step.number for step in world.steps.read() if step.what == "rename")
    with contextlib.closing(small.world("killed")) as world:
        assert world.run(f"after {named}").returncode == -signal.SIGKILL
        (world.device.inbox / "b.bin").unlink()  # a program that waits for files has taken it
        world.check(world.finish())


def test_a_small_download_whose_end_a_power_cut_takes_back_is_told_again(small):
    with contextlib.closing(small.world("cut")) as world:
        first = world.run()
        world.steps.power_cut()
        assert world.device.leftovers() == ["download.state"]
        again = world.run()
        assert (first.returncode, first.stdout.split()[:2]) == (again.returncode, again.stdout.split()[:2])
        world.check(again)
        world.steps.power_cut()
        (world.device.inbox / "b.bin").unlink()  # used up: the platform has no other, and nobody says that there was one
        nothing = world.run()
        assert nothing.returncode == DONE and "b.bin" not in nothing.stdout
        assert world.device.leftovers() == []
