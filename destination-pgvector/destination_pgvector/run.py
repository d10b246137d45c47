"""The command `destination-pgvector`."""

from typing import TYPE_CHECKING

from vector_ingest.destination_run import Program, run

if TYPE_CHECKING:
    from destination_pgvector.config import Config
    from vector_ingest.pipeline import Connector

EXAMPLES = """  source-s3 read --config source.json --catalog catalog.json \\
    | destination-pgvector write --config pgvector.json --catalog catalog.json
  destination-pgvector search --config pgvector.json --stream documents "How do I rotate the keys?\""""


def _connector() -> "Connector[Config]":
    from destination_pgvector.connector import CONNECTOR

    return CONNECTOR


def main() -> None:
    run(
        Program(
            name="destination-pgvector",
            package="destination_pgvector",
            description="Chunk, embed and load records into PostgreSQL with pgvector, as an Airbyte destination.",
            examples=EXAMPLES,
            connector=_connector,
            replays=True,
            tenants=True,
        )
    )
