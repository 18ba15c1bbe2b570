"""The tables of texts: both languages have the same keys and values to fill in, and none is without use."""
import json
import pathlib
import re

from openapi import description_tree

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "console" / "src"


def without_doubles(pairs):
    table = dict(pairs)
    assert len(table) == len(pairs), "a key stands there twice"
    return table


LANGUAGES = {name: json.loads((SOURCE / "texts" / f"{name}.json").read_text(encoding="utf-8"), object_pairs_hook=without_doubles)
             for name in ("en", "zh")}
BY_PROGRAM = ("state.", "error.", "role.")  # their ends come from the platform


def test_both_languages_have_the_same_keys():
    assert list(LANGUAGES["en"]) == list(LANGUAGES["zh"])
    for table in LANGUAGES.values():
        assert all(text.strip() for text in table.values())


def test_both_languages_fill_in_the_same_values():
    for key, text in LANGUAGES["en"].items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", LANGUAGES["zh"][key])), key


def test_every_text_is_used():
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.ts*"))
    unused = [key for key in LANGUAGES["en"] if not key.startswith(BY_PROGRAM) and f'"{key}"' not in code]
    assert unused == []


def names_of(values):
    """The names in the object that the text begins with: { a, b: f(c, d) } has a and b."""
    depth, name, names = 0, "", []
    for char in values:
        depth += (char in "{([") - (char in "})]")
        if char in "{," and depth == 1 or depth == 0:
            names.append(name.partition(":")[0].strip())
            name = ""
        else:
            name += char
        if depth == 0:
            return [name for name in names if name]
    raise AssertionError(values[:80])


def test_the_code_fills_in_what_a_text_wants():
    for path in SOURCE.rglob("*.ts*"):
        code = path.read_text(encoding="utf-8")
        for use in re.finditer(r'\bt\("([\w.]+)"(?:, (?=\{)|\))', code):
            wanted = sorted(set(re.findall(r"\{(\w+)\}", LANGUAGES["en"][use[1]])))
            assert sorted(names_of(code[use.end():]) if use[0].endswith(" ") else []) == wanted, (path.name, use[1])


def test_every_state_has_a_text():
    schemas = description_tree()["components"]["schemas"]
    states = {state for name in ("DeploymentState", "DownloadState", "UploadState") for state in schemas[name]["enum"]}
    assert {f"state.{state}" for state in states} <= set(LANGUAGES["en"])
