"""Certificates for tests, made by the openssl command, and the TLS of a FakePlatform.

    authority = Authority(folder, "ours")
    tls = Tls(authority.server("broker", names=["localhost"]), authority)
    with FakePlatform(tls=tls) as platform: ...
"""
import dataclasses
import pathlib
import ssl

from ferry import run

CA_SETTINGS = """
[ca]
default_ca = this
[this]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = anything
copy_extensions = copy
unique_subject = no
[anything]
commonName = supplied
"""


def openssl(*args):
    done = run("openssl", *args)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclasses.dataclass
class Certificate:
    cert: pathlib.Path
    key: pathlib.Path


def _request(folder, name, subject, names, *more):
    """A key and, with `-x509` a certificate signed by itself, without it a request for one."""
    path = folder / f"{name}.pem"
    extension = ["-addext", "subjectAltName=" + ",".join(names)] if names else []
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=" + subject.replace("/", "\\/"),
             "-keyout", folder / f"{name}.key", "-out", path, *extension, *more)
    return Certificate(path, folder / f"{name}.key")


def self_signed(folder, name, names):
    """A server's certificate that nobody vouches for."""
    return _request(folder, name, name, names, "-x509", "-days", "2")


def make_pair(folder, name, *, days=30, issuer=None, key_args=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
              subject=None):
    """A certificate by somebody else: of its own, or signed by issuer = (certificate, key)."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    signed_by = ["-CA", issuer[0], "-CAkey", issuer[1]] if issuer else []
    openssl("req", "-x509", *key_args, "-nodes", "-keyout", key, "-out", cert, "-days", days, "-subj",
            subject or f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", *signed_by)
    key.chmod(0o600)
    return cert, key


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder, name)
        self.folder.mkdir()
        self.file = _request(self.folder, "ca", f"Authority {name}", [], "-x509", "-days", "30").cert
        self._settings = self.folder / "ca.conf"
        self._settings.write_text(CA_SETTINGS.format(folder=self.folder))
        (self.folder / "index.txt").touch()
        (self.folder / "serial").write_text("1000\n")

    def sign(self, name, subject, names=(), *, start="20200101000000Z", end="20991231235959Z"):
        """A certificate of this authority; names as openssl writes them: DNS:localhost, IP:127.0.0.1."""
        request = _request(self.folder, name, subject, names)
        signed = self.folder / f"{name}.crt"
        openssl("ca", "-batch", "-notext", "-config", self._settings, "-in", request.cert, "-out", signed,
                 "-startdate", start, "-enddate", end)
        return Certificate(signed, request.key)

    def expired(self, name, subject, names):
        return self.sign(name, subject, names, end="20200201000000Z")


class Tls:
    """TLS of a FakePlatform: what broker and object store show, and whether they want the device's certificate."""

    def __init__(self, broker, authority, *, objects=None, device_authority=None, host="localhost", objects_host=None):
        self.broker, self.objects = broker, objects or broker
        self.authority, self.device_authority = authority, device_authority
        self.host, self.objects_host = host, objects_host or host

    def mosquitto_settings(self):
        text = f"certfile {self.broker.cert}\nkeyfile {self.broker.key}\nuser root\n"
        if self.device_authority is not None:
            text += f"cafile {self.device_authority.file}\nrequire_certificate true\n"
        return text

    def platform_context(self):
        """For the platform's own connection to the broker: it may trust whatever the test made."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self.device_authority is not None:
            platform = self.device_authority.sign("platform", "platform")
            context.load_cert_chain(platform.cert, platform.key)
        return context

    def objects_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.objects.cert, self.objects.key)
        if self.device_authority is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.device_authority.file)
        return context
