"""The examples for many machines in packaging/: what they name exists, what they say ferryd accepts, what they ask it answers."""
import hashlib
import ipaddress
import os
import pathlib
import re
import shutil
import subprocess
import time

import haproxy
import postgres
import pytest
import requests
import rgw
import yaml
from environment import INHERITED
from ports import free_port
from operator_api import OperatorApi
from secret_watch import WATCH

from ferry import (PATIENCE, SOURCE_DIR, DeviceCredential, Platform, VendorDevice, build_dir, program, run, sanitizer_environment,
                   vendor_get, vendor_put, wait_for)
from test_completion import options_of

PACKAGING = SOURCE_DIR / "packaging"
COMPOSE = PACKAGING / "compose"
KUBERNETES = PACKAGING / "kubernetes" / "ferry.yaml"
UNITS = build_dir() / "packaging"
NO_COMPOSED = haproxy.missing() or postgres.missing() or rgw.missing()
OTHERS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}  # what ferryd reads besides its settings


def settings():
    """The names of all settings, as variables."""
    return {"FERRY_" + name[2:].replace("-", "_").upper() for name in options_of(run(program("ferryd"), "--help").stdout)}


def values(path):
    """NAME=VALUE of a file for the environment."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def composed():
    """The compose file with the values of example.env."""
    text, known = (COMPOSE / "compose.yaml").read_text(), values(COMPOSE / "example.env")
    text = re.sub(r"(?<!\$)\$\{(\w+)\}", lambda found: known[found.group(1)], text)
    return yaml.safe_load(text)


def manifests():
    """The objects of the Kubernetes file by kind and name."""
    found = {}
    for each in yaml.safe_load_all(KUBERNETES.read_text()):
        key = (each["kind"], each["metadata"]["name"])
        assert key not in found
        found[key] = each
    return found


def environments():
    """Each example's environment of ferryd."""
    services = composed()["services"]
    cluster = manifests()
    return {
        "compose": services["ferryd-1"]["environment"],
        "compose, second": services["ferryd-2"]["environment"],
        "kubernetes": cluster["ConfigMap", "ferryd"]["data"] | cluster["Secret", "ferryd"]["stringData"],
        "systemd": values(PACKAGING / "ferryd.env"),
    }


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["compose", "compose, second", "kubernetes", "systemd"])
def test_ferryd_takes_the_settings(where, tmp_path):
    """Names, values and what must go together. Then it cannot make its data folder, which is looked at after all of them."""
    environment = environments()[where]
    assert set(environment) <= settings() | OTHERS
    assert {"FERRY_STORE", "FERRY_OBJECTS", "FERRY_BROKER", "FERRY_PUBLIC_URL"} <= set(environment)
    (tmp_path / "file").write_text("")
    done = run(program("ferryd"), "--data", tmp_path / "file", env=environment)
    assert (done.returncode, "is a file, not a folder" in done.stderr) == (1, True), done.stderr


def test_nothing_in_the_files_is_called_like_a_setting_and_is_none():
    known, count = settings(), 0
    for path in [*COMPOSE.iterdir(), *KUBERNETES.parent.iterdir(), PACKAGING / "ferryd.env", UNITS / "ferryd@.service",
                 PACKAGING / "haproxy" / "haproxy.cfg"]:
        for name in re.findall(r"\bFERRY_[A-Z_]+", path.read_text()):
            assert name in known, f"{path.name}: {name}"
            count += 1
    assert count > 20


# --- compose ---------------------------------------------------------------------------------------------------------


def test_the_compose_file_is_whole():
    """What a service names is there: services that it waits for, volumes, secrets, files, ports of each other."""
    file = composed()
    services = file["services"]
    assert len([name for name in services if name.startswith("ferryd-")]) >= 2
    made = {"ferry.hash", "ferry.pem", "secrets.key"} # by the commands at its head
    for name in made:
        assert name in (COMPOSE / "compose.yaml").read_text().partition("name: ferry")[0]
    for name, service in services.items():
        assert service.keys() <= {"image", "build", "command", "entrypoint", "environment", "secrets", "depends_on", "healthcheck",
                                  "stop_grace_period", "restart", "volumes", "ports", "user", "networks"}, name
        assert "image" in service and ("healthcheck" in service or service["restart"] == "on-failure"), name
        for other, how in service.get("depends_on", {}).items():
            assert ("healthcheck" in services[other]) == (how["condition"] == "service_healthy"), f"{name}: {other}"
        assert set(service.get("secrets", [])) <= set(file["secrets"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (COMPOSE / source).exists() or pathlib.Path(source).name in made, volume
            else:
                assert source in file["volumes"], volume
    build = services["ferryd-1"]["build"]
    assert (COMPOSE / build["context"] / build["dockerfile"]).samefile(COMPOSE / "Dockerfile")


def test_haproxy_finds_the_workers_of_the_compose_file():
    services = composed()["services"]
    given = services["haproxy"]["environment"]
    config = (PACKAGING / "haproxy" / "haproxy.cfg").read_text()
    assert set(given) <= set(re.findall(r"presetenv (\w+) ", config))
    workers = {name for name in services if name.startswith("ferryd-")}
    for plane, port in (("OBJECTS", "8080"), ("API", "8081")):
        assert {f"{worker}:{port}" for worker in workers} == {value for name, value in given.items()
                                                              if re.fullmatch(rf"WORKER_\d_{plane}", name)}


def test_workers_believe_the_haproxy_of_the_compose_file_alone():
    file = composed()
    address = file["services"]["haproxy"]["networks"]["default"]["ipv4_address"]
    assert {service["environment"]["FERRY_TRUSTED_PROXIES"] for name, service in file["services"].items() if name.startswith("ferryd-")} == {address}
    assert ipaddress.ip_address(address) in ipaddress.ip_network(file["networks"]["default"]["ipam"]["config"][0]["subnet"])


def test_the_plugin_knows_the_brokers_settings():
    """Against its source: what it does not know it ignores."""
    names = re.findall(r"^plugin_opt_(\w+)", (COMPOSE / "mosquitto.conf").read_text(), re.M)
    source = "".join(path.read_text() for path in (SOURCE_DIR / "broker").glob("*.c"))
    assert len(names) == 4
    for name in names:
        assert f'"{name}"' in source, name


def test_the_image_has_the_libraries_of_the_programs():
    listed = set(re.findall(r"[\w.+-]+", (COMPOSE / "Dockerfile").read_text().rpartition("install-recommends")[2].partition("&&")[0]))
    for name in ("ferryd", "ferry", "ferryctl", "ferry_auth.so"):
        needed = run("readelf", "--dynamic", program(name)).stdout
        for library in re.findall(r"NEEDED.*\[(.*)\]", needed):
            if not library.startswith(("libc.", "libm.", "ld-linux", "libasan", "libubsan", "libgcc", "libstdc")):
                owners = run("dpkg-query", "--search", f"*/{library}").stdout
                assert listed & set(re.findall(r"^([\w.+-]+):", owners, re.M)), f"{name}: {library} of {owners}"


# --- all of it, without the containers -------------------------------------------------------------------------------


class Composed:
    """What the compose file starts, on this machine: its settings with other addresses, Debian's RADOS Gateway for MinIO."""

    def __init__(self, folder):
        self.folder = folder
        self.database, self.gateway, self.broker, self.haproxy, self.workers = postgres.Cluster(), None, None, None, []
        self.mqtt_port, self.ports = free_port(), (free_port(), free_port())

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        self.database.create("ferry")
        self.gateway = rgw.Gateway()
        WATCH.know(self.gateway.secret_key, "the secret key of the store")
        (self.folder / "secrets.key").write_text(f"{os.urandom(4).hex()} {os.urandom(32).hex()}\n")
        (self.folder / "secrets.key").chmod(0o600)
        self.start_broker()
        self.workers = [self.worker(name) for name in ("ferryd-1", "ferryd-2")]
        self.haproxy = haproxy.HaProxy(self.workers, ports=self.ports, BUCKET=f"127.0.0.1:{self.gateway.port}",
                                       BUCKET_PATH=f"/{self.gateway.bucket}/").__enter__()
        token = next(worker.token for worker in self.workers if (worker.data / "admin.token").exists())
        self.api = OperatorApi(self.haproxy.api_url, token, self.haproxy.ca)
        self.direct = [OperatorApi(worker.api_url, token) for worker in self.workers]

    def close(self):
        for part in (self.haproxy and self.haproxy.__exit__, *(worker.close for worker in self.workers),
                     self.broker and self.broker.kill, self.broker and self.broker.wait, self.gateway and self.gateway.close,
                     self.database.close):
            if part:
                part()

    def here(self, text):
        """The names of the compose file's network as addresses of this machine."""
        for there, address in (("@postgres/", f"@127.0.0.1:{self.database.port}/"), ("http://minio:9000", self.gateway.endpoint),
                               ("s3://ferry?", f"s3://{self.gateway.bucket}?"), ("@mosquitto:1883", f"@127.0.0.1:{self.mqtt_port}"),
                               ("http://files.example", "http://127.0.0.1"), ("0.0.0.0", "127.0.0.1"),
                               ("listener 1883", f"listener {self.mqtt_port}"), ("/usr/local/lib/ferry/ferry_auth.so", str(program("ferry_auth.so"))),
                               ("/tmp/secrets.key", f"{self.folder}/secrets.key"), ("/etc/ferry/ferry.hash", f"{self.folder}/ferry.hash")):
            text = text.replace(there, address)
        return text

    def start_broker(self):
        password = values(COMPOSE / "example.env")["BROKER_PASSWORD"]
        (self.folder / "ferry.hash").write_text(hashlib.sha256(password.encode()).hexdigest() + "\n")
        user = "user root\n" if os.geteuid() == 0 else ""
        (self.folder / "mosquitto.conf").write_text(user + self.here((COMPOSE / "mosquitto.conf").read_text()))
        with open(self.folder / "mosquitto.log", "wb") as log:
            self.broker = subprocess.Popen(["/usr/sbin/mosquitto", "-c", self.folder / "mosquitto.conf"], stderr=log,
                                           env=INHERITED | sanitizer_environment())

    def worker(self, name):
        environment = {key: self.here(value) for key, value in composed()["services"][name]["environment"].items()}
        environment |= {"AWS_ACCESS_KEY_ID": self.gateway.access_key, "AWS_SECRET_ACCESS_KEY": self.gateway.secret_key,
                        "FERRY_PUBLIC_URL": f"http://127.0.0.1:{self.ports[0]}"}
        data = self.folder / name
        data.mkdir(mode=0o700)
        shutil.copy2(self.folder / "secrets.key", data)
        return Platform(data=data, env=environment).start()


@pytest.mark.skipif(bool(NO_COMPOSED), reason=NO_COMPOSED)
@pytest.mark.xdist_group("s3")
def test_the_parts_of_the_compose_file_work_together(tmp_path):
    """Operators and devices use the one address; the files lie in the bucket; either worker may go."""
    with Composed(tmp_path) as platform:
        product = "composed"
        platform.api.product_add(product)
        device = DeviceCredential(product, "d1", platform.api.device_add(product, "d1")["secret"])
        with VendorDevice(platform, device) as connected:
            for number in range(12):
                round_trip(platform, connected, f"log{number}", b"content %d" % number)
            assert all(api.metric("ferry_messages_total") > 0 for api in platform.direct)
            platform.api.resource_add(product, "image", b"x" * 100000)
            platform.api.deploy(product, "image", ["d1"])
            offer = connected.wait("download", 10 * PATIENCE)
            fetched = vendor_get(offer["url"], offer["size"], dial=platform.ports[0])
            assert (fetched.status, fetched.body, fetched.problems) == (206, b"x" * 100000, [])
            connected.report_download("image", "done")
            assert connected.wait("report_download_progress_rsp")["result_code"] == 0
            for worker in platform.workers:
                worker.kill9()
                round_trip(platform, connected, f"without-{worker.data.name}", b"still")
                worker.start()
                platform.haproxy.wait_workers(up=2)
        states = {task["name"]: task["state"] for task in platform.api.uploads(product)}
        assert len(states) == 14 and set(states.values()) == {"done"}


def round_trip(platform, connected, name, data):
    """An upload as the vendor's devices do it: to port 80 of one address, that of the bucket too."""
    answer = connected.request_upload(name, data)
    assert answer["url"].startswith(f"http://127.0.0.1/{platform.gateway.bucket}/")
    put = vendor_put(answer["url"], data, answer["md5sum"], dial=platform.ports[0])
    assert (put.status, put.problems, put.closed) == (200, [], True)
    assert connected.upload_verdict(name)["result_code"] == 0


# --- Kubernetes ------------------------------------------------------------------------------------------------------


def test_the_manifests_belong_together():
    objects = manifests()
    assert {kind for kind, _ in objects} == {"ConfigMap", "Secret", "Deployment", "PodDisruptionBudget", "Service"}
    deployment = objects["Deployment", "ferryd"]["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels == objects["PodDisruptionBudget", "ferryd"]["spec"]["selector"]["matchLabels"]
    assert deployment["replicas"] >= 2 and deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert {("ConfigMap", entry["configMapRef"]["name"]) if "configMapRef" in entry else ("Secret", entry["secretRef"]["name"])
            for entry in container["envFrom"]} <= set(objects)
    ports = {port["name"] for port in container["ports"]}
    for name in ("ferryd-objects", "ferryd-api"):
        service = objects["Service", name]["spec"]
        assert service["selector"] == labels
        assert {port["targetPort"] for port in service["ports"]} <= ports
    volumes = {volume["name"] for volume in pod["volumes"]}
    for each in (container, *pod["initContainers"]):
        assert {mount["name"] for mount in each["volumeMounts"]} <= volumes
        assert each["securityContext"]["readOnlyRootFilesystem"] and not each["securityContext"]["allowPrivilegeEscalation"]
    drained_s = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= drained_s + 30


def probes():
    (container,) = manifests()["Deployment", "ferryd"]["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    return {kind: (container[kind]["httpGet"]["path"], ports[container[kind]["httpGet"]["port"]])
            for kind in ("startupProbe", "readinessProbe", "livenessProbe")}


def test_ferryd_answers_the_probes_as_they_mean_it():
    """While its broker is away it lives and is not ready."""
    asked = probes()
    assert {port for _, port in asked.values()} == {8081}

    def status(platform, kind):
        return requests.get(platform.api_url + asked[kind][0], timeout=10 * PATIENCE).status_code

    with Platform() as platform:
        assert [status(platform, kind) for kind in asked] == [200, 200, 200]
    with Platform("--broker", "mqtt://127.0.0.1:9") as platform:
        assert {kind: status(platform, kind) for kind in asked} == {"startupProbe": 200, "readinessProbe": 503, "livenessProbe": 200}


def test_the_key_that_is_made_by_hand_is_one(tmp_path):
    """The command at the head of both files."""
    commands = {re.search(r"\(openssl rand .*\) > secrets.key", path.read_text()).group() for path in (COMPOSE / "compose.yaml", KUBERNETES)}
    (command,) = commands
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    subprocess.run(["sh", "-c", f"umask 077; {command}"], cwd=data, check=True)
    key = (data / "secrets.key").read_text()
    with Platform(data=data) as platform:
        platform.new_device()
        assert (data / "secrets.key").read_text() == key
        platform.restart()


# --- systemd ---------------------------------------------------------------------------------------------------------


def worker_unit(folder, instance="07"):
    """The unit as it is installed, with the program of this build and the example's settings, as an instance."""
    environment = folder / "ferryd.env"
    environment.write_text((PACKAGING / "ferryd.env").read_text())
    text = (UNITS / "ferryd@.service").read_text()
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={program('ferryd')}", text, flags=re.M)
    text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M).replace("/etc/ferry/ferryd.env", str(environment))
    (folder / "ferryd@.service").write_text(text)
    path = folder / f"ferryd@{instance}.service"
    path.symlink_to("ferryd@.service")
    return path


def test_systemd_finds_nothing_wrong_with_the_worker(tmp_path):
    done = run("systemd-analyze", "verify", "--man=no", worker_unit(tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_worker_is_confined_as_the_single_one_is():
    """The two units differ in what they are given, and in nothing that takes something away."""
    def rules(name):
        lines = (UNITS / f"{name}.service").read_text().splitlines()
        return [line for line in lines if line and not line.startswith(("#", "Environment"))]

    worker = "\n".join(rules("ferryd@")).replace("/%i", "").replace(" worker %i", "")
    assert worker == "\n".join(rules("ferryd"))


def test_workers_of_one_machine_have_ports_of_their_own(tmp_path):
    """What the unit gives an instance, ferryd takes; the instance's own file may say others."""
    text = (UNITS / "ferryd@.service").read_text()
    given = {}
    for instance in ("01", "02", "11"):
        pairs = re.search(r"^Environment=(.*)$", text, re.M).group(1).replace("%i", instance).split()
        given |= {(instance, pair.split("=")[0]): pair.split("=")[1] for pair in pairs}
        assert {pair.split("=")[0] for pair in pairs} <= settings()
    assert len(set(given.values())) == len(given) == 6
    assert all(1024 <= int(port) <= 65535 for port in given.values())
    own = text.index("EnvironmentFile=-/etc/ferry/ferryd-%i.env")
    assert text.index("Environment=") < text.index("EnvironmentFile=/etc/ferry/ferryd.env") < own


def test_a_worker_ends_within_the_time_that_the_unit_gives_it():
    """With a transfer under way that would take for ever."""
    allowed_s = int(re.search(r"^TimeoutStopSec=(\d+)$", (UNITS / "ferryd@.service").read_text(), re.M).group(1))
    grace = composed()["services"]["ferryd-1"]["stop_grace_period"]
    assert grace == f"{allowed_s}s"
    with Platform() as platform:
        product = platform.new_product()
        resource = platform.api.resource_add(product, "large", os.urandom(8 << 20))
        with requests.get(f"{platform.api_url}/api/v1/resources/{resource['id']}/content", stream=True, timeout=30,
                          headers={"Authorization": f"Bearer {platform.token}"}) as answer:
            assert answer.status_code == 200
            began = time.monotonic()
            platform.stop()
            assert time.monotonic() - began < allowed_s * PATIENCE / 2
