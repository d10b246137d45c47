"""A record's data to the text that is embedded and the metadata that is stored, as Airbyte's destinations do it.

The text is a line `name: value` for each field: also for a single one. A value in several lines keeps them, an object
begins a new line and holds such lines itself, an array has a line for each entry, null is `None`, true is `True`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from vector_ingest.document import Section
from vector_ingest.errors import DataError
from vector_ingest.forms.processing import FieldNameMapping, ProcessingConfig
from vector_ingest.record.sections import OF_FIELD, SECTIONS, brings_sections, sections_of
from vector_ingest.template import Parts, filled, names, parse

# What Airbyte's destinations add to the metadata: the stream, and under append_dedup the record's id.
STREAM_FIELD = "_ab_stream"
RECORD_ID_FIELD = "_ab_record_id"


@dataclass(frozen=True, slots=True)
class Content:
    """What of a record becomes a document. `frame`: the template of the embedded text, with the record's values.

    `keeps`: what the store keeps of each chunk. A change of it writes documents anew that are the same otherwise.
    """

    text: str
    metadata: dict[str, Any]
    sections: Sequence[Section] = ()
    frame: Parts = ()
    keeps: Sequence[str] = ()


def contents_from(config: ProcessingConfig, omit_raw_text: bool = False) -> Callable[[Mapping[str, Any], str], Content]:
    """Record data, and where it is for an error's text -> its content, as `document_of` with sections and template."""
    template = parse(config.embedded_text) if config.embedded_text else ()
    settings = {
        "without text": omit_raw_text,
        "embedded text": config.store_embedded_text,
        "positions": config.store_positions,
    }
    keeps = tuple(name for name, is_set in settings.items() if is_set)

    def content_of(data: Mapping[str, Any], where: str) -> Content:
        sections: Sequence[Section] = ()
        brought = brings_sections(data)
        own = {name: value for name, value in data.items() if name != SECTIONS} if brought else data
        text, metadata = document_of(own, config, where)
        if brought and (offset := _offset_of_content(own, config)) is not None:
            sections = sections_of(data, offset, where)
        frame = filled(template, _values_for(template, own)) if template else ()
        return Content(text, metadata, sections, frame, keeps)

    return content_of


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
    text = "\n".join(map(_written, chosen.values())) if config.omit_field_names else _lines(chosen)
    return text, _chosen(data, config.metadata_fields, config.field_name_mappings)


def _offset_of_content(data: Mapping[str, Any], config: ProcessingConfig) -> int | None:
    """Where the field that sections speak of begins in the text. None: it is no part of it."""
    name, offset = OF_FIELD, 0
    for mapping in config.field_name_mappings:
        name = mapping.to_field if mapping.from_field == name else name
    for each, value in _chosen(data, config.text_fields, config.field_name_mappings).items():
        label = 0 if config.omit_field_names else len(each) + 2
        if each == name and value == data[OF_FIELD]:
            return offset + label
        offset += label + len(_written(value)) + 1
    return None


def _values_for(template: Parts, data: Mapping[str, Any]) -> Mapping[str, str]:
    found = (
        (name, [value for value in _values(data, name.split(".")) if value is not None]) for name in names(template)
    )
    return {name: "\n".join(map(_written, values)) for name, values in found}


def _chosen(
    data: Mapping[str, Any], paths: Sequence[str] | None, mappings: Sequence[FieldNameMapping]
) -> dict[str, Any]:
    """The fields at `paths`, each under its path, or all if there are none. Several values at a path are a list."""
    fields = {} if paths else dict(data)
    for path in paths or ():
        if path in data:  # most are just a field's name; of a name with dots, the field is meant before the path
            fields[path] = data[path]
        elif values := list(_values(data, path.split("."))):
            fields[path] = values if len(values) > 1 else values[0]
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
