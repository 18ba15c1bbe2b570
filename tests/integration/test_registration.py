"""A device registers itself with its product's secret, in the vendor's form (docs/protocol.md)."""
import base64
import hashlib
import hmac
import json
import subprocess
import time

import pytest
import requests

from broker_client import ACCEPTED, REFUSED, vendor_client
from ferry import PATIENCE, VendorDevice, unique_name, wait_for
from raw_http import RawConnection

PATH = "/device/register"
HOST = "gateway.example"


def sign(secret, body, *, host=HOST, path=PATH, algorithm="HmacSha256", timestamp="1700000000", nonce="5456", method="POST"):
    text = "\n".join([method, host, path, "", algorithm, timestamp, nonce, hashlib.sha256(body).hexdigest()])
    digest = hashlib.sha1 if "1" in algorithm else hashlib.sha256
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), digest).digest()).decode()
    return {"Host": host, "Content-Type": "application/json; charset=utf-8", "X-TC-Algorithm": algorithm,
            "X-TC-Timestamp": timestamp, "X-TC-Nonce": nonce, "X-TC-Signature": signature}


def request_body(product, name):
    return json.dumps({"ProductId": product, "DeviceName": name}).encode()


def post(platform, body, headers):
    return requests.post(platform.objects_url + PATH, data=body, headers=headers, timeout=10)


def register(platform, secret, product, name, **options):
    body = request_body(product, name)
    return post(platform, body, sign(secret, body, **options))


def decrypt(secret, answer):
    """As the vendor's SDK: AES-128-CBC, the first 16 characters of the product's secret, a vector of the character 0."""
    response = answer.json()["Response"]
    done = subprocess.run(["openssl", "enc", "-d", "-aes-128-cbc", "-nopad", "-K", secret[:16].encode().hex(), "-iv", "30" * 16],
                          input=base64.b64decode(response["Payload"]), capture_output=True, check=True, timeout=10)
    return json.loads(done.stdout[:response["Len"]])


def device_of(platform, product, name, secret):
    from ferry import DeviceCredential
    return DeviceCredential(product, name, secret)


@pytest.fixture
def opened(platform, product):
    """A product whose devices may register themselves: its name and secret."""
    return product, platform.api.product_open(product)["secret"]


def registered(platform, opened, name=None, **options):
    product, secret = opened
    name = name or unique_name("d")
    answer = register(platform, secret, product, name, **options)
    assert answer.status_code == 200, answer.text
    plain = decrypt(secret, answer)
    assert plain["encryptionType"] == 2
    return device_of(platform, product, name, plain["psk"])


@pytest.mark.parametrize("algorithm", ["HmacSha256", "hmacsha256", "hmacsha1", "HmacSha1"])
def test_a_device_registers_itself_connects_and_sends_a_file(platform, opened, algorithm):
    device = registered(platform, opened, algorithm=algorithm)
    with VendorDevice(platform, device) as client:
        answer = client.request_upload("log", b"abc")
        assert requests.put(answer["url"], data=b"abc", timeout=10).status_code == 200
    assert not platform.api.call("GET", f"/devices/{device.product}/{device.device}")["disabled"]
    assert device.secret not in platform.log() and opened[1] not in platform.log()


def test_the_audit_log_names_it_however_long_its_name_is(platform):
    product, name = unique_name("p", 63), unique_name("d", 63)
    platform.api.product_add(product)
    registered(platform, (product, platform.api.product_open(product)["secret"]), name)
    actors = {record["actor"] for record in platform.api.list("/audit", product=product) if record["action"] == "device.register"}
    assert actors == {f"device/{product}/{name}"}, (len(product), len(name))
    assert platform.api.list("/audit", actor=f"device/{product}/{name}")


def test_it_is_off_by_default(platform, product):
    secret = base64.b64encode(b"x" * 32).decode()
    answer = register(platform, secret, product, "d")
    assert answer.status_code == 403 and "register" in answer.text
    assert register(platform, "", product, "d").status_code == 403
    assert register(platform, secret, "nobody", "d").status_code == 403
    assert platform.api.list("/devices", product=product) == []


def test_a_product_that_is_closed_again_takes_no_more(platform, opened):
    product, secret = opened
    device = registered(platform, opened)
    platform.api.product_close(product)
    assert register(platform, secret, product, "late").status_code == 403
    with vendor_client(platform, device) as client:
        assert client.code == ACCEPTED, "who is registered stays"
    fresh = platform.api.product_open(product)["secret"]
    assert fresh != secret
    assert register(platform, secret, product, "late").status_code == 403
    assert register(platform, fresh, product, "late").status_code == 200


def test_until_it_was_heard_a_device_may_register_again_and_then_not(platform, opened):
    """The answer may have been lost on its way; but nobody else takes the place of a device that works."""
    product, secret = opened
    first = registered(platform, opened)
    with vendor_client(platform, first) as silent:
        assert silent.code == ACCEPTED
        second = registered(platform, opened, first.device)
        wait_for(lambda: silent.gone, PATIENCE, "the end of the connection with the first secret")
    assert second.secret != first.secret
    with vendor_client(platform, first) as client:
        assert client.code == REFUSED
    with VendorDevice(platform, second) as client:
        client.request_upload("log", b"abc")
        assert register(platform, secret, product, first.device).status_code == 403
        assert client.request_upload("log2", b"abc")["url"]


def test_a_device_of_the_operator_or_a_disabled_one_is_not_taken_over(platform, opened):
    product, secret = opened
    device = platform.new_device(product)
    assert register(platform, secret, product, device.device).status_code == 403
    with vendor_client(platform, device) as client:
        assert client.code == ACCEPTED
    own = registered(platform, opened)
    platform.api.device_disable(own.product, own.device)
    assert register(platform, secret, product, own.device).status_code == 403


def wrong_requests(product, secret):
    body = request_body(product, "intruder")
    good = sign(secret, body)
    yield "no signature", body, {k: v for k, v in good.items() if k != "X-TC-Signature"}
    yield "another secret", body, sign(secret[:-4] + "AAA=", body)
    yield "another body", request_body(product, "other"), good
    yield "another host", body, {**good, "Host": "elsewhere"}
    yield "another time", body, {**good, "X-TC-Timestamp": "1700000001"}
    yield "another nonce", body, {**good, "X-TC-Nonce": "1"}
    yield "another algorithm", body, {**good, "X-TC-Algorithm": "hmacsha1"}
    yield "an unknown algorithm", body, sign(secret, body, algorithm="hmacmd5")
    yield "a cut signature", body, {**good, "X-TC-Signature": good["X-TC-Signature"][:-4]}
    yield "a signature that is no base64", body, {**good, "X-TC-Signature": "?" * 44}
    yield "a very long header", body, {**good, "X-TC-Nonce": "1" * 3000}
    yield "signed for another path", body, sign(secret, body, path="/register/dev")
    yield "signed for another method", body, sign(secret, body, method="GET")
    for name, odd in {"no JSON": b"{", "no object": b"[]", "no name": b'{"ProductId":"%s"}' % product.encode(),
                      "a bad name": request_body(product, "a/b"), "a number": b'{"ProductId":1,"DeviceName":2}',
                      "an empty name": request_body(product, ""), "a long name": request_body(product, "x" * 65),
                      "a NUL": b'{"ProductId":"%s","DeviceName":"a\\u0000"}' % product.encode()}.items():
        yield name, odd, sign(secret, odd)


def test_whatever_is_wrong_is_refused_in_the_same_words(platform, opened):
    product, secret = opened
    answers = {why: post(platform, body, headers) for why, body, headers in wrong_requests(product, secret)}
    assert {why: answer.status_code for why, answer in answers.items()} == dict.fromkeys(answers, 403)
    assert len({answer.content for answer in answers.values()}) == 1
    assert platform.api.list("/devices", product=product) == []


def test_other_methods_paths_and_sizes_lead_nowhere(platform, opened):
    product, secret = opened
    body = request_body(product, "x")
    for method in ("GET", "PUT", "HEAD", "DELETE", "PATCH"):
        answer = requests.request(method, platform.objects_url + PATH, headers=sign(secret, body), timeout=10)
        assert answer.status_code == 404, method
    for path in (PATH + "/", PATH + "?a=b", "/register/dev", "//device/register"):
        assert requests.post(platform.objects_url + path, data=body, headers=sign(secret, body), timeout=10).status_code == 404
    long = request_body(product, "x" * 2000)
    assert post(platform, long, sign(secret, long)).status_code == 413
    assert post(platform, b"", sign(secret, b"")).status_code == 403


def test_a_body_in_pieces_is_read_to_its_end_and_a_broken_one_registers_nobody(platform, opened):
    product, secret = opened
    body = request_body(product, "slow")
    headers = "".join(f"{name}: {value}\r\n" for name, value in sign(secret, body).items())
    head = f"POST {PATH} HTTP/1.1\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode()
    with RawConnection(platform.objects_port) as connection:
        connection.send(head + body[:5])
    time.sleep(0.2)
    assert platform.api.list("/devices", product=product) == []
    with RawConnection(platform.objects_port) as connection:
        for at in range(0, len(body), 7):
            connection.send((head if at == 0 else b"") + body[at:at + 7])
            time.sleep(0.01)
        assert connection.read_answer().status == 200
    assert [row["name"] for row in platform.api.list("/devices", product=product)] == ["slow"]
