"""What other brokers ask over HTTP, in the forms of EMQX and of RabbitMQ."""
import pytest
import requests

from broker_client import DOWN, UP
from ferry import Platform, vendor_password, vendor_username


@pytest.fixture(scope="module")
def asked():
    """A platform that answers other brokers."""
    with Platform("--mqtt-http") as platform:
        yield platform


def ask(platform, path, *, form=False, **fields):
    """What the platform answers: allow, deny or ignore."""
    url = f"{platform.api_url}/mqtt/{path}"
    answer = requests.post(url, data=fields, timeout=10) if form else requests.post(url, json=fields, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.text if form else answer.json()["result"]


def credential(device, **changes):
    username = vendor_username(device.product, device.device)
    return {"username": username, "password": vendor_password(device.secret, username),
            "clientid": device.product + device.device, **changes}


def as_form(fields):
    fields = dict(fields)
    fields["client_id"] = fields.pop("clientid")
    return fields


@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
def test_who_may_connect(asked, form):
    device = asked.new_device()
    other = asked.new_device(device.product)
    cases = {
        "right": (credential(device), "allow"),
        "wrong password": (credential(device, password="x"), "deny"),
        "another device's client id": (credential(device, clientid=other.product + other.device), "deny"),
        "no password": ({k: v for k, v in credential(device).items() if k != "password"}, "deny"),
        "a stranger": (credential(device, username="nobody", clientid="nobody"), "deny"),
        "the secret without TLS": (credential(device, username=f"{device.product}/{device.device}", password=device.secret), "deny"),
        "the secret over TLS": (credential(device, username=f"{device.product}/{device.device}", password=device.secret,
                                           tls="true" if form else True), "allow"),
        "a certificate": (credential(device, username="", cert_common_name=f"{device.product}/{device.device}"), "allow"),
        "another's certificate": (credential(device, cert_common_name=f"{other.product}/{other.device}"), "deny"),
    }
    got = {name: ask(asked, "auth", form=form, **(as_form(fields) if form else fields)) for name, (fields, _) in cases.items()}
    assert got == {name: expected for name, (_, expected) in cases.items()}
    asked.api.device_disable(device.product, device.device)
    fields = credential(device)
    assert ask(asked, "auth", form=form, **(as_form(fields) if form else fields)) == "deny"
    assert device.secret not in asked.log()


def test_the_platforms_own_account_is_left_to_the_broker(asked):
    assert ask(asked, "auth", username="ferryd", password="x", clientid="ferryd@1") == "ignore"
    assert ask(asked, "acl", username="ferryd", clientid="ferryd@1", action="subscribe", topic=f"{UP}/+/+") == "ignore"


def test_who_may_use_which_topic_in_the_form_of_emqx(asked):
    device = asked.new_device()
    other = asked.new_device(device.product)
    name, neighbour = f"{device.product}/{device.device}", f"{other.product}/{other.device}"
    fields = {k: v for k, v in credential(device).items() if k != "password"}
    table = {
        ("publish", f"{UP}/{name}"): "allow", ("subscribe", f"{DOWN}/{name}"): "allow",
        ("publish", f"{DOWN}/{name}"): "deny", ("subscribe", f"{UP}/{name}"): "deny",
        ("publish", f"{UP}/{neighbour}"): "deny", ("subscribe", f"{DOWN}/{neighbour}"): "deny",
        ("subscribe", "#"): "deny", ("subscribe", f"{DOWN}/+/+"): "deny", ("subscribe", f"$share/g/{DOWN}/{name}"): "deny",
        ("subscribe", "$SYS/#"): "deny", ("publish", "x" * 60000): "deny", ("all", f"{UP}/{name}"): "deny",
        ("publish", ""): "deny",
    }
    got = {(action, topic): ask(asked, "acl", action=action, topic=topic, **fields) for action, topic in table}
    assert got == table
    assert ask(asked, "acl", action="publish", topic=f"{UP}/{name}", retain=True, **fields) == "deny"
    assert ask(asked, "acl", action="publish", topic=f"{UP}/{name}", username=name, clientid=name) == "allow"
    asked.api.device_remove(device.product, device.device)
    assert ask(asked, "acl", action="publish", topic=f"{UP}/{name}", **fields) == "deny"


def test_a_name_that_two_devices_share_needs_a_client_id_that_tells_them_apart(asked):
    for product in ("amb", "ambi"):
        asked.api.product_add(product)
    first, second = asked.new_device("amb", "iguous"), asked.new_device("ambi", "guous")
    username = vendor_username(first.product, first.device)

    def may(client_id, device):
        return ask(asked, "acl", username=username, clientid=client_id, action="publish",
                   topic=f"{UP}/{device.product}/{device.device}")

    assert may("ambiguous", first) == may("ambiguous", second) == "deny"
    assert may("amb/iguous", first) == may("ambi/guous", second) == "allow"
    assert may("amb/iguous", second) == may("ambi/guous", first) == "deny"


@pytest.mark.parametrize("body, kind", [
    (b"", "application/json"), (b"[]", "application/json"), (b"{", "application/json"), (b"x" * 2_000_000, "application/json"),
    (b"", "application/x-www-form-urlencoded"), (b"a=%00", "application/x-www-form-urlencoded"),
    (b"&".join(b"a%d=b" % i for i in range(100)), "application/x-www-form-urlencoded"), (b"a=b", "text/plain"),
])
def test_a_body_that_is_no_question_gets_a_problem(asked, body, kind):
    for path in ("auth", "acl"):
        answer = requests.post(f"{asked.api_url}/mqtt/{path}", data=body, headers={"Content-Type": kind}, timeout=10)
        assert 400 <= answer.status_code < 500 and answer.json()["code"]


def test_strange_values_are_denied(asked):
    for value in (None, 1, [], {}, True, "\u0001", "x" * 5000, "#"):
        fields = {"username": value, "password": value, "clientid": value, "topic": value, "action": value}
        assert ask(asked, "auth", **fields) == "deny"
        assert ask(asked, "acl", **fields) == "deny"


def test_it_is_off_by_default(platform):
    for path in ("auth", "acl"):
        answer = requests.post(f"{platform.api_url}/mqtt/{path}", json={}, timeout=10)
        assert answer.status_code == 404 and "mqtt-http" in answer.json()["detail"]


def test_from_elsewhere_a_token_is_needed(make_platform):
    """Also for what a proxy on this machine passes on."""
    platform = make_platform("--mqtt-http")
    device = platform.new_device()
    url = f"{platform.api_url}/mqtt/auth"
    proxied = {"X-Forwarded-For": "192.0.2.1"}
    assert requests.post(url, json=credential(device), headers=proxied, timeout=10).status_code == 401
    token = {"Authorization": f"Bearer {platform.token}", **proxied}
    assert requests.post(url, json=credential(device), headers=token, timeout=10).json()["result"] == "allow"
