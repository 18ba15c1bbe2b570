"""Shell completion, in the shells themselves: everything that --help lists is completed, and nothing else."""
import functools
import os
import pathlib
import pty
import re
import select
import subprocess
import time

import pytest
from ferry import PATIENCE, SOURCE_DIR, program

FOLDER = SOURCE_DIR / "packaging" / "completion"
LIMIT_S = 20 * PATIENCE
ALWAYS_SHORT = {"-?", "-V", "-h"}
PROMPT = "@@"


# --- what --help says ------------------------------------------------------------------------------------------------


@functools.cache
def help_of(tool, *words):
    return subprocess.run([program(tool), *words, "--help"], check=True, capture_output=True, text=True).stdout


def options_of(text):
    """{"--name": {"-n", …}} of a help text, with what is said of each."""
    return {match[2]: (match[1], match[3]) for match in
            re.finditer(r"^ +(?:(-.), +)?(--[a-z-]+)(?:[= ]\S+)?(?: {2,}|\n +)(.*)", text, re.M)}


def ferry_options(command=None):
    """Long options that this command of ferry takes; without one, all of them."""
    found = options_of(help_of("ferry"))
    assert len(found) > 20
    return {name for name, (_, text) in found.items()
            if command is None or not re.match(r"(upload|download|agent)\b.*?: ", text)
            or command in text.split(":")[0].split(", ")}


def ferryctl_commands():
    found = re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?= |$)", help_of("ferryctl"), re.M)
    assert len(found) > 20 and "product add" in found and "status" in found
    return found


def ferryctl_options(command=""):
    return set(options_of(help_of("ferryctl", *command.split())))


# --- the shells ------------------------------------------------------------------------------------------------------


class Shell:
    """An interactive shell on a pseudo-terminal, in an empty folder with a few files."""

    def __init__(self, folder, argv, set_up):
        self.folder, self.answer = folder, folder.parent / "answer"
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(folder)
            path = f"{pathlib.Path(program('ferry')).parent}:{os.environ['PATH']}"
            env = {"PATH": path, "HOME": str(folder.parent), "TERM": "dumb", "PS1": PROMPT, "LC_ALL": "C.UTF-8"}
            os.execvpe(argv[0], argv, env)
        self.pid = pid
        self.seen = ""
        for line in set_up:
            self.type(line + "\n")
        self.type("echo rea''dy\n")
        end = time.monotonic() + LIMIT_S
        while PROMPT not in self.seen.partition("\nready")[2]:  # before it, the terminal itself would take the keys
            assert time.monotonic() < end, f"the shell did not begin: {self.seen}"
            self.read()

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self):
        if select.select([self.fd], [], [], 0.05)[0]:
            self.seen += os.read(self.fd, 65536).decode(errors="replace")

    def ask(self, keys):
        """Types keys that make the shell write the answer file; its text."""
        self.answer.unlink(missing_ok=True)
        self.type(keys)
        end = time.monotonic() + LIMIT_S
        while not self.answer.exists() or not self.answer.read_text().endswith("\n"):
            assert time.monotonic() < end, f"no answer to {keys!r}: {self.seen[-2000:]}"
            self.read()
        return self.answer.read_text()

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class Bash(Shell):
    """C-x C-a puts all completions on the line (a thing readline can do), C-x C-p writes the line to a file."""

    def __init__(self, folder):
        super().__init__(folder, ["bash", "--norc", "--noprofile", "-i"], [
            f"source {FOLDER}/ferry.bash", f"source {FOLDER}/ferryctl.bash",
            r"""bind '"\C-x\C-a": insert-completions'""",
            rf"""bind -x '"\C-x\C-p": printf "%s\n" "$READLINE_LINE" >{folder.parent}/answer'"""])

    def complete(self, line):
        """All completions of the last word."""
        before, _, last = line.rpartition(" ")
        text = self.ask(f"{line}\x18\x01\x18\x10\x15").rstrip("\n")
        assert text.startswith(before)
        words = text[len(before):].replace("\\ ", "\0").split()
        words = [word.replace("\0", " ") for word in words]
        return set() if words == [last] and last != "" and not last.startswith("--") else set(words)


class Zsh(Shell):
    """A completion widget that puts all matches on the line, another that writes the line to a file."""

    def __init__(self, folder):
        super().__init__(folder, ["zsh", "-f", "-i"], [
            "unsetopt zle_bracketed_paste prompt_sp beep", f"fpath=({FOLDER} $fpath)",
            "autoload -Uz compinit; compinit -u -D",
            "zle -C every complete-word _generic; bindkey '^X^A' every",
            "zstyle ':completion:every:*' completer _all_matches _complete; zstyle ':completion:every:*' insert true",
            f"line-out() {{ print -r -- \"$BUFFER\" >{folder.parent}/answer; BUFFER= }}; zle -N line-out",
            "bindkey '^X^P' line-out"])

    def complete(self, line):
        before, _, last = line.rpartition(" ")
        text = self.ask(f"{line}\x18\x01\x18\x10").rstrip("\n")
        assert text.startswith(before)
        words = text[len(before):].replace("\\ ", "\0").split()
        words = {re.sub(r"\\(.)", r"\1", word.replace("\0", " ")) for word in words}
        return set() if words == {last} and not last.startswith("--") else {word.rstrip("=") for word in words}


class Fish:
    """fish tells its completions when it is asked."""

    def __init__(self, folder):
        self.folder = folder

    def complete(self, line):
        quoted = "'" + line.replace("\\", "\\\\").replace("'", "\\'") + "'"
        script = f"source {FOLDER}/ferry.fish; source {FOLDER}/ferryctl.fish; complete -C {quoted}"
        done = subprocess.run(["fish", "--no-config", "-c", script], check=True, capture_output=True, text=True,
                              cwd=self.folder, env={"PATH": os.environ["PATH"], "HOME": str(self.folder.parent)})
        assert done.stderr == ""
        return {match.split("\t")[0] for match in done.stdout.splitlines()}

    def close(self):
        pass


@pytest.fixture(scope="module", params=[Bash, Zsh, Fish], ids=["bash", "zsh", "fish"])
def shell(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("home") / "here"
    folder.mkdir()
    (folder / "file one.bin").touch()
    (folder / "plain.bin").touch()
    (folder / "sub").mkdir()
    shell = request.param(folder)
    yield shell
    shell.close()


def long_options(words):
    return {word for word in words if word.startswith("--")}


# --- ferry -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["upload", "download", "agent"])
def test_a_command_of_ferry_completes_its_options_and_no_others(shell, command):
    assert long_options(shell.complete(f"ferry {command} --")) == ferry_options(command)


def test_before_the_command_ferry_completes_every_option(shell):
    assert long_options(shell.complete("ferry --")) == ferry_options()


def test_ferry_completes_its_commands_and_only_one_of_them(shell):
    assert shell.complete("ferry ") == {"upload", "download", "agent"}
    assert shell.complete("ferry --product x --json d") == {"download"}  # the value of an option is no command
    assert "upload" not in shell.complete("ferry agent up")


def test_options_are_narrowed_by_what_is_typed(shell):
    assert shell.complete("ferry agent --hook-") == {"--hook-shell", "--hook-timeout", "--hook-failed"}


@pytest.mark.parametrize("line", ["ferry upload p", "ferry upload --json p", "ferry agent --hook p", "ferry --config p",
                                  "ferry download --secret-file p", "ferry agent --ca-file p"])
def test_files_are_completed_where_files_are_wanted(shell, line):
    assert shell.complete(line) == {"plain.bin"}


@pytest.mark.parametrize("line", ["ferry download --dir ", "ferry agent --state-dir "])
def test_folders_are_completed_where_folders_are_wanted(shell, line):
    assert {word.rstrip("/") for word in shell.complete(line)} == {"sub"}


def test_a_file_with_a_space_is_completed(shell):
    found = shell.complete("ferry upload fi")
    assert {word.replace("\\ ", " ") for word in found} == {"file one.bin"}


def test_brokers_begin_with_a_scheme(shell):
    assert {word.replace("\\", "") for word in shell.complete("ferry agent --broker ")} == {"mqtt://", "mqtts://"}


# --- ferryctl --------------------------------------------------------------------------------------------------------


def test_ferryctl_completes_its_groups(shell):
    assert shell.complete("ferryctl ") == {command.split()[0] for command in ferryctl_commands()}


@pytest.mark.parametrize("group", sorted({command.split()[0] for command in ferryctl_commands() if " " in command}))
def test_a_group_of_ferryctl_completes_its_commands(shell, group):
    expected = {command.split()[1] for command in ferryctl_commands() if command.startswith(group + " ")}
    assert shell.complete(f"ferryctl {group} ") == expected
    assert shell.complete(f"ferryctl --api http://x:1 {group} ") == expected


@pytest.mark.parametrize("command", ferryctl_commands())
def test_a_command_of_ferryctl_completes_its_options_and_no_others(shell, command):
    assert long_options(shell.complete(f"ferryctl {command} --")) == ferryctl_options(command)


def test_before_the_command_ferryctl_completes_everybodys_options(shell):
    everybody = set.intersection(*(ferryctl_options(command) for command in ferryctl_commands()))
    assert long_options(shell.complete("ferryctl --")) == everybody


@pytest.mark.parametrize("command, schema", [("upload list", "UploadState"), ("deployment list", "DeploymentState"),
                                             ("deployment show", "DownloadState")])
def test_states_are_those_of_the_api(shell, command, schema):
    text = (SOURCE_DIR / "docs" / "api" / "openapi.yaml").read_text()
    states = re.search(schema + r":.*?enum: \[(.*?)\]", text, re.S)[1].split(", ")
    assert shell.complete(f"ferryctl {command} --state ") == set(states)


def test_only_what_failed_can_be_tried_again(shell):
    assert shell.complete("ferryctl deployment retry --state ") == {"failed", "timed_out", "rejected"}


def test_ferryctl_completes_files(shell):
    assert shell.complete("ferryctl resource add demo p") == {"plain.bin"}
    assert shell.complete("ferryctl upload get ID -o p") == {"plain.bin"}
    assert shell.complete("ferryctl deploy demo x --devices-file p") == {"plain.bin"}


# --- short options --------------------------------------------------------------------------


@pytest.mark.parametrize("tool, commands", [("ferry", [""]), ("ferryctl", ["", "upload get x", "upload list"])])
def test_short_options_are_known(shell, tool, commands):
    for command in commands:
        expected = {short for short, _ in options_of(help_of(tool, *command.split()[:2])).values() if short}
        found = shell.complete(f"{tool} {command} -".replace("  ", " "))
        assert expected <= found | ALWAYS_SHORT, command
