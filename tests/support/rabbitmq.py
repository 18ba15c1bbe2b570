"""A RabbitMQ of Debian with its MQTT plugin, by hand in a folder of the test, on loopback, asking a ferryd over HTTP."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from fake_platform import free_port
from ferry import wait_for

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
START_S = 180 # Erlang is slow on a busy machine

CONFIGURATION = """\
listeners.tcp = none
mqtt.listeners.tcp.1 = 127.0.0.1:{mqtt}
mqtt.allow_anonymous = false
mqtt.subscription_ttl = 86400000
load_definitions = {folder}/definitions.json
auth_backends.1 = internal
auth_backends.2 = http
auth_http.http_method = post
auth_http.user_path = {api}/mqtt/auth
auth_http.vhost_path = {api}/mqtt/acl
auth_http.resource_path = {api}/mqtt/acl
auth_http.topic_path = {api}/mqtt/acl
"""


def missing():
    """Why it cannot be run here; empty when it can."""
    if not os.access(SERVER, os.X_OK):
        return "rabbitmq-server is not installed (scripts/install-deps test)"
    return "" if shutil.which("epmd") else "erlang's epmd is not installed"


def password_hash(password):
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


class RabbitMq:
    def __init__(self, api_url, user, password):
        """user: an account of its own, who may do anything: ferryd's."""
        self._folder = tempfile.TemporaryDirectory(prefix="ferry-rabbitmq-", ignore_cleanup_errors=True)
        self.folder = pathlib.Path(self._folder.name)
        self.port, self._epmd_port = free_port(), free_port()
        everything = {"user": user, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
        (self.folder / "definitions.json").write_text(json.dumps({
            "vhosts": [{"name": "/"}], "permissions": [everything],
            "users": [{"name": user, "password_hash": password_hash(password), "tags": [],
                       "hashing_algorithm": "rabbit_password_hashing_sha256"}]}))
        (self.folder / "rabbitmq.conf").write_text(CONFIGURATION.format(mqtt=self.port, folder=self.folder, api=api_url))
        (self.folder / "plugins").write_text("[rabbitmq_mqtt,rabbitmq_auth_backend_http].\n")
        (self.folder / "inetrc").write_text('{lookup,[file]}.\n{host,{127,0,0,1},["localhost"]}.\n') # no name service
        self._epmd = subprocess.Popen(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"])
        with open(self.folder / "output", "wb") as output:
            self._server = subprocess.Popen([SERVER], env=self._environment(), stdout=output, stderr=output,
                                            cwd=self.folder, start_new_session=True)
        try:
            wait_for(lambda: self._answers() or self._server.poll() is not None, START_S, "RabbitMQ")
            assert self._server.poll() is None, self.log()
        except AssertionError:
            self.close()
            raise

    def _environment(self):
        folder = self.folder
        return {"PATH": os.environ["PATH"], "HOME": str(folder), "ERL_INETRC": f"{folder}/inetrc",
                "ERL_EPMD_PORT": str(self._epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_BASE": str(folder), "RABBITMQ_NODENAME": f"ferry{self.port}@localhost",
                "RABBITMQ_DIST_PORT": str(free_port()), "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
                "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins", "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
                "RABBITMQ_LOG_BASE": f"{folder}/log", "RABBITMQ_PID_FILE": f"{folder}/pid",
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"}

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def log(self):
        return (self.folder / "output").read_text(errors="replace")[-4000:]

    def close(self):
        """Ends the processes that were started here, by their session and number."""
        if self._server.poll() is None:
            try:
                os.killpg(self._server.pid, 15)
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self._server.pid, 9)
                self._server.wait()
        self._epmd.kill()
        self._epmd.wait()
        self._folder.cleanup()
