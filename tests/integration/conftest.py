"""Fixtures of the integration tests, beside those of all system tests."""
import pytest

from described_api import Client


@pytest.fixture
def api(platform):
    """The operator API, by the admin's token."""
    return Client(platform, platform.token)
