"""What every device of the load is: a thread with its own chance, that stops when it is asked to, and keeps its error for the test."""
import random
import threading


class DeviceThread(threading.Thread):
    def __init__(self, credential, ledger, seed):
        super().__init__(name=credential.device, daemon=True)
        self.credential, self.ledger = credential, ledger
        self.random = random.Random(seed)
        self.stop_asked = threading.Event()
        self.abandoned = False
        self.error = None
        self._number = 0
