#!/usr/bin/python3
"""Holds the engine to the instruction counts in instructions.txt, or writes them.

    instructions.py [--update] --cpu CPU --compiler VERSION COMMAND...

COMMAND runs instructions.c on an emulated board of that CPU. Prints every figure. Status 1 when one has
changed by more than the tolerance, in either direction, or is missing; 77 (skipped) when figures have
changed but the compiler is another one than that of the file.
"""
import argparse
import pathlib
import re
import subprocess
import sys

FIGURES = pathlib.Path(__file__).with_suffix(".txt")
CPUS = ("cortex-m0plus", "cortex-m4")
GROUPS = ("all calls", "message in", "message out", "event", "next", "call")  # the order of the file
TOLERANCE = 0.05
SLACK = 5  # instructions: of the smallest calls 5 % are less than one
HEADER = """# Instructions of a call, on average, with the mem*() and str*() that it calls. Each call within 5 %:
# a test holds the engine to it. After a change that is meant: tests/bare/update-instructions
# compiler: {compiler}, -Os
"""
SKIPPED = 77


def measure(command):
    """{what: instructions} in the order of the program."""
    # what the board prints comes out of QEMU as errors do
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=50)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    measured = {row[0]: int(row[2]) for row in rows if len(row) == 3}
    if done.returncode != 0 or not measured:
        sys.exit(f"{done.stdout}{command[-1]} ended with status {done.returncode} and {len(measured)} figures")
    return measured


def ordered(whats):
    return sorted(whats, key=lambda what: [not what.startswith(group) for group in GROUPS])


def read_figures():
    """The compiler, and {what: {cpu: instructions}}."""
    text = FIGURES.read_text() if FIGURES.exists() else ""
    compiler = re.search(r"^# compiler: (.*), -Os$", text, re.M)
    figures = {}
    for line in text.splitlines():
        cells = line.split(None, len(CPUS))
        if line.strip() and not line.startswith("#") and cells[0] != CPUS[0]:
            figures[cells[-1]] = {cpu: int(cell) for cpu, cell in zip(CPUS, cells) if cell != "-"}
    return compiler[1] if compiler else "", figures


def write_figures(compiler, figures):
    lines = ["".join(f"{cpu:>14}" for cpu in CPUS) + "  what"]
    for what in ordered(figures):
        row = figures[what]
        lines.append("".join(f"{row.get(cpu, '-'):>14}" for cpu in CPUS) + f"  {what}")
    FIGURES.write_text(HEADER.format(compiler=compiler) + "\n".join(lines) + "\n")


def update(cpu, compiler, measured):
    _, old = read_figures()
    figures = {what: {**old.get(what, {}), cpu: count} for what, count in measured.items()}
    for what, row in old.items():  # what only the other processor still has
        rest = {key: count for key, count in row.items() if key != cpu}
        if what not in figures and rest:
            figures[what] = rest
    write_figures(compiler, figures)


def fault_of(was, now):
    if was is None:
        return "not in the file"
    if now is None:
        return "not measured any more"
    if abs(now - was) > max(TOLERANCE * was, SLACK):
        return "grown" if now > was else "smaller: the file is stale"
    return ""


def check(cpu, compiler, measured):
    figures_compiler, figures = read_figures()
    faults = []
    print(f"{'instructions, ' + cpu:44} {'file':>9} {'now':>9}")
    for what in ordered({**measured, **{what: 0 for what in figures if cpu in figures[what]}}):
        was, now = figures.get(what, {}).get(cpu), measured.get(what)
        faults.append(fault_of(was, now))
        print(f"{what:44} {was or '-':>9} {now or '-':>9}  {faults[-1]}".rstrip())
    missing, changed = (sum(fault.startswith("not ") == kind for fault in faults if fault) for kind in (True, False))
    if changed and not missing and figures_compiler != compiler:
        print(f"not compared: the file is of {figures_compiler}, and this is {compiler}")
        return SKIPPED
    if changed or missing:
        print(f"figures that changed by more than {TOLERANCE:.0%}: {changed}; missing in the file or here: {missing}.\n"
              "If that is meant, type: tests/bare/update-instructions")
    return 1 if changed or missing else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--cpu", choices=CPUS, required=True)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    measured = measure(args.command)
    if args.update:
        update(args.cpu, args.compiler, measured)
        return 0
    return check(args.cpu, args.compiler, measured)


if __name__ == "__main__":
    sys.exit(main())
