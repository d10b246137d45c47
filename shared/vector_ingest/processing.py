"""How a record becomes chunks: the form's section "Processing", named as in Airbyte's destinations."""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Language = Literal[
    "cpp", "go", "java", "js", "php", "proto", "python", "rst",
    "ruby", "rust", "scala", "swift", "markdown", "latex", "html", "sol",
]  # fmt: skip


def _is_json_string(text: str) -> bool:
    try:
        return isinstance(json.loads(text), str)
    except ValueError:
        return False


class BySeparator(BaseModel):
    model_config = ConfigDict(
        title="By separator",
        json_schema_extra={
            "description": "Cut at the first separator that the text holds, and at the next one where a piece is still "
            "too long."
        },
    )
    mode: Literal["separator"] = "separator"
    separators: list[str] = Field(
        default=['"\\n\\n"', '"\\n"', '" "', '""'],
        title="Separators",
        description="In the order in which they are tried, each in double quotes as in JSON: "
        '"\\n" is a new line, "." a full stop, "" between any two characters.',
        json_schema_extra={"order": 1},
    )
    keep_separator: bool = Field(
        default=False,
        title="Keep the separator",
        description="Whether a chunk begins with the separator it was cut at.",
        json_schema_extra={"order": 2},
    )

    @field_validator("separators")
    @classmethod
    def _is_json(cls, separators: list[str]) -> list[str]:
        for separator in separators:
            if not _is_json_string(separator):
                raise ValueError(f"the separator {separator} is no string in double quotes: write it like " + r'"\n"')
        return separators


class ByMarkdownHeader(BaseModel):
    model_config = ConfigDict(
        title="By Markdown header",
        json_schema_extra={
            "description": "Cut at Markdown headings. Sections that fit together into one chunk stay together."
        },
    )
    mode: Literal["markdown"] = "markdown"
    split_level: int = Field(
        default=1,
        ge=1,
        le=6,
        title="Split level",
        description="The deepest level of heading to cut at.",
        json_schema_extra={"order": 1},
    )


class ByProgrammingLanguage(BaseModel):
    model_config = ConfigDict(
        title="By programming language",
        json_schema_extra={"description": "Cut source code where its language begins classes, functions or blocks."},
    )
    mode: Literal["code"] = "code"
    language: Language = Field(
        title="Language", description="The language that the text is written in.", json_schema_extra={"order": 1}
    )


TextSplitter = Annotated[BySeparator | ByMarkdownHeader | ByProgrammingLanguage, Field(discriminator="mode")]


class FieldNameMapping(BaseModel):
    model_config = ConfigDict(title="Field name mapping")
    from_field: str = Field(
        title="From field name", description="The name in the source.", json_schema_extra={"order": 1}
    )
    to_field: str = Field(
        title="To field name", description="The name in the destination.", json_schema_extra={"order": 2}
    )


_PATHS = (
    "The list holds for all streams, and what a record lacks is passed over. A dot leads into an object "
    "(`user.name`), a star stands for every entry of an object or array (`users.*.name`). "
)


class ProcessingConfig(BaseModel):
    model_config = ConfigDict(title="Processing")
    chunk_size: int = Field(
        ge=1,
        le=8191,
        title="Chunk size",
        description="The most tokens a chunk may have, counted as the embedding model counts them.",
        json_schema_extra={"order": 1},
    )
    text_fields: list[str] | None = Field(
        default=[],
        title="Text fields to embed",
        description="The fields whose text is embedded. " + _PATHS + "Empty: all fields.",
        examples=["text", "user.name", "users.*.name"],
        json_schema_extra={"order": 2, "always_show": True},
    )
    metadata_fields: list[str] | None = Field(
        default=[],
        title="Fields to store as metadata",
        description="The fields that are stored beside each vector. " + _PATHS + "Several values found by one path "
        "become an array under the path's name. Empty: all fields.",
        examples=["age", "user", "user.name"],
        json_schema_extra={"order": 3, "always_show": True},
    )
    text_splitter: TextSplitter | None = Field(
        default=None,
        title="Text splitter",
        description="Where to cut. Unset: at ends of paragraphs and sentences, chosen by the text around them, so that "
        "an edit changes one or two chunks and the others keep their vectors.",
        json_schema_extra={"order": 4},
    )
    chunk_overlap: int = Field(
        default=0,
        ge=0,
        title="Chunk overlap",
        description="Tokens that a chunk repeats from the one before it, at most. An overlap makes an edit reach more "
        "chunks.",
        json_schema_extra={"order": 5},
    )
    field_name_mappings: list[FieldNameMapping] = Field(
        default=[],
        title="Field name mappings",
        description="Fields to rename, in the text and in the metadata: top-level ones, or paths from the lists above.",
        json_schema_extra={"order": 6},
    )

    @model_validator(mode="after")
    def _overlap_fits(self) -> "ProcessingConfig":
        if self.chunk_overlap > self.chunk_size:
            raise ValueError(
                f"chunk_overlap is {self.chunk_overlap} and must not be above chunk_size, {self.chunk_size}"
            )
        return self
