"""A real browser (Debian's Chromium, without a screen) that looks at the console of a platform.

    browser = Browser(folder)
    browser.log_in(platform, user)
    browser.open("#/devices")
    browser.click("Deliver")
    browser.check()          # nothing was against the page's policy, nothing went to another host
    browser.close()
"""
import contextlib
import json
import shutil
import time
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ferry import PATIENCE, build_dir, wait_for
from operators import PASSWORD

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
DESKTOP, PHONE = (1280, 900), (390, 844)
WAIT_S = 10 * PATIENCE

# Before the page's own script: what is against the policy is remembered, over all pages of a test.
WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(event.violatedDirective + " " + event.blockedURI + " " + event.sample));
"""
# What a page may meet: it asks who is logged in, and for events that this platform may not have.
EXPECTED_LOG = ("/api/v1/session", "/api/v1/events")


def console_is_built():
    return (build_dir() / "server/http/console/dist/index.html").exists()


def axe_source():
    return (build_dir() / "server/http/console/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


def _options(folder):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en-US",
                     "--no-proxy-server", "--disable-background-networking", f"--user-data-dir={folder}/profile"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads"),
                                              "intl.accept_languages": "en-US"})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options


class Browser:
    def __init__(self, folder):
        self.folder = folder
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=_options(folder))
        self.driver.set_script_timeout(120 * PATIENCE)
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=WATCH_POLICY)
        self.url = None
        self.size(DESKTOP)
        self.scheme("light")

    def close(self):
        self.driver.quit()

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    # --- how it looks ---------------------------------------------------------------------------------

    def size(self, size):
        width, height = size
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                 mobile=size == PHONE)

    def scheme(self, name):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name},
                                                         {"name": "prefers-reduced-motion", "value": "reduce"}])

    def screenshot(self, path):
        self.driver.save_screenshot(str(path))

    # --- where it is ----------------------------------------------------------------------------------

    def visit(self, platform):
        """The console as somebody sees it who was never there."""
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # what was held against the pages before
        self.cdp("Network.clearBrowserCookies")
        self.url = platform.api_url
        self.cdp("Storage.clearDataForOrigin", origin=self.url, storageTypes="local_storage")
        self.driver.get(self.url + "/")

    def log_in(self, platform, user, password=PASSWORD):
        self.visit(platform)
        self.fill("Name", user)
        self.fill("Password", password)
        self.click("Log in")
        self.see("Overview", "h1")

    def open(self, hash, heading=None):
        self.run("location.hash = arguments[0]", hash)
        if heading:
            self.see(heading, "h1")

    @contextlib.contextmanager
    def tab(self, hash="#/"):
        """Another tab with the console, which is seen instead of the one before; closed at the end."""
        before = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        try:
            self.driver.get(f"{self.url}/{hash}")
            yield
        finally:
            self.driver.close()
            self.driver.switch_to.window(before)

    # --- what is on it --------------------------------------------------------------------------------

    def text(self, css="body"):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText).join('\\n')", css)

    def see(self, text, css="body"):
        wait_for(lambda: text in self.text(css), WAIT_S, f"the text {text!r} in {css}; there is: {self.text()[:2000]}")

    def see_none(self, text, css="body"):
        wait_for(lambda: text not in self.text(css), WAIT_S, f"the end of the text {text!r} in {css}")

    def find(self, text, tag="*", within="body"):
        """The visible control (button, link, summary, label) that is named so, in an open dialog if there is one."""
        script = """
            const root = document.querySelector("dialog[open]") ?? document.querySelector(arguments[2]);
            const nameOf = (e) => e.getAttribute("aria-label") ?? e.innerText.trim();
            return [...root?.querySelectorAll("button, a, summary, label") ?? []].find((e) =>
                (e.innerText.trim() === arguments[0] || nameOf(e) === arguments[0]) && e.checkVisibility() &&
                (arguments[1] === "*" || e.matches(arguments[1]))) ?? null"""
        return wait_for(lambda: self.run(script, text, tag, within), WAIT_S,
                        f"something to use that says {text!r}; there is: {self.text()[:2000]}")

    def click(self, text, tag="*", within="body"):
        def clicked():
            try:
                self.find(text, tag, within).click()
                return True
            except StaleElementReferenceException:  # it was drawn again meanwhile
                return False
        wait_for(clicked, WAIT_S, f"a click on {text!r}")

    def refresh(self):
        """By the button; there is none where the platform tells by itself what changes."""
        self.run("""[...document.querySelectorAll("main .heading button")]
            .find((e) => e.innerText === "Refresh")?.click()""")

    def field(self, label):
        script = """return [...document.querySelectorAll("label.field")].filter((e) => e.checkVisibility())
            .find((e) => e.querySelector("span").innerText.trim() === arguments[0])?.querySelector("input, select, textarea") ?? null"""
        return wait_for(lambda: self.run(script, label), WAIT_S, f"the field {label!r}")

    def fill(self, label, text):
        field = self.field(label)
        if field.get_attribute("value"):  # as people do: what clear() does the page hears too late
            field.send_keys(Keys.CONTROL + "a" + Keys.NULL + Keys.DELETE)
        field.send_keys(text)

    def choose(self, label, text):
        script = """const option = [...arguments[0].options].find((o) => o.innerText.trim() === arguments[1]);
            if (!option) return false;
            arguments[0].value = option.value;
            arguments[0].dispatchEvent(new Event("change", { bubbles: true }));
            return true"""
        wait_for(lambda: self.run(script, self.field(label), text), WAIT_S, f"the choice {text!r} of {label!r}")

    def send_file(self, path):
        (chooser,) = wait_for(lambda: self.driver.find_elements(By.CSS_SELECTOR, "input[type=file]"), WAIT_S, "a place for a file")
        chooser.send_keys(str(path))

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def press_tab_until(self, name, limit=60):
        """Goes there as somebody without a mouse does."""
        for _ in range(limit):
            self.press(Keys.TAB)
            focused = self.run("""const e = document.activeElement; return [e.getAttribute("aria-label"), e.innerText?.trim(),
                e.closest("label")?.innerText.trim()]""")
            if name in focused:
                return
        raise AssertionError(f"{name!r} is not reached by the Tab key; there is: {self.text()[:1000]}")

    def rows(self):
        """The texts of the rows that are drawn."""
        return [row for row in self.text("tbody tr:not(.spacer)").split("\n") if row]

    # --- what is held against it ----------------------------------------------------------------------

    def violations(self):
        return self.run("return window.violations")

    def check(self):
        assert self.violations() == []
        wrong = [entry["message"] for entry in self.driver.get_log("browser")
                 if entry["level"] == "SEVERE" and not any(path in entry["message"] for path in EXPECTED_LOG)]
        assert wrong == []
        assert self._other_hosts() == set()

    def _other_hosts(self):
        mine, hosts = urlsplit(self.url).netloc, set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] != "Network.requestWillBeSent":
                continue
            url = urlsplit(message["params"]["request"]["url"])
            if url.scheme in ("http", "https", "ws", "wss") and url.netloc != mine:
                hosts.add(url.netloc)
        return hosts

    def accessibility_faults(self):
        """What axe-core finds, one line each."""
        if not self.run("return typeof axe !== 'undefined'"):
            self.run(axe_source())
        found = self.driver.execute_async_script("""
            const done = arguments[arguments.length - 1];
            axe.run(document, { resultTypes: ["violations"] }).then((result) => done(result.violations), (e) => done([{id: String(e), nodes: []}]))""")
        return [f"{one['id']}: {one.get('help')}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
                for one in found for node in one["nodes"] or [{"html": ""}]]

    def wait_download(self, name, timeout_s=WAIT_S):
        path = self.folder / "downloads" / name
        wait_for(path.exists, timeout_s, f"the file {name}")
        time.sleep(0.05)
        return path.read_bytes()
