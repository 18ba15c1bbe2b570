"""Every page of the console: it opens, says what to do when there is nothing, and works for everybody.

Accessibility is judged by axe-core in both colour schemes, on a phone and on a desktop.
"""
import itertools

import pytest

from browser import DESKTOP, PHONE
from ferry import VendorDevice, unique_name, wait_for
from operators import add_user

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface

PAGES = ["Overview", "Devices", "Resources", "Deployments", "Uploads", "Webhooks", "Access", "Audit", "Settings"]
CHINESE = ("概览", "设备", "资源", "部署", "上传", "访问权限", "审计", "设置")
FOR_ADMINS = ("Webhooks", "Access", "Audit", "Settings")
LOOKS = list(itertools.product(("light", "dark"), (DESKTOP, PHONE)))


def hash_of(name):
    return "#/" if name == "Overview" else f"#/{name.lower()}"


def assert_good_in_every_look(browser):
    faults = []
    for scheme, size in LOOKS:
        browser.scheme(scheme)
        browser.size(size)
        faults += [f"{scheme}, {size[0]} px: {fault}" for fault in browser.accessibility_faults()]
        wide = browser.run("return document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            faults.append(f"{scheme}, {size[0]} px: the page is {wide} px wider than the screen")
    assert faults == [], "\n".join(faults)


@pytest.fixture(scope="module")
def furnished(platform):
    """A product with something on each page: a device with an upload and a download, a deployment with a failure."""
    product = platform.new_product(unique_name("p"))
    credential = platform.new_device(product, "sensor-1")
    platform.new_device(product, "sensor-2")
    platform.api.device_disable(product, "sensor-2")
    with VendorDevice(platform, credential) as device:
        device.upload("log.txt", b"some bytes")
    platform.api.resource_add(product, "firmware.bin", b"bytes of a version")
    deployment = platform.api.deploy(product, "firmware.bin", ["sensor-1"])["id"]
    task = platform.api.download_task(deployment, "sensor-1")["id"]
    (upload,) = platform.api.uploads(product)
    return product, deployment, task, upload["id"]


def pages_of(furnished):
    product, deployment, task, upload = furnished
    return [(hash_of(name), name) for name in PAGES] + [
        (f"#/devices/{product}/sensor-1", "sensor-1"), (f"#/devices/{product}/sensor-1/uploads", "sensor-1"),
        (f"#/devices/{product}/sensor-1/downloads", "sensor-1"), (f"#/uploads/{upload}", "log.txt"),
        (f"#/deployments/{deployment}/tasks/{task}", "Task of sensor-1"),
        (f"#/resources/{product}/firmware.bin", "firmware.bin"), (f"#/deployments/{deployment}", "Deployment of firmware.bin"),
        ("#/access/tokens", "Access"), ("#/nowhere", "Nothing here")]


def settle(browser, hash, heading):
    browser.open(hash, heading)
    browser.see_none("Loading")
    wait_for(lambda: browser.run("return document.querySelector('table, .empty, .tiles') !== null"), what="the page's content")


def test_every_page_is_accessible_in_every_look(browser, furnished):
    browser.run("localStorage.setItem('ferry-product', arguments[0])", furnished[0])
    browser.reload()
    for hash, heading in pages_of(furnished):
        browser.size(DESKTOP)
        settle(browser, hash, heading)
        try:
            assert_good_in_every_look(browser)
        except AssertionError as fault:
            raise AssertionError(f"{hash}: {fault}") from None


@pytest.mark.parametrize("page, button", [
    ("#/resources", "Deliver"), ("#/resources", "Delete"), ("device", "New secret"), ("device", "Disable"),
    ("deployment", "Cancel deployment"), ("devices", "Add a device"),
    ("devices", "Add a product"), ("#/resources", "Describe firmware.bin"), ("access", "Add a user"), ("tokens", "Add a token"),
    ("webhooks", "Add a webhook"), ("audit", "Show")])
def test_every_dialog_is_accessible_in_every_look(browser, furnished, page, button):
    product, deployment = furnished[:2]
    browser.run("localStorage.setItem('ferry-product', arguments[0])", product)
    browser.reload()
    places = {"device": (f"#/devices/{product}/sensor-1", "sensor-1"),
              "deployment": (f"#/deployments/{deployment}", "Deployment of"), "access": ("#/access", "Access"),
              "devices": ("#/devices", "Devices"),
              "tokens": ("#/access/tokens", "Access"), "webhooks": ("#/webhooks", "Webhooks"), "audit": ("#/audit", "Audit")}
    settle(browser, *places.get(page, (page, "Resources")))
    browser.click(button, "button")
    if button == "Deliver":
        browser.click("Chosen devices (0)", "label")
        browser.click("Pace and retries", "summary")
        browser.see("sensor-1", "dialog")
    assert_good_in_every_look(browser)


def test_the_login_is_accessible_and_says_how_to_get_a_name(chromium, platform):
    chromium.size(DESKTOP)
    chromium.visit(platform)
    chromium.see("Log in", "h1")
    chromium.click("I have no name yet", "summary")
    chromium.see("ferryctl user add NAME --role admin")
    assert_good_in_every_look(chromium)
    chromium.fill("Name", add_user(platform))
    chromium.fill("Password", "a wrong password")
    chromium.click("Log in", "button")
    chromium.see("The name or the password is wrong.", "[role=alert]")
    assert_good_in_every_look(chromium)
    assert chromium.violations() == []


def test_without_anything_each_page_says_what_to_do_next(chromium, make_platform):
    empty = make_platform()
    chromium.log_in(empty, add_user(empty))
    for page in ("Overview", "Devices", "Resources"):
        chromium.open(hash_of(page), page)
        chromium.see("ferryctl product add demo", ".command")
    chromium.open("#/deployments", "Deployments")
    chromium.see("ferryctl deploy PRODUCT FILE --all", ".command")
    chromium.open("#/uploads", "Uploads")
    chromium.see("ferry upload FILE", ".command")
    empty.api.product_add("demo")
    chromium.reload()
    chromium.open("#/devices", "Devices")
    chromium.see("ferryctl device add demo/sensor-1", ".command")
    empty.api.device_add("demo", "sensor-1")
    chromium.open("#/devices/demo/sensor-1", "sensor-1")
    chromium.see("ferryctl deploy demo FILE --device sensor-1", ".command")
    chromium.open("#/devices/demo/sensor-1/uploads", "sensor-1")
    chromium.see("ferry upload FILE", ".command")
    chromium.open("#/resources", "Resources")
    chromium.see("ferryctl resource add demo FILE", ".command")
    chromium.check()


def test_the_menu_leads_to_every_page_in_both_languages(browser):
    for name in PAGES:
        browser.click(name, "nav a")
        browser.see(name, "h1")
    browser.click("中文", "button")
    for name in CHINESE:
        browser.click(name, "nav a")
        browser.see(name, "h1")
    assert browser.run("return document.documentElement.lang") == "zh-CN"
    assert browser.accessibility_faults() == []
    browser.reload()
    browser.see(CHINESE[-1], "h1")  # it is remembered
    browser.click("English", "button")
    browser.see(PAGES[-1], "h1")


def test_a_viewer_sees_everything_and_changes_nothing(chromium, platform, furnished):
    product, deployment = furnished[:2]
    chromium.log_in(platform, add_user(platform, "viewer", [product]))
    chromium.see("Downloads by state")
    for hash, heading in pages_of(furnished)[1:-1]:
        if heading in FOR_ADMINS:
            chromium.open(hash, "Nothing here")
            assert heading not in chromium.text("nav")
            continue
        settle(chromium, hash, heading)
        text = chromium.text("main button:not(.sort), main a.button")
        assert not any(word in text for word in ("Deliver", "Delete", "Disable", "New secret", "Cancel", "Pause", "Retry", "Add", "Describe", "Tags")), hash
    chromium.check()


def test_a_session_that_is_over_asks_to_log_in(chromium, platform):
    user = add_user(platform)
    chromium.log_in(platform, user)
    platform.api.call("DELETE", f"/users/{user}")
    chromium.open("#/uploads")
    chromium.see("Log in", "h1")


def test_logging_out_ends_the_session(chromium, platform):
    chromium.log_in(platform, add_user(platform))
    chromium.click("Log out", "button")
    chromium.see("Log in", "h1")
    chromium.reload()
    chromium.see("Log in", "h1")
    chromium.check()
