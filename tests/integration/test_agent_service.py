"""The agent as a service: what systemd hears, what the journal can sort, and settings that are read again."""
import json
import os
import signal
import subprocess
import time

import pytest
from device_command import DONE, FAILED, SECRET, Command, Systemd
from fake_platform import FakePlatform
from ferry import PATIENCE, wait_for

MIB = 1 << 20


@pytest.fixture
def fake():
    with FakePlatform() as platform:
        yield platform


class Agent(Command):
    """One whose settings stand in a file, so that they can change."""

    def __init__(self, folder, **options):
        super().__init__(folder, **options)
        self.ini = folder / "ferry.ini"
        self.settings = {"product": self.product, "device": self.device, "secret-file": self.secret_file,
                         "broker": options["broker"], "state-dir": self.state_dir, "dir": self.inbox}
        self.options = ["--config", self.ini]
        self.write()

    def write(self, text=None, **changes):
        """The file anew, with these changes; '_' in a name stands for '-'."""
        self.settings.update({name.replace("_", "-"): value for name, value in changes.items()})
        self.ini.write_text(text or "".join(f"{name} = {value}\n" for name, value in self.settings.items()))

    def begin(self, *args, **popen):
        process = self.start("agent", "--json", *args, **popen)
        self.wait_event(process, "connected")
        return process

    def reload(self, process, kind="reloaded", **changes):
        """Changes the file, and waits for what the agent makes of it."""
        if changes:
            self.write(**changes)
        count = len(self.events(process, kind))
        process.send_signal(signal.SIGHUP)
        return self.wait_event(process, kind, count + 1)


@pytest.fixture
def agent(tmp_path, fake):
    agent = Agent(tmp_path, broker=fake.broker)
    yield agent
    agent.close()


@pytest.fixture
def systemd(tmp_path, agent):
    systemd = Systemd(tmp_path)
    agent.environment["NOTIFY_SOCKET"] = str(systemd.path)
    yield systemd
    systemd.close()


def deliver(agent, fake, name, body=b"x" * 100):
    fake.offer(name, body)
    fake.push(agent.product, agent.device)


def slow_transfer(agent, fake, process, size=8 * MIB, name="big"):
    """A file of which a megabyte is there, and that goes on slowly."""
    body = os.urandom(size)
    fake.slow_s = 0.05
    deliver(agent, fake, name, body)
    wait_for(lambda: agent.part.exists() and agent.part.stat().st_size > MIB, 15 * PATIENCE, "the first megabyte")
    assert process.poll() is None
    return body


# --- systemd ---------------------------------------------------------------------------------------------------------


def test_systemd_hears_of_the_whole_life(agent, fake, systemd):
    process = agent.begin()
    first = systemd.wait("READY", "1")
    assert systemd.listen().index(first) == 0
    systemd.wait("STATUS", f"Waiting for files from {fake.broker}")
    slow_transfer(agent, fake, process, 4 * MIB)
    status = systemd.wait("STATUS", count=3)["STATUS"]
    assert status.startswith("Receiving big, ") and status.endswith(" %")
    fake.slow_s = 0
    agent.wait_event(process, "done")
    agent.reload(process)
    reloading = systemd.wait("RELOADING", "1")
    assert 0 < int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    systemd.wait("READY", "1", count=2)
    assert agent.stop(process).returncode == DONE
    systemd.wait("STOPPING", "1")
    kinds = [next(iter(message)) for message in systemd.listen() if "STATUS" not in message]
    assert kinds == ["READY", "RELOADING", "READY", "STOPPING"]


def test_it_is_ready_before_there_is_a_network(agent, fake, systemd):
    fake.stop_broker()
    process = agent.start("agent")
    systemd.wait("READY", "1")
    systemd.wait("STATUS", f"Connecting to {fake.broker}")
    wait_for(lambda: "no connection" in agent.text(process, "stderr"), 15 * PATIENCE, "the warning")
    assert agent.stop(process).returncode == DONE
    fake.start_broker()


def test_the_watchdog_is_fed_while_it_waits_and_while_a_file_comes(agent, fake, systemd):
    agent.environment["WATCHDOG_USEC"] = "400000"
    process = agent.begin()
    systemd.wait("WATCHDOG", "1", count=4)
    body = slow_transfer(agent, fake, process, 4 * MIB)
    fed = len([m for m in systemd.listen() if "WATCHDOG" in m])
    systemd.wait("WATCHDOG", "1", count=fed + 4)
    assert not [event for event in agent.events(process, "done")]
    fake.slow_s = 0
    agent.wait_event(process, "done")
    assert (agent.inbox / "big").read_bytes() == body
    assert len(fake.requests) == 1  # the signs of life did not disturb the transfer
    agent.stop(process)


def test_the_watchdog_starves_when_the_agent_hangs(agent, fake, systemd):
    agent.environment["WATCHDOG_USEC"] = "200000"
    process = agent.begin()
    systemd.wait("WATCHDOG", "1", count=2)
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.3)
    fed = len(systemd.listen())
    time.sleep(0.6)
    assert len(systemd.listen()) == fed
    process.send_signal(signal.SIGCONT)
    systemd.wait("WATCHDOG", "1", count=fed + 2)
    agent.stop(process)


def test_lines_have_priorities_where_the_journal_listens(agent, fake):
    read, write = os.pipe()
    st = os.fstat(write)
    agent.environment["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
    process = agent.start("agent", stderr=write)
    os.close(write)
    wait_for(lambda: fake.messages, 15 * PATIENCE, "the agent")
    agent.write(broker="nonsense")
    process.send_signal(signal.SIGHUP)
    fake.stop_broker()
    time.sleep(0.5)
    agent.stop(process)
    with open(read, encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines[0] == f"<6>ferry: connected to {fake.broker}"
    assert any(line.startswith("<3>ferry: the new settings are not taken") for line in lines)
    assert any(line.startswith("<4>ferry: no connection to") for line in lines)
    assert all(line[0] == "<" for line in lines)
    fake.start_broker()


def test_a_failure_to_begin_is_said_with_its_priority_and_its_status(agent, fake, systemd):
    agent.write(dir=agent.folder / "nowhere")
    done = agent.end(agent.start("agent"))
    assert done.returncode == FAILED and "nowhere" in done.stderr
    assert [next(iter(message)) for message in systemd.listen() if "STATUS" not in message] == ["STOPPING"]


# --- settings that are read again ------------------------------------------------------------------------------------


def test_a_changed_rate_counts_for_the_running_transfer_which_goes_on(agent, fake):
    agent.write(limit_rate="512k")
    process = agent.begin()
    body = os.urandom(6 * MIB)
    deliver(agent, fake, "big", body)
    wait_for(lambda: agent.part.exists() and agent.part.stat().st_size > MIB, 15 * PATIENCE, "the first megabyte")
    begin = time.monotonic()
    assert agent.reload(process, limit_rate="0")["changed"] == ["limit-rate"]
    agent.wait_event(process, "done")
    assert time.monotonic() - begin < 5 * PATIENCE  # ten seconds by the old rate
    assert (agent.inbox / "big").read_bytes() == body
    assert int(fake.requests[-1][2]["Range"].removeprefix("bytes=").rstrip("-")) >= MIB
    assert agent.stop(process).returncode == DONE


def test_another_broker_takes_over_the_running_transfer(agent, fake):
    """Two brokers of one platform: its objects stay where they are."""
    process = agent.begin()
    body = slow_transfer(agent, fake, process)
    with FakePlatform() as other:
        other.offer("big", body)
        event = agent.reload(process, broker=other.broker)
        assert event["changed"] == ["broker"]
        assert agent.wait_event(process, "connected", 2)["broker"] == other.broker
        agent.wait_event(process, "done")
        assert int(other.requests[-1][2]["Range"].removeprefix("bytes=").rstrip("-")) >= MIB
        assert (agent.inbox / "big").read_bytes() == body
        assert other.results == [("big", "done", 0)]
        deliver(agent, other, "second")
        agent.wait_event(process, "done", 2)
        assert agent.stop(process).returncode == DONE


def test_a_new_secret_lets_a_refused_device_in(tmp_path, platform, product):
    credential = platform.new_device(product)
    agent = Agent(tmp_path, broker=f"mqtt://127.0.0.1:{platform.mqtt_port}", product=product, device=credential.device)
    try:
        process = agent.start("agent", "--json")
        assert "refused" in agent.wait_event(process, "disconnected")["message"]
        agent.write_secret(credential.secret)
        assert agent.reload(process)["changed"] == ["the secret"]
        agent.wait_event(process, "connected")
        platform.api.resource_add(product, "a", b"a" * 10)
        platform.api.deploy(product, "a", [agent.device])
        agent.wait_event(process, "done")
        assert agent.stop(process).returncode == DONE
    finally:
        agent.close()


@pytest.mark.parametrize("breakage, word", [
    ({"text": "broker = mqtt://h\nwhat\n"}, "ferry.ini:2"), ({"text": "colour = green\n"}, "colour"),
    ({"broker": "http://h"}, "mqtt://"), ({"limit_rate": "fast"}, "a number"), ({"dir": "/nonexistent"}, "/nonexistent"),
    ({"secret_file": "/nonexistent"}, "/nonexistent"), ({"ca_file": "/nonexistent"}, "/nonexistent"),
    ({"product": "a/b"}, "product"), ({"state_dir": "/proc/x"}, "/proc/x"), ({"hook": "/nonexistent"}, "/nonexistent"),
    ({"device_info": "/nonexistent"}, "/nonexistent"),
])
def test_broken_settings_are_reported_and_the_old_ones_stay(agent, fake, breakage, word):
    process = agent.begin()
    body = slow_transfer(agent, fake, process, 3 * MIB)
    good = dict(agent.settings)
    agent.write(**breakage)
    assert word in agent.reload(process, "reload_failed")["message"]
    fake.slow_s = 0
    agent.wait_event(process, "done")  # undisturbed
    assert (agent.inbox / "big").read_bytes() == body and len(fake.requests) == 1
    agent.settings = good
    agent.write()
    assert agent.reload(process)["changed"] == []
    assert agent.stop(process).returncode == DONE


def test_settings_that_cannot_be_used_after_all_bring_back_the_old_ones(agent, fake, tmp_path):
    """Another device, which another process works as: that shows only when the old connection is closed."""
    (tmp_path / "other").mkdir()
    other = Command(tmp_path / "other", broker=fake.broker, device="d2")
    other.options[other.options.index("--state-dir") + 1] = agent.state_dir
    holder = other.start("agent", "--dir", other.inbox, "--json")
    other.wait_event(holder, "connected")
    process = agent.begin()
    try:
        assert "another process" in agent.reload(process, "reload_failed", device="d2")["message"]
        agent.wait_event(process, "connected", 2)
        deliver(agent, fake, "a")
        agent.wait_event(process, "done")
        assert other.stop(holder).returncode == DONE
        assert agent.reload(process)["changed"] == ["device"]  # now it can
        agent.wait_event(process, "connected", 3)
        assert agent.stop(process).returncode == DONE
    finally:
        other.close()


def test_a_new_folder_is_used_after_the_running_transfer(agent, fake, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    process = agent.begin()
    body = slow_transfer(agent, fake, process, 4 * MIB)
    assert agent.reload(process, dir=second)["changed"] == ["dir"]
    fake.slow_s = 0
    assert agent.wait_event(process, "done")["path"] == str(agent.inbox / "big")
    assert (agent.inbox / "big").read_bytes() == body and len(fake.requests) == 1
    deliver(agent, fake, "next")
    assert agent.wait_event(process, "done", 2)["path"] == str(second / "next")
    assert [path.name for path in agent.inbox.iterdir()] == ["big"]
    assert agent.stop(process).returncode == DONE


def test_a_new_state_folder_is_used_after_the_running_transfer(agent, fake, tmp_path):
    second = tmp_path / "second-state"
    process = agent.begin()
    body = slow_transfer(agent, fake, process, 4 * MIB)
    agent.reload(process, state_dir=second)
    assert not (second / "p1").exists()
    fake.slow_s = 0
    agent.wait_event(process, "done")
    assert (agent.inbox / "big").read_bytes() == body and len(fake.requests) == 1
    wait_for(lambda: (second / "p1" / "d1" / "lock").exists(), 5 * PATIENCE, "the new folder's use")
    deliver(agent, fake, "next")
    agent.wait_event(process, "done", 2)
    assert agent.stop(process).returncode == DONE


def test_another_identity_is_taken_at_once(agent, fake, tmp_path):
    info = tmp_path / "device_info.json"
    info.write_text(json.dumps({"auth_mode": "KEY", "productId": "p1", "deviceName": "d7",
                                "key_deviceinfo": {"deviceSecret": SECRET}}))
    info.chmod(0o600)
    process = agent.begin()
    for name in ("product", "device", "secret-file"):
        del agent.settings[name]
    event = agent.reload(process, device_info=info)
    assert event["changed"] == ["device", "secret-file", "device-info"]
    agent.wait_event(process, "connected", 2)
    fake.offer("for-d7", b"7")
    fake.push("p1", "d7")
    agent.wait_event(process, "done")
    assert agent.stop(process).returncode == DONE


def test_a_hook_can_be_given_and_taken_away(agent, fake, tmp_path):
    process = agent.begin()
    deliver(agent, fake, "a")
    agent.wait_event(process, "done", 1)
    agent.reload(process, hook_shell=f'echo "$FERRY_NAME" >>"{tmp_path}/log"')
    deliver(agent, fake, "b")
    agent.wait_event(process, "hook")
    del agent.settings["hook-shell"]
    agent.write()
    assert agent.reload(process)["changed"] == ["hook-shell"]
    deliver(agent, fake, "c")
    agent.wait_event(process, "done", 3)
    agent.stop(process)
    assert (tmp_path / "log").read_text() == "b\n"


def test_words_and_json_can_be_changed(agent, fake):
    process = agent.start("agent")
    wait_for(lambda: "connected" in agent.text(process, "stderr"), 15 * PATIENCE, "the agent")
    agent.write(json="yes")
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: "changed: json" in agent.text(process, "stderr"), 15 * PATIENCE, "the words")
    deliver(agent, fake, "a")
    agent.wait_event(process, "done")
    agent.write(json="no")
    process.send_signal(signal.SIGHUP)
    agent.wait_event(process, "reloaded")
    deliver(agent, fake, "b")
    wait_for(lambda: "downloaded" in agent.text(process, "stdout"), 15 * PATIENCE, "words again")
    agent.stop(process)


def test_many_signals_during_a_transfer_cost_nothing(agent, fake):
    process = agent.begin()
    body = slow_transfer(agent, fake, process, 6 * MIB)
    for _ in range(50):
        process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    fake.slow_s = 0
    agent.wait_event(process, "done")
    assert (agent.inbox / "big").read_bytes() == body and len(fake.requests) == 1
    assert agent.stop(process).returncode == DONE


def test_the_end_is_heard_also_in_the_middle_of_a_reload(agent, fake):
    for i in range(12):
        process = agent.begin()
        agent.write(limit_rate=f"{i + 1}M")  # a reason to connect anew
        process.send_signal(signal.SIGHUP)
        time.sleep(i * 0.001)
        process.send_signal(signal.SIGTERM)
        assert agent.end(process, timeout_s=5).returncode == DONE


def test_a_flag_still_wins_after_a_reload(agent, fake):
    process = agent.begin("--dir", agent.inbox)
    assert agent.reload(process, dir="/nonexistent", limit_rate="1M")["changed"] == ["limit-rate"]
    agent.stop(process)


def test_the_secret_is_never_said_or_shown(agent, fake):
    process = agent.begin()
    agent.secret_file.write_text(SECRET[:-2] + "!!")
    assert SECRET[:8] not in agent.reload(process, "reload_failed")["message"]
    for name in ("cmdline", "environ"):
        with open(f"/proc/{process.pid}/{name}", "rb") as file:
            assert SECRET[:8].encode() not in file.read()
    agent.stop(process)


# --- as a daemon of the old kind, and by hand ------------------------------------------------------------------------


def test_it_runs_without_any_standard_descriptor(agent, fake):
    process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *map(str, agent.start("agent").args)],
                               env=agent.environment)
    first = agent.started[0]
    agent.stop(first)
    try:
        fake.messages.clear()
        wait_for(lambda: fake.messages or process.poll() is not None, 15 * PATIENCE, "the agent")
    finally:
        process.terminate()
        assert process.wait(15 * PATIENCE) in (DONE, FAILED)
