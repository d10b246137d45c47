"""How a record becomes chunks: the form's section "Processing", named as in Airbyte's destinations."""

import json
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from vector_ingest.form import Form, about, shown
from vector_ingest.template import parse

Language = Literal[
    "cpp", "go", "java", "js", "php", "proto", "python", "rst",
    "ruby", "rust", "scala", "swift", "markdown", "latex", "html", "sol",
]  # fmt: skip


def _is_json_string(text: str) -> bool:
    try:
        return isinstance(json.loads(text), str)
    except ValueError:
        return False


class BySeparator(Form):
    model_config = about(
        "By separator",
        "Cut at the first separator that the text holds, and at the next one where a piece is still too long.",
    )
    mode: Literal["separator"] = "separator"
    separators: list[str] = Field(
        default=['"\\n\\n"', '"\\n"', '" "', '""'],
        title="Separators",
        description="In the order in which they are tried, each in double quotes as in JSON: "
        '"\\n" is a new line, "." a full stop, "" between any two characters.',
        json_schema_extra=shown(1),
    )
    keep_separator: bool = Field(
        default=False,
        title="Keep the separator",
        description="Whether a chunk begins with the separator it was cut at.",
        json_schema_extra=shown(2),
    )

    @field_validator("separators")
    @classmethod
    def _is_json(cls, separators: list[str]) -> list[str]:
        for separator in separators:
            if not _is_json_string(separator):
                raise ValueError(f"the separator {separator} is no string in double quotes: write it like " + r'"\n"')
        return separators


class ByMarkdownHeader(Form):
    model_config = about(
        "By Markdown header", "Cut at Markdown headings. Sections that fit together into one chunk stay together."
    )
    mode: Literal["markdown"] = "markdown"
    split_level: int = Field(
        default=1,
        ge=1,
        le=6,
        title="Split level",
        description="The deepest level of heading to cut at.",
        json_schema_extra=shown(1),
    )


class ByProgrammingLanguage(Form):
    model_config = about(
        "By programming language", "Cut source code where its language begins classes, functions or blocks."
    )
    mode: Literal["code"] = "code"
    language: Language = Field(
        title="Language", description="The language that the text is written in.", json_schema_extra=shown(1)
    )


class BySentences(Form):
    model_config = about("By sentences", "As many whole sentences as fit, from the start of the text.")
    mode: Literal["sentences"] = "sentences"


class ByTokens(Form):
    model_config = about("By tokens", "Windows of the chunk size, each cut after the last word that fits.")
    mode: Literal["tokens"] = "tokens"


class BySections(Form):
    model_config = about(
        "By sections or pages",
        "Cut where a document's sections or pages end, as the source tells them in the field "
        "`sections`, and inside of one that is too long where the text around it says.",
    )
    mode: Literal["sections"] = "sections"
    by: Literal["section", "page"] = Field(
        default="section",
        title="Parts",
        description="`page`: sections of one page stay together where they fit.",
        json_schema_extra=shown(1),
    )


class NoChunking(Form):
    model_config = about(
        "No chunking",
        "The whole text is one chunk, whatever the chunk size. What is too long for the model is "
        "treated as such texts are.",
    )
    mode: Literal["none"] = "none"


TextSplitter = Annotated[
    BySeparator | ByMarkdownHeader | ByProgrammingLanguage | BySentences | ByTokens | BySections | NoChunking,
    Field(discriminator="mode"),
]


class FieldNameMapping(Form):
    model_config = ConfigDict(title="Field name mapping")
    from_field: str = Field(title="From field name", description="The name in the source.", json_schema_extra=shown(1))
    to_field: str = Field(title="To field name", description="The name in the destination.", json_schema_extra=shown(2))


_PATHS = (
    "The list holds for all streams, and what a record lacks is passed over. A dot leads into an object "
    "(`user.name`), a star stands for every entry of an object or array (`users.*.name`). "
)


class ProcessingConfig(Form):
    model_config = ConfigDict(title="Processing")
    chunk_size: int = Field(
        ge=1,
        le=8191,
        title="Chunk size",
        description="The most tokens a chunk may have, counted as the embedding model counts them.",
        json_schema_extra=shown(1),
    )
    text_fields: list[str] | None = Field(
        default=[],
        title="Text fields to embed",
        description="The fields whose text is embedded. " + _PATHS + "Empty: all fields.",
        examples=["text", "user.name", "users.*.name"],
        json_schema_extra=shown(2, always_show=True),
    )
    metadata_fields: list[str] | None = Field(
        default=[],
        title="Fields to store as metadata",
        description="The fields that are stored beside each vector. " + _PATHS + "Several values found by one path "
        "become an array under the path's name. Empty: all fields.",
        examples=["age", "user", "user.name"],
        json_schema_extra=shown(3, always_show=True),
    )
    text_splitter: TextSplitter | None = Field(
        default=None,
        title="Text splitter",
        description="Where to cut. Unset: at ends of paragraphs and sentences, chosen by the text around them, so that "
        "an edit changes one or two chunks and the others keep their vectors.",
        json_schema_extra=shown(4),
    )
    chunk_overlap: int = Field(
        default=0,
        ge=0,
        title="Chunk overlap",
        description="Tokens that a chunk repeats from the one before it, at most. An overlap makes an edit reach more "
        "chunks.",
        json_schema_extra=shown(5),
    )
    field_name_mappings: list[FieldNameMapping] = Field(
        default=[],
        title="Field name mappings",
        description="Fields to rename, in the text and in the metadata: top-level ones, or paths from the lists above.",
        json_schema_extra=shown(6),
    )

    embedded_text: str | None = Field(
        default=None,
        title="Embedded text",
        description="What is embedded for a chunk: a template with `{chunk}` once, and names of the record's fields in "
        "braces; `{headings}` and `{page}` are what is known of the chunk. `{{` is a brace. Unset: the chunk alone.",
        examples=["{title}\n{chunk}", "{headings}\n\n{chunk}"],
        json_schema_extra=shown(7, multiline=True),
    )
    store_embedded_text: bool = Field(
        default=False,
        title="Store the embedded text",
        description="Store what the template puts around the chunk, too, instead of the chunk alone.",
        json_schema_extra=shown(8),
    )
    omit_field_names: bool = Field(
        default=False,
        title="Text without names of fields",
        description="The text is the values of the fields, one below the other. Otherwise names stand before them.",
        json_schema_extra=shown(9),
    )
    store_positions: bool = Field(
        default=False,
        title="Store where a chunk stands",
        description="Add `_ab_start` and `_ab_end` to the metadata of each chunk: its range of characters in the text. "
        "`_ab_page` and `_ab_headings` are added where they are known.",
        json_schema_extra=shown(10),
    )
    compatible_chunks: bool = Field(
        default=False,
        title="Cut as Airbyte's connectors do",
        description="Count the chunk size in tokens of GPT-2, and cut as Airbyte's destinations do: by separator, "
        "by Markdown header or by programming language, by separator if nothing is chosen. What is too long for the "
        "model is cut further.",
        json_schema_extra=shown(11),
    )

    @field_validator("embedded_text")
    @classmethod
    def _is_template(cls, text: str | None) -> str | None:
        if text:
            parse(text)
        return text or None

    @model_validator(mode="after")
    def _compatible_splitter(self) -> "ProcessingConfig":
        chosen = self.text_splitter
        if self.compatible_chunks and not isinstance(
            chosen, BySeparator | ByMarkdownHeader | ByProgrammingLanguage | None
        ):
            raise ValueError(
                f"compatible_chunks is set, and Airbyte's connectors have no text splitter `{chosen.mode}`: choose "
                "separator, markdown or code, or unset compatible_chunks"
            )
        return self

    @model_validator(mode="after")
    def _overlap_fits(self) -> "ProcessingConfig":
        if self.chunk_overlap > self.chunk_size:
            raise ValueError(
                f"chunk_overlap is {self.chunk_overlap} and must not be above chunk_size, {self.chunk_size}"
            )
        return self
