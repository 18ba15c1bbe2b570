"""Many simulated devices in one thread: each keeps on sending files and takes what it is offered, whatever breaks meanwhile.

A file counts when the platform has confirmed it; a device repeats what is not confirmed, as real ones do.
"""
import asyncio
import base64
import hashlib
import hmac
import json
import random
import struct
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import requests

NEVER = "92233720368547758"
PATIENCE_S = 5        # for an answer
KEEPALIVE_S = 60
HTTP_AT_A_TIME = 24
RECONNECT_S = (0.2, 2)
AGAIN_S = (1, 3)      # after what was refused, or went wrong
FINISH_S = 180        # for what was begun


def _text(value):
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def _packet(kind, body):
    size, left = b"", len(body)
    while True:
        left, digit = divmod(left, 128)
        size += bytes([digit | (128 if left else 0)])
        if not left:
            return bytes([kind]) + size + body


class Device:
    """One that is connected whenever it can be, and does one thing after the other."""

    def __init__(self, fleet, name, secret):
        self.fleet, self.name, self._secret = fleet, name, secret
        self.up = f"$resource/up/service/{fleet.product}/{name}"
        self.down = f"$resource/down/service/{fleet.product}/{name}"
        self.sent, self.got = {}, {}  # name of a file: MD5, of those that were confirmed
        self._writer, self._waiting, self._offers, self._number = None, {}, asyncio.Queue(), 0

    # --- the connection

    async def stay(self):
        while not self.fleet.ended:
            try:
                await self._connected()
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                pass
            finally:
                self._writer = None
            await asyncio.sleep(random.uniform(*RECONNECT_S))

    def _hello(self):
        product, name = self.fleet.product, self.name
        user = f"{product}{name};21010406;abcde;{NEVER}"
        digest = hmac.new(base64.b64decode(self._secret), user.encode(), "sha1").hexdigest()
        return (_packet(0x10, _text("MQTT") + bytes([4, 0xC2]) + struct.pack(">H", KEEPALIVE_S) + _text(product + name) + _text(user)
                        + _text(f"{digest};hmacsha1"))
                + _packet(0x82, struct.pack(">H", 1) + _text(self.down) + b"\0"))

    async def _connected(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.fleet.mqtt_port())
        try:
            writer.write(self._hello())
            while not self.fleet.ended:
                kind, body = await asyncio.wait_for(self._read(reader), KEEPALIVE_S)
                if kind >> 4 == 2 and body[1] != 0:
                    raise OSError(f"refused with {body[1]}")
                if kind >> 4 == 9:
                    self._writer = writer
                if kind >> 4 == 3:
                    size = struct.unpack(">H", body[:2])[0]
                    self._take(json.loads(body[2 + size:]))
        finally:
            writer.close()

    @staticmethod
    async def _read(reader):
        kind, size, shift = (await reader.readexactly(1))[0], 0, 0
        while True:
            digit = (await reader.readexactly(1))[0]
            size |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return kind, await reader.readexactly(size)

    def _take(self, message):
        if message["type"] in ("download", "get_download_task_rsp"):
            self._offers.put_nowait(message)
            return
        waiting = self._waiting.pop(message["type"], None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    async def _ask(self, message, answer):
        """The answer, or None when none came in time."""
        if self._writer is None:
            await asyncio.sleep(0.1)
            return None
        future = self._waiting[answer] = asyncio.get_running_loop().create_future()
        self._number = self._number % 65535 + 1
        self._writer.write(_packet(0x32, _text(self.up) + struct.pack(">H", self._number) + json.dumps(message).encode()))
        try:
            return await asyncio.wait_for(future, PATIENCE_S)
        except asyncio.TimeoutError:
            return None

    async def _report(self, kind, name, state):
        progress = {"state": state, "percent": 100, "result_code": 0, "result_msg": ""}
        answer = await self._ask({"type": f"report_{kind}_progress", "name": name, "progress": progress}, f"report_{kind}_progress_rsp")
        return answer is not None and answer["result_code"] == 0

    # --- files

    async def _try_to_send(self, name, data):
        md5 = hashlib.md5(data)
        answer = await self._ask({"type": "create_upload_task", "size": len(data), "name": name, "md5sum": md5.hexdigest()},
                                 "create_upload_task_rsp")
        if answer is None or not answer.get("url"):
            return False
        headers = {"Content-MD5": base64.b64encode(md5.digest()).decode()}
        if await self.fleet.http("PUT", answer["url"], data=data, headers=headers) is None:
            return False
        if await self._report("upload", name, "done"):
            self.sent[name] = md5.hexdigest()
            self.fleet.confirmed("up")
        return name in self.sent

    async def send(self, name, data):
        """Until it is confirmed."""
        while not await self._try_to_send(name, data) and not self.fleet.ended:
            await asyncio.sleep(random.uniform(*AGAIN_S))

    async def _fetch(self, offer):
        body = await self.fleet.http("GET", offer["url"])
        if body is None or hashlib.md5(body).hexdigest() != offer["md5sum"]:
            return
        while not self.fleet.ended: # what was done is said until it is confirmed
            if not await self._report("download", offer["name"], "done"):
                await asyncio.sleep(random.uniform(*AGAIN_S))
                continue
            if self.got.setdefault(offer["name"], offer["md5sum"]) == offer["md5sum"]:
                self.fleet.confirmed("down")
            return

    async def work(self):
        number = 0
        while not self.fleet.over:
            if not self._offers.empty():
                offer = self._offers.get_nowait()
                if offer["name"] not in self.got:
                    await self._fetch(offer)
                continue
            number += 1
            await self.send(f"log{number}", b"%s %d " % (self.name.encode(), number) * self.fleet.repeats)
            await asyncio.sleep(random.uniform(0, 2 * self.fleet.pause_s))
        while self.fleet.wants_more(self) and not self.fleet.ended:
            if self._offers.empty():
                await self._ask({"type": "get_download_task"}, "get_download_task_rsp")
            if not self._offers.empty():
                await self._fetch(self._offers.get_nowait())
            await asyncio.sleep(random.uniform(*AGAIN_S))


class Fleet:
    def __init__(self, product, devices, mqtt_port, http_port, pause_s=4, repeats=100):
        """devices: (name, secret). mqtt_port: a function that gives it. http_port: dialled whatever a URL says."""
        self.product, self.mqtt_port, self.pause_s, self.repeats = product, mqtt_port, pause_s, repeats
        self._http_port, self._pool, self._session = http_port, ThreadPoolExecutor(HTTP_AT_A_TIME), requests.Session()
        self._session.trust_env = False
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=HTTP_AT_A_TIME)
        self._session.mount("http://", adapter)
        self.over = self.ended = False
        self.wanted = set()  # names that each device is to fetch
        self.times = []      # (time, "up" or "down") of each confirmation
        self.devices = [Device(self, name, secret) for name, secret in devices]

    def confirmed(self, way):
        self.times.append((time.monotonic(), way))

    def wants_more(self, device):
        return not self.wanted <= set(device.got)

    async def http(self, method, url, **options):
        """The body of an answer that is well; None otherwise."""
        parts = urllib.parse.urlsplit(url)
        dial = parts._replace(netloc=f"127.0.0.1:{self._http_port}").geturl() if self._http_port else url
        headers = {**options.pop("headers", {}), "Host": parts.netloc}

        def run():
            try:
                answer = self._session.request(method, dial, headers=headers, timeout=10, **options)
                return answer.content if answer.status_code == 200 else None
            except requests.RequestException:
                return None

        return await asyncio.get_running_loop().run_in_executor(self._pool, run)

    async def run(self, script):
        """script: a coroutine that does what is to happen meanwhile; after it the devices finish what they have begun."""
        stays = [asyncio.create_task(device.stay()) for device in self.devices]
        works = [asyncio.create_task(device.work()) for device in self.devices]
        try:
            await script
            self.over = True
            await asyncio.wait(works, timeout=FINISH_S) # who has not finished by then is seen by what it has
        finally:
            self.ended = True
            for task in stays + works:
                task.cancel()
            await asyncio.gather(*stays, *works, return_exceptions=True)
            self._pool.shutdown()

    def longest_silence(self, since, until):
        """Of all devices together: (begin, seconds) of the longest time without a confirmation that touches the span."""
        moments = sorted(at for at, _ in self.times)
        gaps = [(a, b - a) for a, b in zip(moments, moments[1:]) if b > since and a < until]
        return max(gaps, key=lambda gap: gap[1], default=(since, 0))
