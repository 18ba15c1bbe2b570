"""/metrics with real traffic, read as Prometheus reads it; the dashboard and the alerts ask for nothing that is not there."""
import json
import re
import socket
import subprocess
from urllib.parse import urlsplit

import pytest

from ferry import SOURCE_DIR, VendorDevice, wait_for

MONITORING = SOURCE_DIR / "packaging/monitoring"
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="([^"]*)"')


class Metrics:
    def __init__(self, platform):
        self.text = platform.api.metrics()
        self.kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", self.text, re.M))
        self.samples = {}
        for line in self.text.splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                key = (name, frozenset(LABEL.findall(labels or "")))
                assert key not in self.samples, f"twice: {line}"
                self.samples[key] = float(value)

    def of(self, name, **labels):
        return self.samples.get((f"ferry_{name}", frozenset(labels.items())), 0)


def promtool(*args, text=None):
    done = subprocess.run(["promtool", *map(str, args)], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_finds_nothing_wrong_with_them(platform):
    metrics = Metrics(platform)
    promtool("check", "metrics", text=metrics.text)
    names = {re.sub(r"_(bucket|sum|count)$", "", name) if metrics.kinds.get(name) is None else name for name, _ in metrics.samples}
    assert names == set(metrics.kinds)
    assert all((kind == "counter") == name.endswith("_total") for name, kind in metrics.kinds.items())
    assert metrics.of("healthy") == 1 and metrics.of("link_up") == 1


def test_what_devices_do_is_counted(own_platform):
    credential = own_platform.new_device()
    own_platform.api.resource_add(credential.product, "fw", b"x" * 4000)
    before = Metrics(own_platform)
    with VendorDevice(own_platform, credential) as device:
        task = device.request_upload("a.txt", b"hello")
        device.put(task, b"hello")
        assert device.upload_verdict("a.txt")["result_code"] == 0
        order = own_platform.api.deploy(credential.product, "fw", [credential.device])
        offer = device.wait("download", 5)
        assert len(device.fetch(offer)[0]) == 4000
        assert device.download_verdict("fw")["result_code"] == 0
        own_platform.api.wait_download(order["id"], credential.device, "done")
        device.create_upload_task("none", 0, "0" * 32)
        device.wait("create_upload_task_rsp", 5)
    after = wait_for(lambda: (m := Metrics(own_platform)).of("transfers_running") == 0 and m, 5, "the end of the transfers")

    def grew(name, **labels):
        return after.of(name, **labels) - before.of(name, **labels)

    assert grew("answers_total", type="create_upload_task_rsp", result_code="") == 1
    assert grew("answers_total", type="create_upload_task_rsp", result_code="3") == 1, "a size of zero"
    assert grew("answers_total", type="download", result_code="") >= 1
    assert grew("transfer_bytes_total", direction="up") == 5
    assert grew("transfer_bytes_total", direction="down") == 4000
    assert grew("transfers_total", direction="up", result="complete") == 1
    assert grew("transfers_total", direction="down", result="complete") == 1
    assert grew("round_trip_seconds_count") == grew("messages_total") > 3
    assert 0 < grew("round_trip_seconds_sum") < 10
    assert grew("batch_items_sum") >= grew("batch_items_count") > 0 and grew("commit_seconds_count") > 0
    assert after.of("store_deployments_open") == 0 and after.of("store_deployments") == 1


def test_a_refused_and_a_broken_transfer_are_told_apart(own_platform):
    credential = own_platform.new_device()
    own_platform.api.resource_add(credential.product, "fw", b"x" * (8 << 20))
    with VendorDevice(own_platform, credential) as device:
        own_platform.api.deploy(credential.product, "fw", [credential.device])
        url = urlsplit(device.wait("download", 5)["url"])
        for target, end in ((f"{url.path}?{url.query}x", b"403"), (f"{url.path}?{url.query}", b"200")):
            with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
                connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert end in connection.recv(100)

    def counted():
        metrics = Metrics(own_platform)
        return [metrics.of("transfers_total", direction="down", result=result) for result in ("refused", "broken", "complete")]
    wait_for(lambda: counted() == [1, 1, 0], 10, "the end of both")
    assert Metrics(own_platform).of("transfer_bytes_total", direction="down") == 0


def dashboard_expressions():
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_the_dashboard_asks_for_what_there_is(platform, tmp_path):
    known = Metrics(platform).kinds
    rules = [{"record": f"panel:{n}", "expr": expr.replace("$__rate_interval", "5m").replace("$instance", ".*")}
             for n, expr in enumerate(dashboard_expressions())]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", tmp_path / "rules.yml")
    for expr in dashboard_expressions():
        for name in re.findall(r"ferry_\w+", expr):
            assert re.sub(r"_(bucket|sum|count)$", "", name) in known or name == "ferry_certificate_expires_seconds", name


def test_the_alerts_are_rules_over_what_there_is(platform):
    path = MONITORING / "prometheus-alerts.yml"
    promtool("check", "rules", path)
    known = set(Metrics(platform).kinds) | {"ferry_certificate_expires_seconds"}
    for name in re.findall(r"\bferry_\w+", re.sub(r"(summary|description):.*", "", path.read_text())):
        assert re.sub(r"_bucket$", "", name) in known, name


@pytest.mark.parametrize("alert, series, fires", [
    ("FerryStoreFails", 'ferry_healthy{instance="a"}', "0x20"),
    ("FerryBrokerLost", 'ferry_link_up{instance="a"}', "0x20"),
    ("FerryCertificateExpires", 'ferry_certificate_expires_seconds{instance="a"}', "86400x20"),
    ("FerryWebhookParked", 'ferry_store_webhooks_parked{instance="a"}', "1x20"),
    ("FerryDevicesToldBusy", 'ferry_messages_busy_total{instance="a"}', "0+10x40"),
])
def test_an_alert_fires_when_it_should(tmp_path, alert, series, fires):
    rules = {"rule_files": [str(MONITORING / "prometheus-alerts.yml")], "evaluation_interval": "1m", "tests": [{
        "interval": "1m", "input_series": [{"series": series, "values": fires}],
        "promql_expr_test": [{"expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})', "eval_time": "20m",
                              "exp_samples": [{"labels": "{}", "value": 1}]}]}]}
    (tmp_path / "test.yml").write_text(json.dumps(rules))
    promtool("test", "rules", tmp_path / "test.yml")
