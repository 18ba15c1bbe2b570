"""One task: what the device reported about it, as it comes; the timeline of a device; how a file looks that was sent."""
import base64
import struct
import zlib

import pytest

from ferry import VendorDevice, wait_for

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface


def png(width=8, height=8):
    """A picture of one colour."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + b"\x20\x80\xff" * width for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


@pytest.fixture
def device(platform, chosen):
    device = VendorDevice(platform, platform.new_device(chosen, "sensor-1"))
    with device:
        yield device


def test_reports_come_in_as_the_device_makes_them_and_the_task_is_tried_again(browser, chosen, platform, device):
    platform.api.resource_add(chosen, "firmware.bin", b"bytes")
    deployment = platform.api.deploy(chosen, "firmware.bin", ["sensor-1"])["id"]
    device.wait("download", 10)
    browser.open(f"#/deployments/{deployment}", "Deployment of firmware.bin")
    browser.at("tbody a[href*=tasks]").click()
    browser.see("Task of sensor-1", "h1")
    browser.see("The device has reported nothing yet")
    device.report_download("firmware.bin", "downloading", 42)
    browser.see("42 %", "tbody")
    device.report_download("firmware.bin", "fail", code=-4, text="<b>no</b> space")
    browser.see("result -4: <b>no</b> space", "tbody")
    browser.see("failed", ".facts")
    browser.click("Try again", "button")
    browser.see_none("failed", ".facts")
    browser.click("Cancel for this device", "button")
    browser.see("cancelled", ".facts")


def test_the_timeline_of_a_device_has_both_ways_and_moves_by_itself(browser, chosen, platform, device):
    device.upload("log-1.txt", b"some bytes")
    platform.api.resource_add(chosen, "firmware.bin", b"bytes")
    browser.open(f"#/devices/{chosen}/sensor-1", "sensor-1")
    browser.see("log-1.txt", "tbody")
    platform.api.deploy(chosen, "firmware.bin", ["sensor-1"])
    browser.see("firmware.bin", "tbody")
    device.upload("log-2.txt", b"other bytes")
    browser.see("log-2.txt", "tbody")
    names = browser.run("return [...document.querySelectorAll('tbody a')].map((e) => e.innerText)")
    assert names == ["log-2.txt", "firmware.bin", "log-1.txt"]
    ways = browser.run("return [...document.querySelectorAll('tbody .hidden')].map((e) => e.innerText)")
    assert ways == ["from the device:", "to the device:", "from the device:"]
    browser.click("log-1.txt", "a")
    browser.see("log-1.txt", "h1")


def test_the_timeline_of_a_device_shows_when_it_came_and_went(browser, chosen, platform):
    credential = platform.new_device(chosen, "sensor-1")
    browser.open(f"#/devices/{chosen}/sensor-1", "sensor-1")
    browser.see("offline", ".facts")

    def moments():
        return browser.run("return [...document.querySelectorAll('tbody .online, tbody a')].map((e) => e.innerText)")

    with VendorDevice(platform, credential) as device:
        browser.see("came online", "tbody")
        device.upload("log.txt", b"some bytes")
        browser.see("log.txt", "tbody")
    browser.see("went offline", "tbody")
    assert moments() == ["went offline", "log.txt", "came online"]
    assert browser.accessibility_faults() == []


def open_preview(browser, platform, device, name, data):
    device.upload(name, data)
    (upload,) = platform.api.uploads(device.credential.product, "sensor-1")
    browser.open(f"#/uploads/{upload['id']}", name)
    browser.click("Show it here", "button")
    return upload


def test_a_picture_is_shown(browser, chosen, platform, device):
    picture = png()
    open_preview(browser, platform, device, "photo.txt", picture)  # the bytes decide, not the name
    wait_for(lambda: browser.run("return document.querySelector('img.preview')?.naturalWidth"), what="the picture")
    source = browser.run("return document.querySelector('img.preview').src")
    assert base64.b64decode(source.removeprefix("data:image/png;base64,")) == picture
    assert browser.accessibility_faults() == []


@pytest.mark.parametrize("name, data, words", [
    ("page.html", "<html><script>alert(1)</script><b>bold ä 中</b>".encode(), "<script>alert(1)</script><b>bold ä 中</b>"),
    ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "<svg xmlns="),
    ("photo.png", b"no picture at all", "no picture at all")])
def test_a_text_is_shown_as_characters_whatever_is_in_it(browser, chosen, platform, device, name, data, words):
    open_preview(browser, platform, device, name, data)
    browser.see(words, "pre.preview")
    assert browser.run("return document.querySelectorAll('main script, main b, main svg, main img').length") == 0
    assert browser.accessibility_faults() == []


def test_of_a_long_text_the_beginning_is_fetched(browser, chosen, platform, device):
    text = "ä" * (1 << 20)
    browser.run("performance.clearResourceTimings()")
    open_preview(browser, platform, device, "long.txt", b"x" + text.encode())  # the cut is inside of a character
    browser.see("This is the beginning")
    assert browser.text("pre.preview") == "x" + text[:(256 * 1024 - 1) // 2]
    (size,) = browser.run("""return performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/content"))
        .map((e) => e.encodedBodySize)""")
    assert size == 256 * 1024


@pytest.mark.parametrize("data", [b"bytes\0and more", b"\xff\xfe\xfd", png()[:40]])
def test_what_is_neither_is_not_shown(browser, chosen, platform, device, data):
    upload = open_preview(browser, platform, device, "file", data)
    browser.see("No preview")
    browser.click("Download", "a")
    browser.click("Delete", "button")
    browser.click("Delete", "button")
    browser.see("Uploads", "h1")
    assert upload["id"] not in [one["id"] for one in platform.api.uploads(chosen)]
