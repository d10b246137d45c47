"""Sign-in against STS and S3 over HTTP: what is asserted on is what the proxy before them saw."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import BaseModel

from demo.postgres_server import free_port
from demo.s3_server import ACCESS_KEY, REGION, SECRET_KEY
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.servers.identities import make_role
from vector_ingest.aws.clients import s3_client
from vector_ingest.aws.credentials import Credentials
from vector_ingest.aws.errors import aws_errors
from vector_ingest.aws.sign_in import session
from vector_ingest.command.spec import connection_specification, parse_config
from vector_ingest.errors import ConfigError, TransientError

KEYS = {"auth_type": "iam_user", "aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}


class Form(BaseModel):
    """A form with the sign-in alone."""

    credentials: Credentials


def sign_in(properties: dict[str, str]) -> Any:
    return parse_config(Form, {"credentials": properties}).credentials


@pytest.fixture
def machine(proxy: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs the connector has keys, and its STS is the proxy."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", proxy.endpoint)


@pytest.fixture
def role(bucket: Bucket) -> str:
    """That everybody may assume, with any external ID or none."""
    return make_role(bucket.endpoint)


def assumed(proxy: FaultyS3) -> list[dict[str, list[str]]]:
    return [parse_qs(request.body.decode()) for request in proxy.seen("POST")]


def list_with(properties: dict[str, str], bucket: Bucket, endpoint: str) -> None:
    client = s3_client(sign_in(properties), REGION, endpoint)
    with aws_errors(f"list s3://{bucket.name}"):
        client.list_objects_v2(Bucket=bucket.name)
    client.close()


def test_the_form_offers_four_ways_to_sign_in_and_hides_the_secrets() -> None:
    branches = connection_specification(Form, {})["properties"]["credentials"]["oneOf"]
    assert [branch["properties"]["auth_type"]["const"] for branch in branches] == [
        "iam_user",
        "iam_role",
        "default_credentials",
        "anonymous",
    ]
    secrets = {name for name, schema in branches[0]["properties"].items() if schema.get("airbyte_secret")}
    assert secrets == {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
    assert all(branch["title"] and branch["description"] for branch in branches)


def test_keys_sign_each_request_and_a_session_token_goes_along(bucket: Bucket, proxy: FaultyS3) -> None:
    with pytest.raises(ConfigError, match=r"answered with InvalidToken\. Check the session token"):
        list_with({**KEYS, "aws_session_token": "the-token"}, bucket, proxy.endpoint)
    (request,) = proxy.seen("GET")
    assert f"Credential={ACCESS_KEY}/" in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == "the-token"
    assert request.path.startswith(f"/{bucket.name}?")


@pytest.mark.usefixtures("machine")
def test_an_anonymous_request_is_not_signed(bucket: Bucket, proxy: FaultyS3) -> None:
    bucket.client.put_bucket_acl(Bucket=bucket.name, ACL="public-read")
    list_with({"auth_type": "anonymous"}, bucket, proxy.endpoint)
    (request,) = proxy.seen("GET")
    assert "authorization" not in request.headers


@pytest.mark.usefixtures("machine")
def test_default_credentials_are_those_of_the_machine(bucket: Bucket, proxy: FaultyS3) -> None:
    list_with({"auth_type": "default_credentials"}, bucket, proxy.endpoint)
    (request,) = proxy.seen("GET")
    assert f"Credential={ACCESS_KEY}/" in request.headers["authorization"]


def test_no_credentials_at_all_is_a_config_error(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/does/not/exist")
    with pytest.raises(ConfigError, match="no usable AWS credentials"):
        list_with({"auth_type": "default_credentials"}, bucket, bucket.endpoint)
    with pytest.raises(ConfigError, match=r"assume the role arn:aws:iam::\d+:role/r: no usable AWS credentials"):
        session(sign_in({"auth_type": "iam_role", "role_arn": "arn:aws:iam::123456789012:role/r"}), REGION)


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


@pytest.mark.parametrize(
    ("status", "code", "kind", "message"),
    [
        (404, "NoSuchBucket", ConfigError, "Check the bucket's name"),
        (403, "AccessDenied", ConfigError, "Grant s3:ListBucket"),
        (403, "InvalidAccessKeyId", ConfigError, "Check the access key ID"),
        (403, "SignatureDoesNotMatch", ConfigError, "Check the secret access key"),
        (400, "InvalidToken", ConfigError, "Check the session token"),
        (400, "ExpiredToken", ConfigError, "new temporary credentials"),
        (403, "RequestTimeTooSkewed", ConfigError, "Set the clock"),
        (400, "SomethingNew", ConfigError, r"SomethingNew \(HTTP 400"),
        (404, "NoSuchKey", TransientError, "no longer"),
        (412, "PreconditionFailed", TransientError, "changed while it was read"),
        (501, "NotImplementedToday", TransientError, "Try later"),
    ],
)
def test_an_answer_says_what_was_done_what_came_and_the_remedy(
    bucket: Bucket, proxy: FaultyS3, status: int, code: str, kind: type[Exception], message: str
) -> None:
    proxy.rules.append(Rule("answer", status=status, code=code, times=None))
    with pytest.raises(kind, match=message) as caught:
        list_with(KEYS, bucket, proxy.endpoint)
    assert str(caught.value).startswith(f"Could not list s3://{bucket.name}: ListObjectsV2 was answered with {code}")
    assert SECRET_KEY not in str(caught.value)
    assert ACCESS_KEY not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_wrong_clock_is_told_by_both_times(bucket: Bucket, proxy: FaultyS3) -> None:
    proxy.rules.append(Rule("answer", status=403, code="RequestTimeTooSkewed", times=None))
    with pytest.raises(ConfigError, match=r"Skewed \(there it is \w+, .* GMT, here \w+, .* GMT\)\. Set the clock"):
        list_with(KEYS, bucket, proxy.endpoint)


def test_a_redirect_to_another_region_names_it(bucket: Bucket, proxy: FaultyS3) -> None:
    body, headers = b"<Error><Code>PermanentRedirect</Code></Error>", {"x-amz-bucket-region": "eu-west-3"}
    for method in ("GET", "HEAD"):
        proxy.rules.append(Rule("answer", method=method, status=301, body=body, headers=headers, times=None))
    with pytest.raises(ConfigError, match=r"PermanentRedirect\. The bucket is in the region eu-west-3: set it"):
        list_with(KEYS, bucket, proxy.endpoint)


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        ("<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>", {}, "eu-west-3"),
        ("<Error><Code>AuthorizationHeaderMalformed</Code></Error>", {"x-amz-bucket-region": "eu-west-3"}, "eu-west-3"),
        ("<Error><Code>AuthorizationHeaderMalformed</Code></Error>", {}, "another region"),
    ],
)
def test_a_wrong_region_is_answered_with_the_right_one_where_it_is_known(
    bucket: Bucket, proxy: FaultyS3, body: str, headers: dict[str, str], message: str
) -> None:
    for method in ("GET", "HEAD"):
        rule = Rule("answer", method=method, status=400, body=body.encode(), headers=headers, times=None)
        proxy.rules.append(rule)
    with pytest.raises(ConfigError, match=f"AuthorizationHeaderMalformed.*{message}"):
        list_with(KEYS, bucket, proxy.endpoint)


def test_an_endpoint_without_a_server_is_a_transient_error_that_names_it(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr("vector_ingest.aws.clients.ATTEMPTS", 1)  # a number, so that the test need not wait
    with pytest.raises(TransientError, match=f"{endpoint}.*Check the endpoint"):
        list_with(KEYS, bucket, endpoint)


def test_an_endpoint_that_is_no_address_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="The endpoint https://no address is no address"):
        s3_client(sign_in(KEYS), REGION, "no address")


def test_a_region_that_is_no_name_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="The region not a region is none"):
        s3_client(sign_in(KEYS), "not a region", None)


def test_a_profile_that_the_machine_lacks_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigError, match=r"sign in to AWS: .*nobody"):
        s3_client(sign_in({"auth_type": "default_credentials"}), REGION, None)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[broken", "Unable to parse config file"),
        ("[profile p]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = none\n", '"none" referenced in'),
    ],
)
def test_a_wrong_configuration_of_the_machine_is_a_config_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, said: str
) -> None:
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "p")
    with pytest.raises(ConfigError, match=f"no usable AWS credentials .*{said}"):
        s3_client(sign_in({"auth_type": "default_credentials"}), REGION, None)


@pytest.mark.parametrize("name", ["aws_access_key_id", "aws_secret_access_key"])
def test_an_empty_key_is_refused_rather_than_replaced_by_the_keys_of_the_machine(name: str) -> None:
    with pytest.raises(ConfigError, match=f"credentials.{name}"):
        sign_in({**KEYS, name: ""})


def test_an_endpoint_without_a_scheme_gets_https_and_none_means_aws() -> None:
    assert s3_client(sign_in(KEYS), REGION, "store.example:9000").meta.endpoint_url == "https://store.example:9000"
    assert s3_client(sign_in(KEYS), "eu-west-3", "").meta.endpoint_url == "https://s3.eu-west-3.amazonaws.com"


def test_our_own_errors_and_bugs_pass_unchanged() -> None:
    for error in (ConfigError("ours"), TransientError("ours"), KeyError("a bug")):
        with pytest.raises(type(error)) as caught, aws_errors("do it"):
            raise error
        assert caught.value is error
