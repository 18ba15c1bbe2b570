"""The command `ferry` as one device: its folder, its identity, its calls, and what it leaves behind.

    device = FerryDevice(tmp_path, "mqtt://127.0.0.1:1883", platform.new_device())
    assert device.upload(file).returncode == DONE
    assert device.leftovers() == []
"""
import os
import subprocess

from ferry import PATIENCE, SANITIZER_MARKS, program

DONE, FAILED, USAGE, REFUSED, NETWORK = range(5)  # exit statuses


class FerryDevice:
    """One device. broker: its URL; credential: product, device and secret."""

    def __init__(self, folder, broker, credential):
        self.folder, self.product, self.name = folder, credential.product, credential.device
        self.started = []
        self.wrapper = []  # a command that runs ferry, e.g. setpriv
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        self._secret_text = credential.secret
        self.secret = folder / "secret"
        self.secret.write_text(credential.secret + "\n")
        self.secret.chmod(0o600)
        self.state = folder / "state" / self.product / self.name
        self.identity = ["--product", self.product, "--device", self.name, "--secret-file", self.secret]
        self.where = ["--broker", broker, "--state-dir", folder / "state"]
        self.part = self.inbox / f".ferry-{self.product}-{self.name}.part"

    def environment(self):
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return {**env, "HOME": str(self.folder)}

    def start(self, *args, env=None):
        """env: what to add to its environment."""
        process = subprocess.Popen([*self.wrapper, program("ferry"), *self.identity, *self.where, *args], text=True,
                                   env={**self.environment(), **(env or {})}, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.started.append(process)
        return process

    def end(self, process, timeout_s=60):
        """Waits for its end; it said nothing that it must not say."""
        out, err = process.communicate(timeout=timeout_s * PATIENCE)
        assert not any(mark in err for mark in SANITIZER_MARKS), err
        assert self._secret_text not in out + err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, *args, timeout_s=60, env=None):
        return self.end(self.start(*args, env=env), timeout_s)

    def upload(self, file, *args, **options):
        return self.run("upload", file, *args, **options)

    def download(self, *args, **options):
        return self.run("download", "--dir", self.inbox, *args, **options)

    def leftovers(self):
        """Files beside the received ones, and remembered transfers."""
        hidden = [path.name for path in self.inbox.iterdir() if path.name.startswith(".")]
        return hidden + [path.name for path in self.state.glob("*.state*")]

    def close(self):
        """Ends what a test that failed half-way left running."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()
