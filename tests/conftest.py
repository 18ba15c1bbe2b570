"""Fixtures of the system tests. See support/ferry.py."""
import os

import pytest

import rgw
from ferry import Platform, VendorDevice
from secret_watch import WATCH

# Each runs in one process, and begins before all else: the last one would run on when the other processes have nothing left.
GROUPS_LONGEST_FIRST = ("network_changes", "s3", "workers", "rabbitmq", "device_killed")


def _turn(item):
    """When its turn is: by its group, then as it was collected."""
    group = item.get_closest_marker("xdist_group")
    if group is None:
        return len(GROUPS_LONGEST_FIRST) + 1
    return (*GROUPS_LONGEST_FIRST, group.args[0]).index(group.args[0])


def pytest_collection_modifyitems(items):
    items.sort(key=_turn)
    if os.environ.get("FERRY_LONG"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="only in long mode (FERRY_LONG=1)"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of the log of each platform that it used."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Platform):
                report.sections.append((f"ferryd's log ({name})", value.log_tail()))


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_anywhere_it_could_be_read():
    """Around all other fixtures: every log of every platform was looked at when it ends."""
    WATCH.start()
    yield
    found = WATCH.finish()
    assert not found, "secrets were found:\n" + "\n".join(found[:20])


@pytest.fixture(scope="session")
def platform():
    """One platform for all tests of this process. Do not stop, kill or slow it; use own_platform for that."""
    platform = Platform()
    try:
        platform.start()
        yield platform
        platform.stop()
    finally:
        platform.close()


@pytest.fixture(scope="session")
def gateway():
    """One RADOS Gateway for all tests of this process, which are in the group "s3"."""
    if rgw.missing():
        pytest.skip(rgw.missing())
    gateway = rgw.Gateway()
    WATCH.know(gateway.secret_key, "the secret key of the store")
    yield gateway
    gateway.close()


@pytest.fixture
def make_platform():
    """make_platform("--flag", "value", …): a started platform for this test alone, checked and removed at its end."""
    made = []

    def make(*args, start=True, **options):
        platform = Platform(*args, **options)
        made.append(platform)
        if start:
            platform.start()
        return platform

    yield make
    try:
        for platform in made:
            platform.stop()
    finally:
        for platform in made:
            platform.close()


@pytest.fixture
def own_platform(make_platform):
    """A platform that the test may stop, kill and damage."""
    return make_platform()


@pytest.fixture
def product(platform):
    """A fresh product on the shared platform."""
    return platform.new_product()


@pytest.fixture
def make_device(platform, product):
    """make_device(): a fresh connected VendorDevice of `product` on the shared platform; closed and checked at the end."""
    made = []

    def make(name=None, *, connect=True, **options):
        device = VendorDevice(platform, platform.new_device(product, name), **options)
        made.append(device)
        if connect:
            device.connect()
        return device

    yield make
    for device in made:
        device.disconnect()
    for device in made:
        device.check()


@pytest.fixture
def device(make_device):
    """A fresh connected VendorDevice on the shared platform."""
    return make_device()
