"""What an answer of AWS, or none, becomes for the user."""

import pytest

from demo.postgres_server import free_port
from demo.s3_server import ACCESS_KEY, SECRET_KEY
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.shared.aws.signing_in import USER, list_with
from vector_ingest.aws.errors import aws_errors
from vector_ingest.errors import ConfigError, TransientError


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
        list_with(USER, bucket, proxy.endpoint)
    assert str(caught.value).startswith(f"Could not list s3://{bucket.name}: ListObjectsV2 was answered with {code}")
    assert SECRET_KEY not in str(caught.value)
    assert ACCESS_KEY not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_wrong_clock_is_told_by_both_times(bucket: Bucket, proxy: FaultyS3) -> None:
    proxy.rules.append(Rule("answer", status=403, code="RequestTimeTooSkewed", times=None))
    with pytest.raises(ConfigError, match=r"Skewed \(there it is \w+, .* GMT, here \w+, .* GMT\)\. Set the clock"):
        list_with(USER, bucket, proxy.endpoint)


def test_a_redirect_to_another_region_names_it(bucket: Bucket, proxy: FaultyS3) -> None:
    body, headers = b"<Error><Code>PermanentRedirect</Code></Error>", {"x-amz-bucket-region": "eu-west-3"}
    for method in ("GET", "HEAD"):
        proxy.rules.append(Rule("answer", method=method, status=301, body=body, headers=headers, times=None))
    with pytest.raises(ConfigError, match=r"PermanentRedirect\. The bucket is in the region eu-west-3: set it"):
        list_with(USER, bucket, proxy.endpoint)


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
        list_with(USER, bucket, proxy.endpoint)


def test_an_endpoint_without_a_server_is_a_transient_error_that_names_it(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr("vector_ingest.aws.clients.ATTEMPTS", 1)  # a number, so that the test need not wait
    with pytest.raises(TransientError, match=f"{endpoint}.*Check the endpoint"):
        list_with(USER, bucket, endpoint)


def test_our_own_errors_and_bugs_pass_unchanged() -> None:
    for error in (ConfigError("ours"), TransientError("ours"), KeyError("a bug")):
        with pytest.raises(type(error)) as caught, aws_errors("do it"):
            raise error
        assert caught.value is error
