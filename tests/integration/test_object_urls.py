"""Object URLs over the life of an installation: keys that change, devices that know nothing of each other.

That no byte of a URL can be changed is tested in C, against the real plane with all 255 others (object_url_test.c).
"""
import re
import subprocess

import requests

from ferry import PATIENCE, VendorDevice, program

URL = re.compile(r"(.*/o/)([0-9a-z]{26})\?e=(\d+)&s=([A-Za-z0-9_-]{43})$")


def http(method, url, **options):
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=20 * PATIENCE, allow_redirects=False, **options)


def new_url_key(platform, when):
    return subprocess.run([str(program("ferryd")), "--data", str(platform.data), "--new-url-key", when],
                          capture_output=True, text=True, timeout=30 * PATIENCE, check=False)


def offer_of(platform, device, name, data):
    platform.api.resource_add(device.product, name, data)
    platform.api.deploy(device.product, name, [device.device])
    return device.wait("download")["url"]


def change_key(platform, when):
    """With the platform stopped, as the manual says; the addresses stay."""
    platform.pin_ports()
    platform.stop()
    done = new_url_key(platform, when)
    assert done.returncode == 0, done.stderr
    platform.start()


def test_urls_outlive_a_change_of_the_key_and_new_ones_bear_the_new_signature(own_platform):
    platform = own_platform
    with VendorDevice(platform, platform.new_device()) as device:
        put = device.request_upload("log", b"hello")["url"]
        get = offer_of(platform, device, "pack", b"world")
        change_key(platform, "overlap")
        assert http("GET", get).content == b"world"
        assert http("PUT", put, data=b"hello").status_code == 200
        change_key(platform, "overlap") # two changes within the life of a URL
        assert http("GET", get).content == b"world"
        device.connect()
        fresh = device.request_upload("log2", b"again")["url"]
        assert http("PUT", fresh, data=b"again").status_code == 200
        # the old key does not vouch for a later expiry: only its own URLs are good
        base, task, expiry, signature = URL.match(get).groups()
        assert http("GET", f"{base}{task}?e={int(expiry) + 1}&s={signature}").status_code == 403


def test_a_key_that_leaked_is_replaced_and_all_its_urls_die(own_platform):
    platform = own_platform
    with VendorDevice(platform, platform.new_device()) as device:
        put = device.request_upload("log", b"hello")["url"]
        get = offer_of(platform, device, "pack", b"world")
        change_key(platform, "overlap")
        change_key(platform, "at-once")
        for method, url in (("GET", get), ("PUT", put), ("HEAD", get)):
            assert http(method, url, data=b"hello" if method == "PUT" else None).status_code == 403
        device.connect()
        fresh = device.request_upload("log", b"hello")["url"] # the same task, signed anew
        assert URL.match(fresh).group(2) == URL.match(put).group(2) and fresh != put
        assert http("PUT", fresh, data=b"hello").status_code == 200


def test_the_key_is_not_changed_under_a_running_ferryd(own_platform):
    done = new_url_key(own_platform, "overlap")
    assert done.returncode == 1 and str(own_platform.pid) in done.stderr
    done = new_url_key(own_platform, "soon")
    assert done.returncode == 2 and "overlap or at-once" in done.stderr


def test_urls_of_one_device_say_nothing_of_anothers(platform, make_device):
    """Same product, same file, at the same moment: neither id nor signature can be had from the other's."""
    one, other = make_device(), make_device()
    urls = [device.request_upload("log", b"hello")["url"] for device in (one, other, one, other)]
    parts = [URL.match(url).groups() for url in urls]
    assert urls[0].split("?")[0] == urls[2].split("?")[0], "the same task again"
    # ids: all but the time is chance
    assert parts[0][1][10:] != parts[1][1][10:]
    same = sum(a == b for a, b in zip(parts[0][1][10:], parts[1][1][10:]))
    assert same < 8, "16 characters of chance have few in common"
    for mine, theirs in ((parts[0], parts[1]), (parts[1], parts[0])):
        base, _, expiry, signature = mine
        stolen = f"{base}{theirs[1]}?e={expiry}&s={signature}"
        assert http("PUT", stolen, data=b"hello").status_code == 403
    assert http("PUT", urls[0], data=b"hello").status_code == 200
    assert http("PUT", urls[1], data=b"hello").status_code == 200
