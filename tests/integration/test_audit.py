"""The audit log: every change is in it, and whoever changes it is found out."""
import hashlib
import json
import sqlite3
import time

import pytest

from ferry import unique_name, wait_for
from openapi import OpenApi
from operators import Caller, PASSWORD, add_token, add_user, compact, token_caller
from test_ferryctl import DONE, FAILED, REFUSED, USAGE, Ctl

DESCRIPTION = OpenApi()


def log_of(platform, **query):
    """The records, oldest first."""
    return platform.api.list("/audit", sort="seq", limit=250, **query)


def hash_of(record):
    """Computed here, from the description of the API alone."""
    fields = [str(record["seq"]), str(record["time_ms"]), *(record[name] for name in ("actor", "from", "action", "object", "product")),
              compact(record["before"]), compact(record["after"])]
    text = b"".join(b"%d:%s," % (len(field.encode()), field.encode()) for field in fields)
    return hashlib.sha256(bytes.fromhex(record["prev"]) + text).hexdigest()


def assert_chained(records):
    prev = "0" * 64
    for number, record in enumerate(records, 1):
        assert record["seq"] == number and record["prev"] == prev
        assert record["hash"] == hash_of(record), record
        prev = record["hash"]


# --- what is in it ------------------------------------------------------------------------------------------------


def test_every_change_over_the_api_leaves_one_record(own_platform):
    platform, api = own_platform, own_platform.api
    product, name = unique_name("p"), 'fw "1" \\ é'
    seen = len(log_of(platform))
    steps = [
        ("product.add", f"product/{product}", lambda: api.product_add(product)),
        ("device.add", f"device/{product}/d", lambda: api.device_add(product, "d")),
        ("device.change", f"device/{product}/d", lambda: api.device_disable(product, "d")),
        ("device.change", f"device/{product}/d", lambda: api.device_disable(product, "d", False)),
        ("resource.add", None, lambda: api.resource_add(product, name, b"bytes")),
        ("deployment.add", None, lambda: api.deploy(product, name, ["d"], force=True)),
        ("deployment.cancel", None, lambda: api.deployment_cancel(api.list("/deployments")[0]["id"])),
        ("deployment.retry", None, lambda: api.deployment_retry(api.list("/deployments")[0]["id"])),
        ("token.add", "token/ci", lambda: api.call("POST", "/tokens", json={"name": "ci", "role": "viewer", "products": [product]})),
        ("token.remove", "token/ci", lambda: api.call("DELETE", "/tokens/ci")),
        ("user.add", "user/ann", lambda: api.call("POST", "/users", json={"name": "ann", "role": "viewer", "password": PASSWORD})),
        ("user.change", "user/ann", lambda: api.call("PATCH", "/users/ann", json={"role": "operator"})),
        ("login.failed", "user/ann", lambda: Caller(platform).log_in("ann", "wrong password")),
        ("login", "user/ann", lambda: Caller(platform).log_in("ann")),
        ("user.remove", "user/ann", lambda: api.call("DELETE", "/users/ann")),
        ("device.remove", f"device/{product}/d", lambda: api.device_remove(product, "d")),
    ]
    for action, thing, step in steps:
        step()
        records = log_of(platform)
        assert len(records) == seen + 1, action
        seen += 1
        record = records[-1]
        assert record["action"] == action and (thing is None or record["object"] == thing)
        assert record["from"] == "127.0.0.1" and abs(record["time_ms"] / 1000 - time.time()) < 60
        who = {"login": "user/ann", "login.failed": "nobody"}.get(action, "token/admin")
        assert record["actor"] == who
        if action.endswith((".add", ".remove")):
            assert (record["before"] is None) == action.endswith(".add")
            assert (record["after"] is None) == action.endswith(".remove")
    assert_chained(log_of(platform))
    change = [r for r in log_of(platform) if r["action"] == "device.change"][0]
    assert (change["before"]["disabled"], change["after"]["disabled"]) == (False, True)


def test_reading_and_failing_leave_nothing(own_platform):
    api, before = own_platform.api, len(log_of(own_platform))
    api.list("/products"), api.call("GET", "/status")
    assert api.call("DELETE", "/products/nobody", ok=False).status_code == 404
    assert token_caller(own_platform, "viewer")("POST", "/products", json={"name": "p"}).status_code == 403
    assert len(log_of(own_platform)) == before + 1 # the viewer's token


def test_a_user_of_the_console_is_named(own_platform):
    user, browser = add_user(own_platform, "operator"), Caller(own_platform)
    browser.log_in(user)
    browser("POST", "/products", json={"name": "p"})
    browser("DELETE", "/session")
    records = log_of(own_platform, actor=f"user/{user}")
    assert [record["action"] for record in records] == ["login", "product.add", "logout"]


def test_the_log_holds_no_secret(own_platform):
    platform, api = own_platform, own_platform.api
    api.product_add("p")
    secrets = [api.device_add("p", "d")["secret"], add_token(platform, "viewer")[1], PASSWORD, platform.token]
    user, browser = add_user(platform), Caller(platform)
    browser.log_in(user)
    text = json.dumps(log_of(platform))
    secrets += [browser.session.cookies["ferry_session"], browser.csrf, "argon2"]
    for secret in secrets:
        assert secret not in text
        assert hashlib.sha256(secret.encode()).hexdigest() not in text


def test_other_settings_at_a_start_are_recorded(make_platform):
    platform = make_platform("--url-life", "120s")
    first = log_of(platform, action="settings.")
    assert len(first) == 1 and first[0]["after"]["url-life"] == 120 and first[0]["actor"] == "system"
    platform.stop(), platform.start()
    assert len(log_of(platform, action="settings.")) == 1
    platform.stop()
    platform.args[1] = "180s"
    platform.start()
    last = log_of(platform, action="settings.")[-1]
    assert (last["before"]["url-life"], last["after"]["url-life"]) == (120, 180)


def test_a_new_admin_token_is_recorded(own_platform):
    first = log_of(own_platform)[0]
    assert (first["action"], first["object"], first["actor"]) == ("token.add", "token/admin", "system")


@pytest.mark.parametrize("query, status", [
    ({"since": "2020-01-01"}, 200), ({"since": "2020-01-01T00:00:00Z", "until": "2100-01-01"}, 200),
    ({"since": "yesterday"}, 400), ({"until": "2020-13-01"}, 400), ({"cursor": "x"}, 400), ({"cursor": "12"}, 400),
    ({"actor": ""}, 400), ({"action": "a' OR 1=1"}, 400), ({"object": "device/p/d"}, 200),
])
def test_filters_that_make_no_sense_are_refused(platform, query, status):
    answer = platform.api.call("GET", "/audit", ok=False, params=query)
    DESCRIPTION.check("GET", "/api/v1/audit", answer)
    assert answer.status_code == status, answer.text


# --- tampering ----------------------------------------------------------------------------------------------------

TRIGGERS = ("audit_follows", "audit_stays", "audit_is_kept")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A database with a log of a dozen records, of a platform that has ended."""
    from ferry import Platform
    with Platform() as platform:
        for n in range(10):
            platform.api.product_add(f"p{n}")
        records = log_of(platform)
        folder = tmp_path_factory.mktemp("audit") / "data"
        platform.stop()
        import shutil
        shutil.copytree(platform.data, folder)
        (folder / "ferry.db-wal").unlink(missing_ok=True)
        yield folder, records


@pytest.fixture
def tampered(original, make_platform, tmp_path):
    """tampered(sql, …): the platform again, after somebody who can write to the file did this."""
    import shutil

    def tamper(*statements):
        data = tmp_path / "data"
        shutil.copytree(original[0], data)
        database = sqlite3.connect(data / "ferry.db", isolation_level=None)
        for trigger in TRIGGERS:
            database.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            database.execute(statement)
        database.close()
        return make_platform(data=data)

    return tamper


def test_the_database_itself_refuses_changes(original, tmp_path):
    import shutil
    shutil.copy(original[0] / "ferry.db", tmp_path / "copy.db")
    database = sqlite3.connect(tmp_path / "copy.db", isolation_level=None)
    for statement in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit WHERE seq = 3", "DELETE FROM audit",
                      "INSERT INTO audit SELECT seq + 100, time_ms, actor, origin, action, object, product, state_before,"
                      " state_after, prev, hash FROM audit WHERE seq = 1",
                      "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2"):
        with pytest.raises(sqlite3.IntegrityError, match="audit log"):
            database.execute(statement)
    database.close()


COPY = ("INSERT INTO audit SELECT {to}, time_ms, actor, origin, action, object, product, state_before, state_after, prev, hash"
        " FROM audit WHERE seq = {seq}")
SHIFT = ("UPDATE audit SET seq = -seq - 1 WHERE seq >= 5", "UPDATE audit SET seq = -seq WHERE seq < 0")


@pytest.mark.parametrize("bad, statements", [
    (0, []),
    (4, ["UPDATE audit SET actor = 'token/other' WHERE seq = 4"]),
    (4, ["UPDATE audit SET time_ms = time_ms + 1 WHERE seq = 4"]),
    (4, ["UPDATE audit SET origin = '192.0.2.1' WHERE seq = 4"]),
    (4, ["UPDATE audit SET action = 'product.remove' WHERE seq = 4"]),
    (4, ["UPDATE audit SET object = 'product/x' WHERE seq = 4"]),
    (4, ["UPDATE audit SET product = 'x' WHERE seq = 4"]),
    (4, ["UPDATE audit SET state_after = '{\"name\":\"x\"}' WHERE seq = 4"]),
    (4, ["UPDATE audit SET state_after = 'no JSON' WHERE seq = 4"]),
    (4, ["UPDATE audit SET state_before = '{}' WHERE seq = 4"]),
    (4, ["UPDATE audit SET hash = randomblob(32) WHERE seq = 4"]),
    (4, ["UPDATE audit SET prev = randomblob(32) WHERE seq = 4"]),
    (5, ["DELETE FROM audit WHERE seq = 5"]),
    (1, ["DELETE FROM audit WHERE seq = 1"]),
    (1, ["DELETE FROM audit WHERE seq <= 3"]),
    (1, ["DELETE FROM audit WHERE seq <= 3", "UPDATE audit_head SET cut = 3"]),
    (5, [*SHIFT, COPY.format(seq=4, to=5), "UPDATE audit_head SET seq = seq + 1"]),
    (5, ["UPDATE audit SET seq = -5 WHERE seq = 5", "UPDATE audit SET seq = 5 WHERE seq = 6", "UPDATE audit SET seq = 6 WHERE seq = -5"]),
])
def test_verify_names_the_first_record_that_is_wrong(tampered, bad, statements):
    ctl = Ctl(tampered(*statements))
    result = ctl("audit", "verify", status=FAILED if bad else DONE)
    if not bad:
        assert "none changed or missing" in result.out
    else:
        assert f"record {bad} " in result.err or bad == 1 and "are missing, and no record says" in result.err


def test_missing_records_at_the_end_show_at_the_start_and_in_verify(tampered, original):
    last = len(original[1])
    platform = tampered(f"DELETE FROM audit WHERE seq > {last - 2}")
    assert "audit log does not end with record" in platform.log()
    assert f"record {last - 1} " in Ctl(platform)("audit", "verify", status=FAILED).err
    platform.api.product_add("more") # the chain goes on where it was: the gap stays for ever
    assert f"record {last - 1} " in Ctl(platform)("audit", "verify", status=FAILED).err


def test_a_record_put_behind_the_last_one_stops_all_changes(original, tmp_path):
    import shutil
    from ferry import Platform
    shutil.copytree(original[0], tmp_path / "data")
    with sqlite3.connect(tmp_path / "data" / "ferry.db") as database:
        database.execute("DROP TRIGGER audit_follows")
        database.execute(COPY.format(seq=4, to=len(original[1]) + 1))
    database.close()
    platform = Platform("--url-life", "120s", data=tmp_path / "data")
    assert platform.start(expect_exit=True) == 1
    assert f"has a record {len(original[1]) + 1} that the platform did not write" in platform.log()
    platform.close()


def test_a_log_that_was_wholly_written_anew_fails_against_an_anchor(original, tampered, tmp_path):
    """Who can write to the file can also compute hashes. An anchor that is kept elsewhere finds it out."""
    records = json.loads(json.dumps(original[1]))
    anchor = tmp_path / "anchor"
    anchor.write_text(f"{records[6]['seq']} {records[6]['hash']}\n")
    records[4]["actor"] = "token/somebody-else"
    statements, prev = [], "0" * 64
    for record in records:
        record["prev"] = prev
        record["hash"] = prev = hash_of(record)
        statements.append(f"UPDATE audit SET actor = '{record['actor']}', prev = x'{record['prev']}', hash = x'{record['hash']}'"
                          f" WHERE seq = {record['seq']}")
    statements.append(f"UPDATE audit_head SET hash = x'{prev}'")
    ctl = Ctl(tampered(*statements))
    ctl("audit", "verify") # in itself it is whole
    assert "record 7 is another than the anchor says" in ctl("audit", "verify", "--anchor", anchor, status=FAILED).err


def test_retention_cuts_the_log_and_says_so_in_it(tampered):
    platform = tampered("UPDATE audit SET time_ms = time_ms") # only opens it
    platform.stop()
    with sqlite3.connect(platform.data / "ferry.db") as database:
        head = database.execute("SELECT seq, hash FROM audit_head").fetchone()
    database.close()
    # A log of long ago, written as the platform would have, with all its hashes.
    records = []
    with sqlite3.connect(platform.data / "ferry.db") as database:
        prev = "0" * 64
        for row in database.execute("SELECT seq, time_ms, actor, origin, action, object, product, state_before, state_after FROM audit"
                                    " ORDER BY seq").fetchall():
            record = dict(zip(("seq", "time_ms", "actor", "from", "action", "object", "product"), row))
            record.update(time_ms=row[1] - 40 * 86400 * 1000, before=json.loads(row[7]) if row[7] else None,
                          after=json.loads(row[8]) if row[8] else None, prev=prev)
            prev = record["hash"] = hash_of(record)
            records.append(record)
            database.execute("UPDATE audit SET time_ms = ?, prev = ?, hash = ? WHERE seq = ?",
                             (record["time_ms"], bytes.fromhex(record["prev"]), bytes.fromhex(prev), record["seq"]))
        database.execute("UPDATE audit_head SET hash = ?", (bytes.fromhex(prev),))
    database.close()
    assert head[0] == len(records)
    platform.args += ["--audit-retention-days", "30"]
    platform.start()
    wait_for(lambda: any(record["action"] == "audit.cut" for record in log_of(platform)), what="the cut")
    kept = log_of(platform)
    (cut,) = [record for record in kept if record["action"] == "audit.cut"]
    assert cut["after"] == {"seq": head[0], "hash": prev} and kept[0]["seq"] == head[0] + 1
    result = Ctl(platform)("audit", "verify")
    assert f"{head[0]} older ones were removed" in result.out


# --- ferryctl -----------------------------------------------------------------------------------------------------


def test_ferryctl_lists_and_verifies(own_platform, tmp_path):
    ctl, anchor, export = Ctl(own_platform), tmp_path / "anchor", tmp_path / "log.jsonl"
    ctl("product", "add", "p"), ctl("device", "add", "p/d"), ctl("device", "disable", "p/d")
    listing = ctl("audit", "list", "--action", "device.").out
    assert "token/admin" in listing and "device/p/d" in listing and "disabled: false > true" in listing
    assert [row["action"] for row in ctl.rows("audit", "list", "--object", "device/p/d")] == ["device.change", "device.add"]
    assert ctl.rows("audit", "list", "--actor", "nobody") == []
    assert len(ctl.rows("audit", "list", "--product", "p", "-n", 1)) == 1
    first = ctl.row("audit", "verify", "--anchor", anchor)
    assert first["intact"] and anchor.read_text() == f"{first['seq']} {first['hash']}\n"
    ctl("product", "add", "q")
    second = ctl.row("audit", "verify", "--anchor", anchor)
    assert second["records"] == first["records"] + 1
    export.write_text(ctl("--json", "audit", "list").out)
    assert ctl.row("audit", "verify", export) == second
    export.write_text(export.read_text().replace("token/admin", "token/other", 1))
    ctl("audit", "verify", export, status=FAILED)
    export.write_text("no log")
    ctl("audit", "verify", export, status=FAILED)
    anchor.write_text("nonsense\n")
    assert "no anchor" in ctl("audit", "verify", "--anchor", anchor, status=FAILED).err


def test_ferryctl_makes_lists_and_revokes_tokens(own_platform, tmp_path):
    ctl, file = Ctl(own_platform), tmp_path / "ci.token"
    ctl("product", "add", "p")
    shown = ctl("token", "add", "ci", "--role", "operator", "--product", "p", "--expires", "90d")
    assert "ferry_" in shown.out and "not shown again" in shown.err
    row = ctl.row("token", "add", "deploy", "--role", "viewer", "-o", file)
    assert "token" not in row and file.stat().st_mode & 0o777 == 0o600
    assert Caller(own_platform, file.read_text().strip())("GET", "/products").status_code == 200
    assert {row["name"] for row in ctl.rows("token", "list")} == {"admin", "ci", "deploy"}
    assert " p " in ctl("token", "list").out
    ctl("token", "rm", "deploy")
    assert Caller(own_platform, file.read_text().strip())("GET", "/products").status_code == 401
    ctl("token", "rm", "deploy", status=REFUSED)
    ctl("token", "add", "x", status=USAGE), ctl("token", "add", "x", "--role", "viewer", "--expires", "5", status=USAGE)
    ctl("token", "add", "x", "--role", "owner", status=REFUSED)


def test_ferryctl_makes_users_with_a_password_from_standard_input(own_platform):
    ctl = Ctl(own_platform)
    ctl("user", "add", "ann", "--role", "viewer", stdin=b"the first password\n")
    assert Caller(own_platform).log_in("ann", "the first password").status_code == 200
    ctl("user", "passwd", "ann", stdin=b"the second password")
    assert Caller(own_platform).log_in("ann", "the first password").status_code == 401
    assert Caller(own_platform).log_in("ann", "the second password").status_code == 200
    assert [row["role"] for row in ctl.rows("user", "list")] == ["viewer"]
    ctl("user", "add", "bob", "--role", "viewer", stdin=b"short\n", status=REFUSED)
    ctl("user", "add", "bob", "--role", "viewer", stdin=b"", status=USAGE)
    ctl("user", "add", "bob", stdin=b"a long password\n", status=USAGE)
    ctl("user", "rm", "ann")
    assert ctl.rows("user", "list") == []
