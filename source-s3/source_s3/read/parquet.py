"""Parquet: row group by row group, so that memory is bounded by a batch and its column chunks.

Of an object in S3 only the footer and the wanted columns' chunks are fetched, ahead of their decoding.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from source_s3.content.blocks import AHEAD, Block, BlockFile
from source_s3.content.object_file import ObjectFile
from source_s3.read import BadRow, Batch, Reading
from source_s3.read.decimals import number_types, with_numbers
from source_s3.read.options import ParquetFormat
from source_s3.read.parquet_blocks import block_size, blocks_of, is_large, leaves_of
from source_s3.render.json_text import refuse_equal_names
from source_s3.schema import Properties, properties_of
from vector_ingest.errors import DataError

ROWS = 16_384  # a batch; with wide rows fewer: see BATCH_BYTES
BATCH_BYTES = 16 * 1024 * 1024  # of column data, uncompressed
BUFFER = 1024 * 1024  # bytes of a large group's column read at once
TAIL = 64 * 1024  # bytes: where Arrow looks for the footer at first
SMALL = 1024 * 1024  # bytes: a file up to here is fetched by one request

Source = BinaryIO | BlockFile


def schema(file: BinaryIO, options: ParquetFormat) -> Properties:
    with _source(file) as source:
        columns = _columns(_footer(source))
    return properties_of(number_types(columns) if options.decimal_as_float else columns)


def read(file: BinaryIO, options: ParquetFormat, reading: Reading) -> Iterator[Batch]:
    """`reading.resume` is {"row_group", "row"}: the group to go on with, and the number of its first row.

    A row group that can't be decoded is one bad row, in place of those of its rows that were not read before.
    """
    first, row = (resume["row_group"], resume["row"]) if (resume := reading.resume) else (0, 0)
    with _source(file) as source:
        metadata = _footer(source)
        groups = _Groups(source, metadata, reading.columns, first)
        for group in range(first, metadata.num_row_groups):
            end = row + metadata.row_group(group).num_rows
            bad = None
            try:
                for rows in groups.rows(group):
                    if isinstance(source, BlockFile):
                        file.seek(source.tell())  # for those who ask how far the reading is
                    row += rows.num_rows
                    position = {"row_group": group + 1, "row": row} if row == end else None
                    yield Batch(_converted(rows, options), row - rows.num_rows, position, left_out=groups.left_out)
            except DataError as error:
                bad = BadRow(_place(metadata, group, end - row), error.reason)
            if bad is not None:
                yield Batch(_converted(groups.no_rows, options), row, {"row_group": group + 1, "row": row}, [bad])


class _Groups:
    """The wanted columns of a file's row groups."""

    def __init__(
        self, source: Source, metadata: pq.FileMetaData, columns: frozenset[str] | None, first_group: int
    ) -> None:
        self._source, self._metadata = source, metadata
        whole = _columns(metadata)
        wanted = [name for name in whole.names if columns is None or name in columns]
        refuse_equal_names(wanted, "the file")
        self._all = len(wanted) == len(whole)
        self._names = wanted
        self.left_out = [name for name in whole.names if name not in wanted]
        self._leaves = leaves_of(metadata, frozenset(wanted))
        self._next = first_group  # the first that is not asked for
        self.no_rows = pa.RecordBatch.from_pylist([], pa.schema([whole.field(name) for name in wanted]))

    def rows(self, group: int) -> Iterator[pa.RecordBatch]:
        """DataError: it can't be decoded."""
        metadata = self._metadata.row_group(group)
        if not metadata.num_rows:
            return
        large = is_large(metadata, self._leaves)
        buffer_size = min(BUFFER, block_size(len(self._leaves))) if large else 0
        columns = None if self._all else self._names
        self._fetch(group)
        try:
            with _translated(f"row group {group}"):
                parquet = _open(self._source, self._metadata, buffer_size)
                for rows in parquet.iter_batches(_batch_rows(metadata), row_groups=[group], columns=columns):
                    yield rows if rows.schema.names == self._names else rows.select(self._names)  # columns like `a.b`
        finally:
            self._forget(group)

    def _fetch(self, group: int) -> None:
        """This group, and those behind it as far as there is room."""
        if not isinstance(self._source, BlockFile):
            return
        while self._next < self._metadata.num_row_groups and (self._next <= group or self._source.unread < AHEAD):
            self._source.expect(blocks_of(self._metadata.row_group(self._next), self._leaves))
            self._next += 1

    def _forget(self, group: int) -> None:
        """What is left of a group that is broken, or of padding."""
        if isinstance(self._source, BlockFile):
            self._source.forget(blocks_of(self._metadata.row_group(group), self._leaves))


@contextmanager
def _source(file: BinaryIO) -> Iterator[Source]:
    """An object in S3 by the blocks that are wanted of it; any other file as it is."""
    raw = file.raw if isinstance(file, io.BufferedReader) else file
    if not isinstance(raw, ObjectFile):
        yield file
    elif raw.size <= SMALL:
        yield io.BytesIO(raw.readall())
    else:
        with BlockFile(raw.fetch, raw.size) as blocks:
            blocks.expect([Block(raw.size - TAIL, raw.size, TAIL)])
            yield blocks


def _footer(source: Source) -> pq.FileMetaData:
    with _translated("the file's footer"):
        return _open(source, None, 0).metadata


def _columns(metadata: pq.FileMetaData) -> pa.Schema:
    with _translated("the file's footer"):
        columns: pa.Schema = metadata.schema.to_arrow_schema()
        for number in range(metadata.num_columns):
            _ = metadata.schema.column(number).path  # all names are read, which need not be text
    return columns


def _open(source: Source, metadata: pq.FileMetaData | None, buffer_size: int) -> pq.ParquetFile:
    # Without pre-buffering: it would hold the compressed chunks of a whole row group.
    return pq.ParquetFile(
        source, metadata=metadata, pre_buffer=False, buffer_size=buffer_size, page_checksum_verification=True
    )


def _batch_rows(metadata: pq.RowGroupMetaData) -> int:
    return max(1024, min(ROWS, int(metadata.num_rows * BATCH_BYTES // max(1, metadata.total_byte_size))))


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """Arrow raises OSError for broken content too; what the file object itself raised is not Arrow's own class."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if error.__cause__ or not (
            isinstance(error, (pa.ArrowException, UnicodeDecodeError)) or type(error) is OSError
        ):
            raise
        raise DataError(where, f"expected Parquet, found content that can't be read as such: {error}") from error


def _place(metadata: pq.FileMetaData, group: int, rows: int) -> str:
    """The last `rows` of the group, by their numbers in the file, from 1."""
    end = sum(metadata.row_group(index).num_rows for index in range(group + 1))
    return f"row group {group} (rows {end - rows + 1:,} to {end:,})"


def _converted(rows: pa.RecordBatch, options: ParquetFormat) -> pa.RecordBatch:
    return with_numbers(rows) if options.decimal_as_float else rows
