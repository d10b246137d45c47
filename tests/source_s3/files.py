"""Tables as the bytes of their files."""

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def parquet(table: pa.Table | Mapping[str, Any], **options: Any) -> bytes:
    """`table`: or its columns by name. `options`: those of Arrow's writer."""
    file = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(dict(table)), file, **options)
    return file.getvalue()


def jsonl(rows: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
