"""Fixtures of the console's tests, beside those of all system tests: a browser, and a user in it."""
import pytest

from operators import add_user

try:
    import browser as browsers
except ImportError:  # python3-selenium is not installed: scripts/install-deps test
    browsers = None


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if browsers is None or not browsers.CHROMIUM or not browsers.DRIVER:
        pytest.skip("chromium, chromium-driver or python3-selenium is not installed; type: scripts/install-deps test")
    if not browsers.console_is_built():
        pytest.skip("this build is without the console (FERRY_CONSOLE=OFF)")
    started = browsers.Browser(tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


def logged_in(chromium, platform):
    chromium.size(browsers.DESKTOP)
    chromium.scheme("light")
    chromium.log_in(platform, add_user(platform))
    return chromium


@pytest.fixture
def browser(chromium, platform):
    """The console of the shared platform with an admin logged in; afterwards it is held to its policy."""
    yield logged_in(chromium, platform)
    chromium.check()


@pytest.fixture
def lone_browser(chromium, own_platform):
    """As browser, on a platform where no other test leaves rows: what is added is on the screen."""
    yield logged_in(chromium, own_platform)
    chromium.check()


@pytest.fixture
def chosen(browser, product):
    """The product, which the browser's pages are about."""
    browser.run("localStorage.setItem('ferry-product', arguments[0])", product)
    browser.driver.refresh()
    browser.see("Overview", "h1")
    return product
