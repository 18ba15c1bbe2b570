"""Care for the device and its network: slow, stalled and trickling transfers, memory, sockets."""
import os
import socket
import time

import pytest
from fake_platform import FakePlatform, Stall, Trickle
from ferry import PATIENCE, SANITIZED, wait_for
from library import E_NETWORK, MOVE, OK, peak_memory_kib, tcp_sockets

MIB = 1 << 20
WINDOW = 16 * 1024  # what the object store's kernel takes unread: the rest waits in the device's


@pytest.fixture
def narrow():
    with FakePlatform(window=WINDOW) as platform:
        yield platform


# --- too slow, and slow but alive -------------------------------------------------------------------


def test_a_download_that_trickles_is_ended_and_goes_on_over_a_new_connection(fake, make_library):
    library = make_library(fake.broker, low_speed_ms=1000, low_speed_bytes_per_s=2000)
    body = os.urandom(2 * MIB)
    fake.offer("b.bin", body)
    fake.faults.append(Trickle(MIB, 500))
    start = time.monotonic()
    assert library.call("download", library.inbox) == OK
    assert library.outcome("down")["err"] == OK
    assert 1 < time.monotonic() - start < 8 * PATIENCE
    first, second = (headers for _, _, headers in fake.requests)
    assert MIB <= int(second["Range"].removeprefix("bytes=").rstrip("-")) < MIB + 4000
    assert (library.inbox / "b.bin").read_bytes() == body


def test_an_upload_that_trickles_is_ended_and_goes_on_over_a_new_connection(narrow, make_library, make_file):
    library = make_library(narrow.broker, low_speed_ms=1000, low_speed_bytes_per_s=2000)
    file = make_file(2 * MIB)
    narrow.faults.extend([None, Trickle(MIB, 500)])
    start = time.monotonic()
    assert library.call("upload", file) == OK
    assert library.outcome("up")["err"] == OK
    assert 1 < time.monotonic() - start < 10 * PATIENCE
    assert [method for method, _, _ in narrow.requests].count("PATCH") >= 2
    assert narrow.uploaded("a.bin") == file.read_bytes()


def test_an_upload_that_must_begin_anew_and_is_too_slow_each_time_ends_and_says_why(narrow, make_library, make_file):
    library = make_library(narrow.broker, low_speed_ms=500, low_speed_bytes_per_s=1 << 30, give_up_ms=2000)
    narrow.tus = False
    narrow.slow_read_s = 0.05
    assert library.call("upload", make_file(8 * MIB)) == OK
    outcome = library.outcome("up")
    assert (outcome["err"], outcome["kept"]) == (E_NETWORK, True)
    assert "less than 1073741824 bytes/s" in outcome["message"]


def test_a_transfer_above_the_limit_is_left_alone(fake, make_library):
    library = make_library(fake.broker, low_speed_ms=400, low_speed_bytes_per_s=100_000)
    fake.slow_s = 0.1  # about 640 kB/s
    fake.offer("b.bin", os.urandom(MIB))
    assert library.call("download", library.inbox) == OK
    assert library.outcome("down")["err"] == OK
    assert len(fake.requests) == 1


def test_a_rate_limit_of_ones_own_is_no_slowness(fake, make_library, make_file):
    library = make_library(fake.broker, low_speed_ms=500, low_speed_bytes_per_s=1 << 30, rate_bytes_per_s=200_000)
    assert library.call("upload", make_file(600_000)) == OK
    assert library.outcome("up")["err"] == OK
    assert len(fake.requests) == 1


def test_a_slow_store_that_reads_steadily_is_not_taken_for_a_stalled_one(narrow, make_library, make_file):
    """The kernel takes megabytes at once: what counts is what has reached the other side."""
    library = make_library(narrow.broker, stall_ms=800, low_speed_ms=800)
    narrow.slow_read_s = 0.1  # 640 kB/s
    file = make_file(2 * MIB)
    assert library.call("upload", file) == OK
    wait_for(lambda: library.status("up")["phase"] == MOVE, what="the upload")
    seen = set()
    while (status := library.status("up"))["phase"] == MOVE:
        seen.add(status["offset"])
        time.sleep(0.1)
    assert library.outcome("up", 30)["err"] == OK
    assert [method for method, _, _ in narrow.requests] == ["HEAD", "PATCH"]
    assert len(seen) > 5  # and progress is what has reached the other side, too
    assert narrow.uploaded("a.bin") == file.read_bytes()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_transfer_in_which_nothing_moves_is_ended_and_goes_on(narrow, make_library, make_file, direction):
    library = make_library(narrow.broker, stall_ms=700)
    file = make_file(2 * MIB)
    if direction == "up":
        narrow.faults.extend([None, Stall(MIB, 20)])
        assert library.call("upload", file) == OK
    else:
        narrow.offer("a.bin", file.read_bytes())
        narrow.faults.append(Stall(MIB, 20))
        assert library.call("download", library.inbox) == OK
    start = time.monotonic()
    if direction == "up":  # the stalled request holds its part until it ends: the whole file goes again
        wait_for(lambda: [m for m, _, _ in narrow.requests].count("HEAD") >= 2, timeout_s=10, what="the next attempt")
        library.say("cancel", "up")
        library.outcome("up")
    else:
        assert library.outcome("down")["err"] == OK
    assert time.monotonic() - start < 6 * PATIENCE


# --- memory -----------------------------------------------------------------------------------------


def receive(library, fake, name, body):
    fake.offer(name, body)
    assert library.call("download", library.inbox) == OK
    assert library.outcome("down", 60)["err"] == OK


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is not the library's")
def test_memory_does_not_grow_with_the_number_of_transfers(library, fake, make_file):
    file = make_file(MIB + 1)

    def both(count):
        for _ in range(count):
            receive(library, fake, "b.bin", file.read_bytes())
            assert library.call("upload", file) == OK
            assert library.outcome("up")["err"] == OK
        return library.stats()["heap"]

    early = both(5)
    assert both(25) - early < 16 * 1024


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is not the library's")
def test_memory_does_not_grow_with_the_size_of_the_file(library, fake, make_file):
    receive(library, fake, "small", os.urandom(2 * MIB))
    assert library.call("upload", make_file(2 * MIB, "small")) == OK
    assert library.outcome("up")["err"] == OK
    before = peak_memory_kib(library.pid)
    receive(library, fake, "large", os.urandom(48 * MIB))
    assert library.call("upload", make_file(48 * MIB, "large")) == OK
    assert library.outcome("up", 60)["err"] == OK
    assert peak_memory_kib(library.pid) - before < 1024


# --- sockets ----------------------------------------------------------------------------------------


def test_small_packets_wait_for_nobody_on_any_connection(library, fake, make_file):
    fake.slow_s = fake.slow_read_s = 0.02
    fake.offer("b.bin", os.urandom(4 * MIB))
    assert library.call("download", library.inbox) == OK
    assert library.call("upload", make_file(6 * MIB)) == OK
    wait_for(lambda: all(library.status(lane)["phase"] == MOVE for lane in ("up", "down")), what="both transfers")
    sockets = tcp_sockets(library.pid)
    ports = sorted(s.getpeername()[1] for s in sockets.values())
    nodelay = [s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for s in sockets.values()]
    for s in sockets.values():
        s.close()
    assert set(ports) == {fake.mqtt_port, fake.http_port} and len(ports) == 3
    assert nodelay == [1, 1, 1]
    assert library.outcome("down")["err"] == OK
    assert library.outcome("up")["err"] == OK


def test_a_program_that_is_executed_inherits_no_connection_and_no_file(library, fake, make_file):
    fake.slow_read_s = 0.02
    assert library.call("listen", library.inbox) == OK
    assert library.call("upload", make_file(6 * MIB)) == OK
    wait_for(lambda: library.status("up")["phase"] == MOVE, what="the upload")
    connections = tcp_sockets(library.pid)
    for connection in connections.values():
        connection.close()
    assert len(connections) >= 2
    for entry in os.listdir(f"/proc/{library.pid}/fd"):
        target = os.readlink(f"/proc/{library.pid}/fd/{entry}")
        if int(entry) <= 2 or (target.startswith("socket:") and int(entry) not in connections):
            continue  # libmosquitto has a pair of local sockets for threads of its own
        with open(f"/proc/{library.pid}/fdinfo/{entry}", encoding="ascii") as info:
            flags = next(int(line.split()[1], 8) for line in info if line.startswith("flags:"))
        assert flags & os.O_CLOEXEC, target
    assert library.outcome("up")["err"] == OK
