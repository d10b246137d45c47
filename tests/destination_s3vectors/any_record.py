"""Records of any kind, and what the service counts of the metadata made of them."""

import json
import math
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from destination_s3vectors.vectors.metadata import (
    OURS,
    RESERVED,
    Layout,
    of_document,
)

ACCOUNT_JSON = '{"chunks": 3, "hash": "0011"}'
names = st.one_of(
    st.sampled_from(
        ["a", "b", "a.b", "a.b.c", "a__ts", "d", "d__ts", "a.d__ts", "", "$eq", "é" * 32, "n" * 63, "n" * 64]
    ),
    st.sampled_from([*sorted(RESERVED), "_ab_stream", "hidden"]),
    st.text(max_size=70),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(),
    st.text('aé日😀"\\\n\x00\x7f', max_size=40).map(lambda text: text * 40),
    st.dates().map(lambda date: date.isoformat()),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.just("\ud800"),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4) | st.lists(scalars, max_size=30)
    ),
    max_leaves=20,
)
wide = st.dictionaries(st.text("abcdefgh", min_size=2, max_size=4), scalars, min_size=40, max_size=70)
records = st.dictionaries(names, values, max_size=12) | wide
layouts = st.builds(
    Layout,
    st.sampled_from([(), ("hidden",), ("a.b", "n" * 63)]),
    st.lists(st.sampled_from(["a", "b", "d", "ab"])).map(tuple),
)


def counted(metadata: Mapping[str, Any]) -> int:
    """Bytes, as the service was measured to count them."""
    return 4 + sum(8 + len(name.encode()) + of_value(value) for name, value in metadata.items())


def of_value(value: Any) -> int:
    if isinstance(value, list):
        return sum(4 + of_value(item) for item in value)
    return len(value.encode()) if isinstance(value, str) else 0 if isinstance(value, bool) else 4


def written(metadata: Mapping[str, Any]) -> int:
    return len(json.dumps(metadata, ensure_ascii=False).encode())


def is_same(one: Any, other: Any) -> bool:
    """Equal in type too, and NaN like NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other) or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


def filterable(vector: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    return {name: value for name, value in vector.items() if name not in layout.reserved_keys}


def metadata_of(record: Mapping[str, Any], layout: Layout | None = None, text: str = "text", number: int = 0) -> Any:
    return json.loads(of_document(record, layout or Layout()).of_chunk(text, ACCOUNT_JSON, number))


def without_ours(record: Mapping[str, Any], layout: Layout | None = None) -> dict[str, Any]:
    return {name: value for name, value in metadata_of(record, layout).items() if name not in OURS}
