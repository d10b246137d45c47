"""The command `destination-pgvector`."""

from typing import TYPE_CHECKING, Any

from vector_ingest.command.destination_run import Program, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from destination_pgvector.config import Config
    from vector_ingest.command.pipeline import Connector

EXAMPLES = """  source-s3 read --config source.json --catalog catalog.json \\
    | destination-pgvector write --config pgvector.json --catalog catalog.json
  destination-pgvector search --config pgvector.json --stream documents "How do I rotate the keys?"
  destination-pgvector status --config pgvector.json
  destination-pgvector replay --config pgvector.json --dry-run"""


def _connector() -> "Connector[Config]":
    from destination_pgvector.connector import CONNECTOR

    return CONNECTOR


def _status() -> "Callable[[Mapping[str, Any], bool], str]":
    from destination_pgvector.status import status

    return status


def main() -> None:
    run(
        Program(
            name="destination-pgvector",
            package="destination_pgvector",
            description="Chunk, embed and load records into PostgreSQL with pgvector, as an Airbyte destination.",
            examples=EXAMPLES,
            connector=_connector,
            status=_status,
        )
    )
