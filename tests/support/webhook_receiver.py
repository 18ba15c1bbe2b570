"""A receiver of webhooks that does what a test tells it, right and wrong."""
import http.server
import json
import socket
import ssl
import threading

from ferry import wait_for


class Received:
    def __init__(self, headers, body, path):
        self.headers, self.body, self.path = headers, body, path
        self.event = json.loads(body)
        self.id = int(headers["Ferry-Event-Id"])


class Receiver:
    """.answer: a status, or a function of (handler, received) that gives one, or None when it has answered itself."""

    def __init__(self, certificate=None):
        self.answer = 200
        self.headers = {}  # of each answer
        self.requests, self.taken = [], []  # all; those that were answered with 2xx
        self.released = threading.Event()   # of those that hang
        self.port = 0
        self._certificate = certificate
        self._server = None
        self._open = set()
        self.start()

    def start(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                receiver._open.add(self.connection)

            def finish(self):
                receiver._open.discard(self.connection)
                super().finish()

            def do_POST(self):
                received = Received(self.headers, self.rfile.read(int(self.headers["Content-Length"])), self.path)
                receiver.requests.append(received)
                answer = receiver.answer
                status = answer(self, received) if callable(answer) else answer
                if status is None:
                    self.close_connection = True
                    return
                if 200 <= status < 300:
                    receiver.taken.append(received)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        """The port is closed, and so are its connections."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hang(self, _handler, _received):
        """An answer that does not come before the test says so."""
        self.released.wait(60)

    @property
    def url(self):
        return f"{'https' if self._certificate else 'http'}://127.0.0.1:{self.port}/hook?key=1"

    def events(self):
        """What was taken, in order, each once."""
        seen = {}
        for received in list(self.taken):
            seen.setdefault(received.id, received.event)
        return list(seen.values())

    def changes(self):
        return [(e["type"].partition(".")[0], e.get("before"), e.get("state")) for e in self.events()]

    def wait(self, count, timeout_s=20):
        wait_for(lambda: len(self.events()) >= count, timeout_s, f"{count} events at the receiver")

    def wait_requests(self, count, timeout_s=20):
        wait_for(lambda: len(self.requests) >= count, timeout_s, f"{count} requests at the receiver")

    def assert_in_order(self):
        """Ids never go back, but for what came twice."""
        ids = [received.id for received in self.taken]
        firsts = list(dict.fromkeys(ids))
        assert firsts == sorted(firsts)
