"""Avro: block by block, so that memory is bounded by a batch and the largest block."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa

from source_s3.read import BadRow, Batch, Reading, without_columns
from source_s3.read.avro_blocks import Block, Container, read_blocks, read_header, too_deep
from source_s3.read.avro_columns import Avro, bare, column, parsed, property_of
from source_s3.read.options import AvroFormat
from source_s3.schema import Properties
from vector_ingest.errors import DataError

ROWS = 16_384  # a batch, and
BYTES = 2 * 1024 * 1024  # of decompressed blocks, of which it has at least one
# What fastavro and Arrow raise over rows that are not of the schema, and this package over values without a JSON form.
DAMAGE = (ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, ArithmeticError, RecursionError)
UNFIT = (*DAMAGE, DataError)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one or more blocks. `end`: the byte behind them, None inside of a block."""

    rows: pa.RecordBatch | None
    end: int | None
    refused: Sequence[BadRow] = ()


def schema(file: BinaryIO, options: AvroFormat) -> Properties:
    avro = _avro(read_header(file).schema, options)
    return {field["name"]: property_of(field["type"], avro) for field in avro.fields}


def read(file: BinaryIO, options: AvroFormat, reading: Reading) -> Iterator[Batch]:
    """`reading.resume` is {"byte", "row"}: where the next block begins, and the number of its first row."""
    header = read_header(file)
    byte, row = (resume["byte"], resume["row"]) if (resume := reading.resume) else (header.end, 0)
    avro = _avro(header.schema, options)
    container = _container(header.schema)
    wanted = reading.columns
    left_out = [field["name"] for field in avro.fields if wanted is not None and field["name"] not in wanted]
    refused: list[BadRow] = []
    for group in _groups(read_blocks(file, header, byte)):
        blocks = [block for block in group if isinstance(block, Block)]
        refused += [block for block in group if isinstance(block, BadRow)]
        for part in _parts(blocks, container, avro, wanted):
            refused += part.refused
            if part.rows is not None:
                count = part.rows.num_rows
                position = {"byte": part.end, "row": row + count} if part.end is not None else None
                yield Batch(part.rows, row, position, tuple(refused), left_out)
                row += count
                refused.clear()
    if refused:
        yield Batch(without_columns(0), row, None, tuple(refused))


def _avro(schema: Any, options: AvroFormat) -> Avro:
    if not isinstance(schema, dict) or schema.get("type") != "record":
        found = schema.get("type") if isinstance(schema, dict) else type(schema).__name__
        raise DataError("the file's header", f"expected a schema of records, found {found}: write records")
    return parsed(schema, options.double_as_string)


def _container(schema: Any) -> Container:
    try:
        return Container(bare(schema))
    except RecursionError as error:
        raise too_deep() from error


def _groups(blocks: Iterator[Block | BadRow]) -> Iterator[list[Block | BadRow]]:
    """Blocks that make one batch, or a single large one."""
    group: list[Block | BadRow] = []
    rows = size = 0
    for block in blocks:
        if isinstance(block, Block):
            if group and (rows + block.rows > ROWS or size + len(block.data) > BYTES):
                yield group
                group, rows, size = [], 0, 0
            rows, size = rows + block.rows, size + len(block.data)
        group.append(block)
    if group:
        yield group


def _parts(
    blocks: Sequence[Block], container: Container, avro: Avro, columns: frozenset[str] | None
) -> Iterator[_Part]:
    """All blocks at once; where that fails, or for a large block, one by one."""
    if len(blocks) > 1:
        data, count = b"".join([block.data for block in blocks]), sum(block.rows for block in blocks)
        try:
            rows = _batch(list(container.rows(data, count)), avro, columns)
        except UNFIT:
            pass
        else:
            yield _Part(rows, blocks[-1].end)
            return
    for block in blocks:
        yield from _one(block, container, avro, columns)


def _one(block: Block, container: Container, avro: Avro, columns: frozenset[str] | None) -> Iterator[_Part]:
    records = container.rows(block.data, block.rows)
    where = f"the block at byte {block.begin}"
    for first in range(0, max(block.rows, 1), ROWS):
        is_last = first + ROWS >= block.rows
        try:
            rows = list(records if is_last else islice(records, ROWS))
        except DAMAGE as error:
            place = f"{where}, from its row {first + 1} of {block.rows}"
            yield _Part(None, block.end, [BadRow(place, _reason(error), block.data)])
            return
        *parts, last = _built(rows, avro, columns, f"{where}, its row", first + 1)
        yield from parts
        yield replace(last, end=block.end if is_last else None)


def _built(rows: Sequence[Any], avro: Avro, columns: frozenset[str] | None, where: str, first: int) -> Iterator[_Part]:
    """At least one part. A row whose values have no form here is found by halving, since columns are built whole."""
    try:
        yield _Part(_batch(rows, avro, columns), None)
    except UNFIT as error:
        if len(rows) == 1:
            yield _Part(None, None, [BadRow(f"{where} {first}", _reason(error))])
            return
        half = len(rows) // 2
        yield from _built(rows[:half], avro, columns, where, first)
        yield from _built(rows[half:], avro, columns, where, first + half)


def _reason(error: Exception) -> str:
    if isinstance(error, DataError):
        return str(error)
    if isinstance(error, RecursionError):
        return "expected values of some hundred levels in each other at most, found more"
    return f"expected rows of the file's schema: {error}"


def _batch(rows: Sequence[Any], avro: Avro, columns: frozenset[str] | None) -> pa.RecordBatch:
    fields = [field for field in avro.fields if columns is None or field["name"] in columns]
    if not fields:
        return without_columns(len(rows))
    names = [field["name"] for field in fields]
    arrays = [column(field["type"], [row[field["name"]] for row in rows], avro) for field in fields]
    return pa.RecordBatch.from_arrays(arrays, names=names)
