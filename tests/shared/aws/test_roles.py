"""Roles over HTTP: who assumes them, with what, and where."""

from contextlib import suppress
from typing import Any

import pytest
from botocore import exceptions

from demo.s3_server import ACCESS_KEY
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.servers.identities import make_role, make_user
from tests.shared.aws.signing_in import ARN, KEYS, Form, assumed, client_of, list_with, sign_in, signers
from vector_ingest.aws.clients import s3_client
from vector_ingest.aws.errors import aws_errors
from vector_ingest.aws.sign_in import session
from vector_ingest.command.spec import connection_specification
from vector_ingest.errors import ConfigError, TransientError

MAY_ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
pytestmark = pytest.mark.usefixtures("sts")


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("own", "environment", "sent"),
    [("mine", "theirs", ["mine"]), ("mine", None, ["mine"]), (None, "theirs", ["theirs"]), (None, None, None)],
)
def test_a_role_is_assumed_with_the_external_id_of_the_form_else_of_the_environment(
    bucket: Bucket,
    proxy: FaultyS3,
    role: str,
    monkeypatch: pytest.MonkeyPatch,
    own: str | None,
    environment: str | None,
    sent: list[str] | None,
) -> None:
    if environment:
        monkeypatch.setenv("AWS_ASSUME_ROLE_EXTERNAL_ID", environment)
    form = {"auth_type": "iam_role", "role_arn": role} | ({"external_id": own} if own else {})
    list_with(form, bucket, proxy.endpoint)
    (request,) = assumed(proxy)
    assert request["Action"] == ["AssumeRole"]
    assert request["RoleArn"] == [role]
    assert request.get("ExternalId") == sent
    (listing,) = proxy.seen("GET")
    assert ACCESS_KEY not in listing.headers["authorization"]
    assert "x-amz-security-token" in listing.headers


def test_a_role_is_assumed_with_the_keys_of_the_form_under_the_name_and_for_the_time_that_it_says(
    bucket: Bucket, proxy: FaultyS3
) -> None:
    user = make_user(bucket.endpoint, MAY_ASSUME)
    role = make_role(bucket.endpoint, "the-id")
    form = {**user, "auth_type": "iam_role", "role_arn": role, "external_id": "the-id"}
    client = client_of(proxy, **form, session_name="nightly@sync", duration_seconds=900)
    for _ in range(3):
        client.list_objects_v2(Bucket=bucket.name)
    client.close()
    (asked,) = proxy.seen("POST")
    assert f"Credential={user['aws_access_key_id']}/" in asked.headers["authorization"]
    (request,) = assumed(proxy)  # once, though it lasts a quarter of an hour only
    assert (request["RoleSessionName"], request["DurationSeconds"]) == (["nightly@sync"], ["900"])
    assert all(signer.startswith("ASIA") for signer in signers(proxy))


@pytest.mark.usefixtures("machine")
def test_without_a_name_and_a_time_the_name_is_ours_and_the_time_that_of_aws(bucket: Bucket, proxy: FaultyS3) -> None:
    client_of(proxy, role_arn=make_role(bucket.endpoint)).list_objects_v2(Bucket=bucket.name)
    (request,) = assumed(proxy)
    assert request["RoleSessionName"] == ["airbyte"]
    assert "DurationSeconds" not in request


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"external_id": "wrong"}, "with the external ID of the form"),
        ({}, "without an external ID"),
    ],
)
def test_a_refused_external_id_is_said_to_be_one_and_not_shown(
    bucket: Bucket, proxy: FaultyS3, given: dict[str, str], said: str
) -> None:
    role = make_role(bucket.endpoint, "right-and-unknown")
    client = client_of(proxy, role_arn=role, **given)
    with pytest.raises(ConfigError) as caught, aws_errors("list it"):
        client.list_objects_v2(Bucket=bucket.name)
    message = str(caught.value)
    assert message.startswith(f"Could not assume the role {role} ({said}): AssumeRole was answered with AccessDenied")
    assert "trust policy names who runs the connector, and asks for the same external ID" in message
    assert "right-and-unknown" not in message
    assert "wrong" not in message
    assert assumed(proxy)[0].get("ExternalId") == ([given["external_id"]] if given else None)


@pytest.mark.usefixtures("machine")
def test_the_external_id_of_the_environment_is_named_where_it_is_refused(
    bucket: Bucket, proxy: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ASSUME_ROLE_EXTERNAL_ID", "of-another-account")
    client = client_of(proxy, role_arn=make_role(bucket.endpoint, "right"))
    with pytest.raises(ConfigError, match=r"with the external ID of AWS_ASSUME_ROLE_EXTERNAL_ID"):
        client.list_objects_v2(Bucket=bucket.name)


@pytest.mark.usefixtures("machine")
def test_a_role_that_does_not_exist_is_refused(bucket: Bucket, proxy: FaultyS3) -> None:
    client = client_of(proxy, role_arn="arn:aws:iam::123456789012:role/nobody")
    with pytest.raises(ConfigError, match="role/nobody"):
        client.list_objects_v2(Bucket=bucket.name)


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws-cn", "cn-northwest-1", "s3.cn-northwest-1.amazonaws.com.cn"),
        ("aws-cn", None, "s3.cn-north-1.amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-east-1", "s3.us-gov-east-1.amazonaws.com"),
        ("aws-us-gov", None, "s3.us-gov-west-1.amazonaws.com"),
        ("aws", None, "s3.amazonaws.com"),
        ("aws", "eu-west-3", "s3.eu-west-3.amazonaws.com"),
    ],
)
def test_the_region_else_the_roles_partition_picks_the_endpoint(partition: str, region: str | None, host: str) -> None:
    arn = ARN.replace("arn:aws:", f"arn:{partition}:")
    assert s3_client(sign_in(role_arn=arn, **KEYS), region, None).meta.endpoint_url == f"https://{host}"


@pytest.mark.parametrize(
    ("partition", "region", "place"),
    [
        ("aws-cn", None, "cn-north-1"),
        ("aws-cn", "cn-northwest-1", "cn-northwest-1"),
        ("aws-us-gov", None, "us-gov-west-1"),
    ],
)
def test_a_role_of_another_partition_is_assumed_there(
    bucket: Bucket, proxy: FaultyS3, partition: str, region: str | None, place: str
) -> None:
    role = make_role(bucket.endpoint, "id", partition=partition)
    assert role.startswith(f"arn:{partition}:iam::")
    client = s3_client(sign_in(role_arn=role, external_id="id", **KEYS), region, proxy.endpoint)
    client.list_buckets()
    client.close()
    (asked,), (used,) = proxy.seen("POST"), proxy.seen("GET")
    assert f"/{place}/sts/aws4_request" in asked.headers["authorization"]
    assert f"/{place}/s3/aws4_request" in used.headers["authorization"]


@pytest.mark.parametrize(
    ("region", "of_the_machine", "place"),
    [
        ("eu-west-1", "eu-central-1", "eu-west-1"),
        (None, "eu-central-1", "eu-central-1"),
        (None, "cn-north-1", "us-east-1"),  # another partition's
        ("rack-7", "eu-central-1", "eu-central-1"),  # another store's
        ("rack-7", None, "us-east-1"),
    ],
)
def test_sts_is_asked_in_the_region_of_the_form_else_of_the_machine_if_it_knows_the_role(
    bucket: Bucket,
    proxy: FaultyS3,
    monkeypatch: pytest.MonkeyPatch,
    region: str | None,
    of_the_machine: str | None,
    place: str,
) -> None:
    if of_the_machine:
        monkeypatch.setenv("AWS_DEFAULT_REGION", of_the_machine)
    client = s3_client(sign_in(role_arn=make_role(bucket.endpoint), **KEYS), region or None, proxy.endpoint)
    with suppress(exceptions.ClientError):  # the server knows no other store's regions
        client.list_buckets()
    client.close()
    assert f"/{place}/sts/aws4_request" in proxy.seen("POST")[0].headers["authorization"]


def test_a_role_and_a_region_of_two_partitions_are_refused() -> None:
    arn = ARN.replace("arn:aws:", "arn:aws-cn:")
    with pytest.raises(
        ConfigError, match=r"partition aws-cn, and the region eu-west-1 of aws\. Set a region of aws-cn"
    ):
        session(sign_in(role_arn=arn, **KEYS), "eu-west-1")
    session(sign_in(role_arn=ARN, **KEYS), "rack-7")  # a store of one's own calls its regions as it likes


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"role_arn": "reader"}, r"credentials\.role_arn.*expected an ARN such as .*found 'reader'"),
        ({"role_arn": ARN.replace("role", "user")}, r"credentials\.role_arn.*expected an ARN"),
        ({"role_arn": ARN, "duration_seconds": 600}, r"credentials\.duration_seconds.*900"),
        ({"role_arn": ARN, "duration_seconds": 43_201}, r"credentials\.duration_seconds.*43200"),
        ({"role_arn": ARN, "session_name": "with space"}, r"credentials\.session_name"),
        ({"role_arn": ARN, "aws_access_key_id": "AKIAX"}, "one of `aws_access_key_id` and `aws_secret_access_key`"),
    ],
)
def test_a_wrong_property_of_a_role_is_named(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sign_in(**properties)


def test_what_a_form_leaves_empty_is_absent() -> None:
    names = ("external_id", "session_name", "aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    assert sign_in(role_arn=f" {ARN}\n", **dict.fromkeys(names, "")) == sign_in(role_arn=ARN)


def test_the_keys_of_a_role_are_secrets_in_its_form() -> None:
    role = connection_specification(Form, {})["properties"]["credentials"]["oneOf"][1]["properties"]
    assert {name for name, schema in role.items() if schema.get("airbyte_secret")} == {
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
    }


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit",
            "maximum session duration",
        ),
        ("SignatureDoesNotMatch", "Signature expired: 20261121T1 is now earlier than 20261121T2", "Set the clock"),
        ("RegionDisabledException", "STS is not activated in this region", "Activate STS in this region"),
        ("ExpiredToken", "The security token included in the request is expired", "new temporary credentials"),
        ("InvalidClientTokenId", "The security token included in the request is invalid", "Check the access key ID"),
    ],
)
def test_each_refusal_of_sts_has_its_remedy(
    bucket: Bucket, proxy: FaultyS3, code: str, message: str, expected: str
) -> None:
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    proxy.rules.append(Rule("answer", method="POST", status=403, body=body.encode(), times=None))
    with pytest.raises(ConfigError, match=f"AssumeRole was answered with {code}.*{expected}"):
        client_of(proxy, role_arn=ARN, **KEYS).list_objects_v2(Bucket=bucket.name)


def test_sts_that_does_not_answer_is_a_transient_error(bucket: Bucket, proxy: FaultyS3) -> None:
    proxy.rules.append(Rule("answer", method="POST", status=500, body=b"", times=None))
    with pytest.raises(TransientError, match=f"assume the role {ARN}"):
        client_of(proxy, role_arn=ARN, **KEYS).list_objects_v2(Bucket=bucket.name)
