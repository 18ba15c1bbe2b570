"""Faults under load, in short: what `make faults` does for an hour, with a seed of its own each time."""
import os
import subprocess
import sys

import pytest
from ferry import SANITIZED, SOURCE_DIR, build_dir

SECONDS = 600 if os.environ.get("FERRY_LONG") else 25 if SANITIZED else 35


@pytest.mark.timeout(SECONDS * 3 + 300)
def test_no_fault_under_load_loses_what_was_acknowledged(tmp_path):
    done = subprocess.run([sys.executable, SOURCE_DIR / "scripts" / "faults", build_dir(), "--short", "--seconds", str(SECONDS),
                           "--output", tmp_path], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    print(done.stdout[:200])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
