"""Who a client is, when a proxy says so: --trusted-proxies, without a proxy. With HAProxy: test_haproxy.py."""
import contextlib

from ferry import PATIENCE, wait_for
from http_from import http_from, session_from

PROXY, FURTHER, DIRECT = "127.0.0.9", "127.0.7.7", "127.0.0.2"
ONE, OTHER = "203.0.113.5", "2001:db8::5"
FORWARDED = "X-Forwarded-For"


def authorized(platform, forwarded=None):
    more = {FORWARDED: forwarded} if forwarded is not None else {}
    return {"Authorization": f"Bearer {platform.token}", **more}


def recorded(platform, peer, forwarded):
    """The address in the audit log of what was asked from the peer."""
    name = f"p{len(platform.api.list('/products'))}"
    answer = http_from(peer, "POST", f"{platform.api_url}/api/v1/products", json={"name": name}, headers=authorized(platform, forwarded))
    assert answer.status_code == 201, answer.text
    return next(row["from"] for row in platform.api.list("/audit") if row["object"] == f"product/{name}")


def test_the_audit_log_has_whom_a_trusted_proxy_names_and_nobody_chooses_an_address(make_platform):
    platform = make_platform("--trusted-proxies", f"{PROXY}, 127.0.7.0/24")
    assert recorded(platform, DIRECT, None) == DIRECT
    assert recorded(platform, DIRECT, ONE) == DIRECT
    assert recorded(platform, DIRECT, f"{ONE}, {PROXY}") == DIRECT
    assert recorded(platform, PROXY, None) == PROXY
    assert recorded(platform, PROXY, ONE) == ONE
    assert recorded(platform, PROXY, f"{ONE}, [{OTHER}]:4711") == OTHER
    assert recorded(platform, FURTHER, f"{OTHER}, {ONE}, {PROXY}") == ONE
    assert recorded(platform, PROXY, f"{ONE}, unknown") == PROXY


def test_without_the_setting_the_header_is_nothing(make_platform):
    platform = make_platform("--api-requests-per-minute", "3")
    url = f"{platform.api_url}/healthz"
    answers = [http_from(DIRECT, "GET", url, headers={FORWARDED: f"203.0.113.{n}"}).status_code for n in range(5)]
    assert answers[:3] == [200] * 3 and answers[-1] == 429
    assert recorded(platform, "127.0.0.3", ONE) == "127.0.0.3"


def test_clients_behind_a_proxy_have_limits_of_their_own_on_both_planes(make_platform):
    platform = make_platform("--trusted-proxies", PROXY, "--api-requests-per-minute", "3", "--objects-requests-per-minute", "3")
    for url, good, refused in ((f"{platform.api_url}/healthz", 200, 429), (f"{platform.objects_url}/o/x", 403, 503)):
        with session_from(PROXY) as proxy: # one connection: each request counts for whom it is
            def ask(forwarded):
                return proxy.get(url, headers={FORWARDED: forwarded} if forwarded else {}, timeout=60 * PATIENCE).status_code
            assert [ask(ONE) for _ in range(5)][-1] == refused
            assert [ask(f"{n}.0.0.1, {ONE}") for n in range(1, 4)] == [refused] * 3
            assert [ask(OTHER) for _ in range(3)] == [good] * 3
            assert [ask(None) for _ in range(9)] == [good] * 9 # for itself, as a look whether it lives


@contextlib.contextmanager
def stream(platform, forwarded):
    """A request that stays, through the proxy; gives its status."""
    with session_from(PROXY) as proxy:
        answer = proxy.get(f"{platform.api_url}/api/v1/events", stream=True, timeout=60 * PATIENCE, headers=authorized(platform, forwarded))
        yield answer.status_code
        answer.close()


def test_a_proxys_connections_count_for_whom_they_are(make_platform):
    """Of two connections that one client may have, each through the proxy; those of the proxy that carry nothing count for nobody."""
    platform = make_platform("--trusted-proxies", PROXY, "--api-per-address-max", "2")

    def status(forwarded):
        with stream(platform, forwarded) as found:
            return found

    with contextlib.ExitStack() as idle, stream(platform, ONE) as first, stream(platform, ONE) as second:
        for _ in range(4):
            proxy = idle.enter_context(session_from(PROXY))
            assert proxy.get(f"{platform.api_url}/healthz", headers={FORWARDED: OTHER}, timeout=60 * PATIENCE).status_code == 200
        assert (first, second) == (200, 200)
        assert status(ONE) == 503
        assert status(OTHER) == 200
    wait_for(lambda: status(ONE) == 200, 30 * PATIENCE, "a place that is free again")
