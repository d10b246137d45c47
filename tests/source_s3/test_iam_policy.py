"""The policies that `source-s3 iam-policy` prints: what they say, and that a sync needs all of them and no more."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from demo.s3_server import ACCESS_KEY, REGION, SECRET_KEY, S3Server, connect
from tests.destination_commands import run
from tests.servers.running import running
from tests.source_s3.commands import PROGRAM, arguments, catalog, read, records

KEYS = {"auth_type": "iam_user", "aws_access_key_id": "AKIAX", "aws_secret_access_key": "s3cret-of-the-user"}
ROLE = {"auth_type": "iam_role", "role_arn": "arn:aws:iam::123456789012:role/read", "external_id": "word-of-ours"}


def config(*globs: str, region: str = "eu-central-1", credentials: Mapping[str, Any] = KEYS, **more: Any) -> Any:
    stream = {"name": "files", "globs": list(globs) or ["**"], "format": {"filetype": "csv"}, **more}
    return {"credentials": credentials, "region_name": region, "bucket": "our-bucket", "streams": [stream]}


def printed(folder: Path, settings: Any, *more: str) -> Any:
    done = subprocess.run(
        [*arguments(folder, "iam-policy", settings), *more], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert KEYS["aws_secret_access_key"] not in done.stdout
    return json.loads(done.stdout)


def statements(found: Any) -> list[Any]:
    assert found["permissions_policy"]["Version"] == "2012-10-17"
    return [{name: value for name, value in each.items() if name != "Effect"} for each in _allowed(found)]


def _allowed(found: Any) -> list[Any]:
    assert {each["Effect"] for each in found["permissions_policy"]["Statement"]} == {"Allow"}
    return list(found["permissions_policy"]["Statement"])


def listing(*prefixes: str, partition: str = "aws") -> dict[str, Any]:
    condition = {"Condition": {"StringEquals": {"s3:prefix": list(prefixes)}}} if prefixes else {}
    resource = [f"arn:{partition}:s3:::our-bucket"]
    return {"Sid": "ListTheObjects", "Action": ["s3:ListBucket"], "Resource": resource, **condition}


def reading(*patterns: str, partition: str = "aws") -> dict[str, Any]:
    return statement("ReadTheObjects", "s3:GetObject", *patterns, partition=partition)


def statement(name: str, action: str, *patterns: str, partition: str = "aws") -> dict[str, Any]:
    return {"Sid": name, "Action": [action], "Resource": [f"arn:{partition}:s3:::{pattern}" for pattern in patterns]}


def documents(*fields: str) -> dict[str, Any]:
    return {"filetype": "unstructured", "object_fields": list(fields)}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (config(), [listing(), reading("our-bucket/*")]),
        (config("orders/**/*.csv"), [listing("orders/"), reading("our-bucket/orders/*")]),
        (config("in/a*", "out/{x,y}/*"), [listing("in/a", "out/x/", "out/y/", "out/{x,y}/"), None]),
        (config("a.csv", "in/b.csv"), [reading("our-bucket/a.csv", "our-bucket/in/b.csv")]),
        (config("in/*", "in/b.csv"), [listing("in/"), reading("our-bucket/in/*")]),
        (config("a.csv", region="cn-north-1"), [reading("our-bucket/a.csv", partition="aws-cn")]),
        (
            config(region="us-gov-west-1"),
            [listing(partition="aws-us-gov"), reading("our-bucket/*", partition="aws-us-gov")],
        ),
        (config("**/*.csv", legacy_prefix="in/x"), [listing("in/x"), reading("our-bucket/in/x*")]),
        (config("a/${b}*"), [listing("a/${$}{b}"), reading("our-bucket/a/${$}{b}*")]),
        (config("in/*", manifest="s3://other/list.csv"), [reading("other/list.csv", "our-bucket/in/*")]),
        (
            config(manifest="s3://inv/dest/b/daily/2026-11-01T00-00Z/manifest.json"),
            [reading("inv/dest/b/daily/2026-11-01T00-00Z/manifest.json", "inv/dest/b/daily/data/*", "our-bucket/*")],
        ),
        (
            config("a.md", format=documents("user_metadata", "tags")),
            [reading("our-bucket/a.md"), statement("ReadTheTags", "s3:GetObjectTagging", "our-bucket/a.md")],
        ),
        (
            config("in/*", manifest="s3://other/list.csv", format=documents("permissions")),
            [
                reading("other/list.csv", "our-bucket/in/*"),
                statement("ReadTheAcls", "s3:GetObjectAcl", "our-bucket/in/*"),
                statement("ReadTheOwnership", "s3:GetBucketOwnershipControls", "our-bucket"),
            ],
        ),
    ],
)
def test_only_what_is_listed_may_be_listed_and_only_what_is_read_be_read(
    tmp_path: Path, settings: Any, expected: list[Any]
) -> None:
    found = statements(printed(tmp_path, settings))
    assert len(found) == len(expected)
    assert [each for each, wanted in zip(found, expected, strict=True) if wanted is not None and each != wanted] == []


def test_other_buckets_of_a_manifest_are_given_by_name(tmp_path: Path) -> None:
    settings = config("in/*", manifest="s3://our-bucket/in/list.csv")
    (found,) = statements(printed(tmp_path, settings, "--bucket", "c", "--bucket", "d"))
    assert found == reading("c/in/*", "d/in/*", "our-bucket/in/*")
    assert any("--bucket" in remark for remark in printed(tmp_path, settings)["remarks"])


def test_a_quarantine_in_a_bucket_may_be_filled_and_emptied(tmp_path: Path) -> None:
    found = printed(tmp_path, config("a.csv", bad_rows={"type": "quarantine", "place": "s3://q/kept/here"}))
    _, lists, keeps = statements(found)
    assert lists["Resource"] == ["arn:aws:s3:::q"]
    assert lists["Condition"] == {"StringLike": {"s3:prefix": ["kept/here/*"]}}
    assert keeps["Action"] == ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"]
    assert keeps["Resource"] == ["arn:aws:s3:::q/kept/here/*"]
    assert any("kms:GenerateDataKey" in remark for remark in found["remarks"])


def test_a_role_is_let_in_by_its_external_id_and_whoever_assumes_it_may_do_only_that(tmp_path: Path) -> None:
    found = printed(tmp_path, config(credentials=ROLE))
    (trust,) = found["trust_policy"]["Statement"]
    assert trust["Action"] == "sts:AssumeRole"
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "word-of-ours"}}
    assert trust["Principal"]["AWS"].startswith("arn:aws:iam::<ACCOUNT>")
    (caller,) = found["caller_policy"]["Statement"]
    assert (caller["Action"], caller["Resource"]) == (["sts:AssumeRole"], [ROLE["role_arn"]])
    open_role = {name: value for name, value in ROLE.items() if name != "external_id"}
    nameless = printed(tmp_path, config(credentials=open_role))
    assert "<EXTERNAL ID>" in json.dumps(nameless["trust_policy"])
    assert any("<EXTERNAL ID>" in remark for remark in nameless["remarks"])
    assert "trust_policy" not in printed(tmp_path, config())


def test_a_wrong_configuration_is_told_on_stderr(tmp_path: Path) -> None:
    line = arguments(tmp_path, "iam-policy", {**config(), "bucket": "s3://x"})
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "`bucket`" in done.stderr


def test_help_tells_of_the_command() -> None:
    done = subprocess.run([PROGRAM, "iam-policy", "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, "--bucket" in done.stdout) == (0, True)


@pytest.fixture(scope="module")
def enforcing_server() -> Iterator[S3Server]:
    """Of its own: once rights are enforced, those of all clients are."""
    with running(S3Server("tests.servers.enforcing_s3")) as server:
        client = connect(server.endpoint)
        client.create_bucket(Bucket="our-bucket")
        for key in ("in/a.csv", "in/b.csv", "other.csv", "in/a.md", "in/b.md"):
            client.put_object(Bucket="our-bucket", Key=key, Body=b"id\n1\n")
        yield server


class Users:
    """Of the enforcing server, each with one policy."""

    def __init__(self, server: S3Server) -> None:
        self._endpoint = server.endpoint
        self._iam = boto3.client(
            "iam",
            endpoint_url=server.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )

    def add(self, name: str, policy: Any) -> dict[str, Any]:
        """The credentials of a new user."""
        self._iam.create_user(UserName=name)
        self._iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
        made = self._iam.create_access_key(UserName=name)["AccessKey"]
        return {**KEYS, "aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}

    def enforce(self) -> None:
        """From now on, by signature and policy."""
        request = urllib.request.Request(
            f"{self._endpoint}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10):
            pass


def test_with_the_policy_a_sync_works_and_without_one_of_its_statements_it_fails(
    enforcing_server: S3Server, tmp_path: Path
) -> None:
    forms = {
        "listed": config("in/*.csv", region=REGION),
        "named": config("in/a.csv", "in/b.csv", region=REGION),
        "documents": config(
            *("in/a.md", "in/b.md"), region=REGION, schemaless=True, format=documents("tags", "permissions")
        ),
    }
    users = Users(enforcing_server)
    signed_in: dict[tuple[str, str | None], Any] = {}  # without which statement
    for form, settings in forms.items():
        policy = printed(tmp_path, settings)["permissions_policy"]
        signed_in[form, None] = users.add(form, policy)
        for statement in policy["Statement"]:
            rest = [other for other in policy["Statement"] if other != statement]
            rest = rest or [{**statement, "Resource": ["arn:aws:s3:::our-bucket/other.csv"]}]
            signed_in[form, statement["Sid"]] = users.add(f"{form}-{statement['Sid']}", {**policy, "Statement": rest})
    users.enforce()
    assert set(signed_in) == {
        *[("listed", None), ("listed", "ListTheObjects"), ("listed", "ReadTheObjects")],
        *[("named", None), ("named", "ReadTheObjects")],
        *[("documents", None), ("documents", "ReadTheObjects"), ("documents", "ReadTheTags")],
        *[("documents", "ReadTheAcls"), ("documents", "ReadTheOwnership")],
    }
    for (form, missing), credentials in signed_in.items():
        settings = {**forms[form], "credentials": credentials, "endpoint": enforcing_server.endpoint}
        checked = run(arguments(tmp_path, "check", settings)).of("CONNECTION_STATUS")[0]
        ended = read(tmp_path, settings, catalog())
        if missing is None:
            assert (checked, ended.code, len(records(ended))) == ({"status": "SUCCEEDED"}, 0, 2), form
        else:
            assert (checked["status"], ended.code, records(ended)) == ("FAILED", 1, []), (form, missing)
            right = {"ReadTheTags": "Tagging", "ReadTheAcls": "Acl"}.get(missing, "")
            right = "s3:GetBucketOwnershipControls" if missing == "ReadTheOwnership" else f"s3:GetObject{right}"
            assert right in checked["message"], (form, missing)
