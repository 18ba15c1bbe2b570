"""What server/objects/s3 signs is what the SDKs of others sign: boto3, @aws-sdk/s3-request-presigner, cos-nodejs-sdk-v5."""
import datetime
import json
import random
import subprocess
from unittest import mock
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from ferry import build_dir

ORACLES = build_dir() / "tests/oracles"
TOOL = build_dir() / "tests/integration/s3_sign_tool"
MD5 = "mQ/fVh815F3k6TAUm8m0eg=="
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def random_case(chance, number):
    method = chance.choice(["PUT", "GET", "HEAD"])
    key = "".join(chance.choices(LETTERS, k=26))
    prefix = chance.choice(["", "ferry/", "a b/c+d/", "Größe/", "x=1&y/", "(1)*!'/"])
    return {
        "method": method,
        "host": chance.choice(["s3.example.com", "127.0.0.1:7480", "bucket.s3.eu-central-1.amazonaws.com"]),
        "key": prefix + key,
        "access_key": "".join(chance.choices(LETTERS.upper(), k=20)),
        "secret_key": "".join(chance.choices(LETTERS + "/+", k=40)),
        "session_token": "" if number % 3 else "".join(chance.choices(LETTERS + "/+=", k=chance.randint(20, 900))),
        "region": chance.choice(["us-east-1", "eu-central-1", "ap-guangzhou"]),
        "unix_s": chance.randint(1_600_000_000, 1_900_000_000),
        "life_s": chance.randint(60, 86400),
        "headers": {"content-length": str(chance.randint(1, 5 << 30)), "content-md5": MD5} if method == "PUT" else {},
        "query": {},
    }


def cases():
    chance = random.Random(31)
    return [random_case(chance, number) for number in range(60)]


def ours(kind, case, query=()):
    path = "/bucket/" + quote(case["key"], safe="/")
    pairs = [f"q:{name}={value}" for name, value in dict(query).items()]
    pairs += [f"h:{name}={value}" for name, value in case["headers"].items()]
    told = subprocess.run([TOOL, kind, case["method"], case["host"], path, "/bucket/" + case["key"], case["access_key"],
                           case["secret_key"], case["session_token"], case["region"], str(case["unix_s"]), str(case["life_s"]), *pairs],
                          check=True, capture_output=True, text=True).stdout.strip()
    return urlsplit(told)


def as_dict(query):
    return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))


def boto_url(boto3, case):
    from botocore.config import Config
    client = boto3.client("s3", region_name=case["region"], endpoint_url="http://" + case["host"], aws_access_key_id=case["access_key"],
                          aws_secret_access_key=case["secret_key"], aws_session_token=case["session_token"] or None,
                          config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    operation = {"PUT": "put_object", "GET": "get_object", "HEAD": "head_object"}[case["method"]]
    params = {"Bucket": "bucket", "Key": case["key"]}
    if case["headers"]:
        params |= {"ContentLength": int(case["headers"]["content-length"]), "ContentMD5": MD5}
    now = datetime.datetime.utcfromtimestamp(case["unix_s"])
    with mock.patch("botocore.auth.datetime.datetime") as clock:
        clock.utcnow.return_value = now
        return client.generate_presigned_url(operation, Params=params, ExpiresIn=case["life_s"])


def test_boto3_signs_the_same_url():
    boto3 = pytest.importorskip("boto3", reason="python3-boto3 is not installed; type: scripts/install-deps test")
    for case in cases():
        theirs, mine = urlsplit(boto_url(boto3, case)), ours("v4", case)
        assert mine.path == theirs.path
        assert as_dict(mine.query) == as_dict(theirs.query), case


@pytest.fixture(scope="module")
def answers():
    if not (ORACLES / "node_modules").is_dir():
        pytest.skip("this build is without npm")
    told = [case | {"path": "/bucket/" + quote(case["key"], safe="/")} for case in cases()]
    run = subprocess.run(["node", "sign.mjs"], cwd=ORACLES, input=json.dumps(told), check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def test_amazons_own_sdk_signs_the_same_url(answers):
    for case, answer in zip(cases(), answers, strict=True):
        mine = ours("v4", case, {"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}) # which this SDK always says
        assert as_dict(mine.query) == answer["amazon"], case


def test_tencents_own_sdk_signs_the_same_url(answers):
    for case, answer in zip(cases(), answers, strict=True):
        mine = as_dict(ours("cos", case).query)
        assert mine.pop("x-cos-security-token", "") == case["session_token"]
        assert mine == answer["tencent"], case
