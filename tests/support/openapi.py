"""Holds answers of the operator API to docs/api/openapi.yaml: status, type of content, every field.

The part of JSON Schema that the description uses is judged here; a keyword that is not known is an error,
so that the description cannot ask for what nobody checks.
"""
import functools
import pathlib
import re

import yaml

DESCRIPTION = pathlib.Path(__file__).resolve().parents[2] / "docs" / "api" / "openapi.yaml"
CONSOLE_PATHS = ("/", "/assets/{file}")
SILENT = {"description", "default", "format"}
TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None),
}


class Mismatch(AssertionError):
    """An answer or a request is not as described."""


@functools.cache
def description_tree():
    """Read once in a process, by libyaml: a fifth of a second each time otherwise, in nine modules of each process."""
    return yaml.load(DESCRIPTION.read_bytes(), Loader=yaml.CSafeLoader)


class OpenApi:
    def __init__(self):
        self.text = DESCRIPTION.read_text(encoding="utf-8")
        self.tree = description_tree()
        self._paths = [(self._pattern(path), path) for path in self.tree["paths"]]

    def operations(self):
        """Every (method, path) of the description, but for the console's own files (tests/console/test_console_files.py)."""
        return [(method.upper(), path) for path, item in self.tree["paths"].items()
                for method in item if method != "parameters" and path not in CONSOLE_PATHS]

    def parameters(self, method, path):
        item = self.tree["paths"][path]
        both = item.get("parameters", []) + item[method.lower()].get("parameters", [])
        return [self._resolve(parameter) for parameter in both]

    def path_of(self, url_path):
        """The described path for that of a request; None when there is none."""
        return next((path for pattern, path in self._paths if pattern.fullmatch(url_path)), None)

    def check(self, method, url_path, answer):
        """answer: a requests.Response. Raises Mismatch."""
        path = self.path_of(url_path)
        operation = self.tree["paths"].get(path, {}).get(method.lower())
        if operation is None:
            self._check_body(self._resolve({"$ref": "#/components/responses/Problem"}), answer)
            return
        responses = operation["responses"]
        described = responses.get(str(answer.status_code))
        if described is None:
            if answer.status_code < 400:
                raise Mismatch(f"{method} {path}: the status {answer.status_code} is not described")
            described = responses["default"]
        described = self._resolve(described)
        self._check_headers(described, answer)
        self._check_body(described, answer)

    def _check_headers(self, response, answer):
        for name, header in response.get("headers", {}).items():
            header = self._resolve(header)
            if name in answer.headers:
                self.validate(header["schema"], answer.headers[name], name)
            elif header.get("required"):
                raise Mismatch(f"{answer.status_code} without the header {name}")

    def _check_body(self, response, answer):
        content = response.get("content")
        if content is None:
            if answer.content:
                raise Mismatch(f"an answer without content has {answer.content[:80]!r}")
            return
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if kind not in content:
            raise Mismatch(f"{answer.status_code} with the type {kind!r}, described are {list(content)}: {answer.text[:200]}")
        schema = content[kind].get("schema")
        if schema and "json" in kind:
            body = answer.json()
            self.validate(schema, body, "answer")
            if "problem" in kind and body["status"] != answer.status_code:
                raise Mismatch(f"the problem says {body['status']} in an answer {answer.status_code}")

    def validate(self, schema, value, where):
        schema = self._resolve(schema)
        for keyword, wanted in schema.items():
            if keyword in SILENT:
                continue
            judge = getattr(self, f"_judge_{keyword}", None)
            if judge is None:
                raise Mismatch(f"{where}: the keyword {keyword} is not judged")
            judge(wanted, value, where, schema)

    def _judge_type(self, wanted, value, where, _schema):
        names = wanted if isinstance(wanted, list) else [wanted]
        good = any(isinstance(value, TYPES[name]) and not (name == "integer" and isinstance(value, bool))
                   for name in names)
        if not good:
            raise Mismatch(f"{where}: {value!r} is no {wanted}")

    def _judge_properties(self, wanted, value, where, _schema):
        for name, schema in wanted.items():
            if name in value:
                self.validate(schema, value[name], f"{where}.{name}")

    def _judge_required(self, wanted, value, where, _schema):
        missing = [name for name in wanted if name not in value]
        if missing:
            raise Mismatch(f"{where}: {missing} is missing in {value}")

    def _judge_additionalProperties(self, wanted, value, where, schema):
        extra = [name for name in value if name not in schema.get("properties", {})]
        if wanted is False and extra:
            raise Mismatch(f"{where}: {extra} is not described")
        if isinstance(wanted, dict):
            for name in extra:
                self.validate(wanted, value[name], f"{where}.{name}")

    def _judge_items(self, wanted, value, where, _schema):
        for number, item in enumerate(value if isinstance(value, list) else ()):
            self.validate(wanted, item, f"{where}[{number}]")

    def _judge_minItems(self, wanted, value, where, _schema):
        self._need(len(value) >= wanted, value, where)

    def _judge_maxItems(self, wanted, value, where, _schema):
        self._need(len(value) <= wanted, value, where)

    def _judge_enum(self, wanted, value, where, _schema):
        self._need(value in wanted, value, where)

    def _judge_pattern(self, wanted, value, where, _schema):
        self._need(not isinstance(value, str) or re.search(wanted, value), value, where)

    def _judge_minimum(self, wanted, value, where, _schema):
        self._need(value >= wanted, value, where)

    def _judge_maximum(self, wanted, value, where, _schema):
        self._need(value <= wanted, value, where)

    def _judge_minLength(self, wanted, value, where, _schema):
        self._need(len(value) >= wanted, value, where)

    def _judge_maxLength(self, wanted, value, where, _schema):
        self._need(len(value) <= wanted, value, where)

    @staticmethod
    def _need(good, value, where):
        if not good:
            raise Mismatch(f"{where}: {value!r} is not allowed")

    def _resolve(self, node):
        if "$ref" not in node:
            return node
        target = self.tree
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        # What stands beside a reference (a description) adds to it.
        return {**self._resolve(target), **{key: value for key, value in node.items() if key != "$ref"}}

    @staticmethod
    def _pattern(path):
        return re.compile(re.sub(r"\\\{[a-z]+\\\}", "[^/]+", re.escape(path)))
