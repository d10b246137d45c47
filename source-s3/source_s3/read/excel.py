"""Excel: the first sheet of a workbook, read as Airbyte's source-s3 reads it: by calamine, its columns typed by pandas.

Both hold the whole sheet: about thirty times the size of an .xlsx file.
"""

import io
import json
from collections.abc import Iterator
from datetime import date, time, timedelta
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
from python_calamine import CalamineError

from source_s3.read import Batch, Reading, without_columns
from source_s3.read.options import ExcelFormat
from source_s3.render.json_text import TEXT
from source_s3.render.marks import RAW_VALUE
from source_s3.render.times import render_timestamp
from source_s3.schema import Properties, Property
from vector_ingest.errors import DataError

ROWS = 16_384  # a batch
LARGEST = 128 * 1024 * 1024  # bytes
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # the stream of a protected workbook
MICROSECONDS = 6  # digits of a second, always


def schema(file: BinaryIO, options: ExcelFormat) -> Properties:  # noqa: ARG001  every reader has the same signature
    sheet = _sheet(file)
    return {_name(label): _property(kind) for label, kind in sheet.dtypes.items()}


def read(file: BinaryIO, options: ExcelFormat, reading: Reading) -> Iterator[Batch]:  # noqa: ARG001
    """`reading.resume` is {"row"}: the number of the next one."""
    sheet = _sheet(file)
    names = [_name(name) for name in sheet.columns]
    wanted = [place for place, name in enumerate(names) if reading.columns is None or name in reading.columns]
    first = reading.resume["row"] if reading.resume else 0
    for row in range(first, len(sheet), ROWS):
        part = sheet.iloc[row : row + ROWS]
        found = [_column(part.iloc[:, place]) for place in wanted]
        fields = [
            pa.field(names[place], each.type, metadata=raw) for place, (each, raw) in zip(wanted, found, strict=True)
        ]
        rows = pa.RecordBatch.from_arrays([each for each, _ in found], schema=pa.schema(fields))
        yield Batch(rows if wanted else without_columns(len(part)), row, {"row": row + len(part)})


def _sheet(file: BinaryIO) -> pd.DataFrame:
    """DataError: no workbook, a protected or a broken one, or one that is too large."""
    size = file.seek(0, io.SEEK_END)
    if size > LARGEST:
        raise DataError("the file", f"expected a workbook of at most {LARGEST} bytes, found {size}: save it as CSV")
    file.seek(0)
    content = file.read()
    if ENCRYPTED in content:
        raise DataError("the file", "expected a workbook that can be read, found one with a password: save it without")
    try:
        return pd.ExcelFile(io.BytesIO(content), engine="calamine").parse()
    except (CalamineError, ValueError, OSError, KeyError, IndexError, ArithmeticError) as error:
        raise _broken(error) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # of Rust; it can't be imported
            raise _broken(error) from error
        raise


def _broken(error: BaseException) -> DataError:
    return DataError(
        "the file", f"expected a workbook of Excel or OpenDocument, found other or broken content: {error}"
    )


def _name(label: Any) -> str:
    return _moment(label) if isinstance(label, date) else str(label)


def _moment(value: date) -> str:
    return str(pd.Timestamp(value).isoformat(timespec="microseconds"))


def _property(kind: Any) -> Property:
    moment = {"format": "date-time", "airbyte_type": "timestamp_without_timezone"} if kind.kind == "M" else {}
    names = {"i": "number", "u": "number", "f": "number", "b": "boolean"}
    return {"type": ["null", names.get(kind.kind, "string")], **moment}


def _column(values: pd.Series) -> tuple[pa.Array, dict[bytes, bytes] | None]:
    """The column's values, and the metadata of those that are JSON texts. A NaN is an empty cell."""
    raw = values.to_numpy()
    match raw.dtype.kind:
        case "f":
            return pa.array(raw, mask=np.isnan(raw)), None
        case "M":
            unit = np.datetime_data(raw.dtype)[0]
            moments = pa.array(raw.view(np.int64), pa.timestamp(unit), mask=np.isnat(raw))
            return render_timestamp(moments, MICROSECONDS), None
        case "O" if all(isinstance(value, str) for value in raw):
            return pa.array(raw, TEXT), None
        case "O" | "m":
            return pa.array([_json(value) for value in values], TEXT), RAW_VALUE
        case _:
            return pa.array(raw), None


def _json(value: Any) -> str | None:
    """Of a cell in a column of mixed types, or with gaps."""
    if isinstance(value, timedelta):
        return None if pd.isna(value) else json.dumps(pd.Timedelta(value).isoformat())
    if isinstance(value, date):  # and so pandas' Timestamp
        return None if pd.isna(value) else json.dumps(_moment(value))
    if isinstance(value, time):
        return json.dumps(value.isoformat())
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return json.dumps(value, ensure_ascii=False)
