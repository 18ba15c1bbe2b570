"""Charts: how deployments went over time, success and traffic by the hour and the day, as bars and as tables; full quotas."""
import pytest

from ferry import VendorDevice, wait_for
from operators import add_user

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface


DEPLOYMENTS, SUCCESS, TRAFFIC = ".deployments .chart", ".statistics .chart:has(.good)", ".statistics .chart:has(.up)"


def texts_of(browser, chart):
    """The cells of the chart's table, bar by bar."""
    browser.run("document.querySelector(arguments[0])?.setAttribute('open', '')", f"{chart} details")
    return browser.run("""return [...document.querySelectorAll(arguments[0])].map((row) =>
        [...row.querySelectorAll("td")].map((cell) => cell.textContent))""", f"{chart} tbody tr")


def table_of(browser, chart=".chart"):
    """The numbers of the chart: done, failed, open of each bar."""
    return [[int(text) for text in row] for row in texts_of(browser, chart)]


def heights_of(browser, part, chart=".chart"):
    return browser.run("return [...document.querySelectorAll(arguments[0])].map((e) => Number(e.getAttribute('height')))",
                       f"{chart} rect.{part}")


def end(device, state, **more):
    device.wait("download", 10)
    device.report_download("firmware.bin", "downloading", 10)
    device.wait("report_download_progress_rsp", 5)
    device.report_download("firmware.bin", state, **more)
    device.wait("report_download_progress_rsp", 5)


def test_a_deployment_over_time_grows_as_devices_end(browser, chosen, platform):
    platform.api.resource_add(chosen, "firmware.bin", b"bytes")
    with VendorDevice(platform, platform.new_device(chosen, "sensor-1")) as one, \
            VendorDevice(platform, platform.new_device(chosen, "sensor-2")) as two:
        deployment = platform.api.deploy(chosen, "firmware.bin", ["sensor-1", "sensor-2"])["id"]
        browser.open(f"#/deployments/{deployment}", "Deployment of firmware.bin")
        wait_for(lambda: table_of(browser)[-1:] == [[0, 0, 2]], what="the chart")
        one.wait("download", 10)
        one.report_download("firmware.bin", "done", 100)
        wait_for(lambda: table_of(browser)[-1] == [1, 0, 1], what="the device that is done")
        end(two, "fail", code=-4, text="no")
        wait_for(lambda: table_of(browser)[-1] == [1, 1, 0], what="the device that failed")
    assert heights_of(browser, "good")[-1] == heights_of(browser, "bad")[-1] == 50
    points = platform.api.list(f"/deployments/{deployment}/progress")
    assert [[point["done"], point["failed"], point["open"]] for point in points] == table_of(browser)
    browser.see("failed or cancelled", ".legend")
    assert browser.accessibility_faults() == []


def test_the_overview_shows_how_deployments_ended_and_full_quotas(chromium, make_platform):
    platform = make_platform("--quota-product-bytes", "10k")
    platform.api.product_add("demo")
    platform.api.resource_add("demo", "firmware.bin", b"bytes")
    with VendorDevice(platform, platform.new_device("demo", "sensor-1")) as device:
        platform.api.deploy("demo", "firmware.bin", ["sensor-1"])
        end(device, "fail", code=-4, text="no")
        chromium.log_in(platform, add_user(platform))
        wait_for(lambda: table_of(chromium, DEPLOYMENTS) == [[0, 1, 0]], what="the deployment that failed")
        assert heights_of(chromium, "bad", DEPLOYMENTS) == [100]
        device.upload("log.txt", bytes(9984))
    chromium.see("The quota of demo is nearly used up", ".troubles")
    chromium.see("9.8 KiB", ".tiles")
    assert chromium.accessibility_faults() == []
    chromium.check()


def sums_of(browser, chart):
    return [sum(column) for column in zip(*table_of(browser, chart))]


def test_success_and_traffic_are_drawn_as_transfers_end(lone_browser, own_platform):
    product = own_platform.new_product()
    own_platform.api.resource_add(product, "firmware.bin", bytes(2048))
    lone_browser.see("No transfer has ended in this time.", ".statistics")
    with VendorDevice(own_platform, own_platform.new_device(product, "sensor-1")) as device:
        own_platform.api.deploy(product, "firmware.bin", ["sensor-1"])
        end(device, "done")
        wait_for(lambda: sums_of(lone_browser, SUCCESS) == [1, 0, 0], what="the download that is done")
        assert heights_of(lone_browser, "good", SUCCESS)[-2:].count(100) == 1
        assert [["2.0 KiB", "0 B"]] == [row for row in texts_of(lone_browser, TRAFFIC) if row != ["0 B", "0 B"]]
        own_platform.api.deploy(product, "firmware.bin", ["sensor-1"])
        end(device, "fail", code=-4, text="no")
        device.upload("log.txt", bytes(1024))
    wait_for(lambda: sums_of(lone_browser, SUCCESS) == [2, 1, 0], what="what ended since")
    lone_browser.see("66.6 %", ".statistics .tiles")
    lone_browser.see("1.0 KiB", ".statistics .tiles")
    assert len(table_of(lone_browser, SUCCESS)) == 24
    lone_browser.choose("Show", "the last 30 days (UTC)")
    wait_for(lambda: len(texts_of(lone_browser, SUCCESS)) == 30, what="a bar for each day")
    assert sums_of(lone_browser, SUCCESS) == [2, 1, 0]
    assert lone_browser.accessibility_faults() == []
    lone_browser.scheme("dark")
    assert lone_browser.accessibility_faults() == []


def test_who_has_some_products_sees_success_and_traffic_of_these(chromium, platform, product):
    other = platform.new_product()
    for name in (product, other):
        with VendorDevice(platform, platform.new_device(name, "sensor-1")) as device:
            device.upload("log.txt", bytes(1024))
    platform.api.resource_add(product, "firmware.bin", b"bytes")
    platform.api.deploy(product, "firmware.bin", ["sensor-1"])
    chromium.log_in(platform, add_user(platform, "viewer", [product]))
    wait_for(lambda: table_of(chromium, DEPLOYMENTS) == [[0, 0, 1]], what="the chart")
    wait_for(lambda: sums_of(chromium, SUCCESS) == [1, 0, 0], what="the upload of the own product")
    chromium.check()
