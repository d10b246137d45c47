"""The credentials of a role, over HTTP: when they are fetched again, and by whom."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.credentials import ReadOnlyCredentials

from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from tests.servers.identities import make_role
from tests.shared.aws.signing_in import ARN, assumed, client_of, signers
from vector_ingest.aws.sign_in import Issued, RenewedCredentials
from vector_ingest.errors import ConfigError

pytestmark = pytest.mark.usefixtures("sts")


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
