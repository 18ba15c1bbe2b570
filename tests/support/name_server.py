"""A name server for programs of one test, and the command that has a program ask it and nobody else.

    with NameServer() as names:
        names.known["hooks.test"] = "127.0.0.1"     # or UNKNOWN (as all others), BROKEN, SILENT
        subprocess.Popen([*names.asked_by(folder), program, ...])

Only root may run it: it stands on port 53 of a loopback address of its own, and the program gets another /etc/resolv.conf by a mount.
"""
import contextlib
import os
import socket
import struct
import subprocess
import threading

UNKNOWN, BROKEN, SILENT = "there is no such name", "SERVFAIL", "no answer"
NXDOMAIN, SERVFAIL = 3, 2
TYPE_A, CLASS_IN = 1, 1
ANSWER, TTL_S = 0x8180, 1
RESOLV_CONF = "nameserver {}\n"  # all else as it is everywhere: two attempts of five seconds


def missing():
    """Why it cannot be run here; empty when it can."""
    if os.geteuid() != 0:
        return "only root may answer for names and mount"
    done = subprocess.run(["unshare", "--mount", "mount", "--bind", "/etc/resolv.conf", "/etc/resolv.conf"], capture_output=True)
    return "" if done.returncode == 0 else "this machine lets nobody mount"


class NameServer:
    def __init__(self):
        self.known, self.asked = {}, []
        self.address = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.address, 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def asked_by(self, folder):
        """What to write before a command, so that it asks here."""
        path = folder / "resolv.conf"
        path.write_text(RESOLV_CONF.format(self.address))
        return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(path)]

    def build(self, folder, program):
        """A build folder whose ferryd asks here: for Platform(build=...). program: the real one."""
        (folder / "server" / "daemon").mkdir(parents=True)
        script = folder / "server" / "daemon" / "ferryd"
        before = " ".join(f"'{word}'" for word in self.asked_by(folder))
        script.write_text(f'#!/bin/sh\nexec {before} {program} "$@"\n')
        script.chmod(0o755)
        return folder

    def _serve(self):
        with contextlib.suppress(OSError): # closed
            while True:
                question, asker = self._socket.recvfrom(4096)
                if not question:
                    return
                answer = self._answer(question)
                if answer:
                    self._socket.sendto(answer, asker)

    def _answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        name, asked_for = ".".join(labels).lower(), question[at + 1:at + 5]
        self.asked.append(name)
        known = self.known.get(name, UNKNOWN)
        if known == SILENT:
            return None
        if known in (UNKNOWN, BROKEN):
            code = NXDOMAIN if known == UNKNOWN else SERVFAIL
            return question[:2] + struct.pack(">HHHHH", ANSWER | code, 1, 0, 0, 0) + question[12:at + 5]
        row = b"" # of another type there is nothing
        if asked_for == struct.pack(">HH", TYPE_A, CLASS_IN):
            row = struct.pack(">HHHIH", 0xC00C, TYPE_A, CLASS_IN, TTL_S, 4) + socket.inet_aton(known)
        return question[:2] + struct.pack(">HHHHH", ANSWER, 1, bool(row), 0, 0) + question[12:at + 5] + row

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (self.address, 53)) # wakes it
        self._thread.join(5)
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
