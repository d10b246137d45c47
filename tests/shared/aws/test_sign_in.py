"""The ways to sign in, but roles: what is asserted on is what the proxy before S3 saw."""

from pathlib import Path

import pytest

from demo.s3_server import ACCESS_KEY, REGION
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from tests.shared.aws.signing_in import ARN, KEYS, USER, Form, list_with, sign_in
from vector_ingest.aws.clients import s3_client
from vector_ingest.aws.sign_in import session
from vector_ingest.command.spec import connection_specification
from vector_ingest.errors import ConfigError


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
        list_with({**USER, "aws_session_token": "the-token"}, bucket, proxy.endpoint)
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
        session(sign_in(auth_type="iam_role", role_arn="arn:aws:iam::123456789012:role/r"), REGION)


def test_a_profile_that_the_machine_lacks_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigError, match=r"sign in to AWS: .*nobody"):
        s3_client(sign_in(auth_type="default_credentials"), REGION, None)


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
        s3_client(sign_in(auth_type="default_credentials"), REGION, None)


@pytest.mark.parametrize("name", ["aws_access_key_id", "aws_secret_access_key"])
def test_an_empty_key_is_refused_rather_than_replaced_by_the_keys_of_the_machine(name: str) -> None:
    with pytest.raises(ConfigError, match=f"credentials.{name}"):
        sign_in(**{**USER, name: ""})


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
