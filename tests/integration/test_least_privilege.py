"""What ferryd and its broker may do, and that they need no more: user, files, system calls, the systemd unit."""
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

import pytest
from environment import INHERITED
from secret_watch import SecretWatch

from ferry import PATIENCE, SANITIZED, Platform, VendorDevice, build_dir, program, wait_for

NOBODY = 65534
EXPOSURE_MAX = 15  # tenths, as systemd-analyze counts; docs/security.md names the figure
UNIT = build_dir() / "packaging" / "ferryd.service"

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
with_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
with_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
plain_build = pytest.mark.skipif(SANITIZED, reason="a sanitizer makes system calls of its own")


def analyze(*words):
    return subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, timeout=60,
                          env={**INHERITED, "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}, check=False)


# --- the systemd unit -----------------------------------------------------------------------------------------------


@pytest.fixture
def unit(tmp_path):
    """The unit as it is installed, with the program where it was built."""
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={program('ferryd')}", UNIT.read_text(), flags=re.MULTILINE)
    path = tmp_path / "ferryd.service"
    path.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE))
    return path


@with_systemd
def test_the_unit_is_one_that_systemd_understands(unit):
    done = analyze("verify", unit)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr


@with_systemd
def test_the_unit_exposes_no_more_than_it_says(unit):
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    overall = re.search(r"Overall exposure level for ferryd.service: ([0-9.]+)", done.stdout)
    assert done.returncode == 0 and overall, done.stdout + done.stderr
    documented = re.search(r"`systemd-analyze security` gives \*\*([0-9.]+)\*\*",
                           (pathlib.Path(__file__).parents[2] / "docs" / "security.md").read_text())
    assert documented and documented.group(1) == overall.group(1), f"docs/security.md must say {overall.group(1)}"


def test_the_units_user_is_made_at_installation():
    text = UNIT.read_text()
    user = re.search(r"^User=(\w+)$", text, re.MULTILINE).group(1)
    sysusers = (pathlib.Path(__file__).parents[2] / "packaging" / "ferry.sysusers").read_text()
    assert re.search(rf"^u {user} ", sysusers, re.MULTILINE)


# --- as nobody, watched -----------------------------------------------------------------------------------------------


class Sandbox:
    """A ferryd that runs as nobody, without any capability, with the worst umask; strace writes down what it does."""

    def __init__(self, traced):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ferry-sandbox-"))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        os.chown(self.data, NOBODY, NOBODY)
        self.trace = self.folder / "trace"
        for name in ("ferryd", "ferry_auth.so"):
            shutil.copy(program(name), self.folder / name)
            (self.folder / name).chmod(0o755)
        script = self.folder / "server" / "daemon" / "ferryd"
        script.parent.mkdir(parents=True)
        tracer = f"strace -D -f -y -qq -s 4096 -o {self.trace}" if traced else ""
        script.write_text(f"#!/bin/sh\numask 000\nexec {tracer} setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "
                          f"--bounding-set=-all --inh-caps=-all --no-new-privs {self.folder / 'ferryd'} \"$@\"\n")
        script.chmod(0o755)
        self.platform = Platform("--broker-plugin", self.folder / "ferry_auth.so", data=self.data, build=self.folder)

    def work(self):
        """A day's work in short: both directions, a broken transfer, the operator, a restart of the broker."""
        with self.platform as platform:
            with VendorDevice(platform, platform.new_device()) as device:
                assert device.upload("log", b"hello" * 50_000).verdict["result_code"] == 0
                answer = device.request_upload("bad", b"hello")
                assert device.put(answer, b"hellO").status == 400
                platform.api.resource_add(device.product, "pack", b"world" * 100_000)
                platform.api.deploy(device.product, "pack", [device.device])
                assert device.download(device.wait("download"))[2]["result_code"] == 0
                platform.api.upload_remove(platform.api.uploads(device.product)[-1]["id"])
            self.limits = {name: read_limits(pid) for name, pid in (("ferryd", platform.pid), ("broker", platform.broker_pid))}
            self.owners = {os.stat(f"/proc/{pid}").st_uid for pid in (platform.pid, platform.broker_pid)}
            old = platform.broker_pid
            platform.kill9_broker()
            wait_for(lambda: self._broker_is_another(old), 10 * PATIENCE)
            self.paths = [(path, path.lstat()) for path in [self.data, *self.data.rglob("*")]]

    def _broker_is_another(self, old):
        try:
            return self.platform.broker_pid != old
        except (FileNotFoundError, ValueError):  # between two of them
            return False

    def close(self):
        self.platform.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def read_limits(pid):
    core = re.search(r"^Max core file size +(\S+) +(\S+)", pathlib.Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {"core": core.groups(), "dumped": int(pathlib.Path(f"/proc/{pid}/coredump_filter").read_text(), 16),
            "no_new_privs": re.search(r"^NoNewPrivs:\s+(\d)", status, re.MULTILINE).group(1),
            "capabilities": int(re.search(r"^CapEff:\s+(\w+)", status, re.MULTILINE).group(1), 16)}


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox(traced=shutil.which("strace") is not None and not SANITIZED)
    try:
        sandbox.work()
        yield sandbox
    finally:
        sandbox.close()


@root_only
def test_ferryd_and_its_broker_work_as_nobody_without_any_capability(sandbox):
    assert sandbox.owners == {NOBODY}
    for limits in sandbox.limits.values():
        assert limits["capabilities"] == 0 and limits["no_new_privs"] == "1"


@root_only
def test_no_secret_can_reach_a_core_dump(sandbox):
    """Neither a file (the limit) nor a program that the kernel gives it to (no part of the memory is chosen)."""
    for limits in sandbox.limits.values():
        assert limits["core"] == ("0", "0") and limits["dumped"] == 0


@root_only
def test_files_are_for_their_owner_alone_whatever_the_umask_was(sandbox):
    assert len(sandbox.paths) > 15
    for path, info in sandbox.paths:
        want = 0o700 if stat.S_ISDIR(info.st_mode) else 0o600
        assert stat.S_IMODE(info.st_mode) == want, f"{path} has mode {stat.S_IMODE(info.st_mode):o}"
        assert info.st_uid == NOBODY


CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(.*)$")


def calls(sandbox):
    """(name, rest of the line) of everything after ferryd itself was started."""
    started = False
    with open(sandbox.trace, encoding="utf-8", errors="replace") as trace:
        for line in trace:
            started = started or f'execve("{sandbox.folder / "ferryd"}"' in line
            match = CALL.match(line)
            if started and match and match.group(2) not in ("execve",):
                yield match.group(2), match.group(3)


def allowed_calls():
    """The system calls that the unit's filter lets through."""
    def expand(group):
        found = set()
        for word in re.findall(r"^    ([@\w-]+)$", analyze("syscall-filter", group).stdout, re.MULTILINE):
            found |= expand(word) if word.startswith("@") else {word}
        return found

    allowed = set()
    for rule in re.findall(r"^SystemCallFilter=(.+)$", UNIT.read_text(), re.MULTILINE):
        groups = set().union(*(expand(word) for word in rule.lstrip("~").split()))
        allowed = allowed - groups if rule.startswith("~") else allowed | groups
    return allowed | expand("@default") | {"execve", "brk", "restart_syscall"}


@root_only
@with_strace
@with_systemd
@plain_build
def test_the_units_filter_lets_every_system_call_through_that_is_made(sandbox):
    made = {name for name, _ in calls(sandbox) if name not in ("exited", "killed", "resumed")}
    assert {"fsync", "epoll_wait", "sendfile"} & made, "the trace is that of ferryd"
    assert len(made) > 50 and not made - allowed_calls(), sorted(made - allowed_calls())


@root_only
@with_strace
@plain_build
def test_nothing_is_written_outside_the_data_folder(sandbox):
    harmless = ("/dev/null", "/proc/self/coredump_filter")
    writes = []
    for name, rest in calls(sandbox):
        failed = re.search(r"= -1 E", rest)
        path = re.search(r'"([^"]*)"', rest)
        if not path or failed:
            continue
        opens = name in ("open", "openat", "creat") and re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", rest)
        changes = name in ("mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "symlink",
                           "chmod", "fchmodat", "chown", "truncate", "mknod")
        if not opens and not changes:
            continue
        inside = path.group(1).startswith(str(sandbox.data)) or (
            not path.group(1).startswith("/") and re.match(rf"\(\d+<{re.escape(str(sandbox.data))}", rest))
        if not inside and path.group(1) not in harmless:
            writes.append(name + rest[:200])
    assert not writes, "\n".join(writes[:10])


# --- the watch over all tests ----------------------------------------------------------------------------------------


def test_the_watch_over_secrets_finds_each_form_of_them(platform, tmp_path):
    """conftest.py has one over the whole session; here one is shown what it must find."""
    watch = SecretWatch()
    device = platform.new_device()
    watch.know_data(platform.data)
    watch.know(device.secret, "a device's secret")
    assert watch.count() > 5
    for number, leak in enumerate((platform.token, device.secret,
                                   "/o/01kdzhjq3mx5v6r2c8q0t9w4ab?e=1767323045&s=" + "A" * 43)):
        (tmp_path / f"{number}.log").write_text(f"info: something\nerror: cannot use {leak}\n")
    (tmp_path / "clean.log").write_text("nothing here: " + "A" * 43)
    watch.look_at_folder(tmp_path, "a test")
    assert {re.search(r"in (\S+) of", line).group(1) for line in watch.found} == {"0.log", "1.log", "2.log"}
    assert watch.looked_at == 4


def test_the_watch_over_secrets_looks_at_command_lines(platform):
    watch, told = SecretWatch(), str(platform.data)
    watch.know(told, "what ferryd is told")
    watch.start()
    wait_for(lambda: any(told in command for command in list(watch.commands)), 10 * PATIENCE, "ferryd's command line")
    assert any(line.startswith("what ferryd is told in a command line") for line in watch.finish())
