"""Faults under load, in short: what `make faults` does for an hour, with a seed of its own each time."""
import json
import os
import subprocess
import sys

import postgres
import pytest
import rgw
from ferry import SANITIZED, SOURCE_DIR, build_dir

SECONDS = 600 if os.environ.get("FERRY_LONG") else 25 if SANITIZED else 35


def campaign(folder, *form):
    """Its report."""
    done = subprocess.run([sys.executable, SOURCE_DIR / "scripts" / "faults", build_dir(), "--short", "--seconds", str(SECONDS),
                           "--output", folder, *form], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    print(done.stdout[:200])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return json.loads((folder / "report.json").read_text())


@pytest.mark.timeout(SECONDS * 3 + 300)
def test_no_fault_under_load_loses_what_was_acknowledged(tmp_path):
    campaign(tmp_path)


@pytest.mark.timeout(SECONDS * 3 + 300)
@pytest.mark.parametrize("kind, form", [("TLS", ["--tls", "--only", "TLS"]), ("network", ["--only", "packet"]),
                                        ("restart", ["--only", "broker, ferryd"]), ("names", ["--only", "names"])])
def test_nor_does_one_of_these(tmp_path, kind, form):
    report = campaign(tmp_path, *form)
    if kind not in report["kinds"]:
        pytest.skip("; ".join(report["skipped"]))


@pytest.mark.timeout(SECONDS * 3 + 300)
@pytest.mark.xdist_group("s3")
@pytest.mark.skipif(bool(rgw.missing() or postgres.missing()), reason=rgw.missing() or postgres.missing())
@pytest.mark.parametrize("kind, form", [("bucket", ["--bucket", "--only", "bucket"]), ("process", ["--workers", "3", "--only", "kill -9"])])
def test_nor_on_many_machines(tmp_path, kind, form):
    assert campaign(tmp_path, *form)["kinds"][kind]["injected"] >= 1
