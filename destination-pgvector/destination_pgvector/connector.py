"""What makes this destination: its form and its store. The rest is shared by all destinations."""

from destination_pgvector.config import Config
from destination_pgvector.store import PgvectorStore
from vector_ingest.command.pipeline import Connector

CONNECTOR = Connector(Config, PgvectorStore)
