"""What one worker does, the others' clients see at once; and what one does for all is done once, also when it dies."""
import time
from collections import Counter

import pytest
import requests

import postgres
from ferry import PATIENCE, VendorDevice, wait_for
from test_cluster_workers import World, world  # noqa: F401 (a fixture)
from test_events import Stream
from test_webhooks import QUICK, add_hook, make_receiver, receiver  # noqa: F401

MISSING = postgres.missing()
pytestmark = [pytest.mark.skipif(bool(MISSING), reason=MISSING), pytest.mark.xdist_group("workers"), pytest.mark.timeout(300)]
MIB = 1 << 20
AT_ONCE_S = 5


class Slow:
    """A download that takes a little now and then."""

    def __init__(self, url):
        self.answer = requests.get(url, stream=True, timeout=30)
        assert self.answer.status_code == 200
        self.got = len(self.answer.raw.read(1000))

    def is_cut(self, size):
        """Reads on, so slowly that the whole takes longer than a cut may: was it broken off?"""
        step = MIB // 2
        try:
            while chunk := self.answer.raw.read(step):
                self.got += len(chunk)
                time.sleep(AT_ONCE_S * PATIENCE * step / size)
        except requests.exceptions.RequestException:
            return True
        except Exception as error: # urllib3's own
            assert "IncompleteRead" in repr(error) or "Connection" in repr(error), error
            return True
        return self.got < size


def is_refused(url):
    try:
        with requests.get(url, timeout=10, stream=True) as answer:
            return answer.status_code == 404
    except requests.ConnectionError: # what was under way is cut
        return False


def connected(world, device):
    return VendorDevice(world.broker, device)


def test_a_cancel_on_one_worker_ends_what_runs_through_another(world, tmp_path):  # noqa: F811
    a, b, _ = world.work("--objects", f"file:{tmp_path / 'objects'}")
    size, device = 64 * MIB, world.devices[0]
    b.api.resource_add(world.product, "pack", b"x" * size)
    with connected(world, device) as vendor:
        deployment = b.api.deploy(world.product, "pack", [device.device])
        offer = vendor.wait("download", timeout_s=10 * PATIENCE)
        through = a if f":{a.objects_port}/" in offer["url"] else next(w for w in world.workers if f":{w.objects_port}/" in offer["url"])
        other = next(w for w in world.workers if w is not through)
        transfer = Slow(offer["url"])
        task = other.api.download_task(deployment["id"], device.device)
        other.api.download_cancel(deployment["id"], task["id"])
        began = time.monotonic()
        wait_for(lambda: is_refused(offer["url"]), AT_ONCE_S * PATIENCE, "the URL to be refused")
        assert transfer.is_cut(size), "the transfer ended whole"
        print(f"refused and cut after {time.monotonic() - began:.2f} s")


def test_events_and_rights_do_not_depend_on_the_worker(world):  # noqa: F811
    a, b, c = world.work()
    stream = Stream(b, b.token, product=world.product)
    with connected(world, world.devices[0]) as vendor:
        vendor.request_upload("log", b"some bytes")
        wait_for(lambda: ("upload", None, "created") in stream.changes(), AT_ONCE_S * PATIENCE, "the upload, beside the device that came")
    token = a.api.call("POST", "/tokens", json={"name": "short", "role": "viewer"})["token"]
    headers = {"Authorization": f"Bearer {token}"}

    def statuses():
        return [requests.get(f"{worker.api_url}/api/v1/products", headers=headers, timeout=10).status_code for worker in (a, b, c)]

    assert statuses() == [200, 200, 200]
    c.api.call("DELETE", "/tokens/short")
    wait_for(lambda: statuses() == [401, 401, 401], AT_ONCE_S * PATIENCE, "the token to be refused by all")
    stream.close()


def test_a_webhook_is_told_once_and_goes_on_when_its_worker_dies(world, receiver):  # noqa: F811
    workers = world.work(*QUICK)
    add_hook(workers[0], receiver, product=world.product)
    with connected(world, world.devices[0]) as vendor:
        for number in range(20):
            vendor.request_upload(f"log{number}", b"bytes")
        receiver.wait(20, 30 * PATIENCE)
        assert set(Counter(r.id for r in receiver.taken).values()) == {1}, "two workers have told it"
        teller = next(w for w in workers if w.api.metric("ferry_webhook_deliveries_total") > 0)
        teller.kill9()
        for number in range(20, 40):
            vendor.request_upload(f"log{number}", b"bytes")
        receiver.wait(40, 30 * PATIENCE)
    receiver.assert_in_order()


def test_a_deployment_keeps_its_pace_and_offers_once_when_workers_die(world):  # noqa: F811
    workers = world.work("--push-retry-first", "60")
    workers[0].api.resource_add(world.product, "pack", b"x" * 100)
    vendors = [connected(world, device) for device in world.devices]
    try:
        for vendor in vendors:
            vendor.connect()
        deployment = workers[0].api.deploy(world.product, "pack", all=True, rate_per_min=60)
        began, offers = time.monotonic(), []

        def take():
            for vendor in vendors:
                offers.extend((vendor.device, time.monotonic() - began) for message in vendor.forget() if message.type == "download")
            return len(offers)

        wait_for(lambda: take() >= 2, 20 * PATIENCE, "the first offers")
        workers[0].kill9()
        wait_for(lambda: take() >= len(vendors), 60 * PATIENCE, "all offers")
        print("offers", offers)
        assert Counter(name for name, _ in offers) == Counter(d.device for d in world.devices), "each once"
        gaps = [b - a for (_, a), (_, b) in zip(offers, offers[1:])]
        assert offers[-1][1] > len(vendors) - 2, f"faster than one in a second: {gaps}"
        assert workers[1].api.deployment(deployment["id"])["counts"]["offered"] == len(vendors)
    finally:
        for vendor in vendors:
            vendor.close()
