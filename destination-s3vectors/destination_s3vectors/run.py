"""The command `destination-s3vectors`."""

from typing import TYPE_CHECKING

from vector_ingest.command.destination_run import Program, run

if TYPE_CHECKING:
    from destination_s3vectors.config import Config
    from vector_ingest.command.pipeline import Connector

EXAMPLES = """  source-s3 read --config source.json --catalog catalog.json \\
    | destination-s3vectors write --config s3vectors.json --catalog catalog.json
  destination-s3vectors search --config s3vectors.json --stream documents "How do I rotate the keys?"
  destination-s3vectors replay --config s3vectors.json --dry-run

The shortest configuration:
  {"embedding": {"mode": "openai", "openai_key": "…"}, "processing": {"chunk_size": 500},
   "indexing": {"credentials": {"auth_type": "default_credentials"}, "vector_bucket": "my-vectors"}}"""


def _connector() -> "Connector[Config]":
    from destination_s3vectors.connector import CONNECTOR
    from vector_ingest.command.interpreter import give_back

    give_back()  # bodies of requests of some MiB, many at once
    return CONNECTOR


def main() -> None:
    run(
        Program(
            name="destination-s3vectors",
            package="destination_s3vectors",
            description="Chunk, embed and load records into Amazon S3 Vectors, as an Airbyte destination.",
            examples=EXAMPLES,
            connector=_connector,
        )
    )
