"""The library in a program with a loop of its own: one descriptor, ferry_step(), outcomes; and the blocking calls,
which are a loop over the same."""
import os
import signal
import socket
import threading
import time

import pytest
from fake_platform import Cut, Stall
from ferry import PATIENCE, wait_for
from library import (E_ARG, E_CANCELLED, E_NO_TASK, E_SOURCE, E_STATE, E_STOPPED, E_STORE, HASH, IDLE, KEPT, MOVE, OK,
                     REPORT, sleeps)

MIB = 1 << 20


def moving(library, lane, at_least=1):
    def look():
        status = library.status(lane)
        return status["phase"] == MOVE and status["offset"] >= at_least

    wait_for(look, what=f"bytes {lane}")


def patches(fake):
    return [int(headers["Upload-Offset"]) for method, _, headers in fake.requests if method == "PATCH"]


def ranges(fake):
    return [headers.get("Range") for method, _, headers in fake.requests if method == "GET"]


# --- begin, and outcome -----------------------------------------------------------------------------


def test_an_upload_is_begun_and_its_outcome_comes_later(library, fake, make_file):
    file = make_file(3 * MIB)
    assert library.call("upload", file, "its-name") == OK
    outcome = library.outcome("up")
    assert (outcome["err"], outcome["name"], outcome["size"]) == (OK, "its-name", 3 * MIB)
    assert outcome["path"] is None and not outcome["kept"] and not outcome["earlier"]
    assert fake.uploaded("its-name") == file.read_bytes()


def test_a_download_is_begun_and_its_outcome_says_where_the_file_is(library, fake):
    body = os.urandom(3 * MIB)
    fake.offer("b.bin", body)
    assert library.call("download", library.inbox) == OK
    outcome = library.outcome("down")
    assert (outcome["err"], outcome["name"], outcome["path"]) == (OK, "b.bin", str(library.inbox / "b.bin"))
    assert (library.inbox / "b.bin").read_bytes() == body


def test_nothing_to_fetch_is_an_outcome(library):
    assert library.call("download", library.inbox) == OK
    assert library.outcome("down")["err"] == E_NO_TASK


def test_both_directions_run_at_once(library, fake, make_file):
    fake.slow_s = fake.slow_read_s = 0.02
    body = os.urandom(4 * MIB)
    fake.offer("b.bin", body)
    file = make_file(6 * MIB)
    assert library.call("listen", library.inbox) == OK
    assert library.call("upload", file) == OK

    def both_move():
        return library.status("up")["phase"] == MOVE and library.status("down")["phase"] == MOVE

    wait_for(both_move, what="both transfers at once")
    assert library.outcome("up")["err"] == OK
    assert library.outcome("down")["err"] == OK
    assert fake.uploaded("a.bin") == file.read_bytes()
    assert (library.inbox / "b.bin").read_bytes() == body


def test_a_listening_device_takes_what_is_there_and_what_is_pushed_until_it_is_told_to_stop(library, fake):
    fake.offer("one", b"1" * 1000)
    assert library.call("listen", library.inbox) == OK
    assert library.call("listen", library.inbox) == OK  # no change
    assert library.outcome("down")["name"] == "one"
    wait_for(lambda: fake.messages[-1]["type"] == "get_download_task", what="the next question")
    time.sleep(0.2)
    fake.offer("two", b"2" * 1000)
    fake.push("p1", "d1")
    assert library.outcome("down")["name"] == "two"
    wait_for(lambda: fake.messages[-1]["type"] == "get_download_task", what="the next question")
    library.say("listen_end")
    library.status("down")
    time.sleep(0.2)
    fake.offer("three", b"3" * 1000)
    fake.push("p1", "d1")
    time.sleep(0.3)
    library.no_outcome()
    assert not (library.inbox / "three").exists()


def test_after_listening_has_ended_the_running_download_goes_on_to_its_end(library, fake):
    fake.slow_s = 0.02
    fake.offer("b.bin", os.urandom(2 * MIB))
    assert library.call("listen", library.inbox) == OK
    moving(library, "down")
    library.say("listen_end")
    assert library.outcome("down")["err"] == OK


def test_a_second_transfer_in_the_same_direction_is_refused_and_disturbs_nothing(library, fake, make_file, tmp_path):
    fake.slow_s = fake.slow_read_s = 0.02
    fake.offer("b.bin", os.urandom(2 * MIB))
    (tmp_path / "other").mkdir()
    assert library.call("upload", make_file(6 * MIB)) == OK
    assert library.call("upload", make_file(10, "other.bin")) == E_STATE
    assert library.call("download", library.inbox) == OK
    moving(library, "down")
    assert library.call("download", library.inbox) == E_STATE
    assert library.call("listen", tmp_path / "other") == E_STATE
    assert library.outcome("up")["err"] == OK
    assert library.outcome("down")["err"] == OK
    library.no_outcome()


@pytest.mark.parametrize("what, name, err", [
    ("nothing", "x", E_SOURCE), ("inbox", "x", E_SOURCE), ("empty", "x", E_SOURCE), ("good", "x" * 256, E_ARG)])
def test_what_cannot_be_sent_is_refused_at_once_and_has_no_outcome(library, fake, tmp_path, make_file, what, name, err):
    (tmp_path / "empty").touch()
    make_file(10, "good")
    assert library.call("upload", tmp_path / what, name) == err
    library.no_outcome()
    assert library.call("upload", tmp_path / "good") == OK  # it was no upload: another may begin
    assert library.outcome("up")["err"] == OK


def test_a_folder_that_cannot_be_used_is_refused_at_once(library, tmp_path):
    assert library.call("download", tmp_path / "nowhere") == E_STORE
    assert library.call("listen", tmp_path / "nowhere") == E_STORE
    library.no_outcome()


# --- cancel, suspend, go on -------------------------------------------------------------------------


def test_a_cancelled_upload_ends_for_good_and_the_platform_is_told(library, fake, make_file):
    fake.slow_read_s = 0.05
    assert library.call("upload", make_file(12 * MIB)) == OK
    moving(library, "up")
    library.say("cancel", "up")
    outcome = library.outcome("up")
    assert (outcome["err"], outcome["kept"]) == (E_STOPPED, False)
    assert [state for _, state, _ in fake.results] == ["fail"]
    assert list(library.state.glob("*.state")) == []


def test_a_cancel_from_the_progress_callback_is_obeyed_at_once(library, fake):
    fake.offer("b.bin", os.urandom(2 * MIB))
    fake.faults.append(Stall(MIB, 5))
    library.say("cancel_at", MIB)
    assert library.call("download", library.inbox) == OK
    cancelled = library.wait(lambda said: "cancelled" in said)
    outcome = library.outcome("down")
    assert outcome["err"] == E_STOPPED
    assert outcome["ms"] - cancelled["ms"] < 300 * PATIENCE
    assert list(library.inbox.iterdir()) == []


def test_a_suspended_upload_is_remembered_and_goes_on_where_it_was(library, fake, make_file):
    file = make_file(12 * MIB)
    fake.faults.extend([None, Stall(2 * MIB, 1)])
    assert library.call("upload", file) == OK
    moving(library, "up", MIB)
    assert library.call("suspend", "up") == OK
    outcome = library.outcome("up")
    assert (outcome["err"], outcome["kept"]) == (E_STOPPED, True)
    assert fake.results == []
    assert library.status("up")["phase"] == KEPT
    wait_for(lambda: [entry for entry in fake.objects.values() if len(entry["part"]) == 2 * MIB], what="the part")
    assert library.call("upload", file) == OK
    assert library.outcome("up")["err"] == OK
    assert patches(fake) == [0, 2 * MIB]
    assert fake.uploaded("a.bin") == file.read_bytes()


def test_after_a_suspended_upload_another_file_of_the_same_size_is_never_mixed_with_it(library, fake, make_file):
    first, second = make_file(4 * MIB, "first"), make_file(4 * MIB, "second")
    fake.faults.extend([None, Stall(2 * MIB, 1)])
    assert library.call("upload", first, "same-name") == OK
    moving(library, "up", MIB)
    assert library.call("suspend", "up") == OK
    assert library.outcome("up")["err"] == E_STOPPED
    assert library.call("upload", second, "same-name") == OK
    assert library.outcome("up")["err"] == OK
    assert fake.uploaded("same-name") == second.read_bytes()


def test_a_suspended_download_goes_on_where_it_was(library, fake):
    body = os.urandom(4 * MIB)
    fake.offer("b.bin", body)
    fake.slow_s = 0.02
    assert library.call("listen", library.inbox) == OK
    moving(library, "down", MIB)
    assert library.call("suspend", "down") == OK
    outcome = library.outcome("down")
    assert (outcome["err"], outcome["kept"]) == (E_STOPPED, True)
    library.no_outcome()  # listening has ended as well
    fake.slow_s = 0
    assert library.call("download", library.inbox) == OK
    assert library.outcome("down")["err"] == OK
    assert int(ranges(fake)[-1].removeprefix("bytes=").rstrip("-")) >= MIB
    assert (library.inbox / "b.bin").read_bytes() == body


def test_what_does_not_run_cannot_be_suspended(library):
    assert library.call("suspend", "up") == E_STATE
    assert library.call("suspend", "down") == E_STATE
    library.no_outcome()


def test_a_cancel_by_the_platform_is_an_outcome(library, fake, make_file):
    fake.cancel = True
    fake.slow_read_s = 0.05
    assert library.call("upload", make_file(12 * MIB)) == OK
    assert library.outcome("up")["err"] == E_CANCELLED


# --- what an earlier run left -----------------------------------------------------------------------


def leave_unconfirmed_upload(make_library, fake, file):
    """Afterwards the broker is down, so that a test can begin something before the result is told again."""
    fake.ignore_results = True
    library = make_library(fake.broker)
    assert library.call("upload", file) == OK
    wait_for(lambda: [m for m in fake.messages if m.get("progress", {}).get("state") == "done"], what="done")
    library.kill()
    fake.ignore_results = False
    fake.stop_broker()


def test_an_unconfirmed_result_of_an_earlier_run_is_told_without_being_asked(fake, make_library, make_file):
    leave_unconfirmed_upload(make_library, fake, make_file(1000))
    fake.start_broker()
    library = make_library(fake.broker)
    outcome = library.outcome("up")
    assert (outcome["err"], outcome["name"], outcome["earlier"]) == (OK, "a.bin", True)
    assert fake.results == [("a.bin", "done", 0)]
    assert [method for method, _, _ in fake.requests] == ["PUT"]


def test_an_upload_begun_behind_an_earlier_result_follows_it(fake, make_library, make_file):
    leave_unconfirmed_upload(make_library, fake, make_file(1000))
    second = make_file(2000, "second")
    library = make_library(fake.broker)
    assert library.call("upload", second) == OK
    fake.start_broker()
    outcomes = [library.outcome("up"), library.outcome("up")]
    assert [(o["name"], o["earlier"], o["err"]) for o in outcomes] == [("a.bin", True, OK), ("second", False, OK)]
    assert fake.uploaded("second") == second.read_bytes()


def test_an_upload_of_the_file_of_an_earlier_result_is_that_result(fake, make_library, make_file):
    file = make_file(1000)
    leave_unconfirmed_upload(make_library, fake, file)
    library = make_library(fake.broker)
    assert library.call("upload", file) == OK
    fake.start_broker()
    outcome = library.outcome("up")
    assert (outcome["err"], outcome["earlier"]) == (OK, False)
    assert [method for method, _, _ in fake.requests] == ["PUT"]  # nothing was sent twice


def test_an_earlier_result_that_the_platform_does_not_accept_never_takes_the_bytes_of_another_file(fake, make_library,
                                                                                                   make_file):
    leave_unconfirmed_upload(make_library, fake, make_file(1000))
    other = make_file(1000, "other")  # of the same size
    fake.verdicts.append(9)  # "the platform has no complete file: send it again"
    library = make_library(fake.broker)
    assert library.call("upload", other) == OK
    fake.start_broker()
    outcomes = [library.outcome("up"), library.outcome("up")]
    assert [(o["name"], o["err"]) for o in outcomes] == [("a.bin", E_SOURCE), ("other", OK)]
    assert fake.uploaded("other") == other.read_bytes()
    assert fake.uploaded("a.bin") != other.read_bytes()


def test_what_waits_behind_an_earlier_result_can_be_cancelled(fake, make_library, make_file):
    leave_unconfirmed_upload(make_library, fake, make_file(1000))
    library = make_library(fake.broker)
    assert library.status("up")["phase"] == REPORT
    assert library.call("upload", make_file(10, "other")) == OK
    library.say("cancel", "up")
    outcome = library.outcome("up")
    assert (outcome["name"], outcome["err"], outcome["earlier"]) == ("other", E_STOPPED, False)
    fake.start_broker()
    assert library.outcome("up")["earlier"]


# --- the descriptor ---------------------------------------------------------------------------------


def rest(library, seconds):
    """Turns of the loop, wake-ups of the process and CPU time while nothing happens."""
    before = library.stats()
    time.sleep(0.1)  # until it sleeps again after the answer
    slept = sleeps(library.pid)
    time.sleep(seconds)
    slept = sleeps(library.pid) - slept
    after = library.stats()
    return after["turns"] - before["turns"], slept, (after["cpu_us"] - before["cpu_us"]) / 1e6


def test_with_nothing_to_do_the_descriptor_is_silent_and_nobody_is_connected(library, fake):
    time.sleep(0.2)
    turns, slept, _ = rest(library, 1)
    assert (turns, slept) == (0, 0)
    assert library.status("up")["linked"] == 0
    assert library.stats()["turns"] <= 2


@pytest.mark.parametrize("after_a_transfer", [False, True])
def test_an_idle_listening_device_does_not_wake_up_at_all(library, fake, make_file, after_a_transfer):
    assert library.call("listen", library.inbox) == OK
    wait_for(lambda: library.status("down")["phase"] == IDLE, what="the answer that there is nothing")
    if after_a_transfer:
        fake.offer("b.bin", os.urandom(MIB))
        fake.push("p1", "d1")
        assert library.call("upload", make_file(2 * MIB)) == OK
        assert library.outcome("up")["err"] == OK
        assert library.outcome("down")["err"] == OK
        wait_for(lambda: library.status("down")["phase"] == IDLE, what="the answer that there is nothing more")
        time.sleep(1.5)  # libcurl's own timers, and the end of kept connections
    time.sleep(0.3)
    turns, slept, cpu_s = rest(library, 3)
    assert (turns, slept) == (0, 0)
    assert cpu_s < 0.01 * PATIENCE


@pytest.fixture
def mute_server():
    """Accepts connections and says nothing."""
    server = socket.create_server(("127.0.0.1", 0))
    connections = []

    def accept():
        try:
            while True:
                connections.append(server.accept()[0])
        except OSError:
            pass

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_a_broker_that_accepts_and_says_nothing_costs_no_cpu(make_library, mute_server, scheme):
    library = make_library(f"{scheme}://127.0.0.1:{mute_server}")
    assert library.call("listen", library.inbox) == OK
    time.sleep(0.5)
    turns, slept, cpu_s = rest(library, 2)
    assert turns <= 2 and slept <= 4
    assert cpu_s < 0.02 * PATIENCE


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_transfer_that_its_rate_limit_holds_back_sleeps_meanwhile(fake, make_library, make_file, direction):
    library = make_library(fake.broker, rate_bytes_per_s=512 * 1024)
    fake.offer("b.bin", os.urandom(MIB))
    assert library.call("upload", make_file(MIB)) == OK if direction == "up" else \
        library.call("download", library.inbox) == OK
    moving(library, direction, 1000)
    before = library.stats()
    assert library.outcome(direction)["err"] == OK
    after = library.stats()
    assert after["turns"] - before["turns"] < 400
    assert after["cpu_us"] - before["cpu_us"] < 200_000 * PATIENCE


def test_an_interruption_from_elsewhere_wakes_the_loop_once(library):
    time.sleep(0.2)
    before = library.stats()["turns"]
    library.send_signal(signal.SIGUSR1)
    wait_for(lambda: library.stats()["turns"] > before, what="a turn")
    turns, _, _ = rest(library, 0.5)
    assert turns == 0


def test_the_loop_stays_free_while_a_large_file_is_hashed(library, fake, tmp_path):
    file = tmp_path / "large"
    with open(file, "wb") as large:
        large.truncate(256 * MIB)
    assert library.call("upload", file) == OK
    answers = 0
    while library.status("up")["phase"] == HASH:
        answers += 1
    assert answers > 60  # one a megabyte, if this test asks as fast
    library.say("cancel", "up")
    library.outcome("up")


# --- the blocking calls -----------------------------------------------------------------------------


def test_an_interrupted_call_leaves_the_library_ready_for_another_file(library, fake, make_file):
    first, second = make_file(4 * MIB, "first"), make_file(4 * MIB, "second")
    fake.faults.extend([None, Stall(2 * MIB, 1)])
    library.say("upload_file", first)
    wait_for(lambda: len(fake.requests) == 2, what="the first upload")
    library.send_signal(signal.SIGUSR1)
    assert library.wait(lambda said: said.get("call") == "upload_file")["err"] == E_STOPPED
    assert library.call("upload_file", second) == OK
    assert fake.uploaded("second") == second.read_bytes()
    assert library.call("upload_file", first) == OK
    assert fake.uploaded("first") == first.read_bytes()


def test_an_interrupted_download_goes_on_with_the_next_call(library, fake):
    body = os.urandom(4 * MIB)
    fake.offer("b.bin", body)
    fake.slow_s = 0.02
    library.say("download_next", library.inbox, 60000)
    wait_for(lambda: library.part.exists() and library.part.stat().st_size > MIB, what="the first megabyte")
    library.send_signal(signal.SIGUSR1)
    assert library.wait(lambda said: said.get("call") == "download_next")["err"] == E_STOPPED
    fake.slow_s = 0
    assert library.call("download_next", library.inbox, 0) == OK
    assert int(ranges(fake)[-1].removeprefix("bytes=").rstrip("-")) >= MIB
    assert (library.inbox / "b.bin").read_bytes() == body


def test_a_file_that_arrives_during_a_blocking_upload_is_there_for_the_next_call(library, fake, make_file):
    fake.offer("one", b"1" * 1000)
    assert library.call("download_next", library.inbox, 60000) == OK
    fake.slow_read_s = 0.02
    file = make_file(6 * MIB)
    library.say("upload_file", file)
    wait_for(lambda: "PATCH" in [method for method, _, _ in fake.requests], what="the upload")
    fake.offer("two", b"2" * 1000)
    fake.push("p1", "d1")
    wait_for(lambda: len(fake.results) == 2, what="the second file")
    assert library.wait(lambda said: said.get("call") == "upload_file")["err"] == OK
    library.say("download_next", library.inbox, 0)
    got = library.wait(lambda said: said.get("call") == "download_next")
    assert (got["err"], got.get("name")) == (OK, "two")
    assert [name for name, state, _ in fake.results if state == "done"] == ["one", "two", "a.bin"]


def test_waiting_for_a_file_ends_on_time_also_when_the_broker_has_gone(library, fake):
    fake.offer("one", b"1" * 1000)
    assert library.call("download_next", library.inbox, 60000) == OK
    fake.stop_broker()
    start = time.monotonic()
    assert library.call("download_next", library.inbox, 1500) == E_NO_TASK
    assert 1.4 < time.monotonic() - start < 5 * PATIENCE
    fake.start_broker()


def test_asking_once_after_waiting_comes_back(library, fake):
    fake.offer("one", b"1" * 1000)
    assert library.call("download_next", library.inbox, 60000) == OK
    assert library.call("download_next", library.inbox, 0) == E_NO_TASK


def test_an_upload_that_breaks_off_in_a_program_with_its_own_loop_goes_on_by_itself(library, fake, make_file):
    file = make_file(3 * MIB)
    fake.faults.extend([None, Cut(MIB + 7)])
    assert library.call("upload", file) == OK
    assert library.outcome("up")["err"] == OK
    assert patches(fake) == [0, MIB + 7]
