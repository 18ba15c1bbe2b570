"""packaging/haproxy/haproxy.cfg, as it is, in front of two ferryd: who gets what, and what becomes of it when one of them goes.

The two are no workers of one platform: the second begins with a copy of the first one's data folder. So both accept the same URLs
and tokens, and of what was sent through HAProxy only the one knows that got it.
"""
import hashlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest
import requests
from ports import free_port
from haproxy import HaProxy, missing
from http_from import http_from
from operator_api import OperatorApi
from vendor_http import put_head

from ferry import PATIENCE, Platform, VendorDevice, vendor_get, vendor_put, wait_for

pytestmark = [pytest.mark.skipif(bool(missing()), reason=missing() or "it runs"), pytest.mark.xdist_group("haproxy")]

MIB = 1 << 20
LARGE = 100 * MIB
SPREAD = 14    # uploads; with the two others as many as a device may have open. All on one worker: once in 8192 runs
WAIT_S = 20 * PATIENCE
SIGN_OF_LIFE_S = 15 # of an event stream: what is kept back would come with it
TUS = {"Tus-Resumable": "1.0.0"}


def http(method, url, **options):
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=60 * PATIENCE, **options)


class Front:
    """Two platforms of the same content, and HAProxy; uploads that devices have asked for, a resource that is offered to one."""

    def __init__(self, folder):
        self.ports = free_port(), free_port()
        args = ("--public-url", f"http://127.0.0.1:{self.ports[0]}", "--url-life", "12h")
        self.workers = [Platform(*args), Platform(*args, data=folder / "data")]
        self.large = os.urandom(LARGE)
        self.urls = {}

    def __enter__(self):
        first, second = self.workers
        first.start()
        self.fill(first)
        first.stop()
        shutil.copytree(first.data, second.data)
        for worker in self.workers:
            worker.start()
        self.haproxy = HaProxy(self.workers, ports=self.ports).__enter__()
        self.api = OperatorApi(self.haproxy.api_url, first.token, self.haproxy.ca)
        return self

    def __exit__(self, *_):
        self.haproxy.__exit__()
        for worker in self.workers:
            worker.close()

    def fill(self, platform):
        self.device = platform.new_device()
        resource = platform.api.resource_add(self.device.product, "image", self.large)
        platform.api.deploy(self.device.product, resource["name"], devices=[self.device.device])
        with VendorDevice(platform, self.device) as device:
            self.offer = device.request_download()
            self.big = device.request_upload("big", self.large)
            self.slow = device.request_upload("slow", self.large[:MIB])
            self.small = [device.request_upload(f"small{n}", bytes([n])) for n in range(SPREAD)]
        with VendorDevice(platform, platform.new_device(self.device.product)) as device:
            self.parts = [device.request_upload(f"parts{n}", self.large[n:n + 3000]) for n in range(SPREAD)]

    def uploads_of(self, name):
        """The task as each worker knows it."""
        return [next(task for task in worker.api.uploads(self.device.product) if task["name"] == name) for worker in self.workers]

    def holders(self, name):
        return [n for n, task in enumerate(self.uploads_of(name)) if task["state"] == "stored"]


@pytest.fixture(scope="module")
def front():
    with tempfile.TemporaryDirectory(prefix="ferry-test-") as folder, Front(pathlib.Path(folder)) as front:
        yield front


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_large_upload_goes_through_whole_to_one_worker(front):
    answer = http("PUT", front.big["url"], data=front.large)
    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"] == f'"{front.big["md5sum"]}"'
    assert len(front.holders("big")) == 1


def test_a_large_download_comes_whole_and_in_pieces(front):
    whole = http("GET", front.offer["url"])
    assert (whole.status_code, len(whole.content)) == (200, LARGE)
    assert hashlib.md5(whole.content).hexdigest() == front.offer["md5sum"]
    piece = http("GET", front.offer["url"], headers={"Range": f"bytes={LARGE - 5}-{LARGE}"})
    assert (piece.status_code, piece.content) == (206, front.large[-5:])


def test_the_vendors_devices_can_read_the_answers(front):
    """Among others they know the length by "Content-Length" alone, and HAProxy writes names in small letters."""
    answer = vendor_get(front.offer["url"], LARGE, LARGE - 4999)
    assert (answer.status, answer.body, answer.problems) == (206, front.large[-4999:], [])


def test_uploads_are_spread_and_each_is_answered_as_devices_know_it(front):
    answer = vendor_put(front.small[0]["url"], bytes([0]), front.small[0]["md5sum"])
    assert (answer.status, answer.problems, answer.closed) == (200, [], True)
    for n, task in enumerate(front.small[1:], 1):
        assert http("PUT", task["url"], data=bytes([n])).status_code == 200
    assert {tuple(front.holders(f"small{n}")) for n in range(SPREAD)} == {(0,), (1,)}


def test_an_upload_in_parts_finds_its_worker_again(front):
    """Each part by a connection of its own. A worker that has no beginning of it would answer 409."""
    for at in (0, 1000, 2000):
        for n, task in enumerate(front.parts):
            found = http("HEAD", task["url"], headers=TUS)
            assert int(found.headers["Upload-Offset"]) == at
            answer = http("PATCH", task["url"], data=front.large[n + at:n + at + 1000], headers={
                **TUS, "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"})
            assert answer.status_code == 204, answer.text
    assert {tuple(front.holders(f"parts{n}")) for n in range(SPREAD)} == {(0,), (1,)}


def partial_bytes(worker):
    return sum(path.stat().st_size for path in (worker.data / "objects").glob("tmp/*"))


def test_bytes_of_an_upload_pass_as_they_come(front):
    """Half of it is on a worker's disk while the device has not sent the other half."""
    data, task = front.large[:MIB], front.slow
    with socket.create_connection(("127.0.0.1", front.ports[0]), 10) as device:
        device.sendall(put_head(task["url"], task["md5sum"], MIB) + data[:MIB // 2])
        wait_for(lambda: max(map(partial_bytes, front.workers)) >= MIB // 4, WAIT_S, "bytes on a worker")
        device.sendall(data[MIB // 2:])
        device.settimeout(WAIT_S)
        assert device.recv(100).startswith(b"HTTP/1.1 200 ")


# --- operators -------------------------------------------------------------------------------------------------------


def test_operators_and_devices_have_planes_of_their_own(front):
    for path in ("/api/v1/status", "/healthz", "/metrics", "/", "/console/"):
        assert http("GET", front.haproxy.objects_url + path).status_code == 404
    assert front.api.call("GET", "/status")
    trusted = {"verify": str(front.haproxy.ca)}
    assert http("GET", front.haproxy.api_url + "/metrics", **trusted).status_code == 404  # of which worker?
    console = http("GET", front.haproxy.api_url + "/", **trusted)
    assert console.status_code == 200 and "Strict-Transport-Security" in console.headers


def test_a_broker_that_asks_through_haproxy_needs_a_token():
    """For who comes from the worker's own machine needs none: HAProxy says that somebody else does."""
    with Platform("--mqtt-http") as one, Platform("--mqtt-http") as two, HaProxy([one, two]) as haproxy:
        question = {"username": "a/b", "password": "c", "clientid": "a/b"}
        assert http("POST", one.api_url + "/mqtt/auth", json=question).status_code == 200
        for forged in ({}, {"X-Forwarded-For": ""}):
            answer = http("POST", haproxy.api_url + "/mqtt/auth", json=question, headers=forged, verify=str(haproxy.ca))
            assert answer.status_code == 401


def test_an_operators_file_in_parts_finds_its_worker_again(front):
    """It is begun on a worker, by its own address: HAProxy may lead its parts to the other, which does not know it. So many are begun."""
    trusted = {"verify": str(front.haproxy.ca), "headers": {"Authorization": f"Bearer {front.workers[0].token}"}}
    statuses = {}
    for worker in front.workers:
        for n in range(SPREAD):
            order = {"product": front.device.product, "name": f"parts{n}", "size": 9, "sha256": hashlib.sha256(bytes([n])).hexdigest()}
            upload = worker.api.call("POST", "/resource-uploads", json=order)["id"]
            url = f"{front.haproxy.api_url}/api/v1/resource-uploads/{upload}"
            statuses[upload] = {http("GET", url, **trusted).status_code for _ in range(4)}
    assert all(len(found) == 1 for found in statuses.values())
    assert {200, 404} == set.union(*statuses.values())


class Stream:
    """An event stream, as curl writes it."""

    def __init__(self, front, path):
        self.path = path
        with open(path, "wb") as output:
            self._curl = subprocess.Popen(
                ["curl", "--silent", "--no-buffer", "--noproxy", "*", "--cacert", front.haproxy.ca, "--header",
                 f"Authorization: Bearer {front.workers[0].token}", f"{front.haproxy.api_url}/api/v1/events"], stdout=output)

    def close(self):
        self._curl.kill()
        self._curl.wait()


def test_events_come_through_at_once(front, tmp_path):
    """Two streams, of which each worker has one: the one that has the fewest connections is next."""
    streams = [Stream(front, tmp_path / name) for name in ("first", "second")]
    try:
        wait_for(lambda: all(int(row["scur"]) > 0 for row in front.haproxy.servers().values()), WAIT_S, "a stream at each")
        names = [worker.new_device(front.device.product).device.encode() for worker in front.workers]
        for name in names:
            wait_for(lambda: any(name in stream.path.read_bytes() for stream in streams), SIGN_OF_LIFE_S - 5, "the event")
    finally:
        for stream in streams:
            stream.close()


# --- workers that go -------------------------------------------------------------------------------------------------


class Asking(threading.Thread):
    """Asks the API one request after the other, each by a connection of its own or all by one, and notes what is not answered."""

    def __init__(self, front):
        super().__init__(daemon=True)
        self.front, self.ended = front, threading.Event()
        self.count, self.wrong = 0, []

    def run(self):
        url = f"{self.front.haproxy.api_url}/api/v1/products/{self.front.device.product}"
        options = {"headers": {"Authorization": f"Bearer {self.front.workers[0].token}"}, "verify": str(self.front.haproxy.ca)}
        while not self.ended.is_set():
            try:
                answer = http("GET", url, **options)
                if answer.status_code != 200:
                    self.wrong.append((answer.status_code, answer.text))
            except requests.RequestException as problem:
                self.wrong.append(problem)
            self.count += 1

    def wait_more(self, requests_more=20):
        end = self.count + requests_more
        wait_for(lambda: self.count >= end, WAIT_S, "further answers")

    def __enter__(self):
        self.start()
        self.wait_more()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def test_nobody_notices_that_a_worker_is_ended_and_started(front):
    for worker in front.workers:
        with Asking(front) as asking:
            worker.pin_ports()
            worker.stop()
            asking.wait_more()
            front.haproxy.wait_workers(up=1)
            asking.wait_more()
            worker.start()
            front.haproxy.wait_workers(up=2)
            asking.wait_more()
        assert asking.wrong == []


def test_nobody_notices_that_a_worker_is_killed(front):
    """Questions that it had begun are asked again."""
    with Asking(front) as asking, Asking(front) as another:
        front.workers[0].kill9()
        asking.wait_more()
        another.wait_more()
        front.haproxy.wait_workers(up=1)
        assert http("GET", front.offer["url"], headers={"Range": "bytes=0-9"}).content == front.large[:10]
        front.workers[0].start()
        front.haproxy.wait_workers(up=2)
    assert asking.wrong == another.wrong == []


def test_a_worker_that_stands_still_is_passed_over(front):
    front.workers[1].pause()
    try:
        front.haproxy.wait_workers(up=1)
        with Asking(front) as asking:
            asking.wait_more()
        assert asking.wrong == []
    finally:
        front.workers[1].resume()
    front.haproxy.wait_workers(up=2)


def running(worker):
    return worker.api.metric("ferry_transfers_running")


def test_a_worker_is_drained_before_it_is_ended(front):
    """As docs/operation.md says: the transfer goes on to its end, new ones go elsewhere."""
    with socket.create_connection(("127.0.0.1", front.ports[0]), 10) as device:
        device.settimeout(WAIT_S)
        path = front.offer["url"].partition(str(front.ports[0]))[2]
        device.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        wait_for(lambda: any(map(running, front.workers)), WAIT_S, "the transfer")
        busy = [bool(running(worker)) for worker in front.workers].index(True)
        name = ("one", "two")[busy]
        for backend in ("objects", "api", "api_uploads"):
            front.haproxy.command(f"set server {backend}/{name} state drain")
        before = {name: int(row["stot"]) for name, row in front.haproxy.servers("objects").items()}
        assert http("GET", front.offer["url"], headers={"Range": "bytes=0-9"}).status_code == 206
        after = {name: int(row["stot"]) for name, row in front.haproxy.servers("objects").items()}
        assert [other for other in after if after[other] > before[other]] == [("two", "one")[busy]]
        size = sum(map(len, iter(lambda: device.recv(MIB), b"")))
        assert size > LARGE
    for backend in ("objects", "api", "api_uploads"):
        front.haproxy.command(f"set server {backend}/{name} state ready")
    front.haproxy.wait_workers(up=2)


# --- limits ----------------------------------------------------------------------------------------------------------


def test_one_address_is_limited_by_haproxy(front):
    with HaProxy(front.workers, REQUESTS_PER_MINUTE="3") as haproxy:
        url = front.offer["url"].replace(front.haproxy.objects_url, haproxy.objects_url)
        answers = [http("GET", url, headers={"Range": "bytes=0-9"}) for _ in range(6)]
        assert {answer.status_code for answer in answers} == {206, 503}
        assert [answer.status_code for answer in answers][:2] == [206, 206]
        assert answers[-1].headers["Retry-After"] == "60"


# --- who a client is -------------------------------------------------------------------------------------------------


def log_in(haproxy, address, name, **headers):
    body = {"user": name, "password": "a wrong password"}
    return http_from(address, "POST", f"{haproxy.api_url}/api/v1/session", json=body, headers=headers, verify=str(haproxy.ca)).status_code


def test_each_client_has_its_own_address_and_chooses_none():
    """With --trusted-proxies, and two clients of which one pretends to be the other: limits, lock-outs and the audit log."""
    one, other = "127.0.0.2", "127.0.0.3"
    with Platform("--trusted-proxies", "127.0.0.1", "--objects-requests-per-minute", "5") as platform, HaProxy([platform, platform]) as haproxy:
        pretend = {"X-Forwarded-For": other}
        objects = [http_from(one, "GET", f"{haproxy.objects_url}/o/x", headers=pretend).status_code for _ in range(8)]
        assert objects[:5] == [403] * 5 and objects[-1] == 503
        assert http_from(other, "GET", f"{haproxy.objects_url}/o/x").status_code == 403

        assert [log_in(haproxy, one, f"guess{n}", **pretend) for n in range(12)][-1] == 429
        assert log_in(haproxy, other, "guess") == 401

        answer = http_from(one, "POST", f"{haproxy.api_url}/api/v1/products", json={"name": "p"}, verify=str(haproxy.ca),
                           headers={"Authorization": f"Bearer {platform.token}", **pretend})
        assert answer.status_code == 201, answer.text
        assert [row["from"] for row in platform.api.list("/audit") if row["object"] == "product/p"] == [one]
