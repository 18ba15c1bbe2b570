"""What a person sees of a transfer: on terminals of any width, and where there is none."""
import errno
import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading
import time
import unicodedata

import pytest
from device_command import DONE, FAILED, Command
from fake_platform import FakePlatform, Status
from ferry import PATIENCE, wait_for

KIB, MIB = 1 << 10, 1 << 20
NAMES = ["a.bin", "轮渡固件更新包-二零二六年版本.bin", "🚢🚢🚢🚢🚢🚢🚢🚢", "e\u0301" * 30,
         "a very long name that no terminal of eighty columns can show whole.tar.gz"]


def columns_of(text):
    """Columns on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Terminal:
    """A pseudo-terminal, and all that was written to it."""

    def __init__(self, columns):
        self.master, self.slave = pty.openpty()
        self.resize(columns)
        self.bytes = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def resize(self, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def _read(self):
        while True:
            try:
                part = os.read(self.master, 65536)
            except OSError as error:
                assert error.errno == errno.EIO
                return
            self.bytes += part

    def close(self):
        """The text of it all."""
        os.close(self.slave)
        self._thread.join(10)
        os.close(self.master)
        return self.bytes.decode()


@pytest.fixture
def fake():
    with FakePlatform() as platform:
        yield platform


@pytest.fixture
def device(tmp_path, fake):
    device = Command(tmp_path, broker=fake.broker)
    device.environment["TERM"] = "xterm"
    yield device
    device.close()


def lines_of(text):
    """Each state of the line: what stood there after it was cleared."""
    states = re.split(r"\r\x1b\[K", text)
    assert states[0] == ""
    return states[1:]


def slow_download(device, fake, terminal, name="a.bin", *args, size=MIB):
    fake.slow_s = 0.03
    fake.offer(name, os.urandom(size))
    done = device.end(device.start("download", "--dir", device.inbox, *args, stderr=terminal.slave))
    assert done.returncode == DONE
    return terminal.close()


@pytest.mark.parametrize("columns", [1, 6, 20, 35, 58, 80, 132, 0])
def test_the_bar_stays_on_its_line_at_every_width(device, fake, columns):
    text = slow_download(device, fake, Terminal(columns), "轮渡固件更新包-二零二六年版本.bin")
    *shown, last = lines_of(text)
    assert shown and last == ""  # cleared at the end
    assert "\n" not in text
    width = columns or 80  # a terminal that does not know has eighty
    assert max(columns_of(line) for line in shown) <= min(width, 121) - 1
    if width > 6:
        assert all(re.search(r"\d %$|\d %  ", line) for line in shown)
    if width > 34:
        assert all(re.search(r"[0-9.]+ .?i?B/s  [0-9:?]+ left$", line) for line in shown)
    if width > 57:
        assert all(re.match(r"轮渡固\S*  \[#*\.*\]  ", line) for line in shown)
    if width >= 80:
        assert all(re.search(r"[0-9.]+ of 1.0 MiB", line) for line in shown)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_leaves_room_for_the_numbers(device, fake, name):
    *shown, _ = lines_of(slow_download(device, fake, Terminal(80), name))
    assert all(columns_of(line) <= 79 for line in shown)
    assert all("[" in line and " left" in line for line in shown)
    label = shown[0].split("  [")[0]
    assert label and unicodedata.normalize("NFC", name).startswith(unicodedata.normalize("NFC", label))


def test_a_name_cannot_steer_the_terminal(device, fake):
    text = slow_download(device, fake, Terminal(80), "x\u202e\u2066y")
    assert "\u202e" not in text and "\u2066" not in text and "x??y  [" in text


def test_the_bar_follows_a_window_that_changes_its_size(device, fake):
    terminal = Terminal(100)
    fake.slow_s = 0.05
    fake.offer("a.bin", os.urandom(2 * MIB))
    process = device.start("download", "--dir", device.inbox, stderr=terminal.slave)
    wait_for(lambda: terminal.bytes.count(b"left") > 2, 15 * PATIENCE, "the wide bar")
    terminal.resize(40)
    time.sleep(0.3)
    seen = len(terminal.bytes)
    time.sleep(0.4)
    later = terminal.bytes[seen:].decode()
    assert device.end(process).returncode == DONE
    terminal.close()
    assert later and all(columns_of(line) <= 39 for line in re.split(r"\r\x1b\[K", later))


def test_rate_and_time_left_are_about_right(device, fake):
    terminal = Terminal(100)
    fake.offer("a.bin", os.urandom(3 * MIB))
    done = device.end(device.start("download", "--dir", device.inbox, "--limit-rate", "1M", stderr=terminal.slave))
    assert done.returncode == DONE
    states = [re.search(r"(\d+) %.*?([0-9.]+) (.)iB/s  (\d+):(\d+) left", line) for line in lines_of(terminal.close())]
    states = [state for state in states if state and 40 <= int(state[1]) <= 80]
    assert states
    for state in states:
        rate = float(state[2]) * {"K": KIB, "M": MIB}[state[3]]
        assert 0.5 * MIB < rate < 1.7 * MIB
        left = int(state[4]) * 60 + int(state[5])
        assert abs(left - 3 * (100 - int(state[1])) / 100) <= 2


def test_reading_a_large_file_first_is_shown_as_such(device, fake, tmp_path):
    file = tmp_path / "large.bin"
    with open(file, "wb") as out:
        out.truncate(1 << 30)
    terminal = Terminal(100)
    process = device.start("upload", file, stderr=terminal.slave)
    wait_for(lambda: b"checking large.bin  [" in terminal.bytes, 15 * PATIENCE, "the first bar")
    assert device.stop(process, signal.SIGINT).returncode == FAILED
    text = terminal.close()
    assert re.search(r"\r\x1b\[Kferry: \"large.bin\": [^\n]*same command again[^\n]*\r?\n$", text)  # on a clean line


def test_words_and_the_bar_do_not_mix(device, fake):
    fake.faults.append(Status(503))
    text = slow_download(device, fake, Terminal(80))
    assert re.search(r"(^|\r\x1b\[K|\n)ferry: [^\r\n]*503[^\r\n]*\r\n", text)


@pytest.mark.parametrize("what", ["pipe", "dumb", "json"])
def test_where_no_bar_can_be_there_is_one_line_at_the_end(device, fake, what):
    if what == "pipe":
        fake.offer("a.bin", os.urandom(MIB))
        fake.slow_s = 0.03
        done = device.run("download", "--dir", device.inbox)
        assert (done.returncode, done.stderr) == (DONE, "")
        assert re.fullmatch(r'downloaded "a.bin": 1.0 MiB in [0-9.]+ s \([0-9.]+ .iB/s\), verified\n', done.stdout)
        return
    if what == "dumb":
        device.environment["TERM"] = "dumb"
    assert slow_download(device, fake, Terminal(80), "a.bin", *(["--json"] if what == "json" else [])) == ""


def test_an_agent_on_a_terminal_shows_each_file(device, fake):
    terminal = Terminal(80)
    fake.slow_s = 0.03
    process = device.start("agent", "--dir", device.inbox, stderr=terminal.slave)
    for name in ("one", "two"):
        fake.offer(name, os.urandom(MIB))
        fake.push(device.product, device.device)
        wait_for(lambda name=name: (device.inbox / name).exists(), 15 * PATIENCE, name)
    assert device.stop(process).returncode == DONE
    text = terminal.close()
    assert f"ferry: connected to {fake.broker}\r\n" in text
    assert re.search(r"\r\x1b\[Kone  \[", text) and re.search(r"\r\x1b\[Ktwo  \[", text)
