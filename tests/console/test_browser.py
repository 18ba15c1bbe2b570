"""The browser of the tests itself: what it must hold against a page it does hold against it."""
import pytest

from ferry import wait_for

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface


@pytest.fixture
def page(chromium, platform):
    chromium.visit(platform)
    chromium.see("Log in", "h1")
    chromium.check()
    yield chromium
    chromium.leave()


def refused(page, words):
    """Does check() refuse it, with these words?"""
    try:
        page.check()
    except AssertionError as error:
        return words in str(error)
    return False


@pytest.mark.parametrize("script, words", [
    ("document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/' }))", "the policy: img-src"),
    ("document.body.setAttribute('style', 'color: red')", "the policy: style-src-attr"),
    ("try { document.body.innerHTML = '<b>bold</b>' } catch {}", "the policy: require-trusted-types-for"),
    ("setTimeout(() => { throw new Error('thrown') })", "thrown"),
    ("setTimeout(() => Promise.reject(new Error('rejected')))", "rejected"),
    ("fetch('/api/v1/nothing')", "/api/v1/nothing"),
    ("console.error('said')", "said")])
def test_what_a_page_must_not_do_is_held_against_it(page, script, words):
    page.run(script)
    wait_for(lambda: refused(page, words), what=f"something that says {words!r}")


def test_a_request_to_another_host_is_held_against_it(page, platform):
    page.ask("goto", url=platform.objects_url + "/")
    assert refused(page, "another host: 127.0.0.1")


def test_what_another_tab_did_is_held_against_it_too(page):
    with page.tab():
        page.run("document.body.setAttribute('style', 'color: red')")
    page.see("Log in", "h1")
    wait_for(lambda: refused(page, "the policy: style-src-attr"), what="the violation")


def test_a_page_that_nobody_sees_is_hidden(page):
    page.run("document.addEventListener('visibilitychange', () => (window.was = [...(window.was ?? []), document.visibilityState]))")
    with page.tab():
        assert page.run("return document.visibilityState") == "visible"
    wait_for(lambda: page.run("return window.was") == ["hidden", "visible"], what="to be hidden and seen again")
