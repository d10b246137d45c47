"""The section of the form on tables: which there are, and which columns they have beside the usual ones."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator

from destination_pgvector.names import LONGEST, NAMESPACE, STREAM
from vector_ingest.form import Form, about, shown
from vector_ingest.forms.destination_config import KeptAside

# As PostgreSQL writes them.
FieldType = Literal[
    "text", "integer", "bigint", "double precision", "boolean", "date", "timestamp", "timestamptz", "jsonb"
]


class PerStream(Form):
    model_config = about("One for each stream", "What one stream holds is searched, replaced and dropped for itself.")
    type: Literal["stream"] = "stream"
    name: str = Field(
        default=STREAM,
        title="Name",
        description="`{stream}` and `{namespace}` stand for the stream's; letters become small, and what is no letter "
        "or digit `_`. With `{namespace}`, the tables of all namespaces are in the default schema; without, each is in "
        "the schema of its namespace. Another name begins another table: refresh the streams after a change.",
        examples=["{stream}", "vectors_{stream}", "{namespace}_{stream}"],
        json_schema_extra=shown(1),
    )

    @field_validator("name")
    @classmethod
    def _tells_streams_apart(cls, name: str) -> str:
        if STREAM not in name:
            raise ValueError(
                f"expected a name with {STREAM} in it, found {name!r}; one table for all is another choice"
            )
        return name


class ForAll(Form):
    model_config = about(
        "One for all streams",
        "Streams are searched together. The column `stream` tells them apart; a sync that replaces "
        "a stream replaces its rows alone. All have one model.",
    )
    type: Literal["all"] = "all"
    name: str = Field(
        default="documents",
        min_length=1,
        title="Name",
        description="The table's name, in the default schema.",
        json_schema_extra=shown(1),
    )

    @field_validator("name")
    @classmethod
    def _fits(cls, name: str) -> str:
        if len(name.encode()) > LONGEST:
            raise ValueError(f"expected a name of at most {LONGEST} bytes, found {len(name.encode())}")
        return name


class TypedField(Form):
    model_config = ConfigDict(title="Field")
    field: str = Field(
        min_length=1,
        title="Field",
        description="As it is called in the metadata. A path into objects is written with dots.",
        examples=["price", "author.name"],
        json_schema_extra=shown(1),
    )
    type: FieldType = Field(
        title="Type",
        description="A value that is none of this type makes its record one that can't be stored.",
        json_schema_extra=shown(2),
    )


class NoColumns(Form):
    model_config = about("None", "All metadata are in one column, as JSON.")
    type: Literal["none"] = "none"


class Listed(Form):
    model_config = about("Of chosen fields", "A column for each, beside the one with all as JSON.")
    type: Literal["listed"] = "listed"
    fields: list[TypedField] = Field(min_length=1, title="Fields", json_schema_extra=shown(1))


class BySchema(Form):
    model_config = about(
        "By the stream's schema",
        "A column for each field of the stream that is metadata and no text field, of the type that "
        "the stream's schema gives it. Fields that come later are added.",
    )
    type: Literal["schema"] = "schema"


class Tables(Form):
    model_config = ConfigDict(title="Tables")
    table_for: Annotated[PerStream | ForAll, Field(discriminator="type")] = Field(
        default=PerStream(),
        title="Tables",
        description="How the streams are spread over tables.",
        json_schema_extra=shown(1),
    )
    vector_type: Literal["auto", "vector", "halfvec"] = Field(
        default="auto",
        title="Type of the vectors",
        description="`halfvec` takes half the room, with 11 bits of precision for each number; that changes what is "
        "found very little. `auto` takes it from 2,001 to 4,000 dimensions, where `vector` allows no index.",
        json_schema_extra=shown(2),
    )
    quantised: bool = Field(
        default=False,
        title="Column of bits",
        description="Add the column `embedding_bits`, a bit for the sign of each number, and build the HNSW index on "
        "it: a sixteenth of the size, for up to 64,000 dimensions. A search takes many by their bits and orders them "
        "by their vectors.",
        json_schema_extra=shown(3),
    )
    metadata_columns: Annotated[NoColumns | Listed | BySchema, Field(discriminator="type")] = Field(
        default=NoColumns(),
        title="Columns of metadata",
        description="Fields that have a column of their own, with a type, to filter and join by.",
        json_schema_extra=shown(4),
    )
    text_search: str | None = Field(
        default=None,
        min_length=1,
        title="Text search",
        description="The language of the texts, as PostgreSQL calls it (`simple` for any): adds the column "
        "`text_search` with an index for the search by words.",
        examples=["english", "german", "simple"],
        json_schema_extra=shown(5),
    )
    document_view: bool = Field(
        default=False,
        title="View of documents",
        description="Add the view `…_documents`, which has a row for each document: its text in order, its metadata, "
        "and how many chunks it has.",
        json_schema_extra=shown(6),
    )
    tenant_field: str | None = Field(
        default=None,
        min_length=1,
        title="Tenant field",
        description="The field of each record that names its tenant, a path with dots. Adds the column `tenant` and "
        "row level security: who does not own the table sees the rows of one tenant, whom the setting below names.",
        examples=["customer_id", "account.id"],
        json_schema_extra=shown(7),
    )
    tenant_setting: str = Field(
        default="app.tenant",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$",
        title="Setting that names the tenant",
        description="Of the session that queries, such as `SET app.tenant = 'acme'`.",
        json_schema_extra=shown(8),
    )

    @property
    def of_namespaces(self) -> bool:
        """Whether tables of several namespaces may be in one schema."""
        return isinstance(self.table_for, PerStream) and NAMESPACE in self.table_for.name


class Quarantine(KeptAside):
    model_config = about(
        "Keep it aside",
        "The record goes with its reason into the table `_airbyte_refused` of the default schema, "
        "is counted as failed, and `destination-pgvector replay` tries it again.",
    )
