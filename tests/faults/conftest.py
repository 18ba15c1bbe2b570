"""Fixtures of the fault tests, beside those of all system tests."""
import os
import subprocess

import pytest
from ferry import program

from shim import Faults, build_shim


@pytest.fixture(scope="session")
def shim_library(tmp_path_factory):
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def faults(tmp_path, shim_library):
    """Commands for one program: Platform(env=faults.environment())."""
    return Faults(tmp_path, shim_library)


@pytest.fixture
def small_disk(tmp_path):
    """Mounts file systems of a few megabytes: small_disk(folder, mib)."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = []

    def mount(folder, mib):
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0700", "tmpfs", str(folder)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in reversed(mounted):
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def obedient_build(tmp_path):
    """A build folder whose ferryd obeys the modes of files even when root runs it: no capability is left to it."""
    if os.geteuid() != 0:
        return None
    folder = tmp_path / "build" / "server" / "daemon"
    folder.mkdir(parents=True)
    script = folder / "ferryd"
    script.write_text(f'#!/bin/sh\nexec setpriv --bounding-set=-all {program("ferryd")} "$@"\n')
    script.chmod(0o755)
    return tmp_path / "build"
