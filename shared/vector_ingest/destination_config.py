"""What the form of every destination has."""

from pydantic import BaseModel, Field

from vector_ingest.embed.options import EmbeddingConfig
from vector_ingest.processing import ProcessingConfig


class DestinationConfig(BaseModel):
    embedding: EmbeddingConfig = Field(
        title="Embedding",
        description="The model that makes vectors of texts.",
        json_schema_extra={"group": "embedding", "order": 1},
    )
    processing: ProcessingConfig = Field(json_schema_extra={"group": "processing", "order": 1})
    omit_raw_text: bool = Field(
        default=False,
        title="Do not store raw text",
        description="Store only the vector and the metadata, without the text that was embedded.",
        json_schema_extra={"group": "advanced", "order": 1},
    )


def groups(store: str) -> dict[str, str]:
    """The sections of the form; `store` is the title of the one that leads to the store."""
    return {"processing": "Processing", "embedding": "Embedding", "indexing": store, "advanced": "Advanced"}
