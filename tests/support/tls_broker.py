"""A Mosquitto with our plugin beside a ferryd, with listeners for each way in: plain, TLS, TLS with client certificates."""
import hashlib
import os
import pathlib
import ssl
import subprocess
import tempfile

from environment import INHERITED
from ferry import program, sanitizer_environment, wait_for
from ports import free_port

PASSWORD = "password of the platform in this test"
LISTENERS = {"plain": False, "tls": True, "certificate": True}


class Authority:
    """A CA in a folder of its own: makes certificates, and revokes them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "index.txt").touch()
        (self.folder / "ca.cnf").write_text(f"""
[ca]
default_ca = ours
[ours]
database = {self.folder}/index.txt
new_certs_dir = {self.folder}
unique_subject = no
certificate = {self.folder}/ca.crt
private_key = {self.folder}/ca.key
default_md = sha256
default_days = 2
default_crl_days = 2
rand_serial = yes
policy = any
[any]
commonName = supplied
""")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                      "/CN=authority of a test", "-keyout", "ca.key", "-out", "ca.crt")
        self.update_list()

    def _openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True, timeout=30)

    def make(self, name, file):
        """Certificate and key of that common name, as file.crt and file.key."""
        subject = "/CN=" + "".join("\\" + c if c in "/+" else c for c in name)
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-addext",
                      "subjectAltName=DNS:localhost", "-keyout", f"{file}.key", "-out", f"{file}.csr")
        self._openssl("ca", "-batch", "-config", "ca.cnf", "-in", f"{file}.csr", "-out", f"{file}.crt", "-notext")
        return self.folder / f"{file}.crt", self.folder / f"{file}.key"

    def revoke(self, file):
        self._openssl("ca", "-config", "ca.cnf", "-revoke", f"{file}.crt")
        self.update_list()

    def update_list(self):
        self._openssl("ca", "-config", "ca.cnf", "-gencrl", "-out", "ca.crl")

    def context(self, pair=None):
        """For a client that trusts this authority, with a certificate of its own when a pair is given."""
        context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        if pair:
            context.load_cert_chain(*pair)
        return context


class TlsBroker:
    def __init__(self, platform, authority, *, allow_plain_secret=False, share=False):
        """share: for several workers."""
        self._folder = tempfile.TemporaryDirectory(prefix="ferry-broker-")
        self.folder = pathlib.Path(self._folder.name)
        self.authority = authority
        self.ports = {name: free_port() for name in LISTENERS}
        crt, key = authority.make("localhost", f"server-{self.ports['tls']}")
        (self.folder / "service.hash").write_text(hashlib.sha256(PASSWORD.encode()).hexdigest() + "\n")
        text = f"per_listener_settings true\npersistence false\nlog_dest file {self.folder}/log\nlog_type all\n"
        if os.geteuid() == 0:
            text += "user root\n"
        for name, tls in LISTENERS.items():
            text += f"""listener {self.ports[name]} 127.0.0.1
allow_anonymous false
allow_zero_length_clientid false
plugin {program("ferry_auth.so")}
plugin_opt_store {platform.data}/ferry.db
plugin_opt_secrets_key {platform.data}/secrets.key
plugin_opt_service_hash {self.folder}/service.hash
plugin_opt_allow_plain_secret {"true" if tls or allow_plain_secret else "false"}
plugin_opt_share {"true" if share else "false"}
"""
            if tls:
                text += f"certfile {crt}\nkeyfile {key}\n"
            if name == "certificate":
                text += f"cafile {authority.folder}/ca.crt\ncrlfile {authority.folder}/ca.crl\nrequire_certificate true\n"
        (self.folder / "mosquitto.conf").write_text(text)
        self.start()

    def start(self):
        self._process = subprocess.Popen(["/usr/sbin/mosquitto", "-c", self.folder / "mosquitto.conf"],
                                         stderr=subprocess.DEVNULL, env=INHERITED | sanitizer_environment())
        wait_for(lambda: "running" in self.log() or not self.running, 10, "the broker")
        assert self.running, self.log()

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def running(self):
        return self._process.poll() is None

    def restart(self):
        self.stop()
        (self.folder / "log").unlink()
        self.start()

    def stop(self):
        if self.running:
            self._process.terminate()
        assert self._process.wait(10) == 0, self.log()[-2000:]

    def close(self):
        if self.running:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()
