"""A device built on the vendor's C SDK, as PROTOCOL 3.1 and 3.2 describe it. It uses nothing of Ferry's own code."""
import base64
import hashlib
import hmac
import json
import random
import socket
import string
import threading
import time
from collections import namedtuple

import paho.mqtt.client as mqtt

from vendor_checks import StaleBuffer, downlink_problems
from vendor_http import RESUME_STEP, vendor_get, vendor_put

KEEPALIVE_S = 120
CONNACK_MAX_S = 5
SUBACK_MAX_S = 2
DONE_ANSWER_MAX_S = 5
NEVER = "92233720368547758"
APPLICATION_ID = "21010406"
DEMO_NAME_MAX = 31        # the demo program's final download report cuts names here
PROGRESS_NAME_BUFFER = 64 # a name that fills it is followed by the MD5 in progress reports

DeviceCredential = namedtuple("DeviceCredential", "product device secret")
Downlink = namedtuple("Downlink", "type message payload at")
Transfer = namedtuple("Transfer", "answer http verdict")


def vendor_username(product, device, *, application=APPLICATION_ID, expiry=NEVER):
    nonce = "".join(random.choices(string.ascii_letters + string.digits, k=5))
    return f"{product}{device};{application};{nonce};{expiry}"


def vendor_password(secret, username, method="sha1"):
    """secret in base64, as in the vendor's device_info.json."""
    digest = hmac.new(base64.b64decode(secret), username.encode(), getattr(hashlib, method)).hexdigest()
    return f"{digest};hmac{method}"


def percent_of(sent, size):
    """The vendor computes in 32 bits: wraps above 42,949,672 bytes."""
    return ((sent * 100) & 0xFFFFFFFF) // size


def progress_name(name, md5):
    """The name as the SDK prints it into progress reports."""
    raw = name.encode() if isinstance(name, str) else name
    return raw if len(raw) < PROGRESS_NAME_BUFFER else raw[:PROGRESS_NAME_BUFFER] + md5.encode()


def _raw(text):
    return text if isinstance(text, bytes) else text.encode()


class VendorDevice:
    """One device. strict: every downlink is checked; problems are raised by close() and by each wait."""

    def __init__(self, platform, credential, *, method="sha1", strict=True, username=None, password=None,
                 client_id=None, host="127.0.0.1", protocol=mqtt.MQTTv311, ca=None, certificate=None):
        """platform: anything with an mqtt_port. ca: to trust, for TLS; certificate: its own, (file, key file)."""
        self.credential = credential
        self.product, self.device = credential.product, credential.device
        self.up = f"$resource/up/service/{self.product}/{self.device}"
        self.down = f"$resource/down/service/{self.product}/{self.device}"
        self.problems = []
        self.strict = strict
        self._address = (host, platform)
        self._username = username or vendor_username(self.product, self.device)
        self._password = password or vendor_password(credential.secret, self._username, method)
        self._inbox = []
        self._changed = threading.Condition()
        self.buffer = StaleBuffer()
        self._connected = None
        self._subscribed = None
        self._client = self._make_client(client_id or self.product + self.device, protocol, ca, certificate)

    # --- connection -------------------------------------------------------------------------------

    def _make_client(self, client_id, protocol, ca, certificate):
        clean = {} if protocol == mqtt.MQTTv5 else {"clean_session": True}
        client = mqtt.Client(client_id, protocol=protocol, **clean)
        client.username_pw_set(self._username, self._password)
        if ca:
            client.tls_set(str(ca), *map(str, certificate or ()))
        client.max_inflight_messages_set(1000)
        client.on_socket_open = lambda c, u, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def connect(self):
        """CONNECT and SUBSCRIBE within the times the vendor gives them. A refusal ends the program: raises."""
        host, platform = self._address
        self._client.loop_stop()  # the library may be about to come back by itself: that would be a second CONNECT
        self._connected = self._subscribed = None
        self._client.connect(host, platform.mqtt_port, KEEPALIVE_S)
        self._client.loop_start()
        code = self._await(lambda: self._connected, CONNACK_MAX_S, "CONNACK")
        if code != "accepted":
            self.disconnect()
            raise ConnectionRefusedError(f"CONNACK says {code}")
        self._client.subscribe(self.down, qos=1)
        granted = self._await(lambda: self._subscribed, SUBACK_MAX_S, "SUBACK")
        assert granted[0] in (0, 1), f"the subscription was refused: {granted}"
        return self

    def disconnect(self):
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self):
        """The network goes away without a DISCONNECT. connect() again afterwards."""
        self._client.loop_stop()
        self._client.socket().shutdown(socket.SHUT_RDWR)
        self._client.loop(0.1)  # lets the client notice

    def close(self):
        self.disconnect()
        self.check()

    def __enter__(self):
        return self.connect()

    def __exit__(self, kind, value, trace):
        self.disconnect()
        if kind is None:
            self.check()

    def check(self):
        """Raises when any downlink so far was one that a vendor device cannot bear."""
        assert not self.problems, "a vendor device cannot bear this:\n" + "\n".join(self.problems)

    def _on_connect(self, client, userdata, flags, code, properties=None):
        with self._changed:
            self._connected = "accepted" if code == 0 else mqtt.connack_string(int(code))
            self._changed.notify_all()

    def _on_disconnect(self, client, userdata, code, properties=None):
        with self._changed:
            if self._connected == "accepted":
                self._connected = None
            self._changed.notify_all()

    def _on_subscribe(self, client, userdata, mid, granted, properties=None):
        with self._changed:
            self._subscribed = [int(code.value if hasattr(code, "value") else code) for code in granted]
            self._changed.notify_all()

    def _on_message(self, client, userdata, packet):
        problems = downlink_problems(packet.topic, packet.payload, packet.qos, packet.retain, self.down)
        try:
            message = json.loads(packet.payload)
        except ValueError:
            message = {}
        with self._changed:
            if self.strict:
                self.problems += [f"{problem}: {packet.payload!r}" for problem in problems]
            self.buffer.receive(packet.payload)
            if "url" in message and self.buffer.text("url") != (message["url"] or None):
                self.problems.append(f"the device would use another URL than the one in {packet.payload!r}")
            self._inbox.append(Downlink(message.get("type"), message, packet.payload, time.monotonic()))
            self._changed.notify_all()

    def _await(self, condition, timeout_s, what):
        end = time.monotonic() + timeout_s
        with self._changed:
            while True:
                value = condition()
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no {what} within {timeout_s} s (inbox: {self._inbox})")
                self._changed.wait(left)

    # --- raw ------------------------------------------------------------------------------------------

    @property
    def connected(self):
        return self._connected == "accepted"

    def publish(self, payload, qos=1, topic=None):
        """Any bytes; waits until the broker has them (QoS 1)."""
        info = self._client.publish(topic or self.up, _raw(payload), qos)
        if qos:
            info.wait_for_publish(10)
            assert info.is_published(), "the broker did not acknowledge"

    def publish_without_wait(self, payload, *, retain=False):
        """At QoS 1; gives paho's message info."""
        return self._client.publish(self.up, _raw(payload), 1, retain)

    def subscribe(self, topic, qos=0):
        """Any subscription; gives the granted codes (128: refused)."""
        self._subscribed = None
        self._client.subscribe(topic, qos)
        return self._await(lambda: self._subscribed, SUBACK_MAX_S, "SUBACK")

    def wait(self, kind, timeout_s=5, match=None):
        """The oldest message of that type (taken out of the inbox), as a dict."""
        def take():
            for at, downlink in enumerate(self._inbox):
                if downlink.type == kind and (match is None or match(downlink.message)):
                    return self._inbox.pop(at)
            return None
        downlink = self._await(take, timeout_s, kind)
        self.check()
        return downlink.message

    def expect_silence(self, seconds=0.4, kind=None):
        """No message (of that type) is there or comes within the time."""
        end = time.monotonic() + seconds
        with self._changed:
            while time.monotonic() < end:
                self._changed.wait(max(0, end - time.monotonic()))
            unwanted = [downlink for downlink in self._inbox if kind in (None, downlink.type)]
        assert not unwanted, f"unexpected: {unwanted}"

    def forget(self):
        """Empties the inbox; gives what was in it."""
        with self._changed:
            old, self._inbox = self._inbox, []
        return old

    # --- upload ---------------------------------------------------------------------------------------

    def create_upload_task(self, name, size, md5):
        """Sends message 1 to the letter; no wait."""
        self.publish(b'{"type": "create_upload_task","size": %d,"name": "%s","md5sum": "%s"}'
                     % (size, _raw(name), _raw(md5)))

    def request_upload(self, name, data, *, md5=None, timeout_s=5):
        """Message 1 and its answer, 2."""
        self.create_upload_task(name, len(data), md5 or hashlib.md5(data).hexdigest())
        return self.wait("create_upload_task_rsp", timeout_s)

    def put(self, answer, data, **options):
        """PUT of the bytes to the URL of the answer, with the MD5 of the answer."""
        return vendor_put(answer["url"], data, answer["md5sum"], **options)

    def report_upload(self, name, state, percent=None, code=0, text=""):
        """Message 3 to the letter, no wait: progress at QoS 0, the final report at QoS 1."""
        self._report(b"report_upload_progress", name, state, percent, code, text)

    def upload_verdict(self, name, timeout_s=DONE_ANSWER_MAX_S):
        """`done` and its answer, which must come within 5 s."""
        self.report_upload(name, "done")
        return self.wait("report_upload_progress_rsp", timeout_s)

    def upload(self, name, data, **put_options):
        """A whole upload: 1, PUT, progress, done. Gives answer, HTTP answer and verdict (None when not reached)."""
        answer = self.request_upload(name, data)
        if not answer["url"]:
            return Transfer(answer, None, None)
        printed = progress_name(name, answer["md5sum"])
        self.report_upload(printed, "uploading", 0)
        if self.wait("report_upload_progress_rsp")["result_code"] != 0:
            return Transfer(answer, None, None)
        http = self.put(answer, data, **put_options)
        if http.status in (403, 404):
            self.report_upload(printed, "fail", code=-3, text="sign invalid")
            return Transfer(answer, http, self.wait("report_upload_progress_rsp"))
        self.report_upload(printed, "uploading", 100)
        self.wait("report_upload_progress_rsp")
        return Transfer(answer, http, self.upload_verdict(name))

    # --- download -------------------------------------------------------------------------------------

    def get_download_task(self):
        """Sends message 5 to the letter; no wait."""
        self.publish(b'{"type": "get_download_task"}')

    def request_download(self, timeout_s=5):
        """Message 5 and its answer, 6."""
        self.get_download_task()
        return self.wait("get_download_task_rsp", timeout_s)

    def fetch(self, offer, *, resumes=20, **options):
        """GET with resume in steps of 4999 bytes, as the vendor does after a gap. Gives (bytes, answers)."""
        data, answers = b"", []
        for _ in range(1 + resumes):
            answer = vendor_get(offer["url"], offer["size"], len(data), **options)
            answers.append(answer)
            if answer.status in (403, 404):
                break
            data += answer.body
            if len(data) >= offer["size"]:
                break
            data = data[:len(data) // RESUME_STEP * RESUME_STEP]
        return data, answers

    def report_download(self, name, state, percent=None, code=0, text=""):
        """Message 8 to the letter, no wait."""
        self._report(b"report_download_progress", name, state, percent, code, text)

    def download_verdict(self, name, timeout_s=DONE_ANSWER_MAX_S):
        """`done` as the demo program reports it: the name cut at 31 bytes."""
        self.report_download(_raw(name)[:DEMO_NAME_MAX], "done")
        return self.wait("report_download_progress_rsp", timeout_s)

    def download(self, offer=None, **options):
        """A whole download: 5, GET, progress, done. Gives (offer, bytes, verdict)."""
        offer = offer or self.request_download()
        printed = progress_name(offer["name"], offer["md5sum"])
        self.report_download(printed, "downloading", 0)
        if self.wait("report_download_progress_rsp")["result_code"] != 0:
            return offer, None, None
        data, answers = self.fetch(offer, **options)
        if answers[-1].status in (403, 404):
            self.report_download(printed, "fail", code=-3, text="sign invalid")
            return offer, None, self.wait("report_download_progress_rsp")
        if hashlib.md5(data).hexdigest() != offer["md5sum"]:
            self.report_download(printed, "fail", code=-4, text="md5sum not matched")
            return offer, data, self.wait("report_download_progress_rsp")
        self.report_download(printed, "downloading", 100)
        self.wait("report_download_progress_rsp")
        return offer, data, self.download_verdict(offer["name"])

    def _report(self, kind, name, state, percent, code, text):
        shown = b'"percent":%d,' % percent if percent is not None else b""
        payload = (b'{"type":"%s","name":"%s","progress":{%s"state":"%s","result_code":%d,"result_msg":"%s"}}'
                   % (kind, _raw(name), shown, _raw(state), code, _raw(text)))
        self.publish(payload, qos=0 if state in ("uploading", "downloading") else 1)
