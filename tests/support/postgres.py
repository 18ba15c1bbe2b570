"""A PostgreSQL 15 of Debian in a folder of its own, on loopback, thrown away at the end.

    with Cluster() as cluster:
        cluster.create("ferry")
        ferryd --store {cluster.uri("ferry")}

As a program (for the tests in C): starts one, says where it is, obeys a line each on its standard input ("kill", "start",
"pause", "resume"), answers each with a line, and throws it away when the input ends, also because the test has died.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from ports import free_port

BINARIES = pathlib.Path("/usr/lib/postgresql/15/bin")
PATIENCE_S = 120 # initdb writes 30 MB
OWNER = "ferry"  # the role that may do anything here, without a password
SETTINGS = {
    "listen_addresses": "127.0.0.1", "max_connections": 300, "shared_buffers": "32MB", "max_wal_size": "256MB",
    "logging_collector": "off", "log_min_messages": "warning", "wal_level": "replica", "max_wal_senders": 5, "hot_standby": "on",
}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
MEMORY, MEMORY_BYTES = "/dev/shm", 4 << 30 # room for a database for each test of a long suite
# Who is called secret has to say the password; all others are let in.
ACCESS = """\
local all all trust
host all secret 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 trust
host all all 127.0.0.1/32 trust
"""


def missing():
    """Why it cannot be run here; empty when it can."""
    return "" if os.access(BINARIES / "postgres", os.X_OK) else "postgresql-15 is not installed (scripts/install-deps test)"


def _as_owner(*command):
    """PostgreSQL does not run as root; it ends when we do, whatever ends us."""
    who = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *who, "--pdeathsig", "QUIT", *map(str, command)]


def _place(durable):
    """A database is 300 files: what is not kept anyway is made in half the time where there is no disk."""
    in_memory = not durable and os.path.isdir(MEMORY) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    return MEMORY if in_memory else None


class Cluster:
    def __init__(self, settings=None, durable=False, start=True, of=None):
        """of: a cluster that it becomes a streaming replica of."""
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="ferry-postgres-", dir=_place(durable)))
        self.data, self.port, self._server, self._paused = self._folder / "data", free_port(), None, False
        try:
            if os.geteuid() == 0:
                shutil.chown(self._folder, "postgres", "postgres")
            self._make(of)
            settings = {**SETTINGS, **({} if durable else NOT_DURABLE), **(settings or {}), "port": self.port,
                        "unix_socket_directories": self._folder}
            with open(self.data / "postgresql.conf", "a", encoding="ascii") as file:
                file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
            (self.data / "pg_hba.conf").write_text(ACCESS)
            if start:
                self.start()
        except BaseException:
            self.close()
            raise

    def _make(self, of):
        if of is None:
            self._run("initdb", "-D", self.data, "-U", OWNER, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync",
                      "--wal-segsize=4")
        else:
            self._run("pg_basebackup", "-D", self.data, "-d", of.uri("postgres"), "-R", "-X", "stream", "-c", "fast", "--no-sync")

    def _run(self, name, *arguments, **options):
        done = subprocess.run(_as_owner(BINARIES / name, *arguments), capture_output=True, text=True, timeout=PATIENCE_S,
                              cwd="/", check=False, **options)
        assert done.returncode == 0, f"{name}: {done.stderr[-2000:]}"
        return done.stdout

    def start(self):
        with open(self._folder / "log", "ab") as log:
            self._server = subprocess.Popen(_as_owner(BINARIES / "postgres", "-D", self.data), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, cwd="/")
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_ready():
            assert self._server.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def runs(self):
        return self._server is not None and self._server.poll() is None

    def _is_ready(self):
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self._server.pid) and lines[7].strip() in ("ready", "standby")

    def stop(self):
        """As an administrator does: everybody is thrown out, everything is written."""
        self._end(signal.SIGINT)

    def kill(self):
        """The machine dies: no process of it has time for anything."""
        for pid in self._children() + ([self._server.pid] if self._server else []):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self._end(None)

    def processes(self):
        return [self._server.pid] + self._children()

    def _children(self):
        pid = self._server.pid if self._server else 0
        try:
            return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def _end(self, how):
        if self._server is None:
            return
        if self._paused:
            self.resume()
        if how is not None and self._server.poll() is None:
            self._server.send_signal(how)
        try:
            self._server.wait(PATIENCE_S)
        finally:
            self._server = None

    def pause(self):
        """SIGSTOP for all of it: connections stay open and nothing answers."""
        self._paused = True
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def resume(self):
        self._paused = False
        for pid in self._children() + [self._server.pid]:
            os.kill(pid, signal.SIGCONT)

    def promote(self):
        """A replica becomes a primary."""
        self.psql("SELECT pg_promote(true, 60)")

    def replica(self, **options):
        return Cluster(of=self, **options)

    def uri(self, database="ferry", user=OWNER, password=None, hosts=(), **parameters):
        """hosts: further clusters, to be tried in turn."""
        places = ",".join(f"127.0.0.1:{cluster.port}" for cluster in (self, *hosts))
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}{':' + password if password else ''}@{places}/{database}" + (f"?{query}" if query else "")

    def psql(self, sql, database="postgres", user=OWNER):
        """The answer as text: a line for each row, columns with | between them."""
        done = subprocess.run([BINARIES / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.uri(database, user), "-f", "-"],
                              input=sql, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n")

    def create(self, database):
        self.psql(f'CREATE DATABASE "{database}"')
        return self.uri(database)

    def log(self):
        return (self._folder / "log").read_text(errors="replace")[-4000:] if (self._folder / "log").exists() else ""

    def close(self):
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    with Cluster(dict(pair.split("=", 1) for pair in sys.argv[1:])) as cluster:
        commands = {"kill": cluster.kill, "start": cluster.start, "pause": cluster.pause, "resume": cluster.resume}
        print(f"postgresql://{OWNER}@127.0.0.1:{cluster.port}", flush=True)
        for line in sys.stdin:
            commands[line.strip()]()
            print("done", flush=True)


if __name__ == "__main__":
    main()
