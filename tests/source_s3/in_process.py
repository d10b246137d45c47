"""Reads in this process, as faithful as the command's and faster to start."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from source_s3.client import bucket_of
from source_s3.config import Config
from source_s3.plan import plans
from source_s3.progress import Progress
from source_s3.sync.configured import configured_streams
from source_s3.sync.read_all import read_all
from source_s3.sync.stream import read_stream
from tests.destination_commands import Ended
from tests.source_s3.commands import catalog
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import ConfigError, DataError, TransientError


def read(settings: Mapping[str, Any], chosen: Mapping[str, Any], states: Sequence[Any] = ()) -> Ended:
    """Of the streams of the catalog `chosen`."""
    messages: list[Any] = []
    try:
        for lines in read_all(parse_config(Config, settings), configured_streams(chosen, states)):
            messages += _parsed(lines)
    except (ConfigError, DataError, TransientError) as error:
        return Ended(1, messages, str(error))
    return Ended(0, messages, "")


def names(settings: Mapping[str, Any]) -> list[str]:
    """Of the streams that the configuration makes."""
    return [plan.name for plan in plans(parse_config(Config, settings))]


def sync(settings: Mapping[str, Any], states: Sequence[Any] = (), mode: str = "incremental", **entry: Any) -> Ended:
    """One whole read of all streams. `entry`: more of each in the catalog."""
    return read(settings, catalog(*names(settings), sync_mode=mode, **entry), states)


def pieces(settings: Mapping[str, Any], states: Sequence[Any] = (), interval: float = 0) -> Iterator[list[Any]]:
    """One stream's messages, piece by piece as they leave, with a state wherever one can be."""
    parsed = parse_config(Config, settings)
    (plan,) = plans(parsed)
    (configured,) = configured_streams(catalog(plan.name), states)
    for lines in read_stream(bucket_of(parsed), plan, configured, Progress(plan.name), interval):
        yield _parsed(lines)


def _parsed(lines: bytes | memoryview) -> list[Any]:
    return [json.loads(line) for line in bytes(lines).splitlines()]
