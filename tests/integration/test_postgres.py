"""ferryd on PostgreSQL: what is found at the start, what a server that dies costs, and the move to a promoted replica."""
import pathlib
import shutil
import socket
import struct
import threading
import time

import pytest

import postgres
from ports import free_port
from ferry import PATIENCE, ApiError, VendorDevice, wait_for
from postgres import Cluster

pytestmark = [pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing()), pytest.mark.xdist_group("postgres")]


SOON_S = 30 * PATIENCE # until a ferryd has found its database again


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as cluster:
        cluster.psql("CREATE ROLE secret LOGIN PASSWORD 'swordfish'")
        yield cluster


@pytest.fixture
def database(cluster, request):
    """The name of an empty database."""
    name = "".join(c for c in request.node.name.lower() if c.isalnum())[:60]
    cluster.create(name)
    return name


def errors(platform):
    return [line.split(" error ", 1)[1] for line in platform.log().splitlines() if " error " in line]


# --- what is found at the start ----------------------------------------------------------------------------------


def silent(make_platform, uri, wanted, *args):
    """It does not start, says one line about it, and not the password."""
    platform = make_platform("--store", uri, *args, start=False)
    assert platform.start(expect_exit=True) == 1
    (line,) = errors(platform)
    assert wanted in line and line.startswith("store: cannot use the database postgresql://"), line
    assert "swordfish" not in platform.log() and "trout" not in platform.log()


def test_a_server_that_is_not_there(make_platform):
    silent(make_platform, f"postgresql://ferry:swordfish@127.0.0.1:{free_port()}/ferry", "Connection refused")


def test_a_wrong_password(make_platform, cluster, database):
    silent(make_platform, cluster.uri(database, "secret", "trout"), "password authentication failed")


def test_no_password(make_platform, cluster, database):
    silent(make_platform, cluster.uri(database, "secret"), "no password supplied")


def test_a_missing_database(make_platform, cluster):
    silent(make_platform, cluster.uri("nowhere"), 'database "nowhere" does not exist')


def test_an_encoding_that_is_not_utf8(make_platform, cluster):
    cluster.psql("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII'")
    silent(make_platform, cluster.uri("ascii"), "the database's encoding is SQL_ASCII: make one with UTF8")


def test_no_right_to_make_tables(make_platform, cluster, database):
    silent(make_platform, cluster.uri(database, "secret", "swordfish"), "permission denied")


def test_tables_of_another_program(make_platform, cluster, database):
    cluster.psql("CREATE TABLE product (price int)", database)
    silent(make_platform, cluster.uri(database), 'there are tables of another program')


def test_a_schema_from_the_future(make_platform, cluster, database):
    platform = make_platform("--store", cluster.uri(database))
    cluster.psql("UPDATE ferry_schema SET version = 99, oldest = 1", database)
    platform.restart() # the newer one lets it
    cluster.psql("UPDATE ferry_schema SET oldest = 99", database)
    silent(make_platform, cluster.uri(database), "made by a newer version of the program")


def serve_as_version_12(listener):
    """Says what a server says until it is asked something."""
    def message(kind, body):
        return kind + struct.pack("!i", len(body) + 4) + body

    client, _ = listener.accept()
    with client:
        (length,) = struct.unpack("!i", client.recv(4, socket.MSG_WAITALL))
        client.recv(length - 4, socket.MSG_WAITALL)
        client.sendall(message(b"R", bytes(4)) + message(b"S", b"server_version\x0012.9\x00") +
                       message(b"S", b"server_encoding\x00UTF8\x00") + message(b"Z", b"I"))
        client.recv(1)


def test_a_server_that_is_too_old(make_platform):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve_as_version_12, args=(listener,), daemon=True).start()
        silent(make_platform, f"postgresql://ferry:swordfish@127.0.0.1:{listener.getsockname()[1]}/ferry?sslmode=disable&"
               "gssencmode=disable&target_session_attrs=any", "the server is PostgreSQL 12.9, and 13 or later is needed")


def test_too_few_locks_for_the_batches(make_platform, cluster, database):
    silent(make_platform, cluster.uri(database), "max_locks_per_transaction is 64, too small for batches of 60000",
           "--batch-max", "60000")


def test_the_password_is_shown_nowhere(make_platform, cluster, database):
    cluster.psql(f"GRANT ALL ON SCHEMA public TO secret; GRANT CREATE ON DATABASE {database} TO secret", database)
    platform = make_platform("--store", cluster.uri(database, "secret", "swordfish"))
    shown = [platform.log(), str(platform.api.call("GET", "/settings")), str(platform.api.list("/audit")),
             pathlib.Path(f"/proc/{platform.pid}/cmdline").read_bytes().decode()]
    assert not [text for text in shown if "swordfish" in text]
    assert f"postgresql://secret@127.0.0.1:{cluster.port}/{database}" in shown[1]


# --- work --------------------------------------------------------------------------------------------------------


def test_files_go_both_ways(make_platform, cluster, database):
    platform = make_platform("--store", cluster.uri(database))
    device = platform.new_device()
    with VendorDevice(platform, device) as d:
        assert d.upload("a.txt", b"hello").verdict["result_code"] == 0
    platform.restart()
    with VendorDevice(platform, device) as d: # the plugin and ferryd have the device and its upload from there
        assert d.upload("b.txt", b"hello again").verdict["result_code"] == 0
    assert stored(platform) == {"a.txt", "b.txt"}


def uploads(platform, device, stop, acknowledged):
    """One upload after the other; what was acknowledged must be there for ever."""
    n = 0
    while not stop.is_set():
        try:
            with VendorDevice(platform, device) as d: # anew: late answers to what failed would be taken for those to the next
                while not stop.is_set():
                    n += 1
                    transfer = d.upload(f"file-{n}", b"%d" % n)
                    assert transfer.http.status == 200 and transfer.verdict["result_code"] == 0
                    acknowledged.append((time.monotonic(), f"file-{n}"))
        except Exception: # whatever the device met, it has no acknowledgement
            stop.wait(0.2)


def during_uploads(platform, what):
    """Runs what() while a device uploads; returns the names that were acknowledged, and how long none was."""
    stop, acknowledged = threading.Event(), []
    thread = threading.Thread(target=uploads, args=(platform, platform.new_device(), stop, acknowledged))
    thread.start()
    try:
        wait_for(lambda: len(acknowledged) >= 3, SOON_S, "uploads")
        what()
        began = time.monotonic()
        wait_for(lambda: acknowledged[-1][0] > began and len([t for t, _ in acknowledged if t > began]) >= 3, SOON_S,
                 "uploads go on")
    finally:
        stop.set()
        thread.join()
    outage = max(b[0] - a[0] for a, b in zip(acknowledged, acknowledged[1:]))
    return [name for _, name in acknowledged], outage


def stored(platform):
    return {upload["name"] for upload in platform.api.uploads(state="done")}


def test_connections_that_are_cut_cost_nothing_that_was_acknowledged(make_platform, cluster, database):
    platform = make_platform("--store", cluster.uri(database))

    def cut():
        for _ in range(5):
            cluster.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ferry%'", database)
            time.sleep(0.1)

    names, _ = during_uploads(platform, cut)
    assert set(names) <= stored(platform)
    platform.stop(check=False)


def test_a_server_that_is_silent_holds_nobody_for_ever(make_platform, cluster, database):
    platform = make_platform("--store", cluster.uri(database))

    def silence():
        cluster.pause()
        try:
            began = time.monotonic()
            with pytest.raises(ApiError) as refused:
                platform.api.product_add("silent")
            assert refused.value.status in (500, 503) and time.monotonic() - began < SOON_S
        finally:
            cluster.resume()

    names, _ = during_uploads(platform, silence)
    assert set(names) <= stored(platform)
    platform.stop(check=False)


def test_a_promoted_replica_is_found_and_has_all_that_was_acknowledged(make_platform):
    with Cluster({"synchronous_commit": "on"}) as primary:
        primary.create("ferry")
        with primary.replica() as replica:
            primary.psql("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.psql("SELECT pg_reload_conf()")
            wait_for(lambda: primary.psql("SELECT sync_state FROM pg_stat_replication") == "sync", SOON_S, "replication")
            platform = make_platform("--store", primary.uri("ferry", hosts=[replica]))

            def fail_over():
                primary.kill()
                replica.promote()

            names, outage = during_uploads(platform, fail_over)
            assert set(names) <= stored(platform)
            print(f"fail-over: {len(names)} uploads acknowledged, none for {outage:.1f} s at most")
            platform.stop(check=False)


def test_settings_that_differ_between_workers_are_recorded_once(make_platform, cluster, database):
    def start(worker, *args):
        worker.args[2:] = args
        worker.start()
        records = [row for row in worker.api.list("/audit") if row["action"] == "settings.change"]
        worker.stop()
        return records

    store = ("--store", cluster.uri(database))
    one, other = make_platform(*store, start=False), make_platform(*store, start=False)
    for worker in (one, other):
        worker.use_any_ports() # they are settings too
    start(one, "--url-life", "120s")
    other.data.mkdir(mode=0o700)
    shutil.copy2(one.data / "secrets.key", other.data)
    shutil.copy2(one.data / "admin.token", other.data)
    for _ in range(2):
        start(other, "--url-life", "180s")
        records = start(one, "--url-life", "120s")
    assert len(records) == 2 and len({row["object"] for row in records}) == 2
    newest = max(start(one, "--url-life", "240s"), key=lambda row: row["seq"])
    assert (newest["before"]["url-life"], newest["after"]["url-life"]) == (120, 240)
