"""HTTP from an address of one's own: all of 127.0.0.0/8 is this machine."""
import contextlib

import requests
from requests.adapters import HTTPAdapter

from ferry import PATIENCE


class _From(HTTPAdapter):
    def __init__(self, address):
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args, **options):
        super().init_poolmanager(*args, source_address=(self._address, 0), **options)


@contextlib.contextmanager
def session_from(address):
    with requests.Session() as session:
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, _From(address))
        yield session


def http_from(address, method, url, **options):
    with session_from(address) as session:
        return session.request(method, url, timeout=60 * PATIENCE, **options)
