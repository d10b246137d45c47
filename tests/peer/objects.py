"""What the objects of a case hold: text as it is, the rest as a description from which the bytes are made.

The description, not the bytes, tells whether a recording is of these objects: a newer writer may write other bytes.
"""

import bz2
import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Parquet:
    """`columns`: Arrow type and values by name."""

    columns: Mapping[str, tuple[pa.DataType, Sequence[Any]]]
    compression: str = "snappy"

    def content(self) -> bytes:
        arrays = {name: pa.array(values, kind) for name, (kind, values) in self.columns.items()}
        buffer = io.BytesIO()
        pq.write_table(pa.table(arrays), buffer, compression=self.compression)
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Avro:
    """`fields` as in an Avro record schema."""

    fields: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]]
    codec: str = "null"

    def content(self) -> bytes:
        import fastavro

        schema = fastavro.parse_schema({"type": "record", "name": "row", "fields": list(self.fields)})
        buffer = io.BytesIO()
        fastavro.writer(buffer, schema, list(self.rows), codec=self.codec, sync_marker=bytes(16))
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Excel:
    """`sheets`: rows of cells by name; the first row is the header."""

    sheets: Mapping[str, Sequence[Sequence[Any]]]

    def content(self) -> bytes:
        import openpyxl

        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for name, rows in self.sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(list(row))
        buffer = io.BytesIO()
        book.save(buffer)
        return _timeless(buffer)


def _timeless(archive: io.BytesIO) -> bytes:
    """With the same bytes at each time of day: a case reads them as CSV."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Compressed:
    inner: "Content"
    codec: str  # gz or bz2

    def content(self) -> bytes:
        plain = content_of(self.inner)
        return gzip.compress(plain, mtime=0) if self.codec == "gz" else bz2.compress(plain)


@dataclass(frozen=True, slots=True)
class Zip:
    members: Mapping[str, "Content"]

    def content(self) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, inner in self.members.items():
                archive.writestr(zipfile.ZipInfo(name, (2023, 6, 5, 3, 54, 6)), content_of(inner), zipfile.ZIP_DEFLATED)
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Docx:
    """`paragraphs`: style and text."""

    paragraphs: Sequence[tuple[str, str]]

    def content(self) -> bytes:
        import docx

        document = docx.Document()
        for style, text in self.paragraphs:
            document.add_paragraph(text, style)
        buffer = io.BytesIO()
        document.save(buffer)
        return buffer.getvalue()


Content = str | bytes | Parquet | Avro | Excel | Compressed | Zip | Docx


@dataclass(frozen=True, slots=True)
class At:
    """An object that was last modified at `time`, `2023-06-05T03:54:07`, UTC."""

    time: str
    inner: Content = field(default="")


Object = Content | At


def content_of(made: Content) -> bytes:
    match made:
        case str():
            return made.encode()
        case bytes():
            return made
        case _:
            return made.content()
