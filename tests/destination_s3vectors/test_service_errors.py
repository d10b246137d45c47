"""Each error of the service is of the right kind, and says what was done, what came and what to do."""

import pytest
from botocore.session import Session

from demo.postgres_server import free_port
from destination_s3vectors.service.client import client_for
from destination_s3vectors.service.service_errors import Failure, Kind, attempt
from tests.destination_s3vectors.scripted_service import INDEX, Fault, ScriptedService
from tests.servers.running import running
from tests.sessions import signed_in
from vector_ingest.errors import ConfigError, TransientError

SECRET = "the-secret-key"


def failure(endpoint: str, session: Session | None = None) -> Failure:
    client = client_for(session or signed_in("the-key", SECRET), "eu-west-1", endpoint)
    outcome = attempt(lambda: client.list_vectors(indexArn=INDEX, segmentCount=1, segmentIndex=0))
    client.close()
    assert isinstance(outcome, Failure)
    return outcome


@pytest.mark.parametrize(
    ("status", "code", "kind", "error", "remedy"),
    [
        (400, "ValidationException", "invalid", ConfigError, "Check the configuration"),
        (402, "ServiceQuotaExceededException", "refused", ConfigError, "higher quota"),
        (
            403,
            "AccessDeniedException",
            "refused",
            ConfigError,
            rf"Grant s3vectors:ListVectors \(and s3vectors:GetVectors, for metadata\) on {INDEX}",
        ),
        (404, "NotFoundException", "missing", ConfigError, "deleted during the sync"),
        (408, "RequestTimeoutException", "broken", TransientError, "Run the sync again"),
        (409, "ConflictException", "conflict", TransientError, "Run the sync again"),
        (413, "", "invalid", ConfigError, "Check the configuration"),
        (429, "TooManyRequestsException", "throttled", TransientError, "less load"),
        (400, "ThrottlingException", "throttled", TransientError, "less load"),
        (500, "InternalServerException", "broken", TransientError, "Run the sync again"),
        (502, "", "broken", TransientError, "Run the sync again"),
        (503, "ServiceUnavailableException", "unavailable", TransientError, "Run the sync again"),
        (400, "KmsDisabledException", "refused", ConfigError, "Enable the KMS key"),
        (400, "KmsInvalidKeyUsageException", "refused", ConfigError, "must be symmetric"),
        (400, "KmsInvalidStateException", "refused", ConfigError, "state Enabled"),
        (400, "KmsNotFoundException", "refused", ConfigError, "cancel its deletion"),
        (403, "UnrecognizedClientException", "refused", ConfigError, "Check the access key ID"),
        (403, "InvalidSignatureException", "refused", ConfigError, "Check the secret access key"),
        (403, "ExpiredTokenException", "refused", ConfigError, "new temporary credentials"),
        (418, "SomethingNew", "refused", ConfigError, "Check the configuration"),
    ],
)
def test_an_answer_says_what_was_done_what_came_and_the_remedy(
    status: int, code: str, kind: Kind, error: type[Exception], remedy: str
) -> None:
    with running(ScriptedService(lambda _: Fault(status, code, "its own words"))) as service:
        found = failure(service.endpoint)
    assert found.kind == kind
    explained = found.explained("list the vectors", INDEX)
    assert isinstance(explained, error)
    message = str(explained)
    assert message.startswith(f"Could not list the vectors: ListVectors on {INDEX} was answered with {code}")
    assert "its own words" in message
    with pytest.raises(error, match=remedy):
        raise explained
    assert "s3:" not in message
    assert SECRET not in message


def test_the_fields_that_the_service_names_are_told() -> None:
    fields = [{"path": "indexArn", "message": "is no ARN"}, {"path": "x", "message": "twice"}]
    with running(ScriptedService(lambda _: Fault(400, "ValidationException", "twice wrong", fields))) as service:
        assert failure(service.endpoint).said == "twice wrong; indexArn: is no ARN"


def test_the_time_to_wait_is_taken_from_the_answer() -> None:
    fault = Fault(429, "TooManyRequestsException", headers={"Retry-After": "7"})
    with running(ScriptedService(lambda _: fault)) as service:
        assert failure(service.endpoint).retry_after == 7


def test_the_named_key_is_compared_as_a_whole() -> None:
    named = Failure("invalid", "PutVectors", "ValidationException", "Invalid record for key 'a': too long", KeyError())
    assert named.names("a")
    assert not named.names("")
    assert not named.names("a'")


def test_a_connection_that_nobody_takes_is_mended_by_trying_again() -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    found = failure(endpoint)
    assert found.kind == "broken"
    explained = found.explained(f"list {INDEX}", INDEX)
    assert isinstance(explained, TransientError)
    assert str(explained).startswith(f"Could not list {INDEX}: ")
    assert endpoint in str(explained)


def test_a_reset_connection_is_mended_by_trying_again() -> None:
    with running(ScriptedService(lambda _: Fault(reset=True))) as service:
        assert failure(service.endpoint).kind == "broken"


def test_no_credentials_at_all_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/does/not/exist")
    found = failure("http://127.0.0.1:1", Session())
    assert found.kind == "refused"
    explained = found.explained("list", INDEX)
    assert isinstance(explained, ConfigError)
    assert "no usable AWS credentials" in str(explained)


def test_an_answer_that_is_no_json_is_told_with_the_endpoint_in_mind() -> None:
    with running(ScriptedService(lambda _: Fault(200, "", "", raw=b"<html>hello"))) as service:
        found = failure(service.endpoint)
    assert found.kind == "broken"
    assert "Is the endpoint that of S3 Vectors?" in str(found.explained("list", INDEX))


def test_an_error_of_a_gateway_that_is_no_json_counts_by_its_status() -> None:
    with running(ScriptedService(lambda _: Fault(503, "", "", raw=b"<html>try later"))) as service:
        assert failure(service.endpoint).kind == "unavailable"


def test_a_bug_is_raised_as_it_is() -> None:
    def bug() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        attempt(bug)
