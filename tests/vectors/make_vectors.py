#!/usr/bin/env python3
"""Makes parse.jsonl and write.jsonl. With --check, only compares them with what is there."""
import itertools
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
PAYLOAD_MAX = 16384
TOKENS_MAX = 256
TYPES = ("create_upload_task create_upload_task_rsp report_upload_progress report_upload_progress_rsp get_download_task "
         "get_download_task_rsp download report_download_progress report_download_progress_rsp upload_result").split()
STATES = {"uploading": "running", "downloading": "running", "done": "done", "fail": "fail"}
MD5 = "7cd96e091705fb4da41b3e11163cf663"


# --- what a reader must find, by Python's json ------------------------------------------------

class Num(str):
    """The letters of a JSON number."""


def first_wins(pairs):
    found = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def no_constant(name):
    raise ValueError(name)


def load(payload):
    text = payload.rstrip(b"\0").decode("utf-8", "surrogateescape")
    return json.loads(text, object_pairs_hook=first_wins, parse_int=Num, parse_float=Num, parse_constant=no_constant,
                      strict=False)


def whole(value):
    if isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]*", value) and int(value) < 2**64:
        return int(value)
    return None


def int32(value):
    match = re.fullmatch(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?", value) if isinstance(value, str) else None
    return max(-2**31, min(2**31 - 1, int(match[1]))) if match else None


def text(value):
    return value if isinstance(value, str) and not isinstance(value, Num) else None


def inner(value, *keys):
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def judge(payload):
    """(error, expect) of a well-formed payload."""
    try:
        top = load(payload)
    except ValueError as error:
        raise AssertionError(f"not well-formed, needs a judgement by hand: {payload!r}") from error
    if not isinstance(top, dict):
        return "JSON", None
    kind = text(top.get("type"))
    if kind not in TYPES:
        return "TYPE", None
    outcome = top
    if kind.startswith("report_") and not kind.endswith("_rsp"):
        outcome = inner(top, "progress")
    elif kind == "upload_result":
        outcome = inner(top, "report", "progress")
    found = {"type": kind}
    for key in ("size", "expires"):
        found[key] = whole(top.get(key))
    for key in ("name", "md5sum", "url", "request_id", "sha256"):
        found[key] = text(top.get(key))
    for key in ("percent", "result_code"):
        found[key] = int32(outcome.get(key))
    found["result_msg"] = text(outcome.get("result_msg"))
    found["state"] = STATES.get(text(outcome.get("state")))
    return None, {key: value for key, value in found.items() if value is not None}


# --- how cases are written down ---------------------------------------------------------------

def plain(value):
    """A text as a JSON string, or its bytes in hexadecimal when it is not text or not readable. A number as it is, or
    as a string when it needs 64 bits without sign."""
    if isinstance(value, (bool, int)):
        return value if value < 2**63 else str(value)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    try:
        readable = value.decode("utf-8")
    except UnicodeDecodeError:
        return {"hex": value.hex()}
    return readable if readable.isprintable() or re.fullmatch(r"[ -~\n\t\r]*", readable) else {"hex": value.hex()}


parse_cases = []


def add(case, payload, error=None, expect=None):
    """payload: str, bytes, or a list of [str, times]. Without a verdict, Python's json gives it."""
    joined = payload
    if isinstance(payload, list):
        joined = "".join(part * times for part, times in payload)
    if isinstance(joined, str):
        joined = joined.encode()
    if error is None and expect is None:
        error, expect = judge(joined)
    line = {"case": case, "payload": payload if isinstance(payload, list) else plain(joined)}
    if error:
        line["error"] = error
    else:
        line["expect"] = {key: plain(value) for key, value in expect.items()}
    parse_cases.append(line)


def damaged(case, payload, **fields):
    add(case, payload, expect={"damaged": True, **fields})


# --- parse cases ------------------------------------------------------------------------------

def verbatim():
    manual = '{\n  "type":"create_upload_task",\n  "size":100,\n  "name":"zxc",\n  "md5sum":"************",\n}'
    add("the published manual's example with its trailing comma", manual,
        expect=judge(manual.replace(",\n}", "\n}").encode())[1])
    for payload in (
            '{"type": "create_upload_task","size": 23456,"name": "uploadtest","md5sum": "' + MD5 + '"}',
            '{"type":"report_upload_progress","name":"uploadtest","progress":{"percent":0,"state":"uploading",'
            '"result_code":0,"result_msg":""}}',
            '{"type":"report_download_progress","name":"res1","progress":{"state":"done","result_code":0,"result_msg":""}}',
            '{"type": "get_download_task"}'):
        add("verbatim from devices", payload)
    add("a report that says which file it means", '{"type":"report_download_progress","name":"a","progress":{"state":"done",'
        f'"result_code":0,"result_msg":""}},"md5sum":"{MD5}"}}')
    for code, message in ((-1, "time_out"), (-2, "file_not_exist"), (-3, "sign invalid"), (-4, "md5sum not matched")):
        add("a device's failure report", '{"type":"report_upload_progress","name":"a","progress":{"state":"fail",'
            f'"result_code":{code},"result_msg":"{message}"}}}}')
    task = f'"size":100,"name":"zxc","md5sum":"{MD5}","url":"http://h/o/1?e=2&s=3"'
    for kind in ("create_upload_task_rsp", "get_download_task_rsp", "download"):
        add(f"{kind} with all keys", f'{{"type":"{kind}",{task}}}')
        add(f"{kind} with all extensions",
            f'{{"type":"{kind}",{task},"request_id":"r-1","sha256":"{"ab" * 32}","expires":1767323045}}')
    add("a refusal has an empty url and a code", '{"type":"create_upload_task_rsp","size":0,"name":"","md5sum":"",'
        '"url":"","result_code":3,"result_msg":"size must be a whole number of bytes from 1"}')
    for kind in ("report_upload_progress_rsp", "report_download_progress_rsp"):
        add(f"{kind} with all keys", f'{{"type":"{kind}","result_code":0,"result_msg":"ok"}}')
    add("upload_result is nested twice", '{"type":"upload_result","report":{"progress":{"result_code":10}}}')
    add("a request with an id", '{"type":"get_download_task","request_id":"42"}')


def shapes():
    keys = ['"type":"create_upload_task"', '"size":7', '"name":"n"', f'"md5sum":"{MD5}"']
    for order in itertools.permutations(keys):
        add("keys come in any order", "{" + ",".join(order) + "}")
    add("the progress comes before the type",
        '{"progress":{"result_msg":"m","result_code":-3,"percent":7,"state":"fail"},"name":"n","type":"report_upload_progress"}')
    for space in (" ", "\t", "\n", "\r\n", " \t\r\n "):
        add("white space stands between any two tokens",
            space + "{" + space + ("," + space).join(k.replace(":", space + ":" + space) + space for k in keys) + "}" + space)
    for value in ("1", "-1.5e+3", '"x"', "true", "false", "null", "{}", "[]", '{"a":[1,{"b":null}]}', "[[],[[]],{}]"):
        add("unknown keys are skipped with their values", '{"x":' + value + ',"type":"get_download_task","y":' + value + "}")
    for key in ("TYPE", "Type", "typ", "type ", "types", "t\\u0079pes", ""):
        add("a key that only resembles type is unknown", '{"' + key + '":"get_download_task"}')
    add("an escaped key is the same key", '{"t\\u0079p\\u0065":"get_download_task","\\u006eame":"n"}')
    for value in ('""', '"x"', '"Download"', '"download "', '"downloa"', '"downloads"', "1", "null", "true", "[]", "{}"):
        add("an unknown type is no message", '{"type":' + value + "}")
    for payload in ("", " ", "\0", "null", "1", '"type"', "[]", '[{"type":"download"}]', "x", '"type":"download"', "}", "{",
                    '\ufeff{"type":"download"}', "{'type':'download'}", '{type:"download"}'):
        add("the payload is no JSON object", payload, error="JSON")
    add("an object without a type", "{}")
    add("an object without a type", '{"size":1}')


def duplicates():
    for payload in (
            '{"type":"download","type":"upload_result"}',
            '{"type":"x","type":"download"}',
            '{"type":"download","name":"1","name":"2","size":1,"size":2}',
            '{"type":"download","name":5,"name":"2","size":"x","size":2}',
            '{"type":"report_upload_progress","progress":{"state":"fail","state":"done","result_code":-1,"result_code":0}}',
            '{"type":"report_upload_progress","progress":{"state":"fail"},"progress":{"state":"done","percent":5}}',
            '{"type":"report_upload_progress","progress":1,"progress":{"state":"done"}}',
            '{"type":"upload_result","report":{"progress":{"result_code":1},"progress":{"result_code":2}},'
            '"report":{"progress":{"result_code":3}}}'):
        add("of duplicate keys the first counts", payload)


def nesting():
    for payload in (
            '{"type":"report_upload_progress","result_code":5,"state":"done","progress":{"type":"x","name":"x"},"name":"n"}',
            '{"x":{"type":"upload_result","progress":{"result_code":1}},"type":"report_upload_progress","progress":{"result_code":2}}',
            '{"type":"report_upload_progress","progress":{"progress":{"state":"done"},"percent":1}}',
            '{"type":"report_upload_progress","progress":{"report":{"state":"done"},"percent":1}}',
            '{"type":"report_upload_progress","progress":[{"state":"done"}]}',
            '{"type":"report_upload_progress","report":{"progress":{"state":"done"}}}',
            '{"type":"upload_result","result_code":1,"progress":{"result_code":2},"report":{"result_code":3}}',
            '{"type":"upload_result","report":{"report":{"progress":{"result_code":2}},"progress":{"result_code":4}}}',
            '{"type":"report_upload_progress_rsp","progress":{"result_code":2,"result_msg":"x"}}',
            '{"progress":{"result_code":1,"result_msg":"one"},"report":{"progress":{"result_code":2}},"result_code":3,'
            '"result_msg":"three","type":"report_upload_progress_rsp"}'):
        add("a field counts only where its type has it", payload)
    deep = 120
    add("deep nesting within the limit", [["{\"x\":", 1], ["[", deep], ["]", deep], [',"type":"download"}', 1]])
    add("deep nesting within the limit", [["{\"x\":", deep], ["1", 1], ["}", deep - 1], [',"type":"download"}', 1]])
    damaged("nesting over the limit", [['{"type":"download","size":5,"x":', 1], ["[", 16000], ["]", 300]],
            type="download", size=5)
    damaged("nesting over the limit", [['{"type":"download","x":', 1], ['{"x":', 3200]], type="download")
    add("nesting over the limit before the type",
        [['{"x":', 1], ["[", 1000], ["]", 1000], [',"type":"download"}', 1]], error="JSON")


def numbers():
    for value in ("0", "1", "100", "4294967295", "4294967296", "18446744073709551615", "18446744073709551616",
                  "99999999999999999999999", "-1", "-0", "1.5", "1.0", "1e3", "1E3", "0e1", "true", "null", "[1]", "{}",
                  '"100"', '"18446744073709551615"', '"18446744073709551616"', '"0100"', '""', '" 1"', '"1 "', '"+1"', '"-1"',
                  '"0x10"', '"1.5"', '"1e3"', '"\\u0031"', '"x"'):
        add("size is a whole number below 2^64, also as a string", '{"type":"create_upload_task","size":' + value + "}")
    for value in ("0", "-0", "7", "-4", "100", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967296",
                  "99999999999999999999999", "-99999999999999999999999", "1.5", "-1.9", "1e3", "1.5e3", "true", "null", "[]",
                  '"50"', '"-3"', '"1.5"', '"-"', '""', '"."', '".5"', '"1."', '"5%"', '"--1"', '"+1"'):
        add("percent and result_code are cut to 32 bits, also as strings",
            '{"type":"report_upload_progress","progress":{"percent":' + value + ',"result_code":' + value + "}}")
    for value in ("01", "-", "-a", "1.", ".5", "+1", "1e", "1e+", "0x10", "1_0", "NaN", "Infinity", "-Infinity", "tru", "True",
                  "nul", "truee", "1a", "--1", "1.5.2", "\u00e9"):
        damaged("what is neither a number nor a word of JSON is malformed",
                '{"type":"create_upload_task","name":"n","size":' + value + "}", type="create_upload_task", name="n")


def wrong_types():
    values = ("1", "-1", "true", "null", "[]", "{}", '["x"]', '{"x":"y"}', '"x"', '"1"')
    for key in ("size", "name", "md5sum", "url", "result_code", "result_msg", "request_id", "sha256", "expires", "progress",
                "report", "type"):
        for value in values:
            add("a value of the wrong type is as good as absent", '{"' + key + '":' + value + ',"type":"create_upload_task_rsp"}')
    for key in ("state", "percent", "result_code", "result_msg"):
        for value in values:
            add("a value of the wrong type is as good as absent",
                '{"type":"report_upload_progress","progress":{"' + key + '":' + value + "}}")


def strings():
    for value in (r"\"\\\/\b\f\n\r\t", r"\u0041\u00e9\u20ac\uffff", r"\u007f\u0080\u07ff\u0800", r"\ud83d\ude00",
                  r"\uD800\uDC00\udbff\uDFFF", r"x\u0000y", "", "é€😀", r"\\u0041", r"a\\", "{}[]:,"):
        add("escapes are decoded to UTF-8", '{"type":"download","name":"' + value + '","size":3}')
    for value in (r"\ud800", r"\udc00", r"\ud800\ud800", r"\ud800x\udc00", r"\ud800\n\udc00", r"\ud83d", r"\udfff\ud800",
                  r"\ud800\u0041", r"\udc00\udc00", r"\ud800xudc00", r"\ud800\ndc00"):
        damaged("half a surrogate pair is malformed", '{"type":"download","size":3,"name":"' + value + '"}',
                type="download", size=3)
    for value in (r"\x41", r"\u12", r"\u12g4", r"\U0041", r"\0", r"\'", r"\u"):
        damaged("an unknown or short escape is malformed", '{"type":"download","size":3,"name":"' + value + '","url":"u"}',
                type="download", size=3)
    damaged("an escaped quote does not end its string", '{"type":"download","name":"x\\","url":"u"}', type="download", name='x",')
    add("raw control characters in a string are read", b'{"type":"download","name":"a\x01\t\n\x1f\x7fb"}')
    for raw in (b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\x80b", b"\xe2\x82"):
        add("invalid UTF-8 in a string is passed on as it is", b'{"type":"download","name":"' + raw + b'","' + raw + b'":1}')
    damaged("invalid UTF-8 outside a string is malformed", b'{"type":"download",\xff"size":1}', type="download")


def broken():
    start = '{"type":"create_upload_task","size":5'
    known = {"type": "create_upload_task", "size": 5}
    for rest in ("", ",", ',"', ',"name', ',"name"', ',"name":', ',"name":"', ',"name":"x', ',,"name":"x"}', ',"name" "x"}',
                 ',"name"="x"}', ',"name":}', ',"name":,}', ' ;"name":"x"}', ' "name":"x"}', ',"name"}', ",1:2}", ",{}}", ",[]}",
                 ",null}", "]", ',"x":[}', ',"x":[1 2]}', ',"x":[,]}', ',"x":[1,,2]}', ',"x":{,}}', ',"x":[1:2]}', ',"x":{1}}',
                 ',"x":[]]}', ":6}", ',"x"::1}', "}}", "}x", "} {}", "},", '}"', "}]", '}{"name":"x"}', "}\0x", ",/*c*/}"):
        damaged("fields before the first malformed place are kept", start + rest, **known)
    damaged("a quote inside a name breaks the message there",
            '{"type":"create_upload_task","size":5,"name":"a"b","md5sum":"' + MD5 + '"}', **known, name="a")
    damaged("a string that breaks off", '{"type":"create_upload_task","size":5,"name":"n","md5sum":"7cd9', **known, name="n")
    for payload in ('{"size":1,,"type":"download"}', '{"a" "b","type":"download"}', '{"a":"b" "type":"download"}',
                    '{"size":01,"type":"download"}', '{,"type":"download"}', '{"x":"\\ud800","type":"download"}'):
        add("malformed before the type", payload, error="JSON")
    for payload in ('{"type"', '{"type":', '{"type":"download', '{"type":"x",,', '{"type":1,,'):
        add("malformed without a known type before", payload, error="JSON")
    for payload, clean in (('{"type":"download",}', '{"type":"download"}'),
                           ('{"type":"download" ,\n}', '{"type":"download"}'),
                           ('{"type":"report_upload_progress","progress":{"state":"done",},}',
                            '{"type":"report_upload_progress","progress":{"state":"done"}}'),
                           ('{"x":[1,],"type":"download"}', '{"x":[1],"type":"download"}')):
        add("a comma before a closing bracket is accepted", payload, expect=judge(clean.encode())[1])
    for payload in ('{"type":"download",,}', '{"type":"download","x":{,}}', '{"type":"download","x":[,]}'):
        damaged("two commas, or one after an opening bracket, are malformed", payload, type="download")


def nul_bytes():
    add("NUL after the closing brace is ignored", '{"type":"download","size":1}\0')
    add("NUL after the closing brace is ignored", '{"type":"download","size":1} \0\0\0')
    damaged("NUL between tokens ends the message", '{"type":"download","size":1,\0"name":"n"}', type="download", size=1)
    damaged("NUL in a string ends the message", '{"type":"download","size":1,"name":"a\0b"}', type="download", size=1)
    damaged("NUL in a number ends the message", '{"type":"download","name":"n","size":1\0002}', type="download", name="n", size=1)
    for payload in ('\0{"type":"download"}', '{\0"type":"download"}', '{"x\0":1,"type":"download"}', '{"type":"down\0load"}'):
        add("NUL before the type", payload, error="JSON")


def large():
    head, tail = '{"type":"download","size":5,"x":"', '","url":"u"}'
    fill = PAYLOAD_MAX - len(head) - len(tail)
    add("16 KiB with one long unknown string", [[head, 1], ["x", fill], [tail, 1]])
    add("16 KiB with one long escaped string", [[head, 1], ["\\u00e9", fill // 6], [tail, 1]])
    add("16 KiB of white space", [['{"type":"download"', 1], [" ", PAYLOAD_MAX - 19], ["}", 1]])
    add("16 KiB of name", [['{"type":"download","name":"', 1], ["n", 16000], ['"}', 1]])
    add("a number of thousands of digits", [['{"type":"download","expires":7,"size":', 1], ["9", 16000], ["}", 1]])
    # each [0] is a token; the object, two strings of the type, "x" and its array are five more
    most = TOKENS_MAX - 5
    add("as many values as the limit allows", [['{"type":"download","x":[', 1], ["1,", most - 1], ["1]}", 1]])
    damaged("one value more than the limit allows", [['{"type":"download","x":[', 1], ["1,", most], ["1]}", 1]], type="download")
    damaged("16 KiB of values", [['{"type":"download","x":[', 1], ["1,", 8000], ["1]}", 1]], type="download")
    for unit in (",", ":", ",:", "}", "]", "{", "[", '"', "{}", "[]", '"":', "\\", "1 "):
        damaged("16 KiB of nonsense after the type", [['{"type":"download","x":[1', 1], [unit, 16000 // len(unit)]],
                type="download")


# --- write cases ------------------------------------------------------------------------------

write_cases = []


def quote(value):
    table = {i: f"\\u{i:04x}" for i in range(0x20)} | {ord('"'): '\\"', ord("\\"): "\\\\"}
    return '"' + value.decode("utf-8", "surrogateescape").translate(table) + '"'


def encode(value):
    if isinstance(value, dict):
        return "{" + ",".join(f'"{key}":{encode(item)}' for key, item in value.items()) + "}"
    return quote(value) if isinstance(value, bytes) else str(value)


def write(case, message, wire):
    """wire: the object to be written, keys in order; bytes are strings."""
    line = encode(wire)
    json.loads(line)
    write_cases.append({"case": case, "message": {key: plain(value) for key, value in message.items()}, "json": line})


def write_all():
    task = {"size": 100, "name": "zxc", "md5sum": MD5}
    wire = {"size": 100, "name": b"zxc", "md5sum": MD5.encode()}
    url = "http://h/o/1?e=2&s=3"
    extra = {"sha256": "ab" * 32, "expires": 1767323045, "request_id": "r/1"}
    extra_wire = {"sha256": b"ab" * 32, "expires": 1767323045, "request_id": b"r/1"}
    write("a request to upload", {"type": "create_upload_task", **task}, {"type": b"create_upload_task", **wire})
    write("sizes have 64 bits", {"type": "create_upload_task", **task, "size": 2**64 - 1},
          {"type": b"create_upload_task", **wire, "size": 2**64 - 1})
    for size in (1, 9, 10, 65535, 65536, 99999, 4294967295, 4294967296, 10**18, 10**19):
        write("sizes have 64 bits", {"type": "create_upload_task", "size": size},
              {"type": b"create_upload_task", "size": size, "name": b"", "md5sum": b""})
    for kind in ("create_upload_task_rsp", "get_download_task_rsp", "download"):
        write("a task", {"type": kind, **task, "url": url}, {"type": kind.encode(), **wire, "url": url.encode()})
        write("a task with extensions", {"type": kind, **task, "url": url, **extra},
              {"type": kind.encode(), **wire, "url": url.encode(), **extra_wire})
        write("size 0 would crash a vendor device", {"type": kind},
              {"type": kind.encode(), "size": 1, "name": b"", "md5sum": b"", "url": b""})
    for kind in ("create_upload_task_rsp", "get_download_task_rsp"):
        write("a refusal has every key", {"type": kind, "name": "n", "result_code": 2, "result_msg": "m"},
              {"type": kind.encode(), "size": 1, "name": b"n", "md5sum": b"", "url": b"", "result_code": 2, "result_msg": b"m"})
    write("a push has no result", {"type": "download", **task, "url": url, "result_code": 2, "result_msg": "m"},
          {"type": b"download", **wire, "url": url.encode()})
    for kind, running in (("upload", "uploading"), ("download", "downloading")):
        name = f"report_{kind}_progress"
        write("a running transfer", {"type": name, "name": "n", "state": "running", "percent": 0},
              {"type": name.encode(), "name": b"n",
               "progress": {"state": running.encode(), "percent": 0, "result_code": 0, "result_msg": b""}})
        write("a finished transfer", {"type": name, "name": "n", "state": "done"},
              {"type": name.encode(), "name": b"n", "progress": {"state": b"done", "result_code": 0, "result_msg": b""}})
        write("a report that says which file it means", {"type": name, "name": "n", "md5sum": MD5, "state": "done"},
              {"type": name.encode(), "name": b"n", "md5sum": MD5.encode(),
               "progress": {"state": b"done", "result_code": 0, "result_msg": b""}})
        write("a failed transfer", {"type": name, "name": "n", "state": "fail", "result_code": -4, "result_msg": "m", **extra},
              {"type": name.encode(), "name": b"n",
               "progress": {"state": b"fail", "result_code": -4, "result_msg": b"m"}, **extra_wire})
        write("an answer to a report always has its code", {"type": name + "_rsp"},
              {"type": name.encode() + b"_rsp", "result_code": 0, "result_msg": b""})
        write("an answer to a report", {"type": name + "_rsp", "result_code": 9, "result_msg": "m", "request_id": ""},
              {"type": name.encode() + b"_rsp", "result_code": 9, "result_msg": b"m", "request_id": b""})
    for code in (0, 1, -1, 2**31 - 1, -2**31):
        write("upload_result is nested twice", {"type": "upload_result", "result_code": code, "result_msg": "m"},
              {"type": b"upload_result", "report": {"progress": {"result_code": code}}})
    write("a request to download", {"type": "get_download_task"}, {"type": b"get_download_task"})
    write("a request to download with an id", {"type": "get_download_task", "request_id": "r/1"},
          {"type": b"get_download_task", "request_id": b"r/1"})
    write("MD5 and SHA-256 are written in lower case",
          {"type": "download", "name": "ABC", "md5sum": MD5.upper(), "url": "ABC", "sha256": "AB" * 32},
          {"type": b"download", "size": 1, "name": b"ABC", "md5sum": MD5.encode(), "url": b"ABC", "sha256": b"ab" * 32})
    write("raw UTF-8; quotes, backslashes and control characters escaped",
          {"type": "download", "name": 'é€😀 "\\/{}[]', "url": b"\0\x01\b\t\n\x1f\x7f"},
          {"type": b"download", "size": 1, "name": 'é€😀 "\\/{}[]'.encode(), "md5sum": b"", "url": b"\0\x01\b\t\n\x1f\x7f"})
    write("bytes that are not UTF-8 become question marks",
          {"type": "download", "name": b"a\xff\xc3(\xed\xa0\x80\xf0\x9f\x98"},
          {"type": b"download", "size": 1, "name": b"a??(??????", "md5sum": b"", "url": b""})


def main():
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    for make in (verbatim, shapes, duplicates, nesting, numbers, wrong_types, strings, broken, nul_bytes, large, write_all):
        make()
    stale = False
    for name, cases in (("parse.jsonl", parse_cases), ("write.jsonl", write_cases)):
        made = "".join(json.dumps(case, ensure_ascii=True) + "\n" for case in cases)
        path = HERE / name
        if "--check" not in sys.argv[1:]:
            path.write_text(made)
        elif not path.exists() or path.read_text() != made:
            print(f"{path}:1: differs from what make_vectors.py makes")
            stale = True
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
