"""What makes this destination: its form and its store. The rest is shared by all destinations."""

from destination_s3vectors.config import Config
from destination_s3vectors.store import S3VectorsStore
from vector_ingest.command.pipeline import Connector

CONNECTOR = Connector(Config, S3VectorsStore)
