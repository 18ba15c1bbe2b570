"""Which devices are connected, and when each was seen last: with the real broker and its plugin."""
import datetime
import json
import socket
import struct
import subprocess

import pytest
import requests

from broker_client import ACCEPTED, vendor_client
from ferry import PATIENCE, VendorDevice, program, vendor_password, vendor_username, wait_for
from openapi import OpenApi
from operators import add_token, token_caller
from raw_mqtt import RawClient
from webhook_receiver import Receiver

DESCRIPTION = OpenApi()
WAIT_S = 20 * PATIENCE


def shown(platform, device):
    return platform.api.call("GET", f"/devices/{device.product}/{device.device}")


def wait_online(platform, device, online=True):
    def look():
        found = shown(platform, device)
        return found["online"] is online and found
    return wait_for(look, WAIT_S, f"{device.device} to be {'online' if online else 'offline'}")


def listed(platform, product, **query):
    answer = platform.api.call("GET", "/devices", params={"product": product, "limit": 250, **query})
    return [row["name"] for row in answer["items"]]


def connected(platform):
    return platform.api.call("GET", "/status")["devices_connected"]


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def raw_client(platform, device, suffix="", **more):
    username = vendor_username(device.product, device.device)
    client = RawClient(platform.mqtt_port, device.product + device.device + suffix, username,
                       vendor_password(device.secret, username), **more)
    assert client.code == 0
    return client


def reset(client):
    """The network ends the connection: no DISCONNECT, no FIN."""
    client._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client._sock.close()


def events_of(platform, product, **query):
    from test_events import all_of

    return all_of(platform, product=product, **query).events


def presence_events(platform, product):
    return [(e["type"], e["device"]) for e in events_of(platform, product, type="device.online,device.offline")]


def test_a_download_is_pushed_when_its_device_comes(platform):
    device = platform.new_device()
    wait_online(platform, device, False)
    platform.api.resource_add(device.product, "firmware.bin", b"abc")
    deployment = platform.api.deploy(device.product, "firmware.bin", [device.device])

    def task():
        return platform.api.download_task(deployment["id"], device.device)
    wait_for(lambda: task()["state"] == "offered", WAIT_S, "the offer")
    assert task()["pushes"] == 0
    with VendorDevice(platform, device) as there:
        assert there.wait("download", 5 * PATIENCE)["name"] == "firmware.bin"
        assert task()["pushes"] == 1


def test_a_device_comes_and_goes(platform):
    device = platform.new_device()
    new = shown(platform, device)
    assert (new["online"], new["connected_since"], new["last_seen_at"]) == (False, None, None)
    with VendorDevice(platform, device):
        there = wait_online(platform, device)
        assert there["connected_since"] == there["last_seen_at"]
        assert time_of(there["last_seen_at"]) >= time_of(there["created_at"]).replace(microsecond=0)
    gone = wait_online(platform, device, False)
    assert gone["connected_since"] is None and gone["last_seen_at"] >= there["last_seen_at"]


@pytest.mark.parametrize("way", ["disconnect", "reset", "silence"])
def test_every_way_to_go(platform, way):
    device = platform.new_device()
    client = raw_client(platform, device, keepalive_s=1 if way == "silence" else 60)
    if way == "disconnect":
        wait_online(platform, device)
        client._sock.sendall(b"\xe0\0")
    elif way == "reset":
        wait_online(platform, device)
        reset(client)
    wait_online(platform, device, False) # silence: the broker waits for half as long again as the client has promised
    client._sock.close()


def test_a_device_that_takes_its_own_place_stays(platform):
    device = platform.new_device()
    clients = [raw_client(platform, device)]
    since = wait_online(platform, device)["connected_since"]
    for _ in range(5):
        clients.append(raw_client(platform, device))
    marker = platform.new_device(device.product)
    with VendorDevice(platform, marker): # what happened before it is known when it is
        wait_online(platform, marker)
        assert shown(platform, device)["connected_since"] == since
    reset(clients[-1])
    wait_online(platform, device, False)


def test_a_device_is_online_while_one_of_its_clients_is(platform):
    device = platform.new_device()
    first, second = raw_client(platform, device), raw_client(platform, device, ".2")
    wait_online(platform, device)
    reset(first)
    marker = platform.new_device(device.product)
    with VendorDevice(platform, marker):
        wait_online(platform, marker)
        assert shown(platform, device)["online"] is True
    reset(second)
    wait_online(platform, device, False)


def test_a_disabled_device_goes(platform):
    device = platform.new_device()
    with vendor_client(platform, device) as client:
        assert client.code == ACCEPTED
        wait_online(platform, device)
        platform.api.device_disable(device.product, device.device)
        wait_online(platform, device, False)


def test_a_removed_device_leaves_nothing(platform):
    device = platform.new_device()
    with vendor_client(platform, device):
        wait_online(platform, device)
        platform.api.device_remove(device.product, device.device)
        again = platform.api.device_add(device.product, device.device)
        assert again["online"] is False and again["last_seen_at"] is None
    other = platform.new_device(device.product)
    with VendorDevice(platform, other):
        wait_online(platform, other)
    assert listed(platform, device.product, online="true") in ([], [other.device])
    assert device.device in listed(platform, device.product, online="false")


def test_lists_of_those_that_are_online_and_of_the_others(platform):
    product = platform.new_product()
    devices = [platform.new_device(product, f"d{i:02}") for i in range(20)]
    platform.api.call("PATCH", f"/devices/{product}/d00", json={"tags": ["lab"]})
    platform.api.call("PATCH", f"/devices/{product}/d01", json={"tags": ["lab"]})
    clients = [vendor_client(platform, device) for device in devices[::2]]
    for device in devices[::2]:
        wait_online(platform, device)
    evens, odds = [f"d{i:02}" for i in range(0, 20, 2)], [f"d{i:02}" for i in range(1, 20, 2)]
    assert listed(platform, product, online="true") == evens
    assert listed(platform, product, online="false") == odds
    assert listed(platform, product, online="true", sort="-name") == evens[::-1]
    assert listed(platform, product, online="false", name_prefix="d1") == odds[5:]
    assert listed(platform, product, online="true", tag="lab") == ["d00"]
    assert listed(platform, product, online="false", tag="lab") == ["d01"]
    page = platform.api.call("GET", "/devices", params={"product": product, "online": "true", "limit": 3})
    assert [row["name"] for row in page["items"]] == evens[:3]
    assert listed(platform, product, online="true", limit=3, cursor=page["next"]) == evens[3:6]
    for client in clients:
        client.close()


def test_the_answers_are_as_described(platform):
    device = platform.new_device()
    caller = token_caller(platform, "viewer")
    for path, query in (("/devices", {"product": device.product, "online": "true"}),
                        ("/devices", {"product": device.product, "online": "maybe"}), ("/status", {})):
        answer = caller("GET", path, params=query)
        DESCRIPTION.check("GET", f"/api/v1{path}", answer)
    DESCRIPTION.check("GET", "/api/v1/devices/{product}/{device}",
                      caller("GET", f"/devices/{device.product}/{device.device}"))


def test_coming_and_going_is_no_change_that_conditions_look_at(platform):
    device = platform.new_device()
    path = f"/devices/{device.product}/{device.device}"
    caller = token_caller(platform, "operator")
    before = caller("GET", path).headers["ETag"]
    with VendorDevice(platform, device):
        wait_online(platform, device)
        assert caller("GET", path).headers["ETag"] != before
        done = caller("PATCH", path, headers={"If-Match": before}, json={"tags": ["new"]})
        assert done.status_code == 200, done.text
        assert caller("PATCH", path, headers={"If-Match": before}, json={"tags": []}).status_code == 412


def test_the_number_of_those_connected(own_platform):
    devices = [own_platform.new_device() for _ in range(3)]
    wait_for(lambda: connected(own_platform) == 0, WAIT_S, "the platform to know")
    clients = [vendor_client(own_platform, device) for device in devices]
    wait_for(lambda: connected(own_platform) == 3, WAIT_S, "three connected")
    metrics = requests.get(f"{own_platform.api_url}/metrics", timeout=10,
                           headers={"Authorization": f"Bearer {own_platform.token}"}).text
    assert "\nferry_devices_connected 3\n" in metrics and "\nferry_presence_known 1\n" in metrics
    for client in clients:
        client.close()
    wait_for(lambda: connected(own_platform) == 0, WAIT_S, "nobody connected")


def test_a_message_shows_that_a_device_was_there(own_platform):
    device = own_platform.new_device()
    with VendorDevice(own_platform, device) as client:
        came = wait_online(own_platform, device)["last_seen_at"]
        client.request_upload("a", b"abc")
        own_platform.restart() # what waits to be written is written at a clean end
    assert shown(own_platform, device)["last_seen_at"] > came


def test_ferryd_dies_and_comes_back_while_devices_stay(own_platform):
    stays, leaves, comes = (own_platform.new_device() for _ in range(3))
    staying, leaving = raw_client(own_platform, stays), raw_client(own_platform, leaves)
    since = wait_online(own_platform, stays)["connected_since"]
    wait_online(own_platform, leaves)
    own_platform.kill9()
    reset(leaving)
    coming = raw_client(own_platform, comes)
    own_platform.start()
    assert wait_online(own_platform, stays)["connected_since"] == since
    wait_online(own_platform, comes)
    assert wait_online(own_platform, leaves, False)["last_seen_at"] is not None
    assert connected(own_platform) == 2
    for client in (staying, coming):
        reset(client)
    wait_online(own_platform, stays, False)


def test_the_broker_dies_and_all_are_gone(own_platform):
    back, gone = own_platform.new_device(), own_platform.new_device()
    clients = [raw_client(own_platform, device) for device in (back, gone)]
    before = [wait_online(own_platform, device)["last_seen_at"] for device in (back, gone)]
    own_platform.kill9_broker()
    wait_online(own_platform, gone, False)
    wait_online(own_platform, back, False)
    with VendorDevice(own_platform, back):
        again = wait_online(own_platform, back)
        assert again["connected_since"] > before[0]
        assert shown(own_platform, gone)["online"] is False and shown(own_platform, gone)["last_seen_at"] >= before[1]
    for client in clients:
        client._sock.close()
    assert presence_events(own_platform, gone.product) == [("device.online", gone.device), ("device.offline", gone.device)]
    (_, offline) = events_of(own_platform, gone.product, type="device.online,device.offline")
    assert offline["result_msg"] and (offline["before"], offline["state"]) == ("online", "offline")


def counts(platform, product):
    """As the product and its row in the list say alike: devices may come and go between the two questions."""
    def both():
        counted = platform.api.call("GET", f"/products/{product}")["counts"]
        (row,) = [row for row in platform.api.list("/products") if row["name"] == product]
        return counted if row["counts"] == counted else None
    return wait_for(both, WAIT_S, "the same numbers twice")


def test_a_product_counts_its_devices_and_those_that_are_connected(own_platform):
    product, other = own_platform.new_product(), own_platform.new_product()
    assert counts(own_platform, product) == {"devices": 0, "online": 0}
    devices = [own_platform.new_device(product) for _ in range(3)]
    own_platform.new_device(other)
    with VendorDevice(own_platform, devices[0]), VendorDevice(own_platform, devices[1]):
        wait_for(lambda: counts(own_platform, product) == {"devices": 3, "online": 2}, WAIT_S, "two devices")
        assert counts(own_platform, other) == {"devices": 1, "online": 0}
        rows = ferryctl(own_platform, "product", "list").stdout.splitlines()
        assert [row.split()[1:3] for row in rows if row.startswith(product)] == [["3", "2"]]
        assert "Online" in ferryctl(own_platform, "product", "show", product).stdout
        own_platform.api.device_remove(product, devices[2].device)
        assert counts(own_platform, product) == {"devices": 2, "online": 2}
    wait_for(lambda: counts(own_platform, product) == {"devices": 2, "online": 0}, WAIT_S, "the last to go")


def comings(platform, device, **query):
    """The page of a device's comings and goings: (type, before), the newest first; and the next."""
    page = platform.api.call("GET", f"/devices/{device.product}/{device.device}/presence", params=query)
    return [(e["type"], e["before"]) for e in page["items"]], page["next"]


def test_a_device_has_a_list_of_its_comings_and_goings(platform):
    device, other = platform.new_device(), platform.new_device()
    assert comings(platform, device) == ([], None)
    for _ in range(2):
        for credential in (device, other):
            with VendorDevice(platform, credential):
                wait_online(platform, credential)
            wait_online(platform, credential, False)
    rows = [("device.offline", "online"), ("device.online", "offline")]
    assert comings(platform, device) == (rows * 2, None)
    page, cursor = comings(platform, device, limit=3)
    assert page == (rows * 2)[:3]
    assert comings(platform, device, limit=3, cursor=cursor) == ((rows * 2)[3:], None)
    shown = ferryctl(platform, "--json", "device", "presence", f"{device.product}/{device.device}").stdout
    assert [json.loads(line)["state"] for line in shown.splitlines()] == ["offline", "online"] * 2
    assert platform.api.call("GET", f"/devices/{device.product}/nobody/presence", ok=False).status_code == 404


def test_webhooks_follow_who_is_connected(own_platform):
    product, receiver = own_platform.new_product(), Receiver()
    own_platform.api.call("POST", "/webhooks", json={"url": receiver.url, "product": product, "types": ["device.online", "device.offline"]})
    device = own_platform.new_device(product)
    try:
        with VendorDevice(own_platform, device):
            receiver.wait_requests(1)
        receiver.wait_requests(2)
        assert [(e["type"], e["device"]) for e in receiver.events()] == [("device.online", device.device),
                                                                       ("device.offline", device.device)]
    finally:
        receiver.stop()


def test_a_setting_keeps_presence_out_of_the_log(make_platform):
    platform = make_platform("--no-presence-events")
    device = platform.new_device()
    with VendorDevice(platform, device):
        wait_online(platform, device)
    wait_online(platform, device, False)
    assert presence_events(platform, device.product) == []


def test_while_there_is_no_broker_nothing_is_known(make_platform):
    platform = make_platform("--broker", "mqtt://127.0.0.1:9")
    device = platform.new_device()
    assert shown(platform, device)["online"] is None and shown(platform, device)["connected_since"] is None
    assert connected(platform) is None
    answer = token_caller(platform, "viewer")("GET", "/devices", params={"product": device.product, "online": "true"})
    assert answer.status_code == 409 and answer.json()["code"] == "conflict"
    DESCRIPTION.check("GET", "/api/v1/devices", answer)


def test_many_come_back_together(own_platform):
    product = own_platform.new_product()
    devices = [own_platform.new_device(product) for _ in range(100)]
    clients = [raw_client(own_platform, device) for device in devices]
    wait_for(lambda: connected(own_platform) == 100, WAIT_S, "all connected")
    wait_for(lambda: len(listed(own_platform, product, online="true")) == 100, WAIT_S, "the list of them")
    own_platform.kill9_broker()
    wait_for(lambda: connected(own_platform) == 0, WAIT_S, "the broker to be back, and nobody else")
    for client in clients:
        client._sock.close()
    clients = [raw_client(own_platform, device) for device in devices]
    wait_for(lambda: connected(own_platform) == 100, WAIT_S, "all back")
    for client in clients:
        reset(client)
    wait_for(lambda: connected(own_platform) == 0, WAIT_S, "all gone")
    wait_for(lambda: listed(own_platform, product, online="true") == [], WAIT_S, "the list to be empty")
    told = presence_events(own_platform, product)
    for device in devices:  # in turn, twice: before and after the broker died
        assert [kind for kind, name in told if name == device.device] == ["device.online", "device.offline"] * 2


def test_the_console_is_told(platform):
    """An event without id: it is in no log."""
    from test_events import Stream

    device = platform.new_device()
    everything = Stream(platform, add_token(platform, "viewer", [device.product])[1])
    of_product = Stream(platform, platform.token, product=device.product)
    with VendorDevice(platform, device):
        wait_online(platform, device)
        wait_for(lambda: "presence.changed" in everything.told, WAIT_S, "the event")
    wait_online(platform, device, False)
    assert of_product.told == []
    assert presence_events(platform, device.product) == [("device.online", device.device), ("device.offline", device.device)]


def ferryctl(platform, *words):
    done = subprocess.run([program("ferryctl"), "--api", platform.api_url, "--data", platform.data, *words],
                          capture_output=True, text=True, timeout=30 * PATIENCE)
    return done


def test_ferryctl_shows_it(platform):
    product = platform.new_product()
    here, away = platform.new_device(product, "here"), platform.new_device(product, "away")
    with VendorDevice(platform, here):
        wait_online(platform, here)
        shown_here = ferryctl(platform, "device", "show", f"{product}/here").stdout
        assert "Online" in shown_here and "yes" in shown_here
        assert f"{product}/here" in ferryctl(platform, "device", "list", product, "--online").stdout
        assert f"{product}/away" not in ferryctl(platform, "device", "list", product, "--online").stdout
        assert f"{product}/away" in ferryctl(platform, "device", "list", product, "--offline").stdout
        assert "connected" in ferryctl(platform, "status").stdout
    wrong = ferryctl(platform, "device", "list", "--online", "--offline")
    assert wrong.returncode == 2 and "--online or --offline" in wrong.stderr
    assert away.device == "away"
