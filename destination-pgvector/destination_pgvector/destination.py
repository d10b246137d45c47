"""The connector as the CDK sees it, for its tests and for callers of its classes. Syncs go by run.py."""

import logging
from collections.abc import Iterable, Mapping
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
from destination_pgvector.pipeline import check, write_lines
from vector_ingest.errors import EXPLAINED
from vector_ingest.spec import parse_config


class DestinationPgvector(Destination):
    check_config_against_spec = False  # our own check names the property and the remedy

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002
        try:
            check(parse_config(Config, config))
        except EXPLAINED as error:
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
