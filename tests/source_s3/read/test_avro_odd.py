"""Avro rows that have no form here, and schemas that are none: each is told, and the rows beside it are read."""

import io
import json
from typing import Any

import pytest

from source_s3.read.avro_blocks import read_header
from source_s3.varint import encoded
from tests.source_s3.read.avro_files import batches, lines, record, written
from vector_ingest.errors import DataError


def chain(count: int) -> Any:
    """So many records in each other."""
    value: Any = None
    for number in range(count):
        value = {"n": number, "next": value}
    return value


def test_one_moment_without_a_date_is_refused_alone_and_the_other_rows_are_read() -> None:
    moment = {"type": "long", "logicalType": "timestamp-millis"}
    raw = written(record(("t", "long")), [{"t": 10**17 if number == 3 else number} for number in range(10)])
    header = read_header(io.BytesIO(raw))
    empty = written(record(("t", moment)), [], sync_marker=header.marker)
    found = batches(empty + raw[header.end :])
    assert [line["data"]["t"][-9:-6] for line in lines(found)] == [f"00{n}" for n in range(10) if n != 3]
    (bad,) = [row for batch in found for row in batch.refused]
    assert bad.where.endswith(", its row 4")
    assert "a year from 1 to 9999" in bad.reason


def test_a_value_nested_too_deep_is_refused_alone() -> None:
    node = record(("n", "long"), ("next", ["null", "Node"]), name="Node")
    found = batches(written(node, [chain(2), chain(400), chain(3)]))
    assert [line["data"]["n"] for line in lines(found)] == [1, 2]
    (bad,) = [row for batch in found for row in batch.refused]
    assert bad.where.endswith(", its row 2")
    assert "levels in each other" in bad.reason


def headed(schema: str) -> bytes:
    """The header of a file with this schema, whatever it is."""
    metadata = {b"avro.schema": schema.encode(), b"avro.codec": b"null"}
    pairs = b"".join(encoded(len(part) << 1) + part for pair in metadata.items() for part in pair)
    return b"Obj\x01" + encoded(len(metadata) << 1) + pairs + b"\0" + b"M" * 16


def test_a_schema_nested_too_deep_is_told() -> None:
    deep = '{"type": "array", "items": ' * 600 + '"int"' + "}" * 600
    with pytest.raises(DataError, match=r"^the file's header: expected a schema of some hundred levels"):
        batches(headed(f'{{"type": "record", "name": "Row", "fields": [{{"name": "c", "type": {deep}}}]}}'))


@pytest.mark.parametrize("meaning", [{"logicalType": ["date"]}, {"logicalType": {}}, {"logicalType": 5}])
def test_a_logical_type_that_is_no_name_is_passed_over(meaning: Any) -> None:
    block = bytes([1 << 1, 1 << 1, 7 << 1]) + b"M" * 16
    schema = json.dumps(record(("c", {"type": "int", **meaning})))
    assert [line["data"] for line in lines(batches(headed(schema) + block))] == [{"c": 7}]
