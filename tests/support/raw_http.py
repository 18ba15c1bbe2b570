"""A connection for what no HTTP library would send."""
import socket
import time


class RawAnswer:
    def __init__(self, status, headers, body, closed):
        self.status, self.headers, self.body, self.closed = status, headers, body, closed


class RawConnection:
    def __init__(self, port, timeout_s=10):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data)

    def send_head(self, method, target, **headers):
        """Header names are written with _ for -."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def read_answer(self, *, keep_body=True):
        """One answer with its Content-Length; of a 1xx answer, or without keep_body, only the head."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        body = b""
        if keep_body and status >= 200:
            length = int(headers.get("content-length", 0))
            while len(self._buffer) < length:
                self._more()
            body, self._buffer = self._buffer[:length], self._buffer[length:]
        return RawAnswer(status, headers, body, headers.get("connection", "").lower() == "close")

    def read_to_end(self, timeout_s):
        """Whatever comes until the server closes or the time is over."""
        end = time.monotonic() + timeout_s
        data, self._buffer = self._buffer, b""
        try:
            while (left := end - time.monotonic()) > 0:
                self._socket.settimeout(min(left, 0.5))
                try:
                    part = self._socket.recv(65536)
                except socket.timeout:
                    if data:
                        break
                    continue
                if not part:
                    break
                data += part
        except OSError:
            pass
        return data

    def _more(self):
        part = self._socket.recv(65536)
        if not part:
            raise ConnectionError(f"the server closed in its answer, after {self._buffer!r}")
        self._buffer += part
