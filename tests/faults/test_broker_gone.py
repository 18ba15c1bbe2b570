"""The broker is away for a while: dead with its port taken, or silent. Files still move, and afterwards all is as before."""
import os
import time

import requests
from ferry import VendorDevice, vendor_put, wait_for

from outage import broker_dead, broker_silent, connected

AWAY_S = 60 if os.environ.get("FERRY_LONG") else 4
BACK_S = 20


def survives(platform, away):
    pid = platform.pid
    credential = platform.new_device()
    platform.api.resource_add(credential.product, "pack", b"p" * 5000)
    with VendorDevice(platform, credential) as device:
        answer = device.request_upload("log", b"content")
    with away(platform):
        end = time.monotonic() + AWAY_S
        assert vendor_put(answer["url"], b"content", answer["md5sum"]).status == 200, "the object plane needs no broker"
        deployment = platform.api.deploy(credential.product, "pack", [credential.device])["id"]
        while time.monotonic() < end:
            assert platform.api.deployment(deployment)["state"] == "active"
            time.sleep(0.2)
    with wait_for(lambda: connected(platform, credential), BACK_S, "a connection") as device:
        assert device.upload_verdict("log")["result_code"] == 0, "what was stored meanwhile is known"
        _, data, verdict = device.download()
        assert data == b"p" * 5000 and verdict["result_code"] == 0
    platform.api.wait_download(deployment, credential.device, "done")
    assert platform.pid == pid


def test_a_dead_broker_is_replaced_as_soon_as_its_port_is_free_and_devices_go_on(make_platform):
    platform = make_platform()
    survives(platform, broker_dead)


def test_a_silent_broker_stops_nobody_else_and_afterwards_devices_go_on(make_platform):
    platform = make_platform()
    survives(platform, broker_silent)


def test_readiness_tells_that_the_broker_is_away(make_platform):
    platform = make_platform()
    with broker_dead(platform):
        wait_for(lambda: requests.get(f"{platform.api_url}/readyz", timeout=5).status_code == 503, 5, "the word that it is not ready")
    wait_for(lambda: requests.get(f"{platform.api_url}/readyz", timeout=5).status_code == 200, BACK_S, "readiness")
