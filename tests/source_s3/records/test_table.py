"""How far a table is read ahead of the one who takes its lines: it is bounded by what is held, not by what is read."""

import io
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from source_s3.config import Config
from source_s3.plan import plans
from source_s3.progress import Progress
from source_s3.records.pieces import Job
from source_s3.records.table import read_table
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.command.spec import parse_config

NOBODY: Any = None  # the client, which nothing asks for anything here
GROUPS, ROWS = 200, 16_384


def parquet(column: pa.Array) -> bytes:
    file = io.BytesIO()
    with pq.ParquetWriter(file, pa.schema([("a", column.type)]), compression="none") as writer:
        for _ in range(GROUPS):
            writer.write_table(pa.table({"a": column}), row_group_size=ROWS)
    return file.getvalue()


def narrow() -> bytes:
    return parquet(pa.array([True, False] * (ROWS // 2)))


def repeated() -> bytes:
    """Its lines are a hundred times as large as Arrow's columns."""
    return parquet(pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int8()), pa.array(["long text " * 100])))


def bad() -> bytes:
    return b"a,b\n" + (b"one value" + b" " * 990 + b"\n") * 200_000


@pytest.mark.parametrize(("filetype", "make"), [("parquet", narrow), ("parquet", repeated), ("csv", bad)])
def test_a_table_is_read_ahead_no_further_than_its_lines_have_room(filetype: str, make: Any) -> None:
    content = make()
    stream = {"name": "files", "globs": ["**"], "format": {"filetype": filetype}}
    (plan,) = plans(parse_config(Config, {"bucket": "b", "streams": [stream]}))
    job = Job(Bucket(NOBODY, "b"), plan, None, Progress("files"))
    item = S3Object("a", 1_000_000_000, datetime(2026, 1, 1, tzinfo=UTC), "e")
    file = io.BytesIO(content)
    with closing(read_table(file, job, item)) as pieces:
        next(pieces)
        before = -1
        while file.tell() != before:  # until nothing more is read ahead
            before = file.tell()
            time.sleep(0.2)
    assert before < len(content) / 2
