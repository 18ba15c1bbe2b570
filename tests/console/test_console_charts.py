"""Charts: how deployments went over time, as bars and as a table; traffic; quotas that are nearly used up."""
import pytest

from ferry import VendorDevice, wait_for
from operators import add_user

pytestmark = pytest.mark.xdist_group("network_changes")  # a browser ends its requests when the machine gets an interface


def table_of(browser):
    """The numbers of the chart: done, failed, open of each bar."""
    browser.run("document.querySelector('.chart details')?.setAttribute('open', '')")
    return browser.run("""return [...document.querySelectorAll(".chart tbody tr")].map((row) =>
        [...row.querySelectorAll("td")].map((cell) => Number(cell.innerText)))""")


def heights_of(browser, part):
    return browser.run("return [...document.querySelectorAll(arguments[0])].map((e) => Number(e.getAttribute('height')))",
                       f".chart rect.{part}")


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


def test_the_overview_shows_success_traffic_and_full_quotas(chromium, make_platform):
    platform = make_platform("--quota-product-bytes", "10k")
    platform.api.product_add("demo")
    platform.api.resource_add("demo", "firmware.bin", b"bytes")
    with VendorDevice(platform, platform.new_device("demo", "sensor-1")) as device:
        platform.api.deploy("demo", "firmware.bin", ["sensor-1"])
        end(device, "fail", code=-4, text="no")
        chromium.log_in(platform, add_user(platform))
        wait_for(lambda: table_of(chromium) == [[0, 1, 0]], what="the deployment that failed")
        assert heights_of(chromium, "bad") == [100]
        device.upload("log.txt", bytes(9984))
    chromium.see("The quota of demo is nearly used up", ".troubles")
    chromium.see("9.8 KiB", ".tiles")
    assert chromium.accessibility_faults() == []
    chromium.check()


def test_who_has_some_products_sees_no_traffic_of_all(chromium, platform, product):
    platform.new_device(product, "sensor-1")
    platform.api.resource_add(product, "firmware.bin", b"bytes")
    platform.api.deploy(product, "firmware.bin", ["sensor-1"])
    chromium.log_in(platform, add_user(platform, "viewer", [product]))
    wait_for(lambda: table_of(chromium) == [[0, 0, 1]], what="the chart")
    assert "Traffic" not in chromium.text("h2")
    chromium.check()
