"""Debian's HAProxy with packaging/haproxy/haproxy.cfg as it is, its addresses given by the environment."""
import csv
import io
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from certificates import make_pair
from ports import free_port
from ferry import PATIENCE, SOURCE_DIR, wait_for

CONFIGURATION = SOURCE_DIR / "packaging" / "haproxy" / "haproxy.cfg"
PROGRAM = "/usr/sbin/haproxy"
WAIT_S = 20 * PATIENCE


def missing():
    """Why it cannot be run here; empty when it can."""
    if not os.access(PROGRAM, os.X_OK):
        return "haproxy is not installed (scripts/install-deps test)"
    return "" if os.geteuid() == 0 else "haproxy.cfg has it become a user of its own, which only root may"


class HaProxy:
    """workers: two platforms that run. ports: (objects, api), to have them beforehand. more: what else the environment says."""

    def __init__(self, workers, *, ports=None, **more):
        self._folder = tempfile.mkdtemp(prefix="ferry-haproxy-")
        self.folder = pathlib.Path(self._folder)
        self.objects_port, self.api_port = ports or (free_port(), free_port())
        self.ca, key = make_pair(self.folder, "haproxy")
        (self.folder / "ferry.pem").write_bytes(self.ca.read_bytes() + key.read_bytes())
        self._admin = str(self.folder / "admin.sock")
        self._environment = {
            "PATH": os.environ["PATH"], "LOG": "127.0.0.1:9", "ADMIN": self._admin, "CERTIFICATE": str(self.folder / "ferry.pem"),
            "OBJECTS": f"127.0.0.1:{self.objects_port}", "OBJECTS_TLS": f"127.0.0.1:{free_port()}",
            "API_TLS": f"127.0.0.1:{self.api_port}", "CONNECTIONS": "2000", **more}
        for number, worker in enumerate(workers, 1):
            self._environment |= {f"WORKER_{number}_OBJECTS": f"127.0.0.1:{worker.objects_port}",
                                  f"WORKER_{number}_API": f"127.0.0.1:{worker.api_port}"}
        self._process = None

    @property
    def api_url(self):
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def objects_url(self):
        return f"http://127.0.0.1:{self.objects_port}"

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        return (self.folder / "output").read_text(errors="replace")

    def __enter__(self):
        with open(self.folder / "output", "wb") as output:
            self._process = subprocess.Popen([PROGRAM, "-db", "-f", CONFIGURATION], env=self._environment, stdout=output,
                                             stderr=output)
        try:
            wait_for(lambda: os.path.exists(self._admin) or self._process.poll() is not None, WAIT_S, "HAProxy")
            assert self._process.poll() is None, self.log()
            self.wait_workers(up=2)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def command(self, text):
        """What the administrator's socket answers."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(self._admin)
            admin.sendall(text.encode() + b"\n")
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()

    def servers(self, backend="api"):
        """Name and row of the statistics of each worker."""
        rows = csv.DictReader(io.StringIO(self.command("show stat").lstrip("# ")))
        return {row["svname"]: row for row in rows if row["pxname"] == backend and row["svname"] not in ("FRONTEND", "BACKEND")}

    def wait_workers(self, up):
        """Until checks that ran have found so many to be up, and doubt none ("UP 1/2")."""
        def found():
            rows = self.servers().values()
            settled = all(row["check_status"] not in ("", "INI") and row["status"] in ("UP", "DOWN") for row in rows)
            return settled and sum(row["status"] == "UP" for row in rows) == up
        wait_for(found, WAIT_S, f"{up} workers that are up")
