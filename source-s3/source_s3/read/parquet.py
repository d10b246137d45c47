"""Parquet: row group by row group, so that memory is bounded by a batch and its column chunks."""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from source_s3.read import Batch, Reading
from source_s3.read.decimals import number_types, with_numbers
from source_s3.read.options import ParquetFormat
from source_s3.schema import Properties, properties_of
from vector_ingest.errors import DataError

ROWS = 65_536  # a batch; with wide rows fewer: see BATCH_BYTES
BATCH_BYTES = 16 * 1024 * 1024  # of column data, uncompressed


def schema(file: BinaryIO, options: ParquetFormat) -> Properties:
    columns = _open(file).schema_arrow
    return properties_of(number_types(columns) if options.decimal_as_float else columns)


def read(file: BinaryIO, options: ParquetFormat, reading: Reading) -> Iterator[Batch]:
    """`reading.resume` is {"row_group", "row"}: the group to go on with, and the number of its first row."""
    parquet = _open(file)
    first_group, row = (resume["row_group"], resume["row"]) if (resume := reading.resume) else (0, 0)
    for group in range(first_group, parquet.num_row_groups):
        for rows in _rows(parquet, group):
            last = row + rows.num_rows == _end(parquet, group)
            position = {"row_group": group + 1, "row": row + rows.num_rows} if last else None
            yield Batch(with_numbers(rows) if options.decimal_as_float else rows, row, position)
            row += rows.num_rows


def _open(file: BinaryIO) -> pq.ParquetFile:
    try:
        # Without pre-buffering: it would hold the compressed chunks of a whole row group.
        return pq.ParquetFile(file, pre_buffer=False, buffer_size=1024 * 1024)
    except (pa.ArrowInvalid, OSError) as error:
        raise _translated(error, "the file's footer") from error


def _rows(parquet: pq.ParquetFile, group: int) -> Iterator[pa.RecordBatch]:
    metadata = parquet.metadata.row_group(group)
    size = max(1024, min(ROWS, metadata.num_rows * BATCH_BYTES // max(1, metadata.total_byte_size)))
    batches = parquet.iter_batches(size, row_groups=[group])
    while True:
        try:
            rows = next(batches, None)
        except (pa.ArrowInvalid, OSError) as error:
            raise _translated(error, f"row group {group}") from error
        if rows is None:
            return
        yield rows


def _translated(error: Exception, where: str) -> Exception:
    """Arrow raises OSError for broken content too; what the file object itself raised is not Arrow's own class."""
    if type(error) in {pa.ArrowInvalid, OSError} and not error.__cause__:
        return DataError(where, f"expected Parquet, found content that can't be read as such: {error}")
    return error


def _end(parquet: pq.ParquetFile, group: int) -> int:
    return sum(parquet.metadata.row_group(index).num_rows for index in range(group + 1))
