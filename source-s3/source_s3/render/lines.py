"""Arrow batches to RECORD lines, column by column, with no Python object for a row.

Each column becomes an array of JSON texts (`json_text`); these and the literal parts of the line are joined
element-wise, and the value buffer of the result is written as it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from source_s3.render.changes import render_changes
from source_s3.render.json_text import EMPTY, TEXT, bytes_of, inner_text, refuse_equal_names, to_json
from source_s3.render.marks import CHANGES, RAW_OBJECT, RAW_VALUE
from vector_ingest.errors import DataError

LINE_END = b"}\n"  # of an object that is a line


@dataclass(frozen=True, slots=True)
class Template:
    """The parts of a line that are the same for a whole file. `constants` are JSON texts by field name."""

    stream: str
    namespace: str | None
    emitted_at: int  # ms since 1970
    constants: Mapping[str, str]
    row_number: str | None = None  # the field that carries the number of the row in its file, from 1
    wrapped: bool = False  # all columns as one object in the field `data`

    def head(self) -> str:
        namespace = "" if self.namespace is None else f'"namespace":{json.dumps(self.namespace)},'
        return f'{{"type":"RECORD","record":{{"stream":{json.dumps(self.stream)},{namespace}"data":{{'

    def tail(self) -> str:
        constants = "".join(f",{json.dumps(name)}:{value}" for name, value in self.constants.items())
        return f'{constants}}},"emitted_at":{self.emitted_at}'


def render(rows: pa.RecordBatch, first_row: int, template: Template) -> memoryview:
    """RECORD lines, each with its newline. `first_row`: number of the first row in its file, from 0.

    NaN and infinities become null, and the record says so in `meta.changes`. ConfigError: a type that can't be
    rendered. DataError: text that is not UTF-8; a date outside of the years 1 to 9999; two columns of one name.
    """
    rows, given = _given_changes(_without_facts(rows, template))
    if not rows.num_columns:
        return _render_objects(pa.repeat(pa.scalar("{}", TEXT), rows.num_rows), first_row, template, given)
    if rows.schema.field(0).metadata == RAW_OBJECT:
        return _render_objects(rows.column(0), first_row, template, given)
    parts: list[pa.Array | pa.Scalar] = []
    literal = template.head() + ('"data":{' if template.wrapped else "")
    for field, column in zip(rows.schema, rows.columns, strict=True):
        texts, quote = _column(field, column)
        literal += f"{json.dumps(field.name, ensure_ascii=False)}:{quote}"
        parts += [pa.scalar(literal, TEXT), texts]
        literal = f"{quote},"
    literal = literal.removesuffix(",") + ("}" if template.wrapped else "")
    if template.row_number is not None:
        parts += [pa.scalar(f"{literal},{json.dumps(template.row_number)}:", TEXT), _numbers(first_row, rows.num_rows)]
        literal = ""
    tail = literal + template.tail()
    changes = render_changes(rows, given)
    parts += [pa.scalar(f"{tail}}}}}\n", TEXT)] if changes is None else [pa.scalar(tail, TEXT), changes]
    return bytes_of(pc.binary_join_element_wise(*parts, EMPTY, null_handling="replace", null_replacement="null"))


def _without_facts(rows: pa.RecordBatch, template: Template) -> pa.RecordBatch:
    """The facts of the file win over its columns of the same name, as in Airbyte's source-s3."""
    refuse_equal_names(rows.schema.names, "the file")
    facts = {*template.constants, template.row_number}
    if template.wrapped or facts.isdisjoint(rows.schema.names):
        return rows
    return rows.select([name for name in rows.schema.names if name not in facts])


def _given_changes(rows: pa.RecordBatch) -> tuple[pa.RecordBatch, Sequence[pa.Array]]:
    last = rows.num_columns - 1
    if last < 0 or rows.schema.field(last).metadata != CHANGES:
        return rows, ()
    return rows.select(list(range(last))), (rows.column(last),)


def _numbers(first_row: int, count: int) -> pa.Array:
    return pa.array(np.arange(first_row + 1, first_row + 1 + count)).cast(TEXT)


def _column(field: pa.Field, column: pa.Array) -> tuple[pa.Array, str]:
    """The column's JSON texts, and the quotation mark that belongs around each of them in the literals.

    Null can't be quoted by a literal: a text column with nulls carries its quotation marks itself.
    """
    if field.metadata == RAW_VALUE:
        return column, ""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        raise DataError(f"column `{field.name}`", f"expected valid values (text is UTF-8), found: {error}") from error
    if column.null_count:
        return to_json(column), ""
    inner = inner_text(column)
    return (inner, '"') if inner is not None else (to_json(column), "")


def _replaced_ends(objects: pa.Array, template: Template) -> memoryview | None:
    """The same for whole lines at once: what ends one and begins the next is put between them, six times as fast.

    None where an object is not a line that ends with its brace, or is empty and so takes no comma.
    """
    if template.wrapped or template.row_number is not None or not template.constants or not len(objects):
        return None
    block = bytes_of(objects)
    offsets = np.frombuffer(objects.buffers()[1], np.int64)[objects.offset : objects.offset + len(objects) + 1]
    last = np.frombuffer(block, np.uint8)[offsets[1:] - offsets[0] - len(LINE_END) - 1]  # before the brace
    if not ((last != ord("{")) & (last > ord(" "))).all():
        return None
    head, end = template.head().removesuffix("{").encode(), f"{template.tail()}}}}}\n".encode()
    # One more end before the first line, so that its head comes out, too. All by Arrow, which lets other threads run.
    ended = b"".join([LINE_END, block])
    whole = pa.Array.from_buffers(TEXT, 1, [None, pa.py_buffer(np.array([0, len(ended)])), pa.py_buffer(ended)])
    lines = bytes_of(pc.replace_substring(whole, LINE_END.decode(), (end + head).decode()))
    replaced = (len(lines) - len(ended)) // (len(end + head) - len(LINE_END))
    # No object has a line end inside, so that as many ends as objects are one after each.
    return lines[len(end) : -len(head)] if replaced == len(objects) + 1 else None


def without_end(objects: pa.Array) -> pa.Array:
    """JSON objects without their last brace and what blanks stand before it: members can follow."""
    opened = pc.binary_slice(pc.ascii_rtrim_whitespace(objects).cast(pa.large_binary()), 0, -1).cast(TEXT)
    return pc.ascii_rtrim_whitespace(opened)


def _render_objects(objects: pa.Array, first_row: int, template: Template, given: Sequence[pa.Array]) -> memoryview:
    """Lines from texts that are JSON objects already: the constants go in before the last brace."""
    if not given and (lines := _replaced_ends(objects, template)) is not None:
        return lines
    if template.wrapped:
        parts = [pa.scalar(template.head() + '"data":', TEXT), pc.ascii_rtrim_whitespace(objects)]  # of line ends
        comma, tail = ",", template.tail()
    else:
        bare = without_end(objects)
        parts = [pa.scalar(template.head().removesuffix("{"), TEXT), bare]
        more = "," if template.constants or template.row_number is not None else ""
        parts.append(pc.if_else(pc.equal(bare, "{"), EMPTY, pa.scalar(more, TEXT)))
        comma, tail = "", template.tail().removeprefix(",")
    if template.row_number is not None:
        parts += [pa.scalar(f"{comma}{json.dumps(template.row_number)}:", TEXT), _numbers(first_row, len(objects))]
        tail = template.tail()
    changes = render_changes(pa.RecordBatch.from_arrays([], []), given)
    parts += [pa.scalar(f"{tail}}}}}\n", TEXT)] if changes is None else [pa.scalar(tail, TEXT), changes]
    return bytes_of(pc.binary_join_element_wise(*parts, EMPTY))
