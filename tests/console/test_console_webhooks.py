"""Webhooks in the console: a server of one's own is told what happens, fails, is seen to fail, and goes on."""
import pytest

from operators import add_user
from secret_watch import WATCH
from webhook_receiver import Receiver

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def impatient(make_platform):
    return make_platform("--webhook-retry-first", "1s", "--webhook-retry-max", "1s", "--webhook-failures-max", "2")


def add_by_form(browser, url, product):
    browser.open("#/webhooks", "Webhooks")
    browser.click("Add a webhook", "button")
    browser.fill("URL", url)
    browser.click("device.changed", "label")
    browser.fill("Product", product)
    browser.click("Add a webhook", "button", within="dialog")
    browser.see("It is not shown again", "dialog")
    secret = browser.text("dialog .secret code").strip()
    WATCH.know(secret, "a webhook's secret")
    browser.click("Close", "button")
    browser.see(url, "tbody")
    return secret


def look(browser, url):
    browser.click(f"Look at {url}", "button")
    browser.see("Last success", "dialog")


def test_a_webhook_is_added_fails_is_seen_and_goes_on(chromium, impatient, receiver):
    platform, product = impatient, impatient.new_product()
    chromium.log_in(platform, add_user(platform))
    chromium.see("Nothing needs you now.")
    secret = add_by_form(chromium, receiver.url, product)
    assert secret not in chromium.text()
    (hook,) = platform.api.list("/webhooks")
    assert (hook["types"], hook["product"]) == (["device.changed"], product)
    receiver.answer = 503
    platform.new_device(product, "sensor-1")
    receiver.wait_requests(2)
    chromium.open("#/", "Overview")
    chromium.see("Webhooks that failed for too long")
    chromium.open("#/webhooks", "Webhooks")
    chromium.see("parked", "tbody")
    look(chromium, receiver.url)
    chromium.see("the receiver answered 503", "dialog")
    receiver.answer = 200
    chromium.click("Resume", "button")
    chromium.see("It goes on where it was", "dialog")
    chromium.click("Resume", "button")
    receiver.wait(1)
    chromium.see("active", "tbody")
    assert [event["device"] for event in receiver.events()] == ["sensor-1"]
    chromium.check()


def test_a_webhook_is_changed_gets_a_secret_is_disabled_and_removed(browser, platform, product, receiver):
    other = receiver.url + "&other=1"
    old = add_by_form(browser, receiver.url, product)
    (hook,) = [one for one in platform.api.list("/webhooks") if one["url"] == receiver.url]
    look(browser, receiver.url)
    browser.click("Change", "button", within="dialog")
    browser.fill("URL", other)
    browser.click("Save", "button")
    browser.see(other, "tbody")
    look(browser, other)
    browser.click("New secret", "button")
    browser.click("Make a new secret", "button")
    browser.see("It is not shown again", "dialog")
    new = browser.text("dialog .secret code").strip()
    WATCH.know(new, "a webhook's secret")
    assert new != old
    browser.click("Close", "button")
    assert platform.api.call("GET", f"/webhooks/{hook['id']}")["old_secret_until"], "one day, unless another time is chosen"
    look(browser, other)
    browser.see("Old secret good until", "dialog")
    browser.click("New secret", "button")
    browser.choose("The old secret stays good for", "no time: it ends at once")
    browser.click("Make a new secret", "button")
    browser.see("It is not shown again", "dialog")
    WATCH.know(browser.text("dialog .secret code").strip(), "a webhook's secret")
    browser.click("Close", "button")
    assert platform.api.call("GET", f"/webhooks/{hook['id']}")["old_secret_until"] is None
    look(browser, other)
    browser.click("Disable", "button")
    browser.see("disabled", "tbody")
    changed = platform.api.call("GET", f"/webhooks/{hook['id']}")
    assert (changed["url"], changed["state"], changed["product"]) == (other, "disabled", product)
    look(browser, other)
    browser.click("Remove", "button")
    browser.see("Nothing is sent there any more", "dialog")
    browser.click("Remove", "button")
    browser.see_none(other, "tbody")
    assert platform.api.call("GET", f"/webhooks/{hook['id']}", ok=False).status_code == 404


def test_a_wrong_url_is_refused_in_the_dialog(browser):
    browser.open("#/webhooks", "Webhooks")
    browser.click("Add a webhook", "button")
    browser.fill("URL", "ftp://example.org/")
    browser.click("Add a webhook", "button", within="dialog")
    browser.see("url", "dialog [role=alert]")
    browser.forget_errors()  # it says so too


def test_an_admin_of_some_products_has_no_webhooks(chromium, platform, product):
    chromium.log_in(platform, add_user(platform, "admin", [product]))
    assert "Webhooks" not in chromium.text("nav")
    chromium.check()
