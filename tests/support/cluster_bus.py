"""Several workers that share what devices ask: plain bus consumers (tests/integration/bus_worker.c), devices that keep on asking, and a
Mosquitto with our plugin that somebody runs by hand (docs/operation.md)."""
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

import paho.mqtt.client as mqtt

from environment import INHERITED
from ferry import PATIENCE, SANITIZER_MARKS, build_dir, program, sanitizer_environment, vendor_password, vendor_username, wait_for
from ports import free_port

PASSWORD = "password of the platform in this test"
MD5 = "7cd96e091705fb4da41b3e11163cf663"
ANSWERED_S = 5 # a device's patience


class SharedMosquitto:
    """As docs/operation.md says for several workers. plugin=False: anybody's Mosquitto. share=False: as for one worker."""

    def __init__(self, platform, *, plugin=True, share=True, store=None, plain_secret=False):
        """platform: where the devices and the key are. store: its database, when that is no file of its own. plain_secret: a device may
        say its secret itself."""
        self._folder = tempfile.TemporaryDirectory(prefix="ferry-broker-")
        self.folder = pathlib.Path(self._folder.name)
        self.mqtt_port = free_port()
        (self.folder / "service.hash").write_text(hashlib.sha256(PASSWORD.encode()).hexdigest() + "\n")
        text = f"""per_listener_settings true
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages 100000
persistence false
log_dest file {self.folder}/log
log_type all
listener {self.mqtt_port} 127.0.0.1
"""
        if os.geteuid() == 0:
            text = "user root\n" + text
        if plugin:
            text += f"""allow_anonymous false
allow_zero_length_clientid false
plugin {program("ferry_auth.so")}
plugin_opt_store {store or platform.data / "ferry.db"}
plugin_opt_secrets_key {platform.data}/secrets.key
plugin_opt_service_hash {self.folder}/service.hash
plugin_opt_share {"true" if share else "false"}
plugin_opt_device_connects_per_minute 0
plugin_opt_allow_plain_secret {"true" if plain_secret else "false"}
"""
        else:
            text += "allow_anonymous true\n"
        (self.folder / "mosquitto.conf").write_text(text)
        self.start()

    def start(self):
        with open(self.folder / "stderr", "ab") as stderr:
            self._process = subprocess.Popen(["/usr/sbin/mosquitto", "-c", self.folder / "mosquitto.conf"],
                                             stderr=stderr, env=INHERITED | sanitizer_environment())
        wait_for(lambda: "running" in self.log() or not self.running, 10 * PATIENCE, "the broker")
        assert self.running, self.log()

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def running(self):
        return self._process.poll() is None

    @property
    def pid(self):
        return self._process.pid

    @property
    def url(self):
        return f"mqtt://ferryd:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.mqtt_port}"

    def restart_after_death(self):
        self._process.wait()
        (self.folder / "log").unlink(missing_ok=True)
        self.start()

    def stop(self):
        if self.running:
            self._process.terminate()
        assert self._process.wait(10 * PATIENCE) == 0, self.log()[-2000:]

    def close(self):
        if self.running:
            self._process.kill()
            self._process.wait()
        said = (self.folder / "stderr").read_text(errors="replace")
        self._folder.cleanup()
        assert not any(mark in said for mark in SANITIZER_MARKS), said


class Worker:
    """One consumer. .asked: (topic, payload) of each request that it got."""

    def __init__(self, url, sharing, name, *, wait=True, environment=None):
        self.name = name
        self.asked, self.lines = [], []
        self._process = subprocess.Popen([build_dir() / "tests/integration/bus_worker", url, sharing, f"ferryd@{name}"],
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                         env=INHERITED | sanitizer_environment() | (environment or {}))
        self._log = []
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_log)]
        for reader in self._readers:
            reader.start()
        if wait:
            self.wait_up()

    def _read(self):
        for line in self._process.stdout:
            word, _, rest = line.decode(errors="replace").rstrip("\n").partition(" ")
            if word == "asked":
                self.asked.append(tuple(rest.split(" ", 1)))
            else:
                self.lines.append(word)

    def _read_log(self):
        for line in self._process.stderr:
            self._log.append(line.decode(errors="replace"))

    def log(self):
        return "".join(self._log)

    @property
    def up(self):
        return bool(self.lines) and self.lines[-1] == "up"

    def wait_up(self, timeout_s=20):
        wait_for(lambda: self.up, timeout_s * PATIENCE, f"worker {self.name}'s link, {self.log()}")

    def kill(self):
        self._process.kill()
        self._process.wait()

    def stall(self):
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)

    def stop(self):
        self._process.terminate()
        assert self._process.wait(10 * PATIENCE) == 0, self.log()

    def close(self):
        if self._process.poll() is None:
            self.kill()
        for reader in self._readers:
            reader.join()
        self._process.stdout.close()
        self._process.stderr.close()


class Asker:
    """A device that asks one thing after the other, each when the one before was answered, and notes how long that took. What is
    refused (a platform may be busy) it asks again."""

    def __init__(self, port, product, device, secret=None, *, username=None, password=None, pause_s=0.01, most=None):
        """With its secret, or by an account of the broker's own. most: of its requests."""
        self.product, self.device = product, device
        self.took, self.repeated, self.refused = [], 0, []
        self._pause_s, self._number, self._asked_at, self.most = pause_s, 0, None, most
        self._again = False
        self._changed = threading.Condition()
        self._ending = False
        self._client = mqtt.Client(product + device, clean_session=True)
        if username is None:
            username = vendor_username(product, device)
            password = vendor_password(secret, username)
        self._client.username_pw_set(username, password)
        self._subscribed = threading.Event()
        self._client.on_connect = lambda c, u, f, code: c.subscribe(f"$resource/down/service/{product}/{device}", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port, 60)
        self._client.loop_start()
        assert self._subscribed.wait(20 * PATIENCE), "the device could not subscribe"
        self._thread = threading.Thread(target=self._run)

    def start(self):
        self._thread.start()

    def _on_message(self, client, userdata, message):
        answer = json.loads(message.payload)
        number = answer.get("asked", answer).get("name") # a real platform says it itself
        with self._changed:
            if number == str(self._number) and self._asked_at is not None:
                self._again = bool(answer.get("result_code"))
                if self._again:
                    self.refused.append(answer["result_msg"])
                else:
                    self.took.append(time.monotonic() - self._asked_at)
                self._asked_at = None
                self._changed.notify()
            else:
                self.repeated += 1

    def ask(self, text=None):
        with self._changed:
            self._number += 0 if self._again else 1
            self._asked_at = time.monotonic()
            payload = text or json.dumps({"type": "create_upload_task", "size": 1, "name": str(self._number), "md5sum": MD5})
        self._client.publish(f"$resource/up/service/{self.product}/{self.device}", payload, 1)

    def _run(self):
        while not self._ending and (self._again or self._number != self.most):
            self.ask()
            with self._changed:
                self._changed.wait_for(lambda: self._asked_at is None or self._ending)
            time.sleep(self._pause_s)

    @property
    def waits_s(self):
        """How long it has been waiting for an answer."""
        asked_at = self._asked_at
        return time.monotonic() - asked_at if asked_at is not None else 0

    def finish(self):
        """Waits for the last answer, of all of its requests when they have an end, and ends."""
        if self.most:
            wait_for(lambda: len(self.took) == self.most, 60 * PATIENCE, f"{self.most} answers")
        wait_for(lambda: self._asked_at is None or not self._thread.is_alive(), 30 * PATIENCE, "the last answer")
        self.close()

    def close(self):
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()
