"""Ways for a broker to be away."""
import contextlib
import os
import signal
import socket

from ferry import VendorDevice, wait_for


def take(port):
    """A listening socket on the port, or None while it is not free."""
    other = socket.socket()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        other.bind(("127.0.0.1", port))
        other.listen()
        return other
    except OSError:
        other.close()
        return None


@contextlib.contextmanager
def broker_dead(platform):
    """The broker is dead and cannot come back, because its port is taken."""
    platform.pause()
    platform.kill9_broker()
    blocker = wait_for(lambda: take(platform.mqtt_port), 5, "the broker's port")
    platform.resume()
    try:
        yield
    finally:
        blocker.close()


@contextlib.contextmanager
def broker_silent(platform):
    """The broker keeps its connections and does nothing."""
    pid = platform.broker_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError): # it was away for so long that it was replaced
            os.kill(pid, signal.SIGCONT)


def connected(platform, credential):
    """A device that got through to the platform, not only to the broker; None when not."""
    device = VendorDevice(platform, credential)
    try:
        device.connect()
        device.create_upload_task("knock", 1, "9dd4e461268c8034f5c8564e155c67a6")
        device.wait("create_upload_task_rsp", 2)
    except (OSError, AssertionError):
        device.disconnect()
        return None
    return contextlib.closing(device)
