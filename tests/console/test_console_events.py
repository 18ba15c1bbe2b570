"""Pages change by themselves when the platform tells what happens (GET /api/v1/events)."""
import contextlib

import pytest

from device_command import DONE, Command
from ferry import VendorDevice, wait_for

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface


@pytest.fixture
def live(browser, chosen):
    """The product of a page that hears events."""
    wait_for(lambda: "Refresh" not in browser.text("main button"), what="the stream of events")
    return chosen


@pytest.fixture
def command(tmp_path, platform, live):
    command = Command.of(tmp_path, platform, platform.new_device(live, "sensor-1"))
    yield command
    command.close()


def test_the_progress_of_a_deployment_is_seen_as_it_happens(browser, command, platform, live):
    platform.api.resource_add(live, "firmware.bin", b"bytes" * 100_000)
    deployment = platform.api.deploy(live, "firmware.bin", ["sensor-1"])["id"]
    browser.open(f"#/deployments/{deployment}", "Deployment of firmware.bin")
    browser.see("0 of 1 devices have ended")
    assert command.download("--wait").returncode == DONE
    browser.see("1 of 1 devices have ended")
    browser.see("finished", ".facts")
    browser.see("100 %", "tbody")


def test_a_new_upload_comes_into_the_list(browser, command, live, tmp_path):
    browser.open("#/uploads", "Uploads")
    browser.choose("Product", live)
    browser.see("Nothing fits")
    file = tmp_path / "log.txt"
    file.write_bytes(b"line\n" * 1000)
    assert command.upload(file).returncode == DONE
    browser.see("log.txt", "tbody")
    browser.see("done", "tbody")


def test_devices_that_come_change_and_go_do_so_in_the_list(browser, platform, live):
    browser.open("#/devices", "Devices")
    browser.see("This product has no devices yet")
    platform.new_device(live, "sensor-1")
    browser.see("sensor-1", "tbody")
    platform.api.device_disable(live, "sensor-1")
    browser.see("disabled", "tbody")
    platform.api.device_remove(live, "sensor-1")
    browser.see("This product has no devices yet")


def test_a_new_version_comes_into_the_list(browser, platform, live):
    browser.open("#/resources", "Resources")
    browser.see("There are no files for devices yet")
    platform.api.resource_add(live, "firmware.bin", b"bytes")
    browser.see("firmware.bin", "tbody")


def test_a_page_that_was_not_seen_catches_up_without_being_loaded_again(browser, platform, live):
    browser.open("#/devices", "Devices")
    browser.see("This product has no devices yet")
    browser.run("window.the_same = true")
    for name in ("sensor-1", "sensor-2"):  # before it heard of any event, and after
        with browser.tab("#/deployments"):
            browser.see("Deployments", "h1")
            platform.new_device(live, name)
        browser.see(name, "tbody")
    assert browser.run("return window.the_same")


def test_many_tabs_have_room_for_each_other(browser, platform, live):
    """A browser opens six connections to a host: streams of pages that nobody sees must not take them."""
    with contextlib.ExitStack() as tabs:
        for _ in range(8):
            tabs.enter_context(browser.tab("#/devices"))
            browser.see("This product has no devices yet")
        platform.new_device(live, "sensor-1")
        browser.see("sensor-1", "tbody")


def test_pages_left_for_others_keep_no_stream(browser, live):
    for _ in range(8):
        browser.leave()
        browser.load("#/devices")
        browser.see("This product has no devices yet")


def test_devices_that_connect_and_leave_do_so_in_the_list_and_on_their_page(browser, platform, live):
    credential = platform.new_device(live, "sensor-1")
    browser.open("#/devices", "Devices")
    browser.see("offline", "tbody")
    browser.see("never", "tbody")
    browser.see("0 of 1 devices online", ".counts")
    with VendorDevice(platform, credential):
        browser.see("online", "tbody")
        browser.see("1 of 1 devices online", ".counts")
        assert browser.run("return document.querySelector('tbody time').title") != ""
        browser.open(f"#/devices/{live}/sensor-1", "sensor-1")
        browser.see("online", ".facts")
        browser.open("#/", "Overview")
        browser.see("Devices online", ".tiles")
        browser.open(f"#/devices/{live}/sensor-1", "sensor-1")
        browser.see("online", ".facts")
    browser.see("offline", ".facts")
    browser.open("#/devices", "Devices")
    browser.choose("Connection", "online")
    browser.see("Nothing fits")
    browser.choose("Connection", "offline")
    browser.see("sensor-1", "tbody")
