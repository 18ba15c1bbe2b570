"""scripts/demo-cluster in short: workers, broker and database die, and nothing that was confirmed is lost."""
import subprocess

import pytest

import postgres
import rgw
from ferry import SOURCE_DIR, build_dir

MISSING = postgres.missing() or rgw.missing()


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
@pytest.mark.xdist_group("workers")
@pytest.mark.timeout(400)
def test_nothing_that_was_confirmed_is_lost():
    run = subprocess.run([SOURCE_DIR / "scripts/demo-cluster", build_dir(), "--devices", "40", "--workers", "3", "--pause", "2"],
                         capture_output=True, text=True, timeout=380, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "downloads confirmed 40 of 40, lost 0" in run.stdout
    assert run.stdout.rstrip().endswith("It works: what was confirmed is there.")
