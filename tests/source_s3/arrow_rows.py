"""Batches of every Arrow type for hypothesis, and what Python makes of their values: slow and obvious."""

import base64
import datetime as dt
import decimal
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

TIMES = st.datetimes(*map(dt.datetime.fromisoformat, ("0001-01-03", "9999-12-29")))
FINE_TIMES = st.datetimes(*map(dt.datetime.fromisoformat, ("1678-01-01", "2262-01-01")))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def decimals(digits: int, scale: int) -> st.SearchStrategy[decimal.Decimal]:
    limit = 10**digits - 1
    return st.integers(-limit, limit).map(lambda number: decimal.Decimal(f"{number}e{-scale}"))


def narrow(values: st.SearchStrategy[float], kind: type[np.floating[Any]]) -> st.SearchStrategy[Any]:
    return values.map(kind)


SCALARS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    *((kind, st.integers(np.iinfo(kind.to_pandas_dtype()).min, np.iinfo(kind.to_pandas_dtype()).max))
      for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())),
    (pa.bool_(), st.booleans()),
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.float16(), narrow(st.floats(width=16), np.float16)),
    *((kind, TEXTS) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *((kind, st.binary(max_size=8)) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.decimal128(38, 10), decimals(38, 10)),
    (pa.decimal128(10, -3), decimals(10, -3)),
    (pa.decimal256(76, 20), decimals(76, 20)),
    (pa.date32(), st.dates()),
    (pa.date64(), st.dates()),
    (pa.time32("s"), st.times().map(lambda time: time.replace(microsecond=0))),
    (pa.time32("ms"), st.times().map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))),
    (pa.time64("us"), st.times()),
    (pa.time64("ns"), st.times()),
    *((pa.timestamp(unit, zone), FINE_TIMES if unit == "ns" else TIMES)
      for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "Europe/Berlin", "+05:30", "America/New_York")),
    *((pa.duration(unit), st.integers(-(2**63), 2**63 - 1)) for unit in ("s", "ms", "us", "ns")),
    (pa.null(), st.none()),
]  # fmt: skip


def nested(inner: tuple[pa.DataType, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    kind, values = inner
    optional = st.none() | values
    lists = st.lists(optional, max_size=3)
    return st.sampled_from(
        [
            *((make(kind), lists) for make in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view)),
            (pa.list_(kind, 2), st.lists(optional, min_size=2, max_size=2)),
            (pa.struct([("a", kind), ('q"b', pa.string())]), st.fixed_dictionaries({"a": optional, 'q"b': TEXTS})),
            (pa.map_(pa.string(), kind), st.dictionaries(TEXTS, optional, max_size=3).map(lambda d: list(d.items()))),
            (pa.map_(pa.int32(), kind), st.dictionaries(st.integers(-9, 9), optional).map(lambda d: list(d.items()))),
        ]
    )


COLUMNS = st.recursive(st.sampled_from(SCALARS), lambda inner: inner.flatmap(nested), max_leaves=3)


@st.composite
def arrays(draw: st.DrawFn, rows: int) -> pa.Array:
    """With nulls, and often a slice of a longer one."""
    kind, values = draw(COLUMNS)
    before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    count = before + rows + after
    optional = values if draw(st.booleans()) else st.none() | values
    array = pa.array(draw(st.lists(optional, min_size=count, max_size=count)), kind)
    if pa.types.is_string(kind) and draw(st.booleans()):
        array = array.dictionary_encode()
    return array.slice(before, rows)


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    rows = draw(st.integers(0, 4))
    columns = draw(st.lists(arrays(rows), min_size=1, max_size=4))
    names = draw(st.lists(TEXTS, min_size=len(columns), max_size=len(columns), unique=True))
    return pa.RecordBatch.from_arrays(columns, names=names)


def expected(value: pa.Scalar) -> Any:
    """The JSON value of one Arrow value."""
    kind = value.type
    if not value.is_valid or pa.types.is_null(kind):
        return None
    if pa.types.is_dictionary(kind):
        return expected(pa.scalar(value.as_py(), kind.value_type))
    if pa.types.is_map(kind):
        return {
            _name(key): expected(item) for key, item in zip(value.values.field(0), value.values.field(1), strict=True)
        }
    if pa.types.is_struct(kind):
        return {field.name: expected(item) for field, item in zip(kind.fields, value.values(), strict=True)}
    if pa.types.is_nested(kind):
        return [expected(item) for item in value.values]
    if pa.types.is_floating(kind):
        return float(value.as_py()) if math.isfinite(value.as_py()) else None
    return expected_text(value)


def _name(key: pa.Scalar) -> str:
    text: str = key.as_py() if pa.types.is_string(key.type) else json.dumps(expected(key))
    return text


def expected_text(value: pa.Scalar) -> Any:
    kind = value.type
    if pa.types.is_timestamp(kind):
        return expected_time(value)
    if pa.types.is_duration(kind):
        return value.value
    if pa.types.is_time(kind):
        time = (dt.datetime.fromisoformat("1970-01-01") + dt.timedelta(microseconds=value.value // 1000)).time()
        return (time if kind.unit == "ns" else value.as_py()).isoformat()
    if pa.types.is_date(kind):
        return value.as_py().isoformat()
    if pa.types.is_decimal(kind):
        return str(value.as_py())
    found = value.as_py()
    return base64.b64encode(found).decode() if isinstance(found, bytes) else found


def expected_time(value: pa.Scalar) -> str:
    """As isoformat; nanoseconds are whole microseconds here. Old offsets lose their seconds, the clock too."""
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[value.type.unit]
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=value.value * 10**6 // per_second)
    if value.type.tz is None:
        return moment.replace(tzinfo=None).isoformat()
    offset = moment.astimezone(pa.lib.string_to_tzinfo(value.type.tz)).utcoffset()
    assert offset is not None
    return moment.astimezone(dt.timezone(dt.timedelta(minutes=offset // dt.timedelta(minutes=1)))).isoformat()


def same(found: Any, wanted: Any, kind: pa.DataType) -> bool:
    """Floats of less than 64 bits have fewer digits in JSON: equal once they have the same width again."""
    if wanted is None or found is None:
        return found is wanted
    if pa.types.is_dictionary(kind):
        return same(found, wanted, kind.value_type)
    if pa.types.is_map(kind):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key], kind.item_type) for key in found)
    if pa.types.is_struct(kind):
        return found.keys() == wanted.keys() and all(same(found[f.name], wanted[f.name], f.type) for f in kind.fields)
    if pa.types.is_nested(kind):
        return len(found) == len(wanted) and all(
            same(a, b, kind.value_type) for a, b in zip(found, wanted, strict=True)
        )
    if pa.types.is_floating(kind):
        narrowed = kind.to_pandas_dtype()
        return bool(narrowed(found) == narrowed(wanted))
    if pa.types.is_timestamp(kind) and kind.tz and not "1970" < wanted[:4] < "2037":
        # Arrow knows no summer time after 2037: another offset, the same moment.
        return dt.datetime.fromisoformat(found) == dt.datetime.fromisoformat(wanted)
    return bool(found == wanted and type(found) is type(wanted))
