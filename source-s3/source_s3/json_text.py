"""Arrow arrays to arrays of JSON texts: one function for each type, pyarrow.compute and numpy only.

Decimals and binary follow Airbyte's source-s3 where that can: decimals are strings, unless read as floats; binary is
base64, since it need not be text. NaN and infinities become null.
"""

import base64
import json
import uuid
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from source_s3.render_time import render_date, render_time, render_timestamp
from vector_ingest.errors import ConfigError

TEXT = pa.large_string()
EMPTY = pa.scalar("", TEXT)
UUID = "arrow.uuid"  # Parquet's logical type; any other extension is written as its storage
# JSON's own escapes, then the rest of the control characters: replaced only where a scan of the bytes finds one.
# The backslash is the first, since the others bring more of them.
ESCAPES = {0x5C: "\\\\", 0x22: '\\"', 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x08: "\\b", 0x0C: "\\f"}
ESCAPES |= {code: f"\\u{code:04x}" for code in range(0x20) if code not in ESCAPES}
MARKS = (0x5C, 0x22)


def to_json(array: pa.Array) -> pa.Array:
    """JSON texts (large_string), null where the value is null."""
    if isinstance(array, pa.ExtensionArray) and array.type.extension_name != UUID:
        return to_json(array.storage)
    inner = inner_text(array)
    if inner is not None:
        return _quoted(inner)
    for matches, function in FUNCTIONS:
        if matches(array.type):
            return function(array)
    raise ConfigError(
        f"a column has the Arrow type {array.type}, which has no JSON form here. Leave the column out of the stream, "
        "or write the file with another type"
    )


def inner_text(array: pa.Array) -> pa.Array | None:
    """What stands between the quotation marks, for types whose JSON is a string; None for the others."""
    for matches, function in INNER:
        if matches(array.type):
            return function(array)
    return None


def _quoted(inner: pa.Array) -> pa.Array:
    mark = pa.scalar('"', TEXT)
    return pc.binary_join_element_wise(mark, inner, mark, EMPTY)  # null in, null out


def _escaped(array: pa.Array) -> pa.Array:
    texts = array.cast(TEXT)
    data = np.frombuffer(bytes_of(texts), np.uint8)
    if not len(data):
        return texts
    # Comparing takes 0.1 ns a byte, np.unique or bincount 3: for control characters only where there are some.
    codes = ESCAPES if data.min() < 0x20 else MARKS
    for code in [code for code in codes if (data == code).any()]:
        texts = pc.replace_substring(texts, chr(code), ESCAPES[code])
    return texts


def _base64(array: pa.Array) -> pa.Array:
    values = (None if value is None else base64.b64encode(value).decode() for value in array.to_pylist())
    return pa.array(values, TEXT)


def _uuid(array: pa.Array) -> pa.Array:
    values = (None if value is None else str(uuid.UUID(bytes=value)) for value in array.storage.to_pylist())
    return pa.array(values, TEXT)


def _number(array: pa.Array) -> pa.Array:
    return array.cast(TEXT)


def _float(array: pa.Array) -> pa.Array:
    wide = array.cast(pa.float32()) if pa.types.is_float16(array.type) else array
    return pc.if_else(pc.is_finite(wide), wide.cast(TEXT), None)


def _nothing(array: pa.Array) -> pa.Array:
    return pa.nulls(len(array), TEXT)


def _dictionary(array: pa.Array) -> pa.Array:
    return to_json(array.dictionary_decode())


def _list(array: pa.Array) -> pa.Array:
    return _wrapped(array, "[", to_json(array.flatten()).fill_null("null"), "]")


def _map(array: pa.Array) -> pa.Array:
    entries = pa.StructArray.from_arrays([array.keys, array.items], names=["key", "value"])
    lists = pa.Array.from_buffers(
        pa.list_(entries.type), len(array), array.buffers()[:2], array.null_count, array.offset, [entries]
    )
    keys, items = lists.flatten().flatten()  # the lists, then the pairs
    names = inner_text(keys)
    names = _quoted(names if names is not None else _escaped(to_json(keys)))
    pairs = pc.binary_join_element_wise(names, to_json(items).fill_null("null"), pa.scalar(":", TEXT))
    return _wrapped(lists, "{", pairs, "}")


def _wrapped(array: pa.Array, begin: str, texts: pa.Array, end: str) -> pa.Array:
    """One text for each list: its elements' `texts` between commas."""
    lengths = pc.list_value_length(array).fill_null(0)
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))]).astype(np.int64)
    joined = pc.binary_join(pa.LargeListArray.from_arrays(pa.array(offsets), texts), pa.scalar(",", TEXT))
    whole = pc.binary_join_element_wise(pa.scalar(begin, TEXT), joined, pa.scalar(end, TEXT), EMPTY)
    return pc.if_else(array.is_valid(), whole, None) if array.null_count else whole


def _struct(array: pa.Array) -> pa.Array:
    parts: list[pa.Array | pa.Scalar] = []
    literal = "{"
    for field, values in zip(array.type.fields, array.flatten(), strict=True):
        literal += f"{json.dumps(field.name, ensure_ascii=False)}:"
        parts += [pa.scalar(literal, TEXT), to_json(values)]
        literal = ","
    parts.append(pa.scalar("}" if parts else "{}", TEXT))
    if len(parts) == 1:
        parts.append(pa.array([""] * len(array), TEXT))
    texts = pc.binary_join_element_wise(*parts, EMPTY, null_handling="replace", null_replacement="null")
    return pc.if_else(array.is_valid(), texts, None) if array.null_count else texts


def bytes_of(texts: pa.Array) -> memoryview:
    """The part of the value buffer that belongs to these texts."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = texts.buffers()[2]
    return memoryview(data if data is not None else b"")[offsets[0] : offsets[-1]]


def _is_any(*tests: Callable[[pa.DataType], bool]) -> Callable[[pa.DataType], bool]:
    return lambda kind: any(test(kind) for test in tests)


Render = tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]]
T = pa.types
INNER: tuple[Render, ...] = (
    (_is_any(T.is_string, T.is_large_string, T.is_string_view), _escaped),
    (_is_any(T.is_binary, T.is_large_binary, T.is_fixed_size_binary, T.is_binary_view), _base64),
    (lambda kind: isinstance(kind, pa.UuidType), _uuid),
    (T.is_decimal, _number),
    (T.is_date, render_date),
    (T.is_time, render_time),
    (T.is_timestamp, render_timestamp),
)
FUNCTIONS: tuple[Render, ...] = (
    (_is_any(T.is_integer, T.is_boolean, T.is_duration), _number),
    (T.is_floating, _float),
    (T.is_null, _nothing),
    (T.is_dictionary, _dictionary),
    (_is_any(T.is_list, T.is_large_list, T.is_fixed_size_list, T.is_list_view, T.is_large_list_view), _list),
    (T.is_map, _map),
    (T.is_struct, _struct),
)
