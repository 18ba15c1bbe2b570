"""The heads of the columns by which lists are sorted: used by mouse and keyboard, and said to who does not see them."""
import sqlite3

import pytest

from browser import Keys
from ferry import wait_for

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface

LINKS = "return [...document.querySelectorAll('tbody tr td:first-child > a')].map((e) => e.innerText)"
SORT = "return document.querySelector('th[aria-sort]')?.getAttribute('aria-sort') ?? null"
BUTTONS = "return document.querySelectorAll('th button').length"
SORT_BY = """const button = [...document.querySelectorAll("th button:not(th[aria-sort] button)")].find((e) => e.innerText.trim() === arguments[0]);
    button?.click();
    return button !== undefined"""
HEADS = "return [...document.querySelectorAll('th[aria-sort]')].map((e) => e.innerText.split(/\\s/)[0])"


def expect(browser, direction, names, head=None):
    if head:
        wait_for(lambda: browser.run(HEADS) == [head], 20, f"sorted by {head} only; there is {browser.run(HEADS)}")
    wait_for(lambda: browser.run(SORT) == direction and browser.run(LINKS) == names, 20,
             f"{direction}: {names}; there is {browser.run(SORT)} {browser.run(LINKS)}")


def turn(browser):
    browser.at("th[aria-sort] button").click()


def by(browser, head):
    """A list is not there while it is read anew."""
    wait_for(lambda: browser.run(SORT_BY, head), 20, f"a head {head}")


def test_lists_are_turned_round_by_the_head_of_their_column(browser, chosen, platform):
    for name in ("d1", "d2", "d3"):
        platform.new_device(chosen, name)
        platform.api.resource_add(chosen, f"file-{name}", b"bytes")
    browser.open("#/devices", "Devices")
    expect(browser, "ascending", ["d1", "d2", "d3"])
    turn(browser)
    expect(browser, "descending", ["d3", "d2", "d1"])
    browser.check()
    browser.open("#/resources", "Resources")
    expect(browser, "descending", ["file-d3", "file-d2", "file-d1"])
    browser.run("document.querySelector('th[aria-sort] button').focus()")
    browser.press(Keys.ENTER)
    expect(browser, "ascending", ["file-d1", "file-d2", "file-d3"])
    by(browser, "File")
    expect(browser, "ascending", ["file-d1", "file-d2", "file-d3"], "File")
    turn(browser)
    expect(browser, "descending", ["file-d3", "file-d2", "file-d1"], "File")
    platform.api.resource_add(chosen, "file-large", b"more bytes than the others")
    by(browser, "Size")
    expect(browser, "descending", ["file-large", "file-d3", "file-d2", "file-d1"], "Size")
    turn(browser)
    expect(browser, "ascending", ["file-d1", "file-d2", "file-d3", "file-large"], "Size")
    browser.check()
    for name in ("d3", "d1"):
        platform.api.deploy(chosen, f"file-{name}", ["d1"])
    browser.open("#/deployments", "Deployments")
    browser.choose("Product", chosen)
    expect(browser, "descending", ["file-d1", "file-d3"])
    turn(browser)
    expect(browser, "ascending", ["file-d3", "file-d1"])
    platform.api.deploy(chosen, "file-d2", ["d1"])
    by(browser, "File")
    expect(browser, "ascending", ["file-d1", "file-d2", "file-d3"], "File")
    browser.check()
    browser.choose("Product", "All products")
    wait_for(lambda: browser.run(HEADS) == ["Ordered"] and browser.run(BUTTONS) == 1, 20, "the files of all products are sorted by time only")


def test_devices_are_sorted_by_when_they_were_seen(browser, chosen, platform):
    for name in ("d1", "d2", "d3"):
        platform.new_device(chosen, name)
    with sqlite3.connect(platform.data / "ferry.db", timeout=20) as database:
        for seen_ms, name in enumerate(("d2", "d3"), 1700000000000):
            database.execute("UPDATE device SET seen_ms = ? WHERE product = ? AND name = ?", (seen_ms, chosen, name))
    database.close()
    browser.open("#/devices", "Devices")
    by(browser, "Last seen")
    expect(browser, "descending", ["d3", "d2", "d1"], "Last")
    turn(browser)
    expect(browser, "ascending", ["d1", "d2", "d3"], "Last")
    browser.check()
