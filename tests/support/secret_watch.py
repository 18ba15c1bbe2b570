"""Every secret that the tests come to know, looked for in every log and command line of the programs under test.

Platform tells it of its secrets and shows it its logs before they are removed; a thread looks at the process list.
tests/conftest.py fails the session when something was found.
"""
import base64
import os
import pathlib
import re
import sqlite3
import threading

PROGRAMS = {b"ferryd", b"mosquitto", b"ferry", b"ferryctl"}
EVERY_S = 0.25
SHORTEST = 12       # shorter ones would be found by chance
# an object URL is a secret too: whoever has it may use it
OBJECT_URL = re.compile(r"/o/[0-9a-z]{26}\?e=\d+&s=[A-Za-z0-9_-]{43}|X-Amz-Signature=[0-9a-f]{64}")


def _forms(raw):
    """The ways in which bytes could be written."""
    encoded = base64.b64encode(raw).decode()
    return {raw.hex(), raw.hex().upper(), encoded, encoded.rstrip("="), encoded.translate(str.maketrans("+/", "-_")).rstrip("=")}


def _read(path):
    """Without a buffer: it is done for each process of the machine, several times a second."""
    with open(path, "rb", buffering=0) as file:
        return file.read()


class SecretWatch:
    def __init__(self):
        self.found = []
        self.looked_at = 0
        self._secrets = {}   # by their first characters, so that a text is gone through once for all of them
        self.commands = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_at_processes, daemon=True)

    def start(self):
        self._thread.start()

    def finish(self):
        """What was found in all the session."""
        self._over.set()
        self._thread.join()
        for command in self.commands:
            self.look_at(command, "a command line")
        return self.found

    def know(self, secret, what):
        if secret and len(secret) >= SHORTEST:
            with self._lock:
                self._secrets.setdefault(secret[:SHORTEST], {})[secret] = what

    def count(self):
        with self._lock:
            return sum(map(len, self._secrets.values()))

    def know_data(self, data):
        """The secrets that lie in a data folder."""
        token = pathlib.Path(data, "admin.token")
        if token.is_file():
            self.know(token.read_text(errors="replace").strip(), "an operator's token")
        database = pathlib.Path(data, "ferry.db")
        if not database.is_file():
            return
        try:
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=2) as db:
                rows = [(raw, "a device's secret") for raw, in db.execute("SELECT secret FROM device LIMIT 2000")]
                rows += [(raw, "a key of object URLs") for raw, in
                         db.execute("SELECT bytes FROM value WHERE key LIKE '%key%'") if len(raw) >= 32]
            db.close()
        except sqlite3.Error:
            return # a test damaged it
        for raw, what in rows:
            for form in _forms(raw[-32:] if what.startswith("a key") else raw):
                self.know(form, what)

    def _in(self, text):
        """Those that the text contains, each as (secret, what it is)."""
        with self._lock:
            beginnings = {text[at:at + SHORTEST] for at in range(len(text)) if text[at:at + SHORTEST] in self._secrets}
            secrets = [each for beginning in beginnings for each in self._secrets[beginning].items()]
        return [(secret, what) for secret, what in secrets if secret in text]

    def look_at(self, text, where):
        self.looked_at += 1
        for secret, what in self._in(text):
            self.found.append(f"{what} in {where}: ...{text[max(0, text.find(secret) - 80):][:200]!r}")
        url = OBJECT_URL.search(text)
        if url and "command line" not in where: # a test may call curl, and ferry's own URLs are in no command line
            self.found.append(f"an object URL in {where}: {url.group()!r}")

    def look_at_folder(self, folder, where):
        """Every log below it."""
        for path in pathlib.Path(folder).rglob("*.log*"):
            try:
                self.look_at(path.read_text(errors="replace"), f"{path.name} of {where}")
            except OSError:
                continue

    def _look_at_processes(self):
        while not self._over.wait(EVERY_S):
            for entry in os.listdir("/proc"):
                if not entry.isdigit():
                    continue
                try:
                    if _read(f"/proc/{entry}/comm").strip() in PROGRAMS:
                        self.commands.add(_read(f"/proc/{entry}/cmdline").decode(errors="replace"))
                except OSError:
                    continue


WATCH = SecretWatch()
