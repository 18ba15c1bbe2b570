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
from road import GOOD, Faults

HOLD_S = (0.3, 1.2)      # how long a fault stays
CRASH_WAIT_S = 10        # for a named point to be reached under the load
READY_S = 30
ANSWERS_BESIDE, BESIDE_S = 10, 10
MIB = 1 << 20


class Skip(Exception):
    """This fault cannot be injected here."""


class World:
    """What the faults work on: parts.Parts, of several workers one that is drawn for each round."""

    def __init__(self, parts, random, patience=1):
        self.parts, self.random, self.patience = parts, random, patience
        self.namespace, self.database, self.gateway = parts.namespace, parts.database, parts.gateway
        self.certificates, self.road = parts.certificates, parts.road
        self.answers = lambda: 0 # how many the load has got so far
        self.alone = True        # one fault at a time
        self.wrong_bytes = []    # what was given out that must not be
        self.stopped = False     # ferryd, by SIGSTOP
        self.afterwards = []     # what is to be looked at when no fault is left
        self.choose()

    def choose(self):
        """The ferryd that the next faults meet."""
        self.platform, self.shim = self.random.choice(self.parts.members)

    def hold(self):
        time.sleep(self.random.uniform(*HOLD_S))

    def goes_on(self, what):
        """Beside this fault, when there is no other, the load gets answers as ever."""
        enough = self.answers() + ANSWERS_BESIDE
        if self.alone:
            wait_for(lambda: self.answers() >= enough, BESIDE_S * self.patience, f"work beside {what}")

    def down(self):
        """kill -9 of ferryd."""
        if self.platform.running:
            self.platform.kill9()
        self.platform.bury()

    def broker_pid(self):
        broker = self.parts.broker
        if broker and not broker.running:
            raise Skip("the broker is away already")
        try:
            return broker.pid if broker else self.platform.broker_pid
        except (OSError, ValueError):
            raise Skip("the broker is away already") from None

    def kill_broker(self):
        try:
            os.kill(self.broker_pid(), signal.SIGKILL)
        except ProcessLookupError:
            raise Skip("the broker is away already") from None
        if self.parts.broker:
            wait_for(lambda: not self.parts.broker.running, READY_S, "the end of the broker")

    def try_up(self):
        """The same while the other of two faults may keep it from starting: who watches it tries again."""
        with contextlib.suppress(AssertionError):
            self.up()

    def broker_up(self):
        """One of our own is started by ferryd; another one by who watches it."""
        if self.parts.broker and not self.parts.broker.running:
            self.parts.broker.restart_after_death()

    def up(self):
        """Everything runs, whatever became of it; of two faults, each heals it."""
        self.broker_up()
        for platform, _ in self.parts.members:
            if not (platform.running and self._becomes_ready(platform)):
                platform.bury()
                platform.start()

    @staticmethod
    def _becomes_ready(platform):
        """False: it began while it could not become ready, and has ended of that. Who watches it starts it again."""
        try:
            platform.wait_ready()
        except AssertionError:
            if platform.running:
                raise
            return False
        return True


FAULTS = {}
NEEDS = {"database server": "database", "bucket": "gateway", "TLS": "certificates"} # by kind, a part of the platform
NEED_FERRYD = ("process", "restart", "crash point", "at rest", "descriptors", "names", "TLS")


def fits(name, parts):
    """Has this form of the platform what the fault breaks, and not somewhere else?"""
    kind = FAULTS[name][0]
    need, on_disk = NEEDS.get(kind), kind in ("crash point", "disk")
    if need is not None and getattr(parts, need) is None:
        return False
    elsewhere = [(parts.database, on_disk and "database" in name), (parts.gateway, kind == "at rest" or (on_disk and "object" in name)),
                 (parts.broker, on_disk and "broker" in name), (len(parts.members) == 1, name.startswith("every"))]
    return not any(there and its for there, its in elsewhere)


def fault(name, kind):
    """Adds a generator function to the table. kind: what the report sums up."""
    def add(function):
        @contextlib.contextmanager
        def inject(world):
            if (kind in NEED_FERRYD or "ferryd" in name) and (world.stopped or not world.platform.running):
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


@fault("every ferryd: kill -9", "process")
def _(world):
    for platform, _ in world.parts.members:
        if platform.running:
            platform.kill9()
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
    "small object: in the journal": ("sync", "objects/journal"),
    "small object: given its name": ("rename", "from tmp/"),
    "small objects: written back": ("sync", "all of "),
    "object: ready to be synced": ("rename", "to ready/"),
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
            if at_start and world.alone: # the other one of two may keep it from that
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
        if database.runs(): # another fault at the same time has begun it again
            return True
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


# --- restarts of all, in every order -----------------------------------------------------------------------


def _kill_broker(world):
    with contextlib.suppress(Skip): # it is dead already
        world.kill_broker()


def _deaths(world):
    return {"ferryd": world.down, "broker": lambda: _kill_broker(world), "PostgreSQL": lambda: world.database.kill()}


def _births(world):
    """Of a broker of ferryd's own: as soon as that is there."""
    return {"ferryd": world.try_up, "broker": world.broker_up, "PostgreSQL": lambda: _start_again(world.database)}


def _in_turn(*order):
    @fault(f"{', '.join(order)}: restarted one after the other", _kind_of(order))
    def _(world):
        deaths, births = _deaths(world), _births(world)
        for name in order:
            deaths[name]()
            births[name]()
        yield


def _together(deaths_in, births_in):
    """All are dead before the first one comes back."""
    @fault(f"{', '.join(deaths_in)}: killed, and started as {', '.join(births_in)}", _kind_of(deaths_in))
    def _(world):
        deaths, births = _deaths(world), _births(world)
        world.platform.pause() # ferryd would start its broker
        for name in deaths_in:
            deaths[name]()
        world.hold()
        for name in births_in:
            births[name]()
            world.hold()
        yield


def _kind_of(parts):
    return "database server" if "PostgreSQL" in parts else "restart"


for _parts in (("ferryd", "broker"), ("ferryd", "broker", "PostgreSQL")):
    for _order in itertools.permutations(_parts):
        _in_turn(*_order)
        _together(_parts, _order)
        if _order != _parts:
            _together(_order, _parts)


# --- a bucket ------------------------------------------------------------------------------------------


@fault("bucket: gateway killed", "bucket")
def _(world):
    world.gateway.kill()
    try:
        world.hold()
        yield
    finally:
        world.gateway.start_again()


@fault("bucket: gateway stands still", "bucket")
def _(world):
    world.gateway.stop_answering()
    try:
        world.hold()
        yield
    finally:
        world.gateway.go_on()


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


for _where, _part in (("database", "ferry.db"), ("temporary files", "objects/tmp/"), ("partial objects", "/partial"), ("objects", "/objects/")):
    for _failure in (errno.EIO, errno.ENOSPC, errno.EROFS):
        _disk(_where, _part, _failure)


# --- files at rest ---------------------------------------------------------------------------------------


SET_ASIDE = "set_aside"


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
    known_before = not world.alone and found.get(key) == SET_ASIDE # by the scrub of the other one of two
    assert known_before or found.get(key) == word, f"the scrub found {found} and not {key}: {word}"
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


def _names(name, how):
    @fault(f"names: {name}, and the broker dies", "names")
    def _(world):
        world.shim.fail_names(how)
        try:
            world.kill_broker()
            world.hold()
            yield
        finally:
            world.shim.fail_names(None)


_names("the resolver fails", "fails")
_names("there is no such name", "unknown")
_names("the resolver is silent", "silent")
_names("another address is answered", "wrong")


# --- the network, in a namespace of its own ----------------------------------------------------------------


def _command(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"{words[0]}: {done.stderr.strip().splitlines()[0] if done.stderr.strip() else done.returncode}")


def _road(name, faults, count):
    """count: what road.py counts when the fault has come about."""
    @fault(f"network: {name}", "network")
    def _(world):
        if world.road is None:
            raise Skip("no network whose packets pass through us: it needs a namespace of its own and /dev/net/tun")
        before = world.road.counts[count]

        def met():
            if world.road.counts[count] == before:
                raise Skip("no packet met it")

        world.afterwards.append(met)
        world.road.faults = faults
        try:
            world.hold()
            yield
        finally:
            world.road.faults = GOOD


_road("packets delayed", Faults(delay_s=(0.05, 0.05)), "passed")
_road("packets delayed by more or less, so they overtake one another", Faults(delay_s=(0.01, 0.06)), "passed")
_road("every fourth packet overtaken", Faults(late=0.25), "late")
_road("every tenth packet lost", Faults(lost=0.1), "lost")
_road("every fifth packet comes twice", Faults(doubled=0.2), "doubled")
_road("packets delayed, overtaken, lost and doubled", Faults((0.01, 0.04), lost=0.05, doubled=0.1, late=0.1), "lost")


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
