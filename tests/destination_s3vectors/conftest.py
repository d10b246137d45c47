"""The emulator in this process."""

from collections.abc import Iterator

import pytest

from destination_s3vectors.emulator.server import Emulator
from tests.servers.running import running


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Of its usual region, and empty."""
    with running(Emulator()) as emulator:
        yield emulator
