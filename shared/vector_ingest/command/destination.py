"""A destination as the CDK sees it, for its tests and for callers of its classes. Syncs go by destination_run.py."""

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

from vector_ingest.command.pipeline import Connector, check, write_lines
from vector_ingest.errors import EXPLAINED


def destination_class(name: str, module: str, connector: Connector[Any]) -> type[Destination]:
    """The class `name` of `module`: the CDK finds a connector's spec.json by the module of its class."""

    class CdkDestination(Destination):
        check_config_against_spec = False  # our own check names the property and the remedy

        def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002
            try:
                check(connector, config)
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
            yield from _written(connector, config, ConfiguredAirbyteCatalogSerializer.dump(configured_catalog), lines)

        def _run_write(
            self, config: Mapping[str, Any], configured_catalog_path: str, input_stream: TextIOWrapper
        ) -> Iterable[AirbyteMessage]:
            catalog = orjson.loads(Path(configured_catalog_path).read_bytes())
            yield from _written(connector, config, catalog, bytes(input_stream.buffer.read()))

    CdkDestination.__name__ = CdkDestination.__qualname__ = name
    CdkDestination.__module__ = module
    return CdkDestination


def _written(
    connector: Connector[Any], config: Mapping[str, Any], catalog: Mapping[str, Any], lines: bytes
) -> Iterable[AirbyteMessage]:
    output: list[bytes] = []
    write_lines(connector, config, catalog, BytesIO(lines), output.append)
    return (AirbyteMessageSerializer.load(orjson.loads(line)) for line in output)
