#!/usr/bin/python3
"""A RADOS Gateway of Debian's Ceph (monitor, OSD, gateway) in a folder of its own, on loopback, for as long as a test lasts.

    gateway = Gateway()                 # takes some seconds, keeps everything in memory
    gateway.endpoint, gateway.access_key, gateway.secret_key, gateway.bucket
    gateway.stop_answering() / gateway.go_on()      # SIGSTOP, SIGCONT
    gateway.kill() / gateway.start_again()          # the objects stay
    gateway.close()

    rgw.py COMMAND...                   # runs it with FERRY_TEST_S3_... set; 77 when there is no Ceph here
"""
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from environment import INHERITED
from ports import free_port

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "ceph", "monmaptool", "radosgw-admin")
START_S, STOP_S = 120, 20
FSID, OSD_ID = "11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"
SKIPPED = 77

# No keys between the three: they are of one test. radosgw's own default of "ms mon client mode" would need them.
CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = [{monitor}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
keyring = {folder}/none.keyring
run dir = {folder}
admin socket = {folder}/$name.asok
crash dir = {folder}/log
log file = {folder}/log/$name.log
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
paxos propose interval = 0.05
paxos min wait = 0.01
[mon.a]
mon data = {folder}/mon
mon allow pool size one = true
mon cluster log file = {folder}/log/cluster.log
mon max pg per osd = 2000
mon data avail crit = 1
[osd.0]
osd data = {folder}/osd
osd objectstore = {store}
memstore device bytes = 4294967296
bluestore block size = 21474836480
osd op num shards = 2
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port} ssl_endpoint=127.0.0.1:{tls_port} ssl_certificate={folder}/cert.pem ssl_private_key={folder}/key.pem
rgw dns name = localhost
rgw thread pool size = 32
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw gc processor max time = 5
"""


def missing():
    """Why it cannot be run here; empty when it can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"{absent[0]} is not installed (scripts/install-deps test)" if absent else ""


class Gateway:
    access_key, secret_key, region = "FERRYTESTACCESSKEY01", "ferrytestsecretkey000000000000000000001", "us-east-1"

    def __init__(self, store="memstore"):
        """store: "bluestore" keeps objects in a file, for those that memory could not hold."""
        self._store, self._prefixes = store, itertools.count(1)
        self._folder = tempfile.TemporaryDirectory(prefix="ferry-rgw-", ignore_cleanup_errors=True)
        self.folder = pathlib.Path(self._folder.name)
        self.port, self.bucket, self._running = free_port(), "ferry-test", {}
        self.endpoint, self.tls_port = f"http://127.0.0.1:{self.port}", free_port()
        self.ca = self.folder / "cert.pem"  # who trusts it trusts the gateway at https://localhost:tls_port
        try:
            self._start_cluster()
            self.user("test", self.access_key, self.secret_key)
            self._start("radosgw", "-n", "client.rgw")
            self.make_bucket(self.bucket)
        except BaseException:
            self.close()
            raise

    # --- processes

    def _environment(self):
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "CEPH_CONF": f"{self.folder}/ceph.conf", "CEPH_ARGS": "",
                "LC_ALL": "C.UTF-8"}

    def _run(self, *command, **options):
        run = subprocess.run(command, env=self._environment(), cwd=self.folder, capture_output=True, text=True, timeout=START_S, **options)
        assert run.returncode == 0, f"{command}: {run.stderr}"
        return run.stdout

    def _start(self, program, *options):
        with open(self.folder / "log/output", "ab") as output:
            self._running[program] = subprocess.Popen([program, *options, "-f"], env=self._environment(), cwd=self.folder,
                                                      stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def _start_cluster(self):
        for name in ("mon", "osd", "log"):
            (self.folder / name).mkdir()
        (self.folder / "none.keyring").touch()
        self._run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                  "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:*.localhost", "-keyout", "key.pem", "-out", "cert.pem")
        monitor = f"v2:127.0.0.1:{free_port()},v1:127.0.0.1:{free_port()}"
        (self.folder / "ceph.conf").write_text(CONFIGURATION.format(fsid=FSID, monitor=monitor, folder=self.folder, port=self.port,
                                                                           tls_port=self.tls_port, store=self._store))
        self._run("monmaptool", "--create", "--clobber", "--fsid", FSID, "--addv", "a", f"[{monitor}]", "monmap")
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", "monmap")
        self._start("ceph-mon", "-i", "a")
        self._run("ceph", "--connect-timeout", "60", "osd", "new", OSD_ID)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", OSD_ID)
        self._start("ceph-osd", "-i", "0")
        # an operation that is sent before the OSD is up is tried again only seconds later
        self._until(lambda: " 1 up" in self._run("ceph", "--connect-timeout", "60", "osd", "stat"), "ceph-osd")

    def _until(self, condition, program):
        end = time.monotonic() + START_S
        while not condition():
            assert self._running[program].poll() is None and time.monotonic() < end, f"{program}: {self.log()[-2000:]}"
            time.sleep(0.05)

    def log(self):
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in sorted((self.folder / "log").iterdir()) if path.is_file())

    # --- what tests ask of it

    def user(self, name, access_key, secret_key):
        self._run("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}", f"--access-key={access_key}",
                  f"--secret-key={secret_key}")

    def admin(self, *command):
        return self._run("radosgw-admin", *command)

    def address(self, prefix=None, bucket=None, **more):
        """As --objects says it, a prefix of its own each time. Vendor devices say no port in Host: they dial 80, and the tests the gateway's."""
        prefix = prefix or f"p{next(self._prefixes)}"
        parameters = {"endpoint": self.endpoint, "public-endpoint": "http://127.0.0.1", **more}
        return f"s3://{bucket or self.bucket}/{prefix}?" + "&".join(f"{name.replace('_', '-')}={value}" for name, value in parameters.items())

    def keys(self, **more):
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key, **more}

    def objects(self, bucket=None):
        """What is in the bucket: name to ETag, which has a "-" when the object came in parts."""
        return {entry["name"]: entry["meta"]["etag"] for entry in json.loads(self.admin("bucket", "list", f"--bucket={bucket or self.bucket}"))}

    def curl(self, method, path, *options, user=None):
        """The status of a request that is signed; 000 when nobody answers."""
        command = ["curl", "-s", "-m", "30", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, "--aws-sigv4", "aws:amz:us-east-1:s3",
                   "-u", user or f"{self.access_key}:{self.secret_key}", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
                   "--noproxy", "*", *options, f"{self.endpoint}/{path}"]
        return subprocess.run(command, capture_output=True, text=True).stdout

    def make_bucket(self, bucket):
        # the first object makes the pool that objects are in
        self._until(lambda: [self.curl("PUT", path, "-d", "") for path in (bucket, f"{bucket}/.ready")] == ["200", "200"], "radosgw")

    def move_bucket(self, bucket):
        """As if it had been made in another zonegroup of the store: this one refuses it from now on, and says so with 301."""
        at = json.loads(self.admin("metadata", "get", f"bucket:{bucket}"))["data"]["bucket"]["bucket_id"]
        instance = json.loads(self.admin("metadata", "get", f"bucket.instance:{bucket}:{at}"))
        instance["data"]["bucket_info"]["zonegroup"] = "elsewhere"
        self._run("radosgw-admin", "metadata", "put", f"bucket.instance:{bucket}:{at}", input=json.dumps(instance))
        self._until(lambda: self.curl("GET", bucket) == "301", "radosgw")

    def stop_answering(self):
        self._running["radosgw"].send_signal(signal.SIGSTOP)
        tasks = pathlib.Path(f"/proc/{self._running['radosgw'].pid}/task")
        self._until(lambda: all("State:\tT" in (task / "status").read_text() for task in tasks.iterdir()), "radosgw")

    def go_on(self):
        self._running["radosgw"].send_signal(signal.SIGCONT)

    def kill(self):
        self._running["radosgw"].kill()
        self._running["radosgw"].wait()

    def start_again(self):
        self._start("radosgw", "-n", "client.rgw")
        self._until(lambda: self.curl("GET", self.bucket) == "200", "radosgw")

    def close(self):
        for program in ("radosgw", "ceph-osd", "ceph-mon"):
            process = self._running.pop(program, None)
            if process is None:
                continue
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()


def main():
    if missing():
        print(f"skipped: {missing()}")
        return SKIPPED
    gateway = Gateway()
    try:
        told = {"ENDPOINT": gateway.endpoint, "BUCKET": gateway.bucket, "ACCESS": gateway.access_key, "SECRET": gateway.secret_key}
        return subprocess.run(sys.argv[1:], env=INHERITED | {f"FERRY_TEST_S3_{name}": value for name, value in told.items()}).returncode
    finally:
        gateway.close()


if __name__ == "__main__":
    sys.exit(main())
