"""The faults of TLS: certificates that are wrong for a while, and peers that do not get through a handshake. They come into the table of
injections.py. They need a platform that was made with Certificates."""
import contextlib
import functools
import shutil
import socket
import ssl
import struct

from certificates import Authority
from ferry import wait_for

from injections import Skip, fault
from road import FAR

HERE = ("IP:127.0.0.1", "DNS:localhost", f"IP:{FAR}")
PLANES = ("mqtt", "objects", "api")
STRANGERS = 40   # at each listener
CONNECT_S = 5
TAKEN_S = 10     # for a new certificate to be shown by the broker
GOODBYE = struct.pack("ii", 1, 0) # SO_LINGER: close() sends a reset


class Certificates:
    """One authority and what a platform may be given of it: good ones, each once, and bad ones."""

    def __init__(self, folder, data):
        self._authority, self._tls, self._number = Authority(folder, "authority"), data / "tls", 0
        self._bad = {"another name": self._authority.sign("other", "other", ["DNS:elsewhere.example"]),
                     "expired": self._authority.expired("expired", "expired", HERE)}
        self._tls.mkdir(mode=0o700, parents=True)
        data.chmod(0o700)
        shutil.copy(self._authority.file, self._tls / "ca.pem")
        self.give_good()

    def give_good(self):
        """A new one, as at a renewal."""
        self._number += 1
        self._write(self._authority.sign(f"good{self._number}", "ferryd", HERE))

    def give_bad(self, which):
        self._write(self._bad[which])

    def _write(self, certificate):
        shutil.copy(certificate.cert, self._tls / "server.pem")
        shutil.copy(certificate.key, self._tls / "server.key")
        (self._tls / "server.key").chmod(0o600)

    def on_disk(self):
        """DER, as a client sees it."""
        return ssl.PEM_cert_to_DER_cert((self._tls / "server.pem").read_text())


def _shown(port):
    """The certificate that a new connection is given, whatever it is worth."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), CONNECT_S) as plain, context.wrap_socket(plain) as connection:
        return connection.getpeercert(binary_form=True)


def wait_shown(platform, certificates, patience=1):
    """Until all listeners show what is on the disk: the broker hears of it last."""
    wanted = certificates.on_disk()

    def all_show_it():
        with contextlib.suppress(OSError):
            return all(_shown(port) == wanted for port in (platform.mqtt_port, platform.objects_port, platform.api_port))
        return False

    wait_for(all_show_it, TAKEN_S * patience, "the certificate on all listeners")


def _reload(world):
    """Skip: another fault keeps ferryd from taking what is on the disk."""
    try:
        said = world.platform.reload()
    except (AssertionError, ProcessLookupError) as why:
        raise Skip(f"ferryd does not read its certificates again: {why}") from why
    if "new connections get" not in said:
        raise Skip(f"ferryd did not take the certificate: {said}")


def _good_again(world):
    """When no fault is left: whatever became of the reload under two of them."""
    _reload(world)
    wait_shown(world.platform, world.certificates, world.patience)


def _bad_certificate(which):
    @fault(f"TLS: certificate {which}", "TLS")
    def _(world):
        world.certificates.give_bad(which)
        try:
            _reload(world)
            world.kill_broker() # who is connected must come again
            if world.alone:
                wait_shown(world.platform, world.certificates, world.patience)
            world.hold()
            yield
        finally:
            world.certificates.give_good()
            world.afterwards.append(lambda: _good_again(world))
            if world.platform.running:
                with contextlib.suppress(Skip):
                    _reload(world)


_bad_certificate("another name")
_bad_certificate("expired")


@fault("TLS: certificate changed under connections", "TLS")
def _(world):
    broker = world.broker_pid()
    world.certificates.give_good()
    _reload(world)
    if world.alone:
        wait_shown(world.platform, world.certificates, world.patience)
        assert world.broker_pid() == broker, "the broker was started again for a new certificate"
    world.goes_on("a new certificate")
    yield
    world.afterwards.append(lambda: _good_again(world))


# --- peers that do not get through a handshake -------------------------------------------------------------------------


@functools.cache
def _hello():
    """The first words of a client."""
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(heard, said, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return said.read()


def _half(random):
    hello = _hello()
    return hello[:random.randrange(1, len(hello))]


def _garbage(random):
    return random.choice((
        random.randbytes(random.randint(1, 4000)), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(300),
        b"\x10\x0e\0\4MQTT\4\2\0\x3c\0\2ab",                        # MQTT without TLS
        b"\x16\3\1\xff\xff" + random.randbytes(5000),                 # a record longer than any may be
        b"\x16\3\1\2\0" + random.randbytes(512)))                     # a handshake of nonsense


def _connect(stack, port, number):
    stranger = socket.create_connection(("127.0.0.1", port), CONNECT_S, source_address=(f"127.0.2.{number + 1}", 0))
    return stack.enter_context(contextlib.closing(stranger))


def _come(stack, port, number, word, leave):
    stranger = _connect(stack, port, number)
    stranger.sendall(word)
    if leave:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, GOODBYE)
        stranger.close()


def _all_come(stack, port, draw_word, leave):
    """The other one of two faults may refuse them; or let no answer through, for which each would wait."""
    for number in range(STRANGERS):
        try:
            _come(stack, port, number, draw_word(), leave)
        except TimeoutError:
            return
        except OSError:
            continue


def _strangers(name, words, leave):
    """words: a function of a random.Random. leave: they go at once, with a reset; else they stay and wait."""
    @fault(f"TLS: {name}", "TLS")
    def _(world):
        with contextlib.ExitStack() as stack:
            for plane in PLANES:
                _all_come(stack, getattr(world.platform, f"{plane}_port"), lambda: words(world.random), leave)
            world.hold()
            world.goes_on(f"{len(PLANES) * STRANGERS} connections: {name}")
            yield


_strangers("handshakes that never begin", lambda random: b"", leave=False)
_strangers("half a hello, and no more", _half, leave=False)
_strangers("a hello, and no more", lambda random: _hello(), leave=False)
_strangers("handshakes cut halfway", lambda random: random.choice((_half(random), _hello())), leave=True)
_strangers("garbage instead of TLS", _garbage, leave=False)
