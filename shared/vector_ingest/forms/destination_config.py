"""What the form of every destination has."""

from typing import Literal, TypeAlias

from pydantic import Field

from vector_ingest.embed.options import EmbeddingConfig
from vector_ingest.form import Form, about, shown
from vector_ingest.forms.processing import ProcessingConfig

TooLong: TypeAlias = Literal["split", "truncate", "refuse"]
MOST: int = Field(
    default=100,
    ge=1,
    title="At most",
    description="More refused records than this in one sync stop it.",
    json_schema_extra=shown(1),
)


class Stop(Form):
    model_config = about("Stop the sync", "The error names the record and the reason. What came before it is stored.")
    type: Literal["stop"] = "stop"


class Skip(Form):
    model_config = about(
        "Pass over it",
        "The log names the record and the reason, and it is counted as failed. What the store has "
        "of the document stays as it is.",
    )
    type: Literal["skip"] = "skip"
    most: int = MOST


class KeptAside(Form):
    """Each destination says where."""

    type: Literal["quarantine"] = "quarantine"
    most: int = MOST


class DestinationConfig(Form):
    embedding: EmbeddingConfig = Field(
        title="Embedding",
        description="The model that makes vectors of texts.",
        json_schema_extra=shown(1, "embedding"),
    )
    processing: ProcessingConfig = Field(json_schema_extra=shown(1, "processing"))
    omit_raw_text: bool = Field(
        default=False,
        title="Do not store raw text",
        description="Store only the vector and the metadata, without the text that was embedded.",
        json_schema_extra=shown(1, "advanced"),
    )

    too_long_texts: TooLong = Field(
        default="split",
        title="Texts that are too long for the model",
        description="Chunks are cut to what the model reads; where its count differs from ours, it may still find one "
        "too long. `split` makes two of it, `truncate` embeds its beginning and says so in the metadata "
        "(`_ab_truncated_chunks`), `refuse` treats its record as one that can't be stored.",
        json_schema_extra=shown(4, "advanced"),
    )

    @property
    def most_skipped(self) -> int:
        """Refused records that a sync passes over."""
        return 0


def skipped(choice: Form) -> int:
    """For `most_skipped`, of what the form says of refused records."""
    return choice.most if isinstance(choice, Skip) else 0


def groups(store: str) -> dict[str, str]:
    """The sections of the form; `store` is the title of the one that leads to the store."""
    return {"processing": "Processing", "embedding": "Embedding", "indexing": store, "advanced": "Advanced"}
