"""Avro files, and the lines made of them."""

import io
import json
from typing import Any

import fastavro

from source_s3.read import Batch, Reading, avro
from source_s3.read.options import AvroFormat
from source_s3.render.lines import Template, render


def record(*fields: tuple[str, Any], name: str = "Row") -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": each, "type": kind} for each, kind in fields]}


def written(schema: Any, rows: list[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, schema, rows, **options)
    return file.getvalue()


def batches(content: bytes, reading: Reading | None = None, **options: Any) -> list[Batch]:
    return list(avro.read(io.BytesIO(content), AvroFormat(**options), reading or Reading()))


def lines(found: list[Batch]) -> list[dict[str, Any]]:
    template = Template("s", None, 1, {})
    text = b"".join(bytes(render(batch.rows, batch.first_row, template)) for batch in found).decode()
    return [json.loads(line)["record"] for line in text.split("\n")[:-1]]
