"""A platform whose broker is a RabbitMQ with its MQTT plugin: it asks the platform over HTTP who may do what."""
import contextlib

import pytest
import requests

import rabbitmq
from broker_client import ACCEPTED, DOWN, REFUSED, UP, Client, vendor_client
from ports import free_port
from ferry import PATIENCE, Platform, VendorDevice, wait_for
from tls_broker import Authority

pytestmark = [pytest.mark.xdist_group("one_rabbitmq"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A RabbitMQ, the port at which it asks a platform, and whom to trust."""
    reason = rabbitmq.missing()
    if reason:
        print(f"SKIPPED: {reason}")
        pytest.skip(reason)
    api_port, authority = free_port(), Authority(tmp_path_factory.mktemp("ca"))
    certificate = authority.make("localhost", "rabbit")
    with contextlib.closing(rabbitmq.RabbitMq(f"http://127.0.0.1:{api_port}", "ferryd", "of this test", certificate=certificate)) as broker:
        yield broker, api_port, authority


@pytest.fixture(scope="module", params=["mqtt", "amqp", "amqps"])
def rabbit(node, request):
    """The platform's way to it: as a client of MQTT, or by its own queue."""
    broker, api_port, authority = node
    at = {"mqtt": f"127.0.0.1:{broker.port}", "amqp": f"127.0.0.1:{broker.amqp_port}", "amqps": f"localhost:{broker.amqps_port}"}
    trust = ["--broker-ca", authority.folder / "ca.crt"] if request.param == "amqps" else []
    with Platform("--mqtt-http", "--api-port", str(api_port),
                  "--broker", f"{request.param}://ferryd:of%20this%20test@{at[request.param]}", *trust) as platform:
        platform.devices_port = broker.port
        wait_for(lambda: "connected to the broker" in platform.log(), 20 * PATIENCE, "ferryd's connection")
        yield platform


def test_amqp_with_tls_trusts_who_it_was_told_to_trust(node, make_platform, tmp_path):
    broker, _, authority = node
    stranger = Authority(tmp_path)
    for host, ca, why in (("localhost", stranger, "certificate"), ("127.0.0.1", authority, "host name")):
        platform = make_platform("--broker", f"amqps://ferryd:of%20this%20test@{host}:{broker.amqps_port}",
                                 "--broker-ca", ca.folder / "ca.crt")
        line = wait_for(lambda: [text for text in platform.log().splitlines() if "trying again" in text], 20 * PATIENCE, why)[0]
        print(line)
        assert "connected to the broker" not in platform.log()


def test_a_device_sends_a_file_over_rabbitmq(rabbit):
    device = rabbit.new_device()
    with VendorDevice(rabbit, device) as client:
        answer = client.request_upload("log", b"abc")
        assert requests.put(answer["url"], data=b"abc", timeout=10).status_code == 200


def test_rabbitmq_refuses_whom_the_platform_refuses(rabbit):
    device = rabbit.new_device()
    stranger = type(device)(device.product, device.device, rabbit.new_device(device.product).secret)
    with vendor_client(rabbit, device) as client:
        assert client.code == ACCEPTED
    with vendor_client(rabbit, stranger) as client:
        assert client.code in (4, REFUSED)
    with Client(rabbit, device.product + device.device) as client:
        assert client.code in (None, 4, REFUSED)
    rabbit.api.device_disable(device.product, device.device)
    with vendor_client(rabbit, device) as client:
        assert client.code in (4, REFUSED)


@pytest.mark.parametrize("topic, allowed", [
    ("DOWN/MINE", True), ("UP/MINE", False), ("DOWN/OTHER", False), ("DOWN/+/+", False), ("#", False), ("DOWN/#", False),
    ("$SYS/#", False), ("DOWN/MINE/#", False), ("x", False)])
def test_rabbitmq_grants_a_device_its_own_answers_only(rabbit, topic, allowed):
    device, other = rabbit.new_device(), rabbit.new_device()
    topic = (topic.replace("MINE", f"{device.product}/{device.device}").replace("OTHER", f"{other.product}/{other.device}")
             .replace("DOWN", DOWN).replace("UP", UP))
    with vendor_client(rabbit, device) as client:
        assert client.code == ACCEPTED
        assert (client.subscribe(topic) in (0, 1)) is allowed


def test_rabbitmq_takes_no_request_of_another_device(rabbit):
    device, other = rabbit.new_device(), rabbit.new_device()
    request = b'{"type":"create_upload_task","size":3,"name":"forged","md5sum":"900150983cd24fb0d6963f7d28e17f72"}'
    with vendor_client(rabbit, device) as client, contextlib.suppress(ValueError, RuntimeError):
        client.publish(f"{UP}/{other.product}/{other.device}", request, qos=0)
    with VendorDevice(rabbit, other) as client:
        client.request_upload("honest", b"abc")
    assert {task["name"] for task in rabbit.api.uploads(other.product)} == {"honest"}
