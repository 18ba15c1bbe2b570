"""A thin client of the operator API, for tests that need a product, a device or a deployment."""
import time

import requests

from secret_watch import WATCH

TIMEOUT_S = 30


class ApiError(Exception):
    """An answer that is not 2xx. .status, .code (stable, from the problem object), .problem"""

    def __init__(self, status, problem, text):
        super().__init__(f"{status}: {problem or text}")
        self.status = status
        self.problem = problem or {}
        self.code = self.problem.get("code")


class OperatorApi:
    """The resources of /api/v1 as methods; each gives the decoded JSON answer."""

    def __init__(self, url, token, ca=None):
        """ca: path of the certificates to trust, for https."""
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ca) if ca else True
        self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self):
        self._session.close()

    def call(self, method, path, *, ok=True, **options):
        """One request; raises ApiError unless the answer is 2xx (or ok is False: gives the response)."""
        answer = self._session.request(method, f"{self.url}/api/v1{path}", timeout=TIMEOUT_S,
                                       allow_redirects=False, **options)
        if not ok:
            return answer
        if not 200 <= answer.status_code < 300:
            try:
                problem = answer.json()
            except ValueError:
                problem = None
            raise ApiError(answer.status_code, problem, answer.text)
        return answer.json() if answer.content and "json" in answer.headers.get("Content-Type", "") else answer

    def list(self, path, **query):
        """Every row of a list, page after page."""
        rows = []
        while True:
            page = self.call("GET", path, params=query)
            rows += page["items"]
            if not page.get("next"):
                return rows
            query["cursor"] = page["next"]

    def metrics(self):
        """The text of /metrics."""
        answer = self._session.get(f"{self.url}/metrics", timeout=TIMEOUT_S)
        assert answer.status_code == 200, answer.text
        return answer.text

    def metric(self, name):
        """One value of /metrics, summed over its labels."""
        values = [float(line.rpartition(" ")[2]) for line in self.metrics().splitlines()
                  if line.partition("{")[0].partition(" ")[0] == name]
        assert values, f"no metric {name}"
        return sum(values)

    # --- products and devices ---------------------------------------------------------------------

    def product_add(self, name):
        return self.call("POST", "/products", json={"name": name})

    def device_add(self, product, name, **more):
        device = self.call("POST", "/devices", json={"product": product, "name": name, **more})
        WATCH.know(device["secret"], "a device's secret")
        return device

    def device_remove(self, product, name):
        return self.call("DELETE", f"/devices/{product}/{name}")

    def device_disable(self, product, name, disabled=True):
        return self.call("PATCH", f"/devices/{product}/{name}", json={"disabled": disabled})

    def device_rotate(self, product, name, overlap_s=0, **more):
        """Gives the new secret with the device."""
        return self.call("POST", f"/devices/{product}/{name}/secret", json={"overlap_s": overlap_s, **more})

    def product_open(self, name):
        return self.call("POST", f"/products/{name}/secret")

    def product_close(self, name):
        return self.call("DELETE", f"/products/{name}/secret")

    # --- resources and deployments -------------------------------------------------------------------

    def resource_add(self, product, name, data):
        """data: bytes, or a file object for large ones."""
        return self.call("POST", "/resources", params={"product": product, "name": name}, data=data,
                         headers={"Content-Type": "application/octet-stream"})

    def deploy(self, product, resource, devices=None, **more):
        """devices None: all of the product."""
        order = {"product": product, "resource": resource, **more}
        order.update({"all": True} if devices is None else {"devices": devices})
        return self.call("POST", "/deployments", json=order)

    def deployment(self, deployment_id):
        return self.call("GET", f"/deployments/{deployment_id}")

    def deployment_tasks(self, deployment_id, **query):
        return self.list(f"/deployments/{deployment_id}/tasks", **query)

    def deployment_causes(self, deployment_id):
        return self.call("GET", f"/deployments/{deployment_id}/causes")

    def deployment_cancel(self, deployment_id):
        return self.call("POST", f"/deployments/{deployment_id}/cancel")

    def deployment_pause(self, deployment_id):
        return self.call("POST", f"/deployments/{deployment_id}/pause")

    def deployment_resume(self, deployment_id):
        return self.call("POST", f"/deployments/{deployment_id}/resume")

    def deployment_retry(self, deployment_id, **cause):
        return self.call("POST", f"/deployments/{deployment_id}/retry", params=cause)

    def download_task(self, deployment_id, device):
        """The one task of that device in the deployment."""
        (task,) = self.deployment_tasks(deployment_id, device=device)
        return task

    def download_cancel(self, deployment_id, task_id):
        return self.call("POST", f"/deployments/{deployment_id}/tasks/{task_id}/cancel")

    def wait_download(self, deployment_id, device, state, timeout_s=10):
        """Waits until the device's task has the state; gives the task."""
        return _wait_state(lambda: self.download_task(deployment_id, device), state, timeout_s)

    # --- uploads --------------------------------------------------------------------------------------

    def uploads(self, product=None, device=None, **query):
        if product:
            query["product"] = product
        if device:
            query["device"] = device
        return self.list("/uploads", **query)

    def upload(self, task_id):
        return self.call("GET", f"/uploads/{task_id}")

    def upload_bytes(self, task_id):
        answer = self.call("GET", f"/uploads/{task_id}/content", ok=False)
        if answer.status_code != 200:
            raise ApiError(answer.status_code, None, answer.text)
        return answer.content

    def upload_remove(self, task_id):
        return self.call("DELETE", f"/uploads/{task_id}")

    def wait_upload(self, task_id, state, timeout_s=10):
        return _wait_state(lambda: self.upload(task_id), state, timeout_s)


def _wait_state(get, state, timeout_s):
    wanted = (state,) if isinstance(state, str) else tuple(state)
    end = time.monotonic() + timeout_s
    while True:
        task = get()
        if task["state"] in wanted:
            return task
        if time.monotonic() > end:
            raise AssertionError(f"the task is {task}, not in {wanted}, after {timeout_s} s")
        time.sleep(0.02)
