"""The command `ferry` as one device: its folder, its calls, and what it leaves.

    command = Command(folder, broker="mqtt://127.0.0.1:1883", product="p1", device="d1", secret="…")
    done = command.run("upload", file)
    process = command.start("agent", "--dir", command.inbox, "--json")
    ...
    done = command.stop(process)
"""
import json
import signal
import socket
import subprocess

from environment import INHERITED
from ferry import PATIENCE, SANITIZER_MARKS, program, wait_for
from terminal import run_on_terminal

DONE, FAILED, USAGE, REFUSED, NETWORK = range(5)
SECRET = "MDEyMzQ1Njc4OWFiY2RlZg=="


class Command:
    def __init__(self, folder, *, broker, product="p1", device="d1", secret=SECRET):
        self.folder, self.product, self.device, self.secret = folder, product, device, secret
        self.started = []
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        self.secret_file = folder / "secret"
        self.write_secret(secret)
        self.state_dir = folder / "state"
        self.state = self.state_dir / product / device
        self.part = self.inbox / f".ferry-{product}-{device}.part"
        self.options = ["--product", product, "--device", device, "--secret-file", self.secret_file,
                        "--broker", broker, "--state-dir", self.state_dir]
        self.environment = {name: value for name, value in INHERITED.items()
                            if not name.lower().endswith("_proxy") and not name.startswith("FERRY_")}
        self.environment["HOME"] = str(folder)
        self.wrapper = []  # a command that runs ferry, e.g. setpriv

    @classmethod
    def of(cls, folder, platform, credential, broker=None):
        """A device that is registered on a real platform. broker: where it finds it, unless directly."""
        command = cls(folder, broker=broker or f"mqtt://127.0.0.1:{platform.mqtt_port}", product=credential.product,
                      device=credential.device, secret=credential.secret)
        command.platform = platform
        return command

    def write_secret(self, secret):
        self.secret_file.write_text(secret)
        self.secret_file.chmod(0o600)

    def start(self, *args, env=None, **popen):
        """
        Its output goes to files, so that nobody has to read it while it runs; see out() and events(). env: what to
        add to its environment.
        """
        number = len(self.started)
        outputs = {}
        for name in ("stdout", "stderr"):
            outputs[name] = open(self.folder / f"{name}-{number}", "w+", encoding="utf-8")
        process = subprocess.Popen([*self.wrapper, program("ferry"), *self.options, *args],
                                   env={**self.environment, **(env or {})}, stdin=subprocess.DEVNULL,
                                   **{**outputs, **popen})
        process.outputs = outputs
        self.started.append(process)
        return process

    @staticmethod
    def text(process, name):
        with open(process.outputs[name].name, encoding="utf-8") as file:
            return file.read()

    def events(self, process, kind=None):
        """The JSON objects that it has printed so far."""
        lines = self.text(process, "stdout").splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if kind in (None, event["event"])]

    def wait_event(self, process, kind, count=1, timeout_s=15):
        """The count-th event of that kind."""
        return wait_for(lambda: self.events(process, kind)[count - 1:], timeout_s * PATIENCE,
                        f"event {kind} number {count} in {self.text(process, 'stdout')}")[0]

    def end(self, process, timeout_s=60):
        """Waits until it has ended. No sanitizer and no secret is in what it said."""
        process.wait(timeout=timeout_s * PATIENCE)
        out, err = self.text(process, "stdout"), self.text(process, "stderr")
        for file in process.outputs.values():
            file.close()
        assert not any(mark in err for mark in SANITIZER_MARKS), err
        assert self.secret not in out + err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, *args, timeout_s=60, env=None):
        return self.end(self.start(*args, env=env), timeout_s)

    def on_terminal(self, *args):
        """Runs it to its end on a terminal; gives its status and all that the terminal saw."""
        return run_on_terminal([*self.wrapper, program("ferry"), *self.options, *args], self.environment)

    def upload(self, file, *args, **options):
        return self.run("upload", file, *args, **options)

    def download(self, *args, **options):
        return self.run("download", "--dir", self.inbox, *args, **options)

    def leftovers(self):
        """Files beside the received ones, and remembered transfers."""
        hidden = [path.name for path in self.inbox.iterdir() if path.name.startswith(".")]
        return hidden + [path.name for path in self.state.glob("*.state*")]

    def stop(self, process, number=signal.SIGTERM):
        process.send_signal(number)
        return self.end(process)

    def close(self):
        """For fixtures: ends what a failed test left running."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for file in process.outputs.values():
                file.close()


class Systemd:
    """What `systemd` hears of a service of Type=notify."""

    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)
        self.heard = []

    def listen(self):
        """Everything heard so far, a dict for each message."""
        while True:
            try:
                message = self.socket.recv(4096).decode()
            except BlockingIOError:
                return self.heard
            self.heard.append(dict(line.split("=", 1) for line in message.split("\n")))

    def wait(self, key, value=None, count=1, timeout_s=15):
        return wait_for(lambda: [m for m in self.listen() if key in m and value in (None, m[key])][count - 1:],
                        timeout_s * PATIENCE, f"{key}={value} in {self.heard}")[0]

    def close(self):
        self.socket.close()
