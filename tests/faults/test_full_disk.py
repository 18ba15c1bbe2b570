"""No space left: for the files of devices, and for the database. Refused clearly, taken again when there is room."""
import errno
import os

import pytest
import requests

from ferry import PATIENCE, ApiError, VendorDevice, wait_for

MIB = 1 << 20
NO_OBJECT = 9
INTERNAL = 14


def fill(folder, leave=0):
    """Takes all room of a small disk but some bytes. Gives the file to remove."""
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(64 * 1024))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        file.truncate(max(0, file.tell() - leave))
    return ballast


def test_an_upload_that_finds_the_object_disk_full_is_refused_and_taken_when_there_is_room(make_platform, small_disk):
    platform = make_platform(start=False)
    disk = small_disk(platform.data / "objects", 16)
    platform.start()
    ballast = fill(disk, leave=4 * MIB)
    data = bytes(range(256)) * (8 * MIB // 256)
    with VendorDevice(platform, platform.new_device()) as device:
        refused = device.upload("big", data)
        assert refused.http.status in (503, 507) and b"<Error><Code>" in refused.http.body
        assert refused.verdict["result_code"] == NO_OBJECT
        row = platform.api.uploads(device.product)[0]
        assert row["state"] not in ("stored", "done")
        assert platform.api.call("GET", f"/uploads/{row['id']}/content", ok=False).status_code == 404
        assert not platform.temporary_files()
        assert "no space left" in platform.log()

        small = device.upload("small", b"x" * 1000)
        assert (small.http.status, small.verdict["result_code"]) == (200, 0)

        pid = platform.pid
        ballast.unlink()
        taken = device.upload("big", data)
        assert (taken.http.status, taken.verdict["result_code"]) == (200, 0)
        assert platform.pid == pid
    done = [row for row in platform.api.uploads(device.product) if row["name"] == "big" and row["state"] == "done"]
    assert platform.api.upload_bytes(done[-1]["id"]) == data


def test_the_object_disk_that_fills_up_in_the_middle_of_a_transfer_leaves_nothing_behind(make_platform, small_disk):
    platform = make_platform(start=False)
    disk = small_disk(platform.data / "objects", 8)
    platform.start()
    fill(disk, leave=300 * 1024)
    data = b"a" * 900_000 # too small for its room to be reserved before
    with VendorDevice(platform, platform.new_device()) as device:
        refused = device.upload("middle", data)
        assert refused.http.status in (503, 507)
        assert refused.verdict["result_code"] == NO_OBJECT
        wait_for(lambda: not platform.temporary_files(), 5, "the temporary file's end")
        assert device.upload("small", b"y" * 1000).verdict["result_code"] == 0


def exhaust(ask):
    """Repeats until the answer is a refusal; gives it."""
    for _ in range(2000):
        refusal = ask()
        if refusal:
            return refusal
    raise AssertionError("the full disk was never noticed")


def test_a_full_database_disk_is_told_to_devices_and_operators_and_work_goes_on_when_there_is_room(make_platform,
                                                                                                 small_disk):
    platform = make_platform(start=False)
    disk = small_disk(platform.data, 16)
    platform.start()
    numbers = iter(range(10_000))
    with VendorDevice(platform, platform.new_device()) as device:
        pid = platform.pid
        ballast = fill(disk)

        def ask_as_device():
            answer = device.request_upload("log", b"content %d" % next(numbers))
            return answer if not answer["url"] else None

        def ask_as_operator():
            try:
                platform.api.product_add(f"full{next(numbers)}")
                return None
            except ApiError as error:
                return error

        refusal = exhaust(ask_as_device)
        assert refusal["result_code"] == INTERNAL and refusal["result_msg"]
        error = exhaust(ask_as_operator)
        assert error.status in (503, 507) and error.code
        assert platform.api.list("/products"), "reading needs no room"
        assert "no space left" in platform.log()

        ballast.unlink()
        assert wait_for(lambda: device.request_upload("log", b"again")["url"], 5, "an answer with a URL")
        assert device.upload("log", b"again").verdict["result_code"] == 0
        platform.api.product_add("roomy")
        assert platform.pid == pid
    # nothing that was refused is there, and all that was granted is
    names = [row["name"] for row in platform.api.list("/products")]
    assert "roomy" in names and error.problem


def tus(method, url, data=b"", **headers):
    return requests.request(method, url, data=data, timeout=10, headers={"Tus-Resumable": "1.0.0", **headers})


def patch(url, offset, data):
    return tus("PATCH", url, data, **{"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"})


def patch_when_free(url, offset, data):
    """The status. What a request before had begun is put away after its answer."""
    return wait_for(lambda: (status := patch(url, offset, data).status_code) != 423 and status, 5 * PATIENCE, "the upload to be free")


def offset_of(url):
    return int(tus("HEAD", url).headers["Upload-Offset"])


@pytest.mark.parametrize("failure", (errno.ENOSPC, errno.EIO), ids=errno.errorcode.get)
def test_bytes_that_a_resumable_upload_was_told_are_there_outlive_a_disk_that_fails(make_platform, faults, failure):
    platform = make_platform(env=faults.environment())
    data = bytes(range(256)) * 1000
    with VendorDevice(platform, platform.new_device()) as device:
        url = device.request_upload("log", data)["url"]
        assert patch(url, 0, data[:100_000]).status_code == 204
        for part in ("/partial/", "/objects/"): # in the middle, and where the last bytes become an object
            faults.fail_writes(part, failure)
            assert patch_when_free(url, 100_000, data[100_000:]) in (503, 507)
            faults.heal_writes()
            wait_for(lambda: offset_of(url) >= 100_000, 5, "the bytes that were there")
        offset = offset_of(url)
        assert offset == len(data) or patch_when_free(url, offset, data[offset:]) == 204
        device.report_upload("log", "done")
        assert device.upload_verdict("log")["result_code"] == 0
    (row,) = platform.api.uploads(device.product)
    assert platform.api.upload_bytes(row["id"]) == data


def test_an_object_whose_task_cannot_be_written_is_a_partial_one_again(make_platform, faults):
    platform = make_platform(env=faults.environment())
    data = bytes(range(256)) * 1000
    with VendorDevice(platform, platform.new_device()) as device:
        url = device.request_upload("log", data)["url"]
        assert patch(url, 0, data[:100_000]).status_code == 204
        faults.fail_writes("ferry.db", errno.ENOSPC)
        assert patch(url, 100_000, data[100_000:]).status_code in (503, 507)
        assert tus("HEAD", url).status_code in (503, 507), "it is whole, and cannot be made the device's upload yet"
        faults.heal_writes()
        wait_for(lambda: tus("HEAD", url).headers.get("Upload-Offset") == str(len(data)), 5, "the whole of it")
        device.report_upload("log", "done")
        assert device.upload_verdict("log")["result_code"] == 0
    (row,) = platform.api.uploads(device.product)
    assert row["state"] == "done" and platform.api.upload_bytes(row["id"]) == data


def test_an_object_that_cannot_be_made_durable_is_still_the_partial_that_it_was(make_platform, faults):
    platform = make_platform(env=faults.environment())
    data = bytes(range(256)) * 1000
    with VendorDevice(platform, platform.new_device()) as device:
        url = device.request_upload("log", data)["url"]
        task = url.split("/o/")[1].partition("?")[0]
        assert patch(url, 0, data[:100_000]).status_code == 204
        faults.fail_writes("/objects/ready", errno.EIO) # the folder in which it has a name already
        assert patch(url, 100_000, data[100_000:]).status_code == 503
        assert platform.api.call("GET", f"/uploads/{task}/content", ok=False).status_code == 404
        assert (platform.data / "objects" / "partial" / task).read_bytes() == data
        faults.heal_writes()
        assert offset_of(url) == len(data)
        device.report_upload("log", "done")
        assert device.upload_verdict("log")["result_code"] == 0
    assert platform.api.upload_bytes(task) == data


def send_part(api, upload, offset, data):
    headers = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
    return api.call("PATCH", f"/resource-uploads/{upload}", ok=False, data=data, headers=headers)


def test_a_resource_in_parts_that_finds_the_disk_full_is_refused_before_a_byte_and_goes_on_later(make_platform, small_disk):
    platform = make_platform(start=False)
    disk = small_disk(platform.data / "objects", 16)
    platform.start()
    api, product = platform.api, platform.new_product()
    data = bytes(range(256)) * (8 * MIB // 256)
    upload = api.call("POST", "/resource-uploads", json={"product": product, "name": "r", "size": len(data)})["id"]
    assert send_part(api, upload, 0, data[:1000]).status_code == 204
    platform.restart() # gives the room back that was set aside
    os.truncate(disk / "partial" / upload, 1000)
    ballast = fill(disk, leave=4 * MIB)
    refused = send_part(platform.api, upload, 1000, data[1000:])
    assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
    assert platform.api.call("GET", f"/resource-uploads/{upload}")["offset"] == 1000
    ballast.unlink()
    assert send_part(platform.api, upload, 1000, data[1000:]).status_code == 204
    assert platform.api.call("GET", f"/resources/{upload}/content", ok=False).content == data


def test_a_listener_that_could_not_be_written_down_is_there_as_soon_as_there_is_room(make_platform, faults, tmp_path):
    platform = make_platform(tls=True, env=faults.environment())
    platform.api.product_add("p")
    platform.tls_command("device", "p/first", "--out", tmp_path)
    faults.fail_writes("mosquitto.conf", errno.ENOSPC)
    assert "the first one: the broker starts anew" in platform.reload()
    wait_for(lambda: "mosquitto.conf: no space left" in platform.log(), 20 * PATIENCE, "the word that it cannot be written")
    faults.heal_writes()
    wait_for(lambda: platform.api.call("GET", "/status")["broker_connected"], 20 * PATIENCE, "the broker")
    assert (platform.data / "broker/mosquitto.conf").read_text().count("\nlistener ") == 3
