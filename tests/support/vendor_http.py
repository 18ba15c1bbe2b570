"""HTTP as devices built on the vendor's C SDK speak it (PROTOCOL 3.2): raw sockets, one request, their head to the byte.

The one departure: the vendor dials port 80 whatever the URL says; here the URL's own port is dialled, or the one that a test
names (dial), because tests must not take port 80.
"""
import base64
import re
import socket
import time
from urllib.parse import urlsplit

CONNECT_TIMEOUT_S = 5
PUT_ANSWER_WAIT_S = 2.0   # reads the answer to a PUT until the connection closes or this time passes
BODY_GAP_S = 1.0          # a longer gap ends a download
TAIL_WAIT_S = 1.0         # waits that long for the end of the connection after a small download
CHUNK_BYTES = 5000
CHUNK_EVERY_S = 0.1
RESUME_STEP = 4999        # resumes at multiples of this
HEAD_BUFFER = 1024        # one buffer holds the whole request head
ANSWER_HEAD_MAX = 1000


class HttpAnswer:
    """What came back, and what the vendor's reader would have stumbled over (problems)."""

    def __init__(self, raw_head, body, *, closed, elapsed_s, gap_s=0.0, complete=True):
        self.head = raw_head
        self.body = body
        self.closed = closed          # the server closed the connection after its answer
        self.elapsed_s = elapsed_s    # from the last request byte to the end of reading
        self.gap_s = gap_s            # longest pause between body bytes
        self.complete = complete      # as many body bytes as announced
        lines = raw_head.decode("latin-1").split("\r\n")
        match = re.match(r"HTTP/1\.[01] (\d{3})", lines[0]) if raw_head else None
        self.status = int(match.group(1)) if match else None
        self.headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(": ")
            if colon:
                self.headers[name] = value
        self.problems = self._problems()

    def _problems(self):
        if self.status is None:
            return ["no answer"]
        found = []
        if re.search(rb"\r\nContent-Length: \d+\r\n", self.head) is None:
            found.append("no header that reads exactly 'Content-Length: N'")
        if len(self.head) >= ANSWER_HEAD_MAX:
            found.append(f"the answer's head has {len(self.head)} bytes")
        if re.search(rb"(?i)transfer-encoding", self.head):
            found.append("the answer is chunked")
        if 300 <= self.status < 400:
            found.append("a redirect")
        if re.search(rb"(?i)content-encoding", self.head):
            found.append("the answer is compressed")
        return found

    def __repr__(self):
        return f"<HttpAnswer {self.status} {len(self.body)} bytes closed={self.closed} {self.elapsed_s:.3f} s {self.problems}>"


def _connect(url, dial=None):
    parts = urlsplit(url)
    assert parts.scheme == "http", url
    assert len(parts.hostname) <= 63, "the vendor's host buffer has 63 characters"
    assert len(url) <= 860, "the vendor's request buffer cannot hold the URL"
    sock = socket.create_connection((parts.hostname, dial or parts.port or 80), CONNECT_TIMEOUT_S)
    path = parts.path + ("?" + parts.query if parts.query else "")
    return sock, path, parts.hostname


def put_head(url, md5_hex, size):
    """The head of the vendor's PUT, to the byte."""
    parts = urlsplit(url)
    path = parts.path + ("?" + parts.query if parts.query else "")
    md5_base64 = base64.b64encode(bytes.fromhex(md5_hex)).decode()
    head = (f"PUT {path} HTTP/1.1\r\nHost: {parts.hostname}\r\nContent-MD5:{md5_base64}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {size}\r\n\r\n").encode()
    assert len(head) < HEAD_BUFFER, f"the request head has {len(head)} bytes"
    return head


def get_head(url, offset, size):
    """The head of the vendor's GET: the range always ends one past the last byte."""
    parts = urlsplit(url)
    path = parts.path + ("?" + parts.query if parts.query else "")
    head = (f"GET {path} HTTP/1.1\r\nHost: {parts.hostname}\r\nAccept-Encoding: gzip, deflate\r\n"
            f"Range: bytes={offset}-{size}\r\n\r\n").encode()
    assert len(head) < HEAD_BUFFER, f"the request head has {len(head)} bytes"
    return head


def vendor_put(url, data, md5_hex, *, paced=False, stop_after=None, dial=None):
    """PUT as the vendor does. paced: 5000 bytes each 100 ms. stop_after: the device dies after that many bytes (None)."""
    sock, _, _ = _connect(url, dial)
    with sock:
        sock.sendall(put_head(url, md5_hex, len(data)))
        sent_all = _send_body(sock, data if stop_after is None else data[:stop_after], paced)
        if stop_after is not None:
            return None
        # the vendor reads whatever came, also when its sending failed
        return _read_put_answer(sock, sent_all)


def _send_body(sock, data, paced):
    for start in range(0, len(data), CHUNK_BYTES):
        try:
            sock.sendall(data[start:start + CHUNK_BYTES])
        except OSError:
            return False
        if paced:
            time.sleep(CHUNK_EVERY_S)
    return True


def _read_put_answer(sock, sent_all):
    started = time.monotonic()
    raw, closed = b"", False
    while True:
        left = PUT_ANSWER_WAIT_S - (time.monotonic() - started)
        if left <= 0:
            break
        sock.settimeout(left)
        try:
            chunk = sock.recv(4096)
        except socket.timeout:
            break
        except OSError:
            break
        if not chunk:
            closed = True
            break
        raw += chunk
    head, body = _split(raw)
    return HttpAnswer(head, body, closed=closed, elapsed_s=time.monotonic() - started, complete=sent_all)


def vendor_get(url, size, offset=0, *, paced=False, stop_after=None, wait_first_s=5.0, dial=None):
    """GET as the vendor does; reads what is announced, gives up after a gap of a second.

    paced: reads 5000 bytes each 100 ms. stop_after: hangs up after that many body bytes.
    """
    sock, _, _ = _connect(url, dial)
    with sock:
        sock.sendall(get_head(url, offset, size))
        started = time.monotonic()
        sock.settimeout(wait_first_s)
        raw = _read_head(sock)
        head, body = _split(raw)
        wanted = _announced(head)
        if wanted is None:
            return HttpAnswer(head, body, closed=True, elapsed_s=time.monotonic() - started)
        body, gap_s = _read_body(sock, body, wanted if stop_after is None else min(wanted, stop_after), paced)
        if stop_after is not None:
            return HttpAnswer(head, body, closed=False, elapsed_s=time.monotonic() - started, gap_s=gap_s,
                              complete=len(body) >= wanted)
        finished = time.monotonic()
        closed, extra = _read_to_end(sock)
        answer = HttpAnswer(head, body + extra, closed=closed, elapsed_s=time.monotonic() - finished, gap_s=gap_s,
                            complete=len(body) + len(extra) == wanted)
        if extra:
            answer.problems.append("more bytes than announced")
        return answer


def _read_head(sock):
    raw = b""
    while b"\r\n\r\n" not in raw:
        try:
            chunk = sock.recv(2048)
        except OSError:
            break
        if not chunk:
            break
        raw += chunk
    return raw


def _read_body(sock, body, wanted, paced):
    gap_s = 0.0
    sock.settimeout(BODY_GAP_S)
    while len(body) < wanted:
        before = time.monotonic()
        try:
            chunk = sock.recv(min(CHUNK_BYTES if paced else 1 << 16, wanted - len(body)))
        except OSError:
            break
        if not chunk:
            break
        gap_s = max(gap_s, time.monotonic() - before)
        body += chunk
        if paced:
            time.sleep(CHUNK_EVERY_S)
    return body, gap_s


def _read_to_end(sock):
    sock.settimeout(TAIL_WAIT_S)
    try:
        extra = sock.recv(64)
    except OSError:
        return False, b""
    return (not extra), extra


def _split(raw):
    head, end, body = raw.partition(b"\r\n\r\n")
    return (head + end, body) if end else (b"", b"")


def _announced(head):
    match = re.search(rb"\r\nContent-Length: (\d+)\r\n", head)
    return int(match.group(1)) if match else None
