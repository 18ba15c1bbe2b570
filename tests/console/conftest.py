"""Fixtures of the console's tests, beside those of all system tests: a browser, and a user in it."""
import re

import pytest

import browser as browsers
from operators import Caller, add_user


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test leaves what its browser did and saw."""
    outcome = yield
    report = outcome.get_result()
    browser = getattr(item, "funcargs", {}).get("chromium")
    if report.failed and browser:
        path = browser.folder / f"{re.sub('[^a-zA-Z0-9-]+', '_', item.name)[:100]}-{report.when}"
        try:
            browser.record(keep=path)
            words = f"{path}.zip, with the page in {path.name}.png"
        except (AssertionError, RuntimeError, OSError) as error:  # it is the browser that failed
            words = str(error)
        report.sections.append(("what the browser did (docs/console.md says how to look at it)", words))


@pytest.fixture(scope="session")
def one_chromium(tmp_path_factory):
    if not browsers.CHROMIUM:
        pytest.skip("chromium is not installed; type: scripts/install-deps test")
    if not browsers.console_is_built():
        pytest.skip("this build is without the console (FERRY_CONSOLE=OFF)")
    started = browsers.Browser(tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


@pytest.fixture
def chromium(one_chromium):
    """One browser for all tests of this process; of the test that fails there is a recording."""
    one_chromium.record()
    return one_chromium


def cookies_of_admin(platform):
    caller = Caller(platform)
    assert caller.log_in(add_user(platform)).status_code == 200
    return caller.session.cookies.get_dict()


@pytest.fixture(scope="session")
def admin_cookies(platform):
    """Of one session for many tests: none of them may end it."""
    return cookies_of_admin(platform)


def logged_in(chromium, platform, cookies):
    chromium.size(browsers.DESKTOP)
    chromium.scheme("light")
    chromium.resume(platform, cookies)
    return chromium


@pytest.fixture
def browser(chromium, platform, admin_cookies):
    """The console of the shared platform with an admin logged in; afterwards it is held to its policy."""
    yield logged_in(chromium, platform, admin_cookies)
    chromium.check()


@pytest.fixture
def lone_browser(chromium, own_platform):
    """As browser, on a platform where no other test leaves rows: what is added is on the screen."""
    yield logged_in(chromium, own_platform, cookies_of_admin(own_platform))
    chromium.check()


@pytest.fixture
def chosen(browser, product):
    """The product, which the browser's pages are about."""
    browser.run("localStorage.setItem('ferry-product', arguments[0])", product)
    browser.reload()
    browser.see("Overview", "h1")
    return product
