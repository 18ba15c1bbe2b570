"""Harness of the system tests: a real ferryd with its broker, and devices that talk to it.

    platform = Platform()
    platform.start()
    device = platform.new_device()            # registered, not connected
    with VendorDevice(platform, device) as d: # connected
        d.upload("a.txt", b"hello")
    platform.stop()                           # asserts that nothing leaked

Programs come from the build folder named by FERRY_BUILD (default: build/dev in the tree).
"""
import atexit
import contextlib
import functools
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from environment import without_settings
from operator_api import ApiError, OperatorApi
from ports import free_port
from secret_watch import WATCH
from shim import build_shim
from vendor_device import DeviceCredential, VendorDevice, vendor_username, vendor_password
from vendor_http import HttpAnswer, vendor_get, vendor_put

__all__ = [
    "ApiError", "DeviceCredential", "HttpAnswer", "OperatorApi", "PATIENCE", "Platform", "SANITIZED", "VendorDevice",
    "build_dir", "program", "run", "unique_name", "vendor_get", "vendor_password", "vendor_put", "vendor_username",
    "wait_for", "wait_for_none",
]

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
SANITIZED = bool(os.environ.get("FERRY_SANITIZED"))
THREADS_WATCHED = os.environ.get("FERRY_SANITIZED") == "thread" # by ThreadSanitizer; else it is ASan with UBSan
PATIENCE = 12 if THREADS_WATCHED else 4 if SANITIZED else 1  # factor for times that depend on the machine's speed
PLANES = ("mqtt", "objects", "api", "mqtts")
READY_TIMEOUT_S = 15 * PATIENCE
STOP_TIMEOUT_S = 15 * PATIENCE
DESCRIPTORS_MORE = 40    # readers of the database and idle connections that may stay open, beyond those at the start
DESCRIPTORS_WAIT_S = 5
SANITIZER_EXIT = 99
TSAN_SUPPRESSIONS = SOURCE_DIR / "tests/support/tsan.supp"
LOG_TAIL_LINES = 60
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")

_live = set()
_names = itertools.count(1)


def build_dir():
    """The build folder under test."""
    return pathlib.Path(os.environ.get("FERRY_BUILD", SOURCE_DIR / "build" / "dev"))


def program(name):
    """Path of a built program or plugin ("ferryd", "ferry", "ferryctl", "ferry_auth.so")."""
    for folder in ("server/daemon", "tools", "broker"):
        for found in sorted((build_dir() / folder).rglob(name)):
            if found.is_file():
                return found
    raise FileNotFoundError(f"{name} is not in {build_dir()}: build first or set FERRY_BUILD")


def unique_name(prefix, length=8):
    """A name nobody else uses in this run, also beside other test processes."""
    number = next(_names) * 4096 + os.getpid() % 4096
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return prefix + digits.rjust(length - len(prefix), "0")


def _default_signals():
    """A shell starts what runs in the background with SIGINT ignored, nohup with SIGHUP: ferryd would inherit it."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def run(*command, timeout=30, **options):
    """A command to its end, with none of Ferry's settings in its environment, and nobody to type at it."""
    options.setdefault("stdin", subprocess.DEVNULL)
    env = without_settings()
    env.update(options.pop("env", {}))
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout * PATIENCE,
                          env=env, **options)


def wait_for(condition, timeout_s=10, what="the condition"):
    """Calls condition until it gives something true, and returns that."""
    if THREADS_WATCHED:
        timeout_s *= 3 # it is races that are looked for: what comes late has come
    end = time.monotonic() + timeout_s
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"{what} did not come true within {timeout_s} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def wait_for_none(find, timeout_s):
    """What find still gives after at most timeout_s; empty as soon as it gives nothing."""
    end = time.monotonic() + timeout_s
    while True:
        found = find()
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.02)


def process_exists(pid):
    """True while the process runs (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def processor_s(pid):
    """What the process has used of the processor, in hundredths of a second."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processes_naming(text):
    """Ids of the processes, except this one, whose command line contains the text."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as cmdline:
                if text.encode() in cmdline.read() and process_exists(int(entry)):
                    found.append(int(entry))
        except OSError:
            continue
    return found


class Platform:
    """One ferryd with a data folder of its own, on free loopback ports."""

    def __init__(self, *args, data=None, env=None, build=None, tls=False):
        """args: more arguments of ferryd, e.g. "--push-retry-first", "1". tls: with certificates of `ferryd tls init`."""
        self._root = pathlib.Path(tempfile.mkdtemp(prefix="ferry-test-"))
        self.data = pathlib.Path(data) if data else self._root / "data"
        self.args = [str(arg) for arg in args]
        self.log_path = self._root / "ferryd.log"
        self._env = dict(env or {})
        self._build = build
        self._tls = tls
        self._process = None
        self._pins = {}
        self.devices_port = None # of another broker
        self.devices_host = "127.0.0.1"
        self._broker_pids = set()
        self._descriptors_at_start = 0
        self.addresses = {}
        self._api = None
        self._api_lock = threading.Lock()

    # --- life -------------------------------------------------------------------------------------

    def start(self, *, wait=True, expect_exit=False):
        """Starts ferryd; with wait until it is ready. expect_exit: returns its exit status instead."""
        assert self._process is None, "ferryd runs already"
        if self._tls and not self.ca.exists():
            self.tls_command("init")
        ports = {plane: self.choose_port(plane) for plane in PLANES}
        command = [str(self._program("ferryd")), "--data", str(self.data)]
        for plane, port in ports.items():
            if f"--{plane}-port" not in self.args:
                command += [f"--{plane}-port", str(port)]
        if "--device-cert-port" not in self.args:
            command += ["--device-cert-port", "0"]
        self._ready_file().unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                command + self.args, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self._root, env=self._environment(), preexec_fn=_default_signals)
        _live.add(self)
        if expect_exit:
            status = self._process.wait(READY_TIMEOUT_S)
            self._process = None
            return status
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout_s=READY_TIMEOUT_S):
        """Waits until run/ferryd.json is there and belongs to this process."""
        end = time.monotonic() + timeout_s
        while True:
            status = self._process.poll()
            if status is not None:
                self._process = None
                raise AssertionError(f"ferryd ended with status {status} instead of becoming ready\n{self.log_tail()}")
            try:
                ready = json.loads(self._ready_file().read_text())
                if ready["pid"] == self._process.pid:
                    self.addresses = ready
                    break
            except (OSError, ValueError):
                pass
            if time.monotonic() > end:
                raise AssertionError(f"ferryd was not ready within {timeout_s} s\n{self.log_tail()}")
            time.sleep(0.01)
        with contextlib.suppress(OSError, ValueError): # not with somebody else's broker, nor with one that is away again
            self._broker_pids.add(self.broker_pid)
        self._descriptors_at_start = self.descriptors()
        WATCH.know_data(self.data)

    def stop(self, *, check=True):
        """Ends ferryd as an operator would (SIGTERM) and asserts that nothing is left."""
        status = 0
        if self._process is not None:
            self.resume()
            if check and self.running:
                self.assert_no_descriptors_leak()
            self._process.send_signal(signal.SIGTERM)
            try:
                status = self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                self._process = None
                raise AssertionError(f"ferryd did not end within {STOP_TIMEOUT_S} s\n{self.log_tail()}") from None
            self._process = None
        if check:
            assert status == 0, f"ferryd ended with status {status}\n{self.log_tail()}"
            self.assert_nothing_left()
        if status == SANITIZER_EXIT:
            raise AssertionError(f"a sanitizer ended ferryd\n{self.log_tail()}")
        self.assert_log_clean()

    def restart(self):
        """A clean stop and start. The same ports, as in the field."""
        self.pin_ports()
        self.stop()
        return self.start()

    def pin_ports(self):
        """The next starts use the ports of now."""
        mqtt = "mqtts" if self.addresses["mqtt"].startswith("mqtts:") else "mqtt"
        self._pins |= {mqtt: self.mqtt_port, "objects": self.objects_port, "api": self.api_port}

    def choose_port(self, plane):
        """The one that it will have, for settings that must know it before the start."""
        return self._pins.setdefault(plane, free_port())

    def use_any_ports(self):
        """The next starts leave the choice to ferryd."""
        self._pins = dict.fromkeys(PLANES, 0)

    def kill9(self):
        """Sudden death of ferryd; its broker stays. start() again afterwards."""
        self.pin_ports()
        self._process.kill()
        self._process.wait()
        self._process = None

    def bury(self):
        """ferryd has died by itself, as was ordered; or is buried already. start() again afterwards."""
        self.pin_ports()
        if self._process is not None:
            self._process.wait()
            self._process = None

    def kill9_broker(self):
        """Sudden death of the broker; ferryd starts it again."""
        os.kill(self.broker_pid, signal.SIGKILL)

    def pause(self):
        """Stops ferryd's clockwork (SIGSTOP); the broker goes on."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    def close(self):
        """Ends whatever runs and removes the folder. For fixtures; asserts nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for pid in processes_naming(str(self.data)):
            if pid in self._known_brokers():
                os.kill(pid, signal.SIGKILL)
        _live.discard(self)
        WATCH.know_data(self.data)
        for folder in {self._root, self.data}:
            WATCH.look_at_folder(folder, "a platform")
        shutil.rmtree(self._root, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
            else:
                print(f"--- ferryd's log ends with:\n{self.log_tail()}")
        finally:
            self.close()

    # --- what it is ------------------------------------------------------------------------------

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self):
        return self._process.pid

    @property
    def broker_pid(self):
        return int((self.data / "broker" / "mosquitto.pid").read_text())

    @property
    def mqtt_port(self):
        """Where devices come in: with a broker of somebody else's not always where ferryd does."""
        return self.devices_port or self._port("mqtt")

    @property
    def in_bucket(self):
        """Its files are in a bucket."""
        return "--objects" in self.args

    @property
    def ca(self):
        """What to trust when the platform speaks TLS."""
        return self.data / "tls" / "ca.pem"

    @property
    def trusted(self):
        """What its clients are given to trust, as text; None: it speaks no TLS."""
        return str(self.ca) if self._tls else None

    def tls_command(self, *args):
        """Runs `ferryd tls ...` on the data folder; gives what it printed."""
        done = subprocess.run([self._program("ferryd"), "tls", *map(str, args), "--data", self.data], check=True,
                              capture_output=True, text=True, env=self._environment())
        return done.stdout

    def reload(self):
        """SIGHUP, and waits until ferryd has said what came of it."""
        seen = len(self.log())
        os.kill(self.pid, signal.SIGHUP)
        wait_for(lambda: " tls: " in self.log()[seen:], 10, "a word about the certificates")
        return self.log()[seen:]

    @property
    def objects_port(self):
        return self._port("objects")

    @property
    def api_port(self):
        return self._port("api")

    @property
    def objects_url(self):
        return self.addresses["objects"]

    @property
    def api_url(self):
        return self.addresses["api"]

    @property
    def token(self):
        return (self.data / "admin.token").read_text().strip()

    @property
    def api(self):
        """The operator API, as the admin."""
        with self._api_lock:
            if self._api is None or self._api.url != self.api_url:
                self._api = OperatorApi(self.api_url, self.token, self.trusted)
            return self._api

    def log(self):
        try:
            return self.log_path.read_text(errors="replace")
        except OSError:
            return ""

    def log_tail(self, lines=LOG_TAIL_LINES):
        tail = self.log().splitlines()[-lines:]
        broker_log = self.data / "broker" / "mosquitto.log"
        if broker_log.exists():
            tail += ["--- mosquitto.log"] + broker_log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join(tail)

    # --- short ways ---------------------------------------------------------------------------------

    def new_product(self, name=None):
        """Registers a product with a name that vendor devices can bear (at most 10 characters)."""
        name = name or unique_name("p")
        self.api.product_add(name)
        return name

    def new_device(self, product=None, name=None):
        """Registers a device, with a product of its own unless one is given. Returns its DeviceCredential."""
        product = product or self.new_product()
        name = name or unique_name("d")
        secret = self.api.device_add(product, name)["secret"]
        return DeviceCredential(product, name, secret)

    # --- assertions ---------------------------------------------------------------------------------

    def assert_log_clean(self):
        """No sanitizer has found anything, in ferryd or in the broker's plugin."""
        text = self.log()
        broker_log = self.data / "broker" / "mosquitto.log"
        if broker_log.exists():
            text += broker_log.read_text(errors="replace")
        for mark in SANITIZER_MARKS:
            at = text.find(mark)
            assert at < 0, f"a sanitizer reported:\n{text[max(0, at - 200):at + 4000]}"

    def descriptors(self):
        """Number of ferryd's open files and sockets."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def assert_no_descriptors_leak(self):
        """About as many descriptors are open as at the start, soon after the last client has gone."""
        if self._api is not None:
            self._api.close()
            self._api = None
        most = self._descriptors_at_start + DESCRIPTORS_MORE
        wait_for(lambda: self.descriptors() <= most, DESCRIPTORS_WAIT_S,
                 f"at most {most} open descriptors (there are {self.descriptors()})")

    def assert_nothing_left(self):
        """After a clean stop: no process, no ready file, no temporary file."""
        left = wait_for_none(lambda: processes_naming(str(self.data)), 5)
        assert not left, f"processes are left: {left}\n{self.log_tail()}"
        assert not self._ready_file().exists(), "run/ferryd.json is left"
        temporary = self.temporary_files()
        assert not temporary, f"temporary files are left: {temporary}"

    def temporary_files(self):
        """Files of unfinished writes in the data folder. Partial objects of tus uploads are no such files."""
        found = []
        for folder, _, files in os.walk(self.data):
            for name in files:
                path = pathlib.Path(folder, name)
                relative = path.relative_to(self.data)
                if "tmp" in relative.parts[:-1] or name.endswith((".tmp", ".new")) or name.startswith(".tmp"):
                    found.append(str(relative))
        return found

    # --- inside ------------------------------------------------------------------------------------

    def _program(self, name):
        return pathlib.Path(self._build, "server/daemon", name) if self._build else program(name)

    def _ready_file(self):
        return self.data / "run" / "ferryd.json"

    def _port(self, plane):
        return int(self.addresses[plane].rpartition(":")[2])

    def _known_brokers(self):
        known = set(self._broker_pids)
        try:
            known.add(self.broker_pid)
        except (OSError, ValueError):
            pass
        return known

    def _environment(self):
        env = without_settings()
        env.setdefault("ASAN_OPTIONS", f"detect_leaks=1:exitcode={SANITIZER_EXIT}")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        env.setdefault("TSAN_OPTIONS", f"exitcode={SANITIZER_EXIT}:suppressions={TSAN_SUPPRESSIONS}")
        env.update(self._env)
        return env | sanitizer_environment(env.get("LD_PRELOAD"))


def sanitizer_environment(preload=None):
    """What a broker needs that loads a plugin of this build."""
    if not SANITIZED:
        return {}
    if THREADS_WATCHED:
        return {"LD_PRELOAD": sanitizer_preload(preload)}
    return {"LD_PRELOAD": sanitizer_preload(preload),
            "LSAN_OPTIONS": f"suppressions={SOURCE_DIR / 'tests/support/lsan.supp'}:print_suppressions=0"}


def sanitizer_preload(others=None):
    """LD_PRELOAD for a build with a sanitizer: ferry_auth.so is loaded by a mosquitto that was built without it."""
    runtime = _runtime("libtsan.so" if THREADS_WATCHED else "libasan.so")
    return ":".join(filter(None, [runtime, str(_sanitizer_first()), others]))


@functools.cache
def _runtime(name):
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return os.path.realpath(found.stdout.strip())


@functools.cache
def _sanitizer_first():
    folder = tempfile.TemporaryDirectory(prefix="ferry-sanitizer-")
    atexit.register(folder.cleanup)
    return build_shim(pathlib.Path(folder.name), "sanitizer_first_shim", "-Wl,-z,initfirst")


@atexit.register
def _close_all():
    for platform in list(_live):
        platform.close()
