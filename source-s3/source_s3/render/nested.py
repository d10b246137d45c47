"""Where the values inside of nested Arrow arrays lie, whatever the layout, the slice and the nulls.

Arrow's own `flatten` and `take` lack some types (runs, views, extensions in lists), and `flatten` of a struct over a
union kills the process.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Places = npt.NDArray[np.signedinteger]


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of lists, one list after the other: `places` among `values`, None for all of these in their order.

    `sizes`: how many each list has; a null list has none.
    """

    values: pa.Array
    places: Places | None
    sizes: Places


def elements(array: pa.Array, values: pa.Array) -> Elements:
    """`values` is `array.values`, or the keys or items of a map."""
    starts, sizes = _bounds(array)
    if array.null_count:
        sizes = np.where(array.is_valid().to_numpy(zero_copy_only=False), sizes, 0)
    ends = np.cumsum(sizes)
    count = int(ends[-1]) if len(ends) else 0
    first = int(starts[0]) if len(starts) else 0
    if np.array_equal(starts - first, ends - sizes):
        return Elements(values.slice(first, count), None, sizes)
    return Elements(values, np.repeat(starts - ends + sizes, sizes) + np.arange(count), sizes)


def _bounds(array: pa.Array) -> tuple[Places, Places]:
    """Where each list begins among the values, and its length."""
    kind, count = array.type, len(array)
    if pa.types.is_fixed_size_list(kind):
        width = kind.list_size
        return np.arange(array.offset, array.offset + count) * width, np.full(count, width)
    width = np.int64 if pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind) else np.int32
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return _integers(array, 1, count, width), _integers(array, 2, count, width)
    offsets = _integers(array, 1, count + 1, width)
    return offsets[:-1], np.diff(offsets)


def _integers(array: pa.Array, number: int, count: int, width: type[np.signedinteger]) -> Places:
    if array.buffers()[number] is None:  # an empty array need not have any
        return np.zeros(count, np.int64)
    return raw(array, number, width, count).astype(np.int64)


def raw(array: pa.Array, number: int, width: npt.DTypeLike, count: int | None = None) -> npt.NDArray[Any]:
    """The values in one of an array's buffers; what stands in a null's place is whatever was there."""
    buffer, wanted = array.buffers()[number], len(array) if count is None else count
    if buffer is None or not wanted:
        return np.zeros(wanted, width)
    return np.frombuffer(buffer, width, wanted, array.offset * np.dtype(width).itemsize)


def children(array: pa.Array) -> Sequence[pa.Array]:
    """The columns of a struct, null where it is null. Types that have no nulls of their own keep what is under them."""
    if any(_lacks_nulls(field.type) for field in array.type.fields):
        return [array.field(number) for number in range(array.type.num_fields)]
    fields: Sequence[pa.Array] = array.flatten()
    return fields


def _lacks_nulls(kind: pa.DataType) -> bool:
    storage = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    return bool(pa.types.is_union(storage) or pa.types.is_run_end_encoded(storage))


def members(union: pa.Array) -> Iterator[tuple[Places, pa.Array, Places]]:
    """For each type of a union: the rows that have it, all its values, and the places of those rows' among them.

    From the buffers, since `type_codes` and `offsets` of a slice begin where the whole does.
    """
    dense = union.type.mode == "dense"
    codes = raw(union, 1, np.int8)
    places = raw(union, 2, np.int32) if dense else np.arange(len(union))
    for number, code in enumerate(union.type.type_codes):
        rows = np.flatnonzero(codes == code)
        yield rows, union.field(number), places[rows]


def run_of_each(array: pa.Array) -> Places:
    """The place of each row's run among the runs; a slice of the array has all runs of the whole."""
    ends = array.run_ends.to_numpy()
    return np.searchsorted(ends, np.arange(array.offset, array.offset + len(array)), "right")
