"""What the form of every destination has."""

from pydantic import BaseModel

from vector_ingest.embed.options import EmbeddingConfig
from vector_ingest.processing import ProcessingConfig


class DestinationConfig(BaseModel):
    embedding: EmbeddingConfig
    processing: ProcessingConfig
