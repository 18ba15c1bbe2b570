"""Fixtures of the library's tests, beside those of all system tests."""
import os

import pytest
from fake_platform import FakePlatform
from library import Library


@pytest.fixture
def fake():
    with FakePlatform() as platform:
        yield platform


@pytest.fixture
def make_library(tmp_path):
    """make_library(broker, option=value...): a started Library; ended and checked afterwards."""
    made = []

    def make(broker, *, start=True, **options):
        library = Library(tmp_path, broker, **options)
        made.append(library)
        if start:
            opened = library.start()
            assert opened["err"] == 0, opened
        return library

    try:
        yield make
        for library in made:
            library.stop()
    finally:
        for library in made:
            library.close()


@pytest.fixture
def library(fake, make_library):
    return make_library(fake.broker)


@pytest.fixture
def make_file(tmp_path):
    def make(size, name="a.bin"):
        path = tmp_path / name
        path.write_bytes(os.urandom(size))
        return path

    return make
