"""What has no room among the filterable keys: it is kept, spread over chunks, or refused."""

import json
from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destination_s3vectors.emulator.records import metadata_bytes
from destination_s3vectors.service import limits
from destination_s3vectors.vectors.metadata import (
    Layout,
    of_document,
    restored,
    whole_metadata,
)
from tests.destination_s3vectors.any_record import (
    ACCOUNT_JSON,
    counted,
    filterable,
    is_same,
    metadata_of,
    records,
)
from vector_ingest.errors import DataError


def test_a_long_overflow_is_kept_with_the_first_chunk_only_and_the_others_say_so() -> None:
    record = {"a": 1, "body": "x" * 20_000, "in": {"b": 1}, "in.c": 2, "id": 2**60}
    first, later = metadata_of(record), metadata_of(record, number=1)
    assert restored(first).metadata == record
    assert not restored(first).pieces
    assert restored(later).metadata == {"a": 1, "in.c": 2}
    assert restored(later).pieces == 1
    assert len(json.dumps(later)) < 300
    assert filterable(later, Layout()) == filterable(first, Layout())


def test_a_short_overflow_is_repeated_in_each_chunk() -> None:
    record = {"in": {"b": [1, "x"]}, "none": None}
    assert restored(metadata_of(record, number=7)).metadata == record
    assert not restored(metadata_of(record, number=7)).pieces


@settings(max_examples=60)
@given(records, st.text('aé日🙂\\"\n', min_size=1, max_size=40), st.integers(20, 120), st.integers(0, 20_000))
def test_a_longer_overflow_is_spread_over_the_chunks_and_comes_back(
    record: dict[str, Any], piece: str, kilobytes: int, longest: int
) -> None:
    record = {**record, "body": piece * (kilobytes * 1000 // len(piece.encode()))}
    text = "x" * longest
    document = of_document(record, Layout(), chunks=40, longest=longest)
    vectors = [json.loads(document.of_chunk(text, ACCOUNT_JSON + " " * 1000, number)) for number in range(40)]
    assert all(metadata_bytes(vector) <= limits.METADATA_BYTES for vector in vectors)
    pieces = restored(vectors[-1]).pieces
    assert pieces == document.pieces > kilobytes // 41
    assert is_same(whole_metadata(vectors[:pieces]), record)
    for vector in vectors:
        assert "body" not in restored(vector).metadata or pieces == 1
        assert filterable(vector, Layout()) == filterable(vectors[0], Layout())


def test_an_overflow_that_no_number_of_chunks_holds_is_refused() -> None:
    record = {"body": "x" * 100_000}
    assert of_document(record, Layout(), chunks=3).of_chunk("", ACCOUNT_JSON, 0)
    with pytest.raises(DataError, match=r"`body` takes 100,0"):
        of_document(record, Layout(), chunks=2).of_chunk("", ACCOUNT_JSON, 0)


def test_long_fields_that_are_never_filtered_on_are_not_repeated_in_each_chunk() -> None:
    layout = Layout(("body", "note"))
    record = {"body": "x" * 20_000, "note": "short"}
    first, later = metadata_of(record, layout), metadata_of(record, layout, number=1)
    assert restored(first).metadata == record
    assert restored(later).metadata == {"note": "short"}


def test_text_and_metadata_up_to_the_limit_are_taken_and_more_is_refused_with_sizes_and_remedy() -> None:
    document = of_document({"title": "t", "body": "x" * 10_000}, Layout(), "document `a` of stream `s`")
    longest = bisect_left(range(40_000), True, key=lambda size: not fits(document, "y" * size)) - 1
    vector = json.loads(document.of_chunk("y" * longest, ACCOUNT_JSON, 0))
    assert counted(vector) == limits.METADATA_BYTES
    document.of_chunk("y" * 35_000, ACCOUNT_JSON, 1)
    with pytest.raises(DataError) as raised:
        document.of_chunk("y" * 35_000, ACCOUNT_JSON, 0)
    assert raised.value.where == "document `a` of stream `s`"
    for said in ("chunk 0", "40,960", "text takes 35,", "`body` takes 10,", "processing.chunk_size", "metadata_fields"):
        assert said in raised.value.reason


def fits(document: Any, text: str) -> bool:
    try:
        document.of_chunk(text, ACCOUNT_JSON, 0)
    except DataError:
        return False
    return True


def test_text_counts_its_utf_8_and_not_its_escapes() -> None:
    document = of_document({}, Layout())
    room = 40_960 - 4 - (8 + len("_text")) - (8 + len("_account") + len(ACCOUNT_JSON))
    for letter in ("a", "\x01", '"', "\n"):
        assert fits(document, letter * room)
        assert not fits(document, letter * (room + 1))
    assert fits(document, "日" * (room // 3))
    assert not fits(document, "日" * (room // 3 + 1))


def test_deep_nesting_comes_back_and_what_is_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(400):
        deep = {"a": deep}
    record = {"deep": deep}
    assert restored(metadata_of(record)).metadata == record
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(DataError, match="document `a`: its metadata is nested too deep"):
        of_document({"deep": deep}, Layout(), "document `a`")
