"""Rows against the configured catalog: what each validation policy makes of those that do not fit."""

import logging
from typing import Any

import pytest

from tests.conftest import Bucket
from tests.source_s3.commands import counts, last_states, statuses
from tests.source_s3.declared import ADDITIONAL, changes, read, rows, settings
from tests.source_s3.files import jsonl, parquet

COLUMNS = {"id": "integer", "name": "string"}
LINES = [
    {"id": 1, "name": "a"},
    {"id": "two", "name": "b"},
    {"id": None, "name": 3},
    {"id": 4, "name": {"x": 1}},
    {"id": 5, "new": [1]},
    {"id": 6.5},
    {},
]


def test_rows_are_emitted_as_they_are_by_default(bucket: Bucket) -> None:
    bucket.put("a", jsonl(LINES))
    assert rows(read(settings(bucket, "jsonl"), COLUMNS)) == LINES


def test_skipped_rows_are_counted_and_the_first_ones_named(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    bucket.put("a", jsonl(LINES))
    with caplog.at_level(logging.WARNING):
        ended = read(settings(bucket, "jsonl", validation_policy="Skip Record"), COLUMNS)
    assert ended.code == 0
    assert rows(ended) == [LINES[0], LINES[2], LINES[6]]
    assert 'row 2, column `id`: expected integer, found "two"' in caplog.text
    assert 'row 4, column `name`: expected string, found {"x": 1}' in caplog.text
    assert "row 5, expected the catalog's columns only, found the column `new`" in caplog.text
    assert "4 rows left out" in caplog.text


def test_waiting_ends_the_stream_at_the_first_row_and_goes_on_after_a_refresh(bucket: Bucket) -> None:
    bucket.put("a", jsonl(LINES[:1]))
    bucket.put("b", jsonl([{"id": 2}, {"id": 3, "new": 1}, {"id": 4}]))
    config = settings(bucket, "jsonl", validation_policy="Wait for Discover")
    ended = read(config, COLUMNS)
    assert ended.code == 1
    assert statuses(ended)[-1] == "INCOMPLETE"
    assert f"s3://{bucket.name}/b, row 2, expected the catalog's columns only, found the column `new`" in ended.errors
    assert "refresh" in ended.errors
    assert [row["id"] for row in rows(ended)] == [1, 2]
    assert list(counts(ended)) == [(2, 2.0)]
    after = read(config, {**COLUMNS, "new": "integer"}, last_states(ended))
    assert after.code == 0
    assert {row["id"] for row in rows(after)} >= {2, 3, 4}


def test_a_large_object_is_delivered_up_to_the_row_that_is_waited_for(bucket: Bucket) -> None:
    lines = [{"id": number, "name": "x" * 100} for number in range(100_000)]
    lines[90_000] = {"id": "x"}
    bucket.put("a", jsonl(lines))
    ended = read(settings(bucket, "jsonl", validation_policy="Wait for Discover"), COLUMNS)
    assert "row 90,001, column `id`" in ended.errors
    assert [row["id"] for row in rows(ended)] == list(range(90_000))


def test_the_rows_that_are_left_are_numbered_without_gaps(bucket: Bucket) -> None:
    lines: list[Any] = [{"id": number if number % 3 else "x", "name": "y" * 200} for number in range(60_000)]
    bucket.put("a", jsonl(lines))
    config = {**settings(bucket, "jsonl", validation_policy="Skip Record"), "sync_deletions": True}
    ended = read(config, COLUMNS)
    numbers = [record["data"]["_ab_source_file_row"] for record in ended.of("RECORD")]
    assert numbers == list(range(1, 40_001))


def test_rows_that_conform_no_longer_are_deleted(bucket: Bucket) -> None:
    bucket.put("a", jsonl([{"id": 1}, {"id": 2}, {"id": 3}]))
    config = {**settings(bucket, "jsonl", validation_policy="Skip Record"), "sync_deletions": True}
    first = read(config, COLUMNS)
    bucket.put("a", jsonl([{"id": 1}, {"id": "x"}, {"id": 3}, {"id": "y"}]))
    second = read(config, COLUMNS, last_states(first))
    found = [(r["data"]["_ab_source_file_row"], "_ab_cdc_deleted_at" in r["data"]) for r in second.of("RECORD")]
    assert found == [(1, False), (2, False), (3, True)]


def test_evolving_moves_what_does_not_fit_and_says_what_became_null(bucket: Bucket) -> None:
    bucket.put("a", jsonl(LINES))
    ended = read(settings(bucket, "jsonl", validation_policy="Evolve"), COLUMNS)
    assert rows(ended) == [
        LINES[0],
        {"id": None, "name": "b", ADDITIONAL: {"id": "two"}},
        LINES[2],
        {"id": 4, "name": None, ADDITIONAL: {"name": {"x": 1}}},
        {"id": 5, ADDITIONAL: {"new": [1]}},
        {"id": None, ADDITIONAL: {"id": 6.5}},
        {},
    ]
    assert changes(ended) == [[], ["id"], [], ["name"], [], ["id"], []]


def test_numbers_keep_all_their_digits_where_a_line_is_taken_apart(bucket: Bucket) -> None:
    big, small = "123456789012345678901234567890", "0.1234567890123456789012345678901"
    bucket.put("a", f'{{ "id" : {big} , "new":{big},"far": [{small}, "\\u00e9"]\t, "name":{small}}}\n')
    ended = read(settings(bucket, "jsonl", validation_policy="Evolve"), COLUMNS)
    (record,) = ended.of("RECORD")
    assert record["data"]["id"] == int(big)
    assert record["data"][ADDITIONAL] == {"new": int(big), "far": [float(small), "é"]}


@pytest.mark.parametrize("policy", ["Emit Record", "Skip Record", "Evolve"])
def test_columns_of_parquet_are_held_against_the_catalog(bucket: Bucket, policy: str) -> None:
    bucket.put("a", parquet({"id": [1, None], "name": [[1], None], "new": [1.5, None], "q": ['"', "b"]}))
    found = rows(read(settings(bucket, "parquet", validation_policy=policy), {**COLUMNS, "q": "string"}))
    wanted: dict[str, Any] = {
        "Emit Record": [{"id": 1, "name": [1], "q": '"'}, {"id": None, "name": None, "q": "b"}],
        "Skip Record": [],
        "Evolve": [
            {"id": 1, "name": None, "q": '"', ADDITIONAL: {"name": [1], "new": 1.5}},
            {"id": None, "name": None, "q": "b", ADDITIONAL: None},
        ],
    }
    assert found == wanted[policy]


def test_csv_values_that_cant_be_cast_are_told_once_a_file(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    bucket.put("a", "id,name\n1,a\nx,b\n,c\n")
    with caplog.at_level(logging.WARNING):
        ended = read(settings(bucket), COLUMNS)
    assert [row["id"] for row in rows(ended)] == [1, "x", ""]
    assert caplog.text.count("stay text") == 1
    assert 'a: 2 values stay text: 2 of them, the first: row 2, column `id`: expected integer, found "x"' in caplog.text


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("Skip Record", [{"id": 1, "name": "a"}]),
        ("Evolve", [{"id": 1, "name": "a", ADDITIONAL: None}, {"id": None, "name": "b", ADDITIONAL: {"id": "x"}}]),
    ],
)
def test_csv_values_that_cant_be_cast_do_not_conform(bucket: Bucket, policy: str, wanted: list[Any]) -> None:
    bucket.put("a", "id,name\n1,a\nx,b\n")
    ended = read(settings(bucket, validation_policy=policy), COLUMNS)
    assert rows(ended) == wanted
    assert changes(ended) == [[], ["id"]][: len(wanted)]


def test_infinities_in_text_are_null_with_an_entry_whatever_else_the_column_holds(bucket: Bucket) -> None:
    bucket.put("a", "n,m\n1,1\nnan,inf\nx,2\n")
    ended = read(settings(bucket), {"n": "number", "m": "number"})
    assert rows(ended) == [{"n": 1, "m": 1}, {"n": None, "m": None}, {"n": "x", "m": 2}]
    assert sorted(changes(ended)[1]) == ["m", "n"]
    assert changes(ended)[0] == changes(ended)[2] == []


@pytest.mark.parametrize("policy", ["Skip Record", "Wait for Discover", "Evolve"])
@pytest.mark.parametrize("columns", [None, {}, {"_ab_source_file_url": "string"}, {"data": "object"}])
def test_a_catalog_that_says_nothing_of_columns_judges_nothing(
    bucket: Bucket, policy: str, columns: dict[str, Any] | None
) -> None:
    bucket.put("a", '{"id":1}')
    if columns == {"data": "object"}:
        columns = {"data": ["object"]}
    ended = read(settings(bucket, "jsonl", validation_policy=policy), columns)
    assert (ended.code, rows(ended)) == (0, [{"id": 1}])


def test_no_policy_applies_to_a_stream_without_schema(bucket: Bucket) -> None:
    bucket.put("a", '{"id":1}')
    ended = read(settings(bucket, "jsonl", schemaless=True, validation_policy="Skip Record"), {"other": "string"})
    assert rows(ended) == [{"data": {"id": 1}}]


def test_a_gained_column_reads_no_file_again_but_another_policy_does(bucket: Bucket) -> None:
    bucket.put("a", '{"id":1}')
    first = read(settings(bucket, "jsonl"), {"id": "integer"})
    assert rows(read(settings(bucket, "jsonl"), {"id": "integer", "b": "string"}, last_states(first))) == []
    evolve = settings(bucket, "jsonl", validation_policy="Evolve")
    assert rows(read(evolve, {"id": "integer"}, last_states(first))) == [{"id": 1}]
