"""What makes this destination: its form and its store. The rest is shared by all destinations."""

from destination_pgvector.config import Config
from destination_pgvector.store import PgvectorStore
from vector_ingest.pipeline import Connector


def _store_from(config: Config, dimensions: int, fingerprint: str) -> PgvectorStore:
    return PgvectorStore(
        config.indexing, dimensions, fingerprint, not config.omit_raw_text, config.processing, config.most_quarantined
    )


CONNECTOR = Connector(Config, _store_from)
