"""What the platform has answered, written down outside of it, and the comparison with what it knows afterwards."""
import hashlib
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

Upload = namedtuple("Upload", "device name size md5")
Resource = namedtuple("Resource", "product name size md5")

UPLOAD_WITH_OBJECT = ("stored", "done")


def md5_hex(data):
    return hashlib.md5(data).hexdigest()


class Ledger:
    """Only answers that arrived are written down. Any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self.answers = 0
        self.uploads = {}      # task id -> Upload: message 2 with a URL
        self.stored = set()    # task ids: PUT answered 200
        self.reported = set()  # task ids: `done` answered with 0
        self.offsets = {}      # task id -> bytes acknowledged to PATCH
        self.unsure = set()    # task ids: DELETE was sent; unless it is answered, the upload may be there or not
        self.removed = set()   # task ids: DELETE answered
        self.devices = {}      # (product, name) -> secret
        self.resources = {}    # resource id -> Resource
        self.deployments = {}  # deployment id -> number of devices
        self.cancelled = set() # deployment ids: cancel answered
        self.fetched = set()   # download task ids: the bytes are there and right
        self.delivered = set() # download task ids: `done` answered with 0
        # of devices that are the program `ferry`, which tells no task ids
        self.sent = {}         # (device, name) -> (size, md5): `ferry upload` ended well
        self.received = set()  # (device, name, md5): `ferry download` has said so, or the file is there
        self.killed = 0        # runs

    def about_to_remove(self, task):
        with self._lock:
            self.unsure.add(task)

    def count_killed(self):
        with self._lock:
            self.killed += 1

    def note(self, kind, key, value=None):
        """note("stored", task) or note("uploads", task, Upload(...))"""
        with self._lock:
            book = getattr(self, kind)
            if key not in book or (isinstance(book, dict) and book[key] != value):
                self.answers += 1 # the same again is no progress
            if isinstance(book, set):
                book.add(key)
            else:
                book[key] = value

    def counts(self):
        with self._lock:
            return {name: len(book) for name, book in vars(self).items() if isinstance(book, (set, dict))}

    # --- afterwards --------------------------------------------------------------------------------

    def compare(self, api):
        """Everything that was answered is known, whole and unchanged. Gives the list of differences."""
        checks = []
        checks += [(self._check_upload, api, task) for task in self.uploads]
        checks += [(self._check_device, api, key) for key in self.devices]
        checks += [(self._check_resource, api, resource) for resource in self.resources]
        checks += [(self._check_deployment, api, deployment) for deployment in self.deployments]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda check: check[0](*check[1:]), checks))
        rows = api.uploads()
        known = {row["id"] for row in rows}
        lost = [f"upload {task} is not in the list" for task in self.uploads if task not in known | self.unsure]
        return lost + [difference for difference in found if difference] + self._check_sent(api, rows) + self._check_delivered(api)

    def _check_upload(self, api, task):
        expected = self.uploads[task]
        answer = api.call("GET", f"/uploads/{task}", ok=False)
        if task in self.removed:
            return None if answer.status_code == 404 else f"upload {task} was removed and is back"
        if answer.status_code == 404 and task in self.unsure:
            return None
        if answer.status_code != 200:
            return f"upload {task} of {expected} is unknown: {answer.status_code}"
        row = answer.json()
        if (row["device"], row["name"], row["size"], row["md5"]) != expected:
            return f"upload {task} should be {expected} and is {row}"
        if task in self.reported and row["state"] != "done":
            return f"upload {task} was confirmed as done and is {row['state']}"
        if task in self.stored and row["state"] not in UPLOAD_WITH_OBJECT:
            return f"upload {task} was answered 200 and is {row['state']}"
        return self._check_bytes(api, row)

    def _check_bytes(self, api, row):
        answer = api.call("GET", f"/uploads/{row['id']}/content", ok=False)
        if row["state"] in UPLOAD_WITH_OBJECT:
            if answer.status_code != 200 or md5_hex(answer.content) != row["md5"]:
                return f"the object of {row['id']} ({row['state']}) is not whole: {answer.status_code}, {len(answer.content)} bytes"
        elif answer.status_code == 200 and md5_hex(answer.content) != row["md5"]:
            return f"an unfinished object of {row['id']} ({row['state']}) is visible: {len(answer.content)} bytes"
        return None

    def _check_device(self, api, key):
        answer = api.call("GET", f"/devices/{key[0]}/{key[1]}", ok=False)
        return None if answer.status_code == 200 else f"device {key} is unknown: {answer.status_code}"

    def _check_resource(self, api, resource):
        expected = self.resources[resource]
        answer = api.call("GET", f"/resources/{resource}", ok=False)
        if answer.status_code != 200:
            return f"resource {resource} is unknown: {answer.status_code}"
        row = answer.json()
        if (row["product"], row["name"], row["size"], row["md5"]) != expected:
            return f"resource {resource} should be {expected} and is {row}"
        return None

    def _check_deployment(self, api, deployment):
        answer = api.call("GET", f"/deployments/{deployment}", ok=False)
        if answer.status_code != 200:
            return f"deployment {deployment} is unknown: {answer.status_code}"
        if deployment in self.cancelled and answer.json()["state"] != "cancelled":
            return f"deployment {deployment} was cancelled and is {answer.json()['state']}"
        return None

    def _check_sent(self, api, rows):
        done = {(row["device"], row["name"], row["size"], row["md5"]): row for row in rows if row["state"] == "done"}
        found = [self._check_bytes(api, done[key + what]) if key + what in done else f"{key[1]} was sent by {key[0]} and is not there"
                 for key, what in self.sent.items()]
        return [difference for difference in found if difference]

    def _check_delivered(self, api):
        states = {}
        for deployment, devices in self.deployments.items():
            rows = api.deployment_tasks(deployment)
            if len(rows) != devices:
                return [f"deployment {deployment} has {len(rows)} tasks instead of {devices}"]
            states.update((row["id"], row["state"]) for row in rows)
        return [f"download {task} was confirmed as done and is {states.get(task)}"
                for task in self.delivered if states.get(task, "done") != "done"]
