"""What every benchmark does: by turns, several rounds, median with the least and the most; and what is kept of it.

    rounds = by_turns(5, {"echo": measure_echo, "ferryd": measure_ferryd})    # {"echo": [result, ...], ...}
    keep("signalling", "Signalling", [Table(...), ...])                        # docs/benchmarks.md and build/bench/signalling.json

The machines are small and noisy: what counts is the ratio between things that were measured by turns in one run.
"""
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import re
import socket
import statistics
import subprocess
import sys
import time

TREE = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT, RESULTS = TREE / "docs/benchmarks.md", TREE / "build/bench"
SECRET = "A" * 43 + "="  # of every device


@dataclasses.dataclass
class Table:
    title: str
    columns: list
    rows: list


def by_turns(rounds, measures, show=lambda title, result: None):
    """Each in turn, so many times."""
    results = {title: [] for title in measures}
    for _ in range(rounds):
        for title, measure in measures.items():
            result = measure()
            show(title, result)
            results[title].append(result)
    return results


def spread(values, form="{:,.0f}"):
    """The median, with the least and the most."""
    return f"{form.format(statistics.median(values))} ({form.format(min(values))} to {form.format(max(values))})"


def ratio(ours, theirs):
    """Of medians; 1 is as good."""
    return statistics.median(ours) / statistics.median(theirs)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_port(port, what):
    for _ in range(500):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"bench: {what} did not start")


def installed(name, *places):
    for path in (*places, f"/usr/sbin/{name}", f"/usr/local/sbin/{name}", f"/usr/bin/{name}"):
        if os.access(path, os.X_OK):
            return path
    sys.exit(f"bench: {name} is not installed: scripts/install-deps bench")


def cpu_s(pid):
    """Of a process with its threads, since it began."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) / 1024


def register_devices(api, product, names):
    """All with the same secret."""
    lines = "name,secret\n" + "".join(f"{name},{SECRET}\n" for name in names)
    api.call("POST", "/devices/import", params={"product": product}, data=lines, headers={"Content-Type": "text/csv"})


def machine():
    cpu = re.search(r"model name\s*: (.+)", pathlib.Path("/proc/cpuinfo").read_text())[1]
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / 2**20
    disk = subprocess.run(["findmnt", "-no", "FSTYPE", "-T", "/tmp"], capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {disk}, Linux {platform.release()}, load {load:.1f} at the end"


def _markdown(table):
    lines = [f"**{table.title}**", "", "| " + " | ".join(table.columns) + " |", "|" + " --- |" * len(table.columns)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in table.rows])


def keep(name, command, tables, results):
    """Replaces the section of that name in docs/benchmarks.md; what was measured, round by round, goes to build/bench."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    day = datetime.date.today().isoformat()
    (RESULTS / f"{name}.json").write_text(json.dumps({"day": day, "machine": machine(), "results": results}, indent=1) + "\n")
    text = f"`{command}`, {day}: {machine()}\n\n" + "\n\n".join(_markdown(table) for table in tables)
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    document = DOCUMENT.read_text(encoding="utf-8")
    if begin not in document:
        sys.exit(f"bench: {DOCUMENT} has no place for {name}: put {begin} and {end} there")
    before, _, rest = document.partition(begin)
    DOCUMENT.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
    print("\n" + text, flush=True)
