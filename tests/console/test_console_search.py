"""A list of many rows of which few fit: the console goes on by itself, says so, and comes to an end."""
import pytest

from ferry import wait_for
from many_uploads import ManyUploads
from operators import add_user

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface

WATCH = """
    window.said = new Set();
    const look = () => document.querySelectorAll("main [role=status]").forEach((e) => window.said.add(e.innerText));
    new MutationObserver(look).observe(document.querySelector("main"), { childList: true, subtree: true, characterData: true });
    performance.clearResourceTimings();"""
REQUESTS = """return performance.getEntriesByType("resource").filter((e) => e.name.includes("/uploads?")).length"""


def test_what_is_rare_is_searched_for_to_the_end(chromium, own_platform):
    ManyUploads(own_platform)
    chromium.log_in(own_platform, add_user(own_platform))
    chromium.open("#/uploads", "Uploads")
    chromium.see("common", "tbody")
    chromium.run(WATCH)
    chromium.fill("Name begins with", "rare-")
    wait_for(lambda: chromium.text(".count") == "Rows: 6", 60, "all six rows")
    said = chromium.run("return [...window.said]")
    assert any("searching for more" in text for text in said), said
    asked = chromium.run(REQUESTS)
    assert asked >= 3, "one page does not look at all of them"
    chromium.fill("Name begins with", "none-")
    chromium.see("Change the filters above.")
    assert "Searching…" in chromium.run("return [...window.said]"), "there are no rows yet is not there are none"
    chromium.fill("Name begins with", "rare-20")
    wait_for(lambda: chromium.text(".count") == "Rows: 2", 60, "the two newest")
    asked = chromium.run(REQUESTS)
    chromium.run("return new Promise((done) => setTimeout(done, 1000))")
    assert chromium.run(REQUESTS) == asked, "at the end nothing more is asked for"
    chromium.check()
