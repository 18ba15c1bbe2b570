"""What admins do in the console: users, tokens, the audit log, the settings."""
import sqlite3

import pytest

from ferry import unique_name, wait_for
from operators import PASSWORD, Caller, add_token, add_user

TRIGGERS = ("audit_follows", "audit_stays", "audit_is_kept")  # the database itself refuses what is done here

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface


def test_a_token_is_made_shown_once_used_and_revoked(lone_browser, own_platform):
    browser, platform, product = lone_browser, own_platform, own_platform.new_product()
    name = unique_name("t")
    browser.open("#/access/tokens", "Access")
    browser.click("Add a token", "button")
    browser.fill("Name", name)
    browser.choose("Role", "operator")
    browser.fill("Products", product)
    browser.choose("Ends after", "30 days")
    browser.click("Add a token", "button")
    browser.see("It is not shown again", "dialog")
    token = browser.text("dialog .secret code").strip()
    browser.click("Close", "button")
    browser.see(name, "tbody")
    assert token not in browser.text()
    made = platform.api.call("GET", f"/tokens/{name}")
    assert (made["role"], made["products"]) == ("operator", [product]) and made["expires_at"]
    caller = Caller(platform, token)
    assert caller("GET", f"/products/{product}").status_code == 200
    browser.click(f"Remove {name}", "button")
    browser.click("Remove", "button")
    browser.see_none(name, "tbody")
    assert caller("GET", f"/products/{product}").status_code == 401


def test_a_user_is_added_changed_and_removed(lone_browser, own_platform):
    browser, platform, product = lone_browser, own_platform, own_platform.new_product()
    name = unique_name("u")
    browser.open("#/access", "Access")
    browser.click("Add a user", "button")
    browser.fill("Name", name)
    browser.fill("Products", product)
    browser.fill("Password", "too short")
    assert not browser.find("Add a user", "button").is_enabled()
    browser.fill("Password", PASSWORD)
    browser.click("Add a user", "button")
    browser.see(name, "tbody")
    caller = Caller(platform)
    assert caller.log_in(name).status_code == 200
    browser.click(f"Change {name}", "button")
    browser.choose("Role", "operator")
    browser.fill("Products", " ")
    browser.fill("New password, if it shall change", "another long password")
    browser.click("Save", "button")
    browser.see_none("Save")
    browser.see("All products", "tbody")
    user = platform.api.call("GET", f"/users/{name}")
    assert (user["role"], user["products"]) == ("operator", None)
    assert caller("GET", "/session").status_code == 401
    assert caller.log_in(name, "another long password").status_code == 200
    browser.click(f"Remove {name}", "button")
    browser.click("Remove", "button")
    browser.see_none(name, "tbody")
    assert caller("GET", "/session").status_code == 401


def test_a_name_that_is_taken_is_refused_in_the_dialog(browser, platform):
    user = add_user(platform, "viewer")
    browser.open("#/access", "Access")
    browser.click("Add a user", "button")
    browser.fill("Name", user)
    browser.fill("Password", PASSWORD)
    browser.click("Add a user", "button")
    browser.see("That is there already.", "dialog [role=alert]")
    browser.forget_errors()  # it says so too


def test_an_admin_of_some_products_gives_away_no_more(chromium, platform, product):
    chromium.log_in(platform, add_user(platform, "admin", [product]))
    assert "Settings" not in chromium.text("nav")
    chromium.open("#/access/tokens", "Access")
    chromium.click("Add a token", "button")
    assert chromium.field("Products").value() == product
    chromium.fill("Name", unique_name("t"))
    chromium.fill("Products", " ")
    assert not chromium.find("Add a token", "button").is_enabled()
    chromium.open("#/audit", "Audit")
    assert "Verify" not in chromium.text("main")
    chromium.check()


def test_the_audit_log_is_filtered_and_shows_before_and_after(browser, platform, product):
    platform.new_device(product, "sensor-1")
    platform.api.device_disable(product, "sensor-1")
    browser.open("#/audit", "Audit")
    browser.choose("Product", product)
    browser.fill("Action begins with", "device.")
    browser.see("Rows: 2")
    browser.fill("What", f"device/{product}/nobody")
    browser.see("Nothing fits")
    browser.fill("What", f"device/{product}/sensor-1")
    browser.choose("Time", "The last hour")
    browser.see("Rows: 2")
    browser.at("tbody button").click()
    browser.see("Before", "dialog")
    before, after = (browser.text(f"dialog pre[aria-label={name}]") for name in ("Before", "After"))
    assert '"disabled": false' in before and '"disabled": true' in after


@pytest.fixture
def loaded_once(lone_browser):
    """A browser whose page hears of changes; it is not loaded again."""
    wait_for(lambda: "Refresh" not in lone_browser.text("main button"), what="the stream of events")
    lone_browser.run("window.the_same = true")
    yield lone_browser
    assert lone_browser.run("return window.the_same")


def test_users_and_tokens_that_others_change_do_so_on_the_page(loaded_once, own_platform):
    browser, platform = loaded_once, own_platform
    browser.open("#/access", "Access")
    name = add_user(platform, "operator")
    browser.see(name, "tbody")
    assert "Refresh" not in browser.text("main button")
    platform.api.call("DELETE", f"/users/{name}")
    browser.see_none(name, "tbody")
    browser.open("#/access/tokens", "Access")
    token = add_token(platform, "viewer")[0]
    browser.see(token, "tbody")
    platform.api.call("DELETE", f"/tokens/{token}")
    browser.see_none(token, "tbody")


def test_webhooks_records_and_quotas_come_onto_their_pages(loaded_once, own_platform):
    browser, platform = loaded_once, own_platform
    browser.open("#/webhooks", "Webhooks")
    hook = platform.api.call("POST", "/webhooks", json={"url": "http://127.0.0.1:9/of-others", "types": ["resource.changed"]})
    browser.see("/of-others", "tbody")
    browser.click("Look at http://127.0.0.1:9/of-others", "button")
    browser.see("active", "dialog")
    platform.api.call("PATCH", f"/webhooks/{hook['id']}", json={"disabled": True})
    browser.see("disabled", "dialog")
    platform.api.call("DELETE", f"/webhooks/{hook['id']}")
    browser.see_none("/of-others")
    browser.open("#/audit", "Audit")
    browser.see("webhook.remove", "tbody")
    platform.api.product_add("of-others")
    browser.see("product/of-others", "tbody")
    browser.open("#/settings", "Settings")
    platform.api.product_add("more-of-others")
    browser.see("more-of-others", "tbody")


@pytest.fixture
def audited(make_platform):
    platform = make_platform()
    platform.api.product_add("demo")
    for number in range(3):
        platform.api.device_add("demo", f"sensor-{number}")
    resource = platform.api.resource_add("demo", "fw.bin", b"bytes")
    words = 'with \n lines, "quotes", \\\\u001f, ä, 中, \u2028 and \U0001f600'
    platform.api.call("PATCH", f"/resources/{resource['id']}", json={"description": words})
    limits = {"product_bytes": 2**62, "product_files": 0, "device_bytes": 0, "device_files": 0}
    platform.api.call("PUT", "/quota/demo", json=limits)
    return platform


def verify(browser, platform):
    browser.log_in(platform, add_user(platform))
    browser.open("#/audit", "Audit")
    browser.click("Verify the whole log", "button")


def test_a_log_that_is_whole_is_said_to_be(chromium, audited):
    verify(chromium, audited)
    chromium.see("none changed or missing")
    chromium.see("were not compared: 1.")
    chromium.check()


@pytest.mark.parametrize("statement, words", [
    ("UPDATE audit SET actor = 'token/other' WHERE seq = 3", "Record 3 was changed"),
    ("UPDATE audit SET state_after = '{\"name\":\"x\"}' WHERE seq = 3", "Record 3 was changed"),
    ("UPDATE audit SET prev = randomblob(32) WHERE seq = 3", "Record 3 does not follow"),
    ("DELETE FROM audit WHERE seq = 3", "Record 3 is missing"),
    ("DELETE FROM audit WHERE seq <= 2", "no record says that they were removed")])
def test_a_log_that_somebody_changed_is_found_out(chromium, audited, statement, words):
    audited.stop()
    with sqlite3.connect(audited.data / "ferry.db") as database:
        for trigger in TRIGGERS:
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute(statement)
    audited.start()
    verify(chromium, audited)
    chromium.see(words, "[role=alert]")
    chromium.check()


def test_the_settings_are_shown_with_what_is_used(chromium, make_platform):
    platform = make_platform("--retention-days", "7", "--quota-product-bytes", "1M")
    platform.api.product_add("demo")
    platform.api.resource_add("demo", "fw.bin", b"bytes" * 1000)
    chromium.log_in(platform, add_user(platform))
    chromium.open("#/settings", "Settings")
    chromium.see("retention-days", ".settings")
    changed = chromium.text(".settings td b").split("\n")
    assert "7" in changed and "1.0 MiB" in changed and "90" not in changed
    chromium.see("4.9 KiB of 1.0 MiB", "tbody")
    chromium.check()
