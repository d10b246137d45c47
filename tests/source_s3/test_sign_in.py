"""Signing in as companies do, by the command: the server checks signatures, rights, external IDs and expiry."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from demo.s3_server import ACCESS_KEY, SECRET_KEY
from source_s3.content.contents import SMALL
from tests.conftest import Bucket
from tests.destination_commands import Ended, run
from tests.servers.certificates import authority
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.servers.identities import EVERYTHING, make_role, make_user
from tests.servers.running import running
from tests.sessions import signed_in
from tests.source_s3.commands import arguments, catalog, config, records, statuses

KEYS = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
USER = {"auth_type": "iam_user", **KEYS}
CLOUD = {"DEPLOYMENT_MODE": "cloud"}


@pytest.fixture
def filled_bucket(bucket: Bucket) -> Bucket:
    for number in range(12):
        bucket.put(f"{number:02}.csv", f"id\n{number}\n")
    return bucket


def check(folder: Path, config: Mapping[str, Any], **environment: str) -> Any:
    ended = run(arguments(folder, "check", config), b"", **environment)
    assert ended.code == 0, ended.errors
    (status,) = ended.of("CONNECTION_STATUS")
    secrets = (SECRET_KEY, config["credentials"].get("aws_secret_access_key") or SECRET_KEY)
    assert not any(secret in json.dumps(ended.messages) + ended.errors for secret in secrets)
    return status


def read(folder: Path, config: Mapping[str, Any], **environment: str) -> Ended:
    return run(arguments(folder, "read", config, catalog()), b"", **environment)


def may(action: str, resource: str) -> dict[str, str]:
    return {"Effect": "Allow", "Action": action, "Resource": f"arn:aws:s3:::{resource}"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"aws_secret_access_key": "not-the-secret"},
            "answered with SignatureDoesNotMatch. Check the secret access key",
        ),
        ({"aws_access_key_id": "AKIANOBODYHASTHISKEY"}, "answered with InvalidAccessKeyId. Check the access key ID"),
        ({"aws_session_token": "made-up"}, "answered with InvalidToken. Check the session token"),
    ],
)
def test_wrong_keys_are_told_apart(filled_bucket: Bucket, tmp_path: Path, change: dict[str, str], message: str) -> None:
    status = check(tmp_path, config(filled_bucket, credentials={**USER, **change}))
    assert status["status"] == "FAILED"
    assert message in status["message"]


def test_who_may_not_list_is_told_which_right_is_missing(filled_bucket: Bucket, tmp_path: Path) -> None:
    user = make_user(filled_bucket.endpoint, may("s3:GetObject", f"{filled_bucket.name}/*"))
    status = check(tmp_path, config(filled_bucket, credentials=user))
    assert status["status"] == "FAILED"
    assert (
        f"Could not list s3://{filled_bucket.name}/: ListObjectsV2 was answered with AccessDenied" in status["message"]
    )
    assert "Grant s3:ListBucket on the bucket" in status["message"]


def test_one_object_that_may_not_be_read_is_named(filled_bucket: Bucket, tmp_path: Path) -> None:
    forbidden = {**may("s3:GetObject", f"{filled_bucket.name}/07.csv"), "Effect": "Deny"}
    user = make_user(filled_bucket.endpoint, EVERYTHING, forbidden)
    settings = config(filled_bucket, credentials=user)
    assert check(tmp_path, settings)["status"] == "SUCCEEDED"
    ended = read(tmp_path, settings)
    assert ended.code == 1
    assert statuses(ended)[-1] == "INCOMPLETE"
    error = next(trace["error"] for trace in ended.of("TRACE") if trace["type"] == "ERROR")
    assert f"s3://{filled_bucket.name}/07.csv" in error["message"]
    assert "GetObject was answered with AccessDenied" in error["message"]
    assert "s3:GetObject" in error["message"]
    assert error["failure_type"] == "config_error"


def test_the_rights_of_the_guide_are_enough(filled_bucket: Bucket, tmp_path: Path) -> None:
    user = make_user(
        filled_bucket.endpoint, may("s3:ListBucket", filled_bucket.name), may("s3:GetObject", f"{filled_bucket.name}/*")
    )
    assert check(tmp_path, config(filled_bucket, credentials=user))["status"] == "SUCCEEDED"
    ended = read(tmp_path, config(filled_bucket, credentials=user))
    assert (ended.code, len(records(ended))) == (0, 12)


def test_a_role_with_its_external_id_is_assumed_by_the_machine_and_a_wrong_id_is_said_to_be(
    filled_bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    machine = {"AWS_ENDPOINT_URL_STS": proxy.endpoint, **{name.upper(): value for name, value in KEYS.items()}}
    role = make_role(filled_bucket.endpoint, "for-us-only")
    form = {"auth_type": "iam_role", "role_arn": role, "external_id": "for-us-only"}
    ended = read(tmp_path, config(filled_bucket, credentials=form), **machine)
    assert (ended.code, len(records(ended)), statuses(ended)[-1]) == (0, 12, "COMPLETE")
    assert b"ExternalId=for-us-only" in proxy.seen("POST")[0].body
    assert b"RoleSessionName=airbyte-source-s3" in proxy.seen("POST")[0].body

    status = check(tmp_path, config(filled_bucket, credentials={**form, "external_id": "another"}), **machine)
    assert status["status"] == "FAILED"
    assert f"assume the role {role} (with the external ID of the form)" in status["message"]
    assert "trust policy" in status["message"]
    assert "same external ID" in status["message"]
    assert b"ExternalId=another" in proxy.seen("POST")[-1].body

    nothing = {"auth_type": "iam_role", "role_arn": role}
    from_environment = machine | {"AWS_ASSUME_ROLE_EXTERNAL_ID": "for-us-only"}
    assert check(tmp_path, config(filled_bucket, credentials=nothing), **machine)["status"] == "FAILED"
    assert check(tmp_path, config(filled_bucket, credentials=nothing), **from_environment)["status"] == "SUCCEEDED"


def test_a_sync_that_lasts_longer_than_the_roles_session_goes_on(
    filled_bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    """The role's credentials are good for five seconds; eight large objects, which are read in turn, take eight."""
    for number in range(12, 20):
        filled_bucket.put(f"{number}.csv", f"id\n{'x' * SMALL}\n")
    proxy.rules.append(Rule("delay", seconds=1, path=r"\.csv", times=None))
    role = make_role(filled_bucket.endpoint, "id", name="-for-5-seconds")
    form = {**KEYS, "auth_type": "iam_role", "role_arn": role, "external_id": "id"}
    settings = {**config(filled_bucket, credentials=form), "endpoint": proxy.endpoint}
    ended = read(tmp_path, settings, AWS_ENDPOINT_URL_STS=proxy.endpoint)
    assert (ended.code, len(records(ended)), statuses(ended)[-1]) == (0, 20, "COMPLETE")
    assumed = [request for request in proxy.seen("POST") if b"Action=AssumeRole" in request.body]
    signers = {request.headers["x-amz-security-token"] for request in proxy.seen("GET")}
    assert len(signers) == len(assumed) >= 2


def test_keys_whose_session_has_expired_ask_for_new_ones(filled_bucket: Bucket, tmp_path: Path) -> None:
    role = make_role(filled_bucket.endpoint, name="-for-0-seconds")
    sts: Any = signed_in(ACCESS_KEY, SECRET_KEY, "us-east-1").create_client("sts", endpoint_url=filled_bucket.endpoint)
    issued = sts.assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    keys = {"aws_access_key_id": issued["AccessKeyId"], "aws_secret_access_key": issued["SecretAccessKey"]}
    temporary = {"auth_type": "iam_user", **keys, "aws_session_token": issued["SessionToken"]}
    status = check(tmp_path, config(filled_bucket, credentials=temporary))
    assert "ListObjectsV2 was answered with ExpiredToken. Give new temporary credentials" in status["message"]


def test_a_public_bucket_is_read_without_a_signature_and_another_is_not(
    filled_bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    nobody = config(filled_bucket, credentials={"auth_type": "anonymous"})
    assert "AccessDenied" in check(tmp_path, nobody)["message"]
    filled_bucket.client.put_bucket_acl(Bucket=filled_bucket.name, ACL="public-read")
    for number in range(12):
        filled_bucket.client.put_object_acl(Bucket=filled_bucket.name, Key=f"{number:02}.csv", ACL="public-read")
    ended = read(tmp_path, {**nobody, "endpoint": proxy.endpoint})
    assert (ended.code, len(records(ended))) == (0, 12)
    assert not any("authorization" in request.headers for request in proxy.requests)


@pytest.fixture
def https_proxy(bucket: Bucket, tmp_path: Path) -> Iterator[tuple[FaultyS3, str]]:
    """The server behind HTTPS, and the certificate of the test's own authority."""
    pem, context = authority(tmp_path)
    with running(FaultyS3(bucket.endpoint, context)) as proxy:
        yield proxy, pem


@pytest.mark.parametrize("as_one_line", [False, True])
def test_a_certificate_of_an_own_authority_is_trusted_where_the_form_has_it(
    filled_bucket: Bucket, https_proxy: tuple[FaultyS3, str], tmp_path: Path, as_one_line: bool
) -> None:
    proxy, pem = https_proxy
    settings = {**config(filled_bucket), "endpoint": proxy.endpoint}
    status = check(tmp_path, settings)
    assert status["status"] == "FAILED"
    assert "CERTIFICATE_VERIFY_FAILED" in status["message"]
    assert "give that as the CA bundle" in status["message"]
    given = pem.replace("\n", " ") if as_one_line else pem
    ended = read(tmp_path, {**settings, "ca_bundle": given})
    assert (ended.code, len(records(ended))) == (0, 12)


def test_certificates_are_not_verified_if_so_wished_and_the_log_says_so(
    filled_bucket: Bucket, https_proxy: tuple[FaultyS3, str], tmp_path: Path
) -> None:
    proxy, _ = https_proxy
    ended = read(tmp_path, {**config(filled_bucket), "endpoint": proxy.endpoint, "verify_tls": False})
    assert (ended.code, len(records(ended))) == (0, 12)
    assert any(f"The certificate of {proxy.endpoint} is not verified" in log["message"] for log in ended.of("LOG"))


def test_https_where_plain_http_is_spoken_points_to_scheme_and_port(filled_bucket: Bucket, tmp_path: Path) -> None:
    settings = {**config(filled_bucket), "endpoint": filled_bucket.endpoint.replace("http:", "https:")}
    status = check(tmp_path, settings)
    assert "no TLS is spoken there" in status["message"]


def test_in_the_cloud_the_endpoint_must_be_secure_and_the_credentials_ones_own(
    filled_bucket: Bucket, https_proxy: tuple[FaultyS3, str], tmp_path: Path
) -> None:
    proxy, pem = https_proxy
    machine = {
        "AWS_ENDPOINT_URL_STS": filled_bucket.endpoint,
        **{name.upper(): value for name, value in KEYS.items()},
        **CLOUD,
    }
    settings = {**config(filled_bucket), "endpoint": proxy.endpoint, "ca_bundle": pem}
    assert check(tmp_path, settings, **machine)["status"] == "SUCCEEDED"
    assert "is not secure" in check(tmp_path, config(filled_bucket), **machine)["message"]
    default = {**settings, "credentials": {"auth_type": "default_credentials"}}
    assert "they are the platform's" in check(tmp_path, default, **machine)["message"]
    role = {"auth_type": "iam_role", "role_arn": make_role(filled_bucket.endpoint, "id")}
    assert "has no external ID" in check(tmp_path, {**settings, "credentials": role}, **machine)["message"]
    role["external_id"] = "id"  # the machine assumes it, as itself
    assert check(tmp_path, {**settings, "credentials": role}, **machine)["status"] == "SUCCEEDED"
    assert len(proxy.seen("GET")) > 0


def test_who_pays_says_so_with_every_request(filled_bucket: Bucket, proxy: FaultyS3, tmp_path: Path) -> None:
    filled_bucket.put("list.csv", "".join(f"s3://{filled_bucket.name}/{number:02}.csv\n" for number in range(12)))
    manifest = {"name": "files", "manifest": f"s3://{filled_bucket.name}/list.csv", "format": {"filetype": "csv"}}
    listed = {"name": "files", "globs": ["*0*.csv"], "format": {"filetype": "csv"}}
    for stream in (manifest, listed):
        base = {**filled_bucket.sign_in(), "endpoint": proxy.endpoint, "streams": [stream]}
        before = len(proxy.requests)
        ended = read(tmp_path, {**base, "requester_pays": True})
        assert ended.code == 0, ended.messages
        sent = proxy.requests[before:]
        assert sent
        assert all(request.headers.get("x-amz-request-payer") == "requester" for request in sent)
        before = len(proxy.requests)
        assert read(tmp_path, base).code == 0
        assert not any("x-amz-request-payer" in request.headers for request in proxy.requests[before:])
    assert proxy.seen("HEAD")


def test_the_host_names_the_bucket_where_the_addressing_is_virtual(
    filled_bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    """Names are not looked up: the proxy of the environment is asked for them."""
    empty = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    proxy.rules.append(Rule("answer", status=200, body=empty, times=None))
    for style, address in (
        ("virtual", f"http://{filled_bucket.name}.store.example:9000/?"),
        ("path", f"http://store.example:9000/{filled_bucket.name}?"),
        ("auto", f"http://store.example:9000/{filled_bucket.name}?"),
    ):
        before = len(proxy.requests)
        settings = {**config(filled_bucket), "endpoint": "http://store.example:9000", "addressing_style": style}
        assert check(tmp_path, settings, HTTP_PROXY=proxy.endpoint)["status"] == "FAILED"  # for want of a file
        sent = proxy.requests[before:]
        assert sent
        assert all(request.path.startswith(address) for request in sent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ca_bundle": "not a certificate"}, "`ca_bundle`: expected certificates as PEM"),
        ({"addressing_style": "sideways"}, "`addressing_style`"),
    ],
)
def test_a_wrong_setting_of_the_connection_is_named(
    bucket: Bucket, tmp_path: Path, change: dict[str, str], message: str
) -> None:
    assert message in check(tmp_path, {**config(bucket), **change})["message"]


def test_a_ca_bundle_beside_no_verification_is_refused(
    https_proxy: tuple[FaultyS3, str], bucket: Bucket, tmp_path: Path
) -> None:
    settings = {**config(bucket), "ca_bundle": https_proxy[1], "verify_tls": False}
    assert "`ca_bundle` has no effect while `verify_tls` is false" in check(tmp_path, settings)["message"]
