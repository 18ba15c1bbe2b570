"""MQTT 5 packet by packet, for tests that need every answer of the broker, and may send what no library sends."""
import socket

CONNACK, PUBACK, SUBACK, UNSUBACK = 0x20, 0x40, 0x90, 0xb0
GRANTED, REFUSED, CLOSED = "granted", "refused", "closed"


def field(data):
    """Bytes with their length before them."""
    data = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(2, "big") + data


def packet(head, body):
    length, digits = len(body), b""
    while True:
        length, digit = divmod(length, 128)
        digits += bytes([digit | (0x80 if length else 0)])
        if not length:
            return bytes([head]) + digits + body


class RawClient:
    """Connected when .code is 0; None: the broker closed without an answer."""

    def __init__(self, port, client_id, username=None, password=None, *, tls=None, timeout_s=10, keepalive_s=60):
        self._sock = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.code = None
        try:
            if tls is not None:
                self._sock = tls.wrap_socket(self._sock, server_hostname="localhost")
            flags = 2 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
            body = field("MQTT") + b"\5" + bytes([flags]) + keepalive_s.to_bytes(2, "big") + b"\0" + field(client_id)
            for text in (username, password):
                body += field(text) if text is not None else b""
            self._sock.sendall(packet(0x10, body))
            answer = self._answer(CONNACK)
            self.code = None if answer is None else answer[1]
        except OSError: # refused by TLS
            pass
        self._number = 0

    def _read(self, count):
        data = b""
        while len(data) < count:
            more = self._sock.recv(count - len(data))
            if not more:
                raise ConnectionResetError
            data += more
        return data

    def _answer(self, wanted):
        """The body of the next packet of that kind; null when the broker closes instead."""
        try:
            while True:
                head = self._read(1)[0]
                length = shift = 0
                while True:
                    digit = self._read(1)[0]
                    length |= (digit & 127) << shift
                    shift += 7
                    if digit < 128:
                        break
                body = self._read(length)
                if head & 0xf0 == wanted:
                    return body
                if head == 0xe0: # DISCONNECT
                    return None
        except OSError:
            return None

    def _exchange(self, head, body, wanted):
        try:
            self._sock.sendall(packet(head, body))
        except OSError:
            return None
        return self._answer(wanted)

    def _next(self):
        self._number += 1
        return self._number.to_bytes(2, "big")

    def publish(self, topic, payload=b"x", retain=False):
        answer = self._exchange(0x32 | retain, field(topic) + self._next() + b"\0" + payload, PUBACK)
        if answer is None:
            return CLOSED
        return GRANTED if len(answer) == 2 or answer[2] in (0, 0x10) else REFUSED

    def _with_filter(self, head, wanted, topic, options):
        answer = self._exchange(head, self._next() + b"\0" + field(topic) + options, wanted)
        if answer is None:
            return CLOSED
        return GRANTED if answer[-1] < 0x80 else REFUSED

    def subscribe(self, topic):
        return self._with_filter(0x82, SUBACK, topic, b"\1")

    def unsubscribe(self, topic):
        return self._with_filter(0xa2, UNSUBACK, topic, b"")

    def close(self):
        self._sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
