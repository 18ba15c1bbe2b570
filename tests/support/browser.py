"""A real browser (Debian's Chromium, without a screen) that looks at the console of a platform.

    browser = Browser(folder)
    browser.log_in(platform, user)
    browser.open("#/devices")
    browser.click("Deliver")
    browser.check()          # nothing was against the page's policy, nothing went to another host
    browser.close()

Playwright drives it, in a process of Node.js beside this one: browser_driver.mjs. What is clicked and typed is clicked and typed by
the browser's mouse and keyboard, as soon as a user could.
"""
import contextlib
import enum
import itertools
import json
import pathlib
import re
import shutil
import subprocess
from urllib.parse import urlsplit

from environment import INHERITED
from ferry import PATIENCE, build_dir, wait_for
from operators import PASSWORD

CHROMIUM = shutil.which("chromium")
DRIVER = pathlib.Path(__file__).with_name("browser_driver.mjs")
DESKTOP, PHONE = (1280, 900), (390, 844)
WAIT_S, RUN_S, CLOSE_S = 10 * PATIENCE, 120 * PATIENCE, 30

# What a page may meet: it asks who is logged in, and for events that this platform may not have.
EXPECTED_ERRORS = ("/api/v1/session", "/api/v1/events")


class Keys(enum.Enum):
    TAB, ENTER, ESCAPE = "Tab", "Enter", "Escape"


class BrowserError(AssertionError):
    """What the driver says when something cannot be done."""


def console_is_built():
    return (build_dir() / "server/http/console/dist/index.html").exists()


def _modules():
    return build_dir() / "server/http/console/node_modules"


def axe_source():
    return (_modules() / "axe-core/axe.min.js").read_text(encoding="utf-8")


def _node():
    """The one that the console was built by."""
    return re.search(r"^FERRY_NODE:FILEPATH=(.+)$", (build_dir() / "CMakeCache.txt").read_text(encoding="utf-8"), re.M)[1]


class Element:
    """Something on the page, looked for anew at each use; each use waits until it is there."""

    def __init__(self, browser, what, **place):
        self._browser, self._what, self._place = browser, what, place

    def act(self, deed, given=None):
        try:
            return self._browser.ask("act", deed=deed, place=self._place, given=given)
        except BrowserError as error:
            raise BrowserError(f"{deed} {self._what}: {error}\nthere is: {self._browser.text()[:2000]}") from None

    def wait(self):
        self.act("wait")
        return self

    def click(self):
        self.act("click")

    def is_enabled(self):
        return self.act("is_enabled")

    def value(self):
        return self.act("value")


class Browser:
    def __init__(self, folder):
        self.folder = folder
        self.url = None
        self._held = {}
        self._numbers = itertools.count()
        self._log = folder / "driver.log"
        settings = {"chromium": CHROMIUM, "modules": str(_modules()), "folder": str(folder), "wait_ms": WAIT_S * 1000,
                    "run_ms": RUN_S * 1000}
        with open(self._log, "wb") as log:
            self._driver = subprocess.Popen([_node(), DRIVER, json.dumps(settings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=log, encoding="utf-8", env={**INHERITED, "TMPDIR": str(folder), "FORCE_COLOR": "0"})

    def close(self):
        self._driver.stdin.close()
        try:
            self._driver.wait(CLOSE_S)
        finally:
            self._driver.kill()

    def ask(self, method, **given):
        """What the driver does (methods of browser_driver.mjs) and answers."""
        number = next(self._numbers)
        with contextlib.suppress(BrokenPipeError):  # what it said last tells why
            print(json.dumps({"id": number, "method": method, "given": given}), file=self._driver.stdin, flush=True)
        for line in self._driver.stdout:
            answer = json.loads(line)
            if answer["id"] != number:
                continue  # of a request whose answer was not waited for
            if "error" in answer:
                raise BrowserError(answer["error"])
            return answer["value"]
        raise RuntimeError(f"the browser's driver has ended: {self._log.read_text(errors='replace')[-4000:]}")

    def run(self, script, *arguments):
        """The body of a function of the page; what it returns, or what the promise becomes that it returns."""
        return self.ask("run", script=script, given=arguments)

    # --- how it looks ---------------------------------------------------------------------------------

    def size(self, size):
        width, height = size
        self.ask("look", width=width, height=height, mobile=size == PHONE)

    def scheme(self, name):
        self.ask("look", scheme=name)

    def screenshot(self, path):
        self.ask("screenshot", path=str(path))

    # --- where it is ----------------------------------------------------------------------------------

    def visit(self, platform, cookies=None):
        """The console as somebody sees it who was never there, or who has nothing but these cookies."""
        self.url = platform.api_url
        self.ask("visit", url=self.url, cookies=cookies or {})
        self._held = {"errors": [], "hosts": [], "violations": []}

    def log_in(self, platform, user, password=PASSWORD):
        self.visit(platform)
        self.fill("Name", user)
        self.fill("Password", password)
        self.click("Log in")
        self.see("Overview", "h1")

    def resume(self, platform, cookies):
        """The console as somebody sees it who has logged in before."""
        self.visit(platform, cookies)
        self.see("Overview", "h1")

    def open(self, hash, heading=None):
        self.run("location.hash = arguments[0]", hash)
        if heading:
            self.see(heading, "h1")

    def leave(self):
        """For a page that is none of the platform's."""
        self.ask("goto", url="about:blank")

    def load(self, hash):
        self.ask("goto", url=f"{self.url}/{hash}")

    def reload(self):
        self.ask("reload")

    @contextlib.contextmanager
    def tab(self, hash="#/"):
        """Another tab with the console, which is seen instead of the one before; closed at the end."""
        self.ask("add_tab", url=f"{self.url}/{hash}")
        try:
            yield
        finally:
            self.ask("close_tab")

    # --- what is on it --------------------------------------------------------------------------------

    def text(self, css="body"):
        return self.ask("text", css=css)

    def _wait_text(self, text, css, wanted):
        try:
            self.ask("see", text=text, css=css, wanted=wanted)
        except BrowserError as error:
            what = f"the text {text!r}" if wanted else f"the end of the text {text!r}"
            raise BrowserError(f"{what} in {css}: {error}\nthere is: {self.text()[:2000]}") from None

    def see(self, text, css="body"):
        self._wait_text(text, css, True)

    def see_none(self, text, css="body"):
        self._wait_text(text, css, False)

    def find(self, text, tag="*", within="body"):
        """The visible control (button, link, summary, label) that is named so, in an open dialog if there is one."""
        return self._control(text, tag, within).wait()

    def _control(self, text, tag, within):
        return Element(self, f"on what says {text!r}", kind="control", text=text, tag=tag, within=within)

    def at(self, css):
        """The first element that fits."""
        return Element(self, f"at {css!r}", kind="css", css=css)

    def click(self, text, tag="*", within="body"):
        self._control(text, tag, within).click()

    def refresh(self):
        """By the button; there is none where the platform tells by itself what changes."""
        self.run("""[...document.querySelectorAll("main .heading button")]
            .find((e) => e.innerText === "Refresh")?.click()""")

    def field(self, label):
        return Element(self, f"in the field {label!r}", kind="field", label=label)

    def fill(self, label, text):
        self.field(label).act("type", text)

    def choose(self, label, text):
        self.field(label).act("choose", text)

    def send_file(self, path):
        self.at(".drop button").act("choose_files", [str(path)])

    def drop_files(self, *paths):
        self.at(".drop").act("drop_files", [str(path) for path in paths])

    def press(self, *keys):
        """Keys, and texts to type."""
        for key in keys:
            if isinstance(key, Keys):
                self.ask("press", key=key.value)
            else:
                self.ask("type", text=key)

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

    def _seen(self):
        for kind, found in self.ask("seen").items():
            self._held[kind] += found
        return self._held

    def violations(self):
        """Of the page's policy, since the visit began."""
        return self._seen()["violations"]

    def forget_errors(self):
        """What the browser's console says about a request that was meant to fail."""
        self._seen()["errors"] = []

    def check(self):
        seen, mine = self._seen(), urlsplit(self.url).netloc
        faults = [f"against the policy: {words}" for words in seen["violations"]]
        faults += [f"an error: {words}" for words in seen["errors"] if not any(path in words for path in EXPECTED_ERRORS)]
        faults += [f"a request to another host: {host}" for host in seen["hosts"] if host != mine]
        assert faults == [], "\n".join(faults)

    def accessibility_faults(self):
        """What axe-core finds, one line each."""
        if not self.run("return typeof axe !== 'undefined'"):
            self.run(axe_source())
        found = self.run("""return axe.run(document, { resultTypes: ["violations"] })
            .then((result) => result.violations, (e) => [{ id: String(e), nodes: [] }])""")
        return [f"{one['id']}: {one.get('help')}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
                for one in found for node in one["nodes"] or [{"html": ""}]]

    def wait_download(self, name, timeout_s=WAIT_S):
        path = self.folder / "downloads" / name
        wait_for(path.exists, timeout_s, f"the file {name}")
        return path.read_bytes()

    # --- what is left of a failed test ----------------------------------------------------------------

    def record(self, keep=None):
        """From here on; what was recorded before is forgotten, or kept in KEEP.zip, with a picture of the page in KEEP.png."""
        self.ask("record", keep=keep and str(keep))
