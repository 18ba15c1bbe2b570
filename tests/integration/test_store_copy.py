"""ferryctl store copy: from one machine's SQLite file into PostgreSQL."""
import os
import re
import shutil

import pytest

import postgres
from ferry import VendorDevice, program, run
from postgres import Cluster

pytestmark = [pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing()), pytest.mark.xdist_group("postgres")]

COPY_S = 120


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as cluster:
        cluster.psql("CREATE ROLE secret LOGIN PASSWORD 'swordfish'")
        yield cluster


@pytest.fixture
def database(cluster, request):
    name = "".join(c for c in request.node.name.lower() if c.isalnum())[:60]
    cluster.create(name)
    return name


def copy(*args, **options):
    """By ferryctl, which needs neither address nor token for it."""
    return run(program("ferryctl"), "store", "copy", *map(str, args), timeout=COPY_S, **options)


def test_a_platform_goes_on_over_there(make_platform, cluster, database):
    platform = make_platform()
    device = platform.new_device()
    with VendorDevice(platform, device) as d:
        assert d.upload("before.txt", b"hello").verdict["result_code"] == 0
    before = platform.api.uploads()
    platform.stop()
    done = copy("--data", platform.data, "--to", cluster.uri(database))
    assert done.returncode == 0, done.stderr
    assert re.search(r"^upload +1  [0-9a-f]{16}$", done.stdout, re.M) and "each read back and the same" in done.stdout
    over = make_platform("--store", cluster.uri(database), data=platform.data)
    assert over.api.uploads() == before # the same token, too
    with VendorDevice(over, device) as d: # and the device's secret
        assert d.upload("after.txt", b"hello again").verdict["result_code"] == 0
    assert {upload["name"] for upload in over.api.uploads(state="done")} == {"before.txt", "after.txt"}
    over.stop()


def test_not_while_it_runs(make_platform, cluster, database):
    platform = make_platform()
    done = copy("--data", platform.data, "--to", cluster.uri(database))
    assert done.returncode == 1 and not done.stdout
    assert str(platform.data) in done.stderr and len(done.stderr.splitlines()) == 1
    assert cluster.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database) == "0"


def test_what_is_wrong_is_one_line_without_the_password(make_platform, cluster, database, tmp_path):
    missing = copy("--from", tmp_path / "no.db", "--to", cluster.uri(database))
    assert missing.returncode == 1 and "no.db" in missing.stderr
    nowhere = copy("--data", tmp_path)
    assert nowhere.returncode == 2 and "--to" in nowhere.stderr
    platform = make_platform()
    platform.stop()
    refused = copy("--data", platform.data, "--to", cluster.uri(database, "secret", "trout"))
    assert refused.returncode == 1 and "password authentication failed" in refused.stderr
    assert "trout" not in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert copy("--data", platform.data, env={"FERRY_STORE_TO": cluster.uri(database)}).returncode == 0
    again = run(program("ferryd"), "store", "copy", "--data", platform.data, "--to", cluster.uri(database))
    assert again.returncode == 1 and "not empty" in again.stderr


def test_ferryctl_hands_over_to_the_ferryd_that_it_finds(tmp_path):
    """Beside itself, whatever PATH says; else in PATH; else it says what is missing."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "path").mkdir()
    shutil.copy(program("ferryctl"), tmp_path / "bin")
    ferryctl, beside, in_path = tmp_path / "bin/ferryctl", tmp_path / "bin/ferryd", tmp_path / "path/ferryd"
    args = ("store", "copy", "--to", "postgresql://u:trout@h/d", "--from=a b", "--data", "--config")
    environment = {"PATH": f"{tmp_path}/path:{os.environ['PATH']}"}

    nobody = run(ferryctl, *args, env=environment)
    assert nobody.returncode == 1 and "no ferryd on this machine" in nobody.stderr and len(nobody.stderr.splitlines()) == 1
    for found in (in_path, beside):
        found.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@" "$FERRY_STORE_TO"\nexit 7\n')
        found.chmod(0o755)
        done = run(ferryctl, *args, env=environment)
        assert done.stdout.splitlines() == [str(found), "store", "copy", "--data=--config", "--from=a b", "postgresql://u:trout@h/d"]
        assert done.returncode == 7
    assert run(ferryctl, "--json", *args, env=environment).returncode == 2
    assert run(ferryctl, "store", "copy", "--name", "x", env=environment).returncode == 2
