"""Tokens, users, sessions and lockouts: what an operator and an attacker see."""
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ferry import processor_s, unique_name, wait_for
from operators import Caller, PASSWORD, add_token, add_user, token_caller

# --- tokens -------------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_kept_as_a_hash(own_platform):
    name, text = add_token(own_platform, "viewer")
    assert text.startswith("ferry_") and len(text) == 70
    assert "token" not in own_platform.api.call("GET", f"/tokens/{name}")
    assert Caller(own_platform, text)("GET", "/products").status_code == 200
    own_platform.stop()
    for path in own_platform.data.rglob("*"):
        if path.is_file():
            assert text.encode() not in path.read_bytes(), path


def test_a_revoked_token_is_dead_at_once(platform):
    name, text = add_token(platform, "viewer")
    caller = Caller(platform, text)
    for _ in range(3):
        assert caller("GET", "/products").status_code == 200
    platform.api.call("DELETE", f"/tokens/{name}")
    assert caller("GET", "/products").status_code == 401
    # the name is free again, the old text stays dead
    platform.api.call("POST", "/tokens", json={"name": name, "role": "admin"})
    assert caller("GET", "/products").status_code == 401


def test_revoking_under_load_lets_nobody_in_afterwards(platform):
    name, text = add_token(platform, "viewer")
    stop = []

    def ask():
        caller, late = Caller(platform, text), 0
        while not stop:
            revoked = bool(done)
            late += revoked and caller("GET", "/products").status_code == 200
            if not revoked:
                caller("GET", "/products")
        return late

    done = []
    with ThreadPoolExecutor(3) as pool:
        askers = [pool.submit(ask) for _ in range(3)]
        time.sleep(0.2)
        platform.api.call("DELETE", f"/tokens/{name}")
        done.append(True)
        time.sleep(0.2)
        stop.append(True)
        assert sum(asker.result() for asker in askers) == 0


def test_a_token_expires(platform):
    name, text = add_token(platform, "viewer", expires_in_s=60)
    assert Caller(platform, text)("GET", "/products").status_code == 200
    row = platform.api.call("GET", f"/tokens/{name}")
    assert row["expires_at"] and row["role"] == "viewer" and row["products"] is None


def test_the_last_use_is_known_and_costs_no_commit_per_request(platform):
    name, text = add_token(platform, "viewer")
    assert platform.api.call("GET", f"/tokens/{name}")["used_at"] is None
    caller = Caller(platform, text)
    caller.get("/products")
    wait_for(lambda: platform.api.call("GET", f"/tokens/{name}")["used_at"], 5, "the last use")
    used, batches = platform.api.call("GET", f"/tokens/{name}")["used_at"], platform.api.metric("ferry_batches_total")
    for _ in range(50):
        caller.get("/products")
    assert platform.api.call("GET", f"/tokens/{name}")["used_at"] == used
    assert platform.api.metric("ferry_batches_total") - batches < 25 # other work of the shared platform


@pytest.mark.parametrize("body, code", [
    ({"role": "viewer"}, "missing_field"), ({"name": "t"}, "missing_field"), ({"name": "a b", "role": "viewer"}, "invalid_field"),
    ({"name": "t", "role": "owner"}, "invalid_field"), ({"name": "t", "role": ""}, "invalid_field"),
    ({"name": "t", "role": "viewer", "products": []}, "invalid_field"),
    ({"name": "t", "role": "viewer", "products": ["a,b"]}, "invalid_field"),
    ({"name": "t", "role": "viewer", "products": [f"{n:064}" for n in range(16)]}, "invalid_field"),
    ({"name": "t", "role": "viewer", "expires_in_s": 59}, "invalid_field"), ({"name": "t", "role": "viewer", "x": 1}, "unknown_field"),
])
def test_a_token_that_makes_no_sense_is_refused(platform, body, code):
    answer = Caller(platform, platform.token)("POST", "/tokens", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_two_tokens_cannot_have_one_name(platform):
    name, _ = add_token(platform, "viewer")
    answer = Caller(platform, platform.token)("POST", "/tokens", json={"name": name, "role": "admin"})
    assert (answer.status_code, answer.json()["code"]) == (409, "exists")


def test_reading_does_not_wait_for_the_engine(own_platform):
    _, text = add_token(own_platform, "viewer")
    caller = Caller(own_platform, text)
    database = sqlite3.connect(own_platform.data / "ferry.db", timeout=10, isolation_level=None)
    database.execute("BEGIN IMMEDIATE") # the engine cannot commit now
    try:
        start = time.monotonic()
        assert caller("GET", "/products").status_code == 200
        assert time.monotonic() - start < 1
    finally:
        database.execute("ROLLBACK")
        database.close()


# --- sessions -----------------------------------------------------------------------------------------------------


def test_logging_in_gives_a_cookie_that_scripts_and_other_sites_cannot_have(platform):
    user, browser = add_user(platform, "operator"), Caller(platform)
    answer = browser.log_in(user)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["kind"], told["name"], told["role"], told["products"]) == ("user", user, "operator", None)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("ferry_session=") and "; Path=/" in cookie and "Domain" not in cookie
    assert "; HttpOnly" in cookie and "; SameSite=Strict" in cookie and "Secure" not in cookie
    assert browser.get("/session") == told
    behind_tls = Caller(platform).log_in(user, headers={"X-Forwarded-Proto": "https"})
    assert "; Secure" in behind_tls.headers["Set-Cookie"]


def test_a_session_ends_with_the_logout(platform):
    user, browser, other = add_user(platform), Caller(platform), Caller(platform)
    browser.log_in(user), other.log_in(user)
    value = browser.session.cookies["ferry_session"]
    answer = browser("DELETE", "/session")
    assert answer.status_code == 204 and "Max-Age=0" in answer.headers["Set-Cookie"]
    again = Caller(platform)("GET", "/products", headers={"Cookie": f"ferry_session={value}"})
    assert again.status_code == 401
    assert other("GET", "/products").status_code == 200


def test_a_change_with_a_cookie_needs_the_word_of_the_session(platform):
    user, browser, other = add_user(platform), Caller(platform), Caller(platform)
    browser.log_in(user), other.log_in(user)
    name = unique_name("p")
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": other.csrf},
                    {"X-CSRF-Token": browser.csrf + "0"}):
        answer = browser("POST", "/products", json={"name": name}, csrf=False, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert browser("GET", "/products", csrf=False).status_code == 200
    assert browser("POST", "/products", json={"name": name}).status_code == 201


@pytest.mark.parametrize("headers, allowed", [
    ({}, True), ({"Sec-Fetch-Site": "same-origin"}, True), ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "cross-site"}, False), ({"Sec-Fetch-Site": "same-site"}, False), ({"Origin": "null"}, False),
    ({"Origin": "http://evil.example"}, False), ({"Origin": "own"}, True),
    ({"Origin": "own", "Sec-Fetch-Site": "cross-site"}, False), ({"Origin": "own.evil.example"}, False),
])
def test_a_page_of_another_origin_can_neither_change_nor_log_in(platform, headers, allowed):
    own = platform.api_url
    headers = {key: value.replace("own", own) if key == "Origin" else value for key, value in headers.items()}
    user, browser = add_user(platform), Caller(platform)
    browser.log_in(user)
    answer = browser("POST", "/products", json={"name": unique_name("p")}, headers=headers)
    assert answer.status_code == (201 if allowed else 403)
    login = Caller(platform).log_in(user, headers=headers)
    assert login.status_code == (200 if allowed else 403)
    if not allowed:
        assert answer.json()["code"] == login.json()["code"] == "foreign_origin"


def test_a_token_needs_no_such_word_and_a_cookie_beside_it_does_not_count(platform):
    user, browser = add_user(platform, "viewer"), Caller(platform)
    browser.log_in(user)
    answer = browser("POST", "/products", json={"name": unique_name("p")}, csrf=False,
                     headers={"Authorization": f"Bearer {platform.token}", "Origin": "http://elsewhere.example"})
    assert answer.status_code == 201
    assert browser("GET", "/products", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_roles_and_products_of_a_user_hold_for_the_session(platform):
    mine, theirs = platform.new_product(), platform.new_product()
    browser = Caller(platform)
    browser.log_in(add_user(platform, "viewer", [mine]))
    assert [row["name"] for row in browser.get("/products")["items"]] == [mine]
    assert browser("GET", f"/products/{theirs}").status_code == 404
    assert browser("POST", "/devices", json={"product": mine, "name": "d"}).status_code == 403


def test_changing_or_removing_a_user_ends_the_sessions_at_once(platform):
    for change in (lambda u: platform.api.call("PATCH", f"/users/{u}", json={"role": "viewer"}),
                   lambda u: platform.api.call("PATCH", f"/users/{u}", json={"password": "another password"}),
                   lambda u: platform.api.call("DELETE", f"/users/{u}")):
        user, browser = add_user(platform), Caller(platform)
        browser.log_in(user)
        assert browser("GET", "/products").status_code == 200
        change(user)
        assert browser("GET", "/products").status_code == 401


def test_the_new_password_counts(platform):
    user = add_user(platform)
    platform.api.call("PATCH", f"/users/{user}", json={"password": "a new password"})
    assert Caller(platform).log_in(user).status_code == 401
    assert Caller(platform).log_in(user, "a new password").status_code == 200


@pytest.mark.parametrize("password", ["short", "x" * 9, "x" * 257, "", 7, None])
def test_a_poor_password_is_refused(platform, password):
    answer = Caller(platform, platform.token)(
        "POST", "/users", json={"name": unique_name("u"), "role": "viewer", "password": password})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_field")
    if password and isinstance(password, str):
        assert password not in answer.text


def test_sessions_outlive_a_restart_and_end_when_idle(make_platform):
    platform = make_platform("--session-idle", "60s", "--session-life", "1h")
    user, browser = add_user(platform), Caller(platform)
    browser.log_in(user)
    platform.restart()
    assert browser("GET", "/products").status_code == 200
    platform.stop()
    with sqlite3.connect(platform.data / "ferry.db") as database:
        database.execute("UPDATE session SET used_ms = used_ms - 60000")
    database.close()
    platform.pin_ports() if platform.running else None
    platform.start()
    browser.url = platform.api_url
    answer = browser("GET", "/products")
    assert answer.status_code == 401


def test_passwords_and_cookies_reach_neither_log_nor_disk(own_platform):
    user, browser = add_user(own_platform, password="a very secret word"), Caller(own_platform)
    browser.log_in(user, "a very secret guess")
    browser.log_in(user, "a very secret word")
    cookie = browser.session.cookies["ferry_session"]
    own_platform.stop()
    files = [path for path in own_platform.data.rglob("*") if path.is_file()] + [own_platform.log_path]
    for path in files:
        content = path.read_bytes()
        assert b"a very secret" not in content and cookie.encode() not in content, path


# --- lockout ------------------------------------------------------------------------------------------------------


def fail(platform, name, times):
    return [Caller(platform).log_in(name, "wrong password") for _ in range(times)]


@pytest.mark.parametrize("known", [True, False])
def test_wrong_passwords_make_a_name_wait_known_or_not(make_platform, known):
    platform = make_platform()
    name = add_user(platform) if known else "nobody"
    answers = fail(platform, name, 7)
    assert [answer.status_code for answer in answers] == [401] * 6 + [429]
    assert {answer.json()["code"] for answer in answers[:6]} == {"login_failed"}
    assert answers[6].json()["code"] == "too_many_attempts" and 1 <= int(answers[6].headers["Retry-After"]) <= 5
    assert Caller(platform).log_in(name).status_code == 429 # the right one too
    assert Caller(platform).log_in(add_user(platform)).status_code == 200 # others are not concerned


def test_a_lockout_outlives_a_restart_and_ends(make_platform):
    platform = make_platform()
    name = add_user(platform)
    fail(platform, name, 6)
    platform.restart()
    answer = Caller(platform).log_in(name)
    assert answer.status_code == 429
    time.sleep(int(answer.headers["Retry-After"]))
    assert Caller(platform).log_in(name).status_code == 200
    assert [answer.status_code for answer in fail(platform, name, 5)] == [401] * 5 # counted anew


def test_an_address_that_tries_many_names_has_to_wait(make_platform):
    platform = make_platform()
    user = add_user(platform)
    answers = [Caller(platform).log_in(f"guess{n}", "wrong password") for n in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 11 + [429]
    assert Caller(platform).log_in(user).status_code == 429
    assert platform.api.call("GET", "/products")["items"] == [] # tokens go on


def test_strangers_and_users_take_the_same_time(make_platform):
    platform = make_platform()
    user = add_user(platform)

    def cost_s(name): # of the processor, which other tests do not change
        before = processor_s(platform.pid)
        for _ in range(3):
            Caller(platform).log_in(name, "wrong password")
        return processor_s(platform.pid) - before

    known, unknown = cost_s(user), cost_s("nobody")
    print(known, unknown)
    assert unknown > 0.05 and 0.5 < known / unknown < 2


def test_logins_do_not_hold_up_others(make_platform):
    platform = make_platform()
    users = [add_user(platform) for _ in range(4)]
    with ThreadPoolExecutor(6) as pool:
        logins = [pool.submit(Caller(platform).log_in, users[n % 4]) for n in range(6)]
        start, answered = time.monotonic(), 0
        caller = Caller(platform, platform.token)
        while not all(login.done() for login in logins):
            assert caller("GET", "/products").status_code == 200
            answered += 1
        took = time.monotonic() - start
        assert all(login.result().status_code == 200 for login in logins)
    assert answered / took > 20


def test_too_many_logins_at_once_are_busy(make_platform):
    platform = make_platform()
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda n: Caller(platform).log_in(f"g{n}", "wrong password"), range(30)))
    codes = {answer.status_code for answer in answers}
    assert 503 in codes and codes <= {401, 429, 503}
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code in (429, 503))
