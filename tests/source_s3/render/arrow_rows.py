"""Tables of every Arrow type and nesting from a seed."""

import datetime as dt
import decimal
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

Make = Callable[[random.Random], Any]
ODD_TEXTS = ["", '"', "\\", 'say "no"\n', "\x00\x1f\x7f", "\u2028", "🦀é漢", "null", " ", "a,b:{}[]"]
FIRST, LAST = dt.datetime.fromisoformat("0001-01-03"), dt.datetime.fromisoformat("9999-12-29")
EPOCH = dt.datetime.fromisoformat("1970-01-01")
FINE = 2**63 // 10**9 - 10**6  # seconds around 1970 that 64 bits of nanoseconds hold
ZONES = (None, "UTC", "Europe/Berlin", "America/New_York", "+05:30", "Asia/Kathmandu", "-12:00")
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def text(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return chance.choice(ODD_TEXTS)
    return "".join(chr(chance.choice([chance.randrange(0x20), chance.randrange(0x20, 0xD800), 0x1F600])) for _ in "abc")


def integer(bits: int, signed: bool) -> Make:
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return lambda chance: chance.choice([least, most, 0, 1, chance.randint(least, most)])


def floating(kind: Any) -> Make:
    """Any bits at all, and the odd ones often."""
    width = np.dtype(kind).itemsize
    odd = [math.nan, math.inf, -math.inf, -0.0, 0.0, 0.1, 1e300, np.finfo(kind).smallest_subnormal, np.finfo(kind).max]

    def make(chance: random.Random) -> np.floating[Any]:
        value = np.frombuffer(chance.randbytes(width), kind)[0]
        with np.errstate(over="ignore"):
            return chance.choice([value, value, kind(chance.choice(odd)), kind(round(chance.uniform(-1e4, 1e4), 2))])

    return make


def fixed_point(digits: int, scale: int) -> Make:
    limit = 10**digits - 1
    return lambda chance: decimal.Decimal(
        f"{chance.choice([0, 1, -limit, limit, chance.randint(-limit, limit)])}e{-scale}"
    )


def moment(unit: str) -> Make:
    """Raw integers of timestamps, many of them whole seconds, some at changes of the clocks."""
    low, high = (-FINE, FINE) if unit == "ns" else [int((end - EPOCH).total_seconds()) for end in (FIRST, LAST)]

    def make(chance: random.Random) -> int:
        near = chance.choice([0, 1_711_846_800, 1_729_990_800, -2_422_054_408, -1_633_276_800])
        second = chance.choice([chance.randint(low, high), chance.randint(-(10**9), 4 * 10**9), near])
        return second * PER_SECOND[unit] + chance.choice([0, chance.randrange(PER_SECOND[unit])])

    return make


def of_day(unit: str) -> Make:
    return lambda chance: (
        chance.choice([0, chance.randrange(86_400)]) * PER_SECOND[unit]
        + chance.choice([0, chance.randrange(PER_SECOND[unit])])
    )


def day(chance: random.Random) -> dt.date:
    return chance.choice([dt.date.min, dt.date.max, dt.date.fromordinal(chance.randint(1, dt.date.max.toordinal()))])


def interval(chance: random.Random) -> pa.MonthDayNano:
    return pa.MonthDayNano([integer(bits, signed=True)(chance) for bits in (32, 32, 64)])


INTEGERS = [(getattr(pa, f"{'' if signed else 'u'}int{bits}")(), integer(bits, signed))
            for bits in (8, 16, 32, 64) for signed in (True, False)]  # fmt: skip
FLOATS = [
    (pa.float64(), floating(np.float64)),
    (pa.float32(), floating(np.float32)),
    (pa.float16(), floating(np.float16)),
]
DECIMALS = [(kind, fixed_point(kind.precision, kind.scale)) for kind in (
    pa.decimal32(9, 2), pa.decimal64(18, 9), pa.decimal128(38, 10), pa.decimal128(10, -3), pa.decimal128(38, 38),
    pa.decimal256(76, 20), pa.decimal256(60, -5), pa.decimal32(7, -2), pa.decimal64(18, 0))]  # fmt: skip
TEXTS: list[tuple[pa.DataType, Make]] = [(kind, text) for kind in (pa.string(), pa.large_string(), pa.string_view())]
BYTES: list[tuple[pa.DataType, Make]] = [
    *((kind, lambda chance: chance.randbytes(chance.randrange(5)))
      for kind in (pa.binary(), pa.large_binary(), pa.binary_view())),
    (pa.binary(3), lambda chance: chance.randbytes(3)),
]  # fmt: skip
TIMES: list[tuple[pa.DataType, Make]] = [
    (pa.date32(), day), (pa.date64(), day),
    (pa.time32("s"), of_day("s")), (pa.time32("ms"), of_day("ms")), (pa.time64("us"), of_day("us")),
    (pa.time64("ns"), of_day("ns")),
    *((pa.timestamp(unit, zone), moment(unit)) for unit in PER_SECOND for zone in ZONES),
    *((pa.duration(unit), integer(64, signed=True)) for unit in PER_SECOND),
    (pa.month_day_nano_interval(), interval),
]  # fmt: skip
BOOLEAN: tuple[pa.DataType, Make] = (pa.bool_(), lambda chance: chance.random() < 0.5)
PLAIN: list[tuple[pa.DataType, Make]] = [
    *INTEGERS, *FLOATS, *DECIMALS, *TEXTS, *BYTES, *TIMES, BOOLEAN, (pa.null(), lambda _: None)
]  # fmt: skip
EXTENSIONS: list[tuple[pa.DataType, Make]] = [
    (pa.uuid(), lambda chance: chance.randbytes(16)),
    (pa.json_(), text),
    (pa.bool8(), lambda chance: chance.choice([0, 1, 2, -1])),
    (pa.opaque(pa.int32(), "name", "vendor"), integer(32, signed=True)),
]
KEYS = [*INTEGERS, *TEXTS, *DECIMALS, BOOLEAN, TIMES[0]]


def array(chance: random.Random, rows: int, depth: int) -> pa.Array:
    """Of any type, often with nulls, and often a slice of a longer one."""
    before, after = chance.choice([0, 1, 2]), chance.choice([0, 1])
    return _array(chance, before + rows + after, depth).slice(before, rows)


def _array(chance: random.Random, rows: int, depth: int) -> pa.Array:
    if depth and chance.random() < 0.5:
        return chance.choice(NESTED)(chance, rows, depth - 1)
    if chance.random() < 0.1:
        kind, make = chance.choice(EXTENSIONS)
        return pa.ExtensionArray.from_storage(kind, _plain(chance, rows, kind.storage_type, make))
    return _plain(chance, rows, *chance.choice(PLAIN))


def _plain(chance: random.Random, rows: int, kind: pa.DataType, make: Make, nullable: bool = True) -> pa.Array:
    nulls = chance.choice([0, 0.3, 0.3, 1]) if nullable else 0
    values = [None if chance.random() < nulls else make(chance) for _ in range(rows)]
    if pa.types.is_time(kind):
        return pa.array(values, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)
    return pa.array(values, kind)


def _offsets(chance: random.Random, rows: int) -> list[int]:
    ends = [0]
    for _ in range(rows):
        ends.append(ends[-1] + chance.choice([0, 1, 1, 3]))
    return ends


def _mask(chance: random.Random, rows: int) -> pa.Array | None:
    """Nulls of nested values; what is under them stays there."""
    return pa.array([chance.random() < 0.3 for _ in range(rows)], pa.bool_()) if chance.random() < 0.5 else None


def _lists(chance: random.Random, rows: int, depth: int) -> pa.Array:
    ends = _offsets(chance, rows)
    make, width = chance.choice([(pa.ListArray, pa.int32()), (pa.LargeListArray, pa.int64())])
    return make.from_arrays(pa.array(ends, width), array(chance, ends[-1], depth), mask=_mask(chance, rows))


def _list_views(chance: random.Random, rows: int, depth: int) -> pa.Array:
    """Out of order and over each other."""
    make, width = chance.choice([(pa.ListViewArray, pa.int32()), (pa.LargeListViewArray, pa.int64())])
    starts = [chance.randrange(5) for _ in range(rows)]
    sizes = [chance.randrange(5 - start) for start in starts]
    mask = _mask(chance, rows)
    return make.from_arrays(pa.array(starts, width), pa.array(sizes, width), array(chance, 5, depth), mask=mask)


def _fixed_lists(chance: random.Random, rows: int, depth: int) -> pa.Array:
    size = chance.choice([1, 2, 3])
    return pa.FixedSizeListArray.from_arrays(array(chance, rows * size, depth), size, mask=_mask(chance, rows))


def _structs(chance: random.Random, rows: int, depth: int) -> pa.Array:
    names = chance.sample(["a", "A", 'q"b', "é", "", "a\nb"], chance.choice([1, 2, 3]))
    columns = [array(chance, rows, depth) for _ in names]
    return pa.StructArray.from_arrays(columns, names=names, mask=_mask(chance, rows))


def _empty_structs(chance: random.Random, rows: int, _: int) -> pa.Array:
    return pa.array([None if chance.random() < 0.3 else {} for _ in range(rows)], pa.struct([]))


def _maps(chance: random.Random, rows: int, depth: int) -> pa.Array:
    """A third of the keys twice in their map, now and then."""
    ends = _offsets(chance, rows)
    keys = _plain(chance, ends[-1], *chance.choice(KEYS), nullable=False)
    return pa.MapArray.from_arrays(pa.array(ends, pa.int32()), keys, array(chance, ends[-1], depth))


def _dictionaries(chance: random.Random, rows: int, depth: int) -> pa.Array:
    values = array(chance, chance.choice([1, 3, 30]), depth)
    width = chance.choice([pa.int8(), pa.uint16(), pa.int64()])
    return pa.DictionaryArray.from_arrays(_plain(chance, rows, width, lambda c: c.randrange(len(values))), values)


def _runs(chance: random.Random, rows: int, depth: int) -> pa.Array:
    ends = sorted({*(chance.randint(1, rows) for _ in range(rows // 2)), rows}) if rows else []
    return pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int32()), array(chance, len(ends), depth))


def _unions(chance: random.Random, rows: int, depth: int) -> pa.Array:
    count = chance.choice([1, 2, 3])
    codes = pa.array([chance.randrange(count) for _ in range(rows)], pa.int8())
    if chance.random() < 0.5:
        return pa.UnionArray.from_sparse(codes, [array(chance, rows, depth) for _ in range(count)])
    children = [array(chance, 3, depth) for _ in range(count)]
    places = sorted(chance.randrange(3) for _ in range(rows))
    return pa.UnionArray.from_dense(codes, pa.array(places, pa.int32()), children)


NESTED = (_lists, _list_views, _fixed_lists, _structs, _empty_structs, _maps, _dictionaries, _runs, _unions)


def table(seed: int) -> pa.RecordBatch:
    chance = random.Random(seed)
    rows = chance.choice([0, 1, 3, 5])
    names = chance.sample(["id", "ID", 'q"', "é", "", "a\\b", "\n"], chance.choice([1, 2, 4]))
    return pa.RecordBatch.from_arrays([array(chance, rows, depth=2) for _ in names], names=names)
