"""A device of the load that is the real program: `ferry upload` and `ferry download`, killed now and then, and run again until they end well.

What a run that ended well has said goes into the ledger; what it got is looked for in the device's folder, whatever became of the run.
"""
import subprocess
import time

from device_command import DONE, USAGE, Command
from device_thread import DeviceThread
from ledger import md5_hex

GIVE_UP, PAUSE_S, LOOK_S = "10s", 0.1, 0.02
KILLED_IN_TEN = 3       # runs
KILL_S = (0.0, 0.4)     # after its start
SMALL, LARGE = (1, 60_000), (2_000_000, 9_000_000)
SLOWLY = ("--limit-rate", "8M")  # so that a large file is caught half way


class CommandDevice(DeviceThread):
    def __init__(self, platform, credential, ledger, seed, folder):
        super().__init__(credential, ledger, seed)
        folder.mkdir(parents=True)
        scheme = "mqtts" if platform.trusted else "mqtt"
        self.command = Command.of(folder, platform, credential, f"{scheme}://{platform.devices_host}:{platform.mqtt_port}")
        self.command.options += ["--give-up", GIVE_UP, "--json"] + (["--ca-file", platform.trusted] if platform.trusted else [])

    # --- a run of the program ---------------------------------------------------------------------------

    def once(self, *args):
        """Runs it, and kills it perhaps. Gives (it ended well, what it said)."""
        process = self.command.start(*args)
        if self.random.randrange(10) < KILLED_IN_TEN and not self._ends_in(process, self.random.uniform(*KILL_S)):
            process.kill()
            self.ledger.count_killed()
        while not self._ends_in(process, LOOK_S):
            if self.abandoned:
                process.kill()
        events = self.command.events(process)
        done = self.command.end(process)
        assert done.returncode != USAGE, done
        return done.returncode == DONE, events

    @staticmethod
    def _ends_in(process, seconds):
        try:
            process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    # --- what it does -----------------------------------------------------------------------------------

    def upload(self):
        large = self.random.random() < 0.15
        data = self.random.randbytes(self.random.randint(*(LARGE if large else SMALL)))
        self._number += 1
        file = self.command.folder / f"file-{self._number}"
        file.write_bytes(data)
        while not self.once("upload", *(SLOWLY if large else ()), file)[0]:
            if self.abandoned:
                return
            time.sleep(PAUSE_S)
        self.ledger.note("sent", (self.credential.device, file.name), (len(data), md5_hex(data)))
        file.unlink()

    def download(self):
        """False when there is nothing to fetch."""
        well, events = self.once("download", "--dir", self.command.inbox)
        received = [(event["name"], event["md5"]) for event in events if event["event"] == "done"]
        received += [(path.name, md5_hex(path.read_bytes())) for path in self.command.inbox.iterdir() if not path.name.startswith(".")]
        for name, md5 in received:
            self.ledger.note("received", (self.credential.device, name, md5))
        return not (well and any(event["event"] == "nothing" for event in events))

    # --- life -----------------------------------------------------------------------------------------

    def run(self):
        try:
            while not self.stop_asked.is_set():
                (self.download if self.random.random() < 0.5 else self.upload)()
                self.stop_asked.wait(self.random.uniform(0.02, 0.15))
            while not self.abandoned and self.download():
                pass
            if not self.abandoned:
                assert self.command.leftovers() == [], f"{self.name} leaves {self.command.leftovers()}"
        except Exception as error: # kept for the test, which raises it
            self.error = error
        finally:
            self.command.close()
