import pytest

from demo.s3_server import ACCESS_KEY, SECRET_KEY
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from tests.servers.identities import make_role


@pytest.fixture
def sts(proxy: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> FaultyS3:
    """The proxy, which is asked in place of AWS for the credentials of roles."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", proxy.endpoint)
    return proxy


@pytest.fixture
def machine(sts: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """The machine that runs the connector has keys."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)


@pytest.fixture
def role(bucket: Bucket) -> str:
    """That everybody may assume, with any external ID or none."""
    return make_role(bucket.endpoint)
