"""A platform that misbehaves on demand: what `ferry` must survive, and a real platform never does.

    with FakePlatform() as platform:                 # a real Mosquitto and an object store of our own
        platform.offer("a.bin", b"...")
        platform.faults.append(Cut(100_000))         # the next HTTP request breaks off after 100,000 bytes
        ...
Faults are taken one per HTTP request, first in, first out; None lets one request through.
"""
import collections
import dataclasses
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid

import paho.mqtt.client as mqtt

from ports import free_port

UP = "$resource/up/service/"
DOWN = "$resource/down/service/"


@dataclasses.dataclass
class Status:
    """Answers with this status and nothing else."""
    code: int
    headers: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Cut:
    """Closes the connection after so many bytes of the body."""
    after: int


@dataclasses.dataclass
class Stall:
    """Sends or takes so many bytes, then nothing for a while, then closes."""
    after: int
    seconds: float


@dataclasses.dataclass
class Swap:
    """The stored file changes just before this request."""
    body: bytes


@dataclasses.dataclass
class Trickle:
    """After so many bytes only this many a second, until the device has had enough."""
    after: int
    bytes_per_s: int


@dataclasses.dataclass
class Corrupt:
    """One byte of this answer is wrong."""
    at: int


def listens(pid, port):
    """Is it this process that listens on the port?"""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = (line.split() for line in table.readlines()[1:])
        sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    folder = pathlib.Path("/proc", str(pid), "fd")
    try:
        return any(os.readlink(entry) in sockets for entry in folder.iterdir())
    except OSError:
        return False  # it has ended


def md5(body):
    return hashlib.md5(body).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self, status, headers=None, body=b""):
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self):
        """Notes the request and takes its fault; None in place of the object: answered already."""
        platform = self.server.platform
        with platform.lock:
            platform.requests.append((self.command, self.path, dict(self.headers)))
            self.fault = platform.faults.popleft() if platform.faults else None
            entry = platform.objects.get(self.path)
            if isinstance(self.fault, Swap) and entry is not None:
                entry["body"] = self.fault.body
        if isinstance(self.fault, Status):
            self.close_connection = True
            self._answer(self.fault.code, self.fault.headers)
            return None
        if entry is None:
            self.close_connection = True
            self._answer(403)
        return entry

    def _body(self):
        """Reads the body; returns what arrived and whether that is all."""
        length, got, limit = int(self.headers["Content-Length"]), bytearray(), None
        if isinstance(self.fault, (Cut, Stall)):
            limit = self.fault.after
        while len(got) < (length if limit is None else min(limit, length)):
            part = self.rfile.read1(self._slowed(len(got), self.server.platform.slow_read_s))
            if not part:
                break
            got += part
            self.server.platform.taken = len(got)
        got = bytes(got)
        if limit is None:
            return got, len(got) == length
        if isinstance(self.fault, Stall):
            time.sleep(self.fault.seconds)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
        return got[:limit], False

    def _slowed(self, done, pause_s):
        """How many bytes come next, and the pause before them."""
        if isinstance(self.fault, Trickle) and done >= self.fault.after:
            time.sleep(0.1)
            return max(1, self.fault.bytes_per_s // 10)
        if done and pause_s:
            time.sleep(pause_s)
        return 65536

    def do_PUT(self):
        entry = self._begin()
        if entry is None:
            return
        got, whole = self._body()
        if not whole:
            return
        if md5(got) != entry["md5"]:
            self._answer(400)
            return
        entry["body"] = got
        self._answer(200, {"ETag": f'"{md5(got)}"'})

    def do_HEAD(self):
        entry = self._begin()
        if entry is None:
            return
        if not self.server.platform.tus:
            self._answer(403)
            return
        self._answer(200, {"Tus-Resumable": "1.0.0", "Upload-Offset": len(entry["part"]), "Upload-Length": entry["size"],
                           "Cache-Control": "no-store"})

    def do_PATCH(self):
        entry = self._begin()
        if entry is None:
            return
        if int(self.headers["Upload-Offset"]) != len(entry["part"]):
            self.close_connection = True
            self._answer(409)
            return
        got, whole = self._body()
        with self.server.platform.lock:
            if int(self.headers["Upload-Offset"]) != len(entry["part"]):
                return  # the device is gone, and another connection has gone on meanwhile
            entry["part"] += got
        if not whole:
            return
        if len(entry["part"]) == entry["size"]:
            if md5(bytes(entry["part"])) != entry["md5"]:
                entry["part"] = bytearray()
                self._answer(400)
                return
            entry["body"] = bytes(entry["part"])
        self._answer(204, {"Tus-Resumable": "1.0.0", "Upload-Offset": len(entry["part"])})

    def do_GET(self):
        entry = self._begin()
        if entry is None:
            return
        body, etag = entry["body"], f'"{md5(entry["body"])}"'
        headers, status, start = {"ETag": etag, "Accept-Ranges": "bytes"}, 200, 0
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and self.headers.get("If-Range", etag) == etag:
            start, status = int(wanted[1]), 206
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            if start >= len(body):
                self._answer(416)
                return
        part = bytearray(body[start:])
        if isinstance(self.fault, Corrupt):
            part[self.fault.at] ^= 1
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if isinstance(self.fault, (Cut, Stall)):
            self.wfile.write(part[:self.fault.after])
            self.wfile.flush()
            if isinstance(self.fault, Stall):
                time.sleep(self.fault.seconds)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        try:
            at = 0
            while at < len(part):
                step = self._slowed(at, self.server.platform.slow_s)
                self.wfile.write(part[at:at + step])
                at += step
        except OSError:
            self.close_connection = True


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        if self.platform.window is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.platform.window)
        super().server_bind()

    def get_request(self):
        connection, address = super().get_request()
        if self.platform.tls is not None:
            connection.settimeout(10)  # the handshake is made by the thread that serves the request
            connection = self.platform.tls.objects_context().wrap_socket(connection, server_side=True,
                                                                         do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, *_):
        pass  # a device that goes away is daily bread here


class FakePlatform:
    """Any product and device; what it was told is in messages, requests and results."""

    def __init__(self, *, echo_ids=True, tus=True, broker_password=None, tls=None, window=None):
        """tls: a certificates.Tls. window: bytes that the object store's kernel takes before somebody reads them."""
        self.echo_ids = echo_ids          # False: a platform that does not know our extension
        self.tus = tus
        self.tls, self.window = tls, window
        self.slow_s = 0                   # pause after each 64 KiB of a download
        self.slow_read_s = 0              # pause after each 64 KiB of an upload
        self.silent = 0                   # so many messages are not answered
        self.ignore_results = False       # `done` and `fail` are not heard
        self.refuse_with = collections.deque()  # result_code for the next answers to questions for a task
        self.verdicts = collections.deque()     # result_code for the next answers to `done`
        self.cancel = False               # answer progress with "cancelled"
        self.faults = collections.deque()
        self.messages, self.requests, self.results = [], [], []
        self.objects, self.offers = {}, collections.deque()
        self.lock = threading.RLock()
        self.taken = 0                    # bytes of the body of the latest request that were read
        self._number = 0
        self._root = pathlib.Path(tempfile.mkdtemp(prefix="ferry-fake-"))
        self._password = broker_password

    # --- life ---

    def __enter__(self):
        self._http = _Server(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self._http.platform = self
        self._http.server_bind()
        self._http.server_activate()
        self._http_thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._http_thread.start()
        self.http_port = self._http.server_address[1]
        self._start_broker_on_a_free_port()
        return self

    def _start_broker_on_a_free_port(self):
        """Between finding a port and using it another test may take it: then another one."""
        for tries_left in (2, 1, 0):
            self.mqtt_port = free_port()
            try:
                return self.start_broker()
            except AssertionError:
                self.stop_broker()
                if tries_left == 0:
                    raise

    def __exit__(self, *_):
        self.stop_broker()
        self._http.shutdown()
        self._http.server_close()
        shutil.rmtree(self._root)

    @property
    def broker(self):
        scheme, host = ("mqtt", "127.0.0.1") if self.tls is None else ("mqtts", self.tls.host)
        return f"{scheme}://{host}:{self.mqtt_port}"

    def start_broker(self):
        config = self._root / "mosquitto.conf"
        users = self._root / "users"
        text = f"listener {self.mqtt_port} 127.0.0.1\nset_tcp_nodelay true\nmax_queued_messages 100000\n"
        if self._password is None:
            text += "allow_anonymous true\n"
        else:
            users.touch(mode=0o600)
            subprocess.run(["mosquitto_passwd", "-b", users, "platform", self._password], check=True)
            text += f"allow_anonymous false\npassword_file {users}\nuser root\n"
        if self.tls is not None:
            text += self.tls.mosquitto_settings()
        config.write_text(text)
        self._broker = subprocess.Popen([shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", config],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._client = mqtt.Client(f"fake-platform-{uuid.uuid4()}")
        if self._password is not None:
            self._client.username_pw_set("platform", self._password)
        if self.tls is not None:
            self._client.tls_set_context(self.tls.platform_context())
        self._client.on_message = self._on_message
        subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(UP + "+/+", 1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        end = time.monotonic() + 10
        while True:
            try:
                self._client.connect("127.0.0.1", self.mqtt_port)
                break
            except OSError:
                assert time.monotonic() < end, "mosquitto did not start"
                time.sleep(0.02)
        self._client.loop_start()
        assert subscribed.wait(10)
        assert listens(self._broker.pid, self.mqtt_port), "somebody else was faster to take the port"

    def stop_broker(self):
        self._client.disconnect()
        self._client.loop_stop()
        self._broker.terminate()
        self._broker.wait(10)

    def freeze_broker(self):
        """It reads and answers no more; only kill_broker() helps."""
        self._broker.send_signal(signal.SIGSTOP)

    def kill_broker(self):
        """Its sudden death; start_broker() afterwards."""
        self._client.loop_stop()
        self._broker.kill()
        self._broker.wait(10)

    # --- what the operator does ---

    def _new_url(self, entry):
        with self.lock:
            self._number += 1
            path = f"/o/{self._number}"
            self.objects[path] = entry
        scheme, host = ("http", "127.0.0.1") if self.tls is None else ("https", self.tls.objects_host)
        return f"{scheme}://{host}:{self.http_port}{path}"

    def expire_urls(self):
        """From now on 403 for every URL given so far."""
        with self.lock:
            self.objects.clear()

    def offer(self, name, body, *, announce=None):
        """A file for the device, at its next question. announce: what is said about it instead."""
        entry = {"name": name, "body": body, "size": len(body), "md5": md5(body), **(announce or {})}
        self.offers.append(entry)
        return entry

    def push(self, product, device):
        self._say(product, device, self._task("download", self.offers[0]))

    def tell(self, product, device, message):
        self._say(product, device, message)

    # --- messages ---

    def _say(self, product, device, message):
        self._client.publish(f"{DOWN}{product}/{device}", json.dumps(message), 0)

    def _task(self, kind, entry):
        return {"type": kind, "size": entry["size"], "name": entry["name"], "md5sum": entry["md5"],
                "url": self._new_url(entry)}

    def _on_create(self, message):
        if self.refuse_with:
            code = self.refuse_with.popleft()
            return {"type": "create_upload_task_rsp", "size": message["size"], "name": message["name"],
                    "md5sum": message["md5sum"], "url": "", "result_code": code, "result_msg": "no"}
        with self.lock:
            for entry in self.objects.values():
                if entry.get("upload") and (entry["name"], entry["md5"]) == (message["name"], message["md5sum"]):
                    break
            else:
                entry = {"upload": True, "name": message["name"], "size": message["size"],
                         "md5": message["md5sum"], "part": bytearray(), "body": None}
        return self._task("create_upload_task_rsp", entry)

    def _on_get(self, message):
        code = self.refuse_with.popleft() if self.refuse_with else 0 if self.offers else 8
        if code == 0:
            return self._task("get_download_task_rsp", self.offers[0])
        if "request_id" in message and self.echo_ids:
            return {"type": "get_download_task_rsp", "size": 1, "name": "", "md5sum": "", "url": "",
                    "result_code": code, "result_msg": "no"}
        return None

    def _on_report(self, message):
        progress, code = message["progress"], 0
        if progress["state"] in ("done", "fail"):
            if self.ignore_results:
                return None
            self.results.append((message["name"], progress["state"], progress["result_code"]))
            code = self.verdicts.popleft() if self.verdicts else 0
            told_again = not self.offers or self.offers[0]["name"] != message["name"]  # by a device that had died
            if code == 0 and message["type"] == "report_download_progress" and not told_again:
                self.offers.popleft()
        elif self.cancel:
            code = 10
        return {"type": message["type"] + "_rsp", "result_code": code, "result_msg": "ok" if code == 0 else "no"}

    def _on_message(self, _client, _user, packet):
        _, _, _, product, device = packet.topic.split("/")
        message = json.loads(packet.payload)
        self.messages.append(message)
        if self.silent > 0:
            self.silent -= 1
            return
        answer = {"create_upload_task": self._on_create, "get_download_task": self._on_get,
                  "report_upload_progress": self._on_report, "report_download_progress": self._on_report,
                  }[message["type"]](message)
        if answer is None:
            return
        if self.echo_ids and "request_id" in message:
            answer["request_id"] = message["request_id"]
        self._say(product, device, answer)

    def uploaded(self, name):
        """The bytes that arrived under this name, None while they are not whole."""
        with self.lock:
            for entry in self.objects.values():
                if entry.get("upload") and entry["name"] == name and entry["body"] is not None:
                    return entry["body"]
        return None
