"""The faults of the campaign: a table, one small function each.

A fault is a function of a World that yields while the fault is there; what comes after the yield heals it. It says Skip when the
machine cannot do it, or when it did not come about.
"""
import contextlib
import errno
import itertools
import os
import resource
import signal
import subprocess
import time

import requests

from ferry import ApiError, wait_for

HOLD_S = (0.3, 1.2)      # how long a fault stays
CRASH_WAIT_S = 10        # for a named point to be reached under the load
READY_S = 30
MIB = 1 << 20


class Skip(Exception):
    """This fault cannot be injected here."""


class World:
    """What the faults work on. namespace: the campaign has a network of its own. database: a PostgreSQL, or None: SQLite."""

    def __init__(self, platform, shim, random, namespace, patience=1, database=None):
        self.database = database
        self.platform, self.shim, self.random, self.namespace, self.patience = platform, shim, random, namespace, patience
        self.wrong_bytes = []   # what was given out that must not be
        self.stopped = False    # ferryd, by SIGSTOP
        self.afterwards = []    # what is to be looked at when no fault is left

    def hold(self):
        time.sleep(self.random.uniform(*HOLD_S))

    def down(self):
        """kill -9 of ferryd."""
        if self.platform.running:
            self.platform.kill9()
        self.platform.bury()

    def broker_pid(self):
        try:
            return self.platform.broker_pid
        except (OSError, ValueError):
            raise Skip("the broker is away already") from None

    def kill_broker(self):
        try:
            os.kill(self.broker_pid(), signal.SIGKILL)
        except ProcessLookupError:
            raise Skip("the broker is away already") from None

    def try_up(self):
        """The same while the other of two faults may keep it from starting: who watches it tries again."""
        with contextlib.suppress(AssertionError):
            self.up()

    def up(self):
        """ferryd runs, whatever became of it; of two faults, each heals it."""
        if self.platform.running:
            self.platform.wait_ready() # it may have begun while it could not become ready
        else:
            self.platform.bury()
            self.platform.start()


FAULTS = {}
NEED_FERRYD = ("process", "restart", "crash point", "at rest", "descriptors", "names")


def fault(name, kind):
    """Adds a generator function to the table. kind: what the report sums up."""
    def add(function):
        @contextlib.contextmanager
        def inject(world):
            if "database" in name and world.database is not None:
                raise Skip("the database is a server")
            if kind == "database server" and world.database is None:
                raise Skip("the database is a file")
            if kind in NEED_FERRYD and (world.stopped or not world.platform.running):
                raise Skip("ferryd is away already")
            yield from function(world)
        FAULTS[name] = (kind, inject)
        return function
    return add


# --- processes ---------------------------------------------------------------------------------------


@fault("ferryd: kill -9", "process")
def _(world):
    world.down()
    yield
    world.try_up()


@fault("broker: kill -9", "process")
def _(world):
    world.kill_broker()
    yield


@fault("ferryd and broker: kill -9", "process")
def _(world):
    world.platform.pause()
    world.kill_broker()
    world.down()
    yield
    world.try_up()


@contextlib.contextmanager
def _stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError): # another fault has killed it
            os.kill(pid, signal.SIGCONT)


@fault("ferryd: SIGSTOP", "process")
def _(world):
    with _stopped(world.platform.pid):
        world.stopped = True
        try:
            world.hold()
            yield
        finally:
            world.stopped = False


@fault("broker: SIGSTOP", "process")
def _(world):
    with _stopped(world.broker_pid()):
        world.hold()
        yield


@fault("ferryd: stopped and started", "restart")
def _(world):
    world.platform.pin_ports()
    world.platform.stop(check=False)
    yield
    world.try_up()


@fault("broker, then ferryd: restarted", "restart")
def _(world):
    world.kill_broker()
    world.hold()
    world.platform.pin_ports()
    world.platform.stop(check=False)
    yield
    world.try_up()


@fault("ferryd, then broker: restarted", "restart")
def _(world):
    world.down()
    world.try_up()
    world.kill_broker()
    yield


@fault("ferryd: kill -9 while it starts", "process")
def _(world):
    world.down()
    world.platform.start(wait=False)
    time.sleep(world.random.uniform(0, 0.15))
    world.down()
    yield
    world.try_up()


# --- named crash points: before and after each step that makes something durable -----------------------

CRASH_POINTS = {
    "database: commit synced": ("sync", "ferry.db-wal"),
    "database: log copied back": ("sync", "/ferry.db"),
    "object: ready to be synced": ("rename", "tmp/"),
    "object: bytes synced": ("sync", "objects/ready/"),
    "object: folder synced": ("sync", "/objects/ready"),
    "object: given its name": ("rename", "from ready/"),
    "object: removed": ("unlink", "/01"),
    "partial object: synced": ("sync", "objects/partial"),
    "partial object: given its name": ("rename", "partial/"),
    "ready file: written": ("rename", "ferryd.json"),
    "broker's files: written": ("rename", "broker/"),
}


def _crash_point(name, call, path, after):
    @fault(f"crash {'after' if after else 'before'} {name}", "crash point")
    def _(world):
        platform, at_start = world.platform, name.startswith(("ready", "broker"))
        world.shim.die_at(call, path, after=after, skip=0 if at_start else world.random.choice((0, 0, 1, 5)))
        try:
            if at_start:
                world.down()
                platform.start(wait=False)
            died = _comes_true(lambda: not platform.running, CRASH_WAIT_S * world.patience)
        finally:
            world.shim.live_on()
        if not died:
            if at_start:
                platform.wait_ready()
            raise Skip(f"the point was not reached within {CRASH_WAIT_S} s")
        platform.bury()
        yield
        world.try_up()


def _comes_true(condition, timeout_s):
    with contextlib.suppress(AssertionError):
        return wait_for(condition, timeout_s)
    return False


for _name, (_call, _path) in CRASH_POINTS.items():
    for _after in (False, True):
        _crash_point(_name, _call, _path, _after)


# --- a database server ----------------------------------------------------------------------------------


def _start_again(database):
    """As who watches it does: right after a sudden death what is left of it may stand in its way."""
    def started():
        try:
            database.start()
        except AssertionError:
            database.kill()
            return False
        return True

    wait_for(started, READY_S, "PostgreSQL")


def _server(name, down):
    @fault(f"PostgreSQL: {name}", "database server")
    def _(world):
        down(world.database)
        try:
            world.hold()
            yield
        finally:
            _start_again(world.database)


_server("kill -9", lambda database: database.kill())
_server("stopped and started", lambda database: database.stop())


@fault("PostgreSQL: SIGSTOP", "database server")
def _(world):
    world.database.pause()
    try:
        world.hold()
        yield
    finally:
        world.database.resume()


def _all_restarted(*order):
    @fault(f"{', '.join(order)}: restarted in this order", "database server")
    def _(world):
        if not world.platform.running:
            raise Skip("ferryd is away already")
        ways = {"ferryd": lambda: (world.down(), world.try_up()), "broker": world.kill_broker,
                "PostgreSQL": lambda: (world.database.kill(), _start_again(world.database))}
        for name in order:
            ways[name]()
        yield


for _order in itertools.permutations(("ferryd", "broker", "PostgreSQL")):
    _all_restarted(*_order)


# --- disk ----------------------------------------------------------------------------------------------


def _disk(where, part, failure):
    @fault(f"{where}: {errno.errorcode[failure]}", "disk")
    def _(world):
        world.shim.fail_writes(part, failure)
        try:
            world.hold()
            yield
        finally:
            world.shim.heal_writes()


for _where, _part in (("database", "ferry.db"), ("temporary files", "/tmp/"), ("partial objects", "/partial"), ("objects", "/objects/")):
    for _failure in (errno.EIO, errno.ENOSPC, errno.EROFS):
        _disk(_where, _part, _failure)


# --- files at rest ---------------------------------------------------------------------------------------


def _damage_at_rest(name, word, damage):
    @fault(f"file at rest: {name}", "at rest")
    def _(world):
        api, product = world.platform.api, "atrest"
        data = world.random.randbytes(world.random.randint(2, 3 * MIB))
        try:
            api.call("POST", "/products", json={"name": product}, ok=False)
            key = api.resource_add(product, "sacrifice", data)["id"]
        except (ApiError, requests.RequestException) as why:
            raise Skip(f"no file could be added: {why}") from why
        path = world.platform.data / "objects" / key[-2:] / key
        damage(path, world.random)
        world.afterwards.append(lambda: _scrub(world, key, word))
        yield


def _scrub(world, key, word):
    """The damage is named, and the file is given to nobody."""
    api = world.platform.api
    started = api.call("POST", "/objects/verify", json={"product": "atrest", "rate_bytes": 1 << 30})["started_at"]
    result = wait_for(lambda: _ended(api, started), READY_S * world.patience, "the end of the scrub")
    found = {row["id"]: row["fault"] for row in result["findings"]}
    assert found.get(key) == word, f"the scrub found {found} and not {key}: {word}"
    if api.call("GET", f"/resources/{key}/content", ok=False).status_code == 200:
        world.wrong_bytes.append(key)
    api.call("DELETE", f"/resources/{key}")


def _ended(api, started):
    run = api.call("GET", "/objects/verify")
    return run if run["state"] == "done" and run["started_at"] == started else None


def _flip(path, random):
    at = random.randrange(path.stat().st_size)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ (1 << random.randrange(8))]))


_damage_at_rest("bit flipped", "altered", _flip)
_damage_at_rest("torn", "torn", lambda path, random: os.truncate(path, random.randrange(path.stat().st_size)))
_damage_at_rest("page of zeros", "altered", lambda path, random: _zero(path))
_damage_at_rest("removed", "missing", lambda path, random: path.unlink())


def _zero(path):
    with open(path, "r+b") as file:
        file.write(bytes(min(4096, path.stat().st_size)))


# --- time ------------------------------------------------------------------------------------------------


def _clock(name, seconds):
    @fault(f"clock: {name}", "clock")
    def _(world):
        world.shim.move_clock(seconds)
        world.hold()
        yield
        world.shim.move_clock(0)


_clock("two hours on and back", 7200)
_clock("two hours back and on", -7200)
_clock("a minute on and back", 60)


# --- descriptors and names -------------------------------------------------------------------------------


@fault("ferryd: no descriptor left", "descriptors")
def _(world):
    pid = world.platform.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (world.platform.descriptors(), hard))
    try:
        world.hold()
        yield
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


@fault("no name is resolved, and the broker dies", "names")
def _(world):
    world.shim.fail_names()
    try:
        world.kill_broker()
        world.hold()
        yield
    finally:
        world.shim.fail_names(False)


# --- the network, in a namespace of its own ----------------------------------------------------------------


def _command(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"{words[0]}: {done.stderr.strip().splitlines()[0] if done.stderr.strip() else done.returncode}")


def _netem(name, *how):
    @fault(f"network: {name}", "network")
    def _(world):
        if not world.namespace:
            raise Skip("no network namespace: only root may make one")
        _command("tc", "qdisc", "add", "dev", "lo", "root", "netem", *how)
        try:
            world.hold()
            yield
        finally:
            _command("tc", "qdisc", "del", "dev", "lo", "root")


_netem("delay (netem)", "delay", "40ms", "20ms")
_netem("reordering (netem)", "delay", "10ms", "reorder", "25%", "50%")
_netem("loss (netem)", "loss", "5%")


def _rules(name, *rules):
    """rules: of nft, with {mqtt} and {objects} for the ports."""
    @fault(f"network: {name}", "network")
    def _(world):
        if not world.namespace:
            raise Skip("no network namespace: only root may make one")
        ports = {"mqtt": world.platform.mqtt_port, "objects": world.platform.objects_port}
        try:
            _command("nft", "add", "table", "ip", "faults")
            _command("nft", "add", "chain", "ip", "faults", "in", "{ type filter hook input priority 0 ; }")
            for rule in rules:
                _command("nft", "add", "rule", "ip", "faults", "in", *rule.format(**ports).split())
            world.hold()
            yield
        finally:
            subprocess.run(("nft", "delete", "table", "ip", "faults"), capture_output=True, check=False)


_rules("5 % of the packets lost", "numgen random mod 20 == 0 drop")
_rules("30 % of the packets lost", "numgen random mod 10 < 3 drop")
_rules("broker's connections cut", "tcp dport {mqtt} reject with tcp reset")
_rules("object plane's connections cut", "tcp dport {objects} reject with tcp reset")
_rules("broker half open: what it says is lost", "tcp sport {mqtt} drop")
_rules("broker half open: what it is told is lost", "tcp dport {mqtt} drop")
_rules("object plane half open", "tcp sport {objects} drop")
