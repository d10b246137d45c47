"""Any rows against any catalog: the judgement of whole columns is that of their values, one by one."""

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

from source_s3.config import Config
from source_s3.plan import StreamPlan, plans
from source_s3.read import Batch
from source_s3.records.shape import shape
from source_s3.render.lines import Template, render
from tests.source_s3.declared import ADDITIONAL
from vector_ingest.command.spec import parse_config

NAMES = st.sampled_from(["a", "b", "c"])
ATOMS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(-9, 9) | st.text(max_size=3)
VALUES = ATOMS | st.just([1]) | st.just({"x": "}"})
KINDS = st.lists(
    st.sampled_from(["boolean", "integer", "number", "string", "array", "object"]), unique=True, max_size=2
)


def fits(value: Any, kinds: list[str]) -> bool:
    """The rule, value by value."""
    if value is None or not kinds:
        return True
    order = ["boolean", "integer", "number", "string"]
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    name = names[type(value)]
    if name not in order:
        return name in kinds
    return any(kind in order and order.index(name) <= order.index(kind) for kind in kinds)


def plan(policy: str, columns: dict[str, list[str]]) -> StreamPlan:
    keys = {"auth_type": "anonymous"}
    stream = {"name": "s", "format": {"filetype": "jsonl"}, "validation_policy": policy}
    (found,) = plans(parse_config(Config, {"bucket": "b", "credentials": keys, "streams": [stream]}))
    return replace(found, columns={name: frozenset(kinds) for name, kinds in columns.items()})


@options(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(NAMES, VALUES), min_size=1, max_size=4), st.dictionaries(NAMES, KINDS, min_size=1))
def test_json_rows_are_judged_as_value_by_value(lines: list[dict[str, Any]], columns: dict[str, list[str]]) -> None:
    texts = [json.dumps(line, ensure_ascii=False) for line in lines]
    field = pa.field("json", pa.large_string(), metadata={"raw": "object"})
    batch = Batch(pa.RecordBatch.from_arrays([pa.array(texts, pa.large_string())], schema=pa.schema([field])), 0, None)

    def shaped(policy: str) -> list[dict[str, Any]]:
        made = shape(batch, plan(policy, columns), {})
        rendered = bytes(render(made.rows, 0, Template("s", None, 1, {})))
        return [json.loads(line)["record"]["data"] for line in rendered.splitlines()]

    def bad(line: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in line.items() if name not in columns or not fits(value, columns[name])}

    assert shaped("Skip Record") == [line for line in lines if not bad(line)]
    moved = [
        {name: None if name in bad(line) else value for name, value in line.items() if name in columns}
        | ({ADDITIONAL: bad(line)} if bad(line) else {})
        for line in lines
    ]
    assert shaped("Evolve") == moved


ARROW: dict[pa.DataType, tuple[str, st.SearchStrategy[Any]]] = {
    pa.bool_(): ("boolean", st.booleans()),
    pa.int32(): ("integer", st.integers(-9, 9)),
    pa.float64(): ("number", st.floats(-9, 9)),
    pa.large_string(): ("string", st.text(max_size=3)),
    pa.list_(pa.int64()): ("array", st.lists(st.integers(-9, 9), max_size=2)),
    pa.struct([("x", pa.string())]): ("object", st.fixed_dictionaries({"x": st.text(max_size=2)})),
    pa.null(): ("", st.none()),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.RecordBatch:
    count = draw(st.integers(1, 4))
    columns = {}
    for name in draw(st.lists(NAMES, min_size=1, unique=True)):
        kind = draw(st.sampled_from([*ARROW]))
        columns[name] = pa.array(draw(st.lists(st.none() | ARROW[kind][1], min_size=count, max_size=count)), kind)
    return pa.RecordBatch.from_pydict(columns)


@options(max_examples=200, deadline=None)
@given(tables(), st.dictionaries(NAMES, KINDS, min_size=1))
def test_columns_are_judged_as_value_by_value(rows: pa.RecordBatch, columns: dict[str, list[str]]) -> None:
    """But that a null in a column which the catalog lacks is not moved."""

    def shaped(policy: str) -> list[dict[str, Any]]:
        made = shape(Batch(rows, 0, None), plan(policy, columns), {})
        rendered = bytes(render(made.rows, 0, Template("s", None, 1, {})))
        return [json.loads(line)["record"]["data"] for line in rendered.splitlines()]

    lines, extra = rows.to_pylist(), set(rows.schema.names) - set(columns)
    bad = [
        {
            name: value
            for name, value in line.items()
            if value is not None and (name in extra or not fits(value, columns[name]))
        }
        for line in lines
    ]
    assert shaped("Skip Record") == [line for line, wrong in zip(lines, bad, strict=True) if not wrong and not extra]
    moved = [
        {name: None if name in wrong else value for name, value in line.items() if name not in extra}
        | ({ADDITIONAL: wrong or None} if extra or any(bad) else {})
        for line, wrong in zip(lines, bad, strict=True)
    ]
    assert shaped("Evolve") == moved
