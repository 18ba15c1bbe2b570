"""Faults under a mixed load, one at a time and then in pairs, and what must be true after each, seen from outside.

    report = Campaign(seed, seconds).run()

Each round: devices and an operator work (load.py), a fault comes and goes (injections.py), they go on, finish what they have begun,
and everything that was answered is looked for (ledger.py).
"""
import contextlib
import json
import pathlib
import random
import tempfile
import time
import traceback

from allocations import Allocations
from ferry import PATIENCE, SANITIZED, wait_for
from injections import FAULTS, NEEDS, Skip, World, fits
from ledger import Ledger
from load import Load
from parts import Parts

DEVICES, COMMANDS = 4, 2
ANSWERS_BEFORE = 15     # the load runs
ANSWERS_AFTER = 15      # it goes on
RECOVER_S = 60 * PATIENCE
REFUSALS = (404, 409, 500, 503, 507) # a disk that fails is told as such
OPEN_UPLOADS, OPEN_DOWNLOADS = ("created", "uploading"), ("queued", "offered", "downloading")


class Round:
    """One load, one fault or two, one verdict."""

    def __init__(self, world, names, seed):
        self.world, self.names, self.seed = world, names, seed
        self.ledger = Ledger()
        self.recovery_s = None
        self.skipped, self.injected = None, []
        self.lost, self.wrong = [], []

    def run(self):
        with tempfile.TemporaryDirectory(prefix="ferry-devices-") as folder:
            self._work(pathlib.Path(folder))
        self._check()
        return self

    def _work(self, folder):
        self.world.choose()
        self.load = Load(self.world.platform, self.ledger, DEVICES, self.seed, REFUSALS, COMMANDS, folder)
        try:
            self.load.start()
            self.world.answers, self.world.alone = lambda: self.ledger.answers, len(self.names) == 1
            self._wait_for_answers(ANSWERS_BEFORE, "work before the fault")
            self._inject()
            self._wait_for_answers(1, "the first answer after the fault")
            self.recovery_s = time.monotonic() - self.lifted
            self._wait_for_answers(ANSWERS_AFTER, "work after the fault")
            self.load.stop(RECOVER_S)
        finally:
            self.load.abandon()

    def _wait_for_answers(self, count, what):
        enough = self.ledger.answers + count

        def worked():
            self.load.check()
            return self.ledger.answers >= enough

        wait_for(worked, RECOVER_S, f"{what} ({', '.join(self.names)})")

    def _inject(self):
        with contextlib.ExitStack() as stack:
            try:
                for name in self.names:
                    stack.enter_context(FAULTS[name][1](self.world))
                    self.injected.append(FAULTS[name][0])
            except Skip as why:
                self.skipped = str(why)
            self.lifted = time.monotonic() # what was stopped is started from here on
        self.world.up()
        while self.world.afterwards:
            try:
                self.world.afterwards.pop()()
            except Skip as why:
                self.skipped, self.injected = str(why), []

    # --- what must be true -------------------------------------------------------------------------------

    def _check(self):
        api = self.world.platform.api
        differences = self.ledger.compare(api) + self._stuck(api) + self._miscounted(api) + self._not_whole(api)
        self.wrong += [d for d in differences if "whole" in d or "visible" in d] + self.world.wrong_bytes
        self.lost += [d for d in differences if d not in self.wrong]
        self.world.wrong_bytes = []

    def _stuck(self, api):
        product = self.load.product
        # a request that MQTT delivers once more, late, opens a task that no device knows of: it expires (docs/simulation.md)
        uploads = [row for row in api.uploads(product) if row["state"] in OPEN_UPLOADS and
                   (row["id"] in self.ledger.uploads or row["state"] != "created")]
        return [f"upload {row['id']} is {row['state']} for ever" for row in uploads] + \
               [f"download {row['id']} is {row['state']} for ever" for row in self._tasks(api) if row["state"] in OPEN_DOWNLOADS]

    def _tasks(self, api):
        """The download tasks, each with the name and MD5 of its file."""
        made = api.list("/deployments", product=self.load.product) # also those whose answer was lost
        files = self._files(api)
        return [row | {"file": files[deployment["resource_id"]]} for deployment in made for row in api.deployment_tasks(deployment["id"])]

    def _files(self, api):
        return {row["id"]: (row["name"], row["md5"]) for row in api.list("/resources", product=self.load.product)}

    def _miscounted(self, api):
        """Devices, API and metrics agree."""
        found = [f"download {row['id']} is done, and {row['device']} has no such file" for row in self._tasks(api)
                 if row["state"] == "done" and row["id"] not in self.ledger.fetched
                 and (row["device"], *row["file"]) not in self.ledger.received]
        totals, metrics = api.call("GET", "/status")["totals"], api.metrics()
        rows = {"devices": sum(len(api.list("/devices", product=p["name"])) for p in api.list("/products")),
                "resources": len(api.list("/resources")), "deployments": len(api.list("/deployments")),
                "uploads_open": len([u for u in api.uploads() if u["state"] in OPEN_UPLOADS]),
                "uploads_stored_bytes": sum(u["size"] for u in api.uploads() if u["state"] in ("stored", "done"))}
        for name, count in rows.items():
            shown = [line.split()[1] for line in metrics.splitlines() if line.startswith(f"ferry_store_{name} ")]
            if totals[name] != count or [float(value) for value in shown] != [count]:
                found.append(f"{count} {name} in the lists, {totals[name]} in the status, {shown} in the metrics")
        return found

    def _not_whole(self, api):
        """The scrub's word on every file of the round's product."""
        started = api.call("POST", "/objects/verify", json={"product": self.load.product, "rate_bytes": 1 << 30})["started_at"]

        def ended():
            run = api.call("GET", "/objects/verify")
            return run if run["started_at"] == started and run["state"] != "running" else None

        run = wait_for(ended, RECOVER_S, "the end of the scrub")
        files = set(self._files(api).values())
        got = [f"{name} on {device} is not whole" for device, name, md5 in self.ledger.received if (name, md5) not in files]
        return got + [f"the scrub says of {row['id']}: {row['fault']}, not whole" for row in run["findings"]] + \
               ([] if run["state"] == "done" else [f"the scrub ended as {run['state']}: {run['error']}"])


class Campaign:
    def __init__(self, seed, seconds, say=print, only=None, most=None, *, pairs=False, **form):
        """most: allocations that fail, by program. pairs: nothing but pairs. form: that of Parts."""
        self.seed, self.seconds, self.form, self.say, self.only, self.pairs = seed, seconds, form, say, only, pairs
        self.most, self.allocations = most or {}, {}
        self.rows = []   # one for each round
        self.failures = []

    def run(self):
        """Singles in a drawn order, then pairs, until the time is over. Gives the report."""
        draw = random.Random(self.seed)
        with tempfile.TemporaryDirectory(prefix="ferry-faults-") as folder, contextlib.ExitStack() as stack:
            parts = Parts(stack, pathlib.Path(folder), draw, **self.form)
            self.began, self.end = time.monotonic(), time.monotonic() + self.seconds
            self._allocations(pathlib.Path(folder), parts.members[0][0], draw)
            self.world = World(parts, draw, PATIENCE)
            for number, names in enumerate(self._plan(draw)):
                if time.monotonic() >= self.end or len(self.failures) >= 3:
                    break
                self._round(number, names)
        return self.report()

    def _allocations(self, folder, platform, draw):
        # a sanitizer has its own malloc; what TLS and many machines allocate is mostly other people's
        elsewhere = SANITIZED or self.pairs or self.form.get("tls") or self.form.get("bucket") or self.form.get("workers", 1) > 1
        most = {} if elsewhere or self.only else self.most
        self.allocations = Allocations(folder, platform, draw).run(most, self.seconds / 3)
        for name, result in self.allocations.items():
            self.say(f"{name}: {result['failed']} of {result['allocations']} allocations failed, one at a time: " +
                     ", ".join(f"{key} {value}" for key, value in result.items() if key not in ("allocations", "failed")))

    def _plan(self, draw):
        singles = [name for name in FAULTS if fits(name, self.world.parts) and (self.only is None or self.only in name)]
        draw.shuffle(singles)
        for name in [] if self.pairs else singles:
            yield [name]
        own = [name for name in singles if FAULTS[name][0] in NEEDS] if self.pairs else []
        while self.only is None:
            yield draw.sample(singles, 2)
            if own:
                yield self._pair_with(draw, draw.choice(own), singles)

    @staticmethod
    def _pair_with(draw, name, others):
        """In either order."""
        pair = [name, draw.choice([other for other in others if other != name])]
        draw.shuffle(pair)
        return pair

    def _round(self, number, names):
        round_, error = Round(self.world, names, self.seed + number), None
        begun = time.monotonic()
        try:
            round_.run()
        except Exception as problem: # kept: the report names it, and the campaign fails
            error = "".join(traceback.format_exception_only(type(problem), problem)).strip()
            self.say(f"{' + '.join(names)}: {traceback.format_exc()}")
            self._recover()
        row = {"faults": names, "kinds": round_.injected, "skipped": round_.skipped,
               "acknowledged": round_.ledger.answers, "killed": round_.ledger.killed, "recovery_s": round_.recovery_s, "lost": round_.lost, "wrong": round_.wrong,
               "error": error, "seconds": round(time.monotonic() - begun, 1)}
        self.rows.append(row)
        if error or round_.lost or round_.wrong:
            self.failures.append(row)
        self._tell(row)

    def _recover(self):
        """After a round that failed the next one begins with a platform that works."""
        for platform, shim in self.world.parts.members:
            shim.heal_writes(), shim.live_on(), shim.fail_names(None), shim.move_clock(0)
            self.say(platform.log_tail(40))
        with contextlib.suppress(Skip): # it may be what stands still, and the next ferryd would take it over
            self.world.kill_broker()
        self.world.down()
        self.world.up()
        self.world.afterwards.clear()

    def _tell(self, row):
        what = f"skipped: {row['skipped']}" if row["skipped"] else f"recovered in {row['recovery_s'] or -1:.2f} s"
        bad = row["lost"] + row["wrong"] + ([row["error"]] if row["error"] else [])
        self.say(f"{' + '.join(row['faults'])}: {row['acknowledged']} acknowledged, {what}" + "".join(f"\n    {b}" for b in bad))

    # --- the report ----------------------------------------------------------------------------------------

    def report(self):
        done = [row for row in self.rows if row["kinds"]]
        recovery = [row for row in done if row["recovery_s"] is not None]
        longest = max(recovery, key=lambda row: row["recovery_s"], default=None)
        return {
            "seed": self.seed, "seconds": round(time.monotonic() - self.began), "rounds": len(self.rows),
            "injected": sum(len(row["kinds"]) for row in done),
            "pairs": sum(len(row["kinds"]) == 2 for row in done),
            "acknowledged": sum(row["acknowledged"] for row in self.rows), "killed": sum(row["killed"] for row in self.rows),
            "lost": sum(len(row["lost"]) for row in self.rows), "wrong_bytes": sum(len(row["wrong"]) for row in self.rows),
            "errors": [row["error"] for row in self.rows if row["error"]] + [f for part in self.allocations.values() for f in part["faults"]],
            "allocations": self.allocations,
            "longest_recovery_s": round(longest["recovery_s"], 2) if longest else None,
            "longest_recovery_of": longest["faults"] if longest else None,
            "skipped": sorted({f"{' + '.join(row['faults'])}: {row['skipped']}" for row in self.rows if row["skipped"]
                               and len(row["faults"]) == 1}),
            "kinds": self._kinds(done), "rows": self.rows}

    @staticmethod
    def _kinds(done):
        kinds = {}
        for row in done:
            for kind in row["kinds"]:
                sums = kinds.setdefault(kind, {"injected": 0, "acknowledged": 0, "longest_recovery_s": 0})
                sums["injected"] += 1
                sums["acknowledged"] += row["acknowledged"]
                sums["longest_recovery_s"] = round(max(sums["longest_recovery_s"], row["recovery_s"] or 0), 2)
        return kinds


def markdown(report):
    """The tables of docs/faults.md."""
    lines = ["| | |", "| --- | ---: |"]
    for key, text in (("seconds", "seconds"), ("rounds", "rounds"), ("injected", "faults injected"), ("pairs", "of them in pairs (rounds)"),
                      ("acknowledged", "operations acknowledged"), ("killed", "runs of `ferry` killed"), ("lost", "lost"), ("wrong_bytes", "wrong bytes"),
                      ("longest_recovery_s", "longest recovery, seconds")):
        lines.append(f"| {text} | {report[key]} |")
    lines += ["", "| kind | injected | acknowledged in these rounds | longest recovery, s |", "| --- | ---: | ---: | ---: |"]
    for kind, sums in sorted(report["kinds"].items()):
        lines.append(f"| {kind} | {sums['injected']} | {sums['acknowledged']} | {sums['longest_recovery_s']} |")
    lines += ["", "| program | allocations | failed | went on | ended and said why | goes on trying | crashed inside of a library |",
              "| --- | ---: | ---: | ---: | ---: | ---: | --- |"]
    for name, part in report["allocations"].items():
        crashed = ", ".join(f"{library} {count}" for library, count in part["crashed_in"].items())
        lines.append(f"| `{name}` | {part['allocations']} | {part['failed']} | {part['went_on']} | {part['said_so']} | "
                     f"{part['keeps_trying']} | {crashed or '–'} |")
    return "\n".join(lines) + "\n"


def save(report, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "report.md").write_text(markdown(report))
