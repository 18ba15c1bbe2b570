"""The operator's command: every command, for people and for scripts, its exit status, and what it says when it cannot."""
import base64
import hashlib
import http.server
import json
import os
import stat
import subprocess
import threading
import time

import pytest

from environment import without_settings
from ferry import SOURCE_DIR, program, unique_name, wait_for
from terminal import run_on_terminal

DONE, FAILED, USAGE, REFUSED, NETWORK = range(5)
NO_ID = "01arz3ndektsv4rrffq69g5fav"
TIMEOUT_S = 60


def clean_environment(**more):
    env = without_settings()
    return {**env, "TERM": "xterm", **more}


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def rows(self):
        return [json.loads(line) for line in self.out.splitlines()]


def run(*words, status=DONE, stdin=b"", env=None, cwd=None):
    """ferryctl with exactly these words."""
    done = subprocess.run([str(program("ferryctl")), *map(str, words)], input=stdin, capture_output=True,
                          timeout=TIMEOUT_S, env=env or clean_environment(), cwd=cwd, check=False)
    result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert result.status == status, f"{words}: {result.status}\n{result.out}\n{result.err}"
    if status != DONE:
        assert result.err.startswith("ferryctl: ") and result.err.count("\n") == 1, "one line says why"
    return result


class Ctl:
    """ferryctl against one platform."""

    def __init__(self, platform):
        self.platform = platform

    def __call__(self, *words, **options):
        return run("--data", self.platform.data, *words, **options)

    def rows(self, *words, **options):
        result = self("--json", *words, **options)
        assert result.err == "", "nothing else"
        return result.rows

    def row(self, *words, **options):
        (row,) = self.rows(*words, **options)
        return row

    def on_terminal(self, *words):
        """Runs it on a terminal; gives status and what the terminal saw."""
        return run_on_terminal([program("ferryctl"), "--data", self.platform.data, *words], clean_environment())


@pytest.fixture
def ctl(platform):
    return Ctl(platform)


@pytest.fixture
def file(tmp_path):
    """file(name, data): its path."""
    def make(name="file.bin", data=b"the content of a file"):
        path = tmp_path / name
        path.write_bytes(data)
        return path
    return make


# --- usage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["product"], ["product", "nonsense"], ["product", "add"], ["product", "add", "a", "b"],
    ["device", "add", "nodevice"], ["device", "show", "a/b/c"], ["device", "show", "a/"], ["device", "rm", "/b"],
    ["resource", "add", "p"], ["resource", "get", NO_ID], ["upload", "get", NO_ID], ["deploy", "p"], ["status", "x"],
    ["deploy", "p", "r"], ["deploy", "p", "r", "--all", "--device", "d"], ["deploy", "p", "r", "--device", "q/d"],
    ["deploy", "p", "r", "--rate", "0", "--all"], ["deploy", "p", "r", "--timeout", "1s", "--all"],
    ["product", "list", "--force"], ["--nonsense", "status"], ["status", "--json=1"], ["upload", "list", "--limit", "x"],
    ["resource", "add", "p", "-"], ["upload", "list", "a/b c"],
])
def test_wrong_usage_is_told_in_one_line(ctl, words):
    result = ctl(*words, status=USAGE)
    assert result.out == "" and len(result.err) > 25


def test_help_lists_every_command_and_option():
    text = run("--help").out
    for command in ("product add P", "device disable P/D", "deploy P NAME", "deployment watch ID", "upload get ID",
                    "status", "--token-file FILE", "Exit status: 0 done, 1 failed, 2 wrong usage"):
        assert command in text
    deploy = run("deploy", "--help").out
    assert "--devices-file FILE" in deploy and "product add" not in deploy
    assert "deployment cancel ID" in run("deployment", "-h").out
    assert run("upload", "get", "--help").out.count("upload ") == 1


def test_the_manual_page_has_every_command_and_option():
    manual = (SOURCE_DIR / "packaging" / "man" / "ferryctl.1").read_text().replace("\\-", "-")
    commands, options = set(), set()
    for line in run("--help").out.splitlines():
        words = line.split()
        if line.startswith("  ") and words[0].islower() and words[0].isalpha():
            commands.add(words[0] if words[0] in ("deploy", "events", "settings", "statistics", "status") else " ".join(words[:2]))
    for command in commands:
        options |= {word for word in run(*command.split(), "--help").out.split() if word.startswith("--")}
    assert len(commands) > 20 and len(options) > 15
    assert [command for command in commands if command not in manual] == []
    assert [option for option in options if option not in manual] == []


def test_version():
    assert run("--version").out.startswith("ferryctl 0.")
    assert run("-V").out == run("--version").out


# --- where the platform is ------------------------------------------------------------------------------------------


def test_address_and_token_come_from_flag_environment_or_data_folder(platform, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text(platform.token + "\n")
    api, data = platform.api_url, str(platform.data)
    run("--api", api + "/", "--token-file", token_file, "status")
    run("--api", api, "--data", data, "status")
    run("--token-file", token_file, "--data", data, "status")
    run("status", env=clean_environment(FERRY_DATA=data))
    run("status", env=clean_environment(FERRY_API=api, FERRY_TOKEN_FILE=str(token_file)))
    run("--data", data, "status", env=clean_environment(FERRY_DATA="/nowhere"))
    run("status", env=clean_environment(FERRY_DATA=data, http_proxy="http://127.0.0.1:1"))


def test_a_platform_that_is_not_there_is_a_matter_of_the_network(tmp_path, platform):
    token_file = tmp_path / "token"
    token_file.write_text(platform.token)
    nobody = run("--data", tmp_path, "status", status=NETWORK)
    assert f"ferryd --data {tmp_path}" in nobody.err
    dead = run("--api", "http://127.0.0.1:1", "--token-file", token_file, "status", status=NETWORK)
    assert "does not answer at http://127.0.0.1:1" in dead.err
    left = tmp_path / "left"
    (left / "run").mkdir(parents=True)
    (left / "run" / "ferryd.json").write_text('{"api":"http://127.0.0.1:1"}')
    (left / "admin.token").write_text(platform.token)
    assert f"Start it with: ferryd --data {left}" in run("--data", left, "status", status=NETWORK).err
    assert "nonsense://x" in run("--api", "nonsense://x", "--token-file", token_file, "status", status=NETWORK).err


@pytest.mark.parametrize("content, status", [
    ("", FAILED), ("\n", FAILED), ("two words", FAILED), ("x" * 5000, FAILED), ("ferry_wrong", REFUSED), (None, FAILED),
])
def test_a_token_that_is_none(platform, tmp_path, content, status):
    token_file = tmp_path / "token"
    if content is not None:
        token_file.write_text(content)
    result = run("--api", platform.api_url, "--token-file", token_file, "product", "list", status=status)
    assert "token" in result.err


def test_the_token_is_never_on_a_command_line_or_in_an_error(platform, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text("ferry_secret_guess")
    result = run("--api", platform.api_url, "--token-file", token_file, "product", "list", status=REFUSED)
    assert "secret_guess" not in result.err


def answering(status, body, content_type="application/json"):
    """A server that answers everything so."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.parametrize("status, body", [
    (200, b"<html>"), (200, b""), (404, b"not here"), (500, b"{}"), (302, b""), (200, b'"\xff"'),
    (401, b'{"detail":1,"code":[]}'),
])
def test_what_is_no_platform_is_told_from_one(tmp_path, status, body):
    token_file = tmp_path / "token"
    token_file.write_text("x")
    server = answering(status, body)
    try:
        result = run("--api", f"http://127.0.0.1:{server.server_port}", "--token-file", token_file, "status",
                     status=NETWORK)
        assert str(server.server_port) in result.err
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"items":1}', b'{"items":[1,null,{"name":5}],"next":7}', b"null", b"1"])
def test_answers_of_another_shape_do_not_crash(tmp_path, body):
    token_file = tmp_path / "token"
    token_file.write_text("x")
    server = answering(200, body)
    base = [str(program("ferryctl")), "--api", f"http://127.0.0.1:{server.server_port}", "--token-file", str(token_file)]
    try:
        for words in (["status"], ["product", "list"], ["device", "list"], ["device", "show", "a/b"], ["upload", "list"],
                      ["deployment", "show", "x"], ["deployment", "watch", "x"], ["resource", "show", "p", "n"],
                      ["upload", "get", "x", "-o", str(tmp_path / "f")], ["deployment", "cancel", "x", "--device", "d"],
                      ["resource", "rm", "p", "n", "--all-versions"]):
            done = subprocess.run(base + words, capture_output=True, timeout=TIMEOUT_S, env=clean_environment(),
                                  check=False)
            assert 0 <= done.returncode <= 4, (words, done.returncode, done.stderr)
            assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr
    finally:
        server.shutdown()
        server.server_close()


# --- products and devices ---------------------------------------------------------------------------------------------


def test_products(ctl):
    name = unique_name("p")
    assert ctl("product", "add", name).out == f"{name} added\n"
    assert "(exists)" in ctl("product", "add", name, status=REFUSED).err
    assert name in ctl("product", "list").out
    assert name in [row["name"] for row in ctl.rows("product", "list")]
    assert ctl("product", "rm", name).out == f"{name} removed\n"
    assert "(not_found)" in ctl("product", "rm", name, status=REFUSED).err
    assert ctl.row("product", "add", name)["name"] == name
    assert ctl.row("product", "rm", name) == {"removed": name}
    assert "1 to 64" in ctl("product", "add", "a b", status=REFUSED).err


def test_devices(ctl, product):
    name = f"{product}/d:1"
    added = ctl("device", "add", name)
    secret = added.out.split("Secret:")[1].split()[0]
    assert len(base64.b64decode(secret)) == 32 and "not shown again" in added.err
    assert secret not in ctl("device", "show", name).out
    assert ctl("device", "disable", name).out == f"{name} disabled\n"
    assert ctl.row("device", "show", name)["disabled"] is True
    assert "yes" in ctl("device", "list", product).out
    assert ctl.row("device", "enable", name)["disabled"] is False
    assert ctl("device", "rm", name).out == f"{name} removed\n"
    ctl("device", "show", name, status=REFUSED)
    assert "ferryctl device add" in ctl("device", "list", product).err, "an empty list says what to do next"
    assert ctl("--json", "device", "list", product).err == ""
    ctl("device", "list", "nobody", status=REFUSED)


def test_devices_of_all_products_are_one_table(ctl, platform):
    ones = [platform.new_device(), platform.new_device()]
    out = ctl("device", "list").out
    assert out.count("DEVICE") == 1
    assert all(f"{one.product}/{one.device}" in out for one in ones)
    assert len(ctl.rows("device", "list", "--limit", "2")) == 2


def test_device_info_is_what_the_vendors_sdk_reads(ctl, product, tmp_path):
    path = tmp_path / "device_info.json"
    row = ctl.row("device", "add", f"{product}/d", "--device-info", path)
    info = json.loads(path.read_text())
    assert (info["auth_mode"], info["productId"], info["deviceName"]) == ("KEY", product, "d")
    assert info["key_deviceinfo"]["deviceSecret"] == row["secret"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_device_info_that_cannot_be_written_does_not_lose_the_secret(ctl, product, tmp_path):
    result = subprocess.run([str(program("ferryctl")), "--data", str(ctl.platform.data), "device", "add", f"{product}/d",
                             "--device-info", str(tmp_path / "no" / "where")], capture_output=True,
                            env=clean_environment(), timeout=TIMEOUT_S, check=False)
    assert result.returncode == FAILED and b"Secret:" in result.stdout and b"shown above" in result.stderr


def test_a_device_brings_the_secret_that_it_has(ctl, product, file):
    secret = base64.b64encode(b"0123456789abcdef").decode()
    path = file("secret", secret.encode() + b"\n")
    assert ctl.row("device", "add", f"{product}/a", "--secret-file", path)["secret"] == secret
    assert ctl.row("device", "add", f"{product}/b", "--secret-file", "-", stdin=secret.encode())["secret"] == secret
    assert "secret" in ctl("device", "add", f"{product}/c", "--secret-file", file("bad", b"!!"), status=REFUSED).err
    ctl("device", "add", f"{product}/c", "--secret-file", file("empty", b"\n"), status=FAILED)
    ctl("device", "add", f"{product}/c", "--secret-file", "/nowhere", status=FAILED)


def test_lists_are_sorted_both_ways(ctl, product):
    names = [f"d{n}" for n in range(3)]
    for name in names:
        ctl("device", "add", f"{product}/{name}")
        ctl("resource", "add", product, __file__, "--name", name)
    for words, by in ((("device", "list", product), "name"), (("resource", "list", product), "created_at")):
        assert [row["name"] for row in ctl.rows(*words, "--sort", by)] == names
        assert [row["name"] for row in ctl.rows(*words, "--sort", f"-{by}")] == names[::-1]
        assert [row["name"] for row in ctl.rows(*words, f"--sort=-{by}", "--limit", "1")] == names[:1:-1]
        assert f'"sort" must be {by}, -{by}, ' in ctl(*words, "--sort", "seq", status=REFUSED).err
    assert [row["name"] for row in ctl.rows("resource", "list", product, "--sort", "-name", "--limit", "2")] == names[:0:-1]
    assert "needs \"product\"" in ctl("resource", "list", "--sort", "size", status=REFUSED).err
    seqs = [row["seq"] for row in ctl.rows("audit", "list", "--sort", "seq", "--limit", "5")]
    assert seqs == sorted(seqs) and len(seqs) == 5
    assert ctl.rows("upload", "list", product, "--sort", "created_at") == []
    assert ctl.rows("deployment", "list", product, "--sort", "created_at") == []


def test_long_lists_come_page_after_page(ctl, platform, product):
    for n in range(260):
        platform.api.device_add(product, f"d{n:03}")
    out = ctl("device", "list", product).out.splitlines()
    assert len(out) == 261 and out[0].startswith("DEVICE") and out[-1].startswith(f"{product}/d259")
    assert len({line.index("-") for line in (row[len(product):] for row in out[1:])}) == 1, "aligned to the last row"
    assert len(ctl.rows("device", "list", product)) == 260
    assert [row["name"] for row in ctl.rows("device", "list", product, "--prefix", "d25", "-n", "3")] == ["d250", "d251", "d252"]


# --- resources --------------------------------------------------------------------------------------------------------


def test_resources(ctl, product, file, tmp_path):
    data = os.urandom(200_000)
    path = file("fw.bin", data)
    resource = ctl.row("resource", "add", product, path)
    assert (resource["name"], resource["size"]) == ("fw.bin", len(data))
    assert resource["md5"] == hashlib.md5(data).hexdigest()
    assert resource["id"] in ctl("resource", "list", product).out
    assert ctl.row("resource", "show", resource["id"]) == ctl.row("resource", "show", product, "fw.bin") == resource
    assert "195.3 KiB" in ctl("resource", "show", product, "fw.bin").out
    for words in ([resource["id"]], [product, "fw.bin"]):
        ctl("resource", "get", *words, "-o", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == data
    assert ctl("resource", "rm", resource["id"]).out == f"{resource['id']} removed\n"
    ctl("resource", "show", product, "fw.bin", status=REFUSED)
    ctl("resource", "show", resource["id"], status=REFUSED)
    assert "ferryctl resource add" in ctl("resource", "list", product).err


def test_resource_names(ctl, product, file):
    path = file("plain", b"x")
    assert ctl.row("resource", "add", product, path, "--name", "a/b é?&.bin")["name"] == "a/b é?&.bin"
    assert ctl.row("resource", "show", product, "a/b é?&.bin")["size"] == 1
    assert ctl.row("resource", "add", product, "-", "--name", "piped", stdin=b"12345")["size"] == 5
    assert "--force" in ctl("resource", "add", product, path, "--name", "x" * 64).err, "a note about vendor devices"
    assert ctl("resource", "add", product, path, "--name", "x" * 63).err == ""
    ctl("resource", "add", product, path, "--name", "a\nb", status=USAGE)
    ctl("resource", "add", product, path, "--name", "x" * 256, status=USAGE)


def test_versions_are_not_removed_by_mistake(ctl, product, file):
    ids = [ctl.row("resource", "add", product, file("fw", data))["id"] for data in (b"1", b"2", b"3")]
    ctl.row("resource", "add", product, file("fw2", b"other"))
    assert ctl.row("resource", "show", product, "fw")["id"] == ids[2], "the newest"
    assert "3 versions" in ctl("resource", "rm", product, "fw", status=USAGE).err
    assert {row["removed"] for row in ctl.rows("resource", "rm", product, "fw", "--all-versions")} == set(ids)
    assert [row["name"] for row in ctl.rows("resource", "list", product)] == ["fw2"]


@pytest.mark.parametrize("make, words", [
    (lambda path: None, "No such file"), (lambda path: path.mkdir(), "is a folder"), (lambda path: path.touch(), "is empty"),
])
def test_a_file_that_cannot_be_sent(ctl, product, tmp_path, make, words):
    path = tmp_path / "source"
    make(path)
    assert words in ctl("resource", "add", product, path, status=FAILED).err
    assert ctl.rows("resource", "list", product) == []


def test_a_large_file_of_an_unknown_product_is_refused_before_its_bytes(ctl, file):
    path = file("large", b"\0" * (50 << 20))
    start = time.monotonic()
    assert "(not_found)" in ctl("resource", "add", "nobody", path, status=REFUSED).err
    assert time.monotonic() - start < 5


# --- deployments ------------------------------------------------------------------------------------------------------


@pytest.fixture
def fleet(ctl, platform, product, file):
    for n in range(3):
        platform.api.device_add(product, f"d{n}")
    ctl("resource", "add", product, file("fw", b"firmware"))
    return product


def task_states(ctl, deployment):
    return {row["device"]: row["state"] for row in ctl.rows("deployment", "show", deployment)[1:]}


def test_deploy_to_some_devices(ctl, fleet):
    deployment = ctl.row("deploy", fleet, "fw", "--device", "d0", "--device", f"{fleet}/d2", "--rate", "30/min",
                         "--timeout", "10m")
    assert (deployment["rate_per_min"], deployment["timeout_s"], deployment["counts"]["total"]) == (30, 600, 2)
    assert set(task_states(ctl, deployment["id"])) == {"d0", "d2"}
    out = ctl("deployment", "show", deployment["id"]).out
    assert "0 of 2" in out and "30/min" in out and "10 min" in out and "DEVICE" in out
    assert [row["device"] for row in ctl.rows("deployment", "show", deployment["id"], "--device", "d2")[1:]] == ["d2"]
    assert ctl.rows("deployment", "show", deployment["id"], "--state", "done")[1:] == []
    (listed,) = ctl.rows("deployment", "list", fleet)
    assert listed["id"] == deployment["id"] and listed["counts"]["total"] == 2
    assert "0 of 2" in ctl("deployment", "list", fleet, "--state", "active").out
    ctl("deployment", "list", fleet, "--state", "nonsense", status=REFUSED)


def test_deploy_to_a_file_of_names(ctl, fleet, file):
    names = file("names", f"# the first ones\n\n  d0  \r\n{fleet}/d1 # with a note\n\n".encode())
    deployment = ctl.row("deploy", fleet, "fw", "--devices-file", names)
    assert set(task_states(ctl, deployment["id"])) == {"d0", "d1"}
    deployment = ctl.row("deploy", fleet, "fw", "--devices-file", "-", stdin=b"d2")
    assert set(task_states(ctl, deployment["id"])) == {"d2"}
    bad = file("bad", b"d0\nnot a device\n")
    assert f"{bad}:2" in ctl("deploy", fleet, "fw", "--devices-file", bad, status=USAGE).err
    ctl("deploy", fleet, "fw", "--devices-file", file("none", b"# nobody\n"), status=USAGE)
    ctl("deploy", fleet, "fw", "--devices-file", "/nowhere", status=FAILED)
    assert len(ctl.rows("deployment", "list", fleet)) == 2


def test_deploy_to_all_and_cancel(ctl, fleet):
    deployment = ctl.row("deploy", fleet, "fw", "--all")["id"]
    wait_for(lambda: len(task_states(ctl, deployment)) == 3, what="a task for each")
    assert ctl("deployment", "cancel", deployment, "--device", "d1").out == "d1 cancelled\n"
    assert task_states(ctl, deployment)["d1"] == "cancelled"
    assert "(conflict)" in ctl("deployment", "cancel", deployment, "--device", "d1", status=REFUSED).err
    assert ctl.row("deployment", "retry", deployment, "--device", "d1")["state"] in ("queued", "offered")
    assert ctl.row("deployment", "cancel", deployment)["state"] == "cancelled"
    assert set(task_states(ctl, deployment).values()) == {"cancelled"}
    ctl("deployment", "cancel", deployment, status=REFUSED)
    assert ctl("deployment", "retry", deployment).out == "0 queued again\n"
    assert "no task for stranger" in ctl("deployment", "retry", deployment, "--device", "stranger", status=REFUSED).err


def test_orders_that_cannot_be(ctl, fleet):
    assert "no such resource" in ctl("deploy", fleet, "nothing", "--all", status=REFUSED).err
    assert "stranger" in ctl("deploy", fleet, "fw", "--device", "stranger", status=REFUSED).err
    ctl("deployment", "show", NO_ID, status=REFUSED)
    ctl("deployment", "watch", "x", status=REFUSED)


def fetch_when_offered(device, fail=False):
    """Plays the device: takes the offer and reports how it went."""
    offer = device.wait("download")
    device.report_download(offer["name"], "downloading", 0)
    device.wait("report_download_progress_rsp")
    device.report_download(offer["name"], "fail" if fail else "done", 0 if fail else 100, -4 if fail else 0)
    device.wait("report_download_progress_rsp")


def test_wait_ends_well_when_every_device_has_the_file(ctl, device, file):
    ctl("resource", "add", device.product, file("fw", b"firmware"))
    worker = threading.Thread(target=fetch_when_offered, args=(device,))
    worker.start()
    result = ctl("deploy", device.product, "fw", "--device", device.device, "--wait")
    worker.join()
    lines = result.out.splitlines()
    assert lines[-1] == "1 of 1 done" and all("of 1 done" in line for line in lines)
    (deployment,) = ctl.rows("deployment", "list", device.product)
    assert deployment["state"] == "finished"
    assert ctl("deployment", "watch", deployment["id"]).out == "1 of 1 done\n"
    assert ctl.rows("deployment", "watch", deployment["id"]) == [deployment]


def test_wait_fails_when_a_device_does_not_have_the_file(ctl, device, file):
    ctl("resource", "add", device.product, file("fw", b"firmware"))
    worker = threading.Thread(target=fetch_when_offered, args=(device, True))
    worker.start()
    result = ctl("deploy", device.product, "fw", "--device", device.device, "--wait", status=FAILED)
    worker.join()
    assert "1 of 1 devices do not have the file" in result.err and "ferryctl deployment show" in result.err
    (deployment,) = ctl.rows("deployment", "list", device.product)
    (task,) = ctl.rows("deployment", "show", deployment["id"], "--state", "failed")[1:]
    assert task["result_code"] == -4
    assert "-4" in ctl("deployment", "show", deployment["id"]).out
    assert [row["count"] for row in ctl.row("deployment", "causes", deployment["id"])["items"]] == [1]
    retry = "deployment", "retry", deployment["id"]
    assert ctl(*retry, "--result-code", "-3").out == ctl(*retry, "--state", "timed_out").out == "0 queued again\n"
    assert ctl(*retry, "--result-msg", "other").out == "0 queued again\n"
    assert "by both" in ctl(*retry, "--result-code", "-4", "--device", device.device, status=USAGE).err
    assert "done" in ctl(*retry, "--state", "done", status=REFUSED).err
    worker = threading.Thread(target=fetch_when_offered, args=(device, False))
    worker.start()
    assert "1 queued again" in ctl(*retry, "--state", "failed", "--result-code", "-4", "--wait").out
    worker.join()


def test_watch_on_a_terminal_draws_a_picture_of_all_and_of_each_at_work(ctl, device, file):
    ctl("resource", "add", device.product, file("fw", b"firmware"))
    deployment = ctl.row("deploy", device.product, "fw", "--device", device.device)["id"]
    worker = threading.Thread(target=lambda: (time.sleep(0.5), fetch_when_offered(device)))
    worker.start()
    status, screen = ctl.on_terminal("deployment", "watch", deployment)
    worker.join()
    assert status == DONE
    empty, full = f"[{'.' * 20}]", f"[{'#' * 20}]"
    assert screen.startswith(f"\r\x1b[J{empty}   0 %  0 of 1 done, 1 offered\r\n{empty}   0 %  {device.device}")
    assert screen.endswith(f"\x1b[1A\r\x1b[J{full} 100 %  1 of 1 done\r\n")


# --- uploads ----------------------------------------------------------------------------------------------------------


def test_uploads(ctl, device, tmp_path):
    data = os.urandom(50_000)
    device.upload("log é.txt", data)
    name = f"{device.product}/{device.device}"
    (task,) = ctl.rows("upload", "list", name)
    assert (task["name"], task["state"], task["size"]) == ("log é.txt", "done", len(data))
    assert ctl.rows("upload", "list", device.product, "--state", "done", "--prefix", "log") == [task]
    assert ctl.rows("upload", "list", device.product, "--state", "failed") == []
    table = ctl("upload", "list", name).out
    assert name in table and "48.8 KiB" in table
    assert ctl.row("upload", "show", task["id"]) == task
    assert task["md5"] in ctl("upload", "show", task["id"]).out
    target = tmp_path / "copy"
    assert "MD5 verified" in ctl("upload", "get", task["id"], "-o", target).out
    assert target.read_bytes() == data
    assert subprocess.run([str(program("ferryctl")), "--data", str(ctl.platform.data), "upload", "get", task["id"], "-o", "-"],
                          capture_output=True, env=clean_environment(), timeout=TIMEOUT_S, check=True).stdout == data
    assert ctl.row("upload", "get", task["id"], "--output", target) == {"file": str(target)}
    assert ctl("upload", "rm", task["id"]).out == f"{task['id']} removed\n"
    ctl("upload", "get", task["id"], "-o", target, status=REFUSED)
    assert target.read_bytes() == data, "what was there stays"


def test_an_upload_without_its_file_cannot_be_fetched(ctl, device, tmp_path):
    device.request_upload("f", b"not sent")
    (task,) = ctl.rows("upload", "list", device.product)
    assert "(no_content)" in ctl("upload", "get", task["id"], "-o", tmp_path / "f", status=REFUSED).err
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_written(ctl, device, tmp_path):
    device.upload("f", b"data")
    (task,) = ctl.rows("upload", "list", device.product)
    assert "is a folder" in ctl("upload", "get", task["id"], "-o", tmp_path, status=FAILED).err
    ctl("upload", "get", task["id"], "-o", tmp_path / "no" / "where", status=FAILED)
    if os.path.exists("/dev/full"):
        done = subprocess.run(f"{program('ferryctl')} --data {ctl.platform.data} upload get {task['id']} -o - >/dev/full",
                              shell=True, capture_output=True, env=clean_environment(), timeout=TIMEOUT_S, check=False)
        assert done.returncode == FAILED and b"No space left" in done.stderr
        done = subprocess.run(f"{program('ferryctl')} --data {ctl.platform.data} product list >/dev/full", shell=True,
                              capture_output=True, env=clean_environment(), timeout=TIMEOUT_S, check=False)
        assert done.returncode == FAILED


class LyingPlatform:
    """Says that an upload has other bytes, or more, than it then sends."""

    def __init__(self, data, *, size=None, md5=None, cut=0):
        task = {"id": NO_ID, "size": size or len(data), "md5": md5 or hashlib.md5(data).hexdigest()}
        described = json.dumps(task).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = data if self.path.endswith("/content") else described
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:len(body) - cut] if body is data else body)
                self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("lie, status, words", [
    ({"md5": "0" * 32}, FAILED, "nothing was kept"), ({"size": 5}, FAILED, "nothing was kept"), ({"cut": 3}, NETWORK, ""),
])
def test_damaged_bytes_never_get_the_name(tmp_path, lie, status, words):
    token_file, target = tmp_path / "token", tmp_path / "out" / "f"
    token_file.write_text("x")
    target.parent.mkdir()
    target.write_bytes(b"older")
    platform = LyingPlatform(b"ten bytes!", **lie)
    try:
        result = run("--api", platform.url, "--token-file", token_file, "upload", "get", NO_ID, "-o", target, status=status)
    finally:
        platform.close()
    assert words in result.err
    assert os.listdir(target.parent) == ["f"] and target.read_bytes() == b"older"


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_status(ctl):
    row = ctl.row("status")
    assert row["healthy"] and row["version"]
    text = ctl("status").out
    assert f"Platform at {ctl.platform.api_url}" in text and "Broker connected:" in text


def test_settings(ctl):
    rows = {row["name"]: row for row in ctl.rows("settings")}
    assert rows["batch-max"]["value"] == 512 and rows["tls"]["value"] == "auto"
    lines = {line.split()[0]: line.split() for line in ctl("settings").out.splitlines()}
    assert lines["url-life"] == ["url-life", "3600", "3600"] and lines["mqtt-http"] == ["mqtt-http", "false", "false"]
    assert "data" in lines and "SETTING" in lines


def test_a_transfer_on_a_terminal_shows_a_progress_bar(ctl, product, file):
    status, screen = ctl.on_terminal("resource", "add", product, file("large", os.urandom(1 << 20) * 64))
    assert status == DONE
    assert "[#" in screen and " left" in screen and "of 64.0 MiB" in screen
    quiet, screen = ctl.on_terminal("--json", "resource", "add", product, file("small", os.urandom(1 << 20)))
    assert quiet == DONE and "[#" not in screen and screen.count("\n") == 1


def test_a_viewer_is_told_that_the_role_does_not_suffice(platform, tmp_path):
    from described_api import add_token
    token_file = tmp_path / "token"
    token_file.write_text(add_token(platform, "viewer"))
    base = ["--api", platform.api_url, "--token-file", token_file]
    run(*base, "product", "list")
    assert "(forbidden)" in run(*base, "product", "add", "x", status=REFUSED).err
