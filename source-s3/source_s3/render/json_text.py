"""Arrow arrays to arrays of JSON texts: one function for each type, pyarrow.compute and numpy only.

Decimals and binary follow Airbyte's source-s3 where that can: decimals are strings, unless read as floats; binary is
base64, since it need not be text. NaN and infinities become null. An interval is an array of its months, days and
nanoseconds. Of equal keys in a map all are written: readers of JSON take the last, as that source does.
"""

import base64
import json
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from source_s3.render.nested import Elements, children, elements, members, raw, run_of_each
from source_s3.render.times import fixed_width, render_date, render_time, render_timestamp
from vector_ingest.errors import ConfigError, DataError

TEXT = pa.large_string()
EMPTY = pa.scalar("", TEXT)
HEX = np.array([f"{byte:02x}" for byte in range(256)], "S2")
INTERVAL = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])  # Arrow's layout
# JSON's own escapes, then the rest of the control characters: replaced only where a scan of the bytes finds one.
# The backslash is the first, since the others bring more of them.
ESCAPES = {0x5C: "\\\\", 0x22: '\\"', 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x08: "\\b", 0x0C: "\\f"}
ESCAPES |= {code: f"\\u{code:04x}" for code in range(0x20) if code not in ESCAPES}
MARKS = (0x5C, 0x22)


def to_json(array: pa.Array) -> pa.Array:
    """JSON texts (large_string), null where the value is null."""
    inner = inner_text(array)
    if inner is not None:
        return _quoted(inner)
    function = _function(array.type, FUNCTIONS)
    if function is None:
        raise ConfigError(
            f"a column has the Arrow type {array.type}, which has no JSON form here. Leave the column out of the "
            "stream, or write the file with another type"
        )
    return function(array)


def inner_text(array: pa.Array) -> pa.Array | None:
    """What stands between the quotation marks, for types whose JSON is a string; None for the others."""
    function = _function(array.type, INNER)
    return function(array) if function is not None else None


@lru_cache(1024)  # asking each test anew took a third of the time of small batches
def _function(kind: pa.DataType, known: "tuple[Render, ...]") -> "Function | None":
    return next((function for matches, function in known if matches(kind)), None)


def _quoted(inner: pa.Array) -> pa.Array:
    mark = pa.scalar('"', TEXT)
    return pc.binary_join_element_wise(mark, inner, mark, EMPTY)  # null in, null out


def _escaped(array: pa.Array) -> pa.Array:
    texts = array if array.type == TEXT else array.cast(TEXT)
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
    storage = array.storage
    digits = HEX[raw(storage, 1, "V16").view(np.uint8)].view("S32")
    parts = [digits.astype("S8"), *(_characters(digits, *place) for place in ((8, 12), (12, 16), (16, 20), (20, 32)))]
    return fixed_width([part for pair in zip(parts, [b"-"] * 4 + [b""], strict=True) for part in pair][:-1], array)


def _characters(texts: npt.NDArray[np.bytes_], begin: int, end: int) -> npt.NDArray[np.bytes_]:
    return np.ascontiguousarray(texts.view("S1").reshape(-1, texts.itemsize)[:, begin:end]).view(f"S{end - begin}")[
        :, 0
    ]


def _number(array: pa.Array) -> pa.Array:
    return array.cast(TEXT)


def _float(array: pa.Array) -> pa.Array:
    """All as 64 bits: who reads 3.14 for the 32 bits of 3.140000104904175 has another number."""
    wide = array.cast(pa.float64())
    texts = wide.cast(TEXT)
    values = raw(wide, 1, "f8")
    if not np.isfinite(values).all():  # Arrow writes "nan" and "inf"
        texts = pc.if_else(pc.is_finite(wide), texts, None)
    if (np.signbit(values) & (values == 0)).any():  # readers take -0 for an integer, which has no sign
        texts = pc.if_else(pc.equal(texts, "-0"), pa.scalar("-0.0", TEXT), texts)
    return texts


def _nothing(array: pa.Array) -> pa.Array:
    return pa.nulls(len(array), TEXT)


def _boolean(array: pa.Array) -> pa.Array:
    return array.storage.cast(pa.bool_()).cast(TEXT)


def _storage(array: pa.Array) -> pa.Array:
    return to_json(array.storage)


def _dictionary(array: pa.Array) -> pa.Array:
    if len(array.dictionary) > len(array) and pa.types.is_primitive(array.type.value_type):
        return to_json(array.dictionary_decode())
    return to_json(array.dictionary).take(array.indices)


def _runs(array: pa.Array) -> pa.Array:
    return to_json(array.values).take(pa.array(run_of_each(array)))


def _union(array: pa.Array) -> pa.Array:
    texts, where, count = [pa.array([], TEXT)], np.zeros(len(array), np.int64), 0
    for rows, child, places in members(array):
        where[rows] = count + np.arange(len(rows))
        texts.append(to_json(child).take(pa.array(places)))
        count += len(rows)
    return pa.concat_arrays(texts).take(pa.array(where))


def _interval(array: pa.Array) -> pa.Array:
    values = raw(array, 1, INTERVAL)
    texts = [pa.array(np.ascontiguousarray(values[name])).cast(TEXT) for name in INTERVAL.names or ()]
    comma = pa.scalar(",", TEXT)
    inner = pc.binary_join_element_wise(*texts, comma)
    whole = pc.binary_join_element_wise(pa.scalar("[", TEXT), inner, pa.scalar("]", TEXT), EMPTY)
    return pc.if_else(array.is_valid(), whole, None)


def _list(array: pa.Array) -> pa.Array:
    found = elements(array, array.values)
    return _wrapped(array, found, "[", _texts(found).fill_null("null"), "]")


def _map(array: pa.Array) -> pa.Array:
    keys, items = elements(array, array.keys), elements(array, array.items)
    names = _names(keys.values) if keys.places is None else _names(keys.values).take(pa.array(keys.places))
    pairs = pc.binary_join_element_wise(names, _texts(items).fill_null("null"), pa.scalar(":", TEXT))
    return _wrapped(array, keys, "{", pairs, "}")


def _texts(found: Elements) -> pa.Array:
    texts = to_json(found.values)
    return texts if found.places is None else texts.take(pa.array(found.places))


def _names(keys: pa.Array) -> pa.Array:
    """Any JSON text can be a name, so NaN and infinities keep theirs."""
    if pa.types.is_dictionary(keys.type):
        return _names(keys.dictionary_decode())
    names = inner_text(keys)
    if names is None:
        names = keys.cast(TEXT) if pa.types.is_floating(keys.type) else _escaped(to_json(keys).fill_null("null"))
    return _quoted(names)


def _wrapped(array: pa.Array, found: Elements, begin: str, texts: pa.Array, end: str) -> pa.Array:
    """One text for each list: its elements' `texts` between commas."""
    offsets = np.concatenate([[0], np.cumsum(found.sizes)]).astype(np.int64)
    joined = pc.binary_join(pa.LargeListArray.from_arrays(pa.array(offsets), texts), pa.scalar(",", TEXT))
    whole = pc.binary_join_element_wise(pa.scalar(begin, TEXT), joined, pa.scalar(end, TEXT), EMPTY)
    return pc.if_else(array.is_valid(), whole, None) if array.null_count else whole


def _struct(array: pa.Array) -> pa.Array:
    parts: list[pa.Array | pa.Scalar] = []
    literal = "{"
    refuse_equal_names([field.name for field in array.type.fields], "a struct")
    for field, values in zip(array.type.fields, children(array), strict=True):
        literal += f"{json.dumps(field.name, ensure_ascii=False)}:"
        parts += [pa.scalar(literal, TEXT), to_json(values)]
        literal = ","
    parts.append(pa.scalar("}" if parts else "{}", TEXT))
    if len(parts) == 1:
        parts.append(pa.array([""] * len(array), TEXT))
    texts = pc.binary_join_element_wise(*parts, EMPTY, null_handling="replace", null_replacement="null")
    return pc.if_else(array.is_valid(), texts, None) if array.null_count else texts


def refuse_equal_names(names: Sequence[str], where: str) -> None:
    """DataError: of two equal names in one JSON object only one value would be seen."""
    twice = next((name for name in names if names.count(name) > 1), None) if len({*names}) < len(names) else None
    if twice is not None:
        raise DataError(where, f"expected columns of different names, found `{twice}` more than once: rename one")


def bytes_of(texts: pa.Array) -> memoryview:
    """The part of the value buffer that belongs to these texts."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = texts.buffers()[2]
    return memoryview(data if data is not None else b"")[offsets[0] : offsets[-1]]


def _is_any(*tests: Callable[[pa.DataType], bool]) -> Callable[[pa.DataType], bool]:
    return lambda kind: any(test(kind) for test in tests)


Function = Callable[[pa.Array], pa.Array]
Render = tuple[Callable[[pa.DataType], bool], Function]
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
    (lambda kind: isinstance(kind, pa.Bool8Type), _boolean),
    (lambda kind: isinstance(kind, pa.BaseExtensionType), _storage),
    (_is_any(T.is_integer, T.is_boolean, T.is_duration), _number),
    (T.is_floating, _float),
    (T.is_null, _nothing),
    (T.is_dictionary, _dictionary),
    (_is_any(T.is_list, T.is_large_list, T.is_fixed_size_list, T.is_list_view, T.is_large_list_view), _list),
    (T.is_map, _map),
    (T.is_struct, _struct),
    (T.is_union, _union),
    (T.is_run_end_encoded, _runs),
    (lambda kind: kind == pa.month_day_nano_interval(), _interval),
)
