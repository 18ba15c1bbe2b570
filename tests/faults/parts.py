"""What the platform of a campaign is made of: one ferryd with its own broker and files, or several workers on a PostgreSQL, a bucket and a
Mosquitto that somebody runs by hand."""
import contextlib
import shutil

import rgw
from cluster_bus import SharedMosquitto
from ferry import PATIENCE, Platform, wait_for
from ports import free_port
from postgres import Cluster
from road import FAR, Road, missing
from shim import Faults, build_shim
from tls_injections import Certificates

LINK_S = 20 * PATIENCE


class Parts:
    """members: a (platform, shim) for each ferryd. database, gateway, broker, road, certificates: None where there is none of its own."""

    def __init__(self, stack, folder, draw, *, namespace=False, postgres=False, tls=False, workers=1, bucket=False):
        """workers: more than one have all of PostgreSQL, bucket and broker in common. The stack ends everything."""
        self._folder, self._library, self._tls, shared = folder, build_shim(folder), tls, workers > 1
        self.namespace, self.broker, self.certificates = namespace, None, None
        self.database = stack.enter_context(Cluster(durable=True)) if postgres or shared else None
        self.gateway = stack.enter_context(contextlib.closing(rgw.Gateway())) if bucket or shared else None
        self.road = stack.enter_context(Road(draw)) if namespace and not missing() else None
        self._arguments, self._keys = self._shared_arguments(), self.gateway.keys() if self.gateway else {}
        self.members = [self._member(number) for number in range(workers)]
        if shared:
            self._share(stack)
        for platform, _ in self.members:
            stack.enter_context(platform)
            platform.pin_ports()
            if shared:
                wait_for(lambda: "sharing the requests" in platform.log(), LINK_S, "a worker's link") # pylint: disable=cell-var-from-loop

    def _shared_arguments(self):
        arguments = []
        if self.database:
            self.database.create("ferry")
            arguments += ["--store", self.database.uri()]
        if self.gateway: # devices are sent to ferryd: then a file is resumed, and its URL has its task
            arguments += ["--objects", self.gateway.address("faults", urls="own")]
        return arguments

    def _member(self, number):
        folder = self._folder / f"ferryd{number}"
        folder.mkdir()
        shim = Faults(folder, self._library)
        platform = Platform(*self._arguments, *self._beside_road(), data=folder / "data", env=shim.environment() | self._keys, tls=self._tls)
        if self._tls:
            self.certificates = Certificates(folder, platform.data)
        if self.road:
            platform.devices_host = FAR
        return platform, shim

    def _beside_road(self):
        """Devices come over the road, operators do not."""
        if self.road is None:
            return ()
        port, scheme = free_port(), "https" if self._tls else "http"
        plain = () if self._tls else ("--allow-plain", "mqtt,objects")
        return ("--listen", "0.0.0.0", "--objects-port", port, "--public-url", f"{scheme}://{FAR}:{port}", *plain)

    def _share(self, stack):
        """The first ferryd makes the key, all have copies of it."""
        first = self.members[0][0]
        first.start()
        first.stop()
        self.broker = stack.enter_context(contextlib.closing(SharedMosquitto(first, store=self.database.uri())))
        for platform, _ in self.members:
            platform.args += ["--broker", self.broker.url]
            platform.devices_host, platform.devices_port = "127.0.0.1", self.broker.mqtt_port
            if platform is not first:
                platform.data.mkdir(mode=0o700)
                for name in ("secrets.key", "admin.token"):
                    shutil.copy2(first.data / name, platform.data / name)
