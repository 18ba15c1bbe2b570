"""`done` and `fail` are kept until the platform has confirmed them: it dies in between, and so does the device."""
import itertools
import os
import signal

import pytest
from device_command import DONE, FAILED, NETWORK, Command
from fault_proxy import DeviceNetwork, Drop, always, first
from ferry import Platform, wait_for

SIZE = 200_000


@pytest.fixture(scope="module")
def mortal():
    """A platform that is killed again and again."""
    with Platform() as platform:
        yield platform


class Upload:
    statuses = (DONE,)
    word, state = b"done", "done"

    def __init__(self, platform, device):
        self.platform, self.device = platform, device
        self.file = device.folder / "a.bin"
        self.file.write_bytes(os.urandom(SIZE))
        self.command = ["upload", self.file]

    def check(self):
        (row,) = self.platform.api.uploads(self.device.product, self.device.device)
        assert row["state"] == "done"
        assert self.platform.api.upload_bytes(row["id"]) == self.file.read_bytes()


class Download:
    statuses = (DONE,)
    word, state = b"done", "done"

    def __init__(self, platform, device):
        self.platform, self.device = platform, device
        self.body = os.urandom(SIZE)
        self.command = ["download", "--dir", device.inbox]
        platform.api.resource_add(device.product, "b.bin", self.body)
        self.order = platform.api.deploy(device.product, "b.bin", [device.device])["id"]

    def check(self):
        assert (self.device.inbox / "b.bin").read_bytes() == self.body
        assert self.platform.api.download_task(self.order, self.device.device)["state"] == self.state


class RefusedDownload(Download):
    """Something else has the name of the file."""
    statuses = (FAILED,)
    word, state = b"fail", "failed"

    def __init__(self, platform, device):
        super().__init__(platform, device)
        self.body = b"somebody else's"
        (device.inbox / "b.bin").write_bytes(self.body)


def dies_with(what, word, kill):
    """A plan: this is lost, and with it the platform."""
    report = b'"state":"' + word
    fault = Drop("up", report, then=kill) if what == "report" else Drop("down", b"progress_rsp", after=report, then=kill)
    return first(1, fault)


def deaths():
    """All ways. A device that stays waits five seconds before it says it again: of these, two are enough in short."""
    for task, what, dies in itertools.product((Upload, Download, RefusedDownload), ("report", "answer"), (True, False)):
        quick = dies or (task, what) in ((Upload, "report"), (Download, "answer"))
        name = f"{task.__name__}, {what} lost, device {'dies' if dies else 'stays'}"
        yield pytest.param(task, what, dies, id=name, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize("task_class, what, device_dies", deaths())
def test_a_result_survives_the_death_of_the_platform(mortal, tmp_path, task_class, what, device_dies):
    with DeviceNetwork(mortal) as network:
        device = Command.of(tmp_path, mortal, mortal.new_device(), network.broker)
        task = task_class(mortal, device)
        network.mqtt.plan = dies_with(what, task.word, mortal.kill9)
        try:
            process = device.start(*task.command)
            wait_for(lambda: not mortal.running, what="the platform's death")
            if device_dies:
                process.kill()
                device.end(process)
            mortal.start()
            requests = len(network.http.requests)
            done = device.run(*task.command) if device_dies else device.end(process)
            assert done.returncode in task.statuses, done
            task.check()
            assert len(network.http.requests) == requests  # no byte was moved again
            assert device.leftovers() == []
        finally:
            device.close()
            if not mortal.running:
                mortal.start()


@pytest.mark.slow
@pytest.mark.parametrize("task_class", [Upload, Download, RefusedDownload], ids=lambda kind: kind.__name__)
def test_a_result_that_nobody_confirms_is_kept_for_the_next_run(mortal, tmp_path, task_class):
    with DeviceNetwork(mortal) as network:
        device = Command.of(tmp_path, mortal, mortal.new_device(), network.broker)
        task = task_class(mortal, device)
        network.mqtt.plan = always(Drop("up", b'"state":"' + task.word, all=True))
        done = device.run(*task.command)
        assert done.returncode == (NETWORK if task.word == b"done" else FAILED), done
        assert [name.endswith(".state") for name in device.leftovers()] == [True]
        requests = len(network.http.requests)
        network.mqtt.plan = always()
        assert device.run(*task.command).returncode in task.statuses
        task.check()
        assert len(network.http.requests) == requests
        assert device.leftovers() == []


def test_a_result_that_waits_is_told_when_an_agent_starts(mortal, tmp_path):
    """Whatever command made it."""
    with DeviceNetwork(mortal) as network:
        device = Command.of(tmp_path, mortal, mortal.new_device(), network.broker)
        task = Download(mortal, device)
        network.mqtt.plan = always(Drop("up", b'"state":"done"', all=True))
        process = device.start(*task.command)
        wait_for(lambda: network.mqtt.hits, what="the report")
        process.kill()
        device.end(process)
        network.mqtt.plan = always()
        agent = device.start("agent", "--dir", device.inbox)
        try:
            mortal.api.wait_download(task.order, device.device, "done")
            assert len(network.http.requests) == 1
            agent.send_signal(signal.SIGTERM)
            assert device.end(agent).returncode == DONE
            assert device.leftovers() == []
        finally:
            device.close()
