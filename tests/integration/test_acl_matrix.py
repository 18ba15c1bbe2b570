"""Every kind of credential and every kind of topic, at the real broker: acl_matrix.csv says what must come out."""
import base64
import contextlib
import csv
import pathlib
import ssl

import pytest

from ferry import Platform, vendor_password, vendor_username
from raw_mqtt import CLOSED, GRANTED, REFUSED, RawClient
from tls_broker import LISTENERS, PASSWORD, Authority, TlsBroker

TABLE = pathlib.Path(__file__).with_name("acl_matrix.csv")
AUTH_REFUSED = 0x87


class World:
    """A platform with its database, and a broker with a listener for each way in."""

    def __init__(self, platform, authority, broker):
        self.platform, self.authority, self.broker = platform, authority, broker
        self.product, self.other_product = platform.new_product(), platform.new_product()
        self.device = platform.new_device(self.product)
        self.neighbour = platform.new_device(self.product)
        self.namesake = platform.new_device(self.other_product, self.device.device)
        rotated = platform.new_device(self.product)
        platform.api.device_rotate(rotated.product, rotated.device, overlap_s=3600)
        self.rotated = rotated
        self.pairs = {device.device: authority.make(f"{device.product}/{device.device}", device.device)
                      for device in (self.device, self.neighbour)}

    def tls(self, listener, device=None):
        if not LISTENERS[listener]:
            return None
        return self.authority.context(self.pairs[device.device] if device else None)

    def connect(self, listener, client_id, username=None, password=None, device=None):
        """device: whose client certificate is shown."""
        return RawClient(self.broker.ports[listener], client_id, username, password, tls=self.tls(listener, device))

    # --- each kind of credential -----------------------------------------------------------------

    def vendor(self, listener, device, method="sha1", certificate=None):
        username = vendor_username(device.product, device.device)
        return self.connect(listener, device.product + device.device, username,
                            vendor_password(device.secret, username, method), certificate)

    def plain(self, listener, device, certificate=None):
        name = f"{device.product}/{device.device}"
        return self.connect(listener, name, name, device.secret, certificate)

    def certified(self, device):
        return self.connect("certificate", f"{device.product}/{device.device}", device=device)

    def service(self, listener="plain"):
        return self.connect(listener, "ferryd@matrix", "ferryd", PASSWORD)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with Platform() as platform:
        authority = Authority(tmp_path_factory.mktemp("ca"))
        with contextlib.closing(TlsBroker(platform, authority)) as broker:
            yield World(platform, authority, broker)
            broker.stop()


CREDENTIALS = {
    "the vendor's, HMAC-SHA1": lambda w: (w.vendor("plain", w.device), w.device),
    "the vendor's, HMAC-SHA256": lambda w: (w.vendor("plain", w.device, "sha256"), w.device),
    "the vendor's over TLS": lambda w: (w.vendor("tls", w.device), w.device),
    "the vendor's with the secret of before": lambda w: (w.vendor("plain", w.rotated), w.rotated),
    "the secret over TLS": lambda w: (w.plain("tls", w.device), w.device),
    "the secret of before over TLS": lambda w: (w.plain("tls", w.rotated), w.rotated),
    "a certificate": lambda w: (w.certified(w.device), w.device),
    "a certificate and the secret": lambda w: (w.plain("certificate", w.device, w.device), w.device),
    "a certificate and the vendor's": lambda w: (w.vendor("certificate", w.device, certificate=w.device), w.device),
}
SERVICE = {
    "the platform": lambda w: w.service(),
    "the platform over TLS": lambda w: w.service("tls"),
}


def table():
    with TABLE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert len(rows) > 50
    return rows


def topic_of(pattern, world, device):
    if pattern == "LONGEST":
        return "x" * 65535
    if pattern == "DEEP":
        return "/".join("x" * 250)
    text = pattern.encode("ascii").decode("unicode_escape") if "\\" in pattern else pattern
    names = {"P": device.product, "D": device.device, "E": world.neighbour.device, "Q": world.other_product,
             "LONG": "x" * 65, "d": device.device.upper()}
    parts = []
    for part in text.split("/"):
        bare = part.strip("+#\u00e9\0\1\ud800 ")
        parts.append(part.replace(bare, names[bare]) if bare in names else part)
    return "/".join(parts)


SHARING = { # where several workers share the requests, the platform hears them by one name only
    ("$resource/up/service/+/+", "subscribes"): REFUSED,
    ("$share/ferry/ferry/up/service/+/+", "subscribes"): GRANTED,
}


def outcomes(connect, world, device, who, otherwise=None):
    """{(pattern, action): (expected, got)} of what differs from the table, and from what is otherwise."""
    differences = {}
    client = connect()
    try:
        for row in table():
            topic = topic_of(row["topic"], world, device)
            for action, do in (("publishes", "publish"), ("subscribes", "subscribe")):
                got = getattr(client, do)(topic)
                expected = (otherwise or {}).get((row["topic"], action), row[f"{who} {action}"])
                if got != expected:
                    differences[row["topic"], action] = (expected, got)
                if got == CLOSED:
                    client.close()
                    client = connect()
                    assert client.code == 0
    finally:
        client.close()
    return differences


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_device_may_use_its_own_two_topics_and_no_other(world, kind):
    client, device = CREDENTIALS[kind](world)
    client.close()
    assert client.code == 0
    assert outcomes(lambda: CREDENTIALS[kind](world)[0], world, device, "device") == {}
    assert world.broker.running


@pytest.mark.parametrize("kind", SERVICE)
def test_the_platform_hears_all_devices_and_answers_each(world, kind):
    assert outcomes(lambda: SERVICE[kind](world), world, world.device, "platform") == {}


@pytest.fixture(scope="module")
def sharing(world):
    """The same world with a broker for several workers."""
    with contextlib.closing(TlsBroker(world.platform, world.authority, share=True)) as broker:
        yield World(world.platform, world.authority, broker)
        broker.stop()


@pytest.mark.parametrize("kind", ["the vendor's, HMAC-SHA1", "the secret over TLS", "a certificate"])
def test_where_workers_share_a_device_may_use_no_other_topic_either(sharing, kind):
    client, device = CREDENTIALS[kind](sharing)
    client.close()
    assert client.code == 0
    assert outcomes(lambda: CREDENTIALS[kind](sharing)[0], sharing, device, "device") == {}


@pytest.mark.parametrize("kind", SERVICE)
def test_where_workers_share_the_platform_hears_by_one_name_only(sharing, kind):
    assert outcomes(lambda: SERVICE[kind](sharing), sharing, sharing.device, "platform", SHARING) == {}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_nothing_is_retained_and_there_is_no_way_round_by_unsubscribing(world, kind):
    client, device = CREDENTIALS[kind](world)
    own = f"$resource/down/service/{device.product}/{device.device}"
    with client:
        assert client.publish(own.replace("down", "up"), retain=True) == REFUSED
        assert client.publish(own.replace("down", "up")) == GRANTED
        assert client.subscribe(own) == GRANTED and client.unsubscribe(own) == GRANTED
        assert client.unsubscribe("#") == REFUSED


# --- who comes in by which way ---------------------------------------------------------------------------------


def code(client):
    client.close()
    return client.code


def test_the_secret_itself_is_a_password_over_tls_only(world):
    assert code(world.plain("tls", world.device)) == 0
    assert code(world.plain("certificate", world.device, world.device)) == 0
    assert code(world.plain("plain", world.device)) == AUTH_REFUSED


def test_the_secret_is_a_password_without_tls_where_the_setting_allows_it(world):
    with contextlib.closing(TlsBroker(world.platform, world.authority, allow_plain_secret=True)) as broker:
        name = f"{world.device.product}/{world.device.device}"
        assert code(RawClient(broker.ports["plain"], name, name, world.device.secret)) == 0
        broker.stop()


def test_a_wrong_secret_is_refused_over_tls_too(world):
    other = base64.b64encode(b"x" * 32).decode()
    name = f"{world.device.product}/{world.device.device}"
    assert code(world.connect("tls", name, name, other)) == AUTH_REFUSED
    assert code(world.connect("tls", name, name, world.neighbour.secret)) == AUTH_REFUSED
    assert code(world.connect("tls", name, name)) == AUTH_REFUSED


def test_a_certificate_is_the_device_that_it_names_and_no_other(world):
    own, neighbour = (f"{d.product}/{d.device}" for d in (world.device, world.neighbour))
    assert code(world.connect("certificate", own, device=world.device)) == 0
    assert code(world.connect("certificate", neighbour, device=world.device)) == AUTH_REFUSED
    assert code(world.plain("certificate", world.neighbour, world.device)) == AUTH_REFUSED
    assert code(world.vendor("certificate", world.neighbour, certificate=world.device)) == AUTH_REFUSED
    assert code(world.connect("certificate", "ferryd@1", "ferryd", PASSWORD, world.device)) == AUTH_REFUSED


@pytest.mark.parametrize("name", ["ferryd", "nobody", "no/body", "P", "P/D/x", "/P/D", "P/", "P//D", "PD", "P/D ", "#", "+/+"])
def test_a_certificate_with_another_name_is_nobody(world, name):
    text = name.replace("P", world.product).replace("D", world.device.device)
    pair = world.authority.make(text, "odd")
    client = RawClient(world.broker.ports["certificate"], f"{world.product}/{world.device.device}",
                       tls=world.authority.context(pair))
    assert code(client) == AUTH_REFUSED


def test_a_certificate_of_another_authority_is_refused_by_tls(world, tmp_path):
    stranger = Authority(tmp_path)
    context = ssl.create_default_context(cafile=world.authority.folder / "ca.crt")
    context.load_cert_chain(*stranger.make(f"{world.product}/{world.device.device}", "forged"))
    client = RawClient(world.broker.ports["certificate"], f"{world.product}/{world.device.device}", tls=context)
    assert code(client) is None
    assert code(world.connect("certificate", "x")) is None, "none at all"


def test_the_certificate_of_a_disabled_device_is_refused(world):
    device = world.platform.new_device(world.product)
    world.pairs[device.device] = world.authority.make(f"{device.product}/{device.device}", device.device)
    assert code(world.certified(device)) == 0
    world.platform.api.device_disable(device.product, device.device)
    assert code(world.certified(device)) == AUTH_REFUSED


def test_a_revoked_certificate_is_refused(world):
    device = world.platform.new_device(world.product)
    world.pairs[device.device] = world.authority.make(f"{device.product}/{device.device}", device.device)
    assert code(world.certified(device)) == 0
    world.authority.revoke(device.device)
    world.broker.restart() # Mosquitto 2.0.11 reads the list at its start
    assert code(world.certified(device)) is None
    assert code(world.certified(world.neighbour)) == 0
