"""Workers of two versions on one PostgreSQL and one broker, under load: the older one is built from the history of this tree, and replaced one
worker after the other. In long mode, as it builds a whole ferryd; upgrade_test.c holds the same of the statements each time."""
import contextlib
import pathlib
import shutil
import subprocess

import pytest

import postgres
from cluster_bus import Asker, SharedMosquitto
from ferry import PATIENCE, SOURCE_DIR, Platform, build_dir, unique_name, wait_for

OLDER = "acd362834de86f7e5c2ab1c3317550bdb783f5a0" # the last one of PostgreSQL's schema step 1
DEVICES, REQUESTS = 6, 60 # of a device, each for an upload of its own: it may have no more of them open
LIMITS = ("--uploads-open-max", "63", "--device-requests-per-minute", "0")
MISSING = postgres.missing()

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.skipif(bool(MISSING), reason=MISSING)]

# Each must be true, whichever worker and trigger has counted.
COUNTED = {
    "open uploads": "SELECT (SELECT sum(uploads_open) FROM total) = (SELECT count(*) FROM upload WHERE state <= 2)",
    "what a device uses": "SELECT NOT EXISTS ((SELECT device, sum(files)::bigint, sum(low)::bigint FROM usage WHERE device <> '' GROUP BY device)"
                          " EXCEPT (SELECT device, count(*), sum(size)::bigint FROM upload WHERE state <= 4 GROUP BY device))",
    "open downloads": "SELECT (SELECT sum(downloads_open) FROM total) = (SELECT count(*) FROM download WHERE state <= 3)",
    "tasks of deployments": "SELECT NOT EXISTS ((SELECT deployment, sum(queued), sum(offered), sum(cancelled) FROM deployment_count GROUP BY deployment)"
                            " EXCEPT (SELECT deployment, count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 2),"
                            " count(*) FILTER (WHERE state = 7) FROM download GROUP BY deployment))",
    "numbers of events": "SELECT max(id) = count(*) FROM event",
    "an event for each upload": "SELECT (SELECT count(*) FROM event WHERE state = 'created') = (SELECT count(*) FROM upload)",
}


def git(*command, **options):
    return subprocess.run(["git", "-C", SOURCE_DIR, *command], capture_output=True, check=False, **options)


@pytest.fixture(scope="module")
def older():
    """The build folder of the older version; made once."""
    if git("cat-file", "-e", OLDER + "^{commit}").returncode != 0:
        pytest.skip(f"the history of this tree does not have {OLDER[:8]}: a shallow clone, or no clone at all")
    folder = SOURCE_DIR / "build" / "versions" / OLDER
    source, build = folder / "source", folder / "build"
    if not (folder / "complete").exists():
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        packed = git("archive", OLDER)
        subprocess.run(["tar", "-x", "-C", source], input=packed.stdout, check=True)
        subprocess.run(["cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DFERRY_CONSOLE=OFF"],
                       check=True, capture_output=True)
        subprocess.run(["cmake", "--build", build, "--target", "ferryd"], check=True, capture_output=True)
        (folder / "complete").touch()
    return build


class World:
    def __init__(self, stack, folder, older, monkeypatch):
        self._stack, self._folder, self.older = stack, pathlib.Path(folder), older
        self.cluster = stack.enter_context(postgres.Cluster())
        self.uri = self.cluster.create("ferry")
        self._first = Platform("--store", self.uri, build=older)
        stack.callback(self._first.close)
        self._first.start()
        self.product = self._first.new_product()
        self.devices = [self._first.new_device(self.product) for _ in range(DEVICES)]
        self._first.stop()
        with monkeypatch.context() as patch:
            patch.setenv("FERRY_BUILD", str(older)) # its plugin: it only reads, so it is replaced last
            self.broker = stack.enter_context(contextlib.closing(SharedMosquitto(self._first, store=self.uri)))
        self.askers = [stack.enter_context(contextlib.closing(Asker(self.broker.mqtt_port, device.product, device.device, device.secret,
                                                                    pause_s=0.05, most=REQUESTS))) for device in self.devices]

    def worker(self, number, build):
        """In the folder of that number, which its predecessor has left."""
        data = self._folder / f"worker{number}"
        if not data.exists():
            data.mkdir(mode=0o700)
            for name in ("secrets.key", "admin.token"):
                shutil.copy2(self._first.data / name, data / name)
        worker = Platform("--store", self.uri, "--broker", self.broker.url, *LIMITS, data=data, build=build)
        self._stack.callback(worker.close)
        worker.start()
        wait_for(lambda: "sharing the requests" in worker.log(), 20 * PATIENCE, "the worker's link")
        return worker

    def work(self, each, *workers):
        """So many requests of each device are done, and each of the workers has had some; one has made a deployment to all."""
        wanted = [min(len(asker.took) + each, REQUESTS) for asker in self.askers]
        before = [worker.api.metric("ferry_messages_total") for worker in workers]
        name = unique_name("r")
        workers[0].api.resource_add(self.product, name, b"x" * 100)
        workers[0].api.deploy(self.product, name)
        wait_for(lambda: all(len(asker.took) >= count for asker, count in zip(self.askers, wanted)), 120 * PATIENCE,
                 f"{each} answers for each device")
        for worker, count in zip(workers, before):
            assert worker.api.metric("ferry_messages_total") > count

    def schema(self):
        return self.cluster.psql("SELECT version, oldest FROM ferry_schema", "ferry")


@pytest.fixture
def world(tmp_path, older, monkeypatch):
    with contextlib.ExitStack() as stack:
        yield World(stack, tmp_path, older, monkeypatch)


def test_workers_are_replaced_by_newer_ones_one_after_the_other(world):
    a, b = world.worker(0, world.older), world.worker(1, world.older)
    assert world.schema() == "1|1"
    for asker in world.askers:
        asker.start()
    world.work(10, a, b)
    a.stop()
    a = world.worker(0, build_dir()) # changes the schema while the other works
    assert world.schema() == "2|1"
    world.work(12, a, b)
    b.kill9() # an older one is let in beside a newer one
    b = world.worker(1, world.older)
    world.work(12, b, a)
    b.stop()
    b = world.worker(1, build_dir())
    world.work(12, a, b)
    for asker in world.askers:
        asker.finish()
        names = [task["name"] for task in a.api.uploads(world.product, asker.device)]
        assert sorted(names, key=int) == [str(number) for number in range(1, REQUESTS + 1)], "each once, and none lost"
    print("refused, and asked again:", sum(len(asker.refused) for asker in world.askers))
    wrong = [what for what, sql in COUNTED.items() if world.cluster.psql(sql, "ferry") != "t"]
    assert not wrong
