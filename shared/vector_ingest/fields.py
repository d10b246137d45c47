"""A record's data to the text that is embedded and the metadata that is stored, as Airbyte's destinations do it.

The text is a line `name: value` for each field: also for a single one. A value in several lines keeps them, an object
begins a new line and holds such lines itself, an array has a line for each entry, null is `None`, true is `True`.
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from vector_ingest.errors import DataError
from vector_ingest.processing import FieldNameMapping, ProcessingConfig

# What Airbyte's destinations add to the metadata: the stream, and under append_dedup the record's id.
STREAM_FIELD = "_ab_stream"
RECORD_ID_FIELD = "_ab_record_id"


def document_of(data: Mapping[str, Any], config: ProcessingConfig, where: str = "record") -> tuple[str, dict[str, Any]]:
    """Text and metadata. DataError, named by `where`, if the record has none of the text fields.

    A text field that is there but null or empty is text ("name: None", "name: ").
    """
    chosen = _chosen(data, config.text_fields, config.field_name_mappings)
    if not chosen:
        wanted = ", ".join(config.text_fields or []) or "any field"
        found = ", ".join(list(data)[:20]) or "none"
        raise DataError(
            where,
            f"it has none of the text fields ({wanted}); its fields are: {found}. Change `processing.text_fields`",
        )
    return _lines(chosen), _chosen(data, config.metadata_fields, config.field_name_mappings)


def _chosen(
    data: Mapping[str, Any], paths: Sequence[str] | None, mappings: Sequence[FieldNameMapping]
) -> dict[str, Any]:
    """The fields at `paths`, each under its path, or all if there are none. Several values at a path are a list."""
    fields = dict(data)
    if paths:
        found = ((path, list(_values(data, path.split(".")))) for path in paths)
        fields = {path: values if len(values) > 1 else values[0] for path, values in found if values}
    for mapping in mappings:
        if mapping.from_field in fields:
            fields[mapping.to_field] = fields.pop(mapping.from_field)
    return fields


def _values(node: Any, path: Sequence[str]) -> Iterator[Any]:
    """Every value that the path leads to, in the record's order. A part may be a shell pattern; `0` is an index too."""
    if not path:
        yield node
        return
    head, rest = path[0], path[1:]
    if isinstance(node, Mapping) and head in node:  # a name that holds `[` or `?` means itself before it is a pattern
        yield from _values(node[head], rest)
        return
    for key, value in _children(node):
        if fnmatchcase(str(key), head):
            yield from _values(value, rest)


def _children(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, Mapping):
        yield from node.items()
    elif isinstance(node, list):
        yield from enumerate(node)


def _lines(fields: Mapping[str, Any]) -> str:
    return "".join(f"{name}: {_written(value)}\n" for name, value in fields.items())


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n" + _lines(value)
    if isinstance(value, list):
        return "\n".join(_written(entry) for entry in value)
    return str(value)
