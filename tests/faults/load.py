"""A mixed load that goes on through every sudden death: devices that upload and download, and an operator.

Each works step by step and repeats a step until it is answered; only answers go into the ledger.
"""
import base64
import http.client
import json
import random
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import requests

from command_device import CommandDevice
from device_thread import DeviceThread
from ferry import vendor_password, vendor_username
from ledger import Resource, Upload, md5_hex

ANSWER_S = 1.0      # a device asks again after this
HTTP_S = 10         # of one request
CHUNK = 16384
NO_TASK = 8
SMALL, LARGE = (1, 60_000), (200_000, 900_000)


class Abandoned(Exception):
    """The test is over: the device drops what it is doing."""


def task_of(url):
    """The task id in an object URL."""
    return urlsplit(url).path.rpartition("/")[2]


class LoadDevice(DeviceThread):
    """One device. run: piece of work after piece of work, each until it is confirmed."""

    def __init__(self, platform, credential, ledger, seed):
        super().__init__(credential, ledger, seed)
        self._answers = {}
        self._changed = threading.Condition()
        self._in_bucket = platform.in_bucket
        self._tls = ssl.create_default_context(cafile=platform.trusted) if platform.trusted else None
        self._client = self._make_client(platform)

    def _make_client(self, platform):
        credential = self.credential
        name = vendor_username(credential.product, credential.device)
        client = mqtt.Client(credential.product + credential.device, clean_session=True)
        client.username_pw_set(name, vendor_password(credential.secret, name))
        client.reconnect_delay_set(0.1, 0.5)
        if self._tls:
            client.tls_set_context(self._tls)
        client.on_socket_open = lambda c, u, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.on_connect = lambda c, u, flags, code: c.subscribe(f"$resource/down/{self._topic()}")
        client.on_message = self._on_message
        client.connect_async(platform.devices_host, platform.mqtt_port, 60)
        client.loop_start()
        return client

    def _topic(self):
        return f"service/{self.credential.product}/{self.credential.device}"

    def _on_message(self, client, userdata, packet):
        message = json.loads(packet.payload)
        with self._changed:
            self._answers[message.get("request_id")] = message
            self._changed.notify_all()

    # --- a device's steps ---------------------------------------------------------------------------

    def ask(self, message):
        """Sends a request until it is answered; gives the answer."""
        while not self.abandoned:
            self._number += 1
            key = f"{self.name}-{self._number}"
            self._client.publish(f"$resource/up/{self._topic()}", json.dumps({**message, "request_id": key}), qos=1)
            with self._changed:
                if self._changed.wait_for(lambda: key in self._answers, ANSWER_S):
                    return self._answers.pop(key)
        raise Abandoned

    def report(self, kind, name, state):
        return self.ask({"type": f"report_{kind}_progress", "name": name,
                         "progress": {"state": state, "result_code": 0, "result_msg": ""}})["result_code"]

    def upload(self):
        data = self.random.randbytes(self.random.randint(*(LARGE if self.random.random() < 0.2 else SMALL)))
        # a name that comes again has other content: a new version
        name = f"log-{self.random.randrange(8)}"
        resumable = self.random.random() < 0.3
        while True:
            answer = self.ask({"type": "create_upload_task", "size": len(data), "name": name, "md5sum": md5_hex(data)})
            if not answer["url"]:
                time.sleep(0.1)
                continue
            task = task_of(answer["url"])
            self.ledger.note("uploads", task, Upload(self.credential.device, name, len(data), md5_hex(data)))
            if not (self.resume(answer["url"], task, data) if resumable else self.put(answer["url"], task, data)):
                continue
            if self.report("upload", name, "done") == 0:
                self.ledger.note("reported", task)
                return

    def put(self, url, task, data):
        """True: answered 200."""
        digest = base64.b64encode(bytes.fromhex(md5_hex(data))).decode()
        status, _ = self.http("PUT", url, {"Content-MD5": digest, "Content-Length": str(len(data))}, data)
        if status == 200:
            self.ledger.note("stored", task)
        return status == 200

    def resume(self, url, task, data):
        """One tus step after the other: what was acknowledged is there, also after a sudden death."""
        status, headers = self.http("HEAD", url, {"Tus-Resumable": "1.0.0"})
        if status != 200:
            return False
        offset = int(headers["Upload-Offset"])
        acknowledged = self.ledger.offsets.get(task, 0)
        if offset < acknowledged and not self._in_bucket: # there whole parts of 8 MiB outlive a sudden death (docs/bucket.md)
            raise AssertionError(f"{task}: {acknowledged} bytes were acknowledged, {offset} are there")
        while offset < len(data):
            piece = data[offset:offset + max(1, len(data) // 3)]
            status, headers = self.http("PATCH", url, {
                "Tus-Resumable": "1.0.0", "Upload-Offset": str(offset),
                "Content-Type": "application/offset+octet-stream", "Content-Length": str(len(piece))}, piece)
            if status != 204:
                return False
            offset = int(headers["Upload-Offset"])
            self.ledger.note("offsets", task, offset)
        self.ledger.note("stored", task)
        return True

    def download(self):
        """Fetches what waits for this device; False when there is nothing."""
        offer = self.ask({"type": "get_download_task"})
        if not offer.get("url"):
            return False
        if self.report("download", offer["name"], "downloading") != 0:
            return True
        status, headers = self.http("GET", offer["url"], {})
        if status != 200 or headers["body-md5"] != offer["md5sum"]:
            return True
        self.ledger.note("fetched", task_of(offer["url"]))
        if self.report("download", offer["name"], "done") == 0:
            self.ledger.note("delivered", task_of(offer["url"]))
        return True

    def http(self, method, url, headers, body=b""):
        """(status, headers); (0, {}) when no whole answer came."""
        parts = urlsplit(url)
        connection = self._connection(parts)
        try:
            connection.putrequest(method, f"{parts.path}?{parts.query}", skip_accept_encoding=True)
            for name, value in {"User-Agent": "load", **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            pause = self.random.choice((0, 0, 0.002, 0.01))
            for start in range(0, len(body), CHUNK):
                connection.send(body[start:start + CHUNK])
                time.sleep(pause)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, {**answer.headers, "body-md5": md5_hex(content)}
        except (OSError, http.client.HTTPException):
            return 0, {}
        finally:
            connection.close()

    def _connection(self, parts):
        if parts.scheme == "https":
            return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=HTTP_S, context=self._tls)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=HTTP_S)

    # --- life -----------------------------------------------------------------------------------------

    def run(self):
        try:
            while not self.stop_asked.is_set():
                if self.random.random() < 0.5:
                    self.download()
                else:
                    self.upload()
                self.stop_asked.wait(self.random.uniform(0.02, 0.15))
            while self.download():
                pass
        except Abandoned:
            pass
        except Exception as error: # kept for the test, which raises it
            self.error = error
        finally:
            self._client.disconnect()
            self._client.loop_stop()


class LoadOperator(threading.Thread):
    """Registers devices, adds resources, deploys, cancels, removes, and looks at unfinished objects."""

    def __init__(self, platform, product, device_names, ledger, seed, refusals):
        super().__init__(name="operator", daemon=True)
        self.refusals = refusals
        self.platform, self.product, self.device_names, self.ledger = platform, product, device_names, ledger
        self.random = random.Random(seed)
        self.stop_asked = threading.Event()
        self.error = None
        self._number = 0

    def run(self):
        steps = (self.add_device, self.add_resource, self.deploy, self.deploy_and_cancel, self.remove_upload,
                 self.look_at_unfinished)
        while not self.stop_asked.is_set():
            try:
                self.random.choice(steps)(self.platform.api)
            except (requests.RequestException, OSError):
                pass # the platform is dead at the moment
            except Exception as error:
                self.error = error
                return
            self.stop_asked.wait(0.05)

    def request(self, api, method, path, **options):
        """The answer when it is 2xx. What else may be answered is no answer for the ledger."""
        answer = api.call(method, path, ok=False, **options)
        if answer.status_code // 100 == 2:
            return answer
        assert answer.status_code in self.refusals, f"{method} {path}: {answer.status_code} {answer.text}"
        return None

    def add_device(self, api):
        self._number += 1
        answer = self.request(api, "POST", "/devices", json={"product": self.product, "name": f"extra{self._number}"})
        if answer:
            self.ledger.note("devices", (self.product, f"extra{self._number}"), answer.json()["secret"])

    def add_resource(self, api):
        data = self.random.randbytes(self.random.randint(1, 100_000))
        name = f"pack-{self.random.randrange(4)}"
        answer = self.request(api, "POST", "/resources", params={"product": self.product, "name": name}, data=data,
                              headers={"Content-Type": "application/octet-stream"})
        if answer:
            self.ledger.note("resources", answer.json()["id"], Resource(self.product, name, len(data), md5_hex(data)))

    def deploy(self, api):
        if not self.ledger.resources:
            return None
        name = self.random.choice(list(self.ledger.resources.copy().values())).name
        devices = self.random.sample(self.device_names, 3)
        answer = self.request(api, "POST", "/deployments",
                              json={"product": self.product, "resource": name, "devices": devices})
        if answer:
            self.ledger.note("deployments", answer.json()["id"], len(devices))
        return answer

    def deploy_and_cancel(self, api):
        made = self.deploy(api)
        if made and self.request(api, "POST", f"/deployments/{made.json()['id']}/cancel"):
            self.ledger.note("cancelled", made.json()["id"])

    def remove_upload(self, api):
        done = [task for task in self.ledger.reported.copy() if task not in self.ledger.unsure]
        if len(done) > 15:
            task = self.random.choice(done)
            self.ledger.about_to_remove(task)
            if self.request(api, "DELETE", f"/uploads/{task}"):
                self.ledger.note("removed", task)

    def look_at_unfinished(self, api):
        """What can be read of any upload, also of one that is running, is the whole of it."""
        uploads = list(self.ledger.uploads.copy().items())
        for task, expected in self.random.sample(uploads, min(5, len(uploads))):
            answer = api.call("GET", f"/uploads/{task}/content", ok=False)
            if answer.status_code == 200:
                assert int(answer.headers["Content-Length"]) == expected.size, f"{task}: a part is shown as the whole"
                cut_by_death = len(answer.content) < expected.size
                assert cut_by_death or md5_hex(answer.content) == expected.md5, f"an unfinished object of {task} is visible"


class Load:
    """Devices and an operator, until stop()."""

    def __init__(self, platform, ledger, devices, seed, refusals=(404, 409, 503), commands=0, folder=None):
        """refusals: what the operator may be answered but 2xx. commands: devices more that are the program `ferry`, below that folder."""
        self.product = product = platform.new_product()
        credentials = [platform.new_device(product, f"dev{number}") for number in range(devices + commands)]
        names = [credential.device for credential in credentials]
        self.ledger = ledger
        self.devices = [LoadDevice(platform, credential, ledger, seed + number)
                        for number, credential in enumerate(credentials[:devices])]
        self.devices += [CommandDevice(platform, credential, ledger, seed + number, folder / credential.device)
                         for number, credential in enumerate(credentials[devices:], devices)]
        self.operator = LoadOperator(platform, product, names, ledger, seed - 1, refusals)

    def start(self):
        for thread in (*self.devices, self.operator):
            thread.start()

    def check(self):
        for thread in (*self.devices, self.operator):
            if thread.error:
                raise AssertionError(f"{thread.name}: {thread.error!r}") from thread.error

    def stop(self, silence_s):
        """Lets everybody finish all that waits; raises when for so long nobody gets an answer any more."""
        self.operator.stop_asked.set()
        self.operator.join(silence_s)
        for device in self.devices:
            device.stop_asked.set()
        answers, since = self.ledger.answers, time.monotonic()
        while stuck := [device.name for device in self.devices if device.is_alive()]:
            time.sleep(0.05)
            self.check()
            if self.ledger.answers != answers:
                answers, since = self.ledger.answers, time.monotonic()
            assert time.monotonic() - since < silence_s, f"{stuck} cannot finish"
        self.check()

    def abandon(self):
        """The end of a test that failed: nobody goes on."""
        self.operator.stop_asked.set()
        for device in self.devices:
            device.abandoned = True
            device.stop_asked.set()
