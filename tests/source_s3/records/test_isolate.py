"""Rows that can't be rendered are found among those that can."""

import json
from collections.abc import Iterable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_s3.records.isolate import Rendered, render_good
from source_s3.render.lines import Template

TEMPLATE = Template("files", None, 1, {"url": '"u"'}, row_number="row")


def batch(texts: list[bytes]) -> pa.RecordBatch:
    """A column of text without a look at its bytes."""
    column = pa.array(texts, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(column), column.buffers())
    return pa.record_batch({"id": pa.array(range(len(texts))), "text": text})


def data(found: Iterable[Rendered]) -> list[dict[str, object]]:
    return [json.loads(line)["record"]["data"] for part in found for line in bytes(part.lines).splitlines()]


@given(st.lists(st.sampled_from([b"good", b"\xff", b"\xe9t\xe9"]), min_size=1, max_size=40))
def test_the_good_rows_leave_in_order_and_the_bad_ones_are_named(texts: list[bytes]) -> None:
    found = list(render_good(batch(texts), 100, TEMPLATE))
    good = [number for number, text in enumerate(texts) if text == b"good"]
    assert [(row["id"], row["row"]) for row in data(found)] == [(number, 101 + number) for number in good]
    bad = [part.bad for part in found if part.bad is not None]
    assert [number for number, _ in bad] == [101 + number for number in range(len(texts)) if number not in good]
    for number, row in bad:
        assert row.where == f"row {number}"
        assert "column `text`" in row.reason
        assert "UTF-8" in row.reason


def test_a_good_batch_is_rendered_in_one_piece() -> None:
    (found,) = render_good(batch([b"a"] * 1000), 0, TEMPLATE)
    assert len(data([found])) == 1000


@pytest.mark.parametrize("count", [0, 1])
def test_few_rows_or_none_are_rendered(count: int) -> None:
    assert len(data(render_good(batch([b"a"] * count), 0, TEMPLATE))) == count


def test_rows_nested_too_deep_are_bad_rows() -> None:
    column = pa.array([1, 2])
    for _ in range(600):
        column = pa.StructArray.from_arrays([column], ["x"])
    found = [part.bad for part in render_good(pa.record_batch({"c": column}), 0, TEMPLATE)]
    assert [bad[0] for bad in found if bad is not None] == [1, 2]
    assert all("levels in each other" in bad[1].reason for bad in found if bad is not None)
