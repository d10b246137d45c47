"""Rows that can't be rendered are found among those that can."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_s3.isolate import Rendered, render_good
from source_s3.render import Template

TEMPLATE = Template("files", None, 1, {"url": '"u"'}, row_number="row")


def batch(texts: list[bytes]) -> pa.RecordBatch:
    """A column of text without a look at its bytes."""
    column = pa.array(texts, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(column), column.buffers())
    return pa.record_batch({"id": pa.array(range(len(texts))), "text": text})


def data(found: Rendered) -> list[dict[str, object]]:
    return [json.loads(line)["record"]["data"] for part in found.lines for line in bytes(part).splitlines()]


@given(st.lists(st.sampled_from([b"good", b"\xff", b"\xe9t\xe9"]), min_size=1, max_size=40), st.integers(0, 9))
def test_the_good_rows_leave_in_order_and_the_bad_ones_are_named(texts: list[bytes], delivered: int) -> None:
    found = render_good(batch(texts), 100, delivered, TEMPLATE)
    good = [number for number, text in enumerate(texts) if text == b"good"]
    assert [(row["id"], row["row"]) for row in data(found)] == [
        (number, delivered + place) for place, number in enumerate(good, start=1)
    ]
    assert found.rows == len(good)
    bad = [f"row {101 + number}" for number in range(len(texts)) if number not in good]
    assert [row.where for row in found.refused] == bad
    assert all("column `text`" in row.reason and "UTF-8" in row.reason for row in found.refused)


def test_a_good_batch_is_rendered_in_one_piece() -> None:
    found = render_good(batch([b"a"] * 1000), 0, 0, TEMPLATE)
    assert (len(found.lines), found.rows, found.refused) == (1, 1000, [])


@pytest.mark.parametrize("count", [0, 1])
def test_few_rows_or_none_are_rendered(count: int) -> None:
    assert render_good(batch([b"a"] * count), 0, 0, TEMPLATE).rows == count
