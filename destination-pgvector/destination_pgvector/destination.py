"""The connector as the CDK sees it. `write_lines` is the way that syncs take: whole lines, past the CDK's messages."""

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import orjson
from airbyte_cdk.destinations import Destination
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    Status,
)

from destination_pgvector.config import Config
from destination_pgvector.pipeline import check, steps_from, store_from
from vector_ingest.catalog import streams_of
from vector_ingest.embed import embedder_from
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.lines import RawInput, read_lines
from vector_ingest.load import THREADS, WAKE, Load
from vector_ingest.report import Report
from vector_ingest.spec import parse_config

Emit = Callable[[bytes], None]


class DestinationPgvector(Destination):
    check_config_against_spec = False  # our own check names the property and the remedy

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002
        try:
            check(parse_config(Config, config))
        except (ConfigError, DataError, TransientError) as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterable[AirbyteMessage]:
        """For callers that hold messages. All output comes at the end; a sync uses `write_lines`."""
        lines = b"".join(orjson.dumps(AirbyteMessageSerializer.dump(message)) + b"\n" for message in input_messages)
        output: list[bytes] = []
        write_lines(config, ConfiguredAirbyteCatalogSerializer.dump(configured_catalog), BytesIO(lines), output.append)
        yield from (AirbyteMessageSerializer.load(orjson.loads(line)) for line in output)

    def _run_write(
        self, config: Mapping[str, Any], configured_catalog_path: str, input_stream: TextIOWrapper
    ) -> Iterable[AirbyteMessage]:
        catalog = orjson.loads(Path(configured_catalog_path).read_bytes())
        output: list[bytes] = []
        write_lines(config, catalog, BytesIO(input_stream.buffer.read()), output.append)
        yield from (AirbyteMessageSerializer.load(orjson.loads(line)) for line in output)


def write_lines(config: Mapping[str, Any], catalog: Mapping[str, Any], stdin: RawInput, emit: Emit) -> None:
    """Load what comes on `stdin`; `emit` gets each state when all before it is durable."""
    options = parse_config(Config, config)
    streams = streams_of(catalog)
    embedder = embedder_from(options.embedding)
    store = store_from(options, embedder)
    try:
        targets = [store.prepare(stream) for stream in streams]
        with ThreadPoolExecutor(THREADS, thread_name_prefix="load") as pool:
            load = Load(steps_from(options, embedder, store), targets, emit, pool, Report())
            load.run(read_lines(stdin, WAKE))
    finally:
        store.close()
