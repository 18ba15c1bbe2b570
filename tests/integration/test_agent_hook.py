"""The agent's hook: one run of the user's program for each file, at least once, in order, and never in the way."""
import hashlib
import os
import signal
import stat
import time

import pytest
from device_command import DONE, FAILED, SECRET, USAGE, Command, Systemd
from fake_platform import FakePlatform
from ferry import PATIENCE, SANITIZED, process_exists, processor_s, wait_for
from shim import build_shim

FACTS = 'printf "%s|%s|%s|%s|%s\\n" "$FERRY_RESULT" "$FERRY_NAME" "$FERRY_ATTEMPT" "$FERRY_MD5" "$1" >>"$LOG"'


class Hook:
    """A script, and a log that it writes a line to for each run."""

    def __init__(self, folder):
        self.log, self.script = folder / "hook.log", folder / "hook"

    def write(self, text=":"):
        self.script.write_text(f"#!/bin/sh\nLOG='{self.log}'\n{FACTS}\n{text}\n")
        self.script.chmod(0o700)
        return self

    def runs(self):
        """(result, name, attempt, md5, path) of each run so far."""
        try:
            return [tuple(line.split("|")) for line in self.log.read_text().splitlines()]
        except FileNotFoundError:
            return []

    def names(self):
        return [run[1] for run in self.runs()]

    def wait(self, count, timeout_s=15):
        return wait_for(lambda: self.runs()[count - 1:], timeout_s * PATIENCE, f"run {count} of the hook")[0]


@pytest.fixture
def fake():
    with FakePlatform() as platform:
        yield platform


@pytest.fixture
def device(tmp_path, fake):
    device = Command(tmp_path, broker=fake.broker)
    yield device
    device.close()


@pytest.fixture
def hook(tmp_path):
    return Hook(tmp_path)


def start(device, hook, *args):
    return device.start("agent", "--dir", device.inbox, "--json", "--hook", hook.script, *args)


def deliver(device, fake, *names, body=None):
    """Offers files one after the other; each is received before the next."""
    for name in names:
        before = len(fake.results)
        fake.offer(name, body or name.encode() * 100)
        fake.push(device.product, device.device)
        wait_for(lambda: len(fake.results) > before, 15 * PATIENCE, f"the result of {name}")


def waiting(device):
    """The list on the disk."""
    try:
        return sorted(name for name in os.listdir(device.state / "hooks") if name.isdigit())
    except FileNotFoundError:
        return []


# --- what it gets ----------------------------------------------------------------------------------------------------


def test_it_runs_for_each_file_that_a_real_platform_delivers(tmp_path, platform, product, hook):
    device = Command.of(tmp_path, platform, platform.new_device(product))
    hook.write()
    process = start(device, hook)
    bodies = {f"file {i}": os.urandom(1000 + i) for i in range(4)}
    try:
        for name, body in bodies.items():
            platform.api.resource_add(product, name, body)
            platform.api.deploy(product, name, [device.device])
        hook.wait(4)
        device.wait_event(process, "hook", 4)
        assert device.stop(process).returncode == DONE
    finally:
        device.close()
    assert hook.runs() == [("done", name, "1", hashlib.md5(body).hexdigest(), str(device.inbox / name))
                           for name, body in bodies.items()]
    events = device.events(process, "hook")
    assert [event["name"] for event in events] == list(bodies)
    assert all((event["ended"], event["status"], event["attempt"], event["result"]) == ("exit", 0, 1, "done")
               for event in events)
    assert waiting(device) == []


def test_it_gets_no_secret_and_none_of_our_settings(device, fake, hook, tmp_path):
    config = tmp_path / "ferry.ini"
    config.write_text(f"secret-file = {device.secret_file}\n")
    systemd = Systemd(tmp_path)
    device.environment.update(FERRY_CONFIG=str(config), FERRY_GIVE_UP="60", NOTIFY_SOCKET=str(systemd.path), MINE="yes")
    hook.write(f"env >'{tmp_path}/env'; tr '\\0' '\\n' </proc/$PPID/environ >'{tmp_path}/parent'")
    process = start(device, hook)
    deliver(device, fake, "a")
    device.wait_event(process, "hook")
    device.stop(process)
    systemd.close()
    names = {line.split("=")[0]: line for line in (tmp_path / "env").read_text().splitlines()}
    assert names["MINE"] == "MINE=yes" and "NOTIFY_SOCKET" not in names
    assert {name for name in names if name.startswith("FERRY_")} == {
        "FERRY_RESULT", "FERRY_FILE", "FERRY_NAME", "FERRY_SIZE", "FERRY_MD5", "FERRY_PRODUCT", "FERRY_DEVICE",
        "FERRY_ATTEMPT"}
    for text in ((tmp_path / "env").read_text(), (tmp_path / "parent").read_text()):
        assert SECRET not in text


def test_no_shell_sees_the_name(device, fake, hook, tmp_path):
    hook.write()
    process = start(device, hook)
    name = "$(touch pwned);`touch pwned`'\" & x"
    deliver(device, fake, name)
    assert hook.wait(1)[4] == str(device.inbox / name)
    device.stop(process)
    assert not list(tmp_path.rglob("pwned"))


def test_a_shell_is_used_when_it_is_asked_for(device, fake, tmp_path):
    process = device.start("agent", "--dir", device.inbox, "--json", "--hook-shell",
                           f'cp "$1" "{tmp_path}/copy"; echo "$FERRY_SIZE $#" >"{tmp_path}/facts"; exit 3')
    deliver(device, fake, "a b")
    event = device.wait_event(process, "hook")
    device.stop(process)
    assert (event["ended"], event["status"]) == ("exit", 3)
    assert (tmp_path / "copy").read_bytes() == b"a b" * 100
    assert (tmp_path / "facts").read_text() == "300 1\n"


def test_what_it_prints_is_seen_and_spoils_no_json(device, fake, hook):
    hook.write("echo to-out; echo to-err >&2; read line || echo no-input")
    process = start(device, hook)
    deliver(device, fake, "a")
    device.wait_event(process, "hook")
    done = device.stop(process)
    assert done.stderr == "to-out\nto-err\nno-input\n"
    assert [event["event"] for event in device.events(process)][-2:] == ["done", "hook"]


def test_people_read_how_it_ended(device, fake, hook):
    hook.write("exit 4")
    process = device.start("agent", "--dir", device.inbox, "--hook", hook.script)
    deliver(device, fake, "a")
    wait_for(lambda: "status 4" in device.text(process, "stderr"), 15 * PATIENCE, "the status")
    assert 'ferry: the hook for "a" ended with status 4' in device.stop(process).stderr


# --- it is never in the way ------------------------------------------------------------------------------------------


def test_one_that_hangs_stops_no_file_and_is_ended_in_time(device, fake, hook):
    hook.write('[ "$FERRY_NAME" != slow ] || sleep 1000')
    process = start(device, hook, "--hook-timeout", "2s")
    begin = time.monotonic()
    deliver(device, fake, "slow", "b", "c", "d")
    assert time.monotonic() - begin < 2 * PATIENCE  # all here while the first hook hangs
    assert hook.names() == ["slow"]
    hook.wait(4)
    events = [device.wait_event(process, "hook", count) for count in (1, 2, 3, 4)]
    assert device.stop(process).returncode == DONE
    assert hook.names() == ["slow", "b", "c", "d"]
    assert [event["ended"] for event in events] == ["timeout", "exit", "exit", "exit"]
    assert 2000 <= events[0]["ms"] < 6000 * PATIENCE
    assert "status" not in events[0]


def test_hooks_never_overlap_and_keep_the_order(device, fake, hook, tmp_path):
    hook.write(f'mkdir "{tmp_path}/busy" || echo overlap >>"{tmp_path}/overlap"; sleep 0.05; rmdir "{tmp_path}/busy"')
    process = start(device, hook)
    names = [f"f{i:02}" for i in range(12)]
    deliver(device, fake, *names)
    hook.wait(12)
    device.wait_event(process, "hook", 12)
    device.stop(process)
    assert hook.names() == names
    assert not (tmp_path / "overlap").exists()


def test_what_it_leaves_running_goes_on_and_stops_nothing(device, fake, hook, tmp_path):
    hook.write(f'sleep 300 >/dev/null 2>&1 & echo $! >>"{tmp_path}/pids"')
    process = start(device, hook)
    deliver(device, fake, "a", "b")
    device.wait_event(process, "hook", 2)
    device.stop(process)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    alive = [process_exists(pid) for pid in pids]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert alive == [True, True]


def test_an_agent_that_waits_for_a_hook_costs_next_to_no_cpu(device, fake, hook):
    hook.write("sleep 1000")
    process = start(device, hook)
    deliver(device, fake, "a", "b")
    hook.wait(1)

    time.sleep(0.5)
    before = processor_s(process.pid)
    time.sleep(2)
    assert processor_s(process.pid) - before < 0.025
    process.send_signal(signal.SIGTERM)
    device.stop(process, signal.SIGINT)


# --- at least once ---------------------------------------------------------------------------------------------------


def test_a_kill_while_it_runs_ends_it_and_it_runs_again(device, fake, hook, tmp_path):
    hook.write(f'echo $$ >"{tmp_path}/pid"; [ "$FERRY_ATTEMPT" != 1 ] || sleep 1000')
    process = start(device, hook)
    deliver(device, fake, "a")
    hook.wait(1)
    pid = int(wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), what="the hook's number"))
    device.stop(process, signal.SIGKILL)
    wait_for(lambda: not process_exists(pid), 5 * PATIENCE, "the hook's end")
    process = start(device, hook)
    assert hook.wait(2)[:3] == ("done", "a", "2")
    assert device.wait_event(process, "hook")["attempt"] == 2
    device.stop(process)
    assert waiting(device) == []


def test_files_that_wait_for_it_wait_over_a_kill_and_keep_their_order(device, fake, hook):
    hook.write('[ "$FERRY_NAME.$FERRY_ATTEMPT" != a.1 ] || sleep 1000')
    process = start(device, hook)
    deliver(device, fake, "a", "b", "c")
    wait_for(lambda: len(waiting(device)) == 3, 5 * PATIENCE, "three files on the list")
    device.stop(process, signal.SIGKILL)
    process = start(device, hook)
    hook.wait(4)
    device.wait_event(process, "hook", 3)
    device.stop(process)
    assert hook.names() == ["a", "a", "b", "c"]
    assert waiting(device) == []


def test_one_that_ends_the_device_each_time_is_given_up(device, fake, hook):
    hook.write("kill -9 $PPID; sleep 1000")
    process = start(device, hook)
    fake.offer("a", b"a")
    fake.push(device.product, device.device)
    device.end(process)
    for _ in range(2):
        assert device.end(start(device, hook)).returncode == -signal.SIGKILL
    process = start(device, hook)
    event = device.wait_event(process, "hook")
    assert (event["ended"], event["attempt"]) == ("given up", 3)
    assert device.stop(process).returncode == DONE
    assert [run[2] for run in hook.runs()] == ["1", "2", "3"]
    assert waiting(device) == []


def test_the_end_of_the_agent_waits_for_it(device, fake, hook, tmp_path):
    hook.write(f'sleep 3; echo done >"{tmp_path}/done"')
    process = start(device, hook)
    deliver(device, fake, "a", "b")
    wait_for(lambda: len(waiting(device)) == 2, what="b behind a")
    hook.wait(1)
    assert device.stop(process).returncode == DONE
    assert (tmp_path / "done").exists()
    assert [event["ended"] for event in device.events(process, "hook")] == ["exit"]
    assert len(waiting(device)) == 1  # b's did not begin
    process = start(device, hook)
    assert hook.wait(2)[:3] == ("done", "b", "1")
    device.stop(process)


def test_a_second_signal_cuts_it_short_and_it_runs_again(device, fake, hook):
    hook.write('[ "$FERRY_ATTEMPT" != 1 ] || sleep 1000')
    process = start(device, hook)
    deliver(device, fake, "a")
    hook.wait(1)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    assert device.stop(process, signal.SIGINT).returncode == DONE
    assert device.events(process, "hook")[-1]["ended"] == "stopped"
    process = start(device, hook)
    assert hook.wait(2)[2] == "2"
    device.wait_event(process, "hook")
    device.stop(process)


@pytest.mark.slow
def test_one_that_takes_too_long_at_the_end_of_the_agent_is_cut_short(device, fake, hook):
    hook.write("sleep 1000")
    process = start(device, hook)
    deliver(device, fake, "a")
    hook.wait(1)
    begin = time.monotonic()
    assert device.stop(process).returncode == DONE
    assert 9 < time.monotonic() - begin < 20 * PATIENCE
    assert device.events(process, "hook")[-1]["ended"] == "stopped"


class SuddenEnd:
    """One agent after the other, each killed at its own step, on a device of its own."""

    def __init__(self, folder, fake, hook, files):
        self.folder, self.fake, self.hook = folder, fake, hook
        self.library, self.count = build_shim(folder, "kill_shim"), folder / "count"
        self.bodies = {f"f{i}": os.urandom(2000 + i) for i in range(files)}

    def device(self, name):
        folder = self.folder / name
        folder.mkdir()
        self.hook.log.unlink(missing_ok=True)
        self.fake.results.clear()
        for file, body in self.bodies.items():
            self.fake.offer(file, body)
        return Command(folder, broker=self.fake.broker, device=name)

    def start(self, device, step=None):
        device.environment.pop("LD_PRELOAD", None)
        if step is not None:
            device.environment.update(LD_PRELOAD=str(self.library), FERRY_KILL_AT=str(step),
                                      FERRY_KILL_COUNT=str(self.count))
        return start(device, self.hook)

    def steps(self):
        """How many there are until the last hook has ended."""
        device = self.device("whole")
        process = self.start(device, 0)
        device.wait_event(process, "hook", len(self.bodies))
        steps = int(self.count.read_text())
        device.stop(process)
        return steps

    def kill_at(self, step):
        """Returns how often hooks ran."""
        device = self.device(f"step-{step}")
        assert device.end(self.start(device, step)).returncode == -signal.SIGKILL, f"step {step} was not reached"
        process = self.start(device)
        try:
            wait_for(lambda: set(self.bodies) <= set(self.hook.names()) and waiting(device) == [], 15 * PATIENCE,
                     f"every hook after a kill at step {step}")
            device.wait_event(process, "connected")  # the signal must not come before it is listened to
            assert device.stop(process).returncode == DONE
        finally:
            device.close()
        assert set(self.fake.results) == {(name, "done", 0) for name in self.bodies}
        assert {run[3] for run in self.hook.runs()} == {hashlib.md5(body).hexdigest() for body in self.bodies.values()}
        for name, body in self.bodies.items():
            assert (device.inbox / name).read_bytes() == body
        return len(self.hook.runs())


@pytest.mark.skipif(SANITIZED, reason="a sanitizer wants to be the first library")
@pytest.mark.parametrize("files", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_sudden_end_at_any_step_costs_no_hook(tmp_path, fake, hook, files):
    """The agent is killed before each rename, removal and sync in turn, and started again."""
    sudden = SuddenEnd(tmp_path, fake, hook.write(), files)
    steps = sudden.steps()
    assert steps > 15
    runs = [sudden.kill_at(step) for step in range(1, steps + 1)]
    assert all(files <= number <= files + 1 for number in runs), runs  # once too often, at most


# --- files that fail, change or go -----------------------------------------------------------------------------------


def test_a_file_that_fails_has_no_hook_unless_it_is_asked_for(device, fake, hook):
    hook.write()
    process = start(device, hook)
    deliver(device, fake, "../bad")
    fake.offers.clear()
    time.sleep(1.2)  # the agent's pause after a failure
    deliver(device, fake, "good")
    hook.wait(1)
    device.wait_event(process, "hook")
    device.stop(process)
    assert hook.names() == ["good"]


def test_a_file_that_fails_tells_the_hook_why(device, fake, hook, tmp_path):
    hook.write(f'printf "%s|%s|%s" "$FERRY_ERROR" "$FERRY_MESSAGE" "$#" >"{tmp_path}/why"')
    process = start(device, hook, "--hook-failed")
    deliver(device, fake, "../bad")
    event = device.wait_event(process, "hook")
    device.stop(process)
    assert hook.runs()[0][:2] == ("failed", "../bad")
    error, message, arguments = (tmp_path / "why").read_text().split("|")
    assert (error, arguments) == ("FERRY_DEVICE_E_NAME", "0") and "name" in message
    assert (event["result"], event["ended"]) == ("failed", "exit") and "path" not in event


def test_a_file_that_a_newer_one_replaced_before_its_turn_is_passed_over(device, fake, hook):
    hook.write('[ "$FERRY_NAME" != first ] || sleep 2')
    process = start(device, hook)
    deliver(device, fake, "first")
    deliver(device, fake, "a", body=b"old" * 10)
    deliver(device, fake, "a", body=b"new" * 20)
    event = device.wait_event(process, "hook", 3)
    device.stop(process)
    assert hook.names() == ["first", "a"]
    assert hook.runs()[1][3] == hashlib.md5(b"new" * 20).hexdigest()
    assert [e["ended"] for e in device.events(process, "hook")] == ["exit", "skipped", "exit"] and event["ended"] == "exit"


def test_a_second_attempt_runs_also_when_the_first_has_moved_the_file(device, fake, hook, tmp_path):
    hook.write(f'[ "$FERRY_ATTEMPT" != 1 ] || {{ mv "$1" "{tmp_path}/moved"; sleep 1000; }}')
    process = start(device, hook)
    deliver(device, fake, "a")
    wait_for(lambda: (tmp_path / "moved").exists(), 15 * PATIENCE, "the move")
    device.stop(process, signal.SIGKILL)
    process = start(device, hook)
    assert hook.wait(2)[2] == "2"
    device.stop(process)


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args, word", [
    (["--hook", "/nonexistent"], "/nonexistent"), (["--hook", "/tmp"], "no program"),
    (["--hook", "/bin/true", "--hook-shell", "true"], "not both"), (["--hook-timeout", "0"], "hook-timeout"),
])
def test_a_hook_that_cannot_work_is_refused_at_the_start(device, fake, args, word):
    done = device.run("agent", "--dir", device.inbox, *args)
    assert done.returncode == USAGE
    assert word in done.stderr
    assert fake.messages == []


def test_one_that_has_gone_is_tried_again_and_at_once_after_a_reload(device, fake, hook):
    hook.write()
    process = start(device, hook)
    wait_for(lambda: fake.messages, what="the agent")
    text = hook.script.read_text()
    hook.script.unlink()
    deliver(device, fake, "a")
    event = device.wait_event(process, "hook")
    assert event["ended"] == "not started" and "No such file" in event["message"]
    hook.script.write_text(text)
    hook.script.chmod(stat.S_IRWXU)
    process.send_signal(signal.SIGHUP)
    assert hook.wait(1)[2] == "1"  # that was no attempt
    device.wait_event(process, "hook", 2)
    device.stop(process)


def test_without_a_hook_nothing_is_written_for_it(device, fake):
    process = device.start("agent", "--dir", device.inbox, "--json")
    deliver(device, fake, "a")
    device.wait_event(process, "done")
    assert device.stop(process).returncode == DONE
    assert not (device.state / "hooks").exists()


def test_a_list_that_cannot_be_kept_holds_further_files_back(device, fake, hook):
    """No place for the list: the file is not forgotten, and no other is taken that could be."""
    hook.write()
    device.state.mkdir(parents=True)
    (device.state / "hooks").write_text("a file where the folder should be")
    done = device.run("agent", "--dir", device.inbox, "--hook", hook.script)
    assert done.returncode == FAILED and "cannot be read" in done.stderr
    (device.state / "hooks").unlink()
    process = start(device, hook)
    wait_for(lambda: fake.messages, what="the agent")
    (device.state / "hooks").write_text("now")
    deliver(device, fake, "a")
    assert "no other is received" in device.wait_event(process, "warning")["message"]
    fake.offer("b", b"b")
    fake.push(device.product, device.device)
    time.sleep(0.7)
    assert len(fake.results) == 1
    (device.state / "hooks").unlink()
    hook.wait(2)
    device.stop(process)
    assert hook.names() == ["a", "b"]
