"""The environment that the tests were started in. It is read once: pytest changes it with each test, and a thread that copies it at that
moment fails."""
import os

INHERITED = dict(os.environ)


def without_settings():
    """What a program inherits but for Ferry's settings."""
    return {name: value for name, value in INHERITED.items() if not name.startswith("FERRY_")}
