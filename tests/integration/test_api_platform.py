"""What the operator API tells of the platform itself."""
import os

from described_api import Client, DESCRIPTION, add_resource
from ferry import wait_for


def test_the_description_is_served(platform):
    answer = Client(platform)("GET", "/api/v1/openapi.yaml")
    assert answer.text == DESCRIPTION.text


def test_status_counts(api, product):
    before = api.get("/status")
    api.post("/devices", {"product": product, "name": "d"})
    add_resource(api, product, "r", b"12345")
    after = api.get("/status")
    assert after["healthy"] and after["broker_connected"]
    assert after["totals"]["devices"] >= before["totals"]["devices"] + 1
    assert after["totals"]["resource_bytes"] >= before["totals"]["resource_bytes"] + 5
    assert after["engine"]["commands_total"] >= before["engine"]["commands_total"] + 2
    assert after["uptime_s"] >= before["uptime_s"]


def test_settings_are_shown_without_what_is_secret(api, make_platform):
    mine = make_platform("--retention-days", "7", "--url-life", "2h")
    rows = {row["name"]: row for row in mine.api.call("GET", "/settings")["items"]}
    assert (rows["retention-days"]["value"], rows["retention-days"]["default"]) == (7, 90)
    assert (rows["url-life"]["type"], rows["url-life"]["value"]) == ("seconds", 7200)
    assert rows["mqtt-http"]["value"] is False and rows["public-url"]["default"] is None
    assert rows["data"]["value"] == str(mine.data) and rows["broker"]["value"] == "managed"
    assert len(rows) == len(api.get("/settings")["items"]) > 50


def test_metrics_are_in_the_text_format_of_prometheus(api):
    answer = api("GET", "/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert answer.text.endswith("\n")


def test_health_and_readiness(platform):
    stranger = Client(platform)
    assert stranger.get("/healthz") == {"status": "ok"}
    ready = stranger.get("/readyz")
    assert ready["ready"] and set(ready["checks"].values()) == {"ok"}


def test_readiness_says_that_the_broker_is_gone(own_platform):
    stranger = Client(own_platform)
    os.kill(own_platform.broker_pid, 19)  # SIGSTOP: connected, but it answers no ping; so it is ended as well
    os.kill(own_platform.broker_pid, 9)

    def gone():
        answer = stranger("GET", "/readyz")
        return answer.status_code == 503 and answer.json()["checks"]["broker"] != "ok"
    wait_for(gone, 10, "the loss of the broker")
    assert stranger("GET", "/healthz").status_code == 200, "the program itself is fine"
    wait_for(lambda: stranger("GET", "/readyz").status_code == 200, 20, "a new broker")
