"""What a row has beside the usual columns: the same for all chunks of a document, so it is packed once for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from destination_pgvector.server.binary_fields import NULL, encode, field, int8
from destination_pgvector.tables.columns import OF_STREAM, TENANT, USUAL
from destination_pgvector.tables.vector_type import Kind
from destination_pgvector.typed_columns import TypedColumn
from vector_ingest.document import Document, Embedded, Refused, Stream
from vector_ingest.errors import DataError
from vector_ingest.record.storable import storable

WRITTEN = tuple(column.name for column in USUAL if column.name != "loaded_at")  # which is the server's
LARGEST_HALF = 65_504.0  # of a 16-bit float


@dataclass(frozen=True, slots=True)
class Shape:
    """`typed` have the types that the table has. `with_tenant`, `for_all`: it has the columns of these."""

    kind: Kind
    schema: str  # of the extension, quoted
    stream: Stream
    with_text: bool
    for_all: bool = False
    with_tenant: bool = False
    typed: Sequence[TypedColumn] = ()

    @property
    def type_of_vectors(self) -> str:
        return f"{self.schema}.{self.kind}"

    @property
    def columns(self) -> Sequence[str]:
        of_stream = [column.name for column in OF_STREAM] if self.for_all else ()
        of_tenant = (TENANT,) if self.with_tenant else ()
        return (*WRITTEN, *of_stream, *of_tenant, *(each.column for each in self.typed))

    @property
    def of_stream(self) -> bytes:
        """The fields that are the same in all rows: the generation, and the stream where the table is of all."""
        stream = self.stream
        generation = NULL if stream.generation is None else int8(8, stream.generation)
        return generation + (_text(stream.namespace) + _text(stream.name) if self.for_all else b"")

    def own(self, document: Document) -> bytes:
        """The fields that are the document's. DataError: a value is not of its column's type."""
        tenant = _text(document.tenant) if self.with_tenant else b""
        return tenant + b"".join(_encoded(document, each) for each in self.typed)

    def unfit(self, embedded: Embedded) -> str | None:
        """Why the vectors can't be stored, where they can't."""
        if self.kind == "vector":
            return None
        for vector in embedded.vectors:
            if vector is not None and len(vector) and (most := float(np.abs(vector).max())) > LARGEST_HALF:
                return (
                    f"a number of its vector is {most:g}, and `halfvec` holds {LARGEST_HALF:g} at most. Set "
                    "indexing.tables.vector_type to `vector`, or normalise the vectors"
                )
        return None


def sorted_out(shape: Shape, documents: Sequence[Embedded]) -> tuple[dict[str, bytes], list[Refused]]:
    """Of each document that can be stored its fields from `document_hash` on, and the others."""
    of_stream = shape.of_stream
    if shape.kind == "vector" and not shape.with_tenant and not shape.typed:  # a microsecond for each less
        return {each.document.id: field(each.document.hash) + of_stream for each in documents}, []
    tails: dict[str, bytes] = {}
    refused: list[Refused] = []
    for embedded in documents:
        document, reason = embedded.document, shape.unfit(embedded)
        try:
            tail = field(document.hash) + of_stream + shape.own(document)
        except DataError as error:
            reason = error.reason
        if reason is None:
            tails[document.id] = tail
        else:
            refused.append(Refused(document.id, reason))
    return tails, refused


def _text(text: str | None) -> bytes:
    return field(storable(text or "")[0].encode())


def _encoded(document: Document, column: TypedColumn) -> bytes:
    try:
        return encode(column.type, column.value_in(document.metadata))
    except ValueError as error:
        raise DataError(
            f"document `{document.id}`",
            f"the field `{column.field}` has a column of its own: {error}. Mend the record, or choose another type for "
            f"the column `{column.column}` in indexing.tables.metadata_columns",
        ) from error
