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

from ports import free_port
from ferry import wait_for

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
START_S = 180 # Erlang is slow on a busy machine

CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
mqtt.listeners.tcp.1 = 127.0.0.1:{mqtt}
mqtt.allow_anonymous = false
mqtt.subscription_ttl = 86400000
load_definitions = {folder}/definitions.json
auth_backends.1 = internal
"""
JUDGE = """\
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
    """One node; without an api_url nobody but the account comes in."""

    def __init__(self, api_url, user, password, *, users=(), leader=None, certificate=None):
        """user: an account of its own, who may do anything: ferryd's. users: more definitions of users, with their permissions.
        leader: a node whose cluster it joins; they share a cookie and an epmd. certificate: (file, key file), for AMQP with TLS."""
        self._folder = tempfile.TemporaryDirectory(prefix="ferry-rabbitmq-", ignore_cleanup_errors=True)
        self.folder = pathlib.Path(self._folder.name)
        self.port, self.amqp_port, self._dist_port = free_port(), free_port(), free_port()
        self.user, self.password = user, password
        self.amqps_port = free_port() if certificate else None
        self._certificate = certificate
        self.name = f"ferry{self.port}@localhost"
        self._leader = leader
        self._epmd, self._server = None, None
        self._epmd_port = leader._epmd_port if leader else free_port()
        self._write_files(api_url, users)
        if leader is None:
            self._epmd = subprocess.Popen(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"])
        try:
            self.start()
        except AssertionError:
            self.close()
            raise

    def _write_files(self, api_url, users):
        everything = {"user": self.user, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
        account = {"name": self.user, "password_hash": password_hash(self.password), "tags": [],
                   "hashing_algorithm": "rabbit_password_hashing_sha256"}
        (self.folder / "definitions.json").write_text(json.dumps({
            "vhosts": [{"name": "/"}], "permissions": [everything] + [u["permissions"] for u in users if u["permissions"]],
            "users": [account] + [{**account, "name": u["name"]} for u in users]}))
        text = CONFIGURATION.format(amqp=self.amqp_port, mqtt=self.port, folder=self.folder)
        plugins = "[rabbitmq_mqtt]"
        if api_url:
            text += JUDGE.format(api=api_url)
            plugins = "[rabbitmq_mqtt,rabbitmq_auth_backend_http]"
        if self._certificate:
            text += (f"listeners.ssl.1 = 127.0.0.1:{self.amqps_port}\nssl_options.certfile = {self._certificate[0]}\n"
                     f"ssl_options.keyfile = {self._certificate[1]}\nssl_options.versions.1 = tlsv1.3\n"
                     "ssl_options.versions.2 = tlsv1.2\n")
        if self._leader:
            text += (f"cluster_formation.peer_discovery_backend = classic_config\n"
                     f"cluster_formation.classic_config.nodes.1 = {self._leader.name}\n"
                     f"cluster_formation.classic_config.nodes.2 = {self.name}\n")
        (self.folder / "rabbitmq.conf").write_text(text)
        (self.folder / "plugins").write_text(f"{plugins}.\n")
        (self.folder / "inetrc").write_text('{lookup,[file]}.\n{host,{127,0,0,1},["localhost"]}.\n') # no name service
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text(self._leader.cookie if self._leader else hashlib.sha256(os.urandom(16)).hexdigest()[:20])
        cookie.chmod(0o400)
        self.cookie = cookie.read_text()

    def start(self):
        """Again after kill(), too: with what it had on its disk."""
        with open(self.folder / "output", "wb") as output:
            self._server = subprocess.Popen([SERVER], env=self._environment(), stdout=output, stderr=output,
                                            cwd=self.folder, start_new_session=True)
        wait_for(lambda: self._answers() or self._server.poll() is not None, START_S, "RabbitMQ")
        assert self._server.poll() is None, self.log()

    def _environment(self):
        folder = self.folder
        return {"PATH": os.environ["PATH"], "HOME": str(folder), "ERL_INETRC": f"{folder}/inetrc",
                "ERL_EPMD_PORT": str(self._epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_BASE": str(folder), "RABBITMQ_NODENAME": self.name,
                "RABBITMQ_DIST_PORT": str(self._dist_port), "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
                "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins", "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
                "RABBITMQ_LOG_BASE": f"{folder}/log", "RABBITMQ_PID_FILE": f"{folder}/pid",
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"}

    def _answers(self):
        try:
            for port in (self.port, self.amqp_port):
                socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    @property
    def url(self):
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.amqp_port}"

    def log(self):
        return (self.folder / "output").read_text(errors="replace")[-4000:]

    def kill(self):
        """At once, with all of its processes: its session's, by their number."""
        os.killpg(self._server.pid, 9)
        self._server.wait()

    def close(self):
        """Ends the processes that were started here, by their session and number."""
        if self._server is not None and self._server.poll() is None:
            try:
                os.killpg(self._server.pid, 15)
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
        self._folder.cleanup()


class RabbitCluster:
    """Three nodes on loopback."""

    def __init__(self, user, password, users=(), api_url=None):
        self.nodes = []
        try:
            for _ in range(3):
                leader = self.nodes[0] if self.nodes else None
                self.nodes.append(RabbitMq(api_url, user, password, users=users, leader=leader))
        except AssertionError:
            self.close()
            raise

    @property
    def url(self):
        return self.nodes[0].url + "".join(f",127.0.0.1:{node.amqp_port}" for node in self.nodes[1:])

    def close(self):
        for node in reversed(self.nodes):
            node.close()
