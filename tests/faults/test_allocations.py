"""Memory that is not to be had, once: every program goes on, or ends and says why."""
import random

import pytest
from ferry import SANITIZED

from allocations import Allocations

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
