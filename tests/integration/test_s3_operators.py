"""Files of operators go straight to the bucket where the client can: the API, ferryctl, and a RADOS Gateway."""
import base64
import hashlib
import json
import os
import subprocess

import pytest
import requests

import rgw
from environment import INHERITED
from fault_proxy import Cut, HttpProxy, first
from ferry import SOURCE_DIR, Platform, program, wait_for
from operators import token_caller
from ports import free_port

pytestmark = pytest.mark.xdist_group("s3")
MIB = 1 << 20


def digests(data):
    return {"md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest()}


def begin(platform, product, data, **given):
    order = {"product": product, "name": "r", "size": len(data), **(given or digests(data))}
    return platform.api.call("POST", "/resource-uploads", json=order)["id"]


def way_of(platform, upload):
    return platform.api.call("GET", f"/resource-uploads/{upload}/direct")


def put(way, data, **more):
    with requests.Session() as session:
        session.trust_env = False
        return session.put(way["url"], data=data, headers={**way["headers"], **more})


def look(platform, upload):
    return platform.api.call("GET", f"/resource-uploads/{upload}")


def content(platform, resource):
    return platform.api.call("GET", f"/resources/{resource}/content", ok=False).content


@pytest.fixture(scope="module")
def bucket(gateway):
    """A platform on it, for all tests of this file."""
    platform = Platform("--objects", gateway.address("o", public_endpoint=gateway.endpoint), env=gateway.keys())
    try:
        platform.start()
        yield platform
        platform.stop()
    finally:
        platform.close()


@pytest.fixture
def product(bucket):
    return bucket.new_product()


# --- the API ------------------------------------------------------------------------------------------------


def test_a_file_that_came_straight_to_the_store_is_a_resource_when_its_sender_asks(gateway, bucket, product):
    data = os.urandom(9 * MIB)
    upload = begin(bucket, product, data)
    way = way_of(bucket, upload)
    assert way["url"].startswith(f"{gateway.endpoint}/{gateway.bucket}/o/{upload}?")
    assert set(way["headers"]) == {"Content-MD5", "x-amz-checksum-sha256"}
    assert look(bucket, upload)["state"] == "uploading"
    assert put(way, data).status_code == 200
    assert bucket.api.list("/resources", product=product) == [], "nobody has told the platform yet"
    done = look(bucket, upload)
    assert (done["state"], done["resource"], done["offset"]) == ("done", upload, len(data))
    (resource,) = bucket.api.list("/resources", product=product)
    assert {name: resource[name] for name in ("md5", "sha256", "size")} == {**digests(data), "size": len(data)}
    assert content(bucket, upload) == data
    assert gateway.objects()[f"o/{upload}"] == digests(data)["md5"], "in one piece: ferryd would have sent it in parts"
    assert look(bucket, upload)["state"] == "done" and way_of(bucket, upload)["url"] is None
    records = [record["actor"] for record in bucket.api.list("/audit", product=product) if record["action"] == "resource.add"]
    assert records == ["token/admin"]


def test_the_store_takes_nothing_but_the_announced_bytes(gateway, bucket, product):
    data = os.urandom(1000)
    upload = begin(bucket, product, data)
    way = way_of(bucket, upload)
    wrong = bytes(reversed(data))
    assert put(way, wrong).status_code == 400
    assert put(way, data + b"!").status_code == 403
    assert put(way, wrong, **{"Content-MD5": ""}).status_code in (400, 403)
    assert put(way, data, **{"x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}).status_code == 403
    assert look(bucket, upload)["state"] == "uploading" and f"o/{upload}" not in gateway.objects()
    assert put(way, data).status_code == 200 and look(bucket, upload)["state"] == "done"


def test_who_only_reads_makes_no_resource_of_it(bucket, product):
    data = os.urandom(1000)
    upload = begin(bucket, product, data)
    assert put(way_of(bucket, upload), data).status_code == 200
    viewer = token_caller(bucket, "viewer", None)
    assert viewer.get(f"/resource-uploads/{upload}")["state"] == "uploading"
    assert bucket.api.list("/resources", product=product) == []
    assert look(bucket, upload)["state"] == "done"


def test_without_both_digests_there_is_no_way_but_through_the_platform(bucket, product):
    data = b"bytes"
    for given in ({"md5": digests(data)["md5"]}, {"sha256": digests(data)["sha256"]}):
        assert way_of(bucket, begin(bucket, product, data, **given)) == {"url": None, "headers": {}, "expires_at": None}


def test_what_is_too_large_for_one_put_goes_through_the_platform(gateway, make_platform):
    platform = make_platform("--objects", gateway.address(), "--object-size-max", "6G", env=gateway.keys())
    product = platform.new_product()
    for size, direct in ((5 << 30, True), ((5 << 30) + 1, False)):
        order = {"product": product, "name": "r", "size": size, **digests(b"")}
        upload = platform.api.call("POST", "/resource-uploads", json=order)["id"]
        assert (way_of(platform, upload)["url"] is not None) == direct


def test_a_store_that_clients_do_not_reach_gives_no_way(gateway, make_platform):
    platform = make_platform("--objects", gateway.address(urls="own"), env=gateway.keys())
    assert way_of(platform, begin(platform, platform.new_product(), b"bytes"))["url"] is None


def test_files_on_the_platforms_disk_give_no_way(platform):
    assert way_of(platform, begin(platform, platform.new_product(), b"bytes"))["url"] is None


def test_what_came_goes_with_the_upload_that_is_given_up(gateway, bucket, product):
    data = os.urandom(1000)
    upload = begin(bucket, product, data)
    assert put(way_of(bucket, upload), data).status_code == 200
    assert f"o/{upload}" in gateway.objects()
    bucket.api.call("DELETE", f"/resource-uploads/{upload}")
    wait_for(lambda: f"o/{upload}" not in gateway.objects(), 20, "the object's end")


def test_what_was_begun_in_parts_may_end_in_one_piece(gateway, bucket, product):
    data = os.urandom(9 * MIB)
    upload = begin(bucket, product, data)
    tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    assert bucket.api.call("PATCH", f"/resource-uploads/{upload}", ok=False, data=data[:MIB], headers=tus).status_code == 204
    assert f"o/partial/{upload}" in gateway.objects()
    assert put(way_of(bucket, upload), data).status_code == 200
    assert look(bucket, upload)["state"] == "done" and content(bucket, upload) == data
    wait_for(lambda: f"o/partial/{upload}" not in gateway.objects(), 20, "the partial's end")


CORS = """<CORSConfiguration><CORSRule><AllowedOrigin>{origin}</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>
<AllowedHeader>content-md5</AllowedHeader><AllowedHeader>x-amz-checksum-sha256</AllowedHeader><MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule></CORSConfiguration>"""


def test_a_page_in_a_browser_may_send_with_the_rule_that_the_manual_shows(gateway, bucket, product):
    origin = "https://upload.example"
    rule = CORS.format(origin=origin)
    with open(SOURCE_DIR / "docs/bucket.md", encoding="utf-8") as manual:
        assert "".join(rule.split()) in "".join(manual.read().split())
    way = way_of(bucket, begin(bucket, product, b"bytes"))

    def asked_before(by):
        """What a browser asks before it sends."""
        headers = {"Origin": by, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-md5,x-amz-checksum-sha256"}
        return requests.options(way["url"], headers=headers, proxies={"http": ""})

    assert "Access-Control-Allow-Origin" not in asked_before(origin).headers
    md5 = base64.b64encode(hashlib.md5(rule.encode()).digest()).decode()
    assert gateway.curl("PUT", f"{gateway.bucket}?cors=", "-H", f"Content-MD5: {md5}", "-H", "Content-Type: application/xml", "--data-binary", rule) == "200"
    try:
        answer = asked_before(origin)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)
        assert {"content-md5", "x-amz-checksum-sha256"} <= set(answer.headers["Access-Control-Allow-Headers"].lower().replace(" ", "").split(","))
        assert "Access-Control-Allow-Origin" not in asked_before("https://other.example").headers
        assert put(way, b"bytes", Origin=origin).headers["Access-Control-Allow-Origin"] == origin
    finally:
        assert gateway.curl("DELETE", f"{gateway.bucket}?cors=") == "204"


# --- ferryctl -----------------------------------------------------------------------------------------------


@pytest.fixture
def large_file(tmp_path):
    path = tmp_path / "firmware.bin"
    path.write_bytes(os.urandom(12 * MIB))
    return path


def add(platform, product, file):
    """ferryctl resource add; the resource and what it said besides."""
    command = [str(program("ferryctl")), "--data", str(platform.data), "--json", "resource", "add", product, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300,
                          env={**INHERITED, "FERRY_TOKEN_FILE": str(platform.data / "admin.token")})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_ferryctl_sends_a_large_file_straight_to_the_store(gateway, bucket, product, large_file):
    resource, said = add(bucket, product, large_file)
    assert said == ""
    assert {name: resource[name] for name in ("md5", "sha256")} == digests(large_file.read_bytes())
    assert content(bucket, resource["id"]) == large_file.read_bytes()
    assert gateway.objects()[f"o/{resource['id']}"] == resource["md5"], "in one piece: ferryd would have sent it in parts"
    assert bucket.api.list("/resource-uploads", product=product) == []


def behind(gateway, make_platform, *faulty):
    """A platform whose store is seen through a proxy by its clients."""
    proxy = HttpProxy(gateway.port)
    proxy.plan = first(1, *faulty)
    platform = make_platform("--objects", gateway.address(public_endpoint=f"http://127.0.0.1:{proxy.port}"), env=gateway.keys())
    return platform, proxy


def test_ferryctl_sends_again_what_broke_off_and_shows_the_store_no_token(gateway, make_platform, large_file):
    platform, proxy = behind(gateway, make_platform, Cut("up", 5 * MIB, reset=True))
    try:
        resource, said = add(platform, platform.new_product(), large_file)
    finally:
        proxy.close()
    assert said == "" and proxy.hits
    assert [method for method, _, _ in proxy.requests] == ["PUT", "PUT"]
    assert not any("authorization" in headers for _, _, headers in proxy.requests)
    assert content(platform, resource["id"]) == large_file.read_bytes()


def test_ferryctl_goes_through_the_platform_when_it_does_not_reach_the_store(gateway, make_platform, large_file):
    nobody = f"http://127.0.0.1:{free_port()}"
    platform = make_platform("--objects", gateway.address("nobody", public_endpoint=nobody), env=gateway.keys())
    resource, said = add(platform, platform.new_product(), large_file)
    assert "goes through the platform" in said and len(said.splitlines()) == 1
    assert gateway.objects()[f"nobody/{resource['id']}"].endswith("-2"), "in parts"
    assert content(platform, resource["id"]) == large_file.read_bytes()


def test_ferryctl_sends_nothing_again_that_the_store_has(gateway, make_platform, large_file):
    platform, proxy = behind(gateway, make_platform)
    try:
        product, data = platform.new_product(), large_file.read_bytes()
        order = {"product": product, "name": large_file.name, "size": len(data), **digests(data)}
        upload = platform.api.call("POST", "/resource-uploads", json=order)["id"]
        assert put(way_of(platform, upload), data).status_code == 200  # and its sender died
        resource, _ = add(platform, product, large_file)
    finally:
        proxy.close()
    assert resource["id"] == upload and len(proxy.requests) == 1


# --- in time ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_file_of_a_sender_that_died_is_a_resource_when_its_url_has_ended(gateway, make_platform):
    platform = make_platform("--objects", gateway.address(public_endpoint=gateway.endpoint), "--url-life", "60s", env=gateway.keys())
    product, data = platform.new_product(), os.urandom(1000)
    upload = begin(platform, product, data)
    assert put(way_of(platform, upload), data).status_code == 200
    (resource,) = wait_for(lambda: platform.api.list("/resources", product=product), 120, "the resource")
    assert resource["id"] == upload
