"""What is installed beside the programs: units that systemd accepts, and manual pages that say all that --help says."""
import os
import pathlib
import re
import subprocess

import pytest
from ferry import SOURCE_DIR, program
from test_completion import ferryctl_commands, help_of, options_of

BUILD = pathlib.Path(os.environ.get("FERRY_BUILD", SOURCE_DIR / "build" / "dev"))
MANUALS = SOURCE_DIR / "packaging" / "man"
EXPOSURE_MAX = 20  # of systemd-analyze security, in tenths: "OK" ends at 40


# --- units -----------------------------------------------------------------------------------------------------------


def unit(name, folder):
    """The unit as it is installed, but with the program of this build."""
    text = (BUILD / "packaging" / f"{name}.service").read_text()
    text, count = re.subn(r"^ExecStart=\S+/ferry ", f"ExecStart={program('ferry')} ", text, flags=re.M)
    assert count == 1
    path = folder / f"{name}.service"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["ferry-agent", "ferry-agent@"])
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path, name):
    path = unit(name, tmp_path)
    if name.endswith("@"):
        instance = tmp_path / "ferry-agent@one.service"
        instance.symlink_to(path)
        path = instance
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_is_a_tight_sandbox(tmp_path):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}",
                           unit("ferry-agent", tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_the_two_units_differ_in_the_instance_only(tmp_path):
    one, many = (unit(name, tmp_path).read_text() for name in ("ferry-agent", "ferry-agent@"))
    settings = [line for line in many.splitlines() if not line.startswith("#")]
    assert "Description=Ferry agent %i, receives files from the platform" in settings
    plain = "\n".join(settings).replace("/%i.ini", "/ferry.ini").replace("/%i", "").replace(" %i", "")
    assert plain == "\n".join(line for line in one.splitlines() if not line.startswith("#"))


def test_the_example_settings_are_settings(tmp_path):
    """Each line of the example, also those that are commented out, is understood."""
    text = (SOURCE_DIR / "packaging" / "ferry-agent.ini").read_text()
    lines = re.findall(r"^(?:# )?([a-z-]+) = (.*)$", text, re.M)
    assert len(lines) >= 8
    names = {name[2:] for name in options_of(help_of("ferry"))}
    assert {name for name, _ in lines} <= names
    ini = tmp_path / "ferry.ini"
    ini.write_text(text)
    done = subprocess.run([program("ferry"), "agent", "--config", ini], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("ferry: /etc/ferry/secret: ")  # all before was read


def installed(folder, *args):
    subprocess.run(["cmake", "--install", BUILD, "--prefix", folder, *args], check=True, capture_output=True)
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


FOR_A_DEVICE = {
    "bin/ferry", "lib/systemd/system/ferry-agent.service", "lib/systemd/system/ferry-agent@.service",
    "lib/sysusers.d/ferry-agent.conf", "share/doc/ferry/ferry-agent.ini", "share/man/man1/ferry.1",
    "share/bash-completion/completions/ferry", "share/fish/vendor_completions.d/ferry.fish",
    "share/zsh/site-functions/_ferry",
}


def test_a_device_gets_all_that_it_needs_and_nothing_of_the_platform(tmp_path):
    assert installed(tmp_path, "--component", "device") == FOR_A_DEVICE


def test_everything_gets_all_of_that_and_the_same_for_ferryctl(tmp_path):
    found = installed(tmp_path)
    assert FOR_A_DEVICE <= found
    assert {"bin/ferryctl", "share/man/man1/ferryctl.1", "share/bash-completion/completions/ferryctl",
            "share/fish/vendor_completions.d/ferryctl.fish", "share/zsh/site-functions/_ferryctl"} <= found


# --- manual pages ----------------------------------------------------------------------------------------------------


def plain(text):
    """A page without its markup: fonts, escaped dashes."""
    return re.sub(r"\\f[A-Z]|\\&", "", text).replace("\\-", "-").replace('"', "")


def described_options(text):
    """Options that have an entry of their own: in the line that follows .TP or .TQ."""
    tags = re.findall(r"^\.T[PQ].*\n(.*)", text, re.M)
    return {option for tag in tags for option in re.findall(r"(?<![\w-])--?[a-zA-Z?][a-z-]*", plain(tag))}


@pytest.mark.parametrize("page", sorted(path.name for path in MANUALS.iterdir()))
def test_a_page_is_well_formed(page):
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", MANUALS / page], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("tool", ["ferry", "ferryctl"])
def test_a_page_and_the_help_text_have_the_same_options(tool):
    texts = [help_of(tool)] + ([help_of(tool, *command.split()) for command in ferryctl_commands()]
                               if tool == "ferryctl" else [])
    expected = set()
    for text in texts:
        for name, (short, _) in options_of(text).items():
            expected |= {name, short} - {None}
    assert described_options((MANUALS / f"{tool}.1").read_text()) == expected


def test_the_page_of_ferryctl_has_every_command():
    text = plain((MANUALS / "ferryctl.1").read_text())
    tags = re.findall(r"^\.TP.*\n\.\w+ (.*)", text, re.M)
    for command in ferryctl_commands():
        assert any(re.match(rf"{command}( |$)", tag) for tag in tags), command


def test_the_page_of_ferry_has_every_exit_status_event_and_variable():
    """Against the sources: what the program can print, and what a hook can see."""
    text = plain((MANUALS / "ferry.1").read_text())
    tools = [path for path in (SOURCE_DIR / "tools").glob("ferry_*.c") if not path.name.endswith("_test.c")]
    source = "\n".join(path.read_text() for path in tools)
    events = set(re.findall(r'"event",\s*"(\w+)"', source)) | {"hashing", "progress"}
    assert len(events) > 8
    for event in events:
        assert re.search(rf"^\.B {event}$|\b{event}\b", text, re.M), event
    variables = re.findall(r'add(?:_number)?\(e, "(\w+)"', source)
    assert len(variables) == 10
    for variable in variables:
        assert f"FERRY_{variable}" in text, variable
    for ended in re.findall(r'show_hook\(r, [^;]*?"(exit|signal|timeout|stopped|not started|given up|skipped)"', source, re.S):
        assert ended in text, ended
    for status in range(5):
        assert re.search(rf"^\.TP\n\.B {status}$", text, re.M), status
