"""What a client is made of: endpoint, region, certificates, and what is refused in the cloud."""

from pathlib import Path

import pytest

from demo.s3_server import REGION
from tests.shared.aws.signing_in import KEYS, USER, sign_in
from vector_ingest.aws.clients import Connection, s3_client
from vector_ingest.errors import ConfigError


def test_an_endpoint_that_is_no_address_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="The endpoint https://no address is no address"):
        s3_client(sign_in(**USER), REGION, "no address")


def test_a_region_that_is_no_name_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="The region not a region is none"):
        s3_client(sign_in(**USER), "not a region", None)


def test_an_endpoint_without_a_scheme_gets_https_and_none_means_aws() -> None:
    assert s3_client(sign_in(**USER), REGION, "store.example:9000").meta.endpoint_url == "https://store.example:9000"
    assert s3_client(sign_in(**USER), "eu-west-3", "").meta.endpoint_url == "https://s3.eu-west-3.amazonaws.com"


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


def test_no_file_of_a_ca_bundle_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.servers.certificates import authority

    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    pem, _ = authority(tmp_path)
    client = s3_client(sign_in(auth_type="anonymous"), REGION, "https://x:1", connection=Connection(ca_bundle=pem))
    assert not (tmp_path / "temporary").exists()
    client.close()
