"""docs/security.md is held to the tests that it names."""
import pathlib
import re

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("base", "broker", "server", "tests")


def test_every_test_that_the_threat_model_names_is_there():
    table = re.search(r"^## Who attacks what$(.*?)^## ", (SOURCE_DIR / "docs" / "security.md").read_text(), re.M | re.S).group(1)
    rows = [line.split("|")[-2] for line in table.splitlines() if line.startswith("|")][2:]
    sources = {path.name: path for folder in FOLDERS for path in (SOURCE_DIR / folder).rglob("*") if path.suffix in (".c", ".py")}
    texts = "\n".join(path.read_text(errors="replace") for path in sources.values())
    assert len(rows) > 12
    for row in rows:
        names = re.findall(r"`([\w.]+)`", row)
        assert names, f"no test is named in: {row}"
        for name in names:
            found = name in sources if "." in name else re.search(rf"^(?:def|static void) {name}\(", texts, re.MULTILINE)
            assert found, f"{name} is no test"
