"""The columns of a table: the usual ones, and those that the user has chosen."""

from dataclasses import dataclass, replace

from psycopg import sql

from destination_pgvector.tables.vector_type import BITS, VectorType
from destination_pgvector.typed_columns import TypedColumn, comment_on

GENERATED = "GENERATED ALWAYS AS"
TEXT_SEARCH = "text_search"
TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    comment: str
    rest: str = ""

    @property
    def definition(self) -> str:
        return f"{sql.Identifier(self.name).as_string()} {self.type} {self.rest}".rstrip()

    @property
    def is_generated(self) -> bool:
        return self.rest.startswith(GENERATED)

    @property
    def is_added_at_once(self) -> bool:
        """Whether a table that has rows can be given it without being written anew."""
        return not self.rest or "DEFAULT" in self.rest


# The first five are those of Airbyte's destination-pgvector.
PEER = ("document_id", "chunk_id", "metadata", "document_content", "embedding")
USUAL = (
    Column("document_id", "text", "The document: of the record's primary key, where it has one.", "NOT NULL"),
    Column("chunk_id", "text", "The document's id, # and the chunk's number.", "NOT NULL"),
    Column("metadata", "jsonb", "The record's chosen fields, and what is known of the chunk alone."),
    Column("document_content", "text", "The chunk's text, unless texts are not stored."),
    Column("embedding", "", "What the model made of the chunk. The table's comment tells which model."),
    Column("chunk_number", "integer", "0, 1, … in the document's order.", "NOT NULL"),
    Column("page", "integer", "The page that the chunk begins on, where that is known."),
    Column("headings", "text[]", "The headings above the chunk, the highest first, where they are known."),
    Column("chunk_hash", "bytea", "Of what was embedded: an equal chunk keeps its vector."),
    Column("document_hash", "bytea", "Of all that is stored of the document: an equal one is not written."),
    Column("generation", "bigint", "The generation of the sync that wrote the row, as Airbyte counts them."),
    Column("loaded_at", "timestamptz", "When the row was written.", "NOT NULL DEFAULT now()"),
)
OF_STREAM = (
    Column("namespace", "text", "The stream's namespace, or nothing.", "NOT NULL"),
    Column("stream", "text", "The stream that the row is of.", "NOT NULL"),
)
OF_TENANT = Column(TENANT, "text", "Whose row it is. Row level security compares it with a setting.", "NOT NULL")
RESERVED = frozenset(column.name for column in (*USUAL, *OF_STREAM, OF_TENANT)) | {BITS, TEXT_SEARCH}


@dataclass(frozen=True, slots=True)
class Layout:
    """What a table has. `setting` names the tenant where there are some; `for_all`: it is of all streams."""

    vector: VectorType
    for_all: bool = False
    setting: str | None = None
    text_search: str | None = None
    typed: tuple[TypedColumn, ...] = ()

    @property
    def columns(self) -> list[Column]:
        found = [column if column.type else replace(column, type=self.vector.name) for column in USUAL]
        if self.for_all:
            found += OF_STREAM
        if self.setting:
            found.append(OF_TENANT)
        found += [Column(each.column, each.type, comment_on(each.field)) for each in self.typed]
        if self.vector.quantised:
            made = f"{GENERATED} ({self.vector.quantise('embedding')}) STORED"
            found.append(Column(BITS, self.vector.bits, "The signs of the vector's numbers, to search by first.", made))
        if self.text_search:
            words = f"to_tsvector({sql.Literal(self.text_search).as_string()}::regconfig, document_content)"
            made = f"{GENERATED} ({words}) STORED"
            found.append(Column(TEXT_SEARCH, "tsvector", "The words of the text, to search by.", made))
        return found

    @property
    def key(self) -> str:
        return "document_id, chunk_number" + (", namespace, stream" if self.for_all else "")
