"""Ports of loopback for programs that may be down for a while and come back: none of those that the kernel gives to whoever connects or
asks for any, so that nobody takes one meanwhile. Each process of pytest-xdist has a range of its own."""
import itertools
import os
import socket

FIRST, EACH, RANGES = 10000, 2700, 8 # below 32768, where the kernel's begin


def _range():
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    first = FIRST + EACH * (int(worker.removeprefix("gw")) % RANGES)
    return itertools.cycle(range(first, first + EACH))


_ports = itertools.islice(_range(), os.getpid() * 7 % EACH, None) # beside another run of the tests


def _is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port():
    return next(port for port in itertools.islice(_ports, EACH) if _is_free(port))
