"""The command `ferry`, its library and its engine against a platform and a network that misbehave.

What the device believes (exit status, words, files) and what the platform saw are both checked.
"""
import json
import os
import signal
import time

import pytest
from device_command import DONE, FAILED, NETWORK, REFUSED, SECRET, USAGE, Command
from fake_platform import Corrupt, Cut, FakePlatform, Stall, Status, Swap, Trickle
from ferry import PATIENCE, processor_s, wait_for

MIB = 1 << 20


@pytest.fixture
def fake():
    with FakePlatform() as platform:
        yield platform


@pytest.fixture
def device(tmp_path, fake):
    device = Command(tmp_path, broker=fake.broker)
    yield device
    device.close()


def make_file(device, size=3 * MIB, name="a.bin"):
    path = device.folder / name
    path.write_bytes(os.urandom(size))
    return path


def methods(platform):
    return [method for method, _, _ in platform.requests]


# --- uploads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4999, MIB, 3 * MIB + 1])
def test_an_upload_arrives_whole_and_is_confirmed(device, fake, size):
    file = make_file(device, size)
    done = device.upload(file)
    assert (done.returncode, done.stderr) == (DONE, "")
    assert "uploaded" in done.stdout
    assert fake.uploaded("a.bin") == file.read_bytes()
    assert fake.results == [("a.bin", "done", 0)]
    assert device.leftovers() == []


@pytest.mark.parametrize("size, asks", [(64 * 1024 - 1, False), (64 * 1024, True)])
def test_only_a_large_body_waits_for_the_leave_to_be_sent(device, fake, size, asks):
    """A small one is there as soon as the leave would be: it saves the way there and back."""
    assert device.upload(make_file(device, size)).returncode == DONE
    method, _, headers = fake.requests[-1]
    assert (method, headers.get("Expect")) == ("PUT", "100-continue" if asks else None)
    assert fake.results == [("a.bin", "done", 0)]


def test_an_upload_that_breaks_off_goes_on_where_it_broke_off(device, fake):
    file = make_file(device)
    fake.faults.extend([None, Cut(MIB + 7)])
    assert device.upload(file).returncode == DONE
    assert methods(fake) == ["HEAD", "PATCH", "HEAD", "PATCH"]
    assert fake.requests[-1][2]["Upload-Offset"] == str(MIB + 7)
    assert fake.uploaded("a.bin") == file.read_bytes()


def test_an_upload_to_a_store_without_tus_is_repeated_whole(device, fake):
    fake.tus = False
    file = make_file(device)
    fake.faults.extend([None, Cut(MIB)])
    assert device.upload(file).returncode == DONE
    assert methods(fake) == ["HEAD", "PUT", "PUT"]
    assert fake.uploaded("a.bin") == file.read_bytes()


def test_a_refused_url_is_replaced_by_a_fresh_one(device, fake):
    file = make_file(device, 1000)
    fake.faults.append(Status(403))
    assert device.upload(file).returncode == DONE
    first, second = (path for _, path, _ in fake.requests)
    assert first != second
    assert fake.uploaded("a.bin") == file.read_bytes()


def test_a_busy_store_is_left_alone_as_long_as_it_says(device, fake):
    file = make_file(device, 1000)
    fake.faults.append(Status(503, {"Retry-After": "2"}))
    start = time.monotonic()
    done = device.upload(file)
    assert done.returncode == DONE
    assert time.monotonic() - start >= 2
    assert "503" in done.stderr


def test_a_file_that_the_store_finds_damaged_is_read_and_sent_again(device, fake):
    file = make_file(device)
    fake.faults.extend([None, Status(400)])
    assert device.upload(file).returncode == DONE
    assert fake.uploaded("a.bin") == file.read_bytes()


@pytest.mark.parametrize("code, word", [(6, "quota"), (4, "larger"), (13, "not registered")])
def test_a_refusal_says_why_and_ends_with_3(device, fake, code, word):
    fake.refuse_with.append(code)
    done = device.upload(make_file(device, 10))
    assert done.returncode == REFUSED
    assert word in done.stderr and f"result_code {code}" in done.stderr
    assert fake.requests == []
    assert device.leftovers() == []


def test_a_busy_platform_is_asked_again(device, fake):
    fake.refuse_with.append(7)
    assert device.upload(make_file(device, 10)).returncode == DONE


def test_a_cancel_by_the_platform_stops_an_upload_at_once(device, fake):
    fake.cancel = True
    fake.faults.extend([None, Stall(MIB, 5)])
    start = time.monotonic()
    done = device.upload(make_file(device, 30 * MIB))
    assert done.returncode == REFUSED
    assert "cancelled" in done.stderr
    assert time.monotonic() - start < 4 * PATIENCE
    assert fake.results == []  # the platform knows already
    assert device.leftovers() == []


def test_a_question_that_got_lost_is_asked_again(device, fake):
    fake.silent = 1
    file = make_file(device, 1000)
    assert device.upload(file).returncode == DONE
    assert [message["type"] for message in fake.messages[:2]] == ["create_upload_task"] * 2


def test_a_done_without_an_object_sends_the_file_again(device, fake):
    fake.verdicts.append(9)
    file = make_file(device, 1000)
    assert device.upload(file).returncode == DONE
    assert methods(fake) == ["PUT", "PUT"]
    assert fake.results == [("a.bin", "done", 0)] * 2


def test_a_platform_that_does_not_know_request_ids_serves_as_well(tmp_path):
    with FakePlatform(echo_ids=False) as platform:
        device = Command(tmp_path, broker=platform.broker)
        file = make_file(device)
        assert device.upload(file).returncode == DONE
        platform.offer("b.bin", file.read_bytes())
        assert device.download("--wait").returncode == DONE
        assert (device.inbox / "b.bin").read_bytes() == file.read_bytes()


def test_an_interrupted_upload_is_remembered_and_goes_on(device, fake):
    file = make_file(device)
    fake.faults.extend([None, Stall(2 * MIB, 3)])
    process = device.start("upload", file)
    wait_for(lambda: len(fake.requests) == 2, what="the upload's beginning")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    done = device.end(process)
    assert done.returncode == FAILED
    assert "go on" in done.stderr
    assert device.leftovers() == ["upload.state"]
    wait_for(lambda: [entry for entry in fake.objects.values() if len(entry["part"]) == 2 * MIB], what="the part")
    assert device.upload(file).returncode == DONE
    assert fake.requests[-1][2]["Upload-Offset"] == str(2 * MIB)
    assert fake.uploaded("a.bin") == file.read_bytes()
    assert device.leftovers() == []


def test_a_file_that_changed_since_the_interruption_is_sent_from_the_beginning(device, fake):
    file = make_file(device)
    fake.faults.extend([None, Stall(2 * MIB, 3)])
    process = device.start("upload", file)
    wait_for(lambda: len(fake.requests) == 2, what="the upload's beginning")
    process.kill()
    device.end(process)
    file.write_bytes(os.urandom(3 * MIB))
    assert device.upload(file).returncode == DONE
    assert fake.uploaded("a.bin") == file.read_bytes()


def test_an_unconfirmed_result_is_told_again_by_the_next_run(device, fake):
    file = make_file(device, 1000)
    fake.ignore_results = True
    process = device.start("upload", file)
    wait_for(lambda: [m for m in fake.messages if m.get("progress", {}).get("state") == "done"], what="done")
    process.kill()
    device.end(process)
    fake.ignore_results = False
    done = device.upload(file)
    assert done.returncode == DONE
    assert methods(fake) == ["PUT"]  # nothing was sent twice
    assert fake.results == [("a.bin", "done", 0)]
    assert device.leftovers() == []


@pytest.mark.parametrize("damage", [lambda old: b"", lambda old: old[:-1], lambda old: b"x" * 5000,
                                    lambda old: bytes([old[0] ^ 1]) + old[1:]])
def test_a_damaged_memory_costs_a_new_beginning_and_nothing_else(device, fake, damage):
    file = make_file(device)
    fake.faults.extend([None, Stall(MIB, 3)])
    process = device.start("upload", file)
    wait_for(lambda: len(fake.requests) == 2, what="the upload's beginning")
    process.kill()
    device.end(process)
    state = device.state / "upload.state"
    state.write_bytes(damage(state.read_bytes()))
    assert device.upload(file).returncode == DONE
    assert fake.uploaded("a.bin") == file.read_bytes()


@pytest.mark.parametrize("what, word", [("nothing", "No such file"), ("folder", "folder"), ("empty", "empty")])
def test_what_cannot_be_sent_is_said_before_anybody_is_asked(device, fake, what, word):
    path = device.folder / what
    if what == "folder":
        path.mkdir()
    elif what == "empty":
        path.touch()
    done = device.upload(path)
    assert done.returncode == FAILED
    assert word in done.stderr
    assert fake.messages == []


def test_a_name_that_the_platform_would_refuse_is_refused_here(device, fake):
    done = device.upload(make_file(device, 1), "--name", "a\nb")
    assert done.returncode == USAGE
    assert "control characters" in done.stderr
    assert fake.messages == []


# --- downloads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 5000, 3 * MIB + 1])
def test_a_download_arrives_whole_and_is_confirmed(device, fake, size):
    body = os.urandom(size)
    fake.offer("b.bin", body)
    done = device.download()
    assert (done.returncode, done.stderr) == (DONE, "")
    assert (device.inbox / "b.bin").read_bytes() == body
    assert fake.results == [("b.bin", "done", 0)]
    assert device.leftovers() == []


def test_nothing_to_fetch_is_no_failure(device, fake):
    done = device.download()
    assert (done.returncode, done.stdout) == (DONE, "nothing to fetch\n")
    done = device.download("--json")
    assert json.loads(done.stdout) == {"event": "nothing", "direction": "download"}


def test_a_download_that_breaks_off_fetches_only_the_rest(device, fake):
    body = os.urandom(3 * MIB)
    fake.offer("b.bin", body)
    fake.faults.append(Cut(MIB + 3))
    assert device.download().returncode == DONE
    assert fake.requests[1][2]["Range"] == f"bytes={MIB + 3}-"
    assert "If-Range" in fake.requests[1][2]
    assert (device.inbox / "b.bin").read_bytes() == body


def test_an_expired_url_is_replaced_and_the_download_goes_on(device, fake):
    body = os.urandom(3 * MIB)
    fake.offer("b.bin", body)
    fake.faults.extend([Cut(MIB), Status(403)])
    assert device.download().returncode == DONE
    assert fake.requests[-1][2]["Range"] == f"bytes={MIB}-"
    assert (device.inbox / "b.bin").read_bytes() == body


def test_a_damaged_download_is_fetched_again(device, fake):
    body = os.urandom(MIB)
    fake.offer("b.bin", body)
    fake.faults.append(Corrupt(500_000))
    assert device.download().returncode == DONE
    assert methods(fake) == ["GET", "GET"]
    assert (device.inbox / "b.bin").read_bytes() == body


def test_a_download_that_is_damaged_each_time_leaves_nothing_and_reports(device, fake):
    fake.offer("b.bin", os.urandom(MIB), announce={"md5": "0" * 32})
    done = device.download()
    assert done.returncode == FAILED
    assert "MD5" in done.stderr
    assert fake.results == [("b.bin", "fail", -4)]
    assert list(device.inbox.iterdir()) == []


def test_a_file_that_changes_between_two_ranges_is_never_mixed(device, fake):
    old, new = os.urandom(2 * MIB), os.urandom(2 * MIB)
    entry = fake.offer("b.bin", old)
    fake.faults.extend([Cut(MIB), Swap(new)])
    process = device.start("download", "--dir", device.inbox)
    wait_for(lambda: len(fake.requests) >= 2, what="the second range")
    entry.update(md5=__import__("hashlib").md5(new).hexdigest())
    assert device.end(process).returncode == DONE
    assert (device.inbox / "b.bin").read_bytes() == new


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", ".hidden", "a/b", "a\\b"])
def test_a_name_that_is_no_file_name_is_refused_and_reported(device, fake, name):
    fake.offer(name, b"x" * 10)
    done = device.download()
    assert done.returncode == FAILED
    assert "name" in done.stderr
    assert fake.requests == []
    assert [(state, code) for _, state, code in fake.results] == [("fail", -1)]
    assert list(device.inbox.iterdir()) == [] and not (device.folder / "evil").exists()


def test_a_strange_but_legal_name_is_kept_and_cannot_move_the_cursor(device, fake):
    name = "größe \"x\" \u202e[2J.bin"
    fake.offer(name, b"x" * 10)
    done = device.download()
    assert done.returncode == DONE
    assert (device.inbox / name).read_bytes() == b"x" * 10


def test_only_what_ferry_wrote_and_nobody_changed_is_replaced(device, fake):
    target = device.inbox / "b.bin"
    for body in (b"first", b"second!"):
        fake.offer("b.bin", body)
        assert device.download().returncode == DONE
        assert target.read_bytes() == body
    target.write_bytes(b"edited by hand")
    fake.offer("b.bin", b"third")
    done = device.download()
    assert done.returncode == FAILED
    assert "move the file" in done.stderr
    assert target.read_bytes() == b"edited by hand"
    assert fake.results[-1] == ("b.bin", "fail", -1)


def test_a_link_in_the_way_is_not_followed(device, fake):
    victim = device.folder / "victim"
    victim.write_bytes(b"mine")
    (device.inbox / "b.bin").symlink_to(victim)
    fake.offer("b.bin", b"x" * 10)
    assert device.download().returncode == FAILED
    assert victim.read_bytes() == b"mine"


def test_a_link_in_place_of_the_partial_file_is_not_followed(device, fake):
    victim = device.folder / "victim"
    victim.write_bytes(b"mine")
    device.part.symlink_to(victim)
    fake.offer("b.bin", b"x" * 10)
    assert device.download().returncode == DONE
    assert victim.read_bytes() == b"mine"
    assert [path.name for path in device.inbox.iterdir()] == ["b.bin"]
    assert (device.inbox / "b.bin").read_bytes() == b"x" * 10


def test_a_folder_in_place_of_the_partial_file_ends_the_download(device, fake):
    device.part.mkdir()
    (device.part / "mine").write_bytes(b"mine")
    fake.offer("b.bin", b"x" * 10)
    assert device.download().returncode == FAILED
    assert (device.part / "mine").read_bytes() == b"mine"
    assert fake.results == [("b.bin", "fail", -1)]


def test_a_file_without_room_is_refused_before_the_first_byte(device, fake, small_disk):
    disk = small_disk(device.folder / "small", 2)
    fake.offer("b.bin", os.urandom(3 * MIB))
    done = device.run("download", "--dir", disk)
    assert done.returncode == FAILED
    assert "space" in done.stderr
    assert fake.requests == []
    assert fake.results == [("b.bin", "fail", -1)]
    assert list(disk.iterdir()) == []


def test_a_cancel_by_the_platform_stops_a_download_at_once(device, fake):
    fake.cancel = True
    fake.slow_s = 0.2
    fake.offer("b.bin", os.urandom(8 * MIB))
    start = time.monotonic()
    done = device.download()
    assert done.returncode == REFUSED
    assert time.monotonic() - start < 10
    assert list(device.inbox.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_download_is_remembered_and_goes_on(device, fake, how):
    body = os.urandom(4 * MIB)
    fake.offer("b.bin", body)
    fake.slow_s = 0.05
    process = device.start("download", "--dir", device.inbox)
    wait_for(lambda: device.part.exists() and device.part.stat().st_size > MIB, what="the first megabyte")
    process.send_signal(how)
    assert device.end(process).returncode == FAILED
    assert sorted(device.leftovers()) == [device.part.name, "download.state"]
    fake.slow_s = 0
    assert device.download().returncode == DONE
    assert int(fake.requests[-1][2]["Range"].removeprefix("bytes=").rstrip("-")) > MIB
    assert (device.inbox / "b.bin").read_bytes() == body
    assert device.leftovers() == []


def test_a_killed_download_goes_on_from_what_was_remembered(device, fake):
    body = os.urandom(16 * MIB)
    fake.offer("b.bin", body)
    fake.slow_s = 0.04
    process = device.start("download", "--dir", device.inbox)
    state = device.state / "download.state"
    wait_for(lambda: state.exists(), timeout_s=20, what="a snapshot")
    process.kill()
    device.end(process)
    fake.slow_s = 0
    assert device.download().returncode == DONE
    assert int(fake.requests[-1][2]["Range"].removeprefix("bytes=").rstrip("-")) >= MIB
    assert (device.inbox / "b.bin").read_bytes() == body


def test_a_partial_file_that_was_tampered_with_never_becomes_a_file(device, fake):
    body = os.urandom(4 * MIB)
    fake.offer("b.bin", body)
    fake.slow_s = 0.05
    process = device.start("download", "--dir", device.inbox)
    wait_for(lambda: device.part.exists() and device.part.stat().st_size > MIB, what="the first megabyte")
    process.send_signal(signal.SIGTERM)
    device.end(process)
    fake.slow_s = 0
    device.part.write_bytes(b"")
    assert device.download().returncode == DONE
    assert (device.inbox / "b.bin").read_bytes() == body


# --- the agent -------------------------------------------------------------------------------------


def test_an_agent_takes_what_is_there_and_what_is_pushed_and_ends_cleanly(device, fake):
    fake.offer("one", b"1" * 1000)
    process = device.start("agent", "--dir", device.inbox, "--json")
    wait_for(lambda: (device.inbox / "one").exists(), what="the first file")
    wait_for(lambda: fake.messages[-1]["type"] == "get_download_task", what="the next question")
    time.sleep(0.2)
    fake.offer("two", b"2" * 2000)
    fake.push(device.product, device.device)
    wait_for(lambda: (device.inbox / "two").exists(), what="the pushed file")
    wait_for(lambda: len(fake.results) == 2 and fake.messages[-1]["type"] == "get_download_task", what="both reports")
    process.send_signal(signal.SIGTERM)
    done = device.end(process)
    assert done.returncode == DONE
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["name"] for event in events if event["event"] == "done"] == ["one", "two"]
    assert done.stderr == ""


def test_an_agent_goes_on_after_a_file_that_it_cannot_take(device, fake):
    fake.offer("../bad", b"x")
    process = device.start("agent", "--dir", device.inbox)
    wait_for(lambda: fake.results, what="the report")
    fake.offers.popleft() if fake.offers and fake.offers[0]["name"] == "../bad" else None
    fake.offer("good", b"y" * 10)
    time.sleep(0.5)
    fake.push(device.product, device.device)
    wait_for(lambda: (device.inbox / "good").exists(), what="the good file")
    process.send_signal(signal.SIGTERM)
    assert device.end(process).returncode == DONE


def test_an_agent_whose_folder_was_replaced_uses_the_new_one(device, fake):
    fake.offer("one", b"1" * 10)  # before the agent asks: nothing tells it later
    process = device.start("agent", "--dir", device.inbox)
    wait_for(lambda: len(fake.results) == 1 and fake.messages[-1]["type"] == "get_download_task", what="the first file")
    (device.inbox / "one").unlink()
    device.inbox.rmdir()
    device.inbox.mkdir()
    time.sleep(0.2)
    fake.offer("two", b"2" * 10)
    fake.push(device.product, device.device)
    wait_for(lambda: len(fake.results) == 2, what="its first try")
    time.sleep(1.5)  # the agent's pause after a failure
    fake.offer("three", b"3" * 10)
    fake.push(device.product, device.device)
    wait_for(lambda: (device.inbox / "three").exists(), what="a file in the new folder")
    process.send_signal(signal.SIGTERM)
    assert device.end(process).returncode == DONE


def test_an_agent_survives_a_broker_that_goes_and_comes_back(device, fake):
    process = device.start("agent", "--dir", device.inbox)
    wait_for(lambda: fake.messages, what="the first question")
    fake.stop_broker()
    time.sleep(2)
    fake.messages.clear()
    fake.offer("one", b"1" * 1000)  # before the agent can ask
    fake.start_broker()
    wait_for(lambda: (device.inbox / "one").exists(), timeout_s=30, what="the file after the outage")
    process.send_signal(signal.SIGTERM)
    done = device.end(process)
    assert done.returncode == DONE
    assert "no connection" in done.stderr and "connected" in done.stderr


def test_an_idle_agent_costs_next_to_no_cpu(device, fake):
    process = device.start("agent", "--dir", device.inbox)
    wait_for(lambda: fake.messages, what="the question")

    time.sleep(0.5)
    before = processor_s(process.pid)
    time.sleep(2)
    assert processor_s(process.pid) - before < 0.025
    process.send_signal(signal.SIGTERM)
    device.end(process)


# --- the network, and the command itself -----------------------------------------------------------


def test_without_a_broker_the_command_says_so_and_ends_with_4(device, fake):
    fake.stop_broker()
    start = time.monotonic()
    done = device.upload(make_file(device, 10), "--give-up", "3")
    assert done.returncode == NETWORK
    assert time.monotonic() - start < 10 * PATIENCE
    assert "no connection to mqtt://" in done.stderr and "go on" in done.stderr
    assert device.leftovers() == ["upload.state"]
    fake.start_broker()
    assert device.upload(device.folder / "a.bin").returncode == DONE


def test_a_refused_credential_ends_with_3_and_says_what_to_check(tmp_path):
    with FakePlatform(broker_password="x") as platform:
        device = Command(tmp_path, broker=platform.broker)
        done = device.upload(make_file(device, 10))
        assert done.returncode == REFUSED
        assert "secret" in done.stderr


def test_a_store_that_is_gone_ends_with_4_and_the_next_run_goes_on(device, fake):
    file = make_file(device, 2 * MIB)
    fake.faults.extend([Status(500)] * 20)
    done = device.upload(file, "--give-up", "2")
    assert done.returncode == NETWORK
    assert "HTTP status 500" in done.stderr
    fake.faults.clear()
    assert device.upload(file).returncode == DONE


def test_one_identity_works_once(device, fake):
    process = device.start("agent", "--dir", device.inbox)
    wait_for(lambda: fake.messages, what="the first agent")
    done = device.download()
    assert done.returncode == FAILED
    assert "another process" in done.stderr
    process.send_signal(signal.SIGTERM)
    device.end(process)


def test_the_vendors_device_file_is_understood(device, fake):
    info = device.folder / "device_info.json"
    info.write_text(json.dumps({"auth_mode": "KEY", "productId": "p1", "deviceName": "d1",
                                "key_deviceinfo": {"deviceSecret": SECRET}}))
    device.options[:6] = ["--device-info", info]
    assert device.upload(make_file(device, 10)).returncode == DONE
    info.write_text("{")
    assert device.upload(make_file(device, 10)).returncode == USAGE


@pytest.mark.parametrize("args, word", [
    ([], ""), (["upload"], "FILE"), (["fly"], "fly"), (["download", "x"], "too many"),
    (["download", "--limit-rate", "fast"], "limit-rate"), (["download", "--broker", "http://x"], "mqtt://"),
    (["download", "--secret-file", "/nonexistent"], "/nonexistent"), (["download", "--nonsense"], "nonsense"),
])
def test_a_wrong_call_ends_with_2_and_says_what_is_wrong(device, fake, args, word):
    done = device.run(*args)
    assert done.returncode == USAGE
    assert word in done.stderr
    assert fake.messages == []


def test_settings_come_from_flags_then_environment_then_file(device, fake):
    config = device.folder / "ferry.ini"
    config.write_text(f"broker = {fake.broker}\nstate-dir = {device.folder / 'state'}\nproduct = p1\ndevice = wrong\n")
    device.options = ["--secret-file", device.secret_file]
    done = device.upload(make_file(device, 10), env={"FERRY_CONFIG": str(config), "FERRY_DEVICE": "d1"})
    assert done.returncode == DONE
    assert (device.state).is_dir()


def test_json_is_all_that_is_printed(device, fake):
    file = make_file(device)
    fake.faults.extend([None, Cut(MIB)])
    done = device.upload(file, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (events[-1]["event"], events[-1]["name"], events[-1]["size"]) == ("done", "a.bin", 3 * MIB)
    assert done.stderr == ""
    fake.refuse_with.append(6)
    done = device.upload(file, "--json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["error"], last["exit"]) == ("failed", "FERRY_DEVICE_E_REFUSED", REFUSED)
    assert done.stderr == ""


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_a_rate_limit_is_kept(device, fake, direction):
    body = os.urandom(MIB)
    start = time.monotonic()
    if direction == "upload":
        (device.folder / "a.bin").write_bytes(body)
        assert device.upload(device.folder / "a.bin", "--limit-rate", "512k").returncode == DONE
    else:
        fake.offer("b.bin", body)
        assert device.download("--limit-rate", "512k").returncode == DONE
    assert 1.3 < time.monotonic() - start < 6 * PATIENCE


@pytest.mark.parametrize("fault, options", [
    (Stall(MIB, 30), ["--stall-timeout", "1s"]),
    (Trickle(MIB, 20_000), ["--low-speed", "200k", "--low-speed-time", "1s"])], ids=["stalled", "trickling"])
def test_what_is_too_slow_is_said_by_options(device, fake, fault, options):
    fake.faults.append(fault)
    fake.offer("b.bin", os.urandom(2 * MIB))
    start = time.monotonic()
    assert device.download(*options).returncode == DONE
    assert time.monotonic() - start < 12 * PATIENCE
    assert methods(fake) == ["GET", "GET"]


def test_a_transfer_that_trickles_goes_on_when_slowness_is_allowed(device, fake):
    fake.faults.append(Trickle(MIB, 200_000))
    fake.offer("b.bin", os.urandom(MIB + 500_000))
    assert device.download("--low-speed", "0", "--low-speed-time", "1s").returncode == DONE
    assert methods(fake) == ["GET"]


def test_the_secret_is_not_in_the_process_list(device, fake):
    process = device.start("agent", "--dir", device.inbox)
    wait_for(lambda: fake.messages, what="the agent")
    for name in ("cmdline", "environ"):
        with open(f"/proc/{process.pid}/{name}", "rb") as file:
            assert SECRET.encode() not in file.read()
    process.send_signal(signal.SIGTERM)
    device.end(process)
