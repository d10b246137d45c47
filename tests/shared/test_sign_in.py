"""Roles over HTTP: who assumes them, with what, where, and when again."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore import exceptions
from botocore.credentials import ReadOnlyCredentials
from pydantic import BaseModel

from demo.s3_server import ACCESS_KEY, REGION, SECRET_KEY
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.servers.identities import make_role, make_user
from vector_ingest.aws.clients import Connection, s3_client
from vector_ingest.aws.credentials import Credentials
from vector_ingest.aws.errors import aws_errors
from vector_ingest.aws.sign_in import Issued, RenewedCredentials, session
from vector_ingest.command.spec import connection_specification, parse_config
from vector_ingest.errors import ConfigError, TransientError

ARN = "arn:aws:iam::123456789012:role/reader"
KEYS = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
MAY_ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}


class Form(BaseModel):
    """A form with the sign-in alone."""

    credentials: Credentials


def sign_in(**properties: Any) -> Any:
    return parse_config(Form, {"credentials": {"auth_type": "iam_role", **properties}}).credentials


@pytest.fixture(autouse=True)
def _sts(proxy: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", proxy.endpoint)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)


def client_of(proxy: FaultyS3, region: str = REGION, **properties: Any) -> Any:
    return s3_client(sign_in(**properties), region, proxy.endpoint)


def assumed(proxy: FaultyS3) -> list[dict[str, list[str]]]:
    return [parse_qs(request.body.decode()) for request in proxy.seen("POST")]


def signers(proxy: FaultyS3) -> Iterator[str]:
    """The access key of each listing."""
    for request in proxy.seen("GET"):
        yield request.headers["authorization"].partition("Credential=")[2].partition("/")[0]


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


@pytest.mark.usefixtures("machine")
def test_many_threads_go_on_through_many_renewals_each_by_one_of_them(bucket: Bucket, proxy: FaultyS3) -> None:
    """The server refuses credentials that have expired."""
    client = client_of(proxy, role_arn=make_role(bucket.endpoint, name="-for-2-seconds"))
    failed: list[Exception] = []
    until = time.monotonic() + 6

    def work() -> None:
        try:
            while time.monotonic() < until:
                client.list_objects_v2(Bucket=bucket.name)
        except Exception as error:  # noqa: BLE001  (of any kind: it is looked at below)
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    used = list(dict.fromkeys(signers(proxy)))
    assert 3 <= len(used) <= 6
    assert len(assumed(proxy)) == len(used)


def issued(key: str, left: float) -> Issued:
    """With this share of its 1,000 seconds left."""
    return Issued(ReadOnlyCredentials(key, "secret", "token"), datetime.now(UTC) + timedelta(seconds=1000 * left), 1000)


def test_where_sts_fails_the_old_credentials_serve_until_their_end(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Issued | ConfigError] = [
        issued("first", 0.2),
        ConfigError("refused."),
        issued("second", 0.01),
        ConfigError("refused at the end"),
        issued("third", 1),
    ]

    def fetch() -> Issued:
        answer = answers.pop(0)
        if isinstance(answer, ConfigError):
            raise answer
        return answer

    credentials = RenewedCredentials(ARN, fetch)
    assert credentials.get_frozen_credentials().access_key == "first"
    assert credentials.get_frozen_credentials().access_key == "first"  # a quarter is left: new ones are asked for
    assert "refused. The credentials that it has are good for a while yet" in caplog.text
    assert credentials.get_frozen_credentials().access_key == "first"  # not at each request
    assert len(answers) == 3
    credentials = RenewedCredentials(ARN, fetch)
    assert credentials.get_frozen_credentials().access_key == "second"
    with pytest.raises(ConfigError, match="refused at the end"):
        credentials.get_frozen_credentials()
    assert credentials.get_frozen_credentials().access_key == "third"
    assert credentials.get_frozen_credentials().access_key == "third"


@pytest.mark.usefixtures("machine")
def test_credentials_that_have_expired_when_they_come_point_to_the_clock(bucket: Bucket, proxy: FaultyS3) -> None:
    client = client_of(proxy, role_arn=make_role(bucket.endpoint, name="-for-0-seconds"))
    with pytest.raises(ConfigError, match=r"have expired at .* UTC, and this machine has .* Set the clock"):
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


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("mode", ["cloud", "CLOUD"])
def test_in_the_cloud_nobody_signs_in_as_the_platform(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("DEPLOYMENT_MODE", mode)
    with pytest.raises(ConfigError, match=r"credentials of the machine can't be used in the cloud.*IAM role"):
        session(sign_in(auth_type="default_credentials"), REGION)
    with pytest.raises(ConfigError, match=r"role/reader has no external ID.*Set `external_id`"):
        session(sign_in(role_arn=ARN), REGION)
    session(sign_in(role_arn=ARN, external_id="id"), REGION)
    session(sign_in(auth_type="iam_user", **KEYS), REGION)
    session(sign_in(auth_type="anonymous"), REGION)
    monkeypatch.setenv("AWS_ASSUME_ROLE_EXTERNAL_ID", "id")
    session(sign_in(role_arn=ARN), REGION)


@pytest.mark.parametrize(
    ("endpoint", "connection", "message"),
    [
        ("http://127.0.0.1:1", Connection(), r"http://127\.0\.0\.1:1 is not secure.*https://"),
        ("https://127.0.0.1:1", Connection(verify_tls=False), "set `verify_tls` to true"),
    ],
)
def test_in_the_cloud_no_request_is_sent_in_the_clear_or_to_whom_it_may_concern(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, connection: Connection, message: str
) -> None:
    user = sign_in(auth_type="iam_user", **KEYS)
    s3_client(user, REGION, endpoint, connection=connection).close()
    monkeypatch.setenv("DEPLOYMENT_MODE", "cloud")
    s3_client(user, REGION, "127.0.0.1:1").close()  # without a scheme it is https
    with pytest.raises(ConfigError, match=message):
        s3_client(user, REGION, endpoint, connection=connection)


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


def test_no_file_of_a_ca_bundle_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.servers.certificates import authority

    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    pem, _ = authority(tmp_path)
    client = s3_client(sign_in(auth_type="anonymous"), REGION, "https://x:1", connection=Connection(ca_bundle=pem))
    assert not (tmp_path / "temporary").exists()
    client.close()
