"""The test's side of step_shim.c: kills a device at one of its steps, and cuts its power there.

    steps = Steps(tmp_path / "steps", library, [device.inbox, device.folder / "state"])
    device.upload(file, env=steps.environment())
    for step in steps.read(): ...                       # what a clean run does
    device.upload(file, env=steps.environment("before 7"))  # the same again, killed
    steps.power_cut()                                   # and what was not synced is gone
"""
import os
import pathlib
import shutil
from collections import namedtuple

from shim import preload

Step = namedtuple("Step", "number what inode path other")
PAGE = 4096


class Steps:
    """One device's steps. roots: the folders that count. The folder must be on their file system."""

    def __init__(self, folder, library, roots):
        self._folder, self._library, self._roots = folder, library, [pathlib.Path(root) for root in roots]

    def environment(self, kill=None):
        """For the next run. kill: "before 7" or "after 7". What is on the disk at its start is durable."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for path in self._files():
            shutil.copy(path, self._folder / f"image.{path.stat().st_ino}")
        env = {**preload(self._library), "FERRY_STEPS": str(self._folder),
               "FERRY_STEPS_ROOTS": ":".join(map(str, self._roots))}
        return {**env, "FERRY_STEPS_KILL": kill} if kill else env

    def read(self):
        """The log of the last run, also of calls that are no steps (number 0)."""
        log = self._folder / "log"
        rows = (line.split("\t") for line in (log.read_text().splitlines() if log.exists() else ()))
        return [Step(int(number), what, int(inode), path, other) for number, what, inode, path, other in rows]

    def count(self):
        """Number of the last step."""
        return max((step.number for step in self.read()), default=0)

    def bytes(self, what):
        """How many bytes were sent ("send") or received ("recv"), of messages and files."""
        return sum(int(step.other) for step in self.read() if step.what == what)

    # --- the power cut ------------------------------------------------------------------------------

    def power_cut(self, random=None):
        """
        Takes back what was not synced: all of it, the letter of POSIX; with random, in each folder a part of the
        last changes of its entries, and of each file some pages, as a file system may do.
        """
        log = self.read()
        changes = [step for step in log if step.what in ("make", "mkdir", "rename", "unlink")]
        for folder in {os.path.dirname(step.path) for step in changes}:
            synced = max((step.number for step in log if step.what == "dirsync" and step.path == folder), default=0)
            loose = [step for step in changes if step.number > synced and os.path.dirname(step.path) == folder]
            kept = random.randint(0, len(loose)) if random else 0
            for step in reversed(loose[kept:]):
                self._take_back(step)
        for path in self._files():
            self._lose_bytes(path, random)

    def _files(self):
        return [path for root in self._roots for path in root.rglob("*") if path.is_file() and not path.is_symlink()]

    def _take_back(self, step):
        victim = self._folder / f"victim.{step.number}"
        if not os.path.exists(os.path.dirname(step.path)):
            return  # the folder itself is gone
        if step.what == "mkdir":
            shutil.rmtree(step.path, ignore_errors=True)
        elif step.what == "make" and os.path.exists(step.path):
            os.unlink(step.path)
        elif step.what == "rename" and os.path.exists(step.other):
            os.rename(step.other, step.path)
        if victim.exists():
            os.link(victim, step.other if step.what == "rename" else step.path)

    def _lose_bytes(self, path, random):
        image = self._folder / f"image.{path.stat().st_ino}"
        durable = image.read_bytes() if image.exists() else b""
        current = path.read_bytes()
        if durable == current:
            return
        result = durable
        if random:
            size = random.choice((len(durable), len(current)))
            pages = [random.choice((durable, current))[at:at + PAGE] for at in range(0, size, PAGE)]
            result = b"".join(page.ljust(PAGE, b"\0") for page in pages)[:size]
        with open(path, "r+b") as file:
            file.truncate(0)
            file.write(result)
