"""Memory that is not to be had, once: every program goes on, or ends and says why."""
import random

import pytest
from ferry import SANITIZED

from allocations import Allocations, run_tool
from shim import build_shim

pytestmark = pytest.mark.skipif(SANITIZED, reason="a sanitizer has its own malloc")
LAST, STEP = 48, 12  # of an upload: libcurl looks up, connects, sends


@pytest.mark.timeout(300)
def test_an_upload_outlives_each_allocation_that_fails_while_it_sends(platform, tmp_path):
    runs = Allocations(tmp_path, platform, random.Random(0))
    whole = runs.upload(0)
    assert whole.status == 0, whole.said
    for nth in range(whole.count - LAST, whole.count, STEP):
        outcome = runs.upload(nth)
        assert outcome.fault("ferry") is None and not outcome.library("ferry")
        assert outcome.status == 0, f"{nth}: {outcome.status}: {outcome.said}"


def test_a_command_line_that_cannot_be_read_for_want_of_memory_is_told(platform, tmp_path):
    outcome = Allocations(tmp_path, platform, random.Random(0)).upload(1)
    assert outcome.status == 1 and "out of memory" in outcome.said


def test_ferryd_does_not_go_on_without_its_options(tmp_path):
    shim = build_shim(tmp_path, "alloc_shim")
    outcomes = [run_tool(shim, tmp_path, nth, "ferryd", "--nonsense") for nth in range(1, 60)]
    assert all(outcome.fault("ferryd") is None for outcome in outcomes)
    assert {outcome.status for outcome in outcomes} == {1, 2} # no memory; no such option
