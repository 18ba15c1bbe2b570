"""The tests' side of what tests/faults/*_shim.c do inside a program; Faults, for fault_shim.c: moves a program's clock and
makes its writes and its resolver fail, and ends it at a durable step, while it runs."""
import mmap
import os
import pathlib
import struct
import subprocess

LAYOUT = struct.Struct("=qi244siiii240s")  # the same as struct commands in fault_shim.c
CALLS = {"sync": 1, "rename": 2, "unlink": 3}
RESOLVERS = {None: 0, "fails": 1, "unknown": 2, "silent": 3, "wrong": 4} # silent: no answer while it lasts; wrong: nobody is there
SOURCES = pathlib.Path(__file__).parent.parent / "faults"


def build_shim(folder, name="fault_shim", *flags):
    """Compiles the shared object of this name into the folder; gives its path."""
    library = folder / f"{name}.so"
    source = SOURCES / f"{name}.c"
    subprocess.run(["cc", "-std=gnu11", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror",
                    *flags, "-o", str(library), str(source)], check=True)
    return library


def preload(library):
    """What loads it into a program. (Sanitizers want to be first in line; they need not be.)"""
    asan = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": str(library), "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0".lstrip(":")}


class Faults:
    """The commands for one program, started with environment()."""

    def __init__(self, folder, library):
        self._library = library
        self._path = folder / "faults"
        self._path.write_bytes(bytes(LAYOUT.size))
        with open(self._path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), LAYOUT.size)
        self._offset_ms, self._errno, self._part, self._resolver, self._crash = 0, 0, b"", 0, (0, 0, 0, b"")

    def environment(self):
        """What to add to the program's environment."""
        return {**preload(self._library), "FERRY_FAULTS": str(self._path)}

    def move_clock(self, seconds):
        """The wall clock, relative to the true one. The monotonic clock goes on."""
        self._offset_ms = int(seconds * 1000)
        self._write()

    def fail_writes(self, path_part, errno):
        """Every write and sync to a file whose path contains the part fails with that errno."""
        self._errno, self._part = errno, path_part.encode()
        self._write()

    def heal_writes(self):
        self._errno = 0
        self._write()

    def fail_names(self, how="fails"):
        """No name is resolved, and no address written as one: see RESOLVERS. None: they are, from now on."""
        self._resolver = RESOLVERS[how]
        self._write()

    def die_at(self, call, path_part, *, after=False, skip=0):
        """SIGKILL before or after the call ("sync", "rename", "unlink") on a path with that part; skip: so many go by before."""
        self._crash = (CALLS[call], int(after), skip, path_part.encode())
        self._write()

    def live_on(self):
        self._crash = (0, 0, 0, b"")
        self._write()

    def _write(self):
        self._map[:] = LAYOUT.pack(self._offset_ms, self._errno, self._part, self._resolver, *self._crash)
