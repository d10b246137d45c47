"""Parquet: one case for each Arrow type, so that one difference hides no other; decimals, partitions, damage."""

import datetime as dt
import decimal
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tests.peer.case import Case, stream
from tests.peer.objects import Parquet

DAY, MOMENT = dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12, 34, 56, 789012)  # noqa: DTZ001
ZONED = MOMENT.replace(tzinfo=dt.UTC)
TYPES: Mapping[str, tuple[pa.DataType, list[Any]]] = {
    "bool": (pa.bool_(), [True, False, None]),
    "int8": (pa.int8(), [-1, None]),
    "int16": (pa.int16(), [1]),
    "int32": (pa.int32(), [2]),
    "int64": (pa.int64(), [9007199254740993, -(2**63)]),
    "uint8": (pa.uint8(), [2]),
    "uint16": (pa.uint16(), [3]),
    "uint32": (pa.uint32(), [4]),
    "uint64": (pa.uint64(), [2**64 - 1]),
    "float16": (pa.float16(), [1.5]),
    "float32": (pa.float32(), [3.140000104904175, 0.10000000149011612]),
    "float64": (pa.float64(), [5.0, 0.1, 1e300, None]),
    "float64_special": (pa.float64(), [float("nan"), float("inf"), 1.0]),
    "string": (pa.string(), ["2020-01-01", "é", None, ""]),
    "large_string": (pa.large_string(), ["x"]),
    "binary": (pa.binary(), [b"binary string. Hello world!"]),
    "binary_no_text": (pa.binary(), [b"\xff\xfe"]),
    "fixed_size_binary": (pa.binary(4), [b"four"]),
    "date32": (pa.date32(), [DAY, None]),
    "date64": (pa.date64(), [DAY]),
    "timestamp_s": (pa.timestamp("s"), [MOMENT.replace(microsecond=0)]),
    "timestamp_ms": (pa.timestamp("ms"), [MOMENT.replace(microsecond=789000)]),
    "timestamp_us": (pa.timestamp("us"), [MOMENT, None]),
    "timestamp_ns": (pa.timestamp("ns"), [1709210096789012000]),
    "timestamp_utc": (pa.timestamp("us", "UTC"), [ZONED]),
    "timestamp_new_york": (pa.timestamp("us", "America/New_York"), [ZONED]),
    "time32_s": (pa.time32("s"), [dt.time(1, 2, 3)]),
    "time32_ms": (pa.time32("ms"), [dt.time(2, 3, 4, 5000)]),
    "time64_us": (pa.time64("us"), [dt.time(1, 2, 3, 4)]),
    "duration": (pa.duration("s"), [12345]),
    "decimal": (pa.decimal128(5, 2), [decimal.Decimal("13.00"), None]),
    "decimal_long": (pa.decimal128(30, 10), [decimal.Decimal("12345678901234567890.0123456789")]),
    "decimal256": (pa.decimal256(50, 2), [decimal.Decimal("1.50")]),
    "struct": (pa.struct([("struct_key", pa.string()), ("none", pa.int64())]), [{"struct_key": "v", "none": None}]),
    "struct_of_times": (
        pa.struct([("d", pa.date32()), ("n", pa.decimal128(5, 2))]),
        [{"d": DAY, "n": decimal.Decimal("1.50")}],
    ),
    "list": (pa.list_(pa.int32()), [[1, 2, 3, 4], [], None, [None]]),
    "list_of_strings": (pa.list_(pa.string()), [["a"]]),
    "list_of_structs": (pa.list_(pa.struct([("x", pa.int64())])), [[{"x": 1}]]),
    "map": (pa.map_(pa.string(), pa.int64()), [[("k", 1), ("m", None)]]),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), ["a", "b", "a"]),
    "null": (pa.null(), [None]),
}


def one(name: str, kind: pa.DataType, values: list[Any], **more: Any) -> Case:
    columns = {"n": (pa.int64(), list(range(len(values)))), "v": (kind, values)}
    return Case(name, {"a.parquet": Parquet(columns)}, [stream("parquet", **more)])


PLAIN = Parquet({"col1": (pa.string(), ["val11", "val21"]), "col2": (pa.string(), ["val12", "val22"])})
MORE = Parquet({"col1": (pa.string(), ["x"]), "col3": (pa.int64(), [7])})
AS_FLOAT = {"decimal_as_float": True}
PARTITIONED = "in/year=2024/month=1%2F2/a.parquet"

CASES = [
    *[one(f"type_{name}", *made) for name, made in TYPES.items()],
    *[
        one(f"{name}_as_float", *TYPES[name], format=AS_FLOAT)
        for name in ("decimal", "decimal_long", "decimal256", "struct_of_times")
    ],
    Case("plain", {"a.parquet": PLAIN}, [stream("parquet")]),
    Case("two_files", {"a.parquet": PLAIN, "b.parquet": MORE}, [stream("parquet")]),
    Case(
        "column_types_differ",
        {"a.parquet": Parquet({"a": (pa.int64(), [1])}), "b.parquet": Parquet({"a": (pa.float64(), [1.5])})},
        [stream("parquet")],
    ),
    Case(
        "column_types_differ_much",
        {"a.parquet": Parquet({"a": (pa.int64(), [1])}), "b.parquet": Parquet({"a": (pa.string(), ["x"])})},
        [stream("parquet")],
    ),
    Case("partitioned", {"in/p1=1/p2=two/a.parquet": PLAIN, "in/p1=2/p2=x/b.parquet": PLAIN}, [stream("parquet")]),
    Case("partition_encoded", {PARTITIONED: PLAIN}, [stream("parquet")]),
    Case("partition_of_a_column", {"col1=z/a.parquet": PLAIN}, [stream("parquet")]),
    Case("partitioned_schemaless", {"p1=1/a.parquet": PLAIN}, [stream("parquet", schemaless=True)]),
    Case("no_rows", {"a.parquet": Parquet({"a": (pa.int64(), [])})}, [stream("parquet")]),
    Case("schemaless", {"a.parquet": PLAIN, "b.parquet": MORE}, [stream("parquet", schemaless=True)]),
    Case("input_schema", {"a.parquet": MORE}, [stream("parquet", input_schema='{"col1": "string", "col3": "string"}')]),
    Case("input_schema_fewer", {"a.parquet": PLAIN}, [stream("parquet", input_schema='{"col1": "string"}')]),
    Case("skip_full_check_off", {"a.parquet": "no parquet"}, [stream("parquet")]),
    Case("skip_full_check_on", {"a.parquet": "no parquet"}, [stream("parquet", skip_full_check_for_parquet=True)]),
    Case("truncated", {"a.parquet": PLAIN.content()[:-20]}, [stream("parquet")]),
    *[
        Case(f"codec_{codec}", {"a.parquet": Parquet(PLAIN.columns, codec)}, [stream("parquet")])
        for codec in ("none", "gzip", "zstd", "brotli", "lz4")
    ],
    Case("a_column_appears_after_discover", {"a.parquet": PLAIN}, [stream("parquet")], late={"b.parquet": MORE}),
    Case("csv_as_csv", {"a.csv": "a\n1\n"}, [stream("csv")]),
    Case("csv_as_parquet", {"a.csv": "a\n1\n"}, [stream("parquet")]),
]
