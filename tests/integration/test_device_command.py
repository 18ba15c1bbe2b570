"""The command `ferry` against a real platform: what the device did, and what the operator sees."""
import hashlib
import json
import os
import re
import signal
import time

import pytest
from device_command import DONE, FAILED, REFUSED, USAGE, Command
from ferry import THREADS_WATCHED, wait_for

MIB = 1 << 20


def upload_row(command):
    (row,) = command.platform.api.uploads(command.product, command.device)
    return row


@pytest.fixture
def command(tmp_path, platform, product):
    command = Command.of(tmp_path, platform, platform.new_device(product))
    yield command
    command.close()


def make_file(folder, size, name="a.bin"):
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path


def deploy(command, name, body):
    command.platform.api.resource_add(command.product, name, body)
    return command.platform.api.deploy(command.product, name, [command.device])["id"]


@pytest.mark.parametrize("size", [1, 100_000, 5 * MIB])
def test_an_upload_is_on_the_platform_whole_when_the_command_ends(command, tmp_path, size):
    file = make_file(tmp_path, size)
    done = command.run("upload", file, "--name", "log/today ä.bin")
    assert (done.returncode, done.stderr) == (DONE, "")
    row = upload_row(command)
    assert (row["name"], row["state"], row["size"]) == ("log/today ä.bin", "done", size)
    assert command.platform.api.upload_bytes(row["id"]) == file.read_bytes()


def test_the_same_file_again_is_done_again(command, tmp_path):
    file = make_file(tmp_path, 1000)
    assert command.run("upload", file).returncode == DONE
    assert command.run("upload", file).returncode == DONE


def test_a_killed_upload_goes_on_and_arrives_once(command, tmp_path):
    def taken_in():
        return command.platform.api.metric("ferry_transfer_bytes_total")

    file, before = make_file(tmp_path, 16 * MIB), taken_in()
    process = command.start("upload", file, "--limit-rate", "4M")
    wait_for(lambda: command.platform.api.uploads(command.product), what="the task")
    time.sleep(3)
    process.send_signal(signal.SIGKILL)
    command.end(process)
    assert command.run("upload", file, "--limit-rate", "4M").returncode == DONE
    assert taken_in() - before < 22 * MIB  # not all of it again
    row = upload_row(command)
    assert row["state"] == "done"
    assert command.platform.api.upload_bytes(row["id"]) == file.read_bytes()


@pytest.mark.parametrize("size", [1, 5 * MIB])
def test_a_deployed_file_arrives_and_the_operator_sees_it(command, size):
    body = os.urandom(size)
    deployment = deploy(command, "firmware.bin", body)
    done = command.run("download", "--dir", command.inbox, "--wait")
    assert (done.returncode, done.stderr) == (DONE, "")
    assert (command.inbox / "firmware.bin").read_bytes() == body
    assert [path.name for path in command.inbox.iterdir()] == ["firmware.bin"]
    assert command.platform.api.download_task(deployment, command.device)["state"] == "done"


@pytest.mark.skipif(THREADS_WATCHED, reason="the bar is drawn by the clock")
@pytest.mark.parametrize("direction", ["upload", "download"])
def test_a_terminal_shows_a_bar_with_rate_and_time_left(command, tmp_path, direction):
    file = make_file(tmp_path, 2 * MIB)
    if direction == "upload":
        status, screen = command.on_terminal("upload", file, "--limit-rate", "1M")
    else:
        deploy(command, "a.bin", file.read_bytes())
        status, screen = command.on_terminal("download", "--dir", command.inbox, "--limit-rate", "1M")
    assert status == DONE
    line = r"a\.bin  \[#*\.+\]  +(\d+) %  +[\d.]+ of 2\.0 MiB  +[\d.]+ [KM]iB/s  +0:\d\d left"
    percents = [int(percent) for percent in re.findall(line, screen)]
    assert len(percents) > 3 and percents == sorted(percents), screen
    assert screen.endswith("iB/s), verified\r\n"), screen


def test_nothing_deployed_is_nothing_to_fetch(command):
    done = command.run("download", "--dir", command.inbox)
    assert (done.returncode, done.stdout) == (DONE, "nothing to fetch\n")


def test_an_interrupted_download_goes_on(command):
    body = os.urandom(8 * MIB)
    deployment = deploy(command, "big.bin", body)
    process = command.start("download", "--dir", command.inbox, "--limit-rate", "4M")
    wait_for(lambda: command.part.exists() and command.part.stat().st_size > 2 * MIB, what="two megabytes")
    assert command.stop(process).returncode == FAILED
    assert command.run("download", "--dir", command.inbox).returncode == DONE
    assert (command.inbox / "big.bin").read_bytes() == body
    assert command.platform.api.download_task(deployment, command.device)["state"] == "done"


def test_a_cancelled_deployment_stops_the_device(command):
    deployment = deploy(command, "big.bin", os.urandom(16 * MIB))
    process = command.start("download", "--dir", command.inbox, "--limit-rate", "2M")
    wait_for(lambda: command.part.exists() and command.part.stat().st_size > MIB, what="the first megabyte")
    command.platform.api.deployment_cancel(deployment)
    done = command.end(process)
    assert done.returncode == REFUSED
    assert list(command.inbox.iterdir()) == []


def test_an_agent_takes_one_deployment_after_the_other(command):
    process = command.start("agent", "--dir", command.inbox, "--json")
    bodies = {f"file-{i}": os.urandom(20_000 + i) for i in range(5)}
    deployments = [deploy(command, name, body) for name, body in bodies.items()]
    for deployment in deployments:
        command.platform.api.wait_download(deployment, command.device, "done")
    assert command.stop(process).returncode == DONE
    for name, body in bodies.items():
        assert (command.inbox / name).read_bytes() == body
    assert [event["name"] for event in command.events(process, "done")] == list(bodies)


def test_two_devices_upload_the_same_name_at_once_and_do_not_meet(tmp_path, platform, product):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    commands = [Command.of(folder, platform, platform.new_device(product)) for folder in folders]
    files = [make_file(folder, 3 * MIB) for folder in folders]
    processes = [command.start("upload", file) for command, file in zip(commands, files)]
    for command, file, process in zip(commands, files, processes):
        assert command.end(process).returncode == DONE
        assert platform.api.upload_bytes(upload_row(command)["id"]) == file.read_bytes()


def test_a_wrong_secret_is_refused_with_advice(command, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("bm90IHRoZSBzZWNyZXQ=")
    wrong.chmod(0o600)
    done = command.run("upload", make_file(tmp_path, 10), "--secret-file", wrong)
    assert done.returncode == REFUSED
    assert "secret" in done.stderr


def test_an_upload_survives_a_platform_that_restarts(make_platform, tmp_path):
    platform = make_platform()
    platform.pin_ports()
    command = Command.of(tmp_path, platform, platform.new_device())
    file = make_file(tmp_path, 8 * MIB)
    process = command.start("upload", file, "--limit-rate", "4M")
    wait_for(lambda: platform.api.uploads(command.product), what="the task")
    time.sleep(0.7)
    platform.restart()
    done = command.end(process)
    assert done.returncode == DONE, done.stderr
    row = upload_row(command)
    assert row["state"] == "done"
    assert platform.api.upload_bytes(row["id"]) == file.read_bytes()


@pytest.mark.parametrize("args, word", [
    (["upload", "x", "--wait"], "--wait is an option of download"), (["download", "--name", "x"], "--name is an option of upload"),
    (["upload", "x", "--hook", "/bin/true"], "--hook is an option of agent"),
    (["agent", "--give-up", "1s"], "--give-up is an option of upload, download"),
])
def test_an_option_of_another_command_is_refused_with_where_it_belongs(command, args, word):
    done = command.run(*args)
    assert done.returncode == USAGE
    assert word in done.stderr


def test_settings_of_other_commands_may_stand_in_the_file(command, tmp_path):
    ini = tmp_path / "ferry.ini"
    ini.write_text("hook = /nonexistent\nhook-timeout = 1m\ndir = /nonexistent\n")
    done = command.run("upload", make_file(tmp_path, 10), "--config", ini)
    assert (done.returncode, done.stderr) == (DONE, "")


def test_a_name_that_json_cannot_hold_still_gives_json(command, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.bin"
    with open(path, "wb") as file:
        file.write(b"x")
    done = command.run("upload", path, "--json")
    (event,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, event["event"], event["exit"]) == (USAGE, "failed", USAGE)
    assert "UTF-8" in event["message"] and done.stderr == ""


def test_json_tells_what_was_received(command):
    body = os.urandom(1000)
    deploy(command, "f", body)
    done = command.run("download", "--dir", command.inbox, "--wait", "--json")
    event = json.loads(done.stdout.splitlines()[-1])
    assert event["event"] == "done" and event["direction"] == "download" and event["size"] == 1000
    assert event["path"] == str(command.inbox / "f") and event["md5"] == hashlib.md5(body).hexdigest()
