"""The least of a broker with the shared subscriptions of MQTT 5, as EMQX, HiveMQ and VerneMQ have them: no broker of Debian's delivers topics
with $ on them. Nobody is refused, nothing is kept, QoS 2 is unknown."""
import itertools
import socket
import socketserver
import threading

from raw_mqtt import field, packet

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 0x10, 0x30, 0x40, 0x80, 0xa0, 0xc0, 0xe0
V5 = 5
SHARED_SUBSCRIPTION_AVAILABLE, SESSION_EXPIRY = 0x2a, 0x11
NOT_AUTHORISED, UNSUPPORTED_PROTOCOL = 0x87, 0x84


def matches(pattern, topic):
    levels, parts = pattern.split("/"), topic.split("/")
    return len(levels) == len(parts) and all(level in ("+", part) for level, part in zip(levels, parts))


class Connection(socketserver.StreamRequestHandler):
    """One client. .filters: what it has subscribed to; with $share/GROUP/ before it."""

    def setup(self):
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.filters, self.version, self._lock, self._numbers = [], 4, threading.Lock(), itertools.count(1)

    def handle(self):
        try:
            while True:
                head, body = self._read_packet()
                if head & 0xf0 == DISCONNECT or not self._take(head, body):
                    return
        except OSError:
            pass
        finally:
            self.server.broker.forget(self)

    def _read(self, count):
        data = self.rfile.read(count)
        if len(data) < count:
            raise ConnectionResetError
        return data

    def _read_packet(self):
        head, length, shift = self._read(1)[0], 0, 0
        while True:
            digit = self._read(1)[0]
            length |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return head, self._read(length)

    def _send(self, head, body):
        with self._lock:
            self.request.sendall(packet(head, body))

    @property
    def _none(self):
        """Properties: none."""
        return b"\0" if self.version == V5 else b""

    def _take(self, head, body):
        kind = head & 0xf0
        if kind == CONNECT:
            return self._connect(body)
        if kind == PUBLISH:
            self._publish(head, body)
        elif kind in (SUBSCRIBE, UNSUBSCRIBE):
            self._subscribe(kind, body)
        elif kind == PINGREQ:
            self._send(0xd0, b"")
        return True

    def _connect(self, body):
        self.version = body[6]
        broker = self.server.broker
        if self.version == V5 and not broker.speaks_v5:
            self._send(0x20, b"\0\1") # as one of 3.1.1 says it
            return False
        properties = b"" if broker.shares is None else bytes([SHARED_SUBSCRIPTION_AVAILABLE, broker.shares])
        self._send(0x20, b"\0\0" + (bytes([len(properties)]) + properties if self.version == V5 else b""))
        broker.connected.append((body, self))
        return True

    def _publish(self, head, body):
        qos, end = head >> 1 & 3, 2 + int.from_bytes(body[:2], "big")
        topic, rest = body[2:end].decode(), body[end:]
        if qos:
            self._send(PUBACK, rest[:2])
            rest = rest[2:]
        if self.version == V5:
            rest = rest[1 + rest[0]:]
        self.server.broker.route(topic, rest, qos)

    def deliver(self, topic, payload, qos):
        number = (next(self._numbers) % 65535 + 1).to_bytes(2, "big") if qos else b""
        self._send(PUBLISH | qos << 1, field(topic) + number + self._none + payload)

    def _subscribe(self, kind, body):
        number, rest, codes = body[:2], body[2:], b""
        if self.version == V5:
            rest = rest[1 + rest[0]:]
        while rest:
            end = 2 + int.from_bytes(rest[:2], "big")
            name = rest[2:end].decode()
            rest = rest[end + (kind == SUBSCRIBE):]
            refused = any(name.startswith(start) for start in self.server.broker.refused)
            codes += bytes([NOT_AUTHORISED if refused else 1 if kind == SUBSCRIBE else 0])
            if kind == UNSUBSCRIBE:
                self.filters = [other for other in self.filters if other != name]
            elif not refused:
                self.filters.append(name)
        self._send(kind + 0x10, number + self._none + codes)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True


class Mqtt5Broker:
    """shares: what CONNACK says of shared subscriptions, None: nothing. refused: what filters that are not granted begin with.
    silent: what it grants and never delivers."""

    def __init__(self, *, shares=None, speaks_v5=True, refused=(), silent=()):
        self.shares, self.speaks_v5, self.refused, self.silent = shares, speaks_v5, refused, silent
        self.connected, self._turn, self._lock = [], itertools.count(), threading.Lock()
        self._server = _Server(("127.0.0.1", 0), Connection)
        self._server.broker = self
        self.mqtt_port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def url(self):
        return f"mqtt://ferryd:secret@127.0.0.1:{self.mqtt_port}"

    def route(self, topic, payload, qos):
        groups = {}
        with self._lock:
            turn, clients = next(self._turn), [client for _, client in self.connected]
        for client in clients:
            for name in client.filters:
                group, _, pattern = name.removeprefix("$share/").partition("/") if name.startswith("$share/") else ("", "", name)
                if matches(pattern, topic) and not (group and topic.startswith(tuple(self.silent))):
                    groups.setdefault(group or client, []).append(client)
        for members in groups.values():
            try:
                members[turn % len(members)].deliver(topic, payload, min(qos, 1))
            except OSError:
                pass

    def forget(self, client):
        with self._lock:
            self.connected = [(body, other) for body, other in self.connected if other is not client]

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
