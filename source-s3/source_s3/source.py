"""The connector as the CDK sees it, for its tests and for callers of its classes. Commands go by run.py."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    Status,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.utils.traced_exception import AirbyteTracedException, FailureType

from source_s3.check import check
from source_s3.config import Config
from source_s3.discover import discover
from source_s3.sync.configured import configured_streams
from source_s3.sync.read_all import read_all
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import EXPLAINED, failure_type


class SourceS3(Source):
    check_config_against_spec = False  # our own check names the property and the remedy

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002
        try:
            check(parse_config(Config, config))
        except EXPLAINED as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:  # noqa: ARG002
        streams = discover(parse_config(Config, config))
        message = AirbyteMessageSerializer.load({"type": "CATALOG", "catalog": {"streams": streams}})
        assert message.catalog is not None
        return message.catalog

    def read(
        self,
        logger: logging.Logger,  # noqa: ARG002
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """The lines of `read` as messages."""
        states = [AirbyteStateMessageSerializer.dump(entry) for entry in state or []]
        configured = configured_streams(ConfiguredAirbyteCatalogSerializer.dump(catalog), states)
        try:
            for lines in read_all(parse_config(Config, config), configured):
                yield from _messages(lines)
        except EXPLAINED as error:
            raise AirbyteTracedException(
                message=str(error), internal_message=repr(error), failure_type=FailureType(failure_type(error))
            ) from error


def _messages(lines: bytes | memoryview) -> Iterable[AirbyteMessage]:
    return (AirbyteMessageSerializer.load(orjson.loads(line)) for line in bytes(lines).split(b"\n") if line)
