"""The heads of the columns by which lists are sorted: used by mouse and keyboard, and said to who does not see them."""
import pytest

from browser import Keys
from ferry import wait_for

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface

LINKS = "return [...document.querySelectorAll('tbody tr td:first-child > a')].map((e) => e.innerText)"
SORT = "return document.querySelector('th[aria-sort]')?.getAttribute('aria-sort') ?? null"


def expect(browser, direction, names):
    wait_for(lambda: browser.run(SORT) == direction and browser.run(LINKS) == names, 20,
             f"{direction}: {names}; there is {browser.run(SORT)} {browser.run(LINKS)}")


def turn(browser):
    browser.at("th[aria-sort] button").click()


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
    browser.run("document.querySelector('th button').focus()")
    browser.press(Keys.ENTER)
    expect(browser, "ascending", ["file-d1", "file-d2", "file-d3"])
    for name in ("d3", "d1"):
        platform.api.deploy(chosen, f"file-{name}", ["d1"])
    browser.open("#/deployments", "Deployments")
    browser.choose("Product", chosen)
    expect(browser, "descending", ["file-d1", "file-d3"])
    turn(browser)
    expect(browser, "ascending", ["file-d3", "file-d1"])
    browser.check()
