"""Between a worker and a RabbitMQ: keeps back what the broker confirms, and counts what the worker acknowledges.

    proxy = AmqpProxy(node.amqp_port)      # a worker connects to proxy.port
    proxy.held, proxy.settled              # confirms that wait here; acknowledgements that went by
    proxy.release()                        # from now on they go by
    proxy.cut()                            # for good
"""
import socket
import struct
import threading

METHOD_FRAME, BASIC_ACK = 1, struct.pack(">HH", 60, 80)  # AMQP 0-9-1: 2.3.5 and the method's class and number
HEADER, GREETING = 7, 8                                  # type, channel, size; "AMQP" and the version


class AmqpProxy:
    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.settled, self._held, self._holding = 0, [], True
        self._lock, self._sockets, self._threads = threading.Lock(), [], []
        self._start(self._accept)

    @property
    def held(self):
        return len(self._held)

    def _start(self, work, *args):
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self):
        while True:
            try:
                worker = self._listener.accept()[0]
                broker = socket.create_connection(self._target)
            except OSError:
                return  # cut
            self._sockets += [worker, broker]
            self._start(self._pass_on, worker, broker, self._count, GREETING)
            self._start(self._pass_on, broker, worker, self._keep_back, 0)

    def _count(self, frame, to):
        self.settled += frame[0] == METHOD_FRAME and frame[HEADER:HEADER + 4] == BASIC_ACK
        to.sendall(frame)

    def _keep_back(self, frame, to):
        with self._lock:
            if self._holding and frame[0] == METHOD_FRAME and frame[HEADER:HEADER + 4] == BASIC_ACK:
                self._held.append((frame, to))
            else:
                to.sendall(frame)

    @staticmethod
    def _pass_on(source, to, take, greeting):
        with source, to:
            try:
                to.sendall(_read(source, greeting))
                while True:
                    header = _read(source, HEADER)
                    take(header + _read(source, struct.unpack(">I", header[3:])[0] + 1), to)
            except OSError:
                return

    def release(self):
        with self._lock:
            self._holding = False
            for frame, to in self._held:
                to.sendall(frame)
            self._held = []

    def cut(self):
        for sock in (self._listener, *self._sockets):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended already

    def close(self):
        self.cut()
        for thread in self._threads:
            thread.join()
        self._listener.close()


def _read(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise OSError("the other end has closed")
        data += more
    return data
