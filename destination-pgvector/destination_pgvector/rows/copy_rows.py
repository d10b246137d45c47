"""Rows as PostgreSQL's binary COPY format, packed by hand: a row of 1,536 floats takes 5 µs, psycopg's own 7.

A vector is two 16-bit integers (dimensions, 0) and its floats, of 32 bits or, as `halfvec`, of 16, all big-endian
(https://github.com/pgvector/pgvector/blob/master/src/vector.c, vector_send; halfvec.c, halfvec_send).
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from psycopg import Connection, sql

from destination_pgvector.server.binary_fields import NULL, field, int4, jsonb, length, texts
from destination_pgvector.tables.row_shape import Shape
from vector_ingest.document import Chunk, Embedded, Vector

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
PIECE = 256 * 1024  # bytes given to libpq at once: fewer calls, and no second copy of the batch
NOWHERE = NULL + NULL  # neither page nor headings

_vector = struct.Struct("!iHH").pack

# The stored vector of a kept chunk: (document id, chunk hash) -> the field's bytes as the server sent them.
Kept = Callable[[str, bytes], bytes]


def copy_rows(
    conn: Connection, table: str, documents: Sequence[Embedded], kept: Kept, shape: Shape, tails: Mapping[str, bytes]
) -> None:
    """`table` is a quoted name, `tails` by document. The rows are the caller's transaction's."""
    columns = shape.columns
    names = sql.SQL(", ").join(map(sql.Identifier, columns)).as_string()
    statement, count = f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)", struct.pack("!h", len(columns))
    with conn.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        pieces, size = [HEADER], 0
        for document in documents:
            for row in _rows(document, kept, shape, count, tails[document.document.id]):
                pieces.append(row)
                size += len(row)
                if size >= PIECE:
                    copy.write(b"".join(pieces))
                    pieces, size = [], 0
        pieces.append(TRAILER)
        copy.write(b"".join(pieces))


def _rows(embedded: Embedded, kept: Kept, shape: Shape, count: bytes, tail: bytes) -> Iterator[bytes]:
    document = embedded.document
    identity = document.id.encode()
    first = count + length(len(identity)) + identity
    shared = jsonb(document.metadata)
    vector_field = _vector_field if shape.kind == "vector" else _half_field
    for chunk, vector in zip(embedded.chunks, embedded.vectors, strict=True):
        chunk_id = b"%s#%d" % (identity, chunk.number)
        yield b"".join(
            (
                first, length(len(chunk_id)), chunk_id,
                jsonb({**document.metadata, **own}) if (own := chunk.metadata) else shared,
                field(chunk.stored.encode()) if shape.with_text else NULL,
                field(kept(document.id, chunk.hash)) if vector is None else vector_field(vector),
                int4(4, chunk.number),
                NOWHERE if chunk.page is None and not chunk.headings else _place(chunk),
                field(chunk.hash), tail,
            )
        )  # fmt: skip


def _place(chunk: Chunk) -> bytes:
    """A page that is none of the column's integers is in the metadata alone."""
    page = chunk.page
    return (NULL if page is None or not -(2**31) <= page < 2**31 else int4(4, page)) + texts(chunk.headings)


def _vector_field(vector: Vector) -> bytes:
    return _vector(4 + 4 * len(vector), len(vector), 0) + vector.astype(">f4").tobytes()


def _half_field(vector: Vector) -> bytes:
    return _vector(4 + 2 * len(vector), len(vector), 0) + vector.astype(np.dtype(">f2")).tobytes()
