"""A command on a terminal: what a person sees."""
import os
import pty
import subprocess

TIMEOUT_S = 60


def run_on_terminal(args, env, timeout_s=TIMEOUT_S):
    """Runs it to its end; gives its status and all that the terminal saw."""
    screen, side = pty.openpty()
    process = subprocess.Popen([str(arg) for arg in args], stdin=side, stdout=side, stderr=side, env=env)
    os.close(side)
    seen = b""
    while True:
        try:
            part = os.read(screen, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(screen)
    return process.wait(timeout_s), seen.decode()
