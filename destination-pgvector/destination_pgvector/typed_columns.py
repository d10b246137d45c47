"""Fields of the metadata that have a column of their own: which, of what type, and what a value of it must be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destination_pgvector.names import LONGEST, hashed, normalised
from destination_pgvector.table_options import BySchema, FieldType, Listed, NoColumns
from vector_ingest.errors import ConfigError
from vector_ingest.forms.processing import ProcessingConfig

# What a column may become without a value of it being lost: it is filled anew from the metadata.
WIDER: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"bigint", "double precision", "text", "jsonb"}),
    "bigint": frozenset({"double precision", "text", "jsonb"}),
    "double precision": frozenset({"text", "jsonb"}),
    "boolean": frozenset({"text", "jsonb"}),
    "date": frozenset({"timestamp", "timestamptz", "text", "jsonb"}),
    "timestamp": frozenset({"text", "jsonb"}),
    "timestamptz": frozenset({"text", "jsonb"}),
    "text": frozenset({"jsonb"}),
    "jsonb": frozenset(),
}
COMMENT = ("The field ", " of the record.")
MOST = 1500  # of the 1,600 columns that a table has at most (https://www.postgresql.org/docs/current/limits.html)
# As format_type writes them.
SHORT = {"timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp"}
OF_JSON: Mapping[str, FieldType] = {
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
}


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """`chosen`: the user has said the type, so that no other will do."""

    column: str
    field: str
    type: str
    chosen: bool = False

    def value_in(self, metadata: Mapping[str, Any]) -> Any:
        """What the metadata have under the field's name, else at the path that it is. None: nothing."""
        if self.field in metadata:
            return metadata[self.field]
        value: Any = metadata
        for name in self.field.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def comment_on(field: str) -> str:
    """What a column's comment says of it."""
    return f"{COMMENT[0]}{field}{COMMENT[1]}"


def fields_in(columns: Mapping[str, str], comments: Mapping[str, str]) -> tuple[TypedColumn, ...]:
    """The fields that have a column in a table, by its columns' types and comments."""
    begin, end = COMMENT
    found = {
        column: comment.removeprefix(begin).removesuffix(end)
        for column, comment in comments.items()
        if comment.startswith(begin) and comment.endswith(end)
    }
    return tuple(TypedColumn(column, field, columns[column]) for column, field in found.items())


def typed_columns(
    choice: NoColumns | Listed | BySchema,
    schema: Mapping[str, Any],
    processing: ProcessingConfig,
    reserved: frozenset[str],
) -> tuple[TypedColumn, ...]:
    """`schema`: the stream's. `reserved`: names that other columns have. ConfigError: there are too many."""
    if isinstance(choice, Listed):
        types: Mapping[str, str] = {each.field: each.type for each in choice.fields}
    elif isinstance(choice, BySchema):
        types = _by_schema(schema, processing)
    else:
        types = {}
    if len(types) > MOST:
        raise ConfigError(
            f"The stream's schema gives {len(types):,} columns of metadata, and a table has room for {MOST:,}. Choose "
            "fields in processing.metadata_fields, or list them in indexing.tables.metadata_columns."
        )
    names = _names(list(types), reserved)
    return tuple(TypedColumn(names[field], field, kind, isinstance(choice, Listed)) for field, kind in types.items())


def metadata_names(processing: ProcessingConfig) -> set[str]:
    """What the chosen metadata fields are called in the metadata."""
    renamed = _renamed(processing)
    return {renamed.get(name, name) for name in processing.metadata_fields or ()}


def _by_schema(schema: Mapping[str, Any], processing: ProcessingConfig) -> dict[str, str]:
    properties: Mapping[str, Any] = schema.get("properties") or {}
    texts, chosen = set(processing.text_fields or ()), processing.metadata_fields
    renamed = _renamed(processing)
    wanted = [name for name in properties if (name in chosen if chosen else name not in texts)]
    return {renamed.get(name, name): _type_of(properties[name]) for name in wanted}


def _renamed(processing: ProcessingConfig) -> dict[str, str]:
    return {mapping.from_field: mapping.to_field for mapping in processing.field_name_mappings}


def _type_of(node: Any) -> str:
    """Of a property of a JSON schema. What may be of several types is kept as JSON."""
    kinds = node.get("type") if isinstance(node, Mapping) else None
    kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds or [] if kind != "null"]
    if len(kinds) != 1:
        return "jsonb"
    if kinds == ["string"]:
        return _type_of_text(node)
    if kinds == ["number"] and node.get("airbyte_type") == "integer":
        return "bigint"
    return OF_JSON.get(kinds[0], "jsonb")


def _type_of_text(node: Mapping[str, Any]) -> str:
    match node.get("format"):
        case "date":
            return "date"
        case "date-time":
            return "timestamp" if node.get("airbyte_type") == "timestamp_without_timezone" else "timestamptz"
        case _:
            return "text"


def _names(fields: Sequence[str], reserved: frozenset[str]) -> dict[str, str]:
    """A column for each field. One whose plain name is another's gets a hash."""
    plain = {field: normalised(field) for field in fields}
    names: dict[str, str] = {}
    for field, name in plain.items():
        shared = name != field and list(plain.values()).count(name) > 1
        taken = name in reserved or shared or len(name) > LONGEST or not name.strip("_")
        names[field] = hashed(name, field) if taken else name
    return names
