"""Files that the disk did not keep: flipped, cut, removed. Noticed by `ferryctl object verify`, and never served."""
import json
import os
import time

from ferry import VendorDevice, program, run, vendor_get, wait_for

OLD_S = 2 * 3600
MIB = 1 << 20


def path_of(platform, key):
    return platform.data / "objects" / key[-2:] / key


def flip_bit(path, at=None):
    with open(path, "r+b") as file:
        file.seek(at if at is not None else path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def verify(platform, *words):
    """(exit status, what was found by id, the whole answer)"""
    done = run(program("ferryctl"), "--data", platform.data, "--json", "object", "verify", *words, timeout=60)
    answer = json.loads(done.stdout)
    return done.returncode, {row["id"]: row["fault"] for row in answer["findings"]}, answer


def add(platform, product, name, data):
    return platform.api.resource_add(product, name, data)["id"]


def test_what_is_whole_is_found_to_be_whole(own_platform):
    product = own_platform.new_product()
    for number in range(3):
        add(own_platform, product, f"r{number}", os.urandom(1000 * number + 1))
    with VendorDevice(own_platform, own_platform.new_device(product)) as device:
        device.upload("log", b"x" * 5000)
    status, found, answer = verify(own_platform)
    assert (status, found, answer["state"], answer["objects"]) == (0, {}, "done", 4)
    assert answer["bytes"] == 3003 + 5000 and not any(answer["faults"].values())
    text = run(program("ferryctl"), "--data", own_platform.data, "object", "verify")
    assert text.returncode == 0 and "4 files and 8003 bytes verified: 0 wrong" in text.stdout


def test_damaged_files_are_found_set_aside_told_and_given_to_nobody(own_platform):
    platform, api = own_platform, own_platform.api
    product = platform.new_product()
    large = os.urandom(2 * MIB)
    flipped, torn, gone, whole = (add(platform, product, name, large) for name in ("flipped", "torn", "gone", "whole"))
    with VendorDevice(platform, platform.new_device(product)) as device:
        device.upload("log", b"y" * 100)
        api.deploy(product, "flipped", [device.device])
        offer = device.request_download()
        assert vendor_get(offer["url"], offer["size"]).body == large # held open from now on
        (task,) = api.uploads(product)
        flip_bit(path_of(platform, flipped))
        os.truncate(path_of(platform, torn), MIB)
        path_of(platform, gone).unlink()
        flip_bit(path_of(platform, task["id"]))

        status, found, answer = verify(platform)
        assert status == 1
        assert found == {flipped: "altered", torn: "torn", gone: "missing", task["id"]: "altered"}
        assert answer["objects"] == 5 and answer["faults"]["altered"] == 2
        assert vendor_get(offer["url"], offer["size"]).status == 404
        device.report_download("flipped", "fail")
    for kind, key in (("resources", flipped), ("resources", torn), ("uploads", task["id"])):
        refused = api.call("GET", f"/{kind}/{key}/content", ok=False)
        assert (refused.status_code, refused.json()["code"]) == (410, "object_damaged")
        assert not path_of(platform, key).exists() and (platform.data / "objects" / "damaged" / key).exists()
    assert api.call("GET", f"/resources/{gone}/content", ok=False).json()["code"] == "no_content"
    assert api.call("GET", f"/resources/{whole}/content", ok=False).content == large
    assert api.metric("ferry_objects_damaged_total") == 4
    told = {row["object"]: row["after"] for row in api.list("/audit") if row["action"] == "object.damaged"}
    assert set(told) == {f"resource/{flipped}", f"resource/{torn}", f"resource/{gone}", f"upload/{task['id']}"}
    assert "objects.verify" in [row["action"] for row in api.list("/audit")]
    platform.restart()
    status, found, _ = verify(platform)
    assert (status, found) == (1, {flipped: "set_aside", torn: "set_aside", gone: "missing", task["id"]: "set_aside"})
    for key in (flipped, torn, gone):
        platform.api.call("DELETE", f"/resources/{key}", ok=False)
    assert platform.api.metric("ferry_objects_damaged_total") == 1 # of the missing one; what lies aside was told of


def test_a_torn_file_is_not_given_out_before_anybody_has_verified(own_platform):
    platform, api = own_platform, own_platform.api
    product = platform.new_product()
    key = add(platform, product, "r", os.urandom(MIB))
    os.truncate(path_of(platform, key), MIB - 1)
    refused = api.call("GET", f"/resources/{key}/content", ok=False)
    assert (refused.status_code, refused.json()["code"]) == (410, "object_damaged")
    with VendorDevice(platform, platform.new_device(product)) as device:
        api.deploy(product, "r", [device.device])
        assert vendor_get(device.request_download()["url"], MIB).status == 404
        device.report_download("r", "fail")


def test_what_belongs_to_nothing_is_named_when_it_is_old_enough(own_platform):
    platform = own_platform
    product = platform.new_product()
    key = add(platform, product, "r", b"bytes")
    orphan = key[:-3] + ("0" if key[-3] != "0" else "1") + key[-2:]
    path_of(platform, orphan).write_bytes(b"nobody's")
    assert verify(platform)[:2] == (0, {})
    os.utime(path_of(platform, orphan), (time.time() - OLD_S,) * 2)
    assert verify(platform)[:2] == (1, {orphan: "orphan"})
    assert verify(platform, "--product", product)[:2] == (0, {})


def test_a_run_keeps_to_its_rate_is_alone_and_ends_when_it_is_told_or_ferryd_stops(own_platform):
    platform, api = own_platform, own_platform.api
    product = platform.new_product()
    add(platform, product, "r", os.urandom(4 * MIB))
    slow = {"rate_bytes": 64 * 1024}
    assert api.call("POST", "/objects/verify", json=slow)["state"] == "running"
    refused = api.call("POST", "/objects/verify", json=slow, ok=False)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert api.resource_add(product, "other", b"the service goes on")
    api.call("DELETE", "/objects/verify")
    wait_for(lambda: api.call("GET", "/objects/verify")["state"] == "stopped", 10, "the end of the run")
    begun = time.monotonic()
    status, found, answer = verify(platform, "--limit-rate", "4M")
    assert (status, found) == (0, {}) and answer["rate_bytes"] == 4 * MIB
    assert time.monotonic() - begun >= 0.9
    api.call("POST", "/objects/verify", json=slow)
    platform.restart() # stop() asserts that it ends cleanly and in time
    assert platform.api.call("GET", "/objects/verify")["state"] == "stopped"


def last_run(platform):
    return platform.api.call("GET", "/objects/verify")


def test_the_last_run_and_what_it_found_outlive_a_restart_and_a_sudden_death(own_platform):
    platform = own_platform
    assert last_run(platform)["state"] == "never"
    product = platform.new_product()
    name = 'a "name", \N{SNOWMAN}'
    torn = add(platform, product, name, os.urandom(1000))
    add(platform, product, "whole", os.urandom(1000))
    os.truncate(path_of(platform, torn), 10)
    status, found, _ = verify(platform)
    assert (status, found) == (1, {torn: "torn"})
    before = last_run(platform)
    assert before["findings"][0]["name"] == name and before["ended_at"]
    platform.restart()
    assert last_run(platform) == before
    platform.kill9()
    platform.start()
    assert last_run(platform) == before
    platform.api.call("POST", "/objects/verify", json={"rate_bytes": 1})
    wait_for(lambda: json.loads((platform.data / "verify.json").read_text())["state"] == "running", 10, "the run to be written down")
    platform.kill9()
    platform.start()
    now = last_run(platform)
    assert (now["state"], now["ended_at"], now["rate_bytes"]) == ("stopped", None, 1)
    platform.api.call("DELETE", f"/resources/{torn}")
    assert verify(platform)[:2] == (0, {})


def test_a_last_run_that_cannot_be_read_is_said_and_stops_nothing(own_platform):
    platform = own_platform
    platform.stop()
    for text in ("", "no JSON", "{}", '{"state": "done"}'):
        (platform.data / "verify.json").write_text(text)
        platform.start()
        assert last_run(platform)["state"] == "never" and "how the last verification ended cannot be read" in platform.log_tail(30)
        assert verify(platform)[0] == 0
        platform.stop()
    platform.start()
    assert last_run(platform)["state"] == "done"


def test_a_product_that_there_is_not_is_refused(own_platform):
    done = run(program("ferryctl"), "--data", own_platform.data, "object", "verify", "--product", "nobody")
    assert done.returncode == 3 and "there is no product nobody" in done.stderr
