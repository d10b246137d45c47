"""Which bytes of a Parquet file a row group is read from: the chunks of the wanted columns, as blocks to fetch."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

import pyarrow.parquet as pq

from source_s3.content.blocks import AHEAD, Block

WHOLE = 16 * 1024 * 1024  # bytes: row groups up to here are fetched whole, larger ones in step with their reading
BLOCK = 4 * 1024 * 1024  # bytes of one request at most, and at least:
LEAST_BLOCK = 64 * 1024
GAP = 64 * 1024  # bytes: less costs less than another request
GAPS = 0.04  # the share of bytes that may be fetched for nothing


def leaves_of(metadata: pq.FileMetaData, columns: AbstractSet[str]) -> list[int]:
    """The leaf columns that belong to these top columns."""
    paths = [metadata.schema.column(index).path for index in range(metadata.num_columns)]
    # A name may hold a point, as paths do: a column too many can be left out later.
    return [
        index
        for index, path in enumerate(paths)
        if path in columns or any(path.startswith(f"{column}.") for column in columns)
    ]


def is_large(group: pq.RowGroupMetaData, leaves: Sequence[int]) -> bool:
    return bool(sum(group.column(leaf).total_compressed_size for leaf in leaves) > WHOLE)


def blocks_of(group: pq.RowGroupMetaData, leaves: Sequence[int]) -> list[Block]:
    """In the order of their use: a large group is read row by row, in all its columns at the same time."""
    chunks = sorted(_chunk(group.column(leaf)) for leaf in leaves)
    if not is_large(group, leaves):
        return _merged(piece for _, piece in _pieces(chunks, BLOCK))
    pieces = sorted(_pieces(chunks, block_size(len(leaves))), key=lambda piece: (piece[0], piece[1].first))
    return _merged(piece for _, piece in pieces)


def block_size(columns: int) -> int:
    """Of a large group: two blocks for each column, one being read and one ahead."""
    return max(LEAST_BLOCK, min(BLOCK, AHEAD // (2 * columns)))


def _chunk(column: pq.ColumnChunkMetaData) -> tuple[int, int]:
    first = column.data_page_offset
    if column.dictionary_page_offset:
        first = min(first, column.dictionary_page_offset)
    return first, first + column.total_compressed_size


def _pieces(chunks: Iterable[tuple[int, int]], size: int) -> list[tuple[float, Block]]:
    """Each with the share of its chunk that comes before it."""
    return [
        ((start - first) / (end - first), Block(start, min(start + size, end), min(size, end - start)))
        for first, end in chunks
        for start in range(first, end, size)
    ]


def _merged(pieces: Iterable[Block], size: int = BLOCK) -> list[Block]:
    """Neighbours in the file, and in the order of use, as one block."""
    merged: list[Block] = []
    wanted = gaps = 0
    for piece in pieces:
        wanted += piece.wanted
        last = merged[-1] if merged else None
        gap = piece.first - last.end if last is not None else -1
        fits = last is not None and piece.end - last.first <= size
        if last is not None and fits and 0 <= gap <= GAP and gaps + gap <= GAPS * wanted:
            gaps += gap
            merged[-1] = Block(last.first, piece.end, last.wanted + piece.wanted)
        else:
            merged.append(piece)
    return merged
