"""A network that misbehaves on demand: a proxy in each connection of one device.

    with DeviceNetwork(platform) as network:              # broker and object store, seen through proxies
        network.http.plan = first(1, Cut("down", 100_000))
        device = Command.of(tmp_path, platform, platform.new_device(), network.broker)
        device.download()
        assert network.http.hits                          # the fault came about

A plan says for each connection, by its number, which faults it has. Directions are the device's: "up" is what it
sends. Bytes are counted in the bodies of HTTP (heads pass), or in the packets of MQTT.
"""
import collections
import dataclasses
import re
import socket
import struct
import threading
import time

CHUNK = 1 << 16
PUBLISH = 3


class _Over(Exception):
    """The connection ends here."""


# --- faults -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Refuse:
    """Accepts the connection and closes it at once."""
    direction = None


@dataclasses.dataclass(frozen=True)
class Delay:
    """Each piece comes later."""
    direction: str
    seconds: float

    def apply(self, stream, _kind, data):
        stream.hit(self)
        time.sleep(self.seconds)
        return data


@dataclasses.dataclass(frozen=True)
class Rate:
    direction: str
    bytes_per_s: int

    def apply(self, stream, _kind, data):
        stream.hit(self)
        time.sleep(len(data) / self.bytes_per_s)
        return data


@dataclasses.dataclass(frozen=True)
class Cut:
    """Closes both sides after so many bytes. of: "body"; "all" counts heads as well; "answers" counts answers of HTTP."""
    direction: str
    after: int
    of: str = "body"
    reset: bool = False

    def apply(self, stream, kind, data):
        room = stream.room(self, kind, data)
        if room is None:
            return data
        stream.hit(self)
        stream.send(data[:room])
        if self.reset:
            stream.connection.reset()
        raise _Over


@dataclasses.dataclass(frozen=True)
class HalfClose:
    """After so many bytes this direction ends; the other one goes on."""
    direction: str
    after: int
    of: str = "body"

    def apply(self, stream, kind, data):
        room = stream.room(self, kind, data)
        if room is None:
            return data
        if stream.hit(self):
            stream.send(data[:room])
            stream.end()
        return b""


@dataclasses.dataclass(frozen=True)
class BlackHole:
    """After so many bytes this direction swallows everything, and the connection stays."""
    direction: str
    after: int = 0
    of: str = "all"

    def apply(self, stream, kind, data):
        room = stream.room(self, kind, data)
        if room is None:
            return data
        return data[:room] if stream.hit(self) else b""


@dataclasses.dataclass(frozen=True)
class Corrupt:
    """One byte is another one."""
    direction: str
    at: int
    of: str = "body"

    def apply(self, stream, kind, data):
        room = stream.room(self, kind, data[:-1])
        if room is None or not data or not stream.hit(self):
            return data
        return data[:room] + bytes([data[room] ^ 0x40]) + data[room + 1:]


@dataclasses.dataclass(frozen=True)
class Repeat:
    """MQTT: each message comes twice. HTTP: each request reaches the store a second time, on a connection of its own."""
    direction: str

    def apply(self, stream, kind, data):
        if kind == "packet" and data[0] >> 4 == PUBLISH:
            stream.hit(self)
            return data + data
        if kind == "answer":
            stream.hit(self)
            stream.connection.ask_again()
        return data


@dataclasses.dataclass(frozen=True)
class Drop:
    """
    MQTT: messages that contain the text are lost, the first or all of them. after: only when the device has said
    this. then: called at the first one.
    """
    direction: str
    text: bytes
    all: bool = False
    after: bytes = b""
    then: object = None

    def apply(self, stream, kind, data):
        if kind != "packet" or data[0] >> 4 != PUBLISH or self.text not in data:
            return data
        if self.after not in stream.connection.said:
            return data
        is_first = stream.hit(self)
        if is_first and self.then:
            self.then()
        return b"" if is_first or self.all else data


def first(count, *faults):
    """A plan: the first so many connections have the faults, later ones are good."""
    return lambda number: faults if number < count else ()


def always(*faults):
    return lambda number: faults


# --- what travels -------------------------------------------------------------------------------------


class _MqttFramer:
    """Cuts a stream into packets."""

    def __init__(self):
        self._buffer = b""

    def feed(self, data):
        self._buffer += data
        while (length := self._packet_length()) and length <= len(self._buffer):
            packet, self._buffer = self._buffer[:length], self._buffer[length:]
            yield "packet", packet

    def _packet_length(self):
        length, shift = 0, 0
        for at, byte in enumerate(self._buffer[1:5], 2):
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return at + length
        return None


class _HttpFramer:
    """Cuts a stream into heads and bodies. methods: of the requests that wait for their answer."""

    def __init__(self, methods, direction):
        self._methods, self._direction = methods, direction
        self._head, self._left, self._chunked = b"", 0, False

    def feed(self, data):
        while data:
            if self._left:
                part, data = data[:self._left], data[self._left:]
                self._left -= len(part)
                yield "body", part
                continue
            self._head += data
            head, mark, data = self._head.partition(b"\r\n" if self._chunked else b"\r\n\r\n")
            if not mark:
                return
            self._head = b""
            yield self._begin_chunk(head) if self._chunked else self._begin(head), head + mark

    def _begin_chunk(self, size):
        self._left = int(size.split(b";")[0], 16) + len(b"\r\n")
        self._chunked = self._left > len(b"\r\n")
        return "body"

    def _begin(self, head):
        found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
        length = int(found[1]) if found else 0
        if self._direction == "up":
            self._methods.append(head.split(b" ", 1)[0])
            self._left = length
            return "request"
        status = int(head.split(b" ", 2)[1])
        if status < 200:
            return "interim"
        if self._methods.popleft() != b"HEAD":
            self._left = length
            self._chunked = bool(re.search(rb"\r\ntransfer-encoding: *chunked", head, re.I))
        return "answer"


class _Stream(threading.Thread):
    """One direction of a connection."""

    def __init__(self, connection, source, sink, direction, framer):
        super().__init__(daemon=True)
        self.connection, self._source, self._sink, self._framer = connection, source, sink, framer
        self.direction = direction
        self._faults = [fault for fault in connection.faults if fault.direction == direction]
        self._passed = {"all": 0, "body": 0, "answers": 0}

    def run(self):
        try:
            while data := self._source.recv(CHUNK):
                for kind, piece in self._framer.feed(data):
                    self._pass_on(kind, piece)
            self.end()
        except (OSError, _Over):
            self.connection.close()

    def _pass_on(self, kind, piece):
        piece = self.connection.altered(self.direction, kind, piece)
        size = len(piece)
        for fault in self._faults:
            piece = fault.apply(self, kind, piece)
        self._passed["all"] += size
        self._passed["answers"] += kind == "answer"
        if kind in ("body", "packet"):
            self._passed["body"] += size
            self.connection.proxy.count(self.direction, len(piece))
        self.send(piece)

    def room(self, fault, kind, data):
        """How much of data comes before the fault's place; None when it comes later, or does not count."""
        if fault.of == "answers":
            return 0 if kind == "answer" and self._passed["answers"] == fault.after else None
        if fault.of == "body" and kind not in ("body", "packet"):
            return None
        place = fault.at if isinstance(fault, Corrupt) else fault.after
        before = self._passed[fault.of]
        return max(0, place - before) if place <= before + len(data) else None

    def hit(self, fault):
        """Notes that the fault came about; True the first time on this connection."""
        return self.connection.hit(fault)

    def send(self, data):
        if data:
            self._sink.sendall(data)

    def end(self):
        self._sink.shutdown(socket.SHUT_WR)


class _Connection:
    def __init__(self, proxy, device, faults):
        self.proxy, self.faults, self._device = proxy, faults, device
        self._hits = set()
        self._request, self._reset = b"", False
        self.said = b""                                     # the device, in MQTT
        self._target = proxy.dial()
        up, down = proxy.framers()
        for sock in (device, self._target):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._streams = [_Stream(self, device, self._target, "up", up), _Stream(self, self._target, device, "down", down)]
        for stream in self._streams:
            stream.start()

    def hit(self, fault):
        with self.proxy.lock:
            again = fault in self._hits
            self._hits.add(fault)
            if not again:
                self.proxy.hits.append(fault)
            return not again

    def altered(self, direction, kind, piece):
        if kind == "packet" and direction == "up":
            self.said += piece
        if kind == "request":
            self._request = piece
            self.proxy.note_request(piece)
        elif kind == "body" and direction == "up" and any(isinstance(fault, Repeat) for fault in self.faults):
            self._request += piece
        return self.proxy.alter(direction, piece)

    def ask_again(self):
        """The last request once more, as a box between might do it; nobody hears the answer."""
        with self.proxy.dial() as sock:
            sock.sendall(self._request)
            sock.settimeout(2)
            try:
                while not re.search(rb"HTTP/1.1 [2-5]", sock.recv(CHUNK)):
                    pass
            except OSError:
                pass

    def reset(self):
        """Both ends will see RST in place of FIN."""
        self._reset = True
        for sock in (self._device, self._target):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self):
        for sock in (self._device, self._target):
            try:
                sock.shutdown(socket.SHUT_RD if self._reset else socket.SHUT_RDWR)  # wakes who waits for it
            except OSError:
                pass
            sock.close()


class _Proxy:
    """Listens on a port of its own and dials target_port. .hits: the faults that came about, in order."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.plan = always()
        self.hits = []
        self.times = []                                     # when each connection came
        self.passed = collections.Counter()                 # bytes of bodies or packets, by direction
        self.lock = threading.Lock()
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def connections(self):
        return len(self.times)

    def dial(self):
        return socket.create_connection(("127.0.0.1", self.target_port), timeout=None)

    def count(self, direction, size):
        with self.lock:
            self.passed[direction] += size

    def alter(self, _direction, piece):
        return piece

    def _accept(self):
        while True:
            try:
                device, _ = self._listener.accept()
            except OSError:
                return
            faults = self.plan(len(self.times))
            self.times.append(time.monotonic())
            try:
                if any(isinstance(fault, Refuse) for fault in faults):
                    self.hits.append(Refuse())
                    device.close()
                else:
                    self._open.append(_Connection(self, device, faults))
            except OSError:
                device.close()                              # nobody listens there at the moment

    def drop_all(self):
        """Every connection breaks off now."""
        while self._open:
            self._open.pop().close()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_all()


class HttpProxy(_Proxy):
    """.requests: method, path and headers (names in lower case) of each."""

    def __init__(self, target_port):
        super().__init__(target_port)
        self.requests = []

    def note_request(self, head):
        line, *fields = head.decode("latin-1").rstrip().split("\r\n")
        method, path, _ = line.split(" ")
        self.requests.append((method, path, {name.lower(): value.strip() for name, _, value in
                                             (field.partition(":") for field in fields)}))

    @staticmethod
    def framers():
        methods = collections.deque()
        return _HttpFramer(methods, "up"), _HttpFramer(methods, "down")


class MqttProxy(_Proxy):
    """objects: (port of the store, port of its proxy); the URLs in answers are changed from one to the other."""

    def __init__(self, target_port, objects=None):
        super().__init__(target_port)
        self._from, self._to = (b":%d/o/" % port for port in objects) if objects else (b"", b"")
        assert len(self._from) == len(self._to), "a packet must keep its length"

    @staticmethod
    def framers():
        return _MqttFramer(), _MqttFramer()

    def alter(self, direction, piece):
        return piece.replace(self._from, self._to) if direction == "down" and self._from else piece


class DeviceNetwork:
    """What one device sees of a platform."""

    def __init__(self, platform):
        store = platform.http_port if hasattr(platform, "http_port") else platform.objects_port
        self.http = HttpProxy(store)
        self.mqtt = MqttProxy(platform.mqtt_port, (store, self.http.port))

    @property
    def broker(self):
        return f"mqtt://127.0.0.1:{self.mqtt.port}"

    def __str__(self):
        asked = [method + " " + headers.get("range", headers.get("upload-offset", ""))
                 for method, _, headers in self.http.requests]
        return (f"HTTP: {self.http.connections} connections, faults {self.http.hits}, requests {asked}; "
                f"MQTT: {self.mqtt.connections} connections, faults {self.mqtt.hits}")

    def close(self):
        self.mqtt.close()
        self.http.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
